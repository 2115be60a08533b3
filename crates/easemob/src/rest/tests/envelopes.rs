//! Every success and error envelope, letter by letter. Random ids stand as `<names>`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Reply, World};

/// The answer with what is random replaced by what it is.
async fn stable(world: &World, reply: &Reply) -> String {
    let mut text = reply.text.replace(&world.app.value.uuid, "<app>");
    for name in ["alice", "bob", "carol", "dave"] {
        if let Some(account) = world.use_cases.find_user(&world.app, name).await.unwrap() {
            text = text.replace(&account.user.uuid, &format!("<{name}>"));
        }
    }
    let replace = |text: String, key: &str, name: &str| match reply.body[key].as_str() {
        Some(value) => text.replace(value, name),
        None => text,
    };
    let text = replace(text, "access_token", "<token>");
    replace(text, "cursor", "<cursor>")
}

/// Plays calls of the back end and writes down what came.
pub(super) async fn transcript(world: &World, calls: &[(&str, &str, Option<Value>)]) -> String {
    let mut transcript = String::new();
    for (method, path, body) in calls {
        let reply = world.back_end(method, path, body.clone()).await;
        let answer = stable(world, &reply).await;
        writeln!(transcript, "{method} {path}\n{} {answer}\n", reply.status.as_u16()).unwrap();
    }
    transcript
}

#[tokio::test]
async fn successes() {
    let world = World::new().await;
    let user = |name: &str| json!({ "username": name, "password": "pw" });
    let calls = [
        ("POST", "/token", Some(world.client_credentials())),
        ("POST", "/token", Some(json!({ "grant_type": "password", "username": "alice", "password": "pw" }))),
        ("POST", "/token", Some(json!({ "grant_type": "inherit", "username": "bob", "ttl": 60 }))),
        ("POST", "/users", Some(json!({ "username": "carol", "password": "pw", "nickname": "C" }))),
        ("POST", "/users", Some(json!([user("dave"), user("alice")]))),
        ("GET", "/users/alice", None),
        ("GET", "/users?limit=2", None),
        ("GET", "/users", None),
        ("PUT", "/users/alice", Some(json!({ "nickname": "Al" }))),
        ("PUT", "/users/alice/password", Some(json!({ "newpassword": "new" }))),
        ("POST", "/users/alice/deactivate", None),
        ("POST", "/users/alice/activate", None),
        ("GET", "/users/alice/status", None),
        ("POST", "/users/batch/status", Some(json!({ "usernames": ["alice", "bob"] }))),
        ("GET", "/users/alice/resources", None),
        ("GET", "/users/alice/disconnect", None),
    ];
    insta::assert_snapshot!(transcript(&world, &calls).await);
}

#[tokio::test]
async fn a_deleted_user_and_a_deleted_page() {
    let world = World::new().await;
    let uuids: Vec<String> = {
        let list = world.back_end("GET", "/users", None).await.ok().body;
        list["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["uuid"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut transcript = String::new();
    for path in ["/users/alice", "/users?limit=5"] {
        let reply = world.back_end("DELETE", path, None).await;
        let answer = stable(&world, &reply).await.replace(&uuids[0], "<alice>").replace(&uuids[1], "<bob>");
        writeln!(transcript, "DELETE {path}\n{} {answer}\n", reply.status.as_u16()).unwrap();
    }
    insta::assert_snapshot!(transcript);
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    world.set("presence.enabled", "false").await;
    let calls = [
        ("POST", "/token", Some(json!({ "grant_type": "password", "username": "alice", "password": "no" }))),
        ("POST", "/token", Some(json!({ "grant_type": "password", "username": "nobody", "password": "no" }))),
        ("POST", "/users", Some(json!({ "username": "alice", "password": "pw" }))),
        ("GET", "/users/nobody", None),
        ("GET", "/users?cursor=x", None),
        ("POST", "/users/alice/presence", Some(json!({ "usernames": ["bob"] }))),
        ("PATCH", "/users", None),
        ("GET", "/nothing", None),
    ];
    insta::assert_snapshot!(transcript(&world, &calls).await);
}
