//! What is known of a message whose sender gave up, died, or sent it again; and whose events are whose.

use std::time::Duration;

use client::{Client, Condition, Conversation, Event, NewMessage, Sent};
use house::Site;
use tempfile::TempDir;

use crate::support::{Device, text_of};

fn to_bob() -> Conversation {
    Conversation::user("bob").unwrap()
}

fn device(site: &Site, folder: &TempDir) -> Device {
    let builder = Client::builder(Site::APP, &site.rest_url(), &site.socket_url());
    let (client, events) = builder.device("phone").data_folder(folder.path()).build().unwrap();
    Device { client, events }
}

async fn log_in(site: &Site, folder: &TempDir) -> Device {
    let device = device(site, folder);
    device.client.log_in("alice", "alice-demo").await.unwrap();
    device
}

async fn goes_offline(site: &mut Site, device: &mut Device) {
    site.stop().await;
    device.until(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
}

/// Polls a send once, and gives it up.
async fn give_up(client: &Client, message: NewMessage) {
    let sent = tokio::time::timeout(Duration::ZERO, client.send(message)).await;
    assert!(sent.is_err(), "it is done already: {sent:?}");
}

async fn outbox_of(device: &Device, count: usize) {
    let storage = device.client.storage().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while storage.outbox().await.unwrap().len() < count {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_was_given_up_goes_out_whole_and_once() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let mut alice = log_in(&site, &folder).await;
    goes_offline(&mut site, &mut alice).await;
    let message = NewMessage::text(to_bob(), "given up");
    give_up(&alice.client, message.clone()).await;
    outbox_of(&alice, 1).await;
    let row = alice.client.storage().unwrap().sent(message.client_id).await.unwrap().unwrap();
    assert_eq!(row.text, "given up");
    site.start_again().await;
    assert_eq!(text_of(&bob.message().await), "given up");
    // Sent again under its number, it is the message that it was.
    let again = loop {
        match alice.client.send(message.clone()).await {
            Ok(sent) => break sent,
            // The first one is not answered yet.
            Err(error) => assert_eq!(error.condition(), Condition::MessageNotSendable),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(again.client_id, message.client_id);
    alice.client.send(NewMessage::text(to_bob(), "the next one")).await.unwrap();
    assert_eq!(text_of(&bob.message().await), "the next one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_send_names_its_message_and_the_same_message_is_taken_once() {
    for kept in [false, true] {
        let mut site = Site::start().await;
        let folder = tempfile::tempdir().unwrap();
        let mut bob = Device::log_in(&site, "bob", "tablet").await;
        let mut alice =
            if kept { log_in(&site, &folder).await } else { Device::log_in(&site, "alice", "phone").await };
        goes_offline(&mut site, &mut alice).await;
        let message = NewMessage::text(to_bob(), "once");
        let (client, copy) = (alice.client.clone(), message.clone());
        let waiting = tokio::spawn(async move { client.send(copy).await });
        alice.until(|event| matches!(event, Event::SendState { .. }).then_some(())).await;
        alice.client.log_out().await.unwrap();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.client_id(), Some(message.client_id));
        assert_eq!((error.condition(), error.stays_queued()), (Condition::RequestAborted, kept));
        site.start_again().await;
        alice.client.log_in("alice", "alice-demo").await.unwrap();
        let mut sent: Vec<Sent> = Vec::new();
        while sent.len() < 2 {
            match alice.client.send(message.clone()).await {
                Ok(known) => sent.push(known),
                Err(error) => assert_eq!((error.condition(), kept), (Condition::MessageNotSendable, true)),
            }
        }
        assert_eq!(sent[0], sent[1]);
        assert_eq!(text_of(&bob.message().await), "once");
        alice.client.send(NewMessage::text(to_bob(), "after it")).await.unwrap();
        assert_eq!(text_of(&bob.message().await), "after it", "kept: {kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_process_left_goes_in_front_of_what_is_sent_right_after_the_login() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let mut alice = log_in(&site, &folder).await;
    goes_offline(&mut site, &mut alice).await;
    for number in 0..40 {
        give_up(&alice.client, NewMessage::text(to_bob(), number.to_string())).await;
    }
    outbox_of(&alice, 40).await;
    alice.client.close().await;
    drop(alice);

    site.start_again().await;
    let alice = device(&site, &folder);
    let client = alice.client.clone();
    let eager = tokio::spawn(async move {
        client.reached(client::State::Online).await.unwrap();
        client.send(NewMessage::text(to_bob(), "40")).await.unwrap();
    });
    alice.client.log_in("alice", "alice-demo").await.unwrap();
    eager.await.unwrap();
    for number in 0..=40 {
        assert_eq!(text_of(&bob.message().await), number.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_those_who_are_there_now_is_not_kept_to_be_sent_later() {
    let mut site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut alice = log_in(&site, &folder).await;
    goes_offline(&mut site, &mut alice).await;
    let room = Conversation::room("77").unwrap();
    give_up(&alice.client, NewMessage::text(room, "to the room")).await;
    give_up(
        &alice.client,
        NewMessage { online_only: true, ..NewMessage::text(to_bob(), "if you are there") },
    )
    .await;
    give_up(&alice.client, NewMessage::text(to_bob(), "for later")).await;
    outbox_of(&alice, 1).await;
    let rows = alice.client.storage().unwrap().outbox().await.unwrap();
    let texts: Vec<_> = rows.iter().map(|row| row.record.text.as_str()).collect();
    assert_eq!(texts, ["for later"]);
}

/// Sends to alice, and waits until her device has them.
async fn five_for_alice(bob: &mut Device) {
    for number in 0..5 {
        let to_alice = Conversation::user("alice").unwrap();
        bob.client.send(NewMessage::text(to_alice, number.to_string())).await.unwrap();
    }
    for _ in 0..5 {
        bob.until(|event| matches!(event, Event::Delivered { .. }).then_some(())).await;
    }
}

async fn all_until_synced(device: &mut Device) -> Vec<String> {
    let mut texts = Vec::new();
    let synced = device.until(|event| match event {
        Event::Message(message) => {
            texts.push(text_of(&message).to_owned());
            None
        }
        Event::SyncFinished => Some(()),
        _ => None,
    });
    synced.await;
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_user_is_told_nothing_of_the_last_one_who_gets_it_later() {
    let site = Site::start().await;
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let mut device = Device::log_in(&site, "alice", "phone").await;
    five_for_alice(&mut bob).await;
    device.client.log_out().await.unwrap();
    device.client.register("carol", "secret").await.unwrap();
    device.client.log_in("carol", "secret").await.unwrap();
    let mut told = Vec::new();
    device
        .until(|event| {
            let is_done = matches!(event, Event::SyncFinished);
            told.push(event);
            is_done.then_some(())
        })
        .await;
    assert!(
        matches!(&told[..], [Event::Connected, Event::SyncStarted { .. }, Event::SyncFinished]),
        "{told:?}"
    );
    device.client.log_out().await.unwrap();
    device.client.log_in("alice", "alice-demo").await.unwrap();
    assert_eq!(all_until_synced(&mut device).await, ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_has_not_taken_when_the_process_dies_comes_again() {
    let site = Site::start().await;
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    five_for_alice(&mut bob).await;
    assert_eq!(text_of(&alice.message().await), "0");
    alice.client.close().await;
    drop(alice);
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let texts = all_until_synced(&mut alice).await;
    assert!(texts.ends_with(&["1", "2", "3", "4"].map(str::to_owned)), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_only_sends_and_drops_its_events_is_not_held_up() {
    let site = Site::start().await;
    let Device { client, events } = Device::log_in(&site, "alice", "phone").await;
    let bob = Device::log_in(&site, "bob", "tablet").await;
    for number in 0..300 {
        let to_alice = Conversation::user("alice").unwrap();
        bob.client.send(NewMessage::text(to_alice, number.to_string())).await.unwrap();
    }
    drop(events);
    for number in 0..300 {
        client.send(NewMessage::text(to_bob(), number.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_refuses_the_send_and_holds_up_what_comes_until_it_does() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = Device::log_in(&site, "bob", "tablet").await;
    let mut alice = log_in(&site, &folder).await;
    let file = folder.path().join(Site::APP).join("alice.sqlite");
    let other = rusqlite::Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let message = NewMessage::text(to_bob(), "once");
    let error = alice.client.send(message.clone()).await.unwrap_err();
    assert_eq!((error.condition(), error.stays_queued()), (Condition::LocalDbFailed, false));
    assert_eq!(error.client_id(), Some(message.client_id));
    bob.client.send(NewMessage::text(Conversation::user("alice").unwrap(), "hello")).await.unwrap();
    let mut told = Vec::new();
    alice
        .until(|event| {
            let is_failure = matches!(event, Event::StorageFailed { .. });
            told.push(event);
            is_failure.then_some(())
        })
        .await;
    assert!(!told.iter().any(|event| matches!(event, Event::Message(_))), "{told:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(text_of(&alice.message().await), "hello");
    alice.client.send(message).await.unwrap();
    assert_eq!(text_of(&bob.message().await), "once");
}
