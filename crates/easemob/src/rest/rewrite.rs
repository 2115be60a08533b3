//! Changing messages after they were sent, over REST (easemob-rest.md 3.9).

use app::{EditMessage, Editor, sender_over_rest};
use domain::edit::{ContentKind, EditRefused};
use easemob_wire::rest::Envelope;
use easemob_wire::rest::conversations::RewriteRequest;
use easemob_wire::rest::message::content;
use model::{Dialect, MessageId, Username};
use serde_json::Value;

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;
use crate::amend::{BackEndChange, kind_of_type};

routes! {
    PUT "/messages/rewrite/{message}" Member Json Edit => rewrite;
}

/// `PUT /messages/rewrite/{message}`. A user changes his own; in whose name a back end does it is its own affair.
pub(crate) async fn rewrite(call: Call) -> Result<Answer, Failure> {
    let subject = call.names.get("message").parse().map_err(|_| invalid("message"))?;
    let request = call.parse(RewriteRequest::parse)?;
    let new = request.new_msg.ok_or_else(|| missing("new_msg"))?;
    let message_type = new.get("type").and_then(Value::as_str).ok_or_else(|| missing("type"))?;
    let kind = kind_of_type(message_type).ok_or_else(|| app::Error::from(EditRefused::UnsupportedType))?;
    let content = match kind {
        // A text or event may stay while the extension changes.
        ContentKind::Text if new.contains_key("msg") => Some(content("txt", &new)),
        ContentKind::Custom if new.contains_key("customEvent") || new.contains_key("customExts") => {
            Some(content("custom", &new))
        }
        _ => None,
    };
    let content = content.transpose().map_err(|_| invalid("new_msg"))?;
    let editor = match call.acting()? {
        Some(account) => {
            let device = call.acting_device().await?;
            let user = &account.user;
            Editor::User(sender_over_rest((user.uid, &user.name), device.as_ref()))
        }
        None => Editor::BackEnd { operator: request.user.unwrap_or_else(|| Username::BACK_END.to_owned()) },
    };
    let command = EditMessage {
        editor,
        subject: MessageId(subject),
        conversation: None,
        dialect: Dialect::Easemob,
        change: Box::new(BackEndChange {
            kind,
            content,
            ext: request.new_ext,
            joins: request.is_combine_ext,
            foreign: call.foreign(),
        }),
        client: None,
    };
    call.use_cases().edit_message(&call.tenant, &command).await?;
    Ok(Answer::new(&Envelope { data: Some("success".into()), ..call.full() }))
}
