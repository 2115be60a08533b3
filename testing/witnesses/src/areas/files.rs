//! Files at the server.

use anyhow::Result;
use client::media::{FileRules, LocalFile, MediaKind};

use super::tables::WINDOWS;
use crate::lab::{App, Lab, User};
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(WINDOWS, FileTooLarge, file_over_the_limit),
    witness!(WINDOWS, FileContentRejected, file_of_a_refused_kind),
];

async fn file_over_the_limit(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("files.bytes_limit=10", "files.bytes_limit=100")]).await?;
    let [alice] = app.users(["alice"]).await?;
    uploaded(lab, &app, &alice, "twenty bytes of text", (413, "exceeding maximum limit")).await
}

async fn file_of_a_refused_kind(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["files.refused_content=executable"]).await?;
    let [alice] = app.users(["alice"]).await?;
    let content = cause.choose("MZ and a program", "a text");
    uploaded(lab, &app, &alice, content, (400, "content improper")).await
}

/// What is said to an upload, on the wire and by the SDK.
async fn uploaded(lab: &Lab, app: &App, by: &User, content: &str, said: (u16, &str)) -> Result<Outcome> {
    let wire = app.upload(by, "a.txt", content).await?.seen(said.0, said.1)?;
    let path = lab.new_path("a.txt");
    tokio::fs::write(&path, content).await?;
    let file = LocalFile::open(&path, MediaKind::File, &FileRules::default())?;
    wire.told(app.sdk_of(by).await?.upload(&file)?.finish().await)
}
