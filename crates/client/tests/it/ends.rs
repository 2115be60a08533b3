//! How sessions begin, break and end.

use client::{Condition, Conversation, Error, Event, NewMessage, State};
use house::Site;
use http::Method;
use serde_json::json;

use crate::support::{Device, text_of};

fn logged_out(event: Event) -> Option<Error> {
    match event {
        Event::LoggedOut { error } => Some(error),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_user_logs_in_and_out() {
    let site = Site::start().await;
    let carol = Device::new(&site, "phone");
    carol.client.register("Carol", "secret").await.unwrap();
    let again = carol.client.register("carol", "secret").await.unwrap_err();
    assert_eq!((again.condition(), again.code()), (Condition::UserAlreadyExists, Some(203)));
    let logged_in = carol.client.log_in("carol", "secret").await.unwrap();
    assert_eq!(carol.client.state(), State::Online);
    let twice = carol.client.log_in("carol", "secret").await.unwrap_err();
    assert_eq!(twice.condition(), Condition::AlreadyLoggedIn);
    let other = carol.client.log_in("alice", "alice-demo").await.unwrap_err();
    assert_eq!((other.condition(), other.code()), (Condition::OtherUserLoggedIn, Some(218)));
    carol.client.log_out().await.unwrap();
    assert_eq!((carol.client.state(), carol.client.user()), (State::LoggedOut, None));
    let not_in = carol.client.log_out().await.unwrap_err();
    assert_eq!(not_in.condition(), Condition::NotLoggedIn);
    // The next start needs no password.
    carol.client.log_in_again(&logged_in).await.unwrap();
    carol.client.close().await;
    let closed = carol.client.log_out().await.unwrap_err();
    assert_eq!(closed.condition(), Condition::SdkNotInitialized);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_password_or_token_is_told_apart() {
    let site = Site::start().await;
    let device = Device::new(&site, "phone");
    let wrong = device.client.log_in("alice", "wrong").await.unwrap_err();
    assert_eq!((wrong.condition(), wrong.code()), (Condition::CredentialsWrong, Some(202)));
    assert!(wrong.trace_id().is_some());
    let unknown = device.client.log_in("nobody", "any").await.unwrap_err();
    assert_eq!((unknown.condition(), unknown.code()), (Condition::UserNotFound, Some(204)));
    let token = device.client.log_in_with_token("alice", "nonsense").await.unwrap_err();
    assert!(token.condition().and_broader().any(|c| c == Condition::AuthenticationFailed), "{token:?}");
    let name = device.client.log_in("小明", "any").await.unwrap_err();
    assert_eq!(name.condition(), Condition::UserNameNotAscii);
    assert_eq!(device.client.state(), State::LoggedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_the_server_everything_goes_on() {
    let mut site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let to_bob = Conversation::user("bob").unwrap();
    site.stop().await;
    let error = alice.until(|event| match event {
        Event::Disconnected { error, .. } => Some(error),
        _ => None,
    });
    assert_eq!(error.await.condition(), Condition::ConnectionFailed);
    assert_eq!(alice.client.state(), State::Offline);
    // Waits for the connection.
    let client = alice.client.clone();
    let waiting = tokio::spawn(async move { client.send(NewMessage::text(to_bob, "still there")).await });
    let room = alice.client.enter_room(client::RoomId::parse("1").unwrap()).await.unwrap_err();
    assert_eq!(room.condition(), Condition::NetworkUnavailable);
    site.start_again().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(text_of(&bob.message().await), "still there");
    assert_eq!(alice.client.state(), State::Online);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_session() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let mut back_end = site.back_end().await;
    let body = json!({ "newpassword": "other" });
    back_end.call(Method::PUT, "/users/alice/password", Some(body)).await.unwrap();
    let error = alice.until(logged_out).await;
    assert_eq!((error.condition(), error.code()), (Condition::KickedByPasswordChange, Some(216)));
    assert_eq!(alice.client.state(), State::LoggedOut);
    alice.client.log_in("alice", "other").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_user_is_told() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    site.back_end().await.call(Method::DELETE, "/users/alice", None).await.unwrap();
    let error = alice.until(logged_out).await;
    assert_eq!((error.condition(), error.code()), (Condition::UserRemoved, Some(207)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_put_out_is_told_by_whom() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let path = "/users/alice/disconnect/phone";
    site.back_end().await.call(Method::DELETE, path, None).await.unwrap();
    let error = alice.until(logged_out).await;
    assert_eq!((error.condition(), error.code()), (Condition::KickedByDevice, Some(217)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_device_makes_room_for_a_newer_one_and_is_told() {
    let site = Site::start().await;
    let mut first = Device::log_in(&site, "alice", "device0").await;
    // As many as an app allows of a class unless it says otherwise.
    let mut devices = Vec::new();
    for name in ["device1", "device2", "device3"] {
        devices.push(Device::log_in(&site, "alice", name).await);
    }
    let told = tokio::time::timeout(std::time::Duration::from_millis(500), first.until(logged_out)).await;
    assert!(told.is_err(), "four are too many: {told:?}");
    devices.push(Device::log_in(&site, "alice", "device4").await);
    let error = first.until(logged_out).await;
    assert_eq!((error.condition(), error.code()), (Condition::KickedByNewLogin, Some(206)));
    assert_eq!(first.client.state(), State::LoggedOut);
    // It does not fight back: a reconnect would come within two seconds.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(first.client.state(), State::LoggedOut);
    let newest = devices.last().unwrap();
    assert_eq!(newest.client.state(), State::Online);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_told_at_once() {
    let mut site = Site::start().await;
    let device = Device::new(&site, "phone");
    site.stop().await;
    let error = device.client.log_in("alice", "alice-demo").await.unwrap_err();
    assert_eq!((error.condition(), error.code()), (Condition::ServerUnreachable, Some(300)));
    assert_eq!(device.client.state(), State::LoggedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_server_is_trusted_by_its_certificate_only() {
    let site = Site::start_encrypted().await;
    let builder = || client::Client::builder(Site::APP, &site.rest_url(), &site.socket_url());
    let (stranger, _) = builder().build().unwrap();
    let error = stranger.log_in("alice", "alice-demo").await.unwrap_err();
    assert_eq!(error.condition(), Condition::ConnectionFailed);
    let certificate = site.certificate().unwrap().as_bytes();
    let (alice, _events) = builder().trust(certificate).build().unwrap();
    alice.log_in("alice", "alice-demo").await.unwrap();
    alice.send(NewMessage::text(Conversation::user("bob").unwrap(), "hello")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_without_a_break() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let token = site.back_end().await.user_token("alice").await.unwrap();
    alice.client.renew_token(&token).await.unwrap();
    let wrong = alice.client.renew_token("nonsense").await.unwrap_err();
    assert!(wrong.condition().and_broader().any(|c| c == Condition::AuthenticationFailed), "{wrong:?}");
    alice.client.send(NewMessage::text(Conversation::user("bob").unwrap(), "hello")).await.unwrap();
}
