//! The question before a message goes out, and its answer (easemob-rest.md 5.2).

use bytes::Bytes;
use domain::app::App;
use domain::hook::{Answer, PreSend, Rule};
use easemob_wire::pb::KeyValue;
use easemob_wire::pb::message_body::Content;
use easemob_wire::rest::message::{ChatType, RoomLevel, content, content_json, ext, rewrite};
use model::{ConversationKind, Entry};
use serde_json::{Map, Value, json};

use super::{SECURITY_VERSION, call_id, message_type, security, stored};

pub(super) fn question(app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry) -> Bytes {
    let call_id = call_id(app, entry.id);
    let mut payload = stored(entry).map(|stored| stored.payload()).unwrap_or_default();
    payload.retain(|key, _| matches!(key.as_str(), "bodies" | "ext" | "meta"));
    let mut question = json!({
        "callId": call_id,
        "timestamp": entry.at.0,
        "chat_type": ChatType::from(kind).name(),
        "from": entry.sender_name.as_str(),
        "to": entry.target_name.as_str(),
        "msg_id": entry.id.to_string(),
        "payload": payload,
        "securityVersion": SECURITY_VERSION,
        "security": security(&call_id, &rule.secret, entry.at),
        "appkey": app.key.as_str(),
    });
    if kind != ConversationKind::Single {
        question["group_id"] = entry.target_name.as_str().into();
    }
    question.to_string().into()
}

/// `None` for what is no JSON object with a boolean `valid`, and for content that the message can't have.
pub(super) fn answer(rule: &PreSend, kind: ConversationKind, entry: &Entry, reply: &[u8]) -> Option<Answer> {
    let reply: Map<String, Value> = serde_json::from_slice(reply).ok()?;
    let is_valid = reply.get("valid")?.as_bool()?;
    let reason = reply.get("code").and_then(Value::as_str).map(str::to_owned);
    let payload = if is_valid { replacement(rule, kind, entry, &reply)? } else { None };
    Some(Answer { is_valid, reason, payload })
}

/// The message with what the answer replaces in it: content, extension keys, the priority in a room. `Some(None)`:
/// nothing.
fn replacement(
    rule: &PreSend,
    kind: ConversationKind,
    entry: &Entry,
    reply: &Map<String, Value>,
) -> Option<Option<Bytes>> {
    let level = reply.get("chatroom_msg_level").and_then(Value::as_str).and_then(RoomLevel::parse);
    let level = level.filter(|_| kind == ConversationKind::Room);
    let change = match reply.get("payload") {
        None | Some(Value::Null) => Change::default(),
        Some(Value::Object(payload)) if payload.is_empty() => Change::default(),
        Some(Value::Object(payload)) => Change::read(rule, entry, payload)?,
        Some(_) => return None,
    };
    if level.is_none() && change.is_none() {
        return Some(None);
    }
    let rewritten = rewrite(&entry.payload, level, |body| {
        if let Some(content) = change.content {
            body.contents = vec![content];
        }
        if let Some(ext) = change.ext {
            body.ext = ext;
        }
    });
    rewritten.ok().map(Some)
}

#[derive(Default)]
struct Change {
    content: Option<Content>,
    ext: Option<Vec<KeyValue>>,
}

impl Change {
    fn is_none(&self) -> bool {
        self.content.is_none() && self.ext.is_none()
    }

    fn read(rule: &PreSend, entry: &Entry, payload: &Map<String, Value>) -> Option<Self> {
        let before = stored(entry)?.body;
        let kind = message_type(&before)?;
        let bytes_max = rule.rewrite_bytes_max(kind)?;
        if serde_json::to_vec(payload).ok()?.len() > bytes_max {
            return None;
        }
        let new_content = match payload.get("bodies") {
            // The vendor's newer samples write the one body as the payload itself.
            None | Some(Value::Null) if ["type", "msg"].iter().any(|key| payload.contains_key(*key)) => {
                Some(read_body(payload, before.contents.first()?)?)
            }
            None | Some(Value::Null) => None,
            Some(bodies) => {
                Some(read_body(bodies.as_array()?.first()?.as_object()?, before.contents.first()?)?)
            }
        };
        let new_ext = match payload.get("ext") {
            None | Some(Value::Null) => None,
            Some(object) => Some(ext(object.as_object()?)),
        };
        Some(Self { content: new_content, ext: new_ext })
    }
}

/// A body of the same type; the type may be left out.
fn read_body(body: &Map<String, Value>, before: &Content) -> Option<Content> {
    let shown = content_json(before);
    let type_before = shown["type"].as_str()?;
    let named = body.get("type").and_then(Value::as_str).unwrap_or(type_before);
    if named != type_before {
        return None;
    }
    content(named, body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::app::{AppSecrets, Settings};
    use domain::hook::{MessageType, RuleKind, RuleSpec, Secret};
    use easemob_wire::rest::message::{ChatType, NewMessage, Stored};
    use model::{AppId, DeviceNumber, Dialect, EntryKind, MessageId, Timestamp, Uid, Username};

    fn entry(message_type: &str, body: &Value) -> Entry {
        let content = content(message_type, body.as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::Chat,
            from: "alice",
            to: "bob",
            content: &content,
            ext: &ext(json!({ "k": 1 }).as_object().unwrap()),
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        Entry {
            dialect: Dialect::Easemob,
            sender: Uid(1),
            sender_device: DeviceNumber(1),
            sender_name: Username::parse("alice").unwrap(),
            target_name: Username::parse("bob").unwrap(),
            payload: message.encode(),
            ..Entry::blank(MessageId(42), EntryKind::Message, Timestamp(1_600_060_847_294))
        }
    }

    fn text() -> Entry {
        entry("txt", &json!({ "msg": "hi" }))
    }

    fn ask(kind: ConversationKind) -> Value {
        let rule = Rule {
            id: "1".to_owned(),
            secret: Secret("s3cret".to_owned()),
            spec: RuleSpec {
                name: "a".to_owned(),
                url: "http://example.com".to_owned(),
                enabled: true,
                conversations: Vec::new(),
                environment: None,
                kind: RuleKind::PreSend(PreSend::default()),
            },
        };
        let app = App {
            id: AppId(1),
            key: "org#app".parse().unwrap(),
            uuid: String::new(),
            client_id: String::new(),
            secrets: AppSecrets { client_secret: String::new(), token_key: [0; 32] },
            created: Timestamp(0),
            settings: Settings::default(),
            hooks: Vec::new(),
            keyword_changes: 0,
            jmessage: None,
        };
        serde_json::from_slice(&question(&app, &rule, kind, &text())).unwrap()
    }

    #[test]
    fn a_question_has_the_vendors_keys() {
        let security = md5_of("org#app_42s3cret1600060847294");
        let expected = json!({
            "callId": "org#app_42", "timestamp": 1_600_060_847_294_u64, "chat_type": "chat", "from": "alice",
            "to": "bob", "msg_id": "42", "securityVersion": "1.0.0", "security": security, "appkey": "org#app",
            "payload": { "ext": { "k": 1 }, "bodies": [{ "type": "txt", "msg": "hi" }] },
        });
        assert_eq!(ask(ConversationKind::Single), expected);
        let group = ask(ConversationKind::Group);
        assert_eq!((&group["chat_type"], &group["group_id"]), (&json!("groupchat"), &json!("bob")));
        assert_eq!(ask(ConversationKind::Room)["chat_type"], "chatroom");
    }

    fn md5_of(text: &str) -> String {
        use md5::{Digest, Md5};
        Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read(rule: &PreSend, entry: &Entry, reply: &Value) -> Option<Answer> {
        answer(rule, ConversationKind::Single, entry, reply.to_string().as_bytes())
    }

    #[test]
    fn only_an_object_with_a_boolean_valid_is_an_answer() {
        let rule = PreSend::default();
        for reply in ["", "true", "[]", "{}", r#"{"valid":"true"}"#, r#"{"valid":1}"#, "{\"valid\":true"] {
            assert_eq!(answer(&rule, ConversationKind::Single, &text(), reply.as_bytes()), None, "{reply}");
        }
        let refused = |reason: Option<&str>| {
            Some(Answer { is_valid: false, reason: reason.map(str::to_owned), payload: None })
        };
        for (reply, expected) in [
            (json!({ "valid": true }), Some(Answer { is_valid: true, ..Answer::default() })),
            (json!({ "valid": true, "payload": {} }), Some(Answer { is_valid: true, ..Answer::default() })),
            (json!({ "valid": false }), refused(None)),
            (json!({ "valid": false, "code": null }), refused(None)),
            (json!({ "valid": false, "code": 7 }), refused(None)),
            (json!({ "valid": false, "code": "" }), refused(Some(""))),
            (json!({ "valid": false, "code": "no ads", "payload": 7 }), refused(Some("no ads"))),
            (json!({ "valid": true, "payload": "x" }), None),
        ] {
            assert_eq!(read(&rule, &text(), &reply), expected, "{reply}");
        }
    }

    fn bodies(answer: Option<Answer>) -> Value {
        let payload = answer.unwrap().payload.unwrap();
        json!(Stored::decode(&payload).unwrap().payload())
    }

    #[test]
    fn an_answer_replaces_content_and_extension_each_by_itself() {
        let rule = PreSend::default();
        let both = json!({ "bodies": [{ "type": "txt", "msg": "**" }], "ext": { "checked": true } });
        let shown = bodies(read(&rule, &text(), &json!({ "valid": true, "payload": both })));
        assert_eq!((&shown["bodies"], &shown["ext"]), (&both["bodies"], &both["ext"]));
        assert_eq!((&shown["from"], &shown["to"]), (&json!("alice"), &json!("bob")));

        let only_ext = json!({ "valid": true, "payload": { "ext": {} } });
        let shown = bodies(read(&rule, &text(), &only_ext));
        assert_eq!((&shown["bodies"][0]["msg"], &shown["ext"]), (&json!("hi"), &json!({})));
    }

    #[test]
    fn content_that_the_message_cannot_have_makes_the_answer_useless() {
        let (plain, more) = (PreSend::default(), PreSend { rewrite_files: true, ..PreSend::default() });
        let file = entry("file", &json!({ "url": "http://host/a", "filename": "a" }));
        let command = entry("cmd", &json!({ "action": "go" }));
        let long = "a".repeat(1_024);
        for (rule, entry, body, is_used) in [
            (&plain, text(), json!({ "msg": "**" }), true),
            (&plain, text(), json!({ "type": "img", "url": "http://host/a" }), false),
            (&plain, text(), json!({ "type": "txt" }), false),
            (&plain, text(), json!({ "type": "txt", "msg": long }), false),
            (&plain, file.clone(), json!({ "type": "file", "url": "http://host/b" }), false),
            (&more, file.clone(), json!({ "type": "file", "url": "http://host/b", "filename": long }), true),
            (
                &more,
                file,
                json!({ "type": "file", "url": "http://host/b", "filename": "a".repeat(5_120) }),
                false,
            ),
            (&more, command, json!({ "type": "cmd", "action": "stop" }), false),
        ] {
            for payload in [json!({ "bodies": [body] }), body] {
                let reply = json!({ "valid": true, "payload": payload });
                assert_eq!(read(rule, &entry, &reply).is_some(), is_used, "{reply}");
            }
        }
    }

    #[test]
    fn only_a_room_message_gets_another_priority() {
        let reply = json!({ "valid": true, "chatroom_msg_level": "high" }).to_string();
        let of = |kind| answer(&PreSend::default(), kind, &text(), reply.as_bytes()).unwrap().payload;
        assert_eq!(of(ConversationKind::Single), None);
        assert!(of(ConversationKind::Room).is_some());
    }

    #[test]
    fn each_content_is_told_apart() {
        use MessageType::{Combined, Command, Custom, Location, Text};
        let url = "http://host/a";
        for (name, body, expected) in [
            ("txt", json!({ "msg": "hi" }), Text),
            ("txt", json!({ "msg": "hi", "subType": "sub_combine", "url": url }), Combined),
            ("img", json!({ "url": url }), MessageType::Image),
            ("audio", json!({ "url": url }), MessageType::Audio),
            ("video", json!({ "url": url }), MessageType::Video),
            ("file", json!({ "url": url }), MessageType::File),
            ("loc", json!({ "lat": 1, "lng": 1, "addr": "a" }), Location),
            ("cmd", json!({ "action": "go" }), Command),
            ("custom", json!({}), Custom),
        ] {
            let body = stored(&entry(name, &body)).unwrap().body;
            assert_eq!(message_type(&body), Some(expected), "{name}");
        }
    }
}
