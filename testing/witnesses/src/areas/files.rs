//! Files at the server.

use anyhow::Result;

use super::tables::WINDOWS;
use crate::lab::Lab;
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(WINDOWS, FileTooLarge, file_over_the_limit),
    witness!(WINDOWS, FileContentRejected, file_of_a_refused_kind),
];

async fn file_over_the_limit(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("files.bytes_limit=10", "files.bytes_limit=100")]).await?;
    let [alice] = app.users(["alice"]).await?;
    app.upload(&alice, "a.txt", "twenty bytes of text").await?.seen(413, "exceeding maximum limit")
}

async fn file_of_a_refused_kind(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["files.refused_content=executable"]).await?;
    let [alice] = app.users(["alice"]).await?;
    let content = cause.choose("MZ and a program", "a text");
    app.upload(&alice, "a.txt", content).await?.seen(400, "content improper")
}
