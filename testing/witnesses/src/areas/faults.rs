//! What is broken on the way: servers that are silent, talk nonsense or die, stores that refuse, networks that are cut.

use std::time::Duration;

use anyhow::{Context, Result};
use client::media::{FileRules, LocalFile, MediaKind};
use client::{Client, Conversation, NewMessage, RoomId, State, username};
use conditions::{Operation, Table};
use tokio::time::timeout;

use super::tables::ALL_EASEMOB;
use crate::lab::{Lab, password};
use crate::listener;
use crate::witness::{Cause, Outcome, Witness, witness};

const JMESSAGE: &[Table] = &[Table::JmessageAndroid, Table::JmessageIos];
const UNCLASSIFIED: &[Table] = &[Table::AgoraIos, Table::EasemobWindows];
const IOS: &[Table] = &[Table::JmessageIos];
const ANDROID: &[Table] = &[Table::JmessageAndroid];
const LEGACY: &[Table] = &[Table::EasemobIosLegacy];
const CUT: &[Table] =
    &[Table::AgoraIos, Table::EasemobWindows, Table::EasemobIosLegacy, Table::JmessageAndroid];
const REFUSED_UPLOAD: &[Table] = CUT;
const BROKEN_DOWNLOAD: &[Table] = UNCLASSIFIED_AND_ANDROID;
const UNCLASSIFIED_AND_ANDROID: &[Table] = &[Table::AgoraIos, Table::EasemobWindows, Table::JmessageAndroid];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(ALL_EASEMOB, ServerTimeout, server_that_never_answers),
    witness!(JMESSAGE, RequestTimeout, server_that_never_answers),
    witness!(UNCLASSIFIED, ServerError, server_that_only_fails),
    witness!(JMESSAGE, ServerFailure, server_that_only_fails),
    witness!(IOS, ResponseMalformed, server_that_talks_nonsense),
    witness!(CUT, NetworkUnavailable, asked_while_the_network_is_cut).on_own_server(),
    witness!(IOS, MessageSendFailed, sent_into_a_dead_server).on_own_server(),
    witness!(LEGACY, RetriesExhausted, connected_until_the_limit).on_own_server(),
    witness!(REFUSED_UPLOAD, UploadFailed, upload_that_the_store_refuses).on_own_server(),
    witness!(IOS, MediaUploadFailed, upload_that_the_store_refuses).on_own_server(),
    witness!(ANDROID, UploadFailed, upload_to_a_dead_server).on_own_server().of_operation(Operation::Network),
    witness!(BROKEN_DOWNLOAD, DownloadFailed, download_from_a_dead_server).on_own_server(),
    witness!(IOS, MediaDownloadFailed, download_from_a_dead_server).on_own_server(),
];

/// Logs in at a server that answers so, or at a right one.
async fn log_in_at(lab: &Lab, cause: Cause, said: Option<&'static str>) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let elsewhere = format!("http://{}", listener::says_always(said).await?);
    let (sdk, _events) = app.at(cause.choose(elsewhere, app.server.clone())).sdk()?;
    Ok(Outcome::of(sdk.log_in("alice", &password("alice")).await))
}

async fn server_that_never_answers(lab: &Lab, cause: Cause) -> Result<Outcome> {
    log_in_at(lab, cause, None).await
}

async fn server_that_only_fails(lab: &Lab, cause: Cause) -> Result<Outcome> {
    log_in_at(lab, cause, Some("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")).await
}

async fn server_that_talks_nonsense(lab: &Lab, cause: Cause) -> Result<Outcome> {
    log_in_at(lab, cause, Some("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nnonsense")).await
}

/// How long the SDK may take to see that its server is gone.
const SEEN_LIMIT: Duration = Duration::from_secs(45);

async fn asked_while_the_network_is_cut(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let room = RoomId::parse(&app.room("alice", serde_json::Value::Null).await?)?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    if cause.is_present() {
        drop(server);
        timeout(SEEN_LIMIT, sdk.reached(State::Offline)).await.context("it stays online")??;
        return Ok(Outcome::of(sdk.enter_room(room).await));
    }
    let outcome = Outcome::of(sdk.enter_room(room).await);
    drop(server);
    Ok(outcome)
}

async fn sent_into_a_dead_server(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice", "bobby"]).await?;
    let (sdk, _events) = app.sdk_with(|builder| builder.reconnect_limit(Some(1)))?;
    sdk.log_in("alice", &password("alice")).await?;
    let message = NewMessage::text(Conversation::User(username("bobby")?), "hi");
    if cause.is_present() {
        drop(server);
        return Ok(Outcome::of(sdk.send(message).await));
    }
    let outcome = Outcome::of(sdk.send(message).await);
    drop(server);
    Ok(outcome)
}

async fn connected_until_the_limit(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let (sdk, mut events) = app.sdk_with(|builder| builder.reconnect_limit(Some(1)))?;
    sdk.log_in("alice", &password("alice")).await?;
    if !cause.is_present() {
        sdk.log_out().await?;
        return Ok(Outcome::Fine);
    }
    drop(server);
    let ended = async {
        while let Some(event) = events.next().await {
            if let client::Event::LoggedOut { error } = event {
                return Some(error);
            }
        }
        None
    };
    let error = timeout(SEEN_LIMIT, ended).await.context("it tries for ever")?;
    Ok(Outcome::Failed(error.context("the client ended without a word")?))
}

/// Uploads six bytes.
async fn upload(lab: &Lab, sdk: &Client) -> Result<client::Result<client::Attached>> {
    let path = lab.new_path("file.txt");
    tokio::fs::write(&path, b"a text").await?;
    let file = LocalFile::open(&path, MediaKind::File, &FileRules::default())?;
    Ok(match sdk.upload(&file) {
        Ok(transfer) => transfer.finish().await,
        Err(error) => Err(error),
    })
}

async fn upload_that_the_store_refuses(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let nobody = "[files]\nstore = \"s3\"\ns3_bucket = \"files\"\ns3_endpoint = \"http://127.0.0.1:9\"\n\
        s3_access_key = \"key\"\ns3_secret_key = \"secret\"\n";
    let server = lab.configured_server(cause.choose(nobody, "")).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    let outcome = Outcome::of(upload(lab, &sdk).await?);
    drop(server);
    Ok(outcome)
}

async fn upload_to_a_dead_server(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    let server = cause.choose(None, Some(server));
    let outcome = Outcome::of(upload(lab, &sdk).await?);
    drop(server);
    Ok(outcome)
}

async fn download_from_a_dead_server(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    let file = upload(lab, &sdk).await?.context("the upload before it")?;
    let content = client::Content { said: client::Said::File(file), ext: serde_json::Map::new() };
    let server = cause.choose(None, Some(server));
    let outcome = match sdk.download(&content, &lab.new_path("file.txt")) {
        Ok(transfer) => Outcome::of(transfer.finish().await),
        Err(error) => Outcome::Failed(error),
    };
    drop(server);
    Ok(outcome)
}
