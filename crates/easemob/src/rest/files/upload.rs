//! `POST /chatfiles` and the family of uploads in parts: from a form to a file.

use app::{Error, FileFacts};
use axum::body::Body;
use conditions::Condition;
use domain::attachment::{Attachment, TargetKind, UploadTarget};
use easemob_wire::rest::Envelope;
use form_body::{Form, PartHead};
use model::Uid;
use serde_json::json;

use super::file_id;
use crate::rest::answer::Answer;
use crate::rest::call::Call;
use crate::rest::failure::Failure;

/// `POST /chatfiles`
pub(crate) async fn upload(call: Call) -> Result<Answer, Failure> {
    let mut form = call.form()?;
    match receive(&call, &mut form).await {
        Ok(attachment) => Ok(answer(&call, &attachment)),
        Err(error) => {
            form.drain().await;
            Err(error.into())
        }
    }
}

async fn receive(call: &Call, form: &mut Form<Body>) -> Result<Attachment, Error> {
    let mut facts = asked(call);
    let mut file = None;
    while let Some(head) = form.next_part().await? {
        match (head.name.as_str(), &file) {
            ("file", None) => {
                let announced = form.announced();
                let mut upload =
                    call.use_cases().begin_upload(&call.tenant, uploader(call)?, announced).await?;
                while let Some(bytes) = form.content().await? {
                    upload.write(bytes).await?;
                }
                describe(&mut facts, head);
                file = Some(upload);
            }
            ("thumbnail-width", _) => facts.thumbnail_width = form.field().await?.parse().ok(),
            ("thumbnail-height", _) => facts.thumbnail_height = form.field().await?.parse().ok(),
            // Read over by the next turn.
            _ => {}
        }
    }
    let upload = file.ok_or_else(|| Error::plain(Condition::FileMissing))?;
    upload.finish(facts).await
}

/// `POST /sdk/chatfiles/part-upload`
pub(crate) async fn begin_parts(call: Call) -> Result<Answer, Failure> {
    let begun = call.use_cases().begin_parts(&call.tenant, uploader(&call)?).await?;
    let entity = json!({
        "uuid": begun.file.to_string(),
        "type": "chatfile",
        "file_upper_limit": begun.file_bytes_limit,
        "part_lower_limit": begun.part_bytes,
    });
    Ok(Answer::new(&Envelope { other_entities: Some(vec![entity]), ..call.full() }))
}

/// `PUT /sdk/chatfiles/part-upload/{file}`
pub(crate) async fn put_part(call: Call) -> Result<Answer, Failure> {
    let file = file_id(&call)?;
    let mut form = call.form()?;
    let received = async {
        let mut facts = FileFacts::default();
        let (mut part, mut number) = (None, None);
        while let Some(head) = form.next_part().await? {
            match (head.name.as_str(), &part) {
                ("part_file", None) => {
                    let announced = form.announced();
                    let use_cases = call.use_cases();
                    let mut upload =
                        use_cases.begin_part(&call.tenant, uploader(&call)?, file, announced).await?;
                    while let Some(bytes) = form.content().await? {
                        upload.write(bytes).await?;
                    }
                    describe(&mut facts, head);
                    part = Some(upload);
                }
                ("part_number", _) => number = form.field().await?.parse().ok(),
                _ => {}
            }
        }
        let part = part.ok_or_else(|| Error::plain(Condition::FileMissing))?;
        // Zero is no part's number.
        part.finish(number.unwrap_or(0), facts).await
    };
    match received.await {
        Ok(()) => Ok(Answer::new(&Envelope { data: Some(json!({ "result": true })), ..call.full() })),
        Err(error) => {
            form.drain().await;
            Err(error.into())
        }
    }
}

/// `POST /sdk/chatfiles/part-upload/{file}`
pub(crate) async fn complete_parts(call: Call) -> Result<Answer, Failure> {
    let (file, facts) = (file_id(&call)?, asked(&call));
    let attachment = call.use_cases().complete_parts(&call.tenant, uploader(&call)?, file, facts).await?;
    Ok(answer(&call, &attachment))
}

/// `DELETE /sdk/chatfiles/part-upload/{file}`
pub(crate) async fn abort_parts(call: Call) -> Result<Answer, Failure> {
    let file = file_id(&call)?;
    call.use_cases().abort_parts(&call.tenant, uploader(&call)?, file).await?;
    Ok(Answer::new(&Envelope { data: Some(json!({ "result": true })), ..call.full() }))
}

fn uploader(call: &Call) -> Result<Option<Uid>, Error> {
    Ok(call.acting()?.map(|account| account.user.uid))
}

/// What headers and query say of the file; clients of different ages use one or the other.
fn asked(call: &Call) -> FileFacts {
    let said = |name: &str| call.header(name).or_else(|| call.query.get(name));
    let kind = match call.query.get("chat-type").map(str::to_ascii_uppercase).as_deref() {
        Some("CHAT") => Some(TargetKind::User),
        Some("GROUP") => Some(TargetKind::Group),
        Some("ROOM") => Some(TargetKind::Room),
        Some(_) | None => None,
    };
    let target = kind.zip(call.query.get("chat-target"));
    FileFacts {
        restricted: said("restrict-access").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        thumbnail_width: said("thumbnail-width").and_then(|pixels| pixels.parse().ok()),
        thumbnail_height: said("thumbnail-height").and_then(|pixels| pixels.parse().ok()),
        target: target.and_then(|(kind, id)| UploadTarget::new(kind, id)),
        ..FileFacts::default()
    }
}

/// What the part of a form that is a file says of it.
pub(crate) fn describe(facts: &mut FileFacts, head: PartHead) {
    facts.name = head.file_name.unwrap_or_default();
    facts.media_type = head.media_type.unwrap_or_default();
}

/// The URL of the file is `uri`, a slash and the `uuid`; clients put it together themselves.
fn answer(call: &Call, attachment: &Attachment) -> Answer {
    let entity = json!({
        "uuid": attachment.id.to_string(),
        "type": "chatfile",
        "share-secret": attachment.secret,
        "file-metadata": {
            "content-length": attachment.length,
            "content-type": attachment.media_type,
        },
    });
    let envelope = call.full();
    // An upload in parts ends on another path than its file is found at.
    let base = |uri: String| match uri.find("/sdk/chatfiles") {
        Some(at) => format!("{}/chatfiles", &uri[..at]),
        None => uri,
    };
    Answer::new(&Envelope {
        path: Some("/chatfiles".to_owned()),
        uri: envelope.uri.map(base),
        other_entities: Some(vec![entity]),
        ..call.full()
    })
}
