//! Contacts and block lists over REST: what the SDKs and back ends get, and what they are refused.

use serde_json::{Value, json};

use super::World;
use super::envelopes::transcript;

impl World {
    async fn as_user(&self, user: &str, method: &str, path: &str, body: Option<Value>) -> super::Reply {
        let token = self.user_token(user).await;
        self.call(method, path, Some(&token), body).await
    }

    async fn register(&self, user: &str) {
        self.post("/users", json!({ "username": user, "password": "pw" })).await.ok();
    }

    async fn ask(&self, user: &str, peer: &str) -> super::Reply {
        let body = json!({ "usernames": [peer], "reason": "hi" });
        self.as_user(user, "POST", &format!("/users/{user}/contacts/apply?resource=webim"), Some(body)).await
    }

    async fn answer(&self, user: &str, answer: &str, peer: &str) -> super::Reply {
        let path = format!("/users/{user}/contacts/{answer}/users/{peer}?resource=webim");
        self.as_user(user, "POST", &path, None).await
    }

    async fn contacts_of(&self, user: &str) -> Value {
        let path = format!("/users/{user}/contacts/users");
        self.as_user(user, "GET", &path, None).await.ok().body["data"].clone()
    }
}

#[tokio::test]
async fn envelopes_of_a_back_end() {
    let world = World::new().await;
    let calls = [
        ("POST", "/users/alice/contacts/users/bob", None),
        ("PUT", "/user/alice/contacts/users/bob", Some(json!({ "remark": "Bobby" }))),
        ("GET", "/users/alice/contacts/users", None),
        ("GET", "/users/alice/contacts/users?needReturnRemark=true", None),
        ("GET", "/user/alice/contacts?limit=10&needReturnRemark=true", None),
        ("GET", "/user/bob/contacts", None),
        ("GET", "/users/alice/rosters", None),
        ("POST", "/contacts/check", Some(json!({ "username": "alice", "check_list": ["bob", "nobody"] }))),
        ("DELETE", "/users/alice/contacts/users/bob", None),
        (
            "POST",
            "/users/alice/contacts/import?isSendNotice=false",
            Some(json!({ "usernames": ["bob", "nobody", "alice"] })),
        ),
        ("DELETE", "/contacts/users/alice", None),
        ("POST", "/users/alice/blocks/users", Some(json!({ "usernames": ["bob"] }))),
        ("GET", "/users/alice/blocks/users", None),
        ("POST", "/blocks/check", Some(json!({ "username": "alice", "check_list": ["bob", "nobody"] }))),
        ("DELETE", "/users/alice/blocks/users/bob", None),
    ];
    insta::assert_snapshot!(transcript(&world, &calls).await);
}

#[tokio::test]
async fn a_request_is_answered_and_both_have_each_other_until_one_ends_it() {
    let world = World::new().await;
    world.ask("alice", "Bob").await.ok();
    assert_eq!(world.contacts_of("bob").await, json!([]));
    world.answer("bob", "decline", "alice").await.ok();
    assert_eq!(world.answer("bob", "accept", "alice").await.condition(), "contact_request_invalid");

    world.ask("alice", "bob").await.ok();
    world.answer("bob", "accept", "alice").await.ok();
    world.answer("bob", "accept", "alice").await.ok();
    assert_eq!(
        (world.contacts_of("alice").await, world.contacts_of("bob").await),
        (json!(["bob"]), json!(["alice"]))
    );
    assert_eq!(world.ask("alice", "bob").await.condition(), "already_contacts");

    let path = "/users/bob/contacts/users/alice?resource=webim";
    world.as_user("bob", "DELETE", path, None).await.ok();
    assert_eq!((world.contacts_of("alice").await, world.contacts_of("bob").await), (json!([]), json!([])));
    let again = world.as_user("bob", "DELETE", path, None).await;
    assert_eq!((again.status.as_u16(), again.condition()), (404, "contact_not_found"));
}

// What the SDKs and native clients tell the causes apart by (msync.md 3.4, easemob-rest.md 8.4).
#[tokio::test]
async fn refusals_have_the_texts_that_clients_look_for() {
    let world = World::new().await;
    world.register("carol").await;
    let unknown = world.ask("alice", "nobody").await;
    let not_found = (404, "user_not_found", "service_resource_not_found", "Service resource not found");
    assert_eq!(unknown.error(), not_found);
    assert_eq!(unknown.body["exception"], "UserNotFoundException");
    assert_eq!(world.ask("alice", "alice").await.condition(), "contact_add_failed");

    let remark = Some(json!({ "remark": "B" }));
    let path = "/users/alice/contacts/users/bob?resource=webim";
    let refused = world.as_user("alice", "PUT", path, remark.clone()).await;
    let not_friends = "updateRemark | they are not friends, please add as a friend first.";
    assert_eq!(refused.error(), (400, "contact_not_found", "illegal_argument", not_friends));
    let long = Some(json!({ "remark": "x".repeat(101) }));
    let refused = world.as_user("alice", "PUT", path, long).await;
    let length = "updateRemark | remark length must less than 100";
    assert_eq!(refused.error(), (400, "contact_note_invalid", "illegal_argument", length));

    world.set("contacts.limit", "1").await;
    world.back_end("POST", "/users/alice/contacts/users/carol", None).await.ok();
    let (own, peers) = ("Inviter's contact max count.", "Invitee's contact max count.");
    let refused = world.ask("alice", "bob").await;
    assert_eq!(refused.error(), (403, "contact_limit_reached", "exceed_limit", own));
    let refused = world.ask("bob", "alice").await;
    assert_eq!(refused.error(), (403, "peer_contact_limit_reached", "exceed_limit", peers));
    let refused = world.back_end("POST", "/users/alice/contacts/users/bob", None).await;
    let exceeded = "user contact number exceed limit";
    assert_eq!(refused.error(), (403, "contact_limit_reached", "exceed_limit", exceeded));
    let refused =
        world.back_end("POST", "/users/alice/contacts/import", Some(json!({ "usernames": ["bob"] }))).await;
    assert_eq!(refused.error(), (403, "contact_limit_reached", "exceed_limit", own));
    let names: Vec<String> = (0..11).map(|number| format!("u{number}")).collect();
    let refused =
        world.back_end("POST", "/users/alice/contacts/import", Some(json!({ "usernames": names }))).await;
    let over = "request user over flow limit:10.";
    assert_eq!(refused.error(), (400, "batch_too_large", "illegal_argument", over));

    let refused = world.back_end("GET", "/user/alice/contacts?limit=51", None).await;
    let page = "page size more than max limit : 50";
    assert_eq!(refused.error(), (400, "page_size_invalid", "illegal_argument", page));
    for path in ["/contacts/check", "/blocks/check"] {
        let blank = world.back_end("POST", path, Some(json!({ "check_list": ["bob"] }))).await;
        let text = "username cannot be blank";
        assert_eq!(blank.error(), (400, "argument_missing", "illegal_argument", text));
        for size in [0, 101] {
            let body = json!({ "username": "alice", "check_list": vec!["bob"; size] });
            let refused = world.back_end("POST", path, Some(body)).await;
            let text = "check_list size must be between 1 and 100";
            assert_eq!(refused.error(), (400, "batch_too_large", "illegal_argument", text));
        }
        let other = json!({ "username": "alice", "check_list": ["bob"] });
        let refused = world.as_user("bob", "POST", path, Some(other)).await;
        assert_eq!(refused.condition(), "permission_denied");
    }
}

#[tokio::test]
async fn pages_of_contacts_lead_through_the_list_once() {
    let world = World::new().await;
    for number in 0..5 {
        world.register(&format!("user{number}")).await;
        world.back_end("POST", &format!("/users/alice/contacts/users/user{number}"), None).await.ok();
    }
    // Who is removed is on nobody's list.
    world.back_end("DELETE", "/users/user1", None).await.ok();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/users/alice/contacts?needReturnRemark=true&limit=2&cursor={cursor}");
        let body = world.as_user("alice", "GET", &path, None).await.ok().body;
        seen.extend(body["data"]["contacts"].as_array().unwrap().iter().map(|one| one["username"].clone()));
        match body["data"]["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ["user0", "user2", "user3", "user4"]);
    let foreign = world.back_end("GET", "/users?limit=1", None).await.ok().body["cursor"].clone();
    let path = format!("/users/alice/contacts?cursor={}", foreign.as_str().unwrap());
    assert_eq!(world.back_end("GET", &path, None).await.condition(), "cursor_invalid");
}

#[tokio::test]
async fn the_newest_of_too_many_requests_stay() {
    let world = World::new().await;
    for number in 0..=model::limits::CONTACT_REQUESTS {
        let name = format!("u{number}");
        let register = domain::account::Register {
            name: name.clone(),
            password: "pw".into(),
            nickname: None,
            dialect: model::Dialect::Easemob,
        };
        let registrant = domain::account::Registrant::BackEnd;
        world.use_cases.register_user(&world.app, registrant, register).await.unwrap();
        world.wait(std::time::Duration::from_millis(1));
        world.use_cases.ask_contact(&world.app, &name, "alice", "", None).await.unwrap();
    }
    assert_eq!(world.answer("alice", "accept", "u0").await.condition(), "contact_request_invalid");
    world.answer("alice", "accept", "u1").await.ok();
    world.answer("alice", "accept", &format!("u{}", model::limits::CONTACT_REQUESTS)).await.ok();
}

#[tokio::test]
async fn who_is_blocked_can_not_ask_and_stays_a_contact() {
    let world = World::new().await;
    world.back_end("POST", "/users/alice/contacts/users/bob", None).await.ok();
    let bob = Some(json!({ "usernames": ["bob"] }));
    let path = "/sdk/user/alice/blocks?resource=webim";
    let blocked = world.as_user("alice", "POST", path, bob.clone()).await.ok();
    assert_eq!(blocked.body["data"], json!(["bob"]));
    world.as_user("alice", "POST", path, bob.clone()).await.ok();
    assert_eq!(world.contacts_of("alice").await, json!(["bob"]));
    world.as_user("bob", "DELETE", "/users/bob/contacts/users/alice", None).await.ok();
    let refused = world.ask("bob", "alice").await;
    assert_eq!((refused.status.as_u16(), refused.condition()), (403, "blocked_by_recipient"));
    world.ask("alice", "bob").await.ok();

    world.as_user("alice", "DELETE", path, bob.clone()).await.ok();
    world.as_user("alice", "DELETE", path, bob).await.ok();
    world.ask("bob", "alice").await.ok();
}

#[tokio::test]
async fn a_block_list_is_read_from_its_newest_end_in_pages() {
    let world = World::new().await;
    for number in 0..5 {
        world.register(&format!("u{number}")).await;
        let body = json!({ "usernames": [format!("u{number}")] });
        world.back_end("POST", "/users/alice/blocks/users", Some(body)).await.ok();
    }
    let page = async |query: &str| {
        let path = format!("/users/alice/blocks/users?{query}");
        world.back_end("GET", &path, None).await.ok().body
    };
    let first = page("pageSize=2").await;
    assert_eq!(first["data"], json!(["u4", "u3"]));
    // Somebody new comes to the front; nobody is shown twice for it.
    let body = Some(json!({ "usernames": ["bob"] }));
    world.back_end("POST", "/users/alice/blocks/users", body).await.ok();
    let second = page(&format!("pageSize=2&cursor={}", first["cursor"].as_str().unwrap())).await;
    assert_eq!(second["data"], json!(["u2", "u1"]));
    let last = page(&format!("pageSize=2&cursor={}", second["cursor"].as_str().unwrap())).await;
    assert_eq!((&last["data"], &last["cursor"]), (&json!(["u0"]), &Value::Null));
    assert_eq!(page("").await["data"], json!(["bob", "u4", "u3", "u2", "u1", "u0"]));

    let refused = world.back_end("GET", "/users/alice/blocks/users?pageSize=51", None).await;
    assert_eq!(refused.condition(), "page_size_invalid");
    let names: Vec<String> = (0..501).map(|number| format!("x{number}")).collect();
    let body = Some(json!({ "usernames": names }));
    let refused = world.back_end("POST", "/users/alice/blocks/users", body).await;
    let text =
        "Request body array size[501] had almost reached or been greater than the upper range value[500]";
    assert_eq!(refused.error(), (400, "block_list_full", "illegal_argument", text));
    for path in ["/users/alice/blocks/users", "/sdk/user/alice/blocks"] {
        let body = Some(json!({ "usernames": ["bob", "nobody"] }));
        assert_eq!(world.back_end("POST", path, body).await.condition(), "user_not_found");
    }
}

#[tokio::test]
async fn a_switch_turns_each_family_off() {
    let world = World::new().await;
    world.set("contacts.enabled", "false").await;
    world.set("blocks.enabled", "false").await;
    for (method, path, body, feature) in [
        ("POST", "/users/alice/contacts/apply", Some(json!({ "usernames": ["bob"] })), "contact"),
        ("GET", "/users/alice/contacts/users", None, "contact"),
        ("GET", "/users/alice/contacts?limit=5", None, "contact"),
        ("DELETE", "/contacts/users/alice", None, "contact"),
        ("POST", "/contacts/check", Some(json!({ "username": "alice", "check_list": ["bob"] })), "contact"),
        ("POST", "/sdk/user/alice/blocks", Some(json!({ "usernames": ["bob"] })), "block list"),
        ("GET", "/users/alice/blocks/users", None, "block list"),
        ("POST", "/blocks/check", Some(json!({ "username": "alice", "check_list": ["bob"] })), "block list"),
    ] {
        let reply = world.as_user("alice", method, path, body).await;
        let text = format!("{feature} service not open!");
        assert_eq!(reply.error(), (403, "service_not_enabled", "forbidden_op", text.as_str()), "{path}");
    }
}

#[tokio::test]
async fn a_removed_user_leaves_every_list() {
    let world = World::new().await;
    world.back_end("POST", "/users/alice/contacts/users/bob", None).await.ok();
    let body = Some(json!({ "usernames": ["bob"] }));
    world.back_end("POST", "/users/alice/blocks/users", body.clone()).await.ok();
    world.back_end("POST", "/users/bob/blocks/users", Some(json!({ "usernames": ["alice"] }))).await.ok();
    world.back_end("DELETE", "/users/bob", None).await.ok();
    assert_eq!(world.contacts_of("alice").await, json!([]));
    let blocked = world.back_end("GET", "/users/alice/blocks/users", None).await.ok();
    assert_eq!(blocked.body["data"], json!([]));
    // A new account of the name inherits nothing.
    world.register("bob").await;
    assert_eq!(world.contacts_of("bob").await, json!([]));
    let check = json!({ "username": "bob", "check_list": ["alice"] });
    let relation = world.back_end("POST", "/blocks/check", Some(check)).await.ok();
    assert_eq!(relation.body["entities"][0]["relation"], "not_blacklist");
}
