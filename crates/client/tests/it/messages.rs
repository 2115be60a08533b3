//! Messages and what becomes of them.

use client::{Condition, Content, Conversation, Event, NewMessage, SendState};
use house::Site;

use crate::support::{Device, text_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_and_its_author_learns_that_it_was_delivered_and_read() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let to_bob = Conversation::user("bob").unwrap();

    let message = NewMessage::text(to_bob.clone(), "hello").with_ext("colour", "blue");
    let sent = alice.client.send(message).await.unwrap();
    let received = bob.message().await;
    assert_eq!((received.id, text_of(&received)), (sent.id, "hello"));
    assert_eq!(received.conversation, Conversation::user("alice").unwrap());
    assert_eq!(received.content.ext["colour"], "blue");
    assert!(!received.is_own);

    let delivered = alice.until(|event| match event {
        Event::Delivered { id, conversation, by } => Some((id, conversation, by.to_string())),
        _ => None,
    });
    assert_eq!(delivered.await, (sent.id, to_bob.clone(), "bob".to_owned()));
    bob.client.read(&received).await.unwrap();
    let read = alice.until(|event| match event {
        Event::Read { id, by, .. } => Some((id, by.to_string())),
        _ => None,
    });
    assert_eq!(read.await, (sent.id, "bob".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_tells_how_far_it_is() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let to_bob = Conversation::user("bob").unwrap();
    let sent = alice.client.send(NewMessage::text(to_bob, "hello")).await.unwrap();
    let mut states = Vec::new();
    while states.len() < 3 {
        let state = alice.until(|event| match event {
            Event::SendState { client_id, state } if client_id == sent.client_id => Some(state),
            _ => None,
        });
        states.push(state.await);
    }
    assert_eq!(
        states,
        [SendState::Queued, SendState::OnTheWire, SendState::Acknowledged { id: sent.id, at: sent.at }]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_changed_and_then_taken_back() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let to_bob = Conversation::user("bob").unwrap();
    let sent = alice.client.send(NewMessage::text(to_bob.clone(), "hallo")).await.unwrap();
    bob.message().await;

    alice.client.edit(sent.id, to_bob.clone(), Content::text("hello")).await.unwrap();
    let edit = bob.until(|event| match event {
        Event::Edited(edit) => Some(edit),
        _ => None,
    });
    let edit = edit.await;
    assert_eq!((edit.id, edit.content.said, edit.count), (sent.id, client::Said::Text("hello".into()), 1));

    alice.client.recall(sent.id, to_bob).await.unwrap();
    let recalled = bob.until(|event| match event {
        Event::Recalled { id, by, .. } => Some((id, by.to_string())),
        _ => None,
    });
    assert_eq!(recalled.await, (sent.id, "alice".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_while_one_was_away_comes_in_order_and_once() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    // A user's first device gets all that waits.
    for number in 0..120 {
        let message = NewMessage::text(Conversation::user("bob").unwrap(), number.to_string());
        alice.client.send(message).await.unwrap();
    }
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let mut texts = Vec::new();
    let finished = bob.until(|event| match event {
        Event::Message(message) => {
            texts.push(text_of(&message).to_owned());
            None
        }
        Event::SyncFinished => Some(()),
        _ => None,
    });
    finished.await;
    assert_eq!(texts, (0..120).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_device_of_the_author_shows_what_was_said() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let mut tablet = Device::log_in(&site, "alice", "tablet").await;
    let to_bob = Conversation::user("bob").unwrap();
    alice.client.send(NewMessage::text(to_bob.clone(), "hello")).await.unwrap();
    let copy = tablet.message().await;
    assert!(copy.is_own);
    assert_eq!((copy.conversation, copy.from.as_str()), (to_bob, "alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_says_why_and_in_which_line_of_the_log() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let nobody = Conversation::user("nobody").unwrap();
    let error = alice.client.send(NewMessage::text(nobody, "hello")).await.unwrap_err();
    assert_eq!(error.condition(), Condition::UserNotFound);
    assert_eq!(error.code(), Some(204));
    assert!(error.trace_id().is_some() && !error.remedy().is_empty(), "{error:?}");
    let failed = alice.until(|event| match event {
        Event::SendState { state: SendState::Failed(error), .. } => Some(error),
        _ => None,
    });
    assert_eq!(failed.await, error);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_listen_can_send_and_misses_nothing() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let builder = client::Client::builder(Site::APP, &site.rest_url(), &site.socket_url());
    let (client, events) = builder.device("phone").event_capacity(1).build().unwrap();
    let mut bob = Device { client, events };
    bob.client.log_in("bob", "bob-demo").await.unwrap();
    let to = |name: &str| Conversation::user(name).unwrap();
    for number in 0..300 {
        alice.client.send(NewMessage::text(to("bob"), number.to_string())).await.unwrap();
    }
    bob.client.send(NewMessage::text(to("alice"), "busy")).await.unwrap();
    for number in 0..300 {
        assert_eq!(text_of(&bob.message().await), number.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_only_sends_may_drop_its_events() {
    let site = Site::start().await;
    let Device { client: alice, events } = Device::log_in(&site, "alice", "phone").await;
    drop(events);
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let to = |name: &str| Conversation::user(name).unwrap();
    for number in 0..100 {
        bob.client.send(NewMessage::text(to("alice"), number.to_string())).await.unwrap();
    }
    alice.send(NewMessage::text(to("bob"), "only sending")).await.unwrap();
    assert_eq!(text_of(&bob.message().await), "only sending");
}
