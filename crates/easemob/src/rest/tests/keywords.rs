//! Keyword lists: every call in the vendor's form, what is refused, and what they do to a back end's messages.

use serde_json::{Value, json};

use super::World;

const LIST: &str = "/moderation/text/list";

async fn create(world: &World, name: &str, disposition: &str, words: &[&str]) -> Value {
    let body = json!({ "name": name, "scope": "ALL", "disposition": disposition, "textContexts": words, "userId": "v1" });
    world.back_end("POST", LIST, Some(body)).await.ok().body["entity"].clone()
}

#[tokio::test]
async fn a_list_is_made_found_changed_and_removed() {
    let world = World::new().await;
    let made = create(&world, "rude", "REJECT", &["music", "sport"]).await;
    let id = made["id"].as_str().unwrap().to_owned();
    for (key, expected) in [
        ("name", json!("rude")),
        ("appkey", json!("demo#kith")),
        ("category", json!("DEFAULT")),
        ("scope", json!("ALL")),
        ("tagId", Value::Null),
        ("fullMatch", json!(false)),
        ("suggestion", json!("REJECT")),
        ("disposition", json!("REJECT")),
        ("quantity", json!(2)),
        ("status", json!("ACTIVE")),
    ] {
        assert_eq!(made[key], expected, "{key}");
    }
    let word = &made["textList"][0];
    assert_eq!(
        (&word["word"], &word["userId"], &word["listId"]),
        (&json!("music"), &json!("v1"), &json!(id))
    );

    create(&world, "other", "PASS", &[]).await;
    let found = world.back_end("POST", &format!("{LIST}/search"), Some(json!({}))).await.ok().body;
    let names: Vec<&Value> = found["entities"].as_array().unwrap().iter().map(|list| &list["name"]).collect();
    assert_eq!(names, ["other", "rude"], "the latest first");
    assert_eq!(
        (&found["totalElements"], &found["last"], &found["status"]),
        (&json!(2), &json!(true), &json!("OK"))
    );
    for (search, expected) in [
        (json!({ "name": "rude" }), 1),
        (json!({ "name": "nothing" }), 0),
        (json!({ "tagId": "111" }), 0),
        (json!({ "page": 1, "size": 1 }), 1),
        (json!({ "page": "7" }), 0),
    ] {
        let found = world.back_end("POST", &format!("{LIST}/search"), Some(search.clone())).await.ok().body;
        assert_eq!(found["numberOfElements"], expected, "{search}");
    }

    let change =
        json!({ "name": "rude words", "scope": "GROUP", "disposition": "EXCHANGE", "fullMatch": true });
    let changed = world.back_end("PUT", &format!("{LIST}/{id}"), Some(change)).await.ok().body;
    let changed = &changed["entity"];
    assert_eq!(
        (&changed["scope"], &changed["disposition"], &changed["quantity"]),
        (&json!("GROUP"), &json!("EXCHANGE"), &json!(2))
    );

    let removed = world.back_end("DELETE", &format!("{LIST}/{id}"), None).await.ok().body;
    assert_eq!(removed, json!({ "status": "OK", "entity": true }));
    let again = world.back_end("DELETE", &format!("{LIST}/{id}"), None).await;
    assert_eq!(again.error(), (400, "not_found", "Bad Request", "textList data is empty"));
}

#[tokio::test]
async fn words_are_added_found_changed_and_removed() {
    let world = World::new().await;
    let id = create(&world, "rude", "PASS", &["music"]).await["id"].as_str().unwrap().to_owned();
    let path = format!("{LIST}/{id}/word");
    let add = json!({ "wordContents": ["musicradio", "sport"], "userId": "v2" });
    let added = world.back_end("POST", &format!("{path}/batch"), Some(add)).await.ok().body;
    assert_eq!(
        (&added["entity"]["quantity"], added["entity"]["textList"].as_array().unwrap().len()),
        (&json!(3), 2)
    );

    let search = json!({ "word": "MUSIC", "size": "1", "page": "0" });
    let found = world.back_end("POST", &path, Some(search)).await.ok().body;
    assert_eq!((&found["totalElements"], &found["totalPages"]), (&json!(2), &json!(2)));
    let radio = &found["entities"][0];
    assert_eq!(radio["word"], "musicradio");

    let change = json!({ "id": radio["id"], "word": "radio", "userId": "v3" });
    let changed = world.back_end("PUT", &path, Some(change)).await.ok().body["entity"].clone();
    assert_eq!(
        (&changed["word"], &changed["id"], &changed["userId"]),
        (&json!("radio"), &radio["id"], &json!("v3"))
    );

    let remove = format!("{path}?wordId={}", radio["id"].as_str().unwrap());
    let removed = world.back_end("DELETE", &remove, None).await.ok().body;
    assert_eq!(removed, json!({ "status": "OK", "entity": true }));
    let left = world.back_end("POST", &path, Some(json!({ "word": "" }))).await.ok().body;
    assert_eq!(left["totalElements"], 2);
    assert_eq!(world.back_end("DELETE", &remove, None).await.condition(), "not_found");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_the_vendors_words() {
    let world = World::new().await;
    let id = create(&world, "rude", "PASS", &["music"]).await["id"].as_str().unwrap().to_owned();
    let list = |change: Value| {
        let mut body = json!({ "name": "new", "scope": "ALL", "disposition": "PASS", "textContexts": ["a"] });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        (LIST.to_owned(), body)
    };
    let add =
        |words: Value| (format!("{LIST}/{id}/word/batch"), json!({ "wordContents": words, "userId": "v1" }));
    let many: Vec<String> = (0..201).map(|number| number.to_string()).collect();
    for ((path, body), expected) in [
        (list(json!({ "name": null })), ("argument_missing", "request param is empty")),
        (list(json!({ "scope": null })), ("argument_missing", "request param is empty")),
        (list(json!({ "name": "rude" })), ("already_exists", "The textList already exists")),
        (
            list(json!({ "textContexts": many })),
            ("keyword_limit_reached", "The text count exceeds the maximum number"),
        ),
        (
            list(json!({ "textContexts": ["a", "A"] })),
            ("keyword_repeated", "The textList already contains the text"),
        ),
        (add(json!(many[..101])), ("keyword_limit_reached", "The text count exceeds the maximum number")),
        (add(json!(["MUSIC"])), ("keyword_repeated", "The textList already contains the text")),
        (add(json!([])), ("argument_missing", "the param can not be empty")),
        (
            (format!("{LIST}/7/word/batch"), json!({ "wordContents": ["a"] })),
            ("not_found", "textList data is empty"),
        ),
        ((format!("{LIST}/x/word"), json!({ "word": "a" })), ("not_found", "textList data is empty")),
    ] {
        let reply = world.back_end("POST", &path, Some(body.clone())).await;
        assert_eq!(reply.error(), (400, expected.0, "Bad Request", expected.1), "{path} {body}");
    }
    for body in
        [json!({ "scope": "TAG" }), json!({ "disposition": "SING" }), json!({ "name": "a".repeat(33) })]
    {
        let (path, body) = list(body);
        let reply = world.back_end("POST", &path, Some(body.clone())).await;
        assert_eq!((reply.status.as_u16(), reply.condition()), (400, "argument_invalid"), "{body}");
    }
    for number in 0..99 {
        create(&world, &number.to_string(), "PASS", &[]).await;
    }
    let (path, body) = list(json!({}));
    let reply = world.back_end("POST", &path, Some(body)).await;
    assert_eq!(reply.error().3, "The textList count exceeds the maximum number");
}

#[tokio::test]
async fn a_back_ends_messages_are_looked_through_only_where_the_owner_wants_it() {
    let world = World::new().await;
    create(&world, "rude", "REJECT", &["casino"]).await;
    let message = json!({ "from": "alice", "to": ["bob"], "type": "txt", "body": { "msg": "a CASINO" } });
    world.back_end("POST", "/messages/users", Some(message.clone())).await.ok();
    world.set("keywords.back_end", "true").await;
    let reply = world.back_end("POST", "/messages/users", Some(message)).await;
    assert_eq!(reply.condition(), "message_content_rejected");
}
