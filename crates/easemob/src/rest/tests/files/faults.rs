//! When the store of files fails: what the sender and the reader see, and what is left over.

use std::time::Duration;

use app::BlobError;

use super::{Fault, form};
use crate::rest::tests::World;

#[tokio::test]
async fn a_store_that_fails_at_any_point_of_an_upload_is_503_and_leaves_nothing() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let full = BlobError::Full { detail: "a secret path".to_owned() };
    let broken = BlobError::Unavailable { detail: "a secret path".to_owned() };
    for (fault, condition) in [
        (Fault::Create(full), "storage_full"),
        (Fault::Create(broken), "storage_unavailable"),
        (Fault::Write(0), "storage_unavailable"),
        (Fault::Write(500), "storage_unavailable"),
        (Fault::Finish, "storage_unavailable"),
    ] {
        world.blobs.fail(fault.clone());
        let body = form("file", "a", "text/plain", &[7; 1000], &[]);
        let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await;
        assert_eq!((reply.status.as_u16(), reply.condition()), (503, condition), "{fault:?}");
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(!reply.text.contains("secret"), "{}", reply.text);
        assert!(reply.body.get("entities").is_none(), "the SDKs would take it for a success");
        assert_eq!(world.blobs.count(), 0);
    }
    world.blobs.fail(Fault::None);
    assert_eq!(world.upload("a", "text/plain", b"x").await.reply.status, 200);
}

#[tokio::test]
async fn a_store_that_cannot_read_is_503_and_one_that_gives_too_little_breaks_the_answer_off() {
    let world = World::new().await;
    let file = world.upload("a", "text/plain", &[7; 1000]).await;
    let path = format!("{}?share-secret={}", file.id, file.secret);
    world.blobs.fail(Fault::Read);
    let refused = world.refused(&path, &[]).await;
    assert_eq!((refused.0, refused.1.as_str()), (503, "storage_unavailable"));
    world.blobs.fail(Fault::Short);
    assert!(world.fetch("GET", &path, &[]).await.is_err());
    assert!(world.fetch("GET", &path, &[("range", "bytes=0-9")]).await.is_err());
    world.blobs.fail(Fault::None);
    assert_eq!(world.get(&path, &[]).await.bytes.len(), 1000);
}

#[tokio::test]
async fn what_a_crash_leaves_in_the_store_goes_later() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    world.set("files.bytes_limit", "10").await;
    // The row is refused, and the clean-up fails too.
    world.blobs.fail(Fault::Delete);
    world.set("files.app_bytes_limit", "5").await;
    let body = form("file", "a", "text/plain", &[7; 6], &[]);
    let reply = world.send_form("POST", "/chatfiles", &token, &[], body).await;
    assert_eq!(reply.condition(), "file_quota_exceeded");
    world.set("files.app_bytes_limit", "0").await;

    let file = world.upload("a", "text/plain", &[7; 6]).await;
    world.use_cases.sweep_files(world.app.value.id, world.use_cases.now()).await.unwrap();
    world.blobs.fail(Fault::None);
    world.wait(Duration::from_secs(2 * 60 * 60));
    world.sweep().await;
    assert_eq!(world.blobs.count(), 1, "only what is a file's is left");
    assert_eq!(world.get(&format!("{}?share-secret={}", file.id, file.secret), &[]).await.status, 200);
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_is_tried_again() {
    let world = World::new().await;
    world.set("files.retention_days", "1").await;
    world.upload("a", "text/plain", b"x").await;
    world.wait(Duration::from_secs(24 * 60 * 60));
    world.blobs.fail(Fault::Delete);
    let (app, now) = (world.app.value.id, world.use_cases.now());
    assert_eq!(world.use_cases.sweep_files(app, now).await, Ok(true));
    assert!(world.use_cases.sweep_files(app, now).await.is_err());
    assert_eq!(world.blobs.count(), 1);
    world.blobs.fail(Fault::None);
    world.wait(Duration::from_secs(60 * 60));
    world.sweep().await;
    assert_eq!(world.blobs.count(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_holds_up_no_other() {
    let world = World::new().await;
    world.set("files.retention_days", "1").await;
    world.upload("first", "text/plain", b"x").await;
    let first = world.blobs.any();
    for name in ["second", "third"] {
        world.wait(Duration::from_secs(1));
        world.upload(name, "text/plain", b"x").await;
    }
    world.wait(Duration::from_secs(24 * 60 * 60));
    world.blobs.fail(Fault::DeleteOf(first));
    world.sweep().await;
    assert_eq!(world.blobs.count(), 1);
    assert_eq!(world.blobs.any(), first);
}
