//! What was decided about a message, as the vendor's back ends read it: told as an event, or a line of an export
//! (easemob-rest.md 3.18, 5.7; the vendor's Java library).

use domain::app::App;
use domain::hook::{MessageType, Rule};
use domain::moderation::{Judge, Moderated, ModerationRecord, Opinion};
use easemob_wire::rest::message::ChatType;
use model::{ConversationKind, MessageId};
use serde_json::{Value, json};

use super::report::signed;

pub(super) fn report(app: &App, rule: &Rule, record: &ModerationRecord) -> Value {
    let mut report = signed(app, rule, MessageId(record.message), 0, record.at);
    report["eventType"] = "moderation".into();
    if let (Some(report), Value::Object(line)) = (report.as_object_mut(), line(record)) {
        // It has the time under the name that all reports have.
        report.extend(line.into_iter().filter(|(key, _)| key != "timestamp"));
    }
    report
}

/// What an event and a line of an export have in common.
pub(super) fn line(record: &ModerationRecord) -> Value {
    json!({
        "messageId": record.message.to_string(),
        "timestamp": record.at.0,
        "messageType": record.message_type.map_or("", type_name),
        "targetType": kind_name(record.conversation),
        "from": record.sender,
        "to": record.target,
        "msg": record.text,
        "url": "",
        "moderationResult": result_name(record.moderated),
        "providerResult": opinion_name(record.opinion),
        "source": match record.judge {
            Judge::Keywords => "keyword",
            Judge::Webhook => "callback",
        },
        "riskType": record.words.join(","),
        "reason": record.reason.as_deref().unwrap_or_default(),
    })
}

const TYPES: [(MessageType, &str); 9] = [
    (MessageType::Text, "txt"),
    (MessageType::Image, "img"),
    (MessageType::Location, "loc"),
    (MessageType::Audio, "audio"),
    (MessageType::Video, "video"),
    (MessageType::File, "file"),
    (MessageType::Command, "cmd"),
    (MessageType::Custom, "custom"),
    (MessageType::Combined, "combine"),
];

pub(crate) fn type_name(message: MessageType) -> &'static str {
    TYPES.iter().find(|(known, _)| *known == message).map_or("", |(_, name)| name)
}

pub(crate) fn type_of(name: &str) -> Option<MessageType> {
    TYPES.iter().find(|(_, known)| *known == name).map(|(message, _)| *message)
}

pub(crate) fn kind_name(kind: ConversationKind) -> &'static str {
    ChatType::from(kind).name()
}

pub(crate) fn kind_of(name: &str) -> Option<ConversationKind> {
    let kinds = [ConversationKind::Single, ConversationKind::Group, ConversationKind::Room];
    kinds.into_iter().find(|kind| kind_name(*kind) == name)
}

pub(crate) fn result_name(moderated: Moderated) -> &'static str {
    match moderated {
        Moderated::Passed => "PASS",
        Moderated::Rejected => "REJECT",
        Moderated::Exchanged => "EXCHANGE",
    }
}

pub(crate) fn result_of(name: &str) -> Option<Moderated> {
    [Moderated::Passed, Moderated::Rejected, Moderated::Exchanged]
        .into_iter()
        .find(|moderated| result_name(*moderated) == name)
}

pub(crate) fn opinion_name(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Good => "PASS",
        Opinion::Doubtful => "REVIEWED",
        Opinion::Bad => "REJECT",
        Opinion::Unknown => "UNKNOWN",
    }
}

pub(crate) fn opinion_of(name: &str) -> Option<Opinion> {
    [Opinion::Good, Opinion::Doubtful, Opinion::Bad, Opinion::Unknown]
        .into_iter()
        .find(|opinion| opinion_name(*opinion) == name)
}
