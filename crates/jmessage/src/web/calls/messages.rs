//! Messages, transparent ones, receipts and recalls.

use std::collections::HashSet;

use bytes::Bytes;
use conditions::{Condition, Operation};
use domain::message::{RecallMessage, ReceiptKind, SendMessage, SendReceipt, Target};
use jmessage_wire::message::{Mentioned, Message, MessageError, MessageType};
use jmessage_wire::rules::COMMAND_BYTES;
use model::{ClientMessageId, ConversationId, Dialect, EntryKind, Feed, MessageId};
use serde_json::Value;

use super::super::event::Object;
use super::super::failure::Failure;
use super::super::render::GROUP;
use super::arguments::number;
use super::{Asked, Done, object};

/// Bytes of what a message carries for notifications.
const NOTIFICATION_BYTES: usize = 1024;
/// Users whom a text may mean.
const MENTIONED_LIMIT: usize = 500;
/// Which of his own devices a user names in a transparent message (jmessage.md 2.4). It goes to all of them, and says so.
const PLATFORMS: [&str; 4] = ["all", "android", "ios", "pc"];
/// Messages that one receipt may be about (jmessage.md 2.4).
const RECEIPTS_LIMIT: usize = 200;

pub(crate) async fn to_user(asked: Asked<'_>) -> Done {
    let content = content(asked)?;
    let named = asked.data.get("target_id").or_else(|| content.get("target_id"));
    let target = named.and_then(Value::as_str).ok_or_else(|| Failure::argument("target_id"))?;
    let (message, wants) = message(asked, content, &["single"])?;
    let mut sent = send(asked, Target::User(target.to_owned()), EntryKind::Message, message, wants).await?;
    // By this pages know the conversation, as `get_conversations` names it.
    if let Some(account) = asked.use_cases().find_user(asked.caller.tenant, target).await? {
        sent.insert("key".to_owned(), account.user.uid.0.into());
    }
    Ok(sent)
}

pub(crate) async fn to_group(asked: Asked<'_>) -> Done {
    let content = content(asked)?;
    let gid = asked.number("target_gid")?;
    let (message, wants) = message(asked, content, &["group"])?;
    let target = Target::Group(gid.to_string());
    let mut sent = send(asked, target, EntryKind::Message, message, wants).await?;
    sent.insert("target_gid".to_owned(), gid.into());
    if wants {
        let found = asked.use_cases().find_any_group(asked.caller.tenant, &gid.to_string()).await?;
        let others = found.map_or(0, |found| found.group.member_count.saturating_sub(1));
        sent.insert("unread_count".to_owned(), others.into());
    }
    Ok(sent)
}

pub(crate) async fn to_room(asked: Asked<'_>) -> Done {
    let content = content(asked)?;
    // The SDK calls it a group's number too.
    let room = asked.number("target_gid")?;
    let (message, _) = message(asked, content, &["chatroom", "group"])?;
    let target = Target::Room(room.to_string());
    let mut sent = send(asked, target, EntryKind::Message, message, false).await?;
    sent.insert("room_id".to_owned(), room.into());
    Ok(sent)
}

pub(crate) async fn transparent_to_user(asked: Asked<'_>) -> Done {
    let target = asked.user("target_username", "target_appkey")?;
    let found = asked.use_cases().find_user(asked.caller.tenant, target).await?;
    // Of one who is not there the message's own refusal tells.
    if let Some(account) = found {
        asked.use_cases().check_listens(asked.caller.tenant, &account, None).await?;
    }
    transparent(asked, Target::User(target.to_owned()), None).await
}

pub(crate) async fn transparent_to_group(asked: Asked<'_>) -> Done {
    let gid = asked.group("gid")?;
    transparent(asked, Target::Group(gid), None).await
}

/// To the user's own other connections.
pub(crate) async fn transparent_to_own(asked: Asked<'_>) -> Done {
    let platform = asked.given("platform")?.unwrap_or("all");
    if !PLATFORMS.contains(&platform) {
        return Err(Failure::argument("platform"));
    }
    let account = asked.use_cases().get_user(asked.caller.tenant, asked.name()).await?;
    let own = asked.caller.member.resource.as_str();
    asked.use_cases().check_listens(asked.caller.tenant, &account, Some(own)).await?;
    transparent(asked, Target::User(asked.name().to_owned()), Some(platform)).await
}

async fn transparent(asked: Asked<'_>, target: Target, platform: Option<&str>) -> Done {
    let command = asked.text("cmd")?;
    if command.len() > COMMAND_BYTES {
        let limit = vec![("limit", COMMAND_BYTES.to_string())];
        let error = app::Error::refused(Condition::MessageTooLarge, limit);
        return Err(Failure::of(error, Operation::Command));
    }
    send(asked, target, EntryKind::Command, Message::command(command, platform), false).await?;
    Ok(Object::new())
}

pub(crate) async fn retract(asked: Asked<'_>) -> Done {
    let subject = MessageId(asked.number("msg_id")?);
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    let not_found = || Failure::plain(Condition::MessageNotFound);
    let (feed, _, entry) = use_cases.find_message(tenant, subject).await?.ok_or_else(not_found)?;
    if entry.sender != asked.caller.member.uid {
        return Err(Failure::plain(Condition::RecallNotPermitted));
    }
    if entry.kind == EntryKind::Recalled {
        return Err(Failure::plain(Condition::AlreadyRecalled));
    }
    let name = entry.target_name.to_string();
    let target = match feed {
        Feed::Conversation(ConversationId::Single { .. }) => Target::User(name),
        Feed::Conversation(ConversationId::Group(_)) => Target::Group(name),
        Feed::Conversation(ConversationId::Room(_)) => Target::Room(name),
        Feed::Events(_) => return Err(not_found()),
    };
    let sender = asked.sender();
    let recall = RecallMessage { sender, target, subject, dialect: Dialect::JMessage, payload: Bytes::new() };
    use_cases.recall_message(tenant, recall).await?;
    Ok(Object::new())
}

/// Who of a group has read a message of the user's, and who has not.
pub(crate) async fn unread_list(asked: Asked<'_>) -> Done {
    let message = MessageId(asked.number("msg_id")?);
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    let found = use_cases.find_message(tenant, message).await?;
    let own = found.filter(|(feed, _, entry)| {
        entry.sender == asked.caller.member.uid
            && matches!(feed, Feed::Conversation(ConversationId::Group(_)))
    });
    let (_, _, entry) = own.ok_or_else(|| Failure::plain(Condition::MessageInvalid))?;
    let (by, group) = (asked.by().await?, entry.target_name.as_str());
    let limit = model::limits::GROUP_MEMBERS as usize;
    let readers = use_cases.group_readers(tenant, &by, group, message, 0, limit).await?.readers;
    let readers: HashSet<&str> = readers.iter().map(|(reader, _)| reader.as_str()).collect();
    let members = use_cases.group_members(tenant, &by, group, None, limit).await?.members;
    let mut read = Vec::new();
    let mut unread = Vec::new();
    for member in members.iter().filter(|member| member.name != asked.name()) {
        let is_reader = readers.contains(member.name.as_str());
        let account = use_cases.find_user(tenant, &member.name).await?;
        let nickname = account.and_then(|account| account.user.nickname.clone()).unwrap_or_default();
        let shown = object([
            ("username", member.name.as_str().into()),
            ("appkey", asked.caller.member.face.as_str().into()),
            ("nickname", nickname.into()),
        ]);
        if is_reader { read.push(shown) } else { unread.push(shown) }
    }
    Ok(object([("msg_unread_list", serde_json::json!({ "read_list": read, "unread_list": unread }))]))
}

/// The user has read messages. What can't be acknowledged any more is passed over: the client says it once.
pub(crate) async fn report_receipts(asked: Asked<'_>) -> Done {
    let sessions = asked.data.get("sessions").and_then(Value::as_array);
    let sessions = sessions.ok_or_else(|| Failure::argument("sessions"))?;
    let mut left = RECEIPTS_LIMIT;
    for session in sessions {
        let target = conversation(session)?;
        let ids =
            session.get("msg_ids").and_then(Value::as_array).ok_or_else(|| Failure::argument("msg_ids"))?;
        for id in ids.iter().filter_map(number) {
            left = left.checked_sub(1).ok_or_else(|| Failure::argument("msg_ids"))?;
            let told = receipt(asked, target.clone(), ReceiptKind::Read, Some(MessageId(id))).await;
            if let Err(error @ app::Error::Fault(_)) = told {
                return Err(error.into());
            }
        }
    }
    // Of one conversation, as the SDK reports them, the answer says which.
    let mut done = Object::new();
    if let [Value::Object(session)] = sessions.as_slice() {
        for key in ["type", "appkey", "username", "gid"] {
            done.extend(session.get(key).map(|named| (key.to_owned(), named.clone())));
        }
    }
    Ok(done)
}

pub(crate) async fn read_single(asked: Asked<'_>) -> Done {
    let peer = asked.user("username", "appkey")?;
    receipt(asked, Target::User(peer.to_owned()), ReceiptKind::ConversationRead, None).await?;
    Ok(Object::new())
}

pub(crate) async fn read_group(asked: Asked<'_>) -> Done {
    let gid = asked.group("gid")?;
    receipt(asked, Target::Group(gid), ReceiptKind::ConversationRead, None).await?;
    Ok(Object::new())
}

fn conversation(session: &Value) -> Result<Target, Failure> {
    let kind = session.get("type").and_then(number).ok_or_else(|| Failure::argument("type"))?;
    if kind == u64::from(GROUP) {
        let gid = session.get("gid").and_then(number).ok_or_else(|| Failure::argument("gid"))?;
        return Ok(Target::Group(gid.to_string()));
    }
    let name = session.get("username").and_then(Value::as_str);
    name.map(|name| Target::User(name.to_owned())).ok_or_else(|| Failure::argument("username"))
}

async fn receipt(
    asked: Asked<'_>,
    target: Target,
    kind: ReceiptKind,
    subject: Option<MessageId>,
) -> Result<(), app::Error> {
    let (sender, dialect) = (asked.sender(), Dialect::JMessage);
    let receipt = SendReceipt { sender, target, kind, subject, dialect, payload: Bytes::new() };
    asked.use_cases().send_receipt(asked.caller.tenant, receipt).await.map(drop)
}

fn content(asked: Asked<'_>) -> Result<&Object, Failure> {
    asked.data.get("content").and_then(Value::as_object).ok_or_else(|| Failure::argument("content"))
}

/// The message of a request, and whether its sender wants to hear that it is read. After its form: it is a user's, for a
/// target of the request's kind (803006), in the user's app.
fn message(asked: Asked<'_>, content: &Object, targets: &[&str]) -> Result<(Message, bool), Failure> {
    let msg_type = content.get("msg_type").and_then(Value::as_str).and_then(MessageType::parse);
    let msg_type = msg_type.ok_or_else(|| Failure::argument("msg_type"))?;
    let body =
        content.get("msg_body").and_then(Value::as_object).ok_or_else(|| Failure::argument("msg_body"))?;
    let message = Message::new(msg_type, body.clone()).map_err(|error| match error {
        MessageError::TooLong => {
            let limit = jmessage_wire::rules::MESSAGE_BODY_BYTES.to_string();
            app::Error::refused(Condition::MessageTooLarge, vec![("limit", limit)]).into()
        }
        MessageError::UnknownType => Failure::argument("msg_type"),
        MessageError::Field(name) => Failure::argument(name),
    })?;
    let short = |key: &'static str| match content.get(key).and_then(Value::as_str) {
        Some(text) if text.len() > jmessage_wire::rules::TEXT_BYTES => Err(Failure::argument(key)),
        text => Ok(text.unwrap_or_default().to_owned()),
    };
    let notification = asked.data.get("custom_notification").filter(|value| value.is_object()).cloned();
    if notification.as_ref().is_some_and(|value| value.to_string().len() > NOTIFICATION_BYTES) {
        return Err(Failure::argument("custom_notification"));
    }
    let users = match asked.data.get("users") {
        None | Some(Value::Null) => None,
        Some(users) => {
            let users: Vec<Mentioned> =
                serde_json::from_value(users.clone()).map_err(|_| Failure::argument("users"))?;
            Some(users).filter(|users| users.len() <= MENTIONED_LIMIT)
        }
    };
    let message = Message {
        from_platform: "web".to_owned(),
        from_name: short("from_name")?,
        target_name: short("target_name")?,
        no_notification: asked.is_on("no_notification"),
        custom_notification: notification,
        users,
        ..message
    };
    let is = |key: &str, allowed: &[&str]| {
        content.get(key).and_then(Value::as_str).is_none_or(|said| allowed.contains(&said))
    };
    if !is("from_type", &["user"]) || !is("target_type", targets) {
        return Err(Failure::of(app::Error::plain(Condition::PermissionDenied), Operation::Send));
    }
    let appkeys = [content.get("target_appkey"), content.get("from_appkey"), asked.data.get("appkey")];
    for appkey in appkeys.into_iter().flatten().filter_map(Value::as_str) {
        asked.is_own_app(appkey)?;
    }
    Ok((message, asked.is_on("need_receipt")))
}

async fn send(
    asked: Asked<'_>,
    target: Target,
    kind: EntryKind,
    mut message: Message,
    wants_receipts: bool,
) -> Done {
    let member = asked.caller.member;
    if kind == EntryKind::Message {
        let account = asked.use_cases().find_account(asked.caller.tenant, member.uid).await?;
        message.sender_changed = account.map_or(0, |account| account.user.modified.0 / 1000);
    }
    let connection = member.connection;
    // A rid is known by its connection only: drawn at random, it comes again in others.
    let rid = asked.rid.ok_or_else(|| Failure::argument("rid"))?;
    let command = SendMessage {
        sender: member.sender(),
        target,
        directed: Vec::new(),
        wants_receipts,
        priority: Default::default(),
        resource: None,
        kind,
        dialect: Dialect::JMessage,
        online_only: kind == EntryKind::Command || asked.is_on("no_offline"),
        client_id: ClientMessageId(
            u128::from(connection.boot) << 64 | u128::from(connection.number << 32 ^ rid),
        ),
        digest: 0,
        payload: message.encode(),
    };
    let sent = asked.use_cases().send_message(asked.caller.tenant, &command).await?;
    Ok(object([("msg_id", sent.id.0.into()), ("ctime_ms", sent.at.0.into())]))
}
