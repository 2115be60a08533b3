//! Families of the API that this server does not have yet: the vendor's words for "off", each its own.

use super::World;

#[tokio::test]
async fn each_family_says_that_it_is_off_in_its_own_words() {
    let world = World::new().await;
    let alice = world.user_token("alice").await;
    for (method, path, status, condition, error, description) in [
        ("POST", "/translate", 503, "service_not_enabled", "service_not_open", "service not open"),
        // The web SDKs say 505 to these words, and 500 to any 503.
        (
            "POST",
            "/users/alice/translate",
            403,
            "service_not_enabled",
            "forbidden_op",
            "translate service not open!",
        ),
        (
            "GET",
            "/chatrooms/7/broadcast",
            403,
            "service_not_enabled",
            "forbidden_op",
            "chatroom service not open!",
        ),
        ("POST", "/push/single", 403, "service_not_enabled", "forbidden_op", "push service not open!"),
    ] {
        let reply = world.call(method, path, Some(&alice), None).await;
        assert_eq!(reply.error(), (status, condition, error, description), "{method} {path}");
    }
}

#[tokio::test]
async fn a_family_that_is_off_still_asks_who_is_there() {
    let world = World::new().await;
    let path = "/users/alice/translate";
    assert_eq!(world.call("GET", path, None, None).await.condition(), "credentials_missing");
    assert_eq!(world.call("GET", path, Some("x"), None).await.condition(), "token_malformed");
}
