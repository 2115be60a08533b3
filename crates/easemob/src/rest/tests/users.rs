//! Accounts: each row of easemob-rest.md 3.1, with its errors.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn each_refused_registration_has_the_vendors_words() {
    let world = World::new().await;
    let uuid = &world.app.value.uuid;
    let taken = format!(
        "Application {uuid} Entity user requires that property named username be unique, value of alice exists"
    );
    for (body, expected) in [
        (
            json!({ "username": "Alice", "password": "pw" }),
            (400, "user_already_exists", "duplicate_unique_property_exists", taken.as_str()),
        ),
        (
            json!({ "username": "小明", "password": "pw" }),
            (400, "user_name_invalid", "illegal_argument", "username 小明 is not legal"),
        ),
        (
            json!({ "username": "admin", "password": "pw" }),
            (400, "user_name_invalid", "illegal_argument", "username admin is not legal"),
        ),
        (
            json!({ "username": "x".repeat(65), "password": "pw" }),
            (400, "user_name_too_long", "illegal_argument", "USERNAME_TOO_LONG"),
        ),
        (
            json!({ "password": "pw" }),
            (400, "user_name_empty", "illegal_argument", "Entity user requires a property named username"),
        ),
        (
            json!({ "username": "carol" }),
            (400, "password_missing", "illegal_argument", "password or pin must provided"),
        ),
        (
            json!({ "username": "carol", "password": "p".repeat(129) }),
            (400, "password_invalid", "illegal_argument", "password is not legal"),
        ),
        (
            json!({ "username": "carol", "password": "pw", "nickname": "n".repeat(101) }),
            (400, "nickname_too_long", "illegal_argument", "NICKNAME_TOO_LONG"),
        ),
        (
            json!([{ "username": "carol", "password": "pw" }]),
            (401, "credentials_missing", "unauthorized", "Unable to authenticate (OAuth)"),
        ),
    ] {
        let reply = world.post("/users", body.clone()).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    let reply =
        world.back_end("POST", "/users", Some(json!([{ "username": "alice", "password": "pw" }]))).await;
    assert_eq!(reply.error().3, taken, "a list of one is answered like the one");
}

#[tokio::test]
async fn a_closed_app_takes_users_from_its_back_end_only() {
    let world = World::new().await;
    world.set("registration.open", "false").await;
    let carol = json!({ "username": "carol", "password": "pw" });
    let reply = world.post("/users", carol.clone()).await;
    let closed = "registration is not open, please contact the app admin";
    assert_eq!(reply.error(), (401, "registration_closed", "unauthorized", closed));
    let alice = world.user_token("alice").await;
    let reply = world.call("POST", "/users", Some(&alice), Some(carol.clone())).await;
    assert_eq!(reply.error(), (401, "token_wrong_kind", "unauthorized", "token is illegal."));
    world.back_end("POST", "/users", Some(carol)).await.ok();

    world.set("users.limit", "3").await;
    let reply = world.back_end("POST", "/users", Some(json!({ "username": "dave", "password": "pw" }))).await;
    assert_eq!((reply.status.as_u16(), reply.condition()), (429, "user_limit_reached"));
}

#[tokio::test]
async fn a_batch_registers_whom_it_can_and_says_why_not_the_others() {
    let world = World::new().await;
    let batch = json!([
        { "username": "Carol", "password": "pw", "nickname": "C" },
        { "username": "alice", "password": "pw" },
        { "username": "小明", "password": "pw" },
        { "username": "carol", "password": "pw" },
        { "username": "dave" },
    ]);
    let reply = world.back_end("POST", "/users", Some(batch)).await.ok();
    assert_eq!(reply.body["entities"].as_array().unwrap().len(), 1);
    assert_eq!(reply.body["entities"][0]["username"], "carol");
    assert_eq!(
        reply.body["data"],
        json!([
            { "username": "alice", "registerUserFailReason": "the alice already exists" },
            { "username": "小明", "registerUserFailReason": "username 小明 is not legal" },
            { "username": "dave", "registerUserFailReason": "password or pin must provided" },
        ])
    );
}

#[tokio::test]
async fn a_batch_that_contradicts_itself_or_is_too_large_registers_nobody() {
    let world = World::new().await;
    let users = |count: usize| -> Value {
        (0..count).map(|number| json!({ "username": format!("u{number}"), "password": "pw" })).collect()
    };
    let reply = world.back_end("POST", "/users", Some(users(61))).await;
    let large =
        "Request body array size[61] had almost reached or been greater than the upper range value[60]";
    assert_eq!(reply.error(), (400, "batch_too_large", "illegal_argument", large));

    let twice = json!([{ "username": "u1", "password": "a" }, { "username": "U1", "password": "b" }]);
    let reply = world.back_end("POST", "/users", Some(twice)).await;
    let repeated = "the same user U1 has a different password";
    assert_eq!(reply.error(), (400, "user_repeated", "duplicate_unique_property_exists", repeated));
    assert_eq!(world.back_end("GET", "/users/u1", None).await.condition(), "user_not_found");

    let reply = world.back_end("POST", "/users", Some(users(60))).await.ok();
    assert_eq!(reply.body["entities"].as_array().unwrap().len(), 60);
    assert_eq!(reply.body["data"], json!([]));
    world.back_end("POST", "/users", Some(json!([]))).await.ok();
}

#[tokio::test]
async fn what_is_about_an_unknown_user_says_so_in_the_words_of_its_route() {
    let world = World::new().await;
    let missing = (404, "user_not_found", "service_resource_not_found", "Service resource not found");
    for (method, path) in [
        ("GET", "/users/nobody"),
        ("DELETE", "/users/nobody"),
        ("POST", "/users/nobody/deactivate"),
        ("POST", "/users/nobody/activate"),
        ("GET", "/users/nobody/status"),
        ("GET", "/users/nobody/resources"),
        ("GET", "/users/nobody/disconnect"),
        ("DELETE", "/users/nobody/disconnect/webim"),
        ("DELETE", "/users/alice/disconnect/webim"),
        ("GET", "/users/%E5%B0%8F%E6%98%8E"),
        ("GET", "/users/a%2Cb"),
    ] {
        let reply = world.back_end(method, path, None).await;
        assert_eq!(reply.error(), missing, "{method} {path}");
        assert_eq!(reply.body["exception"], "UserNotFoundException", "the web SDKs look for this name");
    }
    let reply = world.back_end("PUT", "/users/nobody", Some(json!({ "nickname": "N" }))).await;
    let property = "Entity user requires a property named username";
    assert_eq!(reply.error(), (400, "user_not_found", "required_property_not_found", property));
    for method in ["PUT", "POST"] {
        let reply =
            world.back_end(method, "/users/nobody/password", Some(json!({ "newpassword": "x" }))).await;
        assert_eq!(reply.error(), (404, "user_not_found", "entity_not_found", "User null not found"));
    }
}

#[tokio::test]
async fn users_are_listed_in_pages_until_the_cursor_ends() {
    let world = World::new().await;
    for number in 0..5 {
        world.post("/users", json!({ "username": format!("u{number}"), "password": "pw" })).await.ok();
    }
    let token = world.app_token().await;
    let (mut names, mut cursor, mut pages) = (Vec::new(), String::from("undefined"), 0);
    loop {
        let path = format!("/users?&limit=3&cursor={cursor}&_v=1795220913258");
        let page = world.call("GET", &path, Some(&token), None).await.ok().body;
        pages += 1;
        let entities = page["entities"].as_array().unwrap();
        assert_eq!(page["count"], entities.len());
        assert_eq!(page["params"]["limit"], json!(["3"]));
        names.extend(entities.iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        match page.get("cursor") {
            Some(next) => next.as_str().unwrap().clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(
        (pages, names),
        (3, ["alice", "bob", "u0", "u1", "u2", "u3", "u4"].map(String::from).to_vec())
    );
}

#[tokio::test]
async fn pages_have_sane_sizes_and_cursors_of_our_own() {
    let world = World::new().await;
    let invalid = |name: &str| (400, format!("parameters is invalid : {name}"));
    for (query, expected) in [
        ("limit=0", invalid("limit")),
        ("limit=-3", invalid("limit")),
        ("limit=many", invalid("limit")),
        ("cursor=AAAA", invalid("cursor")),
        ("cursor=%00", invalid("cursor")),
        ("ql=select%20*", invalid("ql")),
    ] {
        for method in ["GET", "DELETE"] {
            let reply = world.back_end(method, &format!("/users?{query}"), None).await;
            let (status, _, error, description) = reply.error();
            assert_eq!((status, description.to_owned()), expected, "{method} {query}");
            assert_eq!(error, "illegal_argument");
        }
    }
    assert_eq!(world.back_end("GET", "/users?cursor=AAAA", None).await.condition(), "cursor_invalid");
    let reply = world.back_end("GET", "/users?limit=5000", None).await.ok();
    assert_eq!(reply.body["count"], 2);
}

#[tokio::test]
async fn the_oldest_users_are_deleted_first() {
    let world = World::new().await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    let reply = world.back_end("DELETE", "/users?limit=2", None).await.ok();
    let names: Vec<_> =
        reply.body["entities"].as_array().unwrap().iter().map(|user| &user["username"]).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert!(reply.body["cursor"].is_string(), "one is left");
    let reply = world.back_end("DELETE", "/users", None).await.ok();
    assert_eq!((reply.body["entities"].as_array().unwrap().len(), reply.body.get("cursor")), (1, None));
}

#[tokio::test]
async fn an_owner_changes_his_password_by_showing_the_present_one() {
    let world = World::new().await;
    let path = "/users/alice/password";
    for (body, expected) in [
        (
            json!({ "newpassword": "new" }),
            (400, "password_missing", "illegal_argument", "oldPassword is required"),
        ),
        (
            json!({ "newpassword": "new", "oldpassword": "guess" }),
            (400, "password_wrong", "invalid_grant", "invalid password"),
        ),
        (
            json!({ "oldpassword": "pw" }),
            (400, "new_password_missing", "illegal_argument", "newpassword is required"),
        ),
    ] {
        let token = world.user_token("alice").await;
        let reply = world.call("PUT", path, Some(&token), Some(body.clone())).await;
        assert_eq!(reply.error(), expected, "{body}");
    }
    let token = world.user_token("alice").await;
    let body = json!({ "newpassword": "new", "oldpassword": "pw" });
    world.call("PUT", path, Some(&token), Some(body)).await.ok();
    let login = json!({ "grant_type": "password", "username": "alice", "password": "new" });
    world.post("/token", login).await.ok();
    let reply = world.back_end("PUT", path, Some(json!({}))).await;
    assert_eq!(reply.error(), (400, "new_password_missing", "illegal_argument", "newpassword is required"));
}

#[tokio::test]
async fn an_update_takes_the_nickname_and_names_what_it_does_not_take() {
    let world = World::new().await;
    let put = async |body: Value| world.back_end("PUT", "/users/alice", Some(body)).await;
    assert_eq!(put(json!({ "nickname": "小爱" })).await.ok().body["entities"][0]["nickname"], "小爱");
    assert_eq!(put(json!({ "nickname": "" })).await.ok().body["entities"][0].get("nickname"), None);
    let unknown = (400, "argument_invalid", "illegal_argument", "parameters is invalid : colour");
    assert_eq!(put(json!({ "colour": "red" })).await.error(), unknown);
    let nothing = (400, "argument_missing", "illegal_argument", "nickname must be provided");
    assert_eq!(put(json!({})).await.error(), nothing);
    assert_eq!(put(json!({ "nickname": "n".repeat(101) })).await.error().3, "NICKNAME_TOO_LONG");
}

#[tokio::test]
async fn the_status_of_many_has_a_limit_and_unknown_users_are_offline() {
    let world = World::new().await;
    let ask = async |names: Value| {
        world.back_end("POST", "/users/batch/status", Some(json!({ "usernames": names }))).await
    };
    let reply = ask(json!(["Alice", "nobody", "小明"])).await.ok();
    assert_eq!(
        reply.body["data"],
        json!([{ "Alice": "offline" }, { "nobody": "offline" }, { "小明": "offline" }])
    );
    let many: Vec<_> = (0..101).map(|number| format!("u{number}")).collect();
    let limit = "request body exceeds maximum limit, maximum limit is 100";
    assert_eq!(ask(json!(many)).await.error(), (400, "batch_too_large", "illegal_argument", limit));
    assert_eq!(ask(json!([])).await.error().3, "usernames must be provided");
}

// A back end of the app's other vendor may register longer names (jmessage.md 1.2).
#[tokio::test]
async fn a_user_whose_name_is_longer_than_ours_are_is_a_user_like_others() {
    let world = World::new().await;
    let name = "x".repeat(model::limits::USERNAME_BYTES);
    let register = domain::account::Register {
        name: name.clone(),
        password: "pw".into(),
        nickname: None,
        dialect: model::Dialect::JMessage,
    };
    let registrant = domain::account::Registrant::BackEnd;
    world.use_cases.register_user(&world.app, registrant, register).await.unwrap();

    let token = world.user_token(&name).await;
    let own = world.call("GET", &format!("/users/{name}"), Some(&token), None).await.ok();
    assert_eq!(own.body["entities"][0]["username"], json!(name));
    let inherit = json!({ "grant_type": "inherit", "username": name, "autoCreateUser": true });
    world.back_end("POST", "/token", Some(inherit)).await.ok();

    world.back_end("POST", &format!("/users/alice/contacts/users/{name}"), None).await.ok();
    let contacts = world.back_end("GET", "/users/alice/contacts/users", None).await.ok();
    assert_eq!(contacts.body["data"], json!([name]));
    let blocked = json!({ "usernames": [name] });
    world.back_end("POST", "/users/alice/blocks/users", Some(blocked)).await.ok();
    let group = json!({ "groupname": "g", "public": true, "owner": name, "members": ["alice"] });
    let group = world.back_end("POST", "/chatgroups", Some(group)).await.ok();
    let id = group.body["data"]["groupid"].as_str().unwrap().to_owned();
    let members = world.back_end("GET", &format!("/chatgroups/{id}/users"), None).await.ok();
    assert!(members.body["data"].as_array().unwrap().contains(&json!({ "owner": name })), "{}", members.text);
    let message = json!({ "from": name, "to": [name, "bob"], "type": "txt", "body": { "msg": "hi" } });
    let sent = world.back_end("POST", "/messages/users", Some(message)).await.ok();
    assert_eq!(sent.body["data"].as_object().unwrap().len(), 2);
    world.back_end("DELETE", &format!("/users/{name}"), None).await.ok();
}
