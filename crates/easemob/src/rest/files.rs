//! Files: upload, upload in parts, download, lifetimes (easemob-rest.md 3.11, msync.md 3.2).
//!
//! An upload that fails never answers 400: one of the web SDKs waits for ever on that status. The exceptions are
//! requests that no SDK sends. The rules are `domain::attachment`'s; ranges and caches are [`download`]'s.

pub(super) mod download;
pub(super) mod upload;

use app::Error;
use conditions::Condition;
use domain::attachment::Lifetime;
use easemob_wire::rest::{Envelope, FileLifetimes};
use model::{FileId, limits};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/chatfiles" Member Stream FileUpload => upload::upload;
    // Pictures are asked for by tags in a page, without a token; the route looks for one where it matters.
    GET "/chatfiles/{file}" Anybody Nothing FileDownload => download::download;
    POST "/sdk/chatfiles/part-upload" Member Nothing FileUpload => upload::begin_parts;
    PUT "/sdk/chatfiles/part-upload/{file}" Member Stream FileUpload => upload::put_part;
    POST "/sdk/chatfiles/part-upload/{file}" Member Nothing FileUpload => upload::complete_parts;
    DELETE "/sdk/chatfiles/part-upload/{file}" Member Nothing FileUpload => upload::abort_parts;
    // The vendor's documents disagree about the method.
    PUT "/users/{user}/chatfiles/lifetime" BackEndOrOwner Json FileLifetime => set_lifetimes;
    POST "/users/{user}/chatfiles/lifetime" BackEndOrOwner Json FileLifetime => set_lifetimes;
}

/// `PUT /users/{user}/chatfiles/lifetime`
pub(crate) async fn set_lifetimes(call: Call) -> Result<Answer, Failure> {
    let FileLifetimes { lifetime, chatfile_ids } = call.parse(FileLifetimes::parse)?;
    let lifetime = match lifetime.as_deref() {
        Some("default") => Lifetime::Default,
        Some("refresh") => Lifetime::Refresh,
        Some("forever") => Lifetime::Forever,
        Some(_) | None => return Err(invalid("lifetime").into()),
    };
    if chatfile_ids.is_empty() {
        return Err(missing("chatfile_ids").into());
    }
    if chatfile_ids.len() > limits::FILE_LIFETIME_BATCH {
        let limit = limits::FILE_LIFETIME_BATCH.to_string();
        return Err(Error::refused(Condition::BatchTooLarge, vec![("limit", limit)]).into());
    }
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let files: Vec<Option<FileId>> = chatfile_ids.iter().map(|id| id.parse().ok()).collect();
    let done = call.use_cases().set_file_lifetimes(&call.tenant, account.user.uid, lifetime, &files).await?;
    let outcome = |done: bool| Value::from(if done { "success" } else { "failed" });
    let data: Map<String, Value> =
        chatfile_ids.into_iter().zip(done).map(|(id, done)| (id, outcome(done))).collect();
    Ok(Answer::new(&Envelope { data: Some(Value::Object(data)), ..call.full() }))
}

/// The file that the path names.
fn file_id(call: &Call) -> Result<FileId, Error> {
    call.names.get("file").parse().map_err(|_| Error::plain(Condition::FileNotFound))
}
