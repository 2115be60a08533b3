//! Importing messages that were said elsewhere (easemob-rest.md 3.9).
//!
//! Checks: from, target, body, type, ext, what the message itself needs, whether its files can be fetched, then whom it is
//! for and when it was said.

use app::{ConversationName, Error, FileFacts};
use domain::post::Import;
use easemob_wire::rest::message::ChatType;
use easemob_wire::rest::{Envelope, ImportRequest};
use model::{ConversationKind, Timestamp};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::messages::{Kind, Said};
use super::routes::routes;

routes! {
    POST "/messages/users/import" BackEnd Json Import => of_users;
    POST "/messages/chatgroups/import" BackEnd Json Import => of_group;
}

/// `POST /messages/users/import`
pub(crate) async fn of_users(call: Call) -> Result<Answer, Failure> {
    import(call, ConversationKind::Single, ChatType::Chat).await
}

/// `POST /messages/chatgroups/import`
pub(crate) async fn of_group(call: Call) -> Result<Answer, Failure> {
    import(call, ConversationKind::Group, ChatType::GroupChat).await
}

async fn import(call: Call, kind: ConversationKind, chat_type: ChatType) -> Result<Answer, Failure> {
    let ImportRequest { message: mut request, is_ack_read, msg_timestamp, need_download } =
        call.parse(ImportRequest::parse)?;
    let from = given(request.from.take()).ok_or_else(|| missing("from"))?;
    let name = match request.to.as_slice() {
        [name] if !name.is_empty() => name.clone(),
        [] | [_] => return Err(missing("target").into()),
        // One call is one message.
        _ => return Err(invalid("target").into()),
    };
    let mut body =
        request.body.take().filter(|body| !body.is_empty()).ok_or_else(|| missing("message body"))?;
    let message_type = given(request.message_type.take()).ok_or_else(|| missing("type"))?;
    let checked = |body: &Map<String, Value>| {
        let (request, from, message_type) = (request.clone(), from.clone(), message_type.clone());
        Said::checked(request, from, vec![name.clone()], message_type, body, 1)
    };
    let mut said = checked(&body)?;
    if need_download && matches!(message_type.as_str(), "img" | "audio" | "video" | "file") {
        fetch(&call, &mut body).await?;
        said = checked(&body)?;
    }
    let (from, _, post, compose) = said.into_post(Kind::of(chat_type))?;
    let import = Import {
        kind: post.kind,
        dialect: post.dialect,
        said: msg_timestamp.map(Timestamp),
        is_read: is_ack_read,
    };
    let target = ConversationName { kind, name };
    let id = call.use_cases().import_message(&call.tenant, &from, &target, &import, compose).await?;
    let data = Some(json!({ "msg_id": id.to_string() }));
    Ok(Answer::new(&Envelope { data, ..call.full() }))
}

/// Fetches what a message names, and names what is kept of it in its place. What lies here already is left alone.
async fn fetch(call: &Call, body: &mut Map<String, Value>) -> Result<(), Error> {
    let files = format!("{}/chatfiles", call.app_url());
    for (url_key, secret_key, is_whole) in [("url", "secret", true), ("thumb", "thumb_secret", false)] {
        let Some(url) = body.get(url_key).and_then(Value::as_str).filter(|url| !url.is_empty()) else {
            continue;
        };
        if url.starts_with(&format!("{files}/")) {
            continue;
        }
        let name = body.get("filename").and_then(Value::as_str).filter(|_| is_whole).unwrap_or_default();
        let facts = FileFacts { name: name.to_owned(), restricted: true, ..FileFacts::default() };
        let kept = call.use_cases().fetch_file(&call.tenant, url, facts).await?;
        body.insert(url_key.to_owned(), format!("{files}/{}", kept.id).into());
        body.insert(secret_key.to_owned(), kept.secret.into());
        if is_whole {
            body.insert("file_length".to_owned(), kept.length.into());
        }
    }
    Ok(())
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
