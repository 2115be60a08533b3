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
    other.client.read(&received).await.unwrap();

    let storage = other.client.storage().unwrap();
    let rows = storage.conversations().await.unwrap();
    assert_eq!((rows.len(), rows[0].unread), (1, 1));
    let found = storage.search("five", None, 10).await.unwrap();
    let content = content_of(&found[0]).unwrap();
    assert_eq!((content.said, content.ext["k"].clone()), (Said::Text("tea at five".into()), 1.into()));

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
            Event::SendState { state: SendState::Failed(error), .. } => Some(error.condition()),
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
