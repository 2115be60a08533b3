//! What is written of what comes, and what of it is told to the app: over restarts, gaps and threads.

use super::*;
use crate::core::Entry;
use crate::storage::Page;
use crate::{ContactEvent, GroupId};

async fn kept(folder: &tempfile::TempDir) -> Kept {
    let keeper = Keeper {
        app_key: "org#app".parse().unwrap(),
        files_url: "http://localhost/org/app/chatfiles".into(),
        folder: Some(folder.path().to_owned()),
        slot: Slot::default(),
        table: ErrorTable::default(),
    };
    keeper.open(&Username::parse("anna").unwrap()).await.unwrap().unwrap()
}

fn message(id: u64) -> Event {
    let from = Username::parse("bert").unwrap();
    Event::Message(Box::new(Message {
        id: MessageId(id),
        conversation: Conversation::User(from.clone()),
        from,
        is_own: false,
        at: Timestamp(1),
        content: Content::text(id.to_string()),
        wants_receipts: false,
        marks: serde_json::Map::new(),
    }))
}

/// What is new of these, and is left untaken.
async fn keep_arrivals(kept: &Kept, arrivals: Vec<Arrival>) -> Vec<Fresh> {
    let (told, _) = mpsc::channel(1);
    keep(Some(kept.clone()), 1, arrivals, told, 0).await.1
}

async fn keep_all(kept: &Kept, events: Vec<Event>) -> Vec<Event> {
    let fresh = keep_arrivals(kept, events.into_iter().map(Arrival::from).collect()).await;
    fresh.into_iter().map(|fresh| fresh.event).collect()
}

#[tokio::test]
async fn what_the_app_took_is_not_told_to_a_later_process_and_what_it_did_not_take_is() {
    let folder = tempfile::tempdir().unwrap();
    let recalled = |id: u64| Arrival {
        event: Event::Recalled {
            id: MessageId(id),
            conversation: bert(),
            by: user("bert"),
            note: String::new(),
        },
        entry: Some(Entry { space: 1, id: 100 + id }),
    };
    let page = || {
        let messages = [message(1), message(2), message(3)].map(Arrival::from);
        [Event::Connected.into()]
            .into_iter()
            .chain(messages)
            .chain([recalled(1), recalled(2)])
            .collect::<Vec<_>>()
    };
    let first = kept(&folder).await;
    let told = keep_arrivals(&first, page()).await;
    assert_eq!(told.len(), 6);
    // It dies before the app asks for what comes after the second message, and for the last recall.
    for taken in [1, 2, 4] {
        let (storage, mark) = told[taken].mark.clone().unwrap();
        storage.apply(vec![Write::Taken(mark)]).await.unwrap();
    }
    drop((first, told));
    let second = kept(&folder).await;
    let told: Vec<Event> =
        keep_arrivals(&second, page()).await.into_iter().map(|fresh| fresh.event).collect();
    assert_eq!(told, [Event::Connected, message(3), recalled(2).event]);
    let conversation = Conversation::user("bert").unwrap();
    assert_eq!(second.storage.messages(conversation, Page::newest(10)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_device_that_was_there_for_long_and_lost_its_connection_missed_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let days_ago = |days: u64| Timestamp(crate::shell::actor::wall_time().0 - days * 24 * 60 * 60 * 1_000);
    let cut = || Event::Disconnected {
        error: Condition::ServerTimeout.into(),
        retry_in: std::time::Duration::ZERO,
    };
    // The last one was killed while nothing happened.
    for (id, heard_days_ago, last, has_gap) in
        [(2, 0, vec![cut()], false), (3, 8, vec![cut()], true), (4, 0, vec![], false), (5, 8, vec![], true)]
    {
        let connected = Write::Connected { at: days_ago(heard_days_ago + 8) };
        kept.storage.apply(vec![connected]).await.unwrap();
        keep_all(&kept, vec![message(1)]).await;
        // The device slept after it heard the server last.
        let heard = kept.clone().heard_at(Some(days_ago(heard_days_ago)));
        keep_all(&heard, last).await;
        keep_all(&kept, vec![Event::Connected, message(id)]).await;
        let records = kept.storage.messages(bert(), Page::newest(1)).await.unwrap();
        assert_eq!(records[0].follows_gap, has_gap, "heard {heard_days_ago} days ago");
    }
}

#[tokio::test]
async fn what_was_said_in_a_thread_while_this_user_was_out_of_it_is_a_gap() {
    use MembershipChange as Change;
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let place = Conversation::group("77").unwrap();
    let said = |id| match message(id) {
        Event::Message(message) => {
            Event::Message(Box::new(Message { conversation: place.clone(), ..*message }))
        }
        _ => unreachable!("it is a message"),
    };
    let in_thread = |change| match group_event(change, "cora", &["anna"]) {
        Event::Group(event) => {
            Event::Group(Box::new(GroupEvent { parent: GroupId::parse("5").ok(), ..*event }))
        }
        _ => unreachable!("it is about a group"),
    };
    keep_all(&kept, vec![said(1), said(2), in_thread(Change::Removed)]).await;
    keep_all(&kept, vec![in_thread(Change::Added), said(8), said(9)]).await;
    let records = kept.storage.messages(place, Page::newest(3)).await.unwrap();
    let gaps: Vec<_> = records.iter().map(|record| (record.id.unwrap().0, record.follows_gap)).collect();
    assert_eq!(gaps, [(9, false), (8, true), (2, false)]);
    assert!(kept.storage.groups().await.unwrap().is_empty(), "a thread is no group of the list");
}

#[tokio::test]
async fn what_is_only_for_those_who_are_there_leaves_no_number_behind() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let room = Conversation::Room(crate::RoomId::parse("7").unwrap());
    let said = match message(1) {
        Event::Message(message) => Event::Message(Box::new(Message { conversation: room, ..*message })),
        _ => unreachable!("it is a message"),
    };
    let arrivals = [said, Event::Presence(Vec::new()), group_event(MembershipChange::Muted, "bert", &[])];
    let entries = arrivals.into_iter().zip(1..);
    let arrivals = entries.map(|(event, id)| Arrival { event, entry: Some(Entry { space: 1, id }) });
    let marked = keep_arrivals(&kept, arrivals.collect()).await;
    assert_eq!(marked.iter().map(|fresh| fresh.mark.is_some()).collect::<Vec<_>>(), [false, false, true]);
}

fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

fn bert() -> Conversation {
    Conversation::User(user("bert"))
}

fn group_event(change: MembershipChange, by: &str, members: &[&str]) -> Event {
    Event::Group(Box::new(GroupEvent {
        group: GroupId::parse("77").unwrap(),
        parent: None,
        details: Membership {
            change,
            by: Some(user(by)),
            members: members.iter().map(|name| user(name)).collect(),
            name: "Friends".into(),
            reason: String::new(),
            member_count: None,
            ext: String::new(),
        },
    }))
}

#[tokio::test]
async fn contacts_and_groups_follow_what_the_server_tells() {
    use MembershipChange as Change;
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let contact = |change| Event::Contact(ContactEvent { change, user: user("bert"), reason: String::new() });
    keep_all(&kept, vec![contact(ContactChange::Invited)]).await;
    assert!(kept.storage.contacts().await.unwrap().is_empty());
    keep_all(&kept, vec![contact(ContactChange::Added), contact(ContactChange::Agreed)]).await;
    assert_eq!(kept.storage.contacts().await.unwrap().len(), 1);
    keep_all(&kept, vec![contact(ContactChange::Removed)]).await;
    assert!(kept.storage.contacts().await.unwrap().is_empty());

    // Whether anna is in the group after each of these.
    let steps = [
        (group_event(Change::Joined, "bert", &["bert"]), false),
        (group_event(Change::Added, "bert", &[]), true),
        (group_event(Change::Left, "bert", &["bert"]), true),
        (group_event(Change::Removed, "cora", &["bert"]), true),
        (group_event(Change::Removed, "cora", &["anna"]), false),
        (group_event(Change::Created, "anna", &[]), true),
        (group_event(Change::Destroyed, "anna", &[]), false),
    ];
    for (event, is_in) in steps {
        keep_all(&kept, vec![event.clone()]).await;
        let groups = kept.storage.groups().await.unwrap();
        assert_eq!(!groups.is_empty(), is_in, "{event:?}");
        assert!(groups.iter().all(|group| group.name == "Friends"));
    }
}

#[tokio::test]
async fn what_was_read_on_another_device_is_read_here_and_drafts_stay() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let draft = Write::Draft { conversation: bert(), text: "dear".into() };
    kept.storage.apply(vec![draft]).await.unwrap();
    keep_all(&kept, vec![message(1), message(2), message(3)]).await;
    let row = async || kept.storage.conversation(bert()).await.unwrap().unwrap();
    assert_eq!(row().await.unread, 3);
    let read = Event::Read {
        id: MessageId(2),
        conversation: bert(),
        by: user("anna"),
        readers: None,
        note: String::new(),
    };
    keep_all(&kept, vec![read]).await;
    assert_eq!(row().await.unread, 1);
    keep_all(&kept, vec![Event::ConversationRead { conversation: bert(), by: user("anna") }]).await;
    assert_eq!((row().await.unread, row().await.draft.as_str()), (0, "dear"));
    keep_all(&kept, vec![message(4)]).await;
    assert_eq!(row().await.unread, 1);
}

#[tokio::test]
async fn a_message_that_comes_in_parts_is_stored_whole_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let part = |number, text: &str, is_last| Event::Stream {
        id: MessageId(9),
        conversation: bert(),
        from: user("bert"),
        at: Timestamp(5),
        number,
        content: Box::new(Content::text(text)),
        is_whole: false,
        is_last,
    };
    let parts = vec![part(1, "so ", false), part(2, "it ", false)];
    assert_eq!(keep_all(&kept, parts.clone()).await, parts);
    assert_eq!(kept.storage.message(bert(), MessageId(9)).await.unwrap(), None);
    keep_all(&kept, vec![part(3, "goes", true)]).await;
    let record = kept.storage.message(bert(), MessageId(9)).await.unwrap().unwrap();
    assert_eq!((record.text.as_str(), record.at), ("so it goes", Timestamp(5)));
    assert_eq!(kept.storage.unread().await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_said_of_a_failure_is_what_the_outbox_holds() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let message = NewMessage::text(bert(), "hello");
    kept.enqueue(&message).await.unwrap();
    let to_the_room = NewMessage::text(bert(), "not for the outbox");
    let cases = [
        (message.client_id, Condition::RequestAborted, true),
        (to_the_room.client_id, Condition::RequestAborted, false),
        (message.client_id, Condition::UserNotFound, false),
    ];
    for (client_id, condition, stays) in cases {
        let state = SendState::Failed(condition.into());
        let told = keep_all(&kept, vec![Event::SendState { client_id, state }]).await;
        let [Event::SendState { state: SendState::Failed(error), .. }] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(error.stays_queued(), stays, "{condition}");
    }
}

#[tokio::test]
async fn a_message_comes_out_of_the_outbox_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder).await;
    let group = Conversation::group("77").unwrap();
    let message = NewMessage {
        wants_receipts: true,
        only_for: vec![Username::parse("cora").unwrap()],
        ..NewMessage::text(group, "hello").with_ext("k", serde_json::json!({ "deep": [1, null] }))
    };
    let number = message.client_id;
    kept.enqueue(&message).await.unwrap();
    assert_eq!(kept.outbox().await.unwrap(), [message]);
    kept.settle(number, &Err(Condition::GroupNotFound.into())).await;
    assert!(kept.outbox().await.unwrap().is_empty());
    let record = kept.storage.sent(number).await.unwrap().unwrap();
    assert_eq!(record.state, RecordState::Failed(Condition::GroupNotFound));
    assert_eq!(content_of(&record).unwrap().said, Said::Text("hello".into()));
}
