//! Threads: each row of easemob-rest.md 3.13 and msync.md 3.2, who may, and the vendor's words for who may not.

use serde_json::{Value, json};

use super::{NOW, Reply, World};

/// A world with the group `team` of alice's with bob and carol in it, dave outside, and a message in it.
async fn team() -> (World, String) {
    let world = World::new().await;
    for user in ["carol", "dave"] {
        world.back_end("POST", "/users", Some(json!({ "username": user, "password": "pw" }))).await.ok();
    }
    group(&world, "team").await;
    let message = say(&world, "team", "begin").await;
    (world, message)
}

async fn group(world: &World, id: &str) {
    let group = json!({
        "groupid": id, "groupname": id, "public": true, "owner": "alice", "members": ["bob", "carol"],
    });
    world.back_end("POST", "/chatgroups", Some(group)).await.ok();
}

async fn say(world: &World, to: &str, text: &str) -> String {
    let body = json!({ "from": "bob", "to": [to], "type": "txt", "body": { "msg": text } });
    let sent = world.back_end("POST", "/messages/chatgroups", Some(body)).await.ok();
    sent.body["data"][to].as_str().unwrap().to_owned()
}

async fn by(world: &World, user: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
    let token = world.user_token(user).await;
    world.call(method, path, Some(&token), body).await
}

async fn create(world: &World, user: &str, message: &str) -> Reply {
    let body = json!({ "group_id": "team", "name": "Plans", "msg_id": message, "owner": user });
    by(world, user, "POST", "/thread", Some(body)).await
}

async fn thread(world: &World, message: &str) -> String {
    let created = create(world, "bob", message).await.ok();
    created.body["data"]["thread_id"].as_str().unwrap().to_owned()
}

fn names(reply: Reply) -> Vec<String> {
    let names = reply.ok().body["data"]["affiliations"].as_array().unwrap().clone();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn ids(reply: &Reply) -> Vec<String> {
    let rows = reply.body["entities"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

const DENIED: (u16, &str, &str, &str) =
    (403, "group_permission_denied", "group_authorization", "you have no permission to do this");

#[tokio::test]
async fn a_thread_is_begun_shown_joined_renamed_left_and_ended() {
    let (world, message) = team().await;
    let id = thread(&world, &message).await;
    let path = format!("/thread/{id}");
    let brief = json!({
        "id": id, "name": "Plans", "owner": "bob", "created": NOW.0, "msgId": message, "groupId": "team",
    });
    let mut detail = brief.clone();
    detail["affiliations_count"] = 1.into();
    assert_eq!(by(&world, "carol", "GET", &path, None).await.ok().body["data"], detail);

    let joined = by(&world, "carol", "POST", &format!("{path}/user/carol/join"), None).await.ok();
    detail["affiliations_count"] = 2.into();
    assert_eq!(joined.body["data"], json!({ "status": "ok", "detail": detail }));
    assert_eq!(names(by(&world, "alice", "GET", &format!("{path}/users"), None).await), ["bob", "carol"]);
    for list in ["/threads/user/carol", "/threads/chatgroups/team", "/threads/chatgroups/team/user/carol"] {
        let listed = by(&world, "carol", "GET", list, None).await.ok();
        assert_eq!(listed.body["entities"], json!([brief]), "{list}");
        assert!(listed.body["properties"]["cursor"].is_string());
    }
    assert_eq!(ids(&by(&world, "alice", "GET", "/threads/user/alice", None).await.ok()), [""; 0]);

    let renamed = by(&world, "bob", "PUT", &path, Some(json!({ "name": "Other" }))).await.ok();
    assert_eq!(renamed.body["data"], json!({ "name": "Other" }));
    by(&world, "carol", "DELETE", &format!("{path}/user/carol/quit"), None).await.ok();
    assert_eq!(names(by(&world, "alice", "GET", &format!("{path}/users"), None).await), ["bob"]);
    by(&world, "bob", "DELETE", &format!("{path}/user/bob/quit"), None).await.ok();
    let ended = by(&world, "alice", "DELETE", &path, None).await.ok();
    assert_eq!(ended.body["data"], json!({ "status": "ok" }));
    let gone = (404, "thread_not_found", "group_error", "thread not found.");
    let reply = by(&world, "bob", "GET", &path, None).await;
    assert_eq!((reply.error(), &reply.body["error_code"]), (gone, &json!(40011)));
    // The message is free for another.
    thread(&world, &message).await;
}

#[tokio::test]
async fn each_refused_beginning_has_the_vendors_words() {
    let (world, message) = team().await;
    group(&world, "other").await;
    let elsewhere = say(&world, "other", "there").await;
    let single = json!({ "from": "bob", "to": ["carol"], "type": "txt", "body": { "msg": "hi" } });
    let single = world.back_end("POST", "/messages/users", Some(single)).await.ok();
    let single = single.body["data"]["carol"].as_str().unwrap().to_owned();
    let id = thread(&world, &message).await;
    let inside = say(&world, &id, "in the thread").await;
    let free = say(&world, "team", "free").await;
    let body = json!({ "group_id": "team", "name": "T", "msg_id": free, "owner": "nobody" });
    let reply = world.back_end("POST", "/thread", Some(body)).await;
    assert_eq!(reply.error(), (404, "member_not_registered", "group_error", "user not in group."));
    let long = "n".repeat(65);
    for (user, group, name, about, expected) in [
        (
            "bob",
            "team",
            "T",
            message.as_str(),
            (403, "thread_already_exists", "msg already create thread.not allow to create."),
        ),
        (
            "bob",
            "team",
            "T",
            elsewhere.as_str(),
            (400, "thread_message_elsewhere", "msg not belong to group ."),
        ),
        ("bob", "team", "T", inside.as_str(), (400, "thread_message_elsewhere", "msg not belong to group .")),
        (
            "bob",
            "team",
            "T",
            single.as_str(),
            (400, "thread_message_unsuitable", "thread must on group message to create."),
        ),
        ("bob", "team", "T", "7", (404, "message_not_found", "msg not exist.")),
        ("bob", "team", "T", "x", (404, "message_not_found", "msg not exist.")),
        (
            "bob",
            "team",
            &long,
            elsewhere.as_str(),
            (400, "thread_name_invalid", "thread name limit reached."),
        ),
        ("bob", "team", " ", elsewhere.as_str(), (400, "thread_name_invalid", "thread name limit reached.")),
        ("bob", &id, "T", inside.as_str(), (400, "thread_nested", "thread not nested.")),
        ("bob", "none", "T", message.as_str(), (404, "group_not_found", "group not found.")),
        ("dave", "team", "T", message.as_str(), (404, "not_in_group", "user not in group.")),
    ] {
        let body = json!({ "group_id": group, "name": name, "msg_id": about, "owner": user });
        let reply = by(&world, user, "POST", "/thread", Some(body)).await;
        let (status, condition, text) = expected;
        assert_eq!(reply.error(), (status, condition, "group_error", text), "{user} {group} {name} {about}");
    }
    let for_another = json!({ "group_id": "team", "name": "T", "msg_id": message, "owner": "carol" });
    assert_eq!(by(&world, "bob", "POST", "/thread", Some(for_another)).await.error(), DENIED);
    let broken = world.back_end("POST", "/thread", Some(json!("x"))).await;
    assert_eq!(broken.error().2, "param_illegal");
    world.set("threads.limit", "1").await;
    let second = say(&world, "team", "second").await;
    let reply = create(&world, "bob", &second).await;
    assert_eq!(
        reply.error(),
        (403, "thread_quota_exceeded", "group_error", "thread number has reached limit.")
    );
    world.set("threads.limit", "0").await;
    world.set("threads.joined_limit", "1").await;
    let reply = create(&world, "bob", &second).await;
    assert_eq!(
        reply.error(),
        (403, "thread_member_quota_exceeded", "group_error", "user join thread reach limit.")
    );
    world.set("threads.enabled", "false").await;
    let reply = create(&world, "bob", &second).await;
    assert_eq!(reply.error(), (403, "service_not_enabled", "group_error", "thread not open."));
}

#[tokio::test]
async fn who_leads_the_group_leads_its_threads() {
    let (world, message) = team().await;
    let id = thread(&world, &message).await;
    let path = format!("/thread/{id}");
    let add = json!({ "usernames": ["carol"] });
    assert_eq!(
        by(&world, "carol", "POST", &format!("{path}/users"), Some(json!({ "usernames": ["alice"] })))
            .await
            .error(),
        DENIED
    );
    by(&world, "alice", "POST", &format!("{path}/users"), Some(add.clone())).await.ok();
    let again = world.back_end("POST", &format!("{path}/users"), Some(add)).await;
    assert_eq!(again.error(), (400, "already_in_group", "group_error", "user already in thread."));
    let stranger =
        world.back_end("POST", &format!("{path}/users"), Some(json!({ "usernames": ["dave"] }))).await;
    assert_eq!(stranger.error(), (404, "target_not_member", "group_error", "user not in group."));
    let many: Vec<String> = (0..11).map(|number| format!("u{number}")).collect();
    let many = world.back_end("POST", &format!("{path}/users"), Some(json!({ "usernames": many }))).await;
    assert_eq!(many.error(), (400, "batch_too_large", "group_error", "request body reaches limit."));

    let rename = Some(json!({ "name": "N" }));
    assert_eq!(by(&world, "carol", "PUT", &path, rename.clone()).await.error(), DENIED);
    assert_eq!(by(&world, "bob", "DELETE", &path, None).await.error(), DENIED);
    assert_eq!(by(&world, "bob", "DELETE", &format!("{path}/users/carol"), None).await.error(), DENIED);
    let outside = (404, "not_in_group", "group_error", "user not in group.");
    for (method, path) in [("GET", path.clone()), ("GET", format!("{path}/users")), ("PUT", path.clone())] {
        assert_eq!(
            by(&world, "dave", method, &path, rename.clone()).await.error(),
            outside,
            "{method} {path}"
        );
    }
    let removed = by(&world, "alice", "DELETE", &format!("{path}/users/carol"), None).await.ok();
    assert_eq!(removed.body["data"], json!({ "result": true, "user": "carol" }));
    let rows = world
        .back_end("DELETE", &format!("/threads/{id}/users"), Some(json!({ "usernames": ["bob", "dave"] })))
        .await
        .ok();
    assert_eq!(rows.body["entities"][0], json!({ "result": true, "user": "bob" }));
    assert_eq!(rows.body["entities"][1]["result"], false);
    by(&world, "alice", "PUT", &path, rename).await.ok();
    world.back_end("POST", "/chatgroups/team/disable", None).await.ok();
    assert_eq!(by(&world, "alice", "DELETE", &path, None).await.condition(), "group_disabled");
    let body = json!({ "from": "bob", "to": [id], "type": "txt", "body": { "msg": "x" } });
    assert_eq!(
        world.back_end("POST", "/messages/chatgroups", Some(body)).await.condition(),
        "group_disabled"
    );
}

#[tokio::test]
async fn lists_come_in_pages_in_either_order() {
    let (world, message) = team().await;
    let mut threads = vec![thread(&world, &message).await];
    for number in 0..4 {
        let message = say(&world, "team", &number.to_string()).await;
        threads.push(thread(&world, &message).await);
    }
    for list in
        ["/thread", "/threads/user/bob", "/threads/chatgroups/team", "/threads/chatgroups/team/user/bob"]
    {
        for sort in ["asc", "desc"] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("{list}?limit=2&sort={sort}&cursor={cursor}");
                let page = world.back_end("GET", &path, None).await.ok();
                found.extend(ids(&page));
                cursor = page.body["properties"]["cursor"].as_str().unwrap().to_owned();
                if ids(&page).len() < 2 {
                    break;
                }
            }
            let mut expected = threads.clone();
            if sort == "desc" {
                expected.reverse();
            }
            assert_eq!(found, expected, "{list} {sort}");
        }
    }
    let large = world.back_end("GET", "/thread?limit=51", None).await;
    assert_eq!(large.error(), (400, "page_size_invalid", "group_error", "query param reaches limit."));
    let wrong = world.back_end("GET", "/thread?cursor=x", None).await;
    assert_eq!(wrong.condition(), "cursor_invalid");
}

#[tokio::test]
async fn the_last_message_and_the_number_of_messages_are_shown() {
    let (world, message) = team().await;
    let id = thread(&world, &message).await;
    let last = async |user: &str| {
        let asked = Some(json!({ "threadIds": [id, "7"] }));
        by(&world, user, "POST", "/thread/message", asked).await.ok().body["entities"].take()
    };
    assert_eq!(last("alice").await, json!([{ "thread_id": id, "last_message": {} }]));
    say(&world, &id, "one").await;
    let two = say(&world, &id, "two").await;
    let rows = last("alice").await;
    let shown = &rows[0]["last_message"];
    assert_eq!((&shown["id"], &shown["payload"]["bodies"][0]["msg"]), (&json!(two), &json!("two")));
    assert_eq!(
        shown["payload"]["meta"]["thread"],
        json!({ "msg_parent_id": message, "muc_parent_id": "team", "thread_name": "Plans" })
    );
    assert_eq!(last("dave").await, json!([]));

    let history = Some(json!({ "queue": "team@conference.easemob.com", "start": -1 }));
    let history = by(&world, "carol", "POST", "/users/carol/messageroaming", history).await.ok();
    assert_eq!(history.body["data"]["msgs"].as_array().unwrap().len(), 1);
    let list = by(&world, "bob", "GET", "/sdk/user/bob/user_channels/list", None).await.ok();
    let infos = list.body["data"]["channel_infos"].as_array().unwrap().clone();
    assert_eq!(infos.len(), 1, "threads are no conversations of the list");
    let payload: Value = serde_json::from_str(infos[0]["meta"]["payload"].as_str().unwrap()).unwrap();
    let overview = &payload["meta"]["thread_overview"];
    assert_eq!(
        (&overview["id"], &overview["message_count"], &overview["muc_parent_id"]),
        (&json!(id), &json!(2), &json!("team"))
    );
    assert_eq!(overview["last_message"]["id"], json!(two));

    let recall = json!({ "msg_id": two, "to": id, "chat_type": "groupchat", "force": true });
    world.back_end("POST", "/messages/msg_recall", Some(recall)).await.ok();
    let list = by(&world, "bob", "GET", "/sdk/user/bob/user_channels/list", None).await.ok();
    let text = list.body["data"]["channel_infos"][0]["meta"]["payload"].as_str().unwrap().to_owned();
    let payload: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(payload["meta"]["thread_overview"]["message_count"], 1);
}

#[tokio::test]
async fn who_leaves_the_group_leaves_its_threads_and_its_end_is_theirs() {
    let (world, message) = team().await;
    let id = thread(&world, &message).await;
    by(&world, "carol", "POST", &format!("/thread/{id}/user/carol/join"), None).await.ok();
    world.back_end("DELETE", "/chatgroups/team/users/carol", None).await.ok();
    assert_eq!(names(by(&world, "alice", "GET", &format!("/thread/{id}/users"), None).await), ["bob"]);
    assert_eq!(ids(&by(&world, "carol", "GET", "/threads/user/carol", None).await.ok()), [""; 0]);
    world.back_end("DELETE", "/chatgroups/team", None).await.ok();
    assert_eq!(ids(&world.back_end("GET", "/thread", None).await.ok()), [""; 0]);
    assert_eq!(world.back_end("GET", &format!("/thread/{id}"), None).await.condition(), "thread_not_found");
    // Its name is that of a thread, so it never was a group.
    let other = world.back_end("GET", &format!("/chatgroups/{id}"), None).await;
    assert_eq!(other.condition(), "group_not_found");
}

#[tokio::test]
async fn a_thread_is_no_group_to_calls_about_groups() {
    let (world, message) = team().await;
    let id = thread(&world, &message).await;
    for (method, path) in [("GET", format!("/chatgroups/{id}")), ("DELETE", format!("/chatgroups/{id}"))] {
        assert_eq!(world.back_end(method, &path, None).await.condition(), "group_not_found", "{method}");
    }
    assert_eq!(world.back_end("GET", "/thread/team", None).await.condition(), "thread_not_found");
    let joined = by(&world, "bob", "GET", "/users/bob/joined_chatgroups", None).await.ok();
    assert_eq!(joined.body["data"].as_array().unwrap().len(), 1);
}
