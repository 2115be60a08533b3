//! Apps' own servers are told what happened: in order, again after a failure, and from where they were after a restart.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::Clock;
use app::ports::{CallFailed, Callbacks, Forms, Happening, HookCall, Ports};
use async_trait::async_trait;
use bytes::Bytes;
use domain::app::{App, Settings};
use domain::hook::{Answer, EventType, MessageType, PostSend, PreSend, Rule, RuleKind, RuleSpec, Slice};
use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use model::{ConversationKind, Entry, Timestamp};
use parking_lot::Mutex;

use crate::house::{APP, House, Moody, NOON};

/// Texts, told by their ids and so many quotes.
#[derive(Debug)]
struct Plain {
    quotes: usize,
}

impl Forms for Plain {
    fn message_type(&self, _: &Entry) -> Option<MessageType> {
        Some(MessageType::Text)
    }
    fn environment(&self, _: &Entry) -> Option<model::Environment> {
        None
    }
    fn moderation_line(&self, _: &App, _: &domain::moderation::ModerationRecord) -> Bytes {
        Bytes::new()
    }
    fn texts(&self, _: &Entry) -> Vec<String> {
        Vec::new()
    }
    fn with_texts(&self, _: &Entry, _: &[String]) -> Option<Bytes> {
        None
    }
    fn report(&self, _: &App, _: &Rule, happening: &Happening<'_>) -> Vec<Bytes> {
        let told = match happening {
            Happening::Message { entry, .. } => format!("message {}", entry.id),
            Happening::OfflineMessage { entry, .. } => format!("offline {}", entry.id),
            _ => return Vec::new(),
        };
        vec![(told + &"\"".repeat(self.quotes)).into()]
    }
    fn question(&self, _: &App, _: &Rule, _: ConversationKind, _: &Entry) -> Bytes {
        Bytes::new()
    }
    fn answer(&self, _: &PreSend, _: ConversationKind, _: &Entry, _: &[u8]) -> Option<Answer> {
        None
    }
}

/// The app's server: fails as it is told to, then takes everything. Also the clock, which it may keep busy.
#[derive(Debug, Default)]
struct Server {
    /// Milliseconds that each call takes, and that have passed.
    takes: AtomicU64,
    passed: AtomicU64,
    failures: Mutex<VecDeque<CallFailed>>,
    calls: Mutex<Vec<(String, String)>>,
    urls: Mutex<Vec<String>>,
}

#[async_trait]
impl Callbacks for Server {
    async fn tell(&self, call: HookCall) -> Result<(), CallFailed> {
        let body = String::from_utf8(call.body.to_vec()).unwrap();
        self.calls.lock().push((body, call.key));
        self.urls.lock().push(call.url);
        self.passed.fetch_add(self.takes.load(Ordering::Relaxed), Ordering::Relaxed);
        self.failures.lock().pop_front().map_or(Ok(()), Err)
    }
}

impl Clock for Server {
    fn now(&self) -> Timestamp {
        NOON.plus(Duration::from_millis(self.passed.load(Ordering::Relaxed)))
    }
}

impl Server {
    async fn heard(&self, times: usize) -> Vec<String> {
        for _ in 0..1_000 {
            if self.calls.lock().len() >= times {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.calls.lock().iter().map(|(body, _)| body.clone()).collect()
    }
}

async fn house(kv: Moody) -> (House, Arc<Server>) {
    house_that_tells(kv, Plain { quotes: 0 }).await
}

async fn house_that_tells(kv: Moody, forms: Plain) -> (House, Arc<Server>) {
    let server = Arc::new(Server::default());
    let ports = Ports {
        forms: Arc::new(forms),
        callbacks: Arc::clone(&server) as Arc<dyn Callbacks>,
        ..Ports::default()
    };
    (House::at(kv, ports, Arc::clone(&server) as Arc<dyn Clock>).await, server)
}

async fn with_rule(post: PostSend) -> (House, Arc<Server>) {
    with_rule_that_tells(post, Plain { quotes: 0 }).await
}

async fn with_rule_that_tells(post: PostSend, forms: Plain) -> (House, Arc<Server>) {
    let (house, server) = house_that_tells(Moody::default(), forms).await;
    house
        .use_cases
        .create_app(app::CreateApp {
            key: APP.parse().unwrap(),
            settings: Settings::default(),
            jmessage: false,
        })
        .await
        .unwrap();
    let spec = RuleSpec {
        name: "log".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: None,
        kind: RuleKind::PostSend(post),
    };
    house.use_cases.add_hook(&APP.parse().unwrap(), spec).await.unwrap();
    (house, server)
}

#[tokio::test]
async fn messages_are_told_once_each_in_order_also_over_a_restart() {
    let (mut house, server) = with_rule(PostSend::default()).await;
    let alice = house.register("alice").await;
    house.register("bob").await;
    let stop = house.start_jobs();
    let mut expected = Vec::new();
    for client in 1..=5 {
        expected.push(format!("message {}", house.send(&alice, "bob", client).await.unwrap().id));
    }
    assert_eq!(server.heard(5).await, expected);
    caught_up(&house).await;
    drop(stop);

    let kv = house.kv.clone();
    let (mut house, server) = self::house(kv).await;
    let _stop = house.start_jobs();
    let last = format!("message {}", house.send(&alice, "bob", 6).await.unwrap().id);
    assert_eq!(server.heard(1).await, std::slice::from_ref(&last));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.heard(1).await, [last], "what was told is not told again");
}

#[tokio::test]
async fn a_report_that_fails_is_tried_until_it_goes_through_under_the_same_key() {
    let (mut house, server) = with_rule(PostSend::default()).await;
    server.failures.lock().extend([
        CallFailed::Status(503),
        CallFailed::Status(503),
        CallFailed::Status(500),
    ]);
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    let first = format!("message {}", house.send(&alice, "bob", 1).await.unwrap().id);
    assert_eq!(server.heard(4).await, [first.clone(), first.clone(), first.clone(), first]);
    let keys: Vec<String> = server.calls.lock().iter().map(|(_, key)| key.clone()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_rule_that_keeps_nothing_tries_twice_and_goes_on() {
    let (mut house, server) = with_rule(PostSend { keep: false, ..PostSend::default() }).await;
    server.failures.lock().extend([CallFailed::Status(503), CallFailed::Status(503)]);
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    let lost = format!("message {}", house.send(&alice, "bob", 1).await.unwrap().id);
    let told = format!("message {}", house.send(&alice, "bob", 2).await.unwrap().id);
    assert_eq!(server.heard(3).await, [lost.clone(), lost, told]);
}

#[tokio::test]
async fn a_message_to_somebody_who_is_away_is_told_as_such() {
    let events = vec![EventType::OfflineMessage];
    let (mut house, server) = with_rule(PostSend { events, ..PostSend::default() }).await;
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    let sent = house.send(&alice, "bob", 1).await.unwrap();
    assert_eq!(server.heard(1).await, [format!("offline {}", sent.id)]);
}

/// Waits until the webhook is past everything that came.
async fn caught_up(house: &House) {
    let (app, rule) = (house.app(), house.tenant().value.hooks[0].id.clone());
    for _ in 0..1_000 {
        let heads = house.store.hooks.heads(app).await.unwrap();
        if house.store.hooks.position(app, &rule).await.unwrap() == Some(heads) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the cursor stands still");
}

/// What is kept: how many reports, and how often they were sent again.
async fn kept(house: &House) -> Vec<(u64, u32)> {
    let slices = house.use_cases.undelivered_slices(&house.tenant()).await.unwrap();
    slices.iter().map(|(_, state)| (state.reports, state.retries)).collect()
}

/// The only slice there is.
async fn slice(house: &House) -> Slice {
    for _ in 0..1_000 {
        let slices = house.use_cases.undelivered_slices(&house.tenant()).await.unwrap();
        if let [(slice, _)] = slices[..] {
            return slice;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing is kept");
}

/// A house whose app's server did not take one message, which is kept.
async fn with_one_given_up(post: PostSend, answers: &[u16]) -> (House, Arc<Server>, String) {
    let (mut house, server) = with_rule(post).await;
    server.failures.lock().extend(answers.iter().map(|status| CallFailed::Status(*status)));
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    let report = format!("message {}", house.send(&alice, "bob", 1).await.unwrap().id);
    slice(&house).await;
    server.calls.lock().clear();
    server.urls.lock().clear();
    (house, server, report)
}

#[tokio::test]
async fn a_report_that_was_given_up_is_sent_again_when_the_back_end_asks_also_after_a_restart() {
    let post = PostSend { keep: false, ..PostSend::default() };
    let (house, _, report) = with_one_given_up(post, &[503, 503]).await;
    let (house, server) = self::house(house.kv.clone()).await;
    assert_eq!(kept(&house).await, [(1, 0)]);
    let date = slice(&house).await;
    assert!(house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
    assert_eq!(server.heard(1).await, [report]);
    assert!(kept(&house).await.is_empty());
    assert!(!house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap(), "nothing is left");
}

#[tokio::test]
async fn what_the_server_does_not_want_is_kept_too_and_goes_where_the_back_end_says() {
    let (house, server, report) = with_one_given_up(PostSend::default(), &[404, 404]).await;
    let date = slice(&house).await;
    let url = "https://elsewhere.example.com/again";
    assert!(house.use_cases.redeliver(&house.tenant(), date, Some(url)).await.unwrap());
    assert_eq!((server.heard(1).await, server.urls.lock().clone()), (vec![report], vec![url.to_owned()]));
}

#[tokio::test]
async fn a_report_that_fails_again_stays_for_ten_tries() {
    let (house, server, _) = with_one_given_up(PostSend::default(), &[404, 404]).await;
    let date = slice(&house).await;
    for tries in 1..=10 {
        server.failures.lock().push_back(CallFailed::Status(500));
        assert!(!house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
        assert_eq!(kept(&house).await, [(1, tries)]);
    }
    assert!(!house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
    assert_eq!(server.calls.lock().len(), 10, "not an eleventh time");
}

#[tokio::test]
async fn a_report_too_large_to_be_kept_does_not_hold_up_those_behind_it() {
    let post = PostSend { keep: false, ..PostSend::default() };
    let (mut house, server) = with_rule_that_tells(post, Plain { quotes: 1 << 20 }).await;
    server.failures.lock().extend([CallFailed::Status(503), CallFailed::Status(503)]);
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    house.send(&alice, "bob", 1).await.unwrap();
    let told = house.send(&alice, "bob", 2).await.unwrap().id;
    assert!(server.heard(3).await[2].starts_with(&format!("message {told}\"")));
    caught_up(&house).await;
    assert!(kept(&house).await.is_empty());
}

#[tokio::test]
async fn a_call_that_only_ran_out_of_time_is_none_of_the_ten_tries() {
    const REPORTS: u64 = 12;
    let (mut house, server) = with_rule(PostSend { keep: false, ..PostSend::default() }).await;
    server.failures.lock().extend((0..2 * REPORTS).map(|_| CallFailed::Status(503)));
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    for client in 1..=REPORTS {
        house.send(&alice, "bob", client.into()).await.unwrap();
    }
    server.heard(24).await;
    caught_up(&house).await;
    assert_eq!(kept(&house).await, [(REPORTS, 0)]);

    // The twenty seconds are over before the last two have begun.
    server.takes.store(2_000, Ordering::Relaxed);
    let date = slice(&house).await;
    assert!(!house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
    assert_eq!(kept(&house).await, [(2, 0)]);
    server.takes.store(20_000, Ordering::Relaxed);
    server.failures.lock().push_back(CallFailed::Status(500));
    assert!(!house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
    assert_eq!(kept(&house).await, [(2, 1)], "one that failed speaks against another try");
    server.takes.store(0, Ordering::Relaxed);
    assert!(house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
    assert!(kept(&house).await.is_empty());
}

#[tokio::test]
async fn the_kept_reports_of_a_webhook_that_is_gone_are_gone() {
    let (house, server, _) = with_one_given_up(PostSend::default(), &[404, 404]).await;
    let date = slice(&house).await;
    house.use_cases.remove_hook(&APP.parse().unwrap(), "log").await.unwrap();
    assert!(house.use_cases.redeliver(&house.tenant(), date, None).await.unwrap());
    assert!(kept(&house).await.is_empty());
    assert!(server.calls.lock().is_empty());
}

#[tokio::test]
async fn where_nothing_is_to_be_kept_nothing_is() {
    let (mut house, server) = with_rule(PostSend { keep: false, ..PostSend::default() }).await;
    let use_cases = Arc::clone(&house.use_cases);
    let set = async |value: &str| {
        let changes = [("webhook.keep_undelivered".to_owned(), value.to_owned())];
        use_cases.set_app(&APP.parse().unwrap(), &changes).await.unwrap();
    };
    set("false").await;
    let refused = house.use_cases.undelivered_slices(&house.tenant()).await.unwrap_err();
    assert_eq!(refused.condition(), conditions::Condition::ServiceNotEnabled);
    server.failures.lock().extend([CallFailed::Status(503), CallFailed::Status(503)]);
    let alice = house.register("alice").await;
    house.register("bob").await;
    let _stop = house.start_jobs();
    house.send(&alice, "bob", 1).await.unwrap();
    house.send(&alice, "bob", 2).await.unwrap();
    server.heard(3).await;
    caught_up(&house).await;
    set("true").await;
    assert!(kept(&house).await.is_empty());
}

/// What the lag was said to be, one after the other.
#[derive(Debug, Default)]
struct Lags(Mutex<Vec<f64>>);

impl GaugeFn for Lags {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.lock().push(value);
    }
}

struct Recording(Arc<Lags>);

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let is_lag = key.name() == "kith_webhook_lag_seconds";
        if is_lag { Gauge::from_arc(Arc::clone(&self.0)) } else { Gauge::noop() }
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

// webhooks.md promises that the metric shows a back end that falls behind, and that it has caught up.
#[tokio::test]
async fn the_lag_grows_while_the_server_fails_and_is_nothing_afterwards() {
    let lags = Arc::new(Lags::default());
    let recorder = Recording(Arc::clone(&lags));
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (mut house, server) = with_rule(PostSend::default()).await;
    server.takes.store(1_000, Ordering::Relaxed);
    server.failures.lock().extend([CallFailed::Status(503), CallFailed::Status(503)]);
    let alice = house.register("alice").await;
    house.register("bob").await;
    let stop = house.start_jobs();
    house.send(&alice, "bob", 1).await.unwrap();
    server.heard(3).await;
    caught_up(&house).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = lags.0.lock().clone();
    assert!(seen.contains(&2.0), "{seen:?}");
    assert_eq!(seen.last(), Some(&0.0), "{seen:?}");
    drop(stop);
}
