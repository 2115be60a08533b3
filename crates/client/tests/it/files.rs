//! Files on their way to the server and back.

use std::path::Path;

use client::media::{FileRules, LocalFile, MediaKind, PIECE_BYTES};
use client::{Attached, Condition, Content, Conversation, ErrorTable, Place, Said};
use house::Site;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::Device;

/// A file of so many bytes, in a folder that goes with it.
fn file_of(bytes: usize) -> (tempfile::TempDir, LocalFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes \"1\".txt");
    let content: Vec<u8> = (0..bytes).map(|index| (index % 251).to_le_bytes()[0]).collect();
    std::fs::write(&path, content).unwrap();
    let file = LocalFile::open(&path, MediaKind::File, &FileRules::default()).unwrap();
    (folder, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_as_it_was_sent() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let mut bob = Device::log_in(&site, "bob", "phone").await;
    let (folder, file) = file_of(1_000_000);
    alice.client.send_file(Conversation::user("bob").unwrap(), &file, 0).await.unwrap();

    let received = bob.message().await;
    let Said::File(attached) = &received.content.said else { panic!("{received:?}") };
    assert_eq!((&*attached.name, attached.bytes), ("notes \"1\".txt", 1_000_000));
    let to = folder.path().join("received");
    let mut download = bob.client.download(&received.content, &to).unwrap();
    let mut last = (0, None);
    while let Some(progress) = download.progress().await {
        assert!(progress.0 > last.0, "it goes on");
        last = progress;
    }
    assert_eq!(last, (1_000_000, Some(1_000_000)));
    assert_eq!(download.finish().await.unwrap().sha256, file.sha256);
    assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&file.path).unwrap());
    assert!(!has_part(&to));

    // The same with another digest in the message: what arrived is not kept.
    let mut forged = received.content.clone();
    forged.ext.insert("kith_sha256".to_owned(), "ab".repeat(32).into());
    let other = folder.path().join("other");
    let error = bob.client.download(&forged, &other).unwrap().finish().await.unwrap_err();
    assert_eq!(error.condition(), Condition::MediaHashMismatch);
    assert!(!other.exists() && !has_part(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_tells_how_far_it_is_and_can_be_cancelled() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let (_folder, file) = file_of(3_000_000);
    let mut upload = alice.client.upload(&file).unwrap();
    let mut numbers = Vec::new();
    while let Some((done, total)) = upload.progress().await {
        assert_eq!(total, Some(3_000_000));
        numbers.push(done);
    }
    assert_eq!(numbers.last(), Some(&3_000_000));
    assert!(numbers.is_sorted());
    upload.finish().await.unwrap();

    let upload = alice.client.upload(&file).unwrap();
    upload.cancel();
    assert_eq!(upload.finish().await.unwrap_err().condition(), Condition::RequestAborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_an_upload_from_the_server_is_told() {
    let mut site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let (_folder, file) = file_of(2 * PIECE_BYTES);
    // It changes after it was looked at.
    std::fs::write(&file.path, vec![1; 2 * PIECE_BYTES]).unwrap();
    let error = alice.client.upload(&file).unwrap().finish().await.unwrap_err();
    assert_eq!(error.condition(), Condition::FileInvalid);

    let stranger = Device::new(&site, "nobody");
    let error = stranger.client.upload(&file).unwrap_err();
    assert_eq!((error.condition(), error.code()), (Condition::NotLoggedIn, Some(201)));

    let (_folder, file) = file_of(10);
    site.stop().await;
    let error = alice.client.upload(&file).unwrap().finish().await.unwrap_err();
    assert_eq!((error.condition(), error.code()), (Condition::MediaUploadFailed, Some(402)));
    let error = error.in_table(ErrorTable::JMessageIos);
    assert_eq!(error.code(), Some(860_018));
}

/// A server that says the same to everybody and closes.
async fn says(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let count = socket.read(&mut request).await.unwrap();
            let head = String::from_utf8_lossy(&request[..count]).to_lowercase();
            assert!(!head.contains("authorization") && !head.contains("share-secret"), "{head}");
            socket.write_all(answer.replace("HERE", &address.to_string()).as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}/file")
}

fn file_at(url: String, bytes: u64) -> Content {
    let file =
        Attached { at: Place::Url(url), name: "a".to_owned(), bytes, crc32: None, format: String::new() };
    Content { said: Said::File(file), ext: serde_json::Map::new() }
}

/// Whether a part of a file lies beside where it was to go.
fn has_part(to: &Path) -> bool {
    let mut names = std::fs::read_dir(to.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_string_lossy().ends_with(".part"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_server_gets_nothing_of_the_user_and_can_do_no_harm() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfile", 4, None),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nfile",
            9,
            Some((403, Condition::MediaDownloadFailed)),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfile",
            3,
            Some((1, Condition::AttachmentCorrupted)),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfile",
            5,
            Some((1, Condition::AttachmentCorrupted)),
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            4,
            Some((400, Condition::FileNotFound)),
        ),
        (
            "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            4,
            Some((403, Condition::MediaDownloadFailed)),
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://HERE/file\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            4,
            Some((403, Condition::MediaDownloadFailed)),
        ),
        ("no HTTP at all\r\n\r\n", 4, Some((403, Condition::MediaDownloadFailed))),
    ];
    for (answer, bytes, expected) in cases {
        let url = says(answer).await;
        let outcome = alice.client.download(&file_at(url, bytes), &to).unwrap().finish().await;
        let Some((code, condition)) = expected else {
            assert_eq!(outcome.unwrap().bytes, 4);
            assert_eq!(std::fs::read(&to).unwrap(), b"file");
            std::fs::remove_file(&to).unwrap();
            continue;
        };
        let error = outcome.unwrap_err();
        assert_eq!((error.condition(), error.code()), (condition, Some(code)), "{answer}");
        assert!(!to.exists() && !has_part(&to), "{answer}: something is left");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}/file");
    let error = alice.client.download(&file_at(url, 4), &to).unwrap().finish().await.unwrap_err();
    assert_eq!(error.condition(), Condition::MediaDownloadFailed);
    for (said, condition) in [
        (file_at("file:///etc/passwd".to_owned(), 4), Condition::UrlInvalid),
        (file_at(String::new(), 4), Condition::MediaResourceMissing),
        (Content::text("hi"), Condition::NotAMediaMessage),
    ] {
        let error = alice.client.download(&said, &to).unwrap_err();
        assert_eq!((error.condition(), error.table()), (condition, ErrorTable::Easemob));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cancelled_or_dropped_leaves_nothing_behind() {
    let site = Site::start().await;
    let alice = Device::log_in(&site, "alice", "phone").await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    // Says that more comes, and never says it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let _read = socket.read(&mut [0; 4096]).await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun").await.unwrap();
            open.push(socket);
        }
    });
    for is_dropped in [false, true] {
        let mut download = alice.client.download(&file_at(url.clone(), 9), &to).unwrap();
        assert_eq!(download.progress().await.map(|(done, _)| done), Some(5));
        assert!(has_part(&to));
        if is_dropped {
            drop(download);
        } else {
            download.cancel();
            assert_eq!(download.finish().await.unwrap_err().condition(), Condition::RequestAborted);
        }
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        while has_part(&to) {
            assert!(tokio::time::Instant::now() < deadline, "dropped: {is_dropped}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(!to.exists());
    }
}

#[tokio::test]
async fn a_file_is_looked_at_beside_the_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    std::fs::write(&path, b"a text").unwrap();
    let file = LocalFile::look(&path, MediaKind::File, &FileRules::default()).await.unwrap();
    assert_eq!((file.bytes, file.name.as_str()), (6, "note.txt"));
    let thumbnail = client::media::make_thumbnail(&path, 100).await.unwrap_err();
    assert_eq!(thumbnail.condition(), Condition::FileConversionFailed);
}
