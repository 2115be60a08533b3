//! What is left of a user who was removed, and of a message that was taken back: nothing that others can see, or that takes
//! room.

use std::time::Duration;

use serde_json::{Value, json};

use super::form;
use crate::rest::tests::World;

impl World {
    /// Waits until a list is empty, which the background jobs bring about.
    async fn until_empty(&self, path: &str) {
        for _ in 0..200 {
            let data = self.back_end("GET", path, None).await.ok().body["data"].clone();
            if data == json!([]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} still has something");
    }

    async fn list(&self, path: &str) -> Value {
        self.back_end("GET", path, None).await.ok().body["data"].clone()
    }
}

#[tokio::test]
async fn a_removed_user_stands_on_no_list_of_a_group_and_his_files_are_gone() {
    let world = World::new().await;
    let group = |id: &str, members: Value, members_only: bool| {
        json!({
            "groupid": id, "groupname": id, "public": true, "owner": "bob", "members": members,
            "membersonly": members_only, "allowinvites": false,
        })
    };
    world.back_end("POST", "/chatgroups", Some(group("team", json!(["alice"]), false))).await.ok();
    world.back_end("POST", "/chatgroups/team/blocks/users/alice", None).await.ok();
    assert_eq!(world.list("/chatgroups/team/blocks/users").await, json!(["alice"]));
    let file = world.upload("a.txt", "text/plain", b"hello").await;
    world.post("/users", json!({ "username": "carol", "password": "pw" })).await.ok();
    let kept = world.upload_as("carol", true, form("file", "c.txt", "text/plain", b"mine", &[])).await;
    assert_eq!(world.blobs.count(), 2);
    let blocked = json!({ "usernames": ["alice", "carol"] });
    world.back_end("POST", "/users/bob/blocks/users", Some(blocked)).await.ok();

    world.back_end("DELETE", "/users/alice", None).await.ok();
    world.begin_jobs();
    world.until_empty("/chatgroups/team/blocks/users").await;
    for _ in 0..200 {
        world.sweep().await;
        if world.blobs.count() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.blobs.count(), 1);
    let of_alice = format!("{}?share-secret={}", file.id, file.secret);
    assert_eq!(world.refused(&of_alice, &[]).await.1, "file_expired");
    let of_carol = format!("{}?share-secret={}", kept.id, kept.secret);
    assert_eq!(&world.get(&of_carol, &[]).await.bytes[..], b"mine");
    assert_eq!(world.list("/users/bob/blocks/users").await, json!(["carol"]), "who is there stays blocked");
}

#[tokio::test]
async fn a_file_that_comes_after_its_uploader_was_removed_does_not_stay() {
    let world = World::new().await;
    let alice = world.use_cases.get_user(&world.app, "alice").await.unwrap();
    let begin = async || {
        let upload = world.use_cases.begin_upload(&world.app, Some(alice.user.uid), 5).await;
        let mut upload = upload.unwrap();
        upload.write(bytes::Bytes::from_static(b"hello")).await.unwrap();
        upload
    };
    let (first, second) = (begin().await, begin().await);
    // Another change of him stops nothing.
    world.back_end("PUT", "/users/alice", Some(json!({ "nickname": "Al" }))).await.ok();
    first.finish(app::FileFacts::default()).await.unwrap();
    assert_eq!(world.blobs.count(), 1);

    world.back_end("DELETE", "/users/alice", None).await.ok();
    world.begin_jobs();
    for _ in 0..200 {
        world.sweep().await;
        if world.blobs.count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = second.finish(app::FileFacts::default()).await.unwrap_err();
    assert_eq!(refused.condition(), conditions::Condition::UserRemoved);
    assert_eq!(world.blobs.count(), 0);
}

#[tokio::test]
async fn the_file_of_a_message_that_is_taken_back_goes_if_it_was_its_senders() {
    let world = World::new().await;
    let own = world.upload("a.png", "image/png", b"\x89PNG\r\n\x1a\n own").await;
    let others = world.upload_as("bob", true, form("file", "b.txt", "text/plain", b"bob's", &[])).await;
    for (file, left) in [(&others, 2), (&own, 1)] {
        let url = format!("http://chat.example.com:8080/demo/kith/chatfiles/{}", file.id);
        let body = json!({ "url": url, "filename": "f", "secret": file.secret });
        let request = json!({ "from": "alice", "to": ["bob"], "type": "img", "body": body });
        let sent = world.back_end("POST", "/messages/users", Some(request)).await.ok();
        let recall =
            json!({ "msg_id": sent.body["data"]["bob"], "from": "alice", "to": "bob", "chat_type": "chat" });
        world.back_end("POST", "/messages/msg_recall", Some(recall)).await.ok();
        world.sweep().await;
        assert_eq!(world.blobs.count(), left);
    }
    let path = format!("{}?share-secret={}", own.id, own.secret);
    assert_eq!(world.refused(&path, &[]).await.1, "file_expired");
}
