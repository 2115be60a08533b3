//! The history as old back ends ask for it (easemob-rest.md 3.9).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Reply, World};

impl World {
    async fn asked(&self, ql: &str, more: &str) -> Reply {
        let ql: String = form_urlencoded::byte_serialize(ql.as_bytes()).collect();
        self.back_end("GET", &format!("/chatmessages?ql={ql}{more}"), None).await
    }

    /// The ids on all pages.
    async fn found(&self, ql: &str, limit: usize) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let reply = self.asked(ql, &format!("&limit={limit}{cursor}")).await.ok();
            let entities = reply.body["entities"].as_array().unwrap();
            assert!(entities.len() <= limit);
            assert_eq!(reply.body["count"], entities.len());
            ids.extend(entities.iter().map(|entity| entity["msg_id"].as_str().unwrap().to_owned()));
            match reply.body["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    }
}

#[tokio::test]
async fn what_old_samples_ask_is_answered_page_by_page() {
    let world = World::new().await;
    let mut all = Vec::new();
    for number in 0..25 {
        let (from, to) = if number % 5 == 0 { ("bob", "alice") } else { ("alice", "bob") };
        all.push(world.sent(from, to, "txt").await);
        world.wait(Duration::from_secs(1));
    }
    let newest: Vec<String> = all.iter().rev().cloned().collect();
    for limit in [1, 7, 25, 1_000] {
        assert_eq!(world.found("select *", limit).await, all, "{limit}");
        assert_eq!(world.found("select * order by timestamp desc", limit).await, newest, "{limit}");
    }
    let begin = super::NOW.0 + 10_000;
    let since = format!("select * where timestamp>={begin}");
    assert_eq!(world.found(&since, 4).await, all[10..]);
    let span =
        format!("select * where timestamp>{begin} and timestamp<{} order by timestamp desc", begin + 5_000);
    let expected: Vec<&String> = all[11..15].iter().rev().collect();
    assert_eq!(world.found(&span, 3).await.iter().collect::<Vec<_>>(), expected);
    let of_bob: Vec<&String> = all.iter().step_by(5).collect();
    assert_eq!(world.found("select * where from='bob'", 3).await.iter().collect::<Vec<_>>(), of_bob);
    assert_eq!(world.found("where from='bob' and chat_type='groupchat'", 3).await, [""; 0]);

    let reply = world.asked("select * where to='alice'", "&limit=1").await.ok();
    let entity = &reply.body["entities"][0];
    let keys =
        ["type", "from", "to", "chat_type", "timestamp", "created", "msg_id"].map(|key| entity[key].clone());
    let at = super::NOW.0;
    let expected = json!(["chatmessage", "bob", "alice", "chat", at, at, all[0]]);
    assert_eq!(Value::from(keys.to_vec()), expected);
    assert_eq!(entity["payload"]["bodies"][0]["type"], "txt");
    assert_eq!(reply.body["params"]["limit"], json!(["1"]));
}

#[tokio::test]
async fn a_first_page_is_not_empty_because_much_came_before_it() {
    let world = World::new().await;
    for _ in 0..600 {
        world.sent("alice", "bob", "txt").await;
        world.wait(Duration::from_secs(1));
    }
    let begin = super::NOW.0 + 500_000;
    for ql in [
        format!("select * where timestamp>={begin}"),
        format!("select * where timestamp<{} order by timestamp desc", super::NOW.0 + 100_000),
    ] {
        let page = world.asked(&ql, "&limit=10").await.ok();
        assert_eq!(page.body["count"], 10, "{ql}");
    }
    let never = world.asked("select * where timestamp>18446744073709551614", "").await.ok();
    assert_eq!((&never.body["count"], &never.body["cursor"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn what_is_too_old_or_was_taken_back_is_not_found() {
    let world = World::new().await;
    world.sent("alice", "bob", "txt").await;
    world.wait(Duration::from_secs(3 * 24 * 60 * 60 + 1));
    let recalled = world.sent("alice", "bob", "txt").await;
    let kept = world.sent("alice", "bob", "txt").await;
    let recall = json!({ "msg_id": recalled, "to": "bob", "chat_type": "chat", "force": true });
    world.back_end("POST", "/messages/msg_recall", Some(recall)).await.ok();
    assert_eq!(world.found("select * where timestamp>0", 10).await, std::slice::from_ref(&kept));
    assert_eq!(world.found("order by timestamp desc", 10).await, [kept]);
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused_with_a_remedy() {
    let world = World::new().await;
    for ql in ["select * where payload contains 'x'", "select from", "delete *"] {
        let reply = world.asked(ql, "").await;
        let text = "This chatmessage request is not supported";
        assert_eq!(reply.error(), (400, "history_query_invalid", "illegal_argument", text), "{ql}");
    }
    assert_eq!(world.asked("", "&cursor=zzz").await.condition(), "cursor_invalid");
    assert_eq!(world.asked("", "&limit=0").await.condition(), "argument_invalid");
}
