//! `thumbnail=true` and `vframe=true`.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

use super::{Fault, form};
use crate::rest::tests::World;

/// Some 200 KB that no compression makes small.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let noise = |x: u32, y: u32| {
        let mixed = (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        let [a, b, c, _] = (mixed ^ mixed >> 15).to_le_bytes();
        Rgb([a, b, c])
    };
    let mut out = Cursor::new(Vec::new());
    RgbImage::from_fn(width, height, noise).write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

fn size(bytes: &[u8]) -> (u32, u32) {
    let image = image::load_from_memory(bytes).unwrap();
    (image.width(), image.height())
}

#[tokio::test]
async fn a_large_picture_has_a_small_one_that_is_made_once() {
    let world = World::new().await;
    let bytes = picture(400, 200);
    let file = world.upload("cat.png", "image/png", &bytes).await;
    let path = format!("{}?em-redirect=true&share-secret={}&thumbnail=true", file.id, file.secret);
    let small = world.get(&path, &[]).await;
    assert_eq!((small.status.as_u16(), size(&small.bytes)), (200, (170, 85)));
    assert_eq!(small.header("content-type"), "image/jpeg");
    assert!(small.header("content-disposition").starts_with("inline"));
    assert_eq!(world.blobs.count(), 2);
    let whole = world.get(&format!("{}?share-secret={}", file.id, file.secret), &[]).await;
    assert_ne!(whole.header("etag"), small.header("etag"));

    let by_header = [("share-secret", file.secret.as_str()), ("thumbnail", "true")];
    assert_eq!(world.get(&file.id, &by_header).await.bytes, small.bytes);
    let part = world.get(&path, &[("range", "bytes=0-3")]).await;
    assert_eq!((part.status.as_u16(), &part.bytes[..]), (206, &small.bytes[..4]));
    assert_eq!(world.blobs.count(), 2);
    assert_eq!(world.refused(&format!("{}?thumbnail=true", file.id), &[]).await.0, 401, "it is the file's");
}

#[tokio::test]
async fn many_who_ask_at_once_get_the_same_one() {
    let world = World::new().await;
    let file = world.upload("cat.png", "image/png", &picture(400, 200)).await;
    let path = format!("{}?share-secret={}&thumbnail=true", file.id, file.secret);
    let asked = futures_util::future::join_all((0..8).map(|_| world.get(&path, &[]))).await;
    assert!(asked.iter().all(|small| small.bytes == asked[0].bytes));
    assert_eq!(world.blobs.count(), 2);
}

#[tokio::test]
async fn the_upload_says_how_large_it_should_be() {
    let world = World::new().await;
    let token = world.user_token("alice").await;
    let bytes = picture(400, 200);
    let by_field =
        form("file", "a.png", "image/png", &bytes, &[("thumbnail-width", "60"), ("thumbnail-height", "300")]);
    let plain = form("file", "a.png", "image/png", &bytes, &[]);
    for (headers, body, expected) in [
        (vec![], by_field, (60, 30)),
        (vec![("thumbnail-width", "100"), ("thumbnail-height", "20")], plain.clone(), (40, 20)),
        (vec![("thumbnail-width", "nonsense")], plain.clone(), (170, 85)),
    ] {
        let reply = world.send_form("POST", "/chatfiles", &token, &headers, body).await.ok();
        let id = reply.body["entities"][0]["uuid"].as_str().unwrap().to_owned();
        let small = world.get(&format!("{id}?thumbnail=true"), &[]).await;
        assert_eq!(size(&small.bytes), expected, "{headers:?}");
    }
    world.set("files.thumbnail_scale", "short_side").await;
    let file = world.upload_as("alice", false, plain).await;
    assert_eq!(size(&world.get(&format!("{}?thumbnail=true", file.id), &[]).await.bytes), (340, 170));
}

#[tokio::test]
async fn what_cannot_be_made_smaller_is_its_own_thumbnail_and_what_is_no_picture_has_none() {
    let world = World::new().await;
    let noise = vec![0x5a; 20_000];
    let tiny = picture(20, 20);
    assert!(tiny.len() < 10 << 10);
    for (name, media_type, bytes) in [
        ("tiny.png", "image/png", tiny),
        ("narrow.png", "image/png", picture(160, 160)),
        ("broken.png", "image/png", noise.clone()),
        ("photo.heic", "image/heic", noise.clone()),
    ] {
        let file = world.upload(name, media_type, &bytes).await;
        let path = format!("{}?share-secret={}&thumbnail=true", file.id, file.secret);
        assert!(world.get(&path, &[]).await.bytes == bytes, "{name}");
    }
    let film = world.upload("a.mp4", "video/mp4", &noise).await;
    for query in ["thumbnail=true", "vframe=true"] {
        let path = format!("{}?share-secret={}&{query}", film.id, film.secret);
        assert_eq!(world.refused(&path, &[]).await.1, "file_not_found");
    }
}

/// A picture that says it has four thousand million pixels.
#[tokio::test]
async fn a_bomb_costs_nothing_and_is_its_own_thumbnail() {
    let world = World::new().await;
    let mut bomb = picture(200, 200);
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let file = world.upload("bomb.png", "image/png", &bomb).await;
    let path = format!("{}?share-secret={}&thumbnail=true", file.id, file.secret);
    assert_eq!(world.get(&path, &[]).await.bytes, bomb);
    assert_eq!(world.blobs.count(), 1);
}

#[tokio::test]
async fn a_store_that_fails_leaves_the_thumbnail_for_later() {
    let world = World::new().await;
    let file = world.upload("cat.png", "image/png", &picture(400, 200)).await;
    let path = format!("{}?share-secret={}&thumbnail=true", file.id, file.secret);
    for fault in [Fault::Read, Fault::Short, Fault::Write(0), Fault::Finish] {
        world.blobs.fail(fault.clone());
        let refused = world.refused(&path, &[]).await;
        assert_eq!((refused.0, refused.1.as_str()), (503, "storage_unavailable"), "{fault:?}");
    }
    world.blobs.fail(Fault::None);
    assert_eq!(size(&world.get(&path, &[]).await.bytes), (170, 85));
}
