//! Push settings over REST.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn devices_are_bound_and_unbound_as_old_and_new_clients_do_it() {
    let world = World::new().await;
    let path = "/users/alice/push/binding";
    let put = async |body: Value| world.back_end("PUT", path, Some(body)).await;
    let phone = json!({ "device_id": "phone", "notifier_name": "fcm", "device_token": "t1" });
    assert_eq!(put(phone.clone()).await.ok().body["entities"], json!([phone]));
    let tablet = json!({ "device_id": "tablet", "notifier_name": "apns", "device_token": "t2" });
    world.back_end("PUT", "/users/alice", Some(tablet.clone())).await.ok();
    let bound = world.back_end("GET", path, None).await.ok();
    assert_eq!(bound.body["entities"], json!([phone, tablet]));

    let account = world.back_end("GET", "/users/alice", None).await.ok();
    let shown = &account.body["entities"][0]["pushInfo"];
    // The device's key is spelled in two ways in an account, for two kinds of clients.
    let both =
        json!({ "device_Id": "phone", "device_id": "phone", "notifier_name": "fcm", "device_token": "t1" });
    assert_eq!(shown[0], both);

    let unbound = put(json!({ "device_id": "phone", "notifier_name": "fcm", "device_token": "" })).await.ok();
    assert_eq!(unbound.body["entities"], json!([]));
    let again = put(json!({ "device_id": "phone", "notifier_name": "fcm" })).await;
    assert_eq!((again.status.as_u16(), again.condition()), (400, "push_unbind_failed"));
    put(json!({ "device_id": "phone" })).await.ok();
    let unbind = json!({ "device_id": "tablet", "notifier_name": "", "device_token": "" });
    let last = world.back_end("PUT", "/users/alice", Some(unbind)).await.ok();
    assert_eq!(last.body["entities"][0]["pushInfo"], json!([]));
    let without_device = put(json!({ "notifier_name": "fcm", "device_token": "t" })).await;
    let invalid = (400, "push_bind_failed", "illegal_argument", "parameters is invalid : device_id");
    assert_eq!(without_device.error(), invalid);
    let nobody = json!({ "device_id": "d", "notifier_name": "n", "device_token": "t" });
    let nobody = world.back_end("PUT", "/users/nobody/push/binding", Some(nobody)).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn old_settings_are_part_of_the_account() {
    let world = World::new().await;
    let put = async |body: Value| world.back_end("PUT", "/users/alice", Some(body)).await;
    let set = put(json!({
        "nickname": "Al", "notification_display_style": "1", "notification_no_disturbing": true,
        "notification_no_disturbing_start": "22", "notification_no_disturbing_end": "7",
        "entities": [{ "notification_ignore_7": true }],
    }));
    let entity = set.await.ok().body["entities"][0].clone();
    for account in
        [entity, world.back_end("GET", "/users/alice", None).await.ok().body["entities"][0].clone()]
    {
        assert_eq!(account["nickname"], "Al");
        assert_eq!(account["notification_display_style"], 1);
        assert_eq!(account["notification_no_disturbing"], true);
        assert_eq!(account["notification_no_disturbing_start"], "22");
        assert_eq!(account["notification_no_disturbing_end"], "7");
        assert_eq!(account["notification_ignore_7"], true);
    }
    for (body, name) in [
        (json!({ "notification_display_style": 2 }), "notification_display_style"),
        (json!({ "notification_no_disturbing_start": "24" }), "notification_no_disturbing_start"),
    ] {
        let text = format!("parameters is invalid : {name}");
        let expected = (400, "push_config_failed", "IllegalArgumentException", text.as_str());
        assert_eq!(put(body).await.error(), expected);
    }
}

#[tokio::test]
async fn quiet_times_are_set_for_everything_or_a_conversation_and_read_back() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let group =
        json!({ "groupid": "team", "groupname": "T", "public": false, "owner": "alice", "members": ["bob"] });
    world.back_end("POST", "/chatgroups", Some(group)).await.ok();
    let call = async |method: &str, key: &str, body: Option<Value>| {
        world.call(method, &format!("/users/alice/notification{key}"), Some(&token), body).await
    };
    assert_eq!(call("GET", "/user/alice", None).await.ok().body["data"], json!({ "type": "ALL" }));
    let set =
        call("PUT", "/user/alice?resource=x", Some(json!({ "ignoreInterval": "8:30-10:15" }))).await.ok();
    assert_eq!(set.body["data"], json!({ "type": "ALL", "ignoreInterval": "08:30-10:15" }));
    let set = call("PUT", "/user/bob", Some(json!({ "ignoreDuration": 60_000 }))).await.ok();
    let until = world.use_cases.now().0 + 60_000;
    assert_eq!(set.body["data"], json!({ "type": "DEFAULT", "ignoreDuration": until }));
    call("PUT", "/chatgroup/team", Some(json!({ "type": "AT" }))).await.ok();

    let some = call("GET", "?user=bob,nobody&group=team", None).await.ok();
    let expected = json!({
        "user": { "bob": { "type": "DEFAULT", "ignoreDuration": until }, "nobody": { "type": "DEFAULT" } },
        "group": { "team": { "type": "AT" } },
    });
    assert_eq!(some.body["data"], expected);
    call("PUT", "/user/bob", Some(json!({ "type": "NONE" }))).await.ok();
    let first = call("GET", "/mute/type?limit=1", None).await.ok();
    assert_eq!(first.body["data"], json!([{ "group": "team", "value": "AT" }]));
    let cursor = first.body["cursor"].as_str().unwrap().to_owned();
    let second = call("GET", &format!("/mute/type?limit=1&cursor={cursor}"), None).await.ok();
    assert_eq!(second.body["data"], json!([{ "user": "bob", "value": "NONE" }]));
    assert_eq!(second.body["cursor"], "");

    call("PUT", "/user/bob", Some(json!({ "type": "DEFAULT" }))).await.ok();
    assert_eq!(call("GET", "/user/bob", None).await.ok().body["data"], json!({ "type": "DEFAULT" }));

    for (key, body, condition) in [
        ("/user/bob", json!({ "type": "SOME" }), "push_config_failed"),
        ("/user/bob", json!({ "ignoreInterval": "1:00-2:00" }), "push_config_failed"),
        ("/user/alice", json!({ "ignoreDuration": 604_800_001 }), "push_config_failed"),
        ("/user/bob", json!({}), "argument_invalid"),
        ("/user/nobody", json!({ "type": "AT" }), "user_not_found"),
        ("/chatgroup/none", json!({ "type": "AT" }), "group_not_found"),
        ("/chatroom/none", json!({ "type": "AT" }), "route_not_found"),
    ] {
        assert_eq!(call("PUT", key, Some(body)).await.condition(), condition, "{key}");
    }
}

#[tokio::test]
async fn languages_and_names_for_pushes_are_kept() {
    let world = World::new().await;
    let path = "/users/alice/notification/language";
    let set = world.back_end("PUT", path, Some(json!({ "translationLanguage": "de" }))).await.ok();
    assert_eq!(set.body["data"], json!({ "language": "de" }));
    assert_eq!(world.back_end("GET", path, None).await.ok().body["data"], json!({ "language": "de" }));
    let wrong = world.back_end("PUT", path, Some(json!({ "translationLanguage": "d e" }))).await;
    assert_eq!(wrong.condition(), "push_config_failed");

    let put = async |body: Value| world.back_end("PUT", "/push/nickname", Some(body)).await;
    let names =
        json!([{ "username": "alice", "push_nickname": "A" }, { "username": "bob", "push_nickname": "B" }]);
    let set = put(names).await.ok();
    assert_eq!(set.body["entities"][1], json!({ "username": "bob", "push_nickname": "B" }));
    let bob = world.back_end("GET", "/users/bob", None).await.ok();
    assert_eq!(bob.body["entities"][0]["nickname"], "B");
    let empty = put(json!([])).await;
    assert_eq!(empty.error().3, "put user push nicknames illegal empty request body");
    let name = json!({ "username": "alice", "push_nickname": "A" });
    let many = put(Value::Array(vec![name; 51])).await;
    assert_eq!(many.error().3, "put user push nicknames exceeds the limit");
    let long = put(json!([{ "username": "alice", "push_nickname": "n".repeat(101) }])).await;
    assert_eq!(long.error().3, "alice push nickname length exceeds the limit");
}

#[tokio::test]
async fn templates_are_made_by_the_back_end_and_chosen_by_users() {
    let world = World::new().await;
    let template = json!({ "name": "news", "title_pattern": "{0}", "content_pattern": "{$msg}" });
    let made = world.back_end("POST", "/notification/template", Some(template)).await.ok();
    let at = made.body["data"]["createAt"].clone();
    let mut expected = json!({
        "name": "news", "createAt": at, "updateAt": at, "title_pattern": "{0}", "content_pattern": "{$msg}",
    });
    assert_eq!(made.body["data"], expected);
    let path = "/notification/template/news";
    let change = json!({ "title_pattern": "Hi", "content_pattern": "{1}" });
    world.back_end("PUT", path, Some(change)).await.ok();
    (expected["title_pattern"], expected["content_pattern"]) = (json!("Hi"), json!("{1}"));
    let shown = world.back_end("GET", path, None).await.ok().body["data"].clone();
    assert_eq!((&shown["title_pattern"], &shown["createAt"]), (&expected["title_pattern"], &at));

    let own = "/users/alice/notification/template";
    let alice = world.user_token("alice").await;
    for name in ["news", ""] {
        world.call("PUT", own, Some(&alice), Some(json!({ "templateName": name }))).await.ok();
        let chosen = world.call("GET", own, Some(&alice), None).await.ok();
        assert_eq!(chosen.body["data"], json!({ "templateName": name }));
    }
    world.back_end("DELETE", path, None).await.ok();
    let text = "news template is not exist";
    let gone = (400, "push_template_not_found", "EntityNotFoundException", text);
    assert_eq!(world.back_end("GET", path, None).await.error(), gone);
    let choice = json!({ "templateName": "news" });
    assert_eq!(world.call("PUT", own, Some(&alice), Some(choice)).await.error(), gone);
    let nameless = json!({ "name": "a b", "title_pattern": "t", "content_pattern": "c" });
    let reply = world.back_end("POST", "/notification/template", Some(nameless)).await;
    let text = "parameters is invalid : name";
    assert_eq!(reply.error(), (400, "argument_invalid", "IllegalArgumentException", text));
}
