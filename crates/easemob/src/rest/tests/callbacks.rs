//! What webhooks gave up, told and sent again (easemob-rest.md 3.19).

use std::time::Duration;

use app::ports::CallFailed;
use domain::hook::{PostSend, RuleKind, RuleSpec};
use serde_json::{Value, json};

use super::{Reply, World};

impl World {
    /// With a webhook whose server does not take the one message that was sent.
    async fn with_a_report_given_up() -> Self {
        let world = Self::new().await;
        let spec = RuleSpec {
            name: "log".to_owned(),
            url: "https://chat.example.com/log".to_owned(),
            enabled: true,
            conversations: Vec::new(),
            environment: None,
            kind: RuleKind::PostSend(PostSend { keep: false, ..PostSend::default() }),
        };
        world.use_cases.add_hook(&world.app.value.key, spec).await.unwrap();
        world.hook_server.failures.lock().extend([CallFailed::Status(500), CallFailed::Status(500)]);
        let body = json!({ "from": "alice", "to": ["bob"], "type": "txt", "body": { "msg": "hi" } });
        world.back_end("POST", "/messages/users", Some(body)).await.ok();
        world.begin_jobs();
        for _ in 0..500 {
            if world.info().await != json!([]) {
                return world;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing is kept");
    }

    async fn info(&self) -> Value {
        self.back_end("GET", "/callbacks/storage/info", None).await.ok().body["data"].clone()
    }

    async fn retry(&self, body: Value) -> Reply {
        self.back_end("POST", "/callbacks/storage/retry", Some(body)).await
    }
}

#[tokio::test]
async fn what_was_given_up_is_told_by_ten_minutes_and_sent_again() {
    let world = World::with_a_report_given_up().await;
    // The clock stands at 21 November 2026, 00:28:33 UTC.
    assert_eq!(world.info().await, json!([{ "date": "202611210020", "size": 1, "retry": 0 }]));
    let reply = world.retry(json!({ "date": "202611210020", "retry": 0 })).await.ok().body;
    assert_eq!(
        [&reply["data"], &reply["path"], &reply["uri"], &reply["action"]],
        ["success", "/callbacks", "http://chat.example.com:8080/demo/kith/callbacks", "post"]
    );
    let heard = world.hook_server.heard.lock().clone();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|call| call.key == heard[0].key && call.body == heard[0].body), "{heard:?}");
    assert_eq!(world.info().await, json!([]));
    let again = world.retry(json!({ "date": "202611210020" })).await.ok();
    assert_eq!(again.body["data"], "failure", "nothing is left");
}

#[tokio::test]
async fn a_target_of_the_callers_is_called_instead() {
    let world = World::with_a_report_given_up().await;
    let target = "https://elsewhere.example.com/again";
    world.hook_server.failures.lock().push(CallFailed::Status(500));
    let body = json!({ "date": "202611210020", "targetUrl": target });
    assert_eq!(world.retry(body.clone()).await.ok().body["data"], "failure");
    assert_eq!(world.info().await, json!([{ "date": "202611210020", "size": 1, "retry": 1 }]));
    assert_eq!(world.retry(body).await.ok().body["data"], "success");
    let heard = world.hook_server.heard.lock().clone();
    assert_eq!((heard[2].url.as_str(), heard[3].url.as_str(), heard.len()), (target, target, 4));
}

#[tokio::test]
async fn reports_are_there_for_three_days() {
    let world = World::with_a_report_given_up().await;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    world.wait(minutes(3 * 24 * 60 - 10));
    assert_eq!(world.info().await[0]["size"], 1);
    world.wait(minutes(20));
    assert_eq!(world.info().await, json!([]));
    assert_eq!(world.retry(json!({ "date": "202611210020" })).await.ok().body["data"], "failure");
}

#[tokio::test]
async fn what_is_no_slice_or_target_is_refused() {
    let world = World::new().await;
    for (body, condition) in [
        (json!({}), "argument_missing"),
        (json!({ "date": "2026112100" }), "argument_invalid"),
        (json!({ "date": "202611210028" }), "argument_invalid"),
        (json!({ "date": "202611210020", "retry": "often" }), "argument_invalid"),
        (json!({ "date": "202611210020", "targetUrl": "file:///etc/passwd" }), "argument_invalid"),
        (json!({ "date": "202611210020", "targetUrl": "" }), "success"),
    ] {
        assert_eq!(world.retry(body.clone()).await.condition(), condition, "{body}");
    }
    world.set("webhook.keep_undelivered", "false").await;
    let refused = world.retry(json!({ "date": "202611210020" })).await;
    assert_eq!(
        refused.error(),
        (403, "service_not_enabled", "forbidden_op", "callback storage service not open!")
    );
    assert_eq!(
        world.back_end("GET", "/callbacks/storage/info", None).await.condition(),
        "service_not_enabled"
    );
}
