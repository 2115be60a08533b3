//! What an app finds in its database: after a crash, in a file of another version, on a full disk.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::{ErrorTable, GroupId};
use rusqlite::Connection;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
    options: StorageOptions,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path());
        Self { folder, options }
    }

    async fn open(&self) -> Storage {
        Storage::open(self.options.clone()).await.unwrap()
    }

    /// A closed database with something in it. Nothing of it is in SQLite's side files any more.
    fn made(&self) -> Connection {
        drop(Database::open(&self.options).unwrap());
        Connection::open(self.options.path()).unwrap()
    }
}

fn options(folder: &Path) -> StorageOptions {
    StorageOptions::new(folder, &"demo#kith".parse().unwrap(), &user("li"))
        .wait_when_locked(Duration::from_millis(20))
}

fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

fn han() -> Conversation {
    Conversation::user("han").unwrap()
}

fn received(id: u64, text: &str) -> Write {
    Write::Received(Box::new(NewRecord {
        conversation: han(),
        id: MessageId(id),
        from: user("han"),
        is_own: false,
        is_counted: true,
        at: model::Timestamp(1000 + id),
        text: text.to_owned(),
        payload: text.as_bytes().to_vec(),
        marks: String::new(),
    }))
}

fn outgoing(client_id: u128, text: &str) -> Outgoing {
    Outgoing {
        conversation: han(),
        client_id: ClientMessageId(client_id),
        from: user("li"),
        at: model::Timestamp(5000),
        text: text.to_owned(),
        payload: text.as_bytes().to_vec(),
    }
}

fn texts(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.text.as_str()).collect()
}

#[tokio::test]
async fn a_message_that_comes_twice_is_told_once() {
    let place = Place::new();
    let storage = place.open().await;
    let batch = vec![
        received(1, "first"),
        received(2, "second"),
        Write::Cursor(Cursor { queue: "han".to_owned(), position: b"512".to_vec() }),
    ];
    assert_eq!(storage.apply(batch.clone()).await.unwrap(), [Outcome::Done; 3]);
    // The app has not had them, so they are still to be told.
    let untold = [Outcome::Done, Outcome::Done, Outcome::Repeated];
    assert_eq!(storage.apply(batch.clone()).await.unwrap(), untold);
    let taken = |id| Write::Taken(Mark::Message { conversation: han(), id: MessageId(id) });
    assert_eq!(storage.apply(vec![taken(1), taken(2)]).await.unwrap(), [Outcome::Done; 2]);
    assert_eq!(storage.apply(batch).await.unwrap(), [Outcome::Repeated; 3]);
    drop(storage);
    let storage = place.open().await;
    assert_eq!(storage.apply(vec![received(2, "other")]).await.unwrap(), [Outcome::Repeated]);
    let page = storage.messages(han(), Page::newest(10)).await.unwrap();
    assert_eq!(texts(&page), ["second", "first"]);
    assert_eq!(storage.cursors().await.unwrap()[0].position, b"512");
    assert_eq!(texts(&storage.stored_after(1, 10).await.unwrap()), ["second"]);
    assert_eq!(texts(&storage.messages(han(), Page::older_than(&page[0], 10)).await.unwrap()), ["first"]);
}

#[tokio::test]
async fn what_became_of_a_message_before_its_answer_came_is_known_once_it_is_there() {
    let conversation = han;
    let about = |what: u64| {
        let id = MessageId(100 + what);
        match what {
            1 => Write::Read { conversation: conversation(), id },
            2 => Write::Recalled { conversation: conversation(), id },
            3 => {
                let (text, payload) = ("three!".to_owned(), b"three!".to_vec());
                Write::Edited { conversation: conversation(), id, text, payload }
            }
            4 => Write::Delivered { conversation: conversation(), id },
            5 => Write::Reactions {
                conversation: conversation(),
                id,
                reactions: r#"[{"count":1}]"#.to_owned(),
            },
            _ => unreachable!("there are five"),
        }
    };
    let place = Place::new();
    let storage = place.open().await;
    for (number, text) in [(1, "one"), (2, "two"), (3, "three"), (4, "four"), (5, "five")] {
        storage.enqueue(outgoing(number, text)).await.unwrap();
    }
    // The process died before it heard that the server had them.
    storage.apply((1..=5).map(about).collect()).await.unwrap();
    // All before the last one was read then.
    let all_read = Write::ReadByPeer { conversation: han(), notice: MessageId(105) };
    storage.apply(vec![about(1), all_read]).await.unwrap();
    drop(storage);
    let storage = place.open().await;
    let acknowledged = |number: u64| Write::Acknowledged {
        client_id: ClientMessageId(number.into()),
        id: MessageId(100 + number),
        at: model::Timestamp(6_000 + number),
    };
    storage.apply((1..=5).map(acknowledged).collect()).await.unwrap();
    let rows = storage.messages(han(), Page::newest(10)).await.unwrap();
    let seen: Vec<_> =
        rows.iter().rev().map(|row| (row.text.as_str(), row.state, row.marks.as_str())).collect();
    let expected = [
        ("one", RecordState::Read, ""),
        ("", RecordState::Recalled, ""),
        ("three!", RecordState::Read, ""),
        ("four", RecordState::Read, ""),
        ("five", RecordState::Acknowledged, r#"{"reaction":[{"count":1}]}"#),
    ];
    assert_eq!(seen, expected);
    // Nothing waits any more, so that nothing is kept for it either.
    let recalled = Write::Recalled { conversation: han(), id: MessageId(200) };
    assert_eq!(storage.apply(vec![recalled]).await.unwrap(), [Outcome::Repeated]);
}

#[tokio::test]
async fn a_message_that_came_back_to_its_author_and_was_taken_back_is_gone_once_it_is_answered() {
    let place = Place::new();
    let storage = place.open().await;
    storage.enqueue(outgoing(1, "secret")).await.unwrap();
    let recalled = Write::Recalled { conversation: han(), id: MessageId(9) };
    storage.apply(vec![received(9, "secret"), recalled]).await.unwrap();
    let (client_id, id, at) = (ClientMessageId(1), MessageId(9), model::Timestamp(9));
    storage.apply(vec![Write::Acknowledged { client_id, id, at }]).await.unwrap();
    let rows = storage.messages(han(), Page::newest(10)).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.text.as_str(), row.state, row.client_id)).collect();
    assert_eq!(seen, [("", RecordState::Recalled, Some(client_id))]);
}

#[tokio::test]
async fn what_else_came_is_known_by_its_number_while_it_may_come_again() {
    let place = Place::new();
    let storage = place.open().await;
    let arrived = |id| vec![Write::Arrived(Mark::Entry { space: 1, id })];
    assert_eq!(storage.apply(arrived(1)).await.unwrap(), [Outcome::Done]);
    let taken = |id| Write::Taken(Mark::Entry { space: 1, id });
    storage.apply((1..=8_192).map(taken).collect()).await.unwrap();
    assert_eq!(storage.apply(vec![taken(1)]).await.unwrap(), [Outcome::Repeated]);
    drop(storage);
    let storage = place.open().await;
    assert_eq!(storage.apply(arrived(1)).await.unwrap(), [Outcome::Repeated]);
    let other = Write::Arrived(Mark::Entry { space: 2, id: 1 });
    assert_eq!(
        storage.apply(vec![other]).await.unwrap(),
        [Outcome::Done],
        "another kind has its own numbers"
    );
    storage.apply(vec![taken(9_000)]).await.unwrap();
    assert_eq!(storage.apply(arrived(1)).await.unwrap(), [Outcome::Done]);
    assert_eq!(storage.apply(arrived(9)).await.unwrap(), [Outcome::Repeated]);
}

fn history(conversation: &Conversation, (low, high): (u64, u64), ids: &[u64]) -> Write {
    let record = |id: &u64| match received(*id, &id.to_string()) {
        Write::Received(record) => NewRecord { conversation: conversation.clone(), ..*record },
        _ => unreachable!("it is a message"),
    };
    let (low, high) = (MessageId(low), MessageId(high));
    Write::History {
        conversation: conversation.clone(),
        low,
        high,
        records: ids.iter().map(record).collect(),
    }
}

/// The ids of a conversation's messages, oldest first; in front of each of which something may be missing.
async fn gaps(storage: &Storage, conversation: &Conversation) -> (Vec<u64>, Vec<u64>) {
    let mut records = storage.messages(conversation.clone(), Page::newest(100)).await.unwrap();
    records.reverse();
    let id = |record: &Record| record.id.unwrap().0;
    let gaps = records.iter().filter(|record| record.follows_gap).map(id).collect();
    (records.iter().map(id).collect(), gaps)
}

#[tokio::test]
async fn what_the_history_has_not_brought_yet_is_a_gap() {
    let place = Place::new();
    let storage = place.open().await;
    storage.apply(vec![received(50, "live"), received(51, "live")]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await, (vec![50, 51], vec![50]));
    // A page from somewhere in the middle.
    storage.apply(vec![history(&han(), (10, 12), &[10, 11, 12])]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await, (vec![10, 11, 12, 50, 51], vec![10, 50]));
    assert_eq!(storage.unread().await.unwrap(), 2, "what is of the history is not new");
    // The newest page; what it shares with what is here joins them.
    storage.apply(vec![history(&han(), (30, u64::MAX >> 1), &[30, 50, 51])]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [10, 30]);
    storage.apply(vec![history(&han(), (12, 30), &[20])]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [10]);
    storage.apply(vec![history(&han(), (0, 10), &[1])]).await.unwrap();
    drop(storage);
    let storage = place.open().await;
    assert_eq!(gaps(&storage, &han()).await, (vec![1, 10, 11, 12, 20, 30, 50, 51], vec![]));
    // One of them that waited on the server all the while is new to the app, once.
    assert_eq!(storage.apply(vec![received(20, "20")]).await.unwrap(), [Outcome::Done]);
    assert_eq!(storage.unread().await.unwrap(), 3);
}

#[tokio::test]
async fn after_a_long_absence_something_may_be_missing() {
    let storage = Place::new().open().await;
    let connected = |day: u64| Write::Connected { at: model::Timestamp(day * 24 * 60 * 60 * 1_000) };
    storage.apply(vec![connected(100), received(50, "a"), connected(106), received(51, "b")]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [50]);
    // The device's clock went back, which is no absence.
    storage.apply(vec![connected(3), connected(4), received(52, "c")]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [50]);
    storage.apply(vec![connected(12), received(60, "d"), received(61, "e")]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [50, 60]);
    // It was there all the time and only lost the connection.
    let present = |day: u64| Write::Present { at: model::Timestamp(day * 24 * 60 * 60 * 1_000) };
    storage.apply(vec![present(20), connected(20), received(62, "f")]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [50, 60]);
}

#[tokio::test]
async fn what_was_said_in_a_group_while_this_user_was_out_of_it_is_a_gap() {
    let storage = Place::new().open().await;
    let group = GroupId::parse("7").unwrap();
    let place = Conversation::Group(group.clone());
    let said = |id| match received(id, "hi") {
        Write::Received(record) => {
            Write::Received(Box::new(NewRecord { conversation: place.clone(), ..*record }))
        }
        _ => unreachable!("it is a message"),
    };
    let joined = Write::AddGroup { id: group.clone(), name: "Friends".into() };
    let left = |since| Write::DropGroup { id: group.clone(), since };
    let entered = joined.clone();
    storage
        .apply(vec![joined.clone(), said(1), said(2), left(ENDLESS), joined, said(8), said(9)])
        .await
        .unwrap();
    assert_eq!(gaps(&storage, &place).await.1, [1, 8]);
    let heard = || Write::Heard { conversation: place.clone() };
    let unheard = Write::Unheard { conversation: place.clone(), since: ENDLESS };
    storage.apply(vec![unheard, said(20), heard(), said(30)]).await.unwrap();
    assert_eq!(gaps(&storage, &place).await.1, [1, 8, 20, 30]);
    // He was out from 32 to 34, which is told after what was said since.
    storage.apply(vec![said(31), said(35), said(36), left(MessageId(32)), entered, said(37)]).await.unwrap();
    assert_eq!(gaps(&storage, &place).await.1, [1, 8, 20, 30, 35]);
    storage.apply(vec![history(&place, (0, u64::MAX >> 1), &[1, 2, 5, 8, 9, 20, 25, 30, 33])]).await.unwrap();
    assert_eq!(gaps(&storage, &place).await.1, [0_u64; 0]);
}

#[tokio::test]
async fn unread_is_what_others_said_since_one_looked() {
    let storage = Place::new().open().await;
    let own = |id| match received(id, "mine") {
        Write::Received(mut record) => {
            record.is_own = true;
            Write::Received(record)
        }
        _ => unreachable!("it is a message"),
    };
    storage.apply(vec![received(1, "a"), received(2, "b"), own(3), received(4, "c")]).await.unwrap();
    assert_eq!(storage.unread().await.unwrap(), 3);
    let read = |up_to| Write::MarkRead { conversation: han(), up_to: MessageId(up_to) };
    assert_eq!(storage.apply(vec![read(2), read(1)]).await.unwrap(), [Outcome::Done, Outcome::Repeated]);
    assert_eq!(storage.conversation(han()).await.unwrap().unwrap().unread, 1);
    storage.apply(vec![Write::Recalled { conversation: han(), id: MessageId(4) }]).await.unwrap();
    assert_eq!(storage.unread().await.unwrap(), 0, "what was taken back cannot be read");
    let recalled = storage.message(han(), MessageId(4)).await.unwrap().unwrap();
    assert_eq!((recalled.state, &*recalled.text, &*recalled.payload), (RecordState::Recalled, "", &b""[..]));
}

#[tokio::test]
async fn the_list_has_pinned_conversations_first_with_drafts_and_last_messages() {
    let storage = Place::new().open().await;
    let group = Conversation::group("42").unwrap();
    let room = Conversation::room("42").unwrap();
    storage
        .apply(vec![
            received(9, "newest"),
            Write::Draft { conversation: group.clone(), text: "I wanted".to_owned() },
            Write::Pin { conversation: room.clone(), at: Some(model::Timestamp(7)) },
        ])
        .await
        .unwrap();
    let list = storage.conversations().await.unwrap();
    let order: Vec<_> = list.iter().map(|row| row.conversation.clone()).collect();
    assert_eq!(order, [room, han(), group.clone()], "a group and a room of one id are two");
    assert_eq!(list[1].last.as_ref().unwrap().text, "newest");
    assert_eq!(list[2].draft, "I wanted");
    storage.apply(vec![Write::DropConversation { conversation: han() }]).await.unwrap();
    assert_eq!(storage.message(han(), MessageId(9)).await.unwrap(), None);
    assert_eq!(storage.search("newest", None, 10).await.unwrap(), Vec::new());
    let long = "x".repeat((64 << 10) + 1);
    let refused = storage.apply(vec![Write::Draft { conversation: group, text: long }]).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::ArgumentInvalid);
}

#[tokio::test]
async fn a_message_waits_in_the_outbox_until_the_server_has_it() {
    let place = Place::new();
    let storage = place.open().await;
    for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
        storage.enqueue(outgoing(id, text)).await.unwrap();
    }
    storage.apply(vec![Write::OnTheWire { client_id: ClientMessageId(1) }]).await.unwrap();
    drop(storage);
    // Another process: what was on the wire may or may not have arrived, so it is sent again under the same id.
    let storage = place.open().await;
    let waiting = storage.outbox().await.unwrap();
    assert_eq!(waiting.iter().map(|queued| queued.tries).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(waiting[0].record.state, RecordState::OnTheWire);
    let acknowledged =
        Write::Acknowledged { client_id: ClientMessageId(1), id: MessageId(70), at: model::Timestamp(6000) };
    // The own queue may tell of it before the answer does.
    storage.apply(vec![received(70, "one")]).await.unwrap();
    assert_eq!(
        storage.apply(vec![acknowledged.clone(), acknowledged]).await.unwrap(),
        [Outcome::Done, Outcome::Repeated]
    );
    let failed = Write::Failed { client_id: ClientMessageId(2), condition: Condition::NotFriends };
    storage.apply(vec![failed]).await.unwrap();
    assert_eq!(storage.outbox().await.unwrap().len(), 1);
    let of = async |id| storage.sent(ClientMessageId(id)).await.unwrap().unwrap();
    assert_eq!(of(2).await.state, RecordState::Failed(Condition::NotFriends));
    assert_eq!((of(1).await.id, of(1).await.at), (Some(MessageId(70)), model::Timestamp(6000)));

    // What failed can be sent again; what waits or was sent cannot.
    storage.enqueue(outgoing(2, "two, again")).await.unwrap();
    let waiting = storage.outbox().await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|queued| queued.record.text.as_str()).collect();
    assert_eq!(waiting, ["three", "two, again"]);
    for id in [1, 2] {
        let refused = storage.enqueue(outgoing(id, "once more")).await.unwrap_err();
        assert_eq!(refused.in_table(ErrorTable::JMessageIos).code(), Some(865_003), "{id}");
    }
}

#[tokio::test]
async fn what_was_given_up_and_arrived_all_the_same_counts_as_sent() {
    let storage = Place::new().open().await;
    let client_id = ClientMessageId(1);
    storage.enqueue(outgoing(1, "hello")).await.unwrap();
    storage.apply(vec![Write::Failed { client_id, condition: Condition::ServerBusy }]).await.unwrap();
    assert!(storage.outbox().await.unwrap().is_empty());
    let acknowledged = Write::Acknowledged { client_id, id: MessageId(5), at: model::Timestamp(1) };
    let late = Write::Failed { client_id, condition: Condition::ServerBusy };
    let batch = vec![acknowledged.clone(), acknowledged, late];
    let outcomes = [Outcome::Done, Outcome::Repeated, Outcome::Repeated];
    assert_eq!(storage.apply(batch).await.unwrap(), outcomes);
    let record = storage.sent(client_id).await.unwrap().unwrap();
    assert_eq!((record.state, record.id), (RecordState::Acknowledged, Some(MessageId(5))));
}

#[tokio::test]
async fn receipts_only_raise_what_is_known() {
    let storage = Place::new().open().await;
    storage.enqueue(outgoing(1, "hello")).await.unwrap();
    let id = MessageId(5);
    let delivered = Write::Delivered { conversation: han(), id };
    let read = Write::Read { conversation: han(), id };
    let nothing_waits = Place::new().open().await;
    assert_eq!(nothing_waits.apply(vec![read.clone()]).await.unwrap(), [Outcome::Repeated]);
    let acknowledged = Write::Acknowledged { client_id: ClientMessageId(1), id, at: model::Timestamp(1) };
    storage.apply(vec![acknowledged, read, delivered]).await.unwrap();
    assert_eq!(storage.message(han(), id).await.unwrap().unwrap().state, RecordState::Read);
}

#[tokio::test]
async fn words_are_found_in_chinese_too() {
    let storage = Place::new().open().await;
    let other = |id, text| match received(id, text) {
        Write::Received(mut record) => {
            record.conversation = Conversation::group("7").unwrap();
            Write::Received(record)
        }
        _ => unreachable!("it is a message"),
    };
    storage
        .apply(vec![
            received(1, "我们明天下午三点在会议室开会"),
            received(2, "Meeting Room at THREE"),
            received(3, "100% sure, a_b"),
            received(4, "1000 sure, axb"),
            other(5, "会议取消了"),
        ])
        .await
        .unwrap();
    let found = async |words: &str| {
        let found = storage.search(words, None, 10).await.unwrap();
        found.iter().map(|record| record.id.unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(found("会议").await, [5, 1], "two characters");
    assert_eq!(found("会议室").await, [1], "three");
    assert_eq!(found("明").await, [1]);
    assert_eq!(found("会议室 明天").await, [1], "all words, in any order");
    assert_eq!(found("三点下午").await, Vec::<u64>::new());
    assert_eq!(found("room").await, [2]);
    assert_eq!(found("at").await, [2]);
    assert_eq!(found("0%").await, [3], "signs of the query language are characters");
    assert_eq!(found("a_b").await, [3]);
    assert_eq!(found("\"AND\" NOT").await, Vec::<u64>::new());
    let in_group = storage.search("会议", Some(Conversation::group("7").unwrap()), 10).await.unwrap();
    assert_eq!(texts(&in_group), ["会议取消了"]);
    assert_eq!(storage.search(" ", None, 1).await.unwrap_err().condition(), Condition::ArgumentEmpty);
    let long = "字".repeat(101);
    assert_eq!(storage.search(&long, None, 1).await.unwrap_err().condition(), Condition::ArgumentInvalid);
    let edited = Write::Edited {
        conversation: han(),
        id: MessageId(2),
        text: "Garden".to_owned(),
        payload: b"g".to_vec(),
    };
    storage.apply(vec![edited]).await.unwrap();
    assert_eq!((found("room").await, found("garden").await), (vec![], vec![2]));
}

#[tokio::test]
async fn contacts_and_groups_are_what_the_server_said_last() {
    let storage = Place::new().open().await;
    let contact = |name: &str| Contact { name: user(name), remark: String::new(), details: "{}".to_owned() };
    let group = |id: &str| Group {
        id: GroupId::parse(id).unwrap(),
        name: "friends".to_owned(),
        details: "{}".to_owned(),
    };
    storage
        .apply(vec![
            Write::Contacts(vec![contact("wu"), contact("han")]),
            Write::Contacts(vec![contact("han"), contact("zhao")]),
            Write::DropContact { name: user("zhao") },
            Write::Groups(vec![group("1"), group("2")]),
            Write::Group(Group { name: "family".to_owned(), ..group("2") }),
            Write::DropGroup { id: GroupId::parse("1").unwrap(), since: ENDLESS },
        ])
        .await
        .unwrap();
    assert_eq!(storage.contacts().await.unwrap(), [contact("han")]);
    assert_eq!(storage.groups().await.unwrap()[0].name, "family");
}

/// Each file that must not be touched: what it is, and how it came about.
#[tokio::test]
async fn a_file_that_this_build_cannot_read_stays_as_it_is() {
    type Break = fn(&Place);
    let cases: [(&str, Break); 6] = [
        ("written by a newer build", |place| {
            place.made().pragma_update(None, "user_version", 1000).unwrap();
        }),
        ("a table is missing", |place| place.made().execute_batch("DROP TABLE outbox").unwrap()),
        ("a table has another form", |place| {
            place.made().execute_batch("ALTER TABLE contacts ADD COLUMN age INTEGER").unwrap();
        }),
        ("somebody else's database", |place| {
            std::fs::create_dir_all(place.options.path().parent().unwrap()).unwrap();
            let other = Connection::open(place.options.path()).unwrap();
            other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
        }),
        ("no database", |place| {
            std::fs::create_dir_all(place.options.path().parent().unwrap()).unwrap();
            std::fs::write(place.options.path(), b"these are no tables at all".repeat(100)).unwrap();
        }),
        ("its first page is damaged", |place| {
            drop(place.made());
            let mut bytes = std::fs::read(place.options.path()).unwrap();
            bytes[100..200].fill(0xff);
            std::fs::write(place.options.path(), bytes).unwrap();
        }),
    ];
    for (name, damage) in cases {
        let place = Place::new();
        damage(&place);
        let before = std::fs::read(place.options.path()).unwrap();
        let error = Storage::open(place.options.clone()).await.unwrap_err();
        assert_eq!(error.condition(), Condition::DbMigrationFailed, "{name}: {error}");
        assert_eq!(error.in_table(ErrorTable::JMessageIos).code(), Some(861_004));
        assert_eq!(std::fs::read(place.options.path()).unwrap(), before, "{name}: the file was changed");
    }
}

#[tokio::test]
async fn a_file_that_was_only_begun_is_made_again() {
    let place = Place::new();
    std::fs::create_dir_all(place.options.path().parent().unwrap()).unwrap();
    std::fs::write(place.options.path(), b"").unwrap();
    place.open().await.apply(vec![received(1, "hello")]).await.unwrap();
}

#[tokio::test]
async fn a_place_that_cannot_be_written_fails_the_initialisation() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("demo#kith"), b"in the way").unwrap();
    let error = Storage::open(place.options.clone()).await.unwrap_err();
    assert_eq!(error.condition(), Condition::SdkInitFailed);
    assert_eq!(error.in_table(ErrorTable::EasemobLegacyIos).code(), Some(1042));
    let place = Place::new();
    std::fs::create_dir_all(place.options.path()).unwrap();
    let error = Storage::open(place.options.clone()).await.unwrap_err();
    assert_eq!(error.condition(), Condition::SdkInitFailed, "a folder has the file's name");
}

#[tokio::test]
async fn the_file_of_another_user_is_not_opened() {
    let place = Place::new();
    drop(place.open().await);
    let mut stranger = place.options.clone();
    stranger.owner = "demo#kith/wu".to_owned();
    let error = Storage::open(stranger).await.unwrap_err();
    assert_eq!(error.condition(), Condition::LocalDbFailed);
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_told_and_works_afterwards() {
    let place = Place::new();
    let storage = place.open().await;
    let other = Connection::open(place.options.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = storage.apply(vec![received(1, "hello")]).await.unwrap_err();
    assert_eq!(error.condition(), Condition::LocalDbFailed);
    assert_eq!(error.detail(), "another process holds the file");
    assert_eq!(Storage::open(place.options.clone()).await.unwrap_err().condition(), Condition::LocalDbFailed);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(storage.apply(vec![received(1, "hello")]).await.unwrap(), [Outcome::Done]);
}

#[tokio::test]
async fn a_full_disk_refuses_the_whole_batch_and_nothing_else() {
    let place = Place::new();
    let storage = Storage::open(place.options.clone().page_limit(60)).await.unwrap();
    storage.apply(vec![received(1, "before")]).await.unwrap();
    let large = received(2, &"字".repeat(100_000));
    let error = storage.apply(vec![received(3, "small"), large]).await.unwrap_err();
    assert_eq!((error.condition(), error.detail()), (Condition::LocalDbFailed, "the disk is full"));
    assert_eq!(storage.message(han(), MessageId(3)).await.unwrap(), None);
    assert_eq!(storage.apply(vec![received(4, "after")]).await.unwrap(), [Outcome::Done]);
    assert_eq!(storage.unread().await.unwrap(), 2);
}

#[tokio::test]
async fn many_ask_at_once() {
    let storage = Arc::new(Place::new().open().await);
    let tasks: Vec<_> = (0..1000_u64)
        .map(|id| {
            let storage = Arc::clone(&storage);
            let taken = Write::Taken(Mark::Message { conversation: han(), id: MessageId(id / 2) });
            let batch = vec![received(id / 2, "x"), taken];
            tokio::spawn(async move { storage.apply(batch).await.unwrap()[0] })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        fresh += usize::from(task.await.unwrap() == Outcome::Done);
    }
    assert_eq!(fresh, 500);
}

const CHILD_FOLDER: &str = "KITH_TEST_STORAGE_FOLDER";

/// Not a test by itself: the process that the next one kills. Writes for ever, and says what it has written.
#[tokio::test]
#[ignore = "runs as a child of the test below"]
async fn a_process_that_writes_until_it_is_killed() {
    let folder = std::env::var_os(CHILD_FOLDER).expect("the parent names it");
    let storage = Storage::open(options(Path::new(&folder))).await.unwrap();
    let stored = storage.stored_after(0, 1).await.unwrap();
    let mut number: u64 = match stored.first() {
        None => 0,
        Some(_) => storage.cursors().await.unwrap().first().map_or(0, position),
    };
    loop {
        number += 1;
        let cursor = Cursor { queue: "han".to_owned(), position: number.to_be_bytes().to_vec() };
        // Odd ones come in, even ones go out and some of those are answered.
        let batch = if number % 2 == 1 {
            vec![received(number, "it comes in"), Write::Cursor(cursor)]
        } else {
            let outgoing = outgoing(u128::from(number), "it goes out");
            vec![Write::Enqueue(Box::new(outgoing)), Write::Cursor(cursor)]
        };
        storage.apply(batch).await.unwrap();
        println!("written {number}");
        if number.is_multiple_of(4) {
            let client_id = ClientMessageId(u128::from(number));
            let wire = Write::OnTheWire { client_id };
            storage.apply(vec![wire]).await.unwrap();
            let at = model::Timestamp(number);
            let answer = Write::Acknowledged { client_id, id: MessageId(number), at };
            storage.apply(vec![answer]).await.unwrap();
            println!("answered {number}");
        }
        std::io::stdout().flush().unwrap();
    }
}

fn position(cursor: &Cursor) -> u64 {
    u64::from_be_bytes(cursor.position.as_slice().try_into().unwrap())
}

#[tokio::test]
async fn what_was_written_survives_the_death_of_the_process_at_any_moment() {
    let place = Place::new();
    let (mut written, mut answered) = (0, BTreeSet::<u64>::new());
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "storage::tests::a_process_that_writes_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(CHILD_FOLDER, place.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The moments differ by rounds: in the midst of some write, whichever.
        let enough = written + 3 + round * 7 % 40;
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(number) = line.strip_prefix("written ") {
                written = number.parse().unwrap();
            } else if let Some(number) = line.strip_prefix("answered ") {
                answered.insert(number.parse().unwrap());
            }
            if written >= enough {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died, and was not read yet, counts too.
        for line in lines.map_while(std::result::Result::ok) {
            if let Some(number) = line.strip_prefix("written ") {
                written = number.parse().unwrap_or(written);
            } else if let Some(number) = line.strip_prefix("answered ") {
                answered.extend(number.parse::<u64>());
            }
        }
        assert!(written >= enough, "the child ended by itself in round {round}");

        let storage = place.open().await;
        let reached = position(&storage.cursors().await.unwrap()[0]);
        assert!((written..=written + 1).contains(&reached), "{reached} is stored, {written} was said");
        let waiting = storage.outbox().await.unwrap();
        for number in 1..=reached {
            let is_in = storage.message(han(), MessageId(number)).await.unwrap().is_some();
            let sent = storage.sent(ClientMessageId(u128::from(number))).await.unwrap();
            let waits = waiting
                .iter()
                .any(|queued| queued.record.client_id == Some(ClientMessageId(u128::from(number))));
            match number % 4 {
                1 | 3 => assert!(is_in && sent.is_none(), "{number} came in and is lost"),
                2 => assert!(sent.is_some() && waits && !is_in, "{number} waits to go out and is lost"),
                _ => {
                    let state = sent.expect("it is lost").state;
                    let is_answered = state == RecordState::Acknowledged;
                    assert_eq!(is_answered, !waits, "{number} waits and was answered, or neither");
                    assert!(is_answered || !answered.contains(&number), "the answer to {number} is lost");
                }
            }
        }
        let beyond = storage.stored_after(0, ROWS_LIMIT).await.unwrap();
        assert!(beyond.len() as u64 <= reached, "a message is there without its position");
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_to_this_one_with_what_it_has() {
    let place = Place::new();
    std::fs::create_dir_all(place.options.path().parent().unwrap()).unwrap();
    let old = Connection::open(place.options.path()).unwrap();
    old.execute_batch(schema::STEPS[0]).unwrap();
    old.execute_batch(
        "INSERT INTO owner VALUES ('demo#kith/li');
         INSERT INTO conversations (number, kind, name) VALUES (1, 0, 'han');
         INSERT INTO messages (conversation, id, author, is_own, is_counted, at, state, text, payload)
         VALUES (1, 7, 'han', 0, 1, 5, 0, 'from long ago', x'');",
    )
    .unwrap();
    old.pragma_update(None, "application_id", 0x4b69_7468).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let storage = place.open().await;
    let record = storage.message(han(), MessageId(7)).await.unwrap().unwrap();
    assert_eq!((record.text.as_str(), record.marks.as_str()), ("from long ago", ""));
    assert!(record.follows_gap, "nobody knows what was before");
    // The last that it knows of is long ago.
    let connected = Write::Connected { at: model::Timestamp(6 + 7 * 24 * 60 * 60 * 1_000) };
    storage.apply(vec![connected, received(8, "new")]).await.unwrap();
    assert_eq!(gaps(&storage, &han()).await.1, [7, 8]);
    let react =
        Write::Reacted { id: MessageId(7), by: user("li"), reaction: "ok".to_owned(), is_there: true };
    assert_eq!(storage.apply(vec![react]).await.unwrap(), [Outcome::Done]);
}

#[tokio::test]
async fn reactions_are_what_the_server_said_and_what_this_user_did_since() {
    let place = Place::new();
    let storage = place.open().await;
    let id = MessageId(1);
    let said = r#"[{"reaction":"ok","count":2,"userList":["han","wu"]}]"#.to_owned();
    let reactions = Write::Reactions { conversation: han(), id, reactions: said };
    storage.apply(vec![received(1, "hello"), reactions.clone()]).await.unwrap();
    let mine = |reaction: &str, is_there| Write::Reacted {
        id,
        by: user("li"),
        reaction: reaction.to_owned(),
        is_there,
    };
    // The answer of the server may come twice, and may be for a message that is not here.
    let elsewhere =
        Write::Reacted { id: MessageId(9), by: user("li"), reaction: "ok".into(), is_there: true };
    let writes = vec![mine("ok", true), mine("ok", true), mine("no", true), mine("no", false), elsewhere];
    storage.apply(writes).await.unwrap();
    let record = storage.message(han(), id).await.unwrap().unwrap();
    let marks: serde_json::Value = serde_json::from_str(&record.marks).unwrap();
    let expected = serde_json::json!([{ "reaction": "ok", "count": 3, "userList": ["li", "han", "wu"] }]);
    assert_eq!(marks["reaction"], expected);
    assert_eq!(
        storage.apply(vec![reactions.clone(), reactions]).await.unwrap(),
        [Outcome::Done, Outcome::Repeated]
    );
}

#[tokio::test]
async fn lists_of_the_server_leave_what_the_app_wrote_beside_them() {
    let place = Place::new();
    let storage = place.open().await;
    let noted = Contact { name: user("han"), remark: "old".into(), details: "tall".into() };
    let group = GroupId::parse("7").unwrap();
    let known = Group { id: group.clone(), name: "Friends".into(), details: "since 2020".into() };
    let wu = Contact { name: user("wu"), remark: String::new(), details: String::new() };
    storage
        .apply(vec![Write::Contact(noted), Write::Contact(wu), Write::Group(known.clone())])
        .await
        .unwrap();
    let list = Write::ContactList(vec![(user("han"), "new".into()), (user("chen"), String::new())]);
    let nameless = Write::AddGroup { id: group, name: String::new() };
    storage.apply(vec![list, Write::AddContact { name: user("han"), remark: None }, nameless]).await.unwrap();
    let contacts = storage.contacts().await.unwrap();
    let shown: Vec<_> = contacts
        .iter()
        .map(|contact| (contact.name.as_str(), contact.remark.as_str(), contact.details.as_str()))
        .collect();
    assert_eq!(shown, [("chen", "", ""), ("han", "new", "tall")]);
    assert_eq!(storage.groups().await.unwrap(), [known]);
}

#[tokio::test]
async fn what_is_written_stands_at_the_end_on_a_device_whose_clock_went_back() {
    let place = Place::new();
    let storage = place.open().await;
    storage.apply(vec![received(5, "from the server")]).await.unwrap();
    for (client_id, text) in [(1, "first"), (2, "second")] {
        let written = Outgoing { at: model::Timestamp(client_id as u64), ..outgoing(client_id, text) };
        storage.enqueue(written).await.unwrap();
    }
    let rows = storage.messages(han(), Page::newest(10)).await.unwrap();
    assert_eq!(texts(&rows), ["second", "first", "from the server"]);
}

/// All rows of all tables.
fn everything(database: &mut Database) -> Result<Vec<String>> {
    database.ask(|connection| {
        let mut rows = Vec::new();
        for table in ["conversations", "messages", "outbox", "cursors", "contacts", "groups", "told", "spans"]
        {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = statement.column_count();
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                let values: rusqlite::Result<Vec<rusqlite::types::Value>> =
                    (0..columns).map(|column| row.get(column)).collect();
                rows.push(format!("{table} {:?}", values?));
            }
        }
        rows.push(connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?);
        Ok(rows)
    })
}

/// A batch with each kind of write that changes something after the one of [`before_each`].
fn each_write() -> Vec<Write> {
    let (conversation, group) = (han(), GroupId::parse("7").unwrap());
    let (id, client_id) = (MessageId(1), ClientMessageId(1));
    vec![
        received(2, "new"),
        Write::Enqueue(Box::new(outgoing(2, "to be sent"))),
        Write::OnTheWire { client_id },
        Write::Acknowledged { client_id, id: MessageId(3), at: model::Timestamp(9_000) },
        Write::Delivered { conversation: han(), id: MessageId(3) },
        Write::Read { conversation: han(), id: MessageId(3) },
        Write::Edited { conversation: han(), id, text: "changed".into(), payload: vec![7] },
        Write::Reacted { id, by: user("li"), reaction: "ok".into(), is_there: true },
        Write::MarkRead { conversation: han(), up_to: id },
        Write::Draft { conversation: han(), text: "dear".into() },
        Write::Draft { conversation: Conversation::user("wu").unwrap(), text: "dear".into() },
        Write::Cursor(Cursor { queue: "han".into(), position: vec![1] }),
        Write::Cursor(Cursor { queue: "han".into(), position: vec![2] }),
        Write::AddContact { name: user("wu"), remark: None },
        Write::ContactList(vec![(user("wu"), "Wu".into())]),
        Write::AddGroup { id: group.clone(), name: "Friends".into() },
        Write::AddGroup { id: group.clone(), name: "Best friends".into() },
        Write::Taken(Mark::Message { conversation: han(), id: MessageId(2) }),
        Write::Taken(Mark::Entry { space: 1, id: 5 }),
        history(&han(), (0, 7), &[7]),
        Write::Unheard { conversation: han(), since: ENDLESS },
        Write::Recalled { conversation: han(), id },
        Write::DropMessage { conversation: han(), id },
        Write::Failed { client_id: ClientMessageId(2), condition: Condition::UserNotFound },
        Write::DropGroup { id: group, since: ENDLESS },
        Write::DropCursors,
        Write::DropConversation { conversation },
    ]
}

fn before_each() -> Vec<Write> {
    let contact = Contact { name: user("chen"), remark: String::new(), details: "tall".into() };
    vec![received(1, "old"), Write::Enqueue(Box::new(outgoing(1, "waits"))), Write::Contact(contact)]
}

#[tokio::test]
async fn a_disk_that_fails_in_the_middle_of_a_write_leaves_nothing_of_its_batch() {
    let place = Place::new();
    let storage = place.open().await;
    storage.apply(before_each()).await.unwrap();
    let before = storage.run(everything).await.unwrap();
    let mut failed = 0;
    let all = ["INSERT", "UPDATE", "DELETE"].as_slice();
    let tables = ["conversations", "messages", "outbox", "cursors", "contacts", "groups", "spans"];
    for (table, changes) in tables.map(|table| (table, all)).into_iter().chain([("told", &all[..1])]) {
        for change in changes {
            let fault = format!(
                "CREATE TEMP TRIGGER fault AFTER {change} ON main.{table}
                 BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END"
            );
            storage.run(move |database| database.ask(|db| db.execute_batch(&fault))).await.unwrap();
            let outcome = storage.apply(each_write()).await;
            if let Err(error) = outcome {
                failed += 1;
                assert_eq!(error.condition(), Condition::LocalDbFailed);
                assert_eq!(storage.run(everything).await.unwrap(), before, "{change} of {table}");
                storage
                    .run(|database| database.ask(|db| db.execute_batch("DROP TRIGGER fault")))
                    .await
                    .unwrap();
            } else {
                panic!("{change} of {table} is not reached");
            }
        }
    }
    assert_eq!(failed, 22);
    let outcomes = storage.apply(each_write()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
}
