//! What outlives a server, and that only one uses a folder.

use std::fs;

use http::StatusCode;
use server::config::{DatabaseUrl, Engine};
use server::{FolderError, Local, Server, StartError, read_server_file};

use crate::support::{call, config};

#[tokio::test(flavor = "multi_thread")]
async fn apps_and_users_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = Server::new(config(&folder, Engine::Fjall)).start().await.unwrap();
    let first = running.prepare_demo().await.unwrap();
    assert!(running.shutdown().await.clean);

    let running = Server::new(config(&folder, Engine::Fjall)).start().await.unwrap();
    let second = running.prepare_demo().await.unwrap();
    assert_eq!(second.app, first.app);
    assert_eq!(running.apps(), [first.app]);
    for user in second.users {
        let body = serde_json::json!({
            "grant_type": "password", "username": user.name, "password": user.password,
        });
        let headers = [("content-type", "application/json")];
        let answer = call(running.address(), "POST", "/demo/kith/token", &headers, &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_is_told_who_uses_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let running = Server::new(config(&folder, Engine::Memory)).start().await.unwrap();
    let error = Server::new(config(&folder, Engine::Memory)).start().await.unwrap_err();
    assert!(matches!(error, StartError::Folder(FolderError::InUse { .. })), "{error}");
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    assert!(Local::open(&config(&folder, Engine::Memory), true).await.is_err());

    // The first one is none the worse for it, and its note is still there.
    assert_eq!(call(running.address(), "GET", "/readyz", &[], "").await.status, StatusCode::OK);
    let data = running.data().to_owned();
    assert_eq!(read_server_file(&data).unwrap().http, running.address());
    running.shutdown().await;
    assert_eq!(read_server_file(&data), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_without_their_pepper_are_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let running = Server::new(config(&folder, Engine::Fjall)).start().await.unwrap();
    running.prepare_demo().await.unwrap();
    let pepper = running.data().join("pepper");
    running.shutdown().await;
    let kept = fs::read(&pepper).unwrap();
    fs::remove_file(&pepper).unwrap();

    let error = Server::new(config(&folder, Engine::Fjall)).start().await.unwrap_err();
    assert!(matches!(error, StartError::Folder(FolderError::PepperMissing { .. })), "{error}");
    assert!(!pepper.exists());

    fs::write(&pepper, kept).unwrap();
    Server::new(config(&folder, Engine::Fjall)).start().await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_and_the_folder_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&folder, Engine::Fjall);
    config.http.address.0 = taken.local_addr().unwrap();
    let error = Server::new(config.clone()).start().await.unwrap_err();
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
    drop(taken);
    Server::new(config).start().await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_works_on_the_folder_when_no_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, Engine::Fjall);
    let error = Local::open(&config, false).await.unwrap_err();
    assert!(matches!(error, StartError::Folder(FolderError::Missing { .. })), "{error}");

    let local = Local::open(&config, true).await.unwrap();
    let body = bytes::Bytes::from(r#"{"appkey":"acme#chat"}"#);
    let (status, _) = local.call(http::Method::POST, "/apps", body).await;
    assert_eq!(status, StatusCode::CREATED);
    local.close().await;

    let running = Server::new(config).start().await.unwrap();
    assert_eq!(running.apps()[0].appkey, "acme#chat");
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_setting_begins_no_empty_server_in_the_folder_of_a_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("storage.json"), r#"{"engine":"postgres","database":"d","files":"folder"}"#).unwrap();
    // The server after a deploy without its settings, and a command in a shell without them.
    let error = Server::new(config(&folder, Engine::Fjall)).start().await.unwrap_err();
    assert!(matches!(error, StartError::Folder(FolderError::StorageChanged(_))), "{error}");
    assert!(error.to_string().contains("storage.engine"), "{error}");
    assert!(Local::open(&config(&folder, Engine::Fjall), true).await.is_err());
    assert!(!data.join("fjall").exists(), "nothing was made");

    // The other way round it is refused before the database is asked.
    let folder = tempfile::tempdir().unwrap();
    Server::new(config(&folder, Engine::Fjall)).start().await.unwrap().shutdown().await;
    let mut other = config(&folder, Engine::Postgres);
    other.storage.postgres_url = Some(DatabaseUrl("postgres://kith@192.0.2.1/kith".to_owned()));
    let error = Server::new(other).start().await.unwrap_err();
    assert!(matches!(error, StartError::Folder(FolderError::StorageChanged(_))), "{error}");
    Server::new(config(&folder, Engine::Fjall)).start().await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_address_that_makes_no_sense_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, Engine::Postgres);
    config.storage.postgres_url = Some(DatabaseUrl("postgres://kith:s3cret@localhost:port/kith".to_owned()));
    assert!(!format!("{config:?}").contains("s3cret"));
    let error = Server::new(config).start().await.unwrap_err();
    assert!(matches!(error, StartError::Database(_)), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("storage.postgres_url: ") && !text.contains("s3cret"), "{text}");
}
