//! What the SDK says by itself: sessions, files and recordings on the device, servers that are not there.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use client::media::{
    Download, Expected, FileRules, Format, LocalFile, MediaKind, place_of, remove, thumbnail,
};
use client::voice::{Recorder, RecorderLimits, SoundFormat};
use client::{Attached, Client, Conversation, NewMessage, Place, Said, State, username};
use conditions::Table;
use tokio::net::TcpListener;

use super::tables::{AGORA_AND_LEGACY, ALL_EASEMOB, LEGACY, PRESENT, WINDOWS};
use crate::lab::{Lab, password};
use crate::witness::{Cause, Outcome, Witness, witness};

const NOT_IN: &[Table] = &[
    Table::EasemobWindows,
    Table::AgoraIos,
    Table::EasemobIosLegacy,
    Table::JmessageAndroid,
    Table::JmessageIos,
];
const IN_ALREADY: &[Table] = &[Table::EasemobWindows, Table::AgoraIos, Table::JmessageIos];
const GOING: &[Table] = &[Table::EasemobIosLegacy, Table::JmessageIos];
const ANDROID: &[Table] = &[Table::JmessageAndroid];
const IOS: &[Table] = &[Table::JmessageIos];
const JMESSAGE: &[Table] = &[Table::JmessageAndroid, Table::JmessageIos];
const GONE_FILE: &[Table] = &[Table::EasemobIosLegacy, Table::JmessageAndroid];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(ALL_EASEMOB, AppKeyInvalid, malformed_app_key),
    witness!(AGORA_AND_LEGACY, UrlInvalid, address_that_is_no_url),
    witness!(NOT_IN, NotLoggedIn, sent_before_the_login),
    witness!(IN_ALREADY, AlreadyLoggedIn, logged_in_twice),
    witness!(WINDOWS, OtherUserLoggedIn, logged_in_as_another),
    witness!(LEGACY, LoginInProgress, logged_in_while_logging_in),
    witness!(GOING, LogoutInProgress, logged_out_while_logging_out),
    witness!(ANDROID, SdkNotInitialized, used_without_a_client),
    witness!(ALL_EASEMOB, ServerUnreachable, nobody_listens),
    witness!(JMESSAGE, ConnectionFailed, nobody_listens),
    witness!(GONE_FILE, AttachmentNotFound, file_that_is_gone),
    witness!(PRESENT, FileNotFound, file_that_is_gone),
    witness!(PRESENT, FileInvalid, folder_sent_as_a_file),
    witness!(LEGACY, FileTypeUnsupported, file_of_a_kind_that_the_app_does_not_send),
    witness!(LEGACY, FileConversionFailed, thumbnail_of_a_text),
    witness!(WINDOWS, FileDeleteFailed, file_that_can_not_be_deleted),
    witness!(IOS, UploadFileEmpty, empty_file),
    witness!(ANDROID, ImageContentFailed, text_sent_as_a_picture),
    witness!(LEGACY, AttachmentCorrupted, file_of_another_length),
    witness!(IOS, MediaCrcInvalid, media_without_a_checksum),
    witness!(IOS, MediaCrcMismatch, media_with_another_checksum),
    witness!(IOS, MediaHashMismatch, media_with_another_digest),
    witness!(IOS, NotAMediaMessage, media_of_a_text),
    witness!(IOS, MediaResourceMissing, media_that_is_nowhere),
    witness!(LEGACY, RecorderStopping, recorded_while_stopping),
    witness!(LEGACY, RecorderNotStarted, stopped_what_was_not_started),
    witness!(LEGACY, RecordingTooShort, stopped_at_once),
];

async fn malformed_app_key(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let key = cause.choose("no app key", &*app.key);
    Ok(Outcome::of(Client::builder(key, &app.server, "ws://127.0.0.1/ws").build()))
}

async fn address_that_is_no_url(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let url = cause.choose("not a url", &*app.server);
    Ok(Outcome::of(Client::builder(&app.key, url, "ws://127.0.0.1/ws").build()))
}

fn to(name: &str) -> Result<Conversation> {
    Ok(Conversation::User(username(name)?))
}

async fn sent_before_the_login(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice", "bobby"]).await?;
    let (sdk, _events) = app.sdk()?;
    if !cause.is_present() {
        sdk.log_in("alice", &password("alice")).await?;
    }
    Ok(Outcome::of(sdk.send(NewMessage::text(to("bobby")?, "hi")).await))
}

async fn logged_in_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    if cause.is_present() {
        sdk.log_in("alice", &password("alice")).await?;
    }
    Ok(Outcome::of(sdk.log_in("alice", &password("alice")).await))
}

async fn logged_in_as_another(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice", "bobby"]).await?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    if !cause.is_present() {
        sdk.log_out().await?;
    }
    Ok(Outcome::of(sdk.log_in("bobby", &password("bobby")).await))
}

async fn logged_in_while_logging_in(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    let secret = password("alice");
    if !cause.is_present() {
        return Ok(Outcome::of(sdk.log_in("alice", &secret).await));
    }
    let (first, second) = tokio::join!(sdk.log_in("alice", &secret), sdk.log_in("alice", &secret));
    first.context("the first login")?;
    Ok(Outcome::of(second))
}

async fn logged_out_while_logging_out(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    if !cause.is_present() {
        return Ok(Outcome::of(sdk.log_out().await));
    }
    let (first, second) = tokio::join!(sdk.log_out(), sdk.log_out());
    first.context("the first logout")?;
    Ok(Outcome::of(second))
}

pub(super) async fn used_without_a_client(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = app.sdk()?;
    if cause.is_present() {
        sdk.close().await;
        sdk.reached(State::Closed).await.ok();
    }
    Ok(Outcome::of(sdk.log_in("alice", &password("alice")).await))
}

async fn nobody_listens(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    // A port that was free a moment ago, and that nobody has taken since.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
    let server = cause.choose(format!("http://{free}"), app.server.clone());
    let (sdk, _events) = app.at(server).sdk()?;
    Ok(Outcome::of(sdk.log_in("alice", &password("alice")).await))
}

/// A file in the run's folder.
async fn file(lab: &Lab, content: &[u8]) -> Result<PathBuf> {
    let path = lab.new_path("file.txt");
    tokio::fs::write(&path, content).await?;
    Ok(path)
}

async fn file_that_is_gone(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = file(lab, b"a text").await?;
    if cause.is_present() {
        tokio::fs::remove_file(&path).await?;
    }
    Ok(Outcome::of(LocalFile::open(&path, MediaKind::File, &FileRules::default())))
}

async fn folder_sent_as_a_file(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let file = file(lab, b"a text").await?;
    let folder = file.parent().context("it lies in a folder")?;
    let path = cause.choose(folder, &file);
    Ok(Outcome::of(LocalFile::open(path, MediaKind::File, &FileRules::default())))
}

async fn file_of_a_kind_that_the_app_does_not_send(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = file(lab, b"a text").await?;
    let formats = cause.choose(Some(vec![Format::Png]), None);
    let rules = FileRules { formats, ..FileRules::default() };
    Ok(Outcome::of(LocalFile::open(&path, MediaKind::File, &rules)))
}

/// The smallest picture: one GIF pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

async fn thumbnail_of_a_text(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = file(lab, cause.choose(b"a text".as_slice(), PIXEL)).await?;
    Ok(Outcome::of(thumbnail(&path, 100)))
}

async fn file_that_can_not_be_deleted(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let file = file(lab, b"a text").await?;
    let folder = file.parent().context("it lies in a folder")?;
    Ok(Outcome::of(remove(cause.choose(folder, &file))))
}

async fn empty_file(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = file(lab, cause.choose(b"".as_slice(), b"a text")).await?;
    Ok(Outcome::of(LocalFile::open(&path, MediaKind::File, &FileRules::default())))
}

async fn text_sent_as_a_picture(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = file(lab, cause.choose(b"a text".as_slice(), PIXEL)).await?;
    Ok(Outcome::of(LocalFile::open(&path, MediaKind::Image, &FileRules::default())))
}

/// Takes a download of six bytes in, of which the message says this.
fn download(expected: Expected) -> client::Result<()> {
    let mut download = Download::new(Expected { bytes_limit: 1_000, ..expected })?;
    download.add(b"a text")?;
    download.finish().map(drop)
}

async fn file_of_another_length(_: &Lab, cause: Cause) -> Result<Outcome> {
    Ok(Outcome::of(download(Expected { bytes: Some(cause.choose(7, 6)), ..Expected::default() })))
}

/// The CRC-32 of `a text`.
const CRC: u32 = 0xa964_2a83;

async fn media_without_a_checksum(_: &Lab, cause: Cause) -> Result<Outcome> {
    let crc32 = cause.choose(None, Some(CRC));
    Ok(Outcome::of(download(Expected { crc32, needs_crc32: true, ..Expected::default() })))
}

async fn media_with_another_checksum(_: &Lab, cause: Cause) -> Result<Outcome> {
    let crc32 = Some(cause.choose(1, CRC));
    Ok(Outcome::of(download(Expected { crc32, ..Expected::default() })))
}

async fn media_with_another_digest(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = file(lab, b"a text").await?;
    let right = LocalFile::open(&path, MediaKind::File, &FileRules::default())?.sha256;
    let sha256 = Some(cause.choose([0; 32], right));
    Ok(Outcome::of(download(Expected { sha256, ..Expected::default() })))
}

fn attached(url: &str) -> Attached {
    let at = Place::Url(url.to_owned());
    Attached { at, name: "file".to_owned(), bytes: 6, crc32: None, format: String::new() }
}

async fn media_of_a_text(_: &Lab, cause: Cause) -> Result<Outcome> {
    let file = Said::File(attached("http://127.0.0.1/file"));
    Ok(Outcome::of(place_of(&cause.choose(Said::Text("hi".to_owned()), file))))
}

async fn media_that_is_nowhere(_: &Lab, cause: Cause) -> Result<Outcome> {
    Ok(Outcome::of(place_of(&Said::File(attached(cause.choose("", "http://127.0.0.1/file"))))))
}

fn recorder() -> Recorder {
    Recorder::new(RecorderLimits { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) })
}

async fn recorded_while_stopping(_: &Lab, cause: Cause) -> Result<Outcome> {
    let mut recorder = recorder();
    recorder.start(SoundFormat::SPEECH)?;
    recorder.feed(&vec![0; SoundFormat::SPEECH.samples(Duration::from_secs(2))]);
    recorder.stop()?;
    if !cause.is_present() {
        recorder.finish()?;
    }
    Ok(Outcome::of(recorder.start(SoundFormat::SPEECH)))
}

async fn stopped_what_was_not_started(_: &Lab, cause: Cause) -> Result<Outcome> {
    let mut recorder = recorder();
    if !cause.is_present() {
        recorder.start(SoundFormat::SPEECH)?;
    }
    Ok(Outcome::of(recorder.stop()))
}

async fn stopped_at_once(_: &Lab, cause: Cause) -> Result<Outcome> {
    let mut recorder = recorder();
    recorder.start(SoundFormat::SPEECH)?;
    let time = cause.choose(Duration::from_millis(100), Duration::from_secs(2));
    recorder.feed(&vec![0; SoundFormat::SPEECH.samples(time)]);
    recorder.stop()?;
    Ok(Outcome::of(recorder.finish()))
}
