//! What an app's own server is told (easemob-rest.md 5.3, 5.4, 5.7).

use app::ports::Happening;
use bytes::Bytes;
use domain::app::App;
use domain::hook::{ConversationKind, KeywordHit, Notice, Rule};
use domain::keyword::WordAction;
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use model::{Entry, MessageId};
use serde_json::{Value, json};

use super::{SECURITY_VERSION, call_id, chat_type, security, stored};

pub(super) fn report(app: &App, rule: &Rule, happening: &Happening<'_>) -> Option<Bytes> {
    let report = match happening {
        Happening::Message { kind, entry } => message(app, rule, *kind, entry, "chat")?,
        Happening::OfflineMessage { kind, entry } => message(app, rule, *kind, entry, "chat_offline")?,
        Happening::Recall { entry } => recall(app, rule, entry)?,
        Happening::Notice(Notice::Keyword(hit)) => keyword(app, rule, hit),
    };
    Some(report.to_string().into())
}

fn envelope(app: &App, rule: &Rule, entry: &Entry) -> Value {
    let call_id = call_id(app, entry.id);
    json!({
        "security": security(&call_id, &rule.secret, entry.at),
        "callId": call_id,
        "timestamp": entry.at.0,
        "from": entry.sender_name.as_str(),
        "to": entry.target_name.as_str(),
        "msg_id": entry.id.to_string(),
        "securityVersion": SECURITY_VERSION,
        "appkey": app.key.as_str(),
    })
}

fn message(app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry, event: &str) -> Option<Value> {
    let mut report = envelope(app, rule, entry);
    report["eventType"] = event.into();
    report["chat_type"] = chat_type(kind).name().into();
    report["payload"] = stored(entry)?.payload().into();
    if kind != ConversationKind::Single {
        report["group_id"] = entry.target_name.as_str().into();
    }
    Some(report)
}

fn recall(app: &App, rule: &Rule, entry: &Entry) -> Option<Value> {
    let subject = entry.subject?.to_string();
    let mut report = envelope(app, rule, entry);
    report["eventType"] = "chat".into();
    report["chat_type"] = "recall".into();
    report["payload"] = json!({ "ext": {}, "ack_message_id": subject, "bodies": [] });
    report["recall_id"] = subject.into();
    Some(report)
}

fn keyword(app: &App, rule: &Rule, hit: &KeywordHit) -> Value {
    let call_id = call_id(app, MessageId(hit.message));
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
    let jid = |name: &str, domain: &str| format!("{}_{name}@{domain}", app.key);
    json!({
        "security": security(&call_id, &rule.secret, hit.at),
        "callId": call_id,
        "eventType": "keyword_alert",
        "timestamp": hit.at.0,
        "appkey": app.key.as_str(),
        "alertReason": reason,
        "status": status,
        "contentOwner": jid(&hit.sender, USER_DOMAIN),
        "contentReceiver": jid(&hit.target, domain),
        "sensitiveWords": hit.words,
        "contentUri": format!("msync:{}", hit.message),
        "contentType": "message",
        "chatType": format!("chat:{conversation}:text"),
    })
}
