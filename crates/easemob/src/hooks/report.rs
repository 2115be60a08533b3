//! What an app's own server is told (easemob-rest.md 5.3 to 5.7). Events of groups and rooms are next door
//! ([`super::group_events`]).

use app::ports::Happening;
use bytes::Bytes;
use domain::app::App;
use domain::hook::{
    EventFormat, KeywordHit, MessageType, Notice, PushNotice, PushResult, Rule, SessionChange, SessionNotice,
};
use domain::keyword::WordAction;
use domain::push::Skip;
use easemob_wire::pb::roster_body::Operation;
use easemob_wire::rest::message::{ChatType, Stored};
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use model::{
    ContactNews, ConversationKind, ConversationNews, DeviceClass, Entry, MessageId, News, Resource,
    ThreadNews, Timestamp, Uid, Username,
};
use serde_json::{Value, json};

use super::group_events::{self, About};
use super::moderation;
use super::{SECURITY_VERSION, call_id, message_type, security, stored};
use crate::msync::news::roster_body;
use crate::msync::notices;

pub(super) fn report(app: &App, rule: &Rule, happening: &Happening<'_>) -> Vec<Bytes> {
    let reports: Vec<Value> = match happening {
        Happening::Message { kind, entry } => message(app, rule, *kind, entry, "chat").into_iter().collect(),
        Happening::OfflineMessage { kind, entry } => {
            message(app, rule, *kind, entry, "chat_offline").into_iter().collect()
        }
        Happening::Read { entry } => vec![read(app, rule, entry)],
        Happening::ConversationRead { entry } => vec![conversation_read(app, rule, entry)],
        Happening::Recall { kind, entry } => recall(app, rule, *kind, entry).into_iter().collect(),
        Happening::Edit { kind, entry } => edit(app, rule, *kind, entry).into_iter().collect(),
        Happening::News { entry, news, group, entrance, added } => {
            let by = By::of(entry);
            match news {
                News::Group(news) => {
                    of_group(app, rule, &by, &About { news, group: *group, entrance: *entrance, added })
                }
                News::Contact(news) => vec![contact(app, rule, &by, news)],
                News::Conversation(news) => vec![reaction(app, rule, entry, news)],
                News::Thread(news) => vec![thread(app, rule, entry, news)],
                News::Presence(_) | News::HistoryCleared | News::Silence(_) | News::Setting(_) => Vec::new(),
            }
        }
        Happening::Notice(Notice::Keyword(hit)) => vec![keyword(app, rule, hit)],
        Happening::Notice(Notice::Session(notice)) => vec![session(app, rule, notice)],
        Happening::Notice(Notice::Moderation(record)) => vec![moderation::report(app, rule, record)],
        Happening::Notice(Notice::Push(notice)) => vec![push(app, rule, notice)],
        Happening::Notice(Notice::Place(notice)) => {
            group_events::of_place(app, rule, notice).into_iter().collect()
        }
        Happening::Notice(Notice::Room(notice)) => {
            let by = By {
                id: MessageId(notice.id),
                at: notice.at,
                name: &notice.actor,
                is_user: notice.is_user,
                resource: notice.resource.as_deref(),
            };
            of_group(app, rule, &by, &About::of(&notice.news))
        }
    };
    reports.into_iter().map(|report| report.to_string().into()).collect()
}

/// Who did something, and when.
pub(super) struct By<'a> {
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
    pub(super) name: &'a str,
    /// Who has the back end's name may be a user.
    pub(super) is_user: bool,
    pub(super) resource: Option<&'a str>,
}

impl<'a> By<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            name: entry.sender_name.as_str(),
            is_user: entry.sender != Uid::BACK_END,
            resource: entry.sender_resource.as_ref().map(Resource::as_str),
        }
    }

    /// With the device, where one is known.
    pub(super) fn jid(&self, app: &App) -> String {
        let bare = jid(app, self.name, USER_DOMAIN);
        match self.resource {
            Some(resource) => format!("{bare}/{resource}"),
            None => bare,
        }
    }
}

pub(super) fn jid(app: &App, name: &str, domain: &str) -> String {
    format!("{}_{name}@{domain}", app.key)
}

/// What every report has. `part`: which of several reports of one event it is.
pub(super) fn signed(app: &App, rule: &Rule, id: MessageId, part: usize, at: Timestamp) -> Value {
    let mut call_id = call_id(app, id);
    if part > 0 {
        call_id = format!("{call_id}_{part}");
    }
    json!({
        "security": security(&call_id, &rule.secret, at),
        "securityVersion": SECURITY_VERSION,
        "callId": call_id,
        "timestamp": at.0,
        "appkey": app.key.as_str(),
        // Which machine of the vendor's it was. There is one here.
        "host": "msync@kith",
    })
}

fn of_group(app: &App, rule: &Rule, by: &By<'_>, about: &About<'_>) -> Vec<Value> {
    match rule.post_send().map(|post| post.format).unwrap_or_default() {
        EventFormat::Muc => group_events::muc(app, rule, by, about.news),
        EventFormat::GroupOp => group_events::group_op(app, rule, by, about),
    }
}

fn envelope(app: &App, rule: &Rule, entry: &Entry) -> Value {
    let mut report = signed(app, rule, entry.id, 0, entry.at);
    report["eventType"] = "chat".into();
    report["from"] = entry.sender_name.as_str().into();
    report["to"] = entry.target_name.as_str().into();
    report["msg_id"] = entry.id.to_string().into();
    report
}

fn message(app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry, event: &str) -> Option<Value> {
    let mut report = envelope(app, rule, entry);
    if event != "chat" {
        // Another call about the same message: who skips what he has seen by its call id must not skip this.
        let again = signed(app, rule, entry.id, 1, entry.at);
        for key in ["callId", "security"] {
            report[key] = again[key].clone();
        }
    }
    report["eventType"] = event.into();
    report["chat_type"] = ChatType::from(kind).name().into();
    let stored = stored(entry)?;
    // Of streams nobody is told (easemob-rest.md 3.8.4).
    if stored.is_stream() {
        return None;
    }
    report["payload"] = stored.payload().into();
    report["content_type"] = content_type(kind, message_type(&stored.body)).into();
    if kind != ConversationKind::Single {
        report["group_id"] = entry.target_name.as_str().into();
    }
    Some(report)
}

/// Where a message stands and what it is, in one word.
fn content_type(kind: ConversationKind, message: Option<MessageType>) -> String {
    let place = match kind {
        ConversationKind::Single => "user",
        ConversationKind::Group => "group",
        ConversationKind::Room => "room",
    };
    let message = match message {
        Some(MessageType::Text) => "text",
        Some(MessageType::Image) => "image",
        Some(MessageType::Audio) => "voice",
        Some(MessageType::Location) => "location",
        Some(MessageType::Video) => "video",
        Some(MessageType::File) => "file",
        Some(MessageType::Command) => "command",
        Some(MessageType::Custom) => "custom",
        // The vendor's table has the short name of texts for these alone.
        Some(MessageType::Combined) => "txt",
        None => "unknown",
    };
    format!("chat:{place}:{message}")
}

fn recall(app: &App, rule: &Rule, kind: Option<ConversationKind>, entry: &Entry) -> Option<Value> {
    let subject = entry.subject?.to_string();
    let mut report = envelope(app, rule, entry);
    if kind.is_some_and(|kind| kind != ConversationKind::Single) {
        report["group_id"] = entry.target_name.as_str().into();
    }
    report["chat_type"] = "recall".into();
    report["payload"] = json!({ "ext": {}, "ack_message_id": subject, "bodies": [] });
    report["recall_id"] = subject.into();
    Some(report)
}

fn read(app: &App, rule: &Rule, entry: &Entry) -> Value {
    let mut report = envelope(app, rule, entry);
    report["chat_type"] = "read_ack".into();
    let subject = entry.subject.map_or_else(String::new, |subject| subject.to_string());
    report["payload"] = json!({ "ext": {}, "ack_message_id": subject, "bodies": [] });
    // The vendor's samples have a conference's address for users too.
    report["channel_channel"] = jid(app, entry.target_name.as_str(), GROUP_DOMAIN).into();
    // Counted readers: a group's message.
    if entry.readers.is_some() {
        report["payload"]["type"] = "read_ack".into();
        report["channel_user"] = jid(app, entry.sender_name.as_str(), USER_DOMAIN).into();
        report["content_type"] = "chat:ack:read".into();
        // Here and there in the vendor's samples.
        report["msg_config"] = json!({ "allow_group_ack": true });
        report["payload"]["msg_config"] = report["msg_config"].clone();
        report["writed_channel"] = true.into();
    }
    report
}

fn conversation_read(app: &App, rule: &Rule, entry: &Entry) -> Value {
    let mut report = envelope(app, rule, entry);
    report["chat_type"] = "channel_ack".into();
    let subject = entry.subject.map_or_else(String::new, |subject| subject.to_string());
    report["payload"] = json!({ "ack_message_id": subject, "type": "channel_ack" });
    report
}

fn edit(app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry) -> Option<Value> {
    let mut payload = Stored::decode(&entry.payload).ok()?.payload();
    payload.retain(|key, _| matches!(key.as_str(), "bodies" | "ext" | "meta" | "from" | "to"));
    payload.insert("edit_message_id".to_owned(), entry.subject?.to_string().into());
    payload.insert("type".to_owned(), "edit".into());
    let mut report = envelope(app, rule, entry);
    report["chat_type"] = "edit".into();
    report["payload"] = payload.into();
    if kind != ConversationKind::Single {
        report["group_id"] = entry.target_name.as_str().into();
    }
    Some(report)
}

fn reaction(app: &App, rule: &Rule, entry: &Entry, news: &ConversationNews) -> Value {
    let mut payload = notices::conversation(entry, news);
    payload["num"] = 1.into();
    payload["channel_type"] = payload["data"][0]["channel_type"].clone();
    let mut report = envelope(app, rule, entry);
    report["chat_type"] = "notify".into();
    if payload["channel_type"] != "chat" {
        report["group_id"] = entry.target_name.as_str().into();
    }
    report["payload"] = payload;
    report
}

/// Who did it stands in the payload.
fn thread(app: &App, rule: &Rule, entry: &Entry, news: &ThreadNews) -> Value {
    let mut report = envelope(app, rule, entry);
    report["chat_type"] = "notify".into();
    report["from"] = Username::BACK_END.into();
    report["group_id"] = news.parent.as_str().into();
    report["payload"] = notices::thread(entry, news);
    report
}

/// The vendor's words for why a device was not woken (easemob-rest.md 5.7).
fn push(app: &App, rule: &Rule, notice: &PushNotice) -> Value {
    let PushNotice { message, sender, user, group, binding, result, at } = notice;
    let mut report = signed(app, rule, MessageId(*message), 0, *at);
    report["step"] = "push".into();
    report["channel"] = "WEBHOOK".into();
    report["chat_type"] = if group.is_some() { "groupchat" } else { "chat" }.into();
    report["msg_id"] = message.to_string().into();
    report["from"] = sender.as_str().into();
    report["target"] = user.as_str().into();
    report["device_id"] = binding.device.as_str().into();
    report["device_token"] = binding.token.as_str().into();
    report["notifier_name"] = binding.notifier.as_str().into();
    if let Some(group) = group {
        report["group_id"] = group.as_str().into();
    }
    let (status, detail) = match result {
        PushResult::Sent => ("success", None),
        PushResult::Failed(words) => {
            report["e_message"] = words.as_str().into();
            ("error", Some("push yet but fail"))
        }
        PushResult::Skipped(skip) => ("fail", Some(detail_of(*skip))),
    };
    report["status"] = status.into();
    if let Some(detail) = detail {
        report["detail"] = detail.into();
    }
    report
}

fn detail_of(skip: Skip) -> &'static str {
    match skip {
        Skip::MessageIgnored => "message ignore push",
        Skip::DeviceFiltered => "ignore push device id",
        Skip::NoProvider => "no notifier exist",
        Skip::Online | Skip::Silent | Skip::Level => "user ignore push",
    }
}

fn contact(app: &App, rule: &Rule, by: &By<'_>, news: &ContactNews) -> Value {
    let body = roster_body(app.key.as_str(), by.name, news);
    let mut report = signed(app, rule, by.id, 0, by.at);
    report["eventType"] = "chat".into();
    report["chat_type"] = "roster".into();
    report["msg_id"] = by.id.to_string().into();
    report["from"] = jid(app, by.name, USER_DOMAIN).into();
    // The one bare name among addresses, in all of the vendor's samples.
    report["to"] = news.peer.as_str().into();
    report["payload"] = json!({
        "operation": Operation::as_str_name(&body.operation()).to_ascii_lowercase(),
        "reason": body.reason(),
        "status": { "error_code": "ok" },
    });
    report
}

/// Address and version of the client are not told: the server keeps neither.
fn session(app: &App, rule: &Rule, notice: &SessionNotice) -> Value {
    let mut report = signed(app, rule, MessageId(notice.id), 0, notice.at);
    let (reason, status) = match notice.change {
        SessionChange::LoggedIn => ("login", "online"),
        SessionChange::LoggedOut => ("logout", "offline"),
        SessionChange::Replaced => ("replaced", "offline"),
    };
    report["reason"] = reason.into();
    report["status"] = status.into();
    report["user"] = format!("{}/{}", jid(app, &notice.user, USER_DOMAIN), notice.resource).into();
    report["name"] = notice.name.as_str().into();
    report["os"] = match notice.class {
        DeviceClass::Android => "android",
        DeviceClass::Ios => "ios",
        DeviceClass::Web => "webim",
        DeviceClass::Desktop => "pc",
        DeviceClass::Custom(_) => "custom",
    }
    .into();
    report
}

fn keyword(app: &App, rule: &Rule, hit: &KeywordHit) -> Value {
    let (reason, status) = match hit.action {
        WordAction::Pass => ("through", "pass"),
        WordAction::Replace => ("replaced", "replace"),
        WordAction::Refuse => ("intercepted", "refuse"),
    };
    let (conversation, domain) = match hit.conversation {
        ConversationKind::Single => ("user", USER_DOMAIN),
        ConversationKind::Group => ("group", GROUP_DOMAIN),
        ConversationKind::Room => ("room", GROUP_DOMAIN),
    };
    let mut report = signed(app, rule, MessageId(hit.message), 0, hit.at);
    report["eventType"] = "keyword_alert".into();
    report["alertReason"] = reason.into();
    report["status"] = status.into();
    report["contentOwner"] = jid(app, &hit.sender, USER_DOMAIN).into();
    report["contentReceiver"] = jid(app, &hit.target, domain).into();
    report["sensitiveWords"] = hit.words.clone().into();
    report["contentUri"] = format!("msync:{}", hit.message).into();
    report["contentType"] = "message".into();
    report["chatType"] = format!("chat:{conversation}:text").into();
    report
}
