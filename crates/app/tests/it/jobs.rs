//! Background work.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{ConversationId, DeviceNumber, Feed, Seq};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::house::House;

// architecture.md section 3: an acknowledgement waits at most a second.
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
    sleep(Duration::from_millis(50)).await;

    let feed = Feed::Conversation(ConversationId::single(uid, bob.user.uid));
    house.use_cases.acknowledge(app, uid, device, feed, Seq(1));
    sleep(Duration::from_millis(900)).await;
    assert_eq!(house.store.inboxes.pending(), 0);
    stop.send(true).unwrap();
    timeout(Duration::from_secs(1), jobs).await.expect("the jobs end").unwrap();
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
    timeout(Duration::from_secs(5), swept).await.expect("his rows go");
}
