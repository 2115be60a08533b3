//! Apps' own servers are told what happened: in order, again after a failure, and from where they were after a restart.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use app::ports::{CallFailed, Callbacks, Forms, Happening, HookCall, Ports};
use async_trait::async_trait;
use bytes::Bytes;
use domain::app::{App, Settings};
use domain::hook::{Answer, EventType, MessageType, PostSend, PreSend, Rule, RuleKind, RuleSpec};
use model::{ConversationKind, Entry};
use parking_lot::Mutex;

use crate::house::{APP, House, Moody};

/// Texts, told by their ids.
#[derive(Debug)]
struct Plain;

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
        vec![told.into()]
    }
    fn question(&self, _: &App, _: &Rule, _: ConversationKind, _: &Entry) -> Bytes {
        Bytes::new()
    }
    fn answer(&self, _: &PreSend, _: ConversationKind, _: &Entry, _: &[u8]) -> Option<Answer> {
        None
    }
}

/// The app's server: fails as it is told to, then takes everything.
#[derive(Debug, Default)]
struct Server {
    failures: Mutex<VecDeque<CallFailed>>,
    calls: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Callbacks for Server {
    async fn tell(&self, call: HookCall) -> Result<(), CallFailed> {
        let body = String::from_utf8(call.body.to_vec()).unwrap();
        self.calls.lock().push((body, call.key));
        self.failures.lock().pop_front().map_or(Ok(()), Err)
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
    let server = Arc::new(Server::default());
    let ports = Ports {
        forms: Arc::new(Plain),
        callbacks: Arc::clone(&server) as Arc<dyn Callbacks>,
        ..Ports::default()
    };
    (House::over_with(kv, ports).await, server)
}

async fn with_rule(post: PostSend) -> (House, Arc<Server>) {
    let (house, server) = house(Moody::default()).await;
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
    // The cursor is moved behind the last call.
    tokio::time::sleep(Duration::from_secs(1)).await;
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
