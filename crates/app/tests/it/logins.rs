//! Logins, and what happens to the account and the app in the middle of one.

use std::sync::atomic::Ordering;

use conditions::Condition;
use domain::app::{DevicePolicy, Settings};
use model::{CloseCause, CloseTarget};

use crate::house::House;

#[tokio::test]
async fn a_user_who_is_banned_while_he_logs_in_is_not_in() {
    let house = House::new().await;
    house.register("alice").await;
    let tenant = house.tenant();
    let ban = || drop(house.at_once(house.use_cases.deactivate_user(&tenant, "alice")));
    let refused = house.log_in("alice", "web", 1, ban).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::UserBanned);
    assert_eq!(house.use_cases.online_users(house.app()), 0);
}

#[tokio::test]
async fn a_user_who_is_deleted_while_he_logs_in_leaves_nothing_behind() {
    let house = House::new().await;
    let alice = house.register("alice").await;
    let tenant = house.tenant();
    let delete = || drop(house.at_once(house.use_cases.delete_user(&tenant, "alice")));
    let refused = house.log_in("alice", "web", 1, delete).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::UserNotFound);
    assert!(house.store.devices.get(house.app(), alice.user.uid).await.unwrap().version.is_none());
}

#[tokio::test]
async fn a_login_while_the_app_is_disabled_is_ended() {
    let house = House::new().await;
    let alice = house.register("alice").await;
    let key = house.tenant().value.key.clone();
    let off = [("app.enabled".to_owned(), "false".to_owned())];
    house
        .log_in("alice", "web", 1, || drop(house.at_once(house.use_cases.set_app(&key, &off))))
        .await
        .unwrap();
    let mine = CloseTarget::Connection(house.connection(1));
    assert!(house.closes().contains(&(alice.user.uid, mine, CloseCause::AppDisabled)));
}

#[tokio::test]
async fn a_disconnect_that_could_not_be_written_down_locks_no_other_device_out() {
    let house = House::with(Settings { device_policy: DevicePolicy::FirstWins, ..Settings::default() }).await;
    let alice = house.register("alice").await;
    house.log_in("alice", "phone", 1, || {}).await.unwrap();
    let refused = house.log_in("alice", "web", 2, || {}).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::BoundToOtherDevice);

    house.kv.refuses.store(true, Ordering::Relaxed);
    let gone = house.use_cases.log_out(house.app(), alice.user.uid, house.connection(1)).await;
    assert_eq!(gone.unwrap_err().condition(), Condition::StorageUnavailable);
    house.kv.refuses.store(false, Ordering::Relaxed);

    assert!(!house.use_cases.is_online(&house.tenant(), &alice).await.unwrap());
    house.log_in("alice", "web", 3, || {}).await.unwrap();
    let devices = house.use_cases.live_devices(&house.tenant(), &alice).await.unwrap();
    assert_eq!(devices.iter().map(|device| device.resource.as_str()).collect::<Vec<_>>(), ["web"]);
}

#[tokio::test]
async fn the_last_place_online_is_given_once() {
    let house = House::with(Settings { sessions_limit: 1, ..Settings::default() }).await;
    house.register("alice").await;
    house.register("bob").await;
    house.log_in("alice", "web", 1, || {}).await.unwrap();
    house.log_in("alice", "phone", 2, || {}).await.expect("users count, not devices");
    let refused = house.log_in("bob", "web", 3, || {}).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::OnlineLimitReached);
    assert_eq!(house.use_cases.online_users(house.app()), 1);
}

#[tokio::test]
async fn a_login_that_no_session_took_over_leaves_nobody_online() {
    let house = House::with(Settings { device_policy: DevicePolicy::FirstWins, ..Settings::default() }).await;
    let alice = house.register("alice").await;
    let given_up = house.arrive("alice", "phone", 1, || {}).await.unwrap();
    assert!(house.use_cases.is_online(&house.tenant(), &alice).await.unwrap());
    drop(given_up);
    assert_eq!(house.use_cases.online_users(house.app()), 0);
    assert!(!house.use_cases.is_online(&house.tenant(), &alice).await.unwrap());
    house.log_in("alice", "web", 2, || {}).await.expect("the device that is not there keeps no other out");
}
