//! Threads of a group.

use client::{
    Condition, Conversation, Event, GroupId, MembershipChange, NewGroup, NewMessage, ThreadChange,
    ThreadEvent, username,
};
use house::Site;

use crate::support::{Device, text_of};

async fn told(device: &mut Device, wanted: ThreadChange) -> ThreadEvent {
    let event = device.until(|event| match event {
        Event::Thread(thread) if thread.change == wanted => Some(*thread),
        _ => None,
    });
    event.await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_begun_joined_written_in_and_ended() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let members = vec![username("bob").unwrap()];
    let new = NewGroup { members, ..NewGroup::named("Friends") };
    let group = alice.client.create_group(&new).await.unwrap();
    let in_group = Conversation::Group(group.clone());
    let said = alice.client.send(NewMessage::text(in_group, "what about sunday?")).await.unwrap();
    bob.message().await;

    let thread = alice.client.create_thread(&group, said.id, "Sunday").await.unwrap();
    let created = told(&mut bob, ThreadChange::Created).await;
    assert_eq!((&created.thread, &created.group, created.message), (&thread, &group, Some(said.id)));
    assert_eq!((created.name.as_str(), created.by), ("Sunday", Some(username("alice").unwrap())));
    let twice = alice.client.create_thread(&group, said.id, "Again").await.unwrap_err();
    assert_eq!(twice.condition(), Condition::ThreadAlreadyExists);

    let joined = bob.client.join_thread(&thread).await.unwrap();
    assert_eq!((joined.name.as_str(), joined.members), ("Sunday", Some(2)));
    let page = bob.client.thread_members(&thread, 50, None).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (2, None));
    let in_thread = Conversation::Group(thread.clone());
    bob.client.send(NewMessage::text(in_thread.clone(), "at noon")).await.unwrap();
    // The message and the news of the thread come by different ways.
    let (mut heard, mut messages) = (None, 0);
    let both = alice.until(|event| {
        match event {
            Event::Message(message) => heard = Some(message),
            Event::Thread(thread) => messages = thread.messages,
            _ => {}
        }
        (heard.is_some() && messages == 1).then_some(())
    });
    both.await;
    let heard = heard.unwrap();
    assert_eq!((text_of(&heard), &heard.conversation), ("at noon", &in_thread));

    alice.client.rename_thread(&thread, "Sunday, noon").await.unwrap();
    assert_eq!(told(&mut bob, ThreadChange::Renamed).await.name, "Sunday, noon");
    for joined in [
        bob.client.threads_of(&group, 10, None).await.unwrap(),
        bob.client.joined_threads(Some(&group), 10, None).await.unwrap(),
        bob.client.joined_threads(None, 10, None).await.unwrap(),
    ] {
        assert_eq!((joined.entries[0].id.clone(), joined.next), (thread.clone(), None));
    }
    assert_eq!(bob.client.joined_threads(None, 1, None).await.unwrap().entries.len(), 1);

    alice.client.remove_from_thread(&thread, &username("bob").unwrap()).await.unwrap();
    let removed = bob.until(|event| match event {
        Event::Group(event) if event.details.change == MembershipChange::Removed => Some(event.parent),
        _ => None,
    });
    assert_eq!(removed.await, Some(group.clone()));
    bob.client.join_thread(&thread).await.unwrap();
    bob.client.leave_thread(&thread).await.unwrap();
    alice.client.end_thread(&thread).await.unwrap();
    assert_eq!(told(&mut bob, ThreadChange::Ended).await.thread, thread);
    let gone = alice.client.thread(&thread).await.unwrap_err();
    assert_eq!(gone.condition(), Condition::ThreadNotFound);
    let nonsense = alice.client.thread(&GroupId::parse("1").unwrap()).await.unwrap_err();
    assert_eq!(nonsense.condition(), Condition::ThreadNotFound);
}
