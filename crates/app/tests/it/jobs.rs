//! Background work.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kv::{Batch, CellKey, Kv as _, Read as _, Space};
use model::{ConversationId, DeviceNumber, Feed, GroupId, Seq};
use store::keys;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::house::House;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let patient = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, patient).await.unwrap_or_else(|_| panic!("{what}: it should hold by now"));
}

#[tokio::test]
async fn cursors_are_written_while_a_removed_user_is_swept_and_a_stop_waits_for_neither() {
    let mut house = House::new().await;
    let (alice, bob) = (house.register("alice").await, house.register("bob").await);
    let (app, uid) = (house.app(), alice.user.uid);
    house.send(&bob, "alice", 1).await.unwrap();
    let device = house.log_in("alice", "web", 1, || {}).await.unwrap().device;

    house.kv.puts_bulk_off.store(true, Ordering::Relaxed);
    let (stop, stopped) = watch::channel(false);
    let jobs = tokio::spawn(house.jobs.take().unwrap().run(stopped));
    house.use_cases.delete_user(&house.tenant(), "bob").await.unwrap();
    eventually("the sweep waits", || house.kv.has_put_off.load(Ordering::Relaxed)).await;

    let feed = Feed::Conversation(ConversationId::single(uid, bob.user.uid));
    house.use_cases.acknowledge(app, uid, device, feed, Seq(1));
    assert_eq!(house.store.inboxes.pending(), 1);
    eventually("the cursor is written", || house.store.inboxes.pending() == 0).await;
    stop.send(true).unwrap();
    timeout(PATIENCE, jobs).await.expect("the jobs end").unwrap();
}

#[tokio::test]
async fn removed_users_are_swept_after_a_restart() {
    let house = House::new().await;
    let (alice, bob) = (house.register("alice").await, house.register("bob").await);
    house.send(&alice, "bob", 1).await.unwrap();
    house.use_cases.delete_user(&house.tenant(), "bob").await.unwrap();
    let feeds =
        async || house.store.inboxes.list(house.app(), bob.user.uid, DeviceNumber(1)).await.unwrap().len();
    assert_eq!(feeds().await, 2, "the jobs have not run");

    let again = House::over(house.kv.clone()).await;
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(again.jobs.unwrap().run(stopped));
    let swept = async {
        while feeds().await > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, swept).await.expect("his rows go");
}

// A group of which a row is damaged stays as it is.
#[tokio::test]
async fn removed_users_are_swept_beside_a_group_that_cannot_be_buried() {
    let house = House::new().await;
    let (alice, bob) = (house.register("alice").await, house.register("bob").await);
    house.send(&alice, "bob", 1).await.unwrap();
    house.use_cases.delete_user(&house.tenant(), "bob").await.unwrap();
    let mut batch = Batch::new();
    let damaged = keys::destroyed_group(house.app(), GroupId(9));
    batch.put(Space::Main, damaged.clone(), b"no entry".as_slice());
    house.kv.commit(batch).await.unwrap();

    let mut again = House::over(house.kv.clone()).await;
    let _jobs = again.start_jobs();
    let feeds =
        async || house.store.inboxes.list(house.app(), bob.user.uid, DeviceNumber(1)).await.unwrap().len();
    let swept = async {
        while feeds().await > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, swept).await.expect("his rows go");
    assert!(house.kv.get(CellKey::main(damaged)).await.unwrap().is_some());
}
