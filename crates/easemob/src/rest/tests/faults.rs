//! What callers see when the server is at fault, and what still happens when they hang up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bus::{Bus, LocalBus, Subscriber};
use bytes::Bytes;
use conditions::Operation;
use http::{Method, Request};
use kv::{Batch, CellKey, Committed, Health, Kv, KvError, MemoryKv, Read, ReadLog, Scan};
use model::CloseCause;
use serde_json::json;
use tokio::sync::Semaphore;

use super::sessions::Closed;
use super::{Reply, World};
use crate::rest::routes::{Reads, Route, Who};
use crate::rest::serve::{Target, serve};
use crate::rest::{Options, Site};

/// The in-memory engine with a hand on its commits.
#[derive(Debug)]
struct HandKv {
    kv: MemoryKv,
    failing: AtomicBool,
    /// One permit lets one commit through.
    commits: Semaphore,
    /// Commits that wait for a permit, and those that failed so far.
    waiting: AtomicUsize,
    failed: AtomicUsize,
}

impl HandKv {
    fn new() -> Arc<Self> {
        let commits = Semaphore::new(1000);
        Arc::new(Self {
            kv: MemoryKv::new(),
            failing: AtomicBool::new(false),
            commits,
            waiting: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        })
    }
}

/// Waits for something that has no event of its own.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patient = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), patient).await;
    waited.unwrap_or_else(|_| panic!("{what}: it should hold by now"));
}

#[async_trait]
impl Read for HandKv {
    async fn get_many(&self, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, KvError> {
        self.kv.get_many(keys).await
    }
    async fn scan(&self, scan: Scan) -> Result<Vec<(Bytes, Bytes)>, KvError> {
        self.kv.scan(scan).await
    }
    async fn read_log(&self, read: ReadLog) -> Result<Vec<(u64, Bytes)>, KvError> {
        self.kv.read_log(read).await
    }
    async fn log_heads(&self, logs: &[Bytes]) -> Result<Vec<u64>, KvError> {
        self.kv.log_heads(logs).await
    }
}

#[async_trait]
impl Kv for HandKv {
    async fn commit(&self, batch: Batch) -> Result<Committed, KvError> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.commits.acquire().await.unwrap().forget();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.failing.load(Ordering::Acquire) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Err(KvError::Unavailable { detail: "a secret path".into() });
        }
        self.kv.commit(batch).await
    }
    async fn snapshot(&self) -> Result<Box<dyn Read>, KvError> {
        self.kv.snapshot().await
    }
    async fn periods(&self) -> Result<Vec<u32>, KvError> {
        self.kv.periods().await
    }
    async fn drop_period(&self, period: u32) -> Result<(), KvError> {
        self.kv.drop_period(period).await
    }
    fn health(&self) -> Health {
        self.kv.health()
    }
    async fn close(&self) {
        self.kv.close().await;
    }
}

#[tokio::test]
async fn storage_that_fails_is_503_with_a_time_to_wait_and_no_details() {
    let kv = HandKv::new();
    let world = World::on(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(LocalBus::new())).await;
    kv.failing.store(true, Ordering::Release);

    let check = |reply: Reply| {
        assert_eq!((reply.status.as_u16(), reply.condition()), (503, "storage_unavailable"));
        assert_eq!(reply.body["error"], "service_unavailable");
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(!reply.text.contains("secret"), "{}", reply.text);
    };
    check(world.post("/users", json!({ "username": "carol", "password": "pw" })).await);
    let batch = json!([{ "username": "c1", "password": "pw" }, { "username": "c2", "password": "pw" }]);
    check(world.back_end("POST", "/users", Some(batch)).await);

    let partly = json!([{ "username": "alice", "password": "pw" }, { "username": "c2", "password": "pw" }]);
    check(world.back_end("POST", "/users", Some(partly)).await);
}

#[tokio::test]
async fn what_was_written_is_told_although_the_caller_hung_up() {
    let (kv, bus) = (HandKv::new(), Arc::new(LocalBus::new()));
    let closed = Arc::new(Closed::default());
    bus.subscribe(Arc::clone(&closed) as Arc<dyn Subscriber>);
    let world = World::on(Arc::clone(&kv) as Arc<dyn Kv>, bus).await;
    let token = world.app_token().await;

    kv.commits.forget_permits(usize::MAX);
    {
        let call = world.call("POST", "/users/alice/deactivate", Some(&token), None);
        let commit_waits = eventually("the commit waits", async || kv.waiting.load(Ordering::Relaxed) == 1);
        tokio::select! {
            reply = call => panic!("answered before the commit: {}", reply.text),
            () = commit_waits => {}
        }
    }
    assert!(closed.0.lock().is_empty());
    kv.commits.add_permits(1000);
    eventually("the subscribers are told", async || !closed.0.lock().is_empty()).await;
    let causes: Vec<_> = closed.0.lock().iter().map(|(_, cause)| cause.clone()).collect();
    assert_eq!(causes, [CloseCause::UserDeactivated]);
}

// Each try at its end takes the job a second.
#[tokio::test]
async fn a_stream_that_can_not_be_stored_is_given_up_after_ten_minutes() {
    let kv = HandKv::new();
    let world = World::on(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(LocalBus::new())).await;
    let token = world.app_token().await;
    let part = async |id: Option<&str>, seq: u64| {
        let body = json!({ "from": "bot", "to": "bob", "body": { "msgId": id, "msg": "x", "seq": seq } });
        world.call("POST", "/stream_message/user", Some(&token), Some(body)).await
    };
    let begun = part(None, 0).await.ok();
    let id = begun.body["data"]["msgId"].as_str();
    kv.failing.store(true, Ordering::Release);
    world.wait(Duration::from_secs(31));
    world.begin_jobs();
    eventually("the job has tried", async || kv.failed.load(Ordering::Relaxed) > 0).await;
    assert_eq!(part(id, 1).await.condition(), "storage_unavailable", "it is tried still");
    world.wait(Duration::from_secs(601));
    eventually("it is given up", async || part(id, 1).await.condition() == "stream_silent").await;
    kv.failing.store(false, Ordering::Release);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(world.said("bot", "bob").await.is_empty());
}

#[tokio::test]
async fn one_of_two_calls_that_create_the_same_user_at_once_may_lose_and_neither_fails_otherwise() {
    let world = World::new().await;
    let token = world.app_token().await;
    let inherit = || {
        let body = json!({ "grant_type": "inherit", "username": "carol", "autoCreateUser": true });
        world.call("POST", "/token", Some(&token), Some(body))
    };
    let (one, other) = tokio::join!(inherit(), inherit());
    let lost =
        (409, "concurrent_operation", "concurrent_operation_error", "concurrency create app user failed");
    let outcomes = [one, other];
    assert!(outcomes.iter().any(|reply| reply.status == 200));
    for reply in outcomes.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.error(), lost);
    }
}

static PANICS: Route = Route {
    method: Method::GET,
    path: "/panics",
    who: Who::Anybody,
    reads: Reads::Nothing,
    operation: Operation::UserGet,
    run: |_| Box::pin(async { panic!("a bug") }),
};

#[tokio::test]
async fn a_bug_ends_one_request_with_an_answer() {
    let world = World::new().await;
    let site = Arc::new(Site { use_cases: Arc::clone(&world.use_cases), options: Options::default() });
    let serve = move |request: Request<Body>| serve(Arc::clone(&site), Target::Route(&PANICS), request);
    let router = axum::Router::new().route("/{org}/{app}/panics", axum::routing::get(serve));
    let world = World { router, ..world };
    let reply = world.call("GET", "/panics", None, None).await;
    assert_eq!(reply.error(), (500, "internal_error", "web_application", "Internal server error"));
}
