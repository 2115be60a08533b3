//! Importing messages that were said elsewhere (easemob-rest.md 3.9).
//!
//! Checks: from, target, body, type, ext, what the message itself needs, `need_download`, then whom it is for and when it
//! was said.

use app::{ConversationName, Error};
use conditions::Condition;
use domain::post::Import;
use easemob_wire::rest::message::ChatType;
use easemob_wire::rest::{Envelope, ImportRequest};
use model::{ConversationKind, Timestamp};
use serde_json::json;

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
    let body = request.body.take().filter(|body| !body.is_empty()).ok_or_else(|| missing("message body"))?;
    let message_type = given(request.message_type.take()).ok_or_else(|| missing("type"))?;
    let said = Said::checked(request, from, vec![name.clone()], message_type, &body, 1)?;
    if need_download {
        let feature = vec![("feature", "fetching files of imported messages".to_owned())];
        return Err(Error::refused(Condition::ServiceNotEnabled, feature).into());
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

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
