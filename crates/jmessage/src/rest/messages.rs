//! Messages in the name of an administrator, and taking messages back (jmessage.md 1.3, "Messages").

use std::sync::Arc;

use app::{By, Error, GroupRef};
use conditions::{Condition, Operation};
use domain::post::Post;
use domain::rate::PostClass;
use jmessage_wire::message::{Message, MessageError, MessageType, TargetType};
use model::{Dialect, EntryKind, MessageId};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::fields::{Fields, SHORT_BYTES};
use super::routes::routes;

routes! {
    POST "/v1/messages" Json Send => send;
    POST "/v1/messages/{user}/{message}/retract" Nothing Recall => retract;
}

/// A message as a back end asks for it, with its form looked at.
struct Request {
    target_type: TargetType,
    target_id: String,
    from_id: String,
    target_appkey: Option<String>,
    from_type: String,
    no_offline: bool,
    message: Message,
}

impl Request {
    fn read(fields: Fields<'_>) -> Result<Self, Error> {
        match fields.get("version").ok_or_else(|| missing("version"))? {
            Value::Number(version) if version.as_u64() == Some(1) => {}
            _ => return Err(invalid("version")),
        }
        let target_type =
            TargetType::parse(fields.needed("target_type")?).ok_or_else(|| invalid("target_type"))?;
        let target_id = match fields.get("target_id").ok_or_else(|| missing("target_id"))? {
            Value::String(id) if !id.is_empty() => id.clone(),
            // Clients of typed languages write a group's id as a number.
            Value::Number(id) => id.to_string(),
            _ => return Err(invalid("target_id")),
        };
        let is_group = target_type != TargetType::Single;
        if is_group && target_id.parse::<u64>().is_err() {
            return Err(invalid("target_id"));
        }
        let from_type = fields.needed("from_type")?;
        if !["admin", "user"].contains(&from_type) {
            return Err(invalid("from_type"));
        }
        let flag = |name| match fields.get(name) {
            None => Ok(false),
            Some(flag) => flag.as_bool().ok_or_else(|| invalid(name)),
        };
        let message_type = fields.needed("msg_type")?;
        let message_type = MessageType::parse(message_type).ok_or_else(|| invalid("msg_type"))?;
        let body = fields.get("msg_body").ok_or_else(|| missing("msg_body"))?;
        let body = body.as_object().ok_or_else(|| invalid("msg_body"))?.clone();
        let message = Message::new(message_type, body).map_err(|error| match error {
            MessageError::Field(name) => invalid(name),
            MessageError::UnknownType => invalid("msg_type"),
            MessageError::TooLong => invalid("msg_body"),
        })?;
        let name = |name| Ok::<_, Error>(fields.bounded(name, SHORT_BYTES)?.unwrap_or_default().to_owned());
        let notification = fields.get("notification");
        if notification.is_some_and(|notification| !notification.is_object()) {
            return Err(invalid("notification"));
        }
        Ok(Self {
            target_type,
            target_id,
            from_id: fields.needed("from_id")?.to_owned(),
            // As it stands in rows of the history: empty is the own one.
            target_appkey: fields.text("target_appkey")?.filter(|key| !key.is_empty()).map(str::to_owned),
            from_type: from_type.to_owned(),
            no_offline: flag("no_offline")?,
            message: Message {
                from_platform: "api".to_owned(),
                from_type: "admin".to_owned(),
                from_name: name("from_name")?,
                target_name: name("target_name")?,
                no_notification: flag("no_notification")?,
                notification: notification.cloned(),
                ..message
            },
        })
    }
}

/// `POST /v1/messages`. After the form: the app of the target, who sends, where it goes.
async fn send(call: Call) -> Result<Answer, Failure> {
    let request = Request::read(Fields::of(&call.body)?)?;
    let (use_cases, app) = (call.use_cases(), &call.tenant);
    if request.target_appkey.as_ref().is_some_and(|key| !key.eq_ignore_ascii_case(call.app_key())) {
        return Err(Failure::plain(Condition::AppMismatch));
    }
    if request.from_type != "admin" {
        return Err(Failure::of(Error::plain(Condition::PermissionDenied), Operation::Send));
    }
    let author = use_cases.get_user(app, &request.from_id).await?;
    if !author.user.admin {
        return Err(Failure::of(Error::plain(Condition::PermissionDenied), Operation::Send));
    }
    let post = Post {
        kind: EntryKind::Message,
        dialect: Dialect::JMessage,
        online_only: request.no_offline,
        syncs_author: true,
        wants_receipts: false,
        hidden_from: Vec::new(),
        priority: domain::message::Priority::default(),
        stream: None,
        environment: None,
    };
    let (target, payload) = (request.target_id, request.message.encode());
    let compose: Arc<app::Compose> = Arc::new(move |_: &str, _: &str| payload.clone());
    let name = author.user.name.as_str();
    let sent = match request.target_type {
        TargetType::Single => {
            use_cases.get_user(app, &target).await?;
            use_cases.admit_posts(app, PostClass::Users, 1)?;
            use_cases.post_message(app, name, vec![target], &post, compose).await?
        }
        TargetType::Group | TargetType::Room => {
            let is_room = request.target_type == TargetType::Room;
            let group = if is_room { GroupRef::room(&target) } else { GroupRef::from(&target) };
            use_cases.get_group(app, &By::back_end(), group).await?;
            use_cases.admit_posts(app, if is_room { PostClass::Rooms } else { PostClass::Groups }, 1)?;
            use_cases.post_to_groups(app, name, &[group], None, &post, compose).await?
        }
    };
    let id = sent.first().map(|(_, id)| *id).ok_or_else(|| Error::plain(Condition::InternalError))?;
    // What is kept for nobody has no other time than now.
    let stored = use_cases.find_message(app, id).await?;
    let at = stored.map_or_else(|| use_cases.now(), |(_, _, entry)| entry.at);
    Ok(Answer::Created(json!({ "msg_id": id.0, "msg_ctime": at.0 })))
}

/// `POST /v1/messages/{user}/{message}/retract`. Some clients repeat the path's names in a body.
async fn retract(call: Call) -> Result<Answer, Failure> {
    let id = call.name("message").parse().map(MessageId).map_err(|_| invalid("msgid"))?;
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    call.use_cases().retract_message(&call.tenant, &account, id, Dialect::JMessage).await?;
    Ok(Answer::Done)
}
