//! Sensitive words, and whether clients may register users.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn words_are_added_changed_listed_and_removed() {
    let world = World::new().await;
    let path = "/v1/sensitiveword/";
    let words = async |query: &str| world.get(&format!("{path}?{query}")).await.is(200).body;
    assert_eq!(words("").await, json!({ "start": 0, "count": 0, "total": 0, "words": [] }));
    assert_eq!(world.get("/v1/sensitiveword/status").await.body, json!({ "status": 0 }));
    world.post(path, json!(["bad", "worse"])).await.is(204);
    // What is there stays.
    world.post(path, json!(["bad", "worst", "worst"])).await.is(204);
    let page = words("start=0&count=2").await;
    assert_eq!((&page["total"], &page["count"]), (&json!(3), &json!(2)));
    assert_eq!(page["words"][0], json!({ "name": "bad", "itime": "2026-11-21 08:28:33" }));
    world.put(path, json!({ "old_word": "bad", "new_word": "evil" })).await.is(204);
    world.delete(path, json!({ "word": "worse" })).await.is(204);
    let names: Vec<String> = words("start=0&count=9").await["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["evil", "worst"]);
    for body in [json!([]), json!({}), json!([7]), json!([""]), json!(["01234567890"])] {
        assert_eq!(world.post(path, body).await.error(), (400, 899_003));
    }
    let many: Vec<String> = (0..99).map(|number| format!("w{number}")).collect();
    assert!(world.post(path, json!(many)).await.status == 403, "an app has 100 words");
    assert_eq!(world.put(path, json!({ "old_word": "bad", "new_word": "x" })).await.error(), (400, 899_003));
    assert_eq!(world.put(path, json!({ "old_word": "evil" })).await.error(), (400, 899_003));
    assert_eq!(world.delete(path, json!({ "word": "bad" })).await.error(), (400, 899_003));
}

#[tokio::test]
async fn switches_are_thrown_and_read() {
    let world = World::new().await;
    for path in ["/v1/sensitiveword/status", "/v1/sdkregister/status"] {
        for status in [1, 0, 1] {
            world.put(&format!("{path}?status={status}"), Value::Null).await.is(204);
            assert_eq!(world.get(path).await.is(200).body, json!({ "status": status }), "{path}");
        }
        for query in ["", "?status=2", "?status="] {
            assert_eq!(world.put(&format!("{path}{query}"), Value::Null).await.error(), (400, 899_003));
        }
    }
    assert!(world.use_cases.find_app(&world.app.value.key).unwrap().value.settings.open_registration);
}
