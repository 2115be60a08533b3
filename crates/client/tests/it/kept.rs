//! What the device keeps: over the end of the process, of the server, and of the disk's patience.

use std::time::Duration;

use client::storage::{Page, RecordState};
use client::{Client, Condition, Conversation, Event, NewMessage, Said, SendState, content_of};
use house::Site;
use tempfile::TempDir;

use crate::support::{Device, text_of};

fn device(site: &Site, folder: &TempDir) -> Device {
    let builder = Client::builder(Site::APP, &site.rest_url(), &site.socket_url());
    let (client, events) = builder.device("phone").data_folder(folder.path()).build().unwrap();
    Device { client, events }
}

async fn log_in(site: &Site, user: &str, folder: &TempDir) -> Device {
    let device = device(site, folder);
    device.client.log_in(user, &format!("{user}-demo")).await.unwrap();
    device
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_stay_on_the_device() {
    let site = Site::start().await;
    let (ones, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = log_in(&site, "alice", &ones).await;
    let mut other = log_in(&site, "bob", &others).await;
    let to_bob = Conversation::user("bob").unwrap();
    let sent =
        one.client.send(NewMessage::text(to_bob.clone(), "tea at five").with_ext("k", 1)).await.unwrap();
    let received = other.message().await;
    let storage = other.client.storage().unwrap();
    let rows = storage.conversations().await.unwrap();
    assert_eq!((rows.len(), rows[0].unread), (1, 1));
    let found = storage.search("five", None, 10).await.unwrap();
    let content = content_of(&found[0]).unwrap();
    assert_eq!((content.said, content.ext["k"].clone()), (Said::Text("tea at five".into()), 1.into()));

    other.client.read(&received).await.unwrap();
    assert_eq!(storage.unread().await.unwrap(), 0);

    // What the author knows of it follows the receipts.
    let storage = one.client.storage().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let record = storage.message(to_bob.clone(), sent.id).await.unwrap().unwrap();
        if record.state == RecordState::Read {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{record:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_when_the_process_ended_goes_out_at_the_next_start_and_once() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let mut alice = log_in(&site, "alice", &folder).await;
    site.stop().await;
    let lost = alice.until(|event| matches!(event, Event::Disconnected { .. }).then_some(()));
    lost.await;
    let to_bob = || Conversation::user("bob").unwrap();
    let client = alice.client.clone();
    let waiting =
        tokio::spawn(async move { client.send(NewMessage::text(to_bob(), "written offline")).await });
    let storage = alice.client.storage().unwrap();
    while storage.outbox().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    alice.client.close().await;
    // The end may come before the row's message has reached the core.
    let told = waiting.await.unwrap().unwrap_err().condition();
    assert!(matches!(told, Condition::RequestAborted | Condition::SdkNotInitialized), "{told}");
    drop(alice);
    assert_eq!(storage.outbox().await.unwrap().len(), 1);

    site.start_again().await;
    let alice = log_in(&site, "alice", &folder).await;
    assert_eq!(text_of(&bob.message().await), "written offline");
    alice.client.send(NewMessage::text(to_bob(), "written online")).await.unwrap();
    assert_eq!(text_of(&bob.message().await), "written online");
    let storage = alice.client.storage().unwrap();
    let records = storage.messages(to_bob(), Page::newest(10)).await.unwrap();
    let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
    assert_eq!(texts, ["written online", "written offline"]);
    // The receiver's receipt may be here already.
    let has_left = |state| matches!(state, RecordState::Acknowledged | RecordState::Delivered);
    assert!(records.iter().all(|record| has_left(record.state)), "{records:?}");
    assert!(storage.outbox().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_sent_right_before_the_end_is_in_the_outbox() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut alice = log_in(&site, "alice", &folder).await;
    site.stop().await;
    alice.until(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    let storage = alice.client.storage().unwrap();
    let mut waiting = Vec::new();
    for number in 0..20 {
        let message = NewMessage::text(Conversation::user("bob").unwrap(), number.to_string());
        let client = alice.client.clone();
        waiting.push(tokio::spawn(async move { client.send(message).await }));
    }
    // They are handed over, and no more than that.
    tokio::task::yield_now().await;
    alice.client.close().await;
    let texts: Vec<_> =
        storage.outbox().await.unwrap().into_iter().map(|queued| queued.record.text).collect();
    assert_eq!(texts, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    for send in waiting {
        let error = send.await.unwrap().unwrap_err();
        assert_eq!((error.condition(), error.stays_queued()), (Condition::RequestAborted, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_when_the_session_ended_goes_out_at_the_next_login() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let builder = Client::builder(Site::APP, &site.rest_url(), &site.socket_url());
    let builder = builder.device("phone").data_folder(folder.path()).reconnect_limit(Some(2));
    let (client, events) = builder.build().unwrap();
    let mut alice = Device { client, events };
    for (text, logs_out) in [("before the logout", true), ("before it was given up", false)] {
        alice.client.log_in("alice", "alice-demo").await.unwrap();
        site.stop().await;
        alice.until(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
        let client = alice.client.clone();
        let to_bob = Conversation::user("bob").unwrap();
        let waiting = tokio::spawn(async move { client.send(NewMessage::text(to_bob, text)).await });
        let queued = |event| matches!(event, Event::SendState { state: SendState::Queued, .. }).then_some(());
        alice.until(queued).await;
        if logs_out {
            alice.client.log_out().await.unwrap();
        }
        let failed = |event| match event {
            Event::SendState { state: SendState::Failed(error), .. } => {
                assert!(error.stays_queued());
                Some(error.condition())
            }
            _ => None,
        };
        let expected = if logs_out { Condition::RequestAborted } else { Condition::MessageSendFailed };
        assert_eq!(alice.until(failed).await, expected);
        assert_eq!(waiting.await.unwrap().unwrap_err().condition(), expected);
        let storage = alice.client.storage().unwrap();
        assert_eq!(storage.outbox().await.unwrap().len(), 1, "{text}");

        site.start_again().await;
        alice.client.log_in("alice", "alice-demo").await.unwrap();
        assert_eq!(text_of(&bob.message().await), text);
        let sent = |event| {
            matches!(event, Event::SendState { state: SendState::Acknowledged { .. }, .. }).then_some(())
        };
        alice.until(sent).await;
        assert!(storage.outbox().await.unwrap().is_empty());
        alice.client.log_out().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_device_does_is_in_its_database_at_once() {
    let site = Site::start().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let alice = log_in(&site, "alice", &folders[0]).await;
    let mut bob = log_in(&site, "bob", &folders[1]).await;
    let (to_bob, to_alice) = (Conversation::user("bob").unwrap(), Conversation::user("alice").unwrap());
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(alice.client.send(NewMessage::text(to_bob.clone(), text)).await.unwrap());
        bob.message().await;
    }
    let hers = alice.client.storage().unwrap();
    let his = bob.client.storage().unwrap();

    alice.client.edit(sent[0].id, to_bob.clone(), client::Content::text("eins")).await.unwrap();
    assert_eq!(hers.message(to_bob.clone(), sent[0].id).await.unwrap().unwrap().text, "eins");
    alice.client.recall(sent[1].id, to_bob.clone()).await.unwrap();
    let recalled = hers.message(to_bob.clone(), sent[1].id).await.unwrap().unwrap();
    assert_eq!(recalled.state, RecordState::Recalled);
    bob.client.react(sent[2].id, "ok").await.unwrap();
    let marks = his.message(to_alice.clone(), sent[2].id).await.unwrap().unwrap().marks;
    assert!(marks.contains("ok"), "{marks}");
    bob.client.unreact(sent[2].id, "ok").await.unwrap();
    let marks = his.message(to_alice.clone(), sent[2].id).await.unwrap().unwrap().marks;
    assert!(!marks.contains("ok"), "{marks}");

    assert!(his.unread().await.unwrap() > 0);
    bob.client.read_all(to_alice).await.unwrap();
    assert_eq!(his.unread().await.unwrap(), 0);

    let group = alice.client.create_group(&client::NewGroup::named("Friends")).await.unwrap();
    alice.client.update_group(&group, Some("Best friends"), None).await.unwrap();
    assert_eq!(hers.groups().await.unwrap()[0].name, "Best friends");
    alice.client.destroy_group(&group).await.unwrap();
    assert!(hers.groups().await.unwrap().is_empty());
    let names = [client::username("alice").unwrap(), client::username("bob").unwrap()];
    alice.client.ask_contact(&names[1], "tea").await.unwrap();
    bob.client.accept_contact(&names[0]).await.unwrap();
    assert_eq!(his.contacts().await.unwrap().len(), 1);
    alice.client.contacts().await.unwrap();
    let before = hers.contacts().await.unwrap();
    alice.client.remove_contact(&names[1]).await.unwrap();
    assert_eq!((before.len(), hers.contacts().await.unwrap().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_fills_the_database_page_by_page() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let alice = Device::log_in(&site, "alice", "phone").await;
    let mut bob = Device::log_in(&site, "bob", "old tablet").await;
    for number in 0..7 {
        let message = NewMessage::text(Conversation::user("bob").unwrap(), number.to_string());
        alice.client.send(message).await.unwrap();
        bob.message().await;
    }
    let here = log_in(&site, "bob", &folder).await;
    let (storage, from_alice) = (here.client.storage().unwrap(), Conversation::user("alice").unwrap());
    let stored = async || {
        let records = storage.messages(from_alice.clone(), Page::newest(100)).await.unwrap();
        let gaps = records.iter().filter(|record| record.follows_gap).count();
        (records.into_iter().map(|record| record.text).collect::<Vec<_>>(), gaps)
    };
    let order = client::HistoryOrder::NewestFirst;
    let mut page = here.client.history(&from_alice, order, 3, None).await.unwrap();
    let (texts, gaps) = stored().await;
    assert_eq!((&texts[..3], gaps), (&["6".to_owned(), "5".to_owned(), "4".to_owned()][..], 1));
    while let Some(next) = &page.next {
        assert_eq!(stored().await.1, 1);
        page = here.client.history(&from_alice, order, 3, Some(next)).await.unwrap();
    }
    assert_eq!(stored().await, ((0..7).rev().map(|number| number.to_string()).collect(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_kept_with_its_reason() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let alice = log_in(&site, "alice", &folder).await;
    let nobody = Conversation::user("nobody").unwrap();
    alice.client.send(NewMessage::text(nobody.clone(), "hello")).await.unwrap_err();
    let storage = alice.client.storage().unwrap();
    assert!(storage.outbox().await.unwrap().is_empty());
    let records = storage.messages(nobody, Page::newest(10)).await.unwrap();
    assert_eq!(records[0].state, RecordState::Failed(Condition::UserNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_ends_the_login_and_stays_as_it_is() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join(Site::APP);
    std::fs::create_dir_all(&app).unwrap();
    let file = app.join("alice.sqlite");
    std::fs::write(&file, b"this was written by somebody else").unwrap();
    let alice = device(&site, &folder);
    let error = alice.client.log_in("alice", "alice-demo").await.unwrap_err();
    assert_eq!(error.condition(), Condition::DbMigrationFailed);
    assert_eq!(std::fs::read(&file).unwrap(), b"this was written by somebody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_needs_no_password_until_the_user_logs_out() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let start = || device(&site, &folder).client;
    let file = folder.path().join(Site::APP).join("alice.login.json");
    let first = start();
    assert_eq!(first.resumable().await, None);
    assert_eq!(first.resume().await.unwrap_err().condition(), Condition::NotLoggedIn);
    let of_an_earlier_build = file.with_file_name("login.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&of_an_earlier_build, "{}").unwrap();
    first.log_in("alice", "alice-demo").await.unwrap();
    first.close().await;
    assert!(!of_an_earlier_build.exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The login, the database, and what SQLite has beside it.
        for entry in std::fs::read_dir(file.parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        }
    }
    let second = start();
    assert_eq!(second.resumable().await.unwrap().as_str(), "alice");
    assert_eq!(second.resume().await.unwrap().user.as_str(), "alice");
    second.renew_token(&site.back_end().await.user_token("alice").await.unwrap()).await.unwrap();
    second.close().await;
    let third = start();
    third.resume().await.unwrap();
    third.log_out().await.unwrap();
    assert_eq!(third.resume().await.unwrap_err().condition(), Condition::NotLoggedIn);
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_forgets_no_login_of_another_user_of_the_folder() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let alice = log_in(&site, "alice", &folder).await;
    let bob = log_in(&site, "bob", &folder).await;
    alice.client.log_out().await.unwrap();
    assert_eq!(bob.client.resumable().await.unwrap().as_str(), "bob");
    bob.client.log_out().await.unwrap();
    assert_eq!(bob.client.resumable().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_of_a_folder_comes_back_without_a_password() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    for user in ["alice", "bob"] {
        log_in(&site, user, &folder).await.client.close().await;
    }
    let alice = device(&site, &folder).client;
    assert_eq!(alice.resume_as("alice").await.unwrap().user.as_str(), "alice");
    // She is the last one now.
    alice.close().await;
    assert_eq!(device(&site, &folder).client.resumable().await.unwrap().as_str(), "alice");
    assert_eq!(device(&site, &folder).client.resume_as("bob").await.unwrap().user.as_str(), "bob");
    let carol = device(&site, &folder).client.resume_as("carol").await.unwrap_err();
    assert_eq!(carol.condition(), Condition::NotLoggedIn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_login_that_is_of_no_use_any_more_is_told_and_not_kept() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(Site::APP).join("alice.login.json");
    let alice = device(&site, &folder).client;
    alice.log_in("alice", "alice-demo").await.unwrap();
    alice.close().await;
    // Without the server nothing is known about it, and it stays.
    site.stop().await;
    let away = device(&site, &folder).client;
    assert_eq!(away.resume().await.unwrap_err().condition(), Condition::ServerUnreachable);
    assert!(file.exists());
    site.start_again().await;
    let body = serde_json::json!({ "newpassword": "other" });
    let mut back_end = site.back_end().await;
    back_end.call(http::Method::PUT, "/users/alice/password", Some(body)).await.unwrap();
    let error = device(&site, &folder).client.resume().await.unwrap_err();
    assert!(error.condition().and_broader().any(|c| c == Condition::AuthenticationFailed), "{error:?}");
    assert!(!file.exists());
    for nonsense in ["", "{}", "[1", r#"{"user":"a b","device":"phone","token":"x"}"#] {
        std::fs::write(&file, nonsense).unwrap();
        let error = device(&site, &folder).client.resume().await.unwrap_err();
        assert_eq!(error.condition(), Condition::NotLoggedIn, "{nonsense}");
    }
}
