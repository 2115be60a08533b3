//! Devices of users who are away are woken, and what was decided is written down.

use std::sync::Arc;
use std::time::Duration;

use app::SilenceTarget;
use app::ports::{CallFailed, Ports, PushCall, PushProvider};
use async_trait::async_trait;
use domain::app::Settings;
use domain::hook::{PushRule, RuleKind, RuleSpec};
use domain::push::{Bind, SilenceChange, Skip};
use parking_lot::Mutex;
use store::{PushOutcome, PushRecord};

use crate::house::{APP, House, Moody};

/// Takes all, or fails for devices of a certain token.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<PushCall>>);

#[async_trait]
impl PushProvider for Recorder {
    async fn push(&self, call: PushCall) -> Result<(), CallFailed> {
        let fails = call.notification.binding.token == "broken";
        self.0.lock().push(call);
        if fails { Err(CallFailed::Status(500)) } else { Ok(()) }
    }
}

async fn house(notifiers: &[&str]) -> (House, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let ports = Ports { push: Arc::clone(&recorder) as Arc<dyn PushProvider>, ..Ports::default() };
    let house = House::over_with(Moody::default(), ports).await;
    let key = APP.parse().unwrap();
    let create = app::CreateApp { key, settings: Settings::default(), jmessage: false };
    house.use_cases.create_app(create).await.unwrap();
    let spec = RuleSpec {
        name: "phones".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: None,
        kind: RuleKind::Push(PushRule {
            notifiers: notifiers.iter().map(ToString::to_string).collect(),
            ..PushRule::default()
        }),
    };
    house.use_cases.add_hook(&APP.parse().unwrap(), spec).await.unwrap();
    (house, recorder)
}

async fn bind(house: &House, user: &str, device: &str, notifier: &str, token: &str) {
    let bind = Bind { device: device.to_owned(), notifier: notifier.to_owned(), token: token.to_owned() };
    let tenant = house.use_cases.find_app(&APP.parse().unwrap()).unwrap();
    house.use_cases.bind_push(&tenant, user, &bind).await.unwrap();
}

/// The user's decisions, once there are so many.
async fn records(house: &House, user: &str, count: usize) -> Vec<PushRecord> {
    let tenant = house.use_cases.find_app(&APP.parse().unwrap()).unwrap();
    for _ in 0..500 {
        let records = house.use_cases.push_records(&tenant, user, 10).await.unwrap();
        if records.len() >= count {
            return records;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} decisions were not made");
}

#[tokio::test]
async fn each_device_of_somebody_away_is_woken_and_each_outcome_is_told() {
    let (mut house, recorder) = house(&[]).await;
    let alice = house.register("alice").await;
    house.register("bob").await;
    bind(&house, "bob", "phone", "fcm", "t1").await;
    bind(&house, "bob", "tablet", "apns", "broken").await;
    let _stop = house.start_jobs();
    let sent = house.send(&alice, "bob", 1).await.unwrap();
    let record = records(&house, "bob", 1).await.remove(0);
    assert_eq!(
        (record.message, record.sender.as_str(), record.conversation.as_str()),
        (sent.id.0, "alice", "alice")
    );
    let outcomes: Vec<_> =
        record.devices.iter().map(|device| (device.device.as_str(), &device.outcome)).collect();
    assert_eq!(outcomes[0], ("phone", &PushOutcome::Sent));
    assert!(
        matches!(outcomes[1], ("tablet", PushOutcome::Failed(words)) if words.contains("500")),
        "{outcomes:?}"
    );

    let calls = recorder.0.lock();
    let tokens: Vec<_> = calls.iter().map(|call| call.notification.binding.token.as_str()).collect();
    assert_eq!(tokens.iter().filter(|token| **token == "broken").count(), 2, "a failure is tried once more");
    let phone = calls.iter().find(|call| call.notification.binding.token == "t1").unwrap();
    let told = &phone.notification;
    assert_eq!(
        (told.user.as_str(), told.conversation.as_str(), told.title.as_str()),
        ("bob", "alice", "alice")
    );
    assert_eq!(told.content, None, "by default a notification shows no content");
    assert_eq!(phone.secret.0.len(), 32);
}

#[tokio::test]
async fn who_wants_quiet_is_left_alone_and_it_is_written_why() {
    let (mut house, recorder) = house(&["fcm"]).await;
    let alice = house.register("alice").await;
    house.register("bob").await;
    bind(&house, "bob", "phone", "fcm", "t1").await;
    let tenant = house.use_cases.find_app(&APP.parse().unwrap()).unwrap();
    let quiet = SilenceChange { level: Some("NONE".to_owned()), ..SilenceChange::default() };
    let target = SilenceTarget::User("alice");
    house.use_cases.set_silence(&tenant, "bob", target, &quiet, None).await.unwrap();
    let _stop = house.start_jobs();
    house.send(&alice, "bob", 1).await.unwrap();
    let record = records(&house, "bob", 1).await.remove(0);
    assert_eq!(record.devices[0].outcome, PushOutcome::Skipped(Skip::Level));
    assert!(recorder.0.lock().is_empty());
}

// jmessage.md 1.3: set by its pages and back ends, for a user, a group or all.
#[tokio::test]
async fn who_set_do_not_disturb_is_not_woken_by_whom_he_meant() {
    let (mut house, recorder) = house(&["fcm"]).await;
    let (alice, carol) = (house.register("alice").await, house.register("carol").await);
    house.register("bob").await;
    bind(&house, "bob", "phone", "fcm", "t1").await;
    let tenant = house.use_cases.find_app(&APP.parse().unwrap()).unwrap();
    let set = app::SetNoDisturb { add_users: vec!["alice".to_owned()], ..app::SetNoDisturb::default() };
    house.use_cases.set_no_disturb(&tenant, "bob", &set).await.unwrap();
    let _stop = house.start_jobs();
    house.send(&alice, "bob", 1).await.unwrap();
    house.send(&carol, "bob", 2).await.unwrap();
    let outcome = |records: &[PushRecord], sender: &str| {
        records.iter().find(|record| record.sender == sender).unwrap().devices[0].outcome.clone()
    };
    let told = records(&house, "bob", 2).await;
    assert_eq!(outcome(&told, "alice"), PushOutcome::Skipped(Skip::Silent));
    assert_eq!(outcome(&told, "carol"), PushOutcome::Sent);
    assert_eq!(recorder.0.lock().len(), 1);
}

#[tokio::test]
async fn a_provider_that_the_app_does_not_have_is_named_at_the_binding() {
    let (house, _) = house(&["fcm"]).await;
    house.register("bob").await;
    let bind = Bind { device: "d".to_owned(), notifier: "apns".to_owned(), token: "t".to_owned() };
    let tenant = house.use_cases.find_app(&APP.parse().unwrap()).unwrap();
    let refused = house.use_cases.bind_push(&tenant, "bob", &bind).await.unwrap_err();
    assert_eq!(refused.condition(), conditions::Condition::PushBindFailed);
}
