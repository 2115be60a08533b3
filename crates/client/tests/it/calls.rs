//! Calls between clients: signals go by themselves, and are nobody else's business.

use client::calls::{CallEvent, CallState, EndReason, LoopbackEngine, Medium};
use client::{CallEvents, Client, Condition, Conversation, Event, NewMessage, username};
use house::Site;

use crate::support::{Device, text_of};

async fn until(
    events: &mut CallEvents<LoopbackEngine>,
    wanted: impl Fn(&CallEvent) -> bool,
) -> Vec<CallEvent> {
    let mut seen = Vec::new();
    let found = async {
        while !seen.last().is_some_and(&wanted) {
            seen.push(events.next().await.expect("the calls go on"));
        }
    };
    let found = tokio::time::timeout(std::time::Duration::from_secs(30), found).await;
    assert!(found.is_ok(), "it does not come, but {seen:?}");
    seen
}

fn ended(reason: EndReason) -> impl Fn(&CallEvent) -> bool {
    move |event| matches!(event, CallEvent::Ended { reason: why, .. } if *why == reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_call_each_other_and_the_apps_see_no_signals() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let Device { client: alice, events: mut unread } = Device::log_in(&site, "alice", "phone").await;
    let builder = Client::builder(Site::APP, &site.rest_url(), &site.socket_url());
    let (bob, events) = builder.device("phone").data_folder(folder.path()).build().unwrap();
    bob.log_in("bob", "bob-demo").await.unwrap();
    // As apps do: what nobody reads holds up what comes next, and signals come the same way.
    tokio::spawn(async move { while unread.next().await.is_some() {} });
    let mut his_device = Device { client: bob.clone(), events };
    let reading = tokio::spawn(async move { his_device.message().await });
    let (hers, mut her_events) = alice.calls(LoopbackEngine::default()).unwrap();
    let (his, mut his_events) = bob.calls(LoopbackEngine::default()).unwrap();
    let twice = bob.calls(LoopbackEngine::default()).unwrap_err();
    assert_eq!(twice.condition(), Condition::CallAlreadyInSession);

    let call = hers.start(Medium::Audio, &[username("bob").unwrap()]).unwrap();
    until(&mut his_events, |event| matches!(event, CallEvent::Invited { .. })).await;
    assert_eq!((his.state(), his.current()), (CallState::Incoming, Some(call)));
    his.accept(Some(call)).unwrap();
    let connected = |event: &CallEvent| matches!(event, CallEvent::Connected { .. });
    until(&mut her_events, connected).await;
    until(&mut his_events, connected).await;
    assert_eq!(hers.with_engine(LoopbackEngine::joined), Some((call, Medium::Audio)));
    his.hang_up(None).unwrap();
    until(&mut his_events, ended(EndReason::HungUp)).await;
    until(&mut her_events, ended(EndReason::HungUp)).await;

    // The next call ends with the phone of who called.
    hers.start(Medium::Video, &[username("bob").unwrap()]).unwrap();
    until(&mut his_events, |event| matches!(event, CallEvent::Invited { .. })).await;
    drop(hers);
    until(&mut his_events, |event| matches!(event, CallEvent::Ended { .. })).await;
    let (next, _events) = alice.calls(LoopbackEngine::default()).unwrap();
    assert_eq!(next.state(), CallState::Idle);

    let to_bob = Conversation::user("bob").unwrap();
    alice.send(NewMessage::text(to_bob, "that was fun")).await.unwrap();
    assert_eq!(text_of(&reading.await.unwrap()), "that was fun");
    let storage = bob.storage().unwrap();
    assert_eq!(storage.stored_after(0, 100).await.unwrap().len(), 1, "signals are not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_with_the_session_and_nobody_is_called_who_is_not_there() {
    let site = Site::start().await;
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let none = alice.client.calls(LoopbackEngine::without_device()).unwrap_err();
    assert_eq!(none.condition(), Condition::CallEngineInitFailed);
    let (calls, mut events) = alice.client.calls(LoopbackEngine::default()).unwrap();
    calls.start(Medium::Audio, &[username("nobody").unwrap()]).unwrap();
    until(&mut events, ended(EndReason::Offline)).await;

    calls.start(Medium::Audio, &[username("bob").unwrap()]).unwrap();
    alice.client.log_out().await.unwrap();
    until(&mut events, ended(EndReason::LoggedOut)).await;
    let error = calls.start(Medium::Audio, &[username("bob").unwrap()]).unwrap_err();
    assert_eq!(error.condition(), Condition::NotLoggedIn);
    // Without a phone, signals are the app's as any command.
    drop(calls);
    while events.next().await.is_some() {}
    alice.client.log_in("alice", "alice-demo").await.unwrap();
    let bob = Device::log_in(&site, "bob", "phone").await;
    let (his, _his_events) = bob.client.calls(LoopbackEngine::default()).unwrap();
    his.start(Medium::Audio, &[username("alice").unwrap()]).unwrap();
    let signal = alice.until(|event| match event {
        Event::Message(message) if client::calls::is_signal(&message.content) => Some(message.from),
        _ => None,
    });
    assert_eq!(signal.await.as_str(), "bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_is_not_called() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let (calls, mut events) = alice.client.calls(LoopbackEngine::default()).unwrap();
    let bob = [username("bob").unwrap()];
    let error = calls.start_if_there(&alice.client, Medium::Audio, &bob).await.unwrap_err();
    assert_eq!((error.condition(), calls.state()), (Condition::CallPeerOffline, CallState::Idle));
    until(&mut events, ended(EndReason::Offline)).await;
    let bobs = Device::log_in(&site, "bob", "phone").await;
    let (_his, mut his_events) = bobs.client.calls(LoopbackEngine::default()).unwrap();
    let call = calls.start_if_there(&alice.client, Medium::Audio, &bob).await.unwrap();
    until(&mut his_events, |event| matches!(event, CallEvent::Invited { call: rings, .. } if *rings == call))
        .await;
}
