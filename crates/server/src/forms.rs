//! What payloads of every dialect say, and how apps' own servers are asked about them.
//!
//! An app's own server is spoken to in one vendor's form, whatever dialect a message came in: its question shows the
//! message as that vendor's clients see it, and what the answer replaces is put back into the message's own dialect.

use std::borrow::Cow;

use app::ports::{Contents, Forms, Happening};
use bytes::Bytes;
use domain::app::App;
use domain::hook::{Answer, MessageType, PreSend, Rule};
use domain::moderation::ModerationRecord;
use domain::push::PushHints;
use easemob::hooks::{self, EasemobForms};
use jmessage_wire::message::Message;
use model::content::Content;
use model::{ConversationKind, Dialect, Entry, EntryKind, Environment};

/// What all dialects' messages say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllContents;

impl Contents for AllContents {
    fn content(&self, entry: &Entry) -> Option<Content> {
        match entry.dialect {
            Dialect::Easemob => hooks::content(entry),
            Dialect::JMessage => Some(stored(entry)?.content()),
            Dialect::Kith => None,
        }
    }
}

/// The forms in which apps' own servers are asked about all dialects' messages.
#[derive(Clone, Debug)]
pub(crate) struct AllForms {
    /// Where clients reach this server.
    pub(crate) origin: String,
}

impl Forms for AllForms {
    fn message_type(&self, entry: &Entry) -> Option<MessageType> {
        EasemobForms.message_type(&self.shown(None, ConversationKind::Single, entry))
    }

    fn environment(&self, entry: &Entry) -> Option<Environment> {
        EasemobForms.environment(entry)
    }

    fn texts(&self, entry: &Entry) -> Vec<String> {
        match stored(entry) {
            Some(message) => message.texts(),
            None => EasemobForms.texts(entry),
        }
    }

    fn with_texts(&self, entry: &Entry, texts: &[String]) -> Option<Bytes> {
        match stored(entry) {
            Some(message) => Some(message.with_texts(texts).encode()),
            None => EasemobForms.with_texts(entry, texts),
        }
    }

    fn report(&self, app: &App, rule: &Rule, happening: &Happening<'_>) -> Vec<Bytes> {
        let (kind, entry) = match happening {
            Happening::Message { kind, entry } | Happening::OfflineMessage { kind, entry } => (*kind, *entry),
            _ => return EasemobForms.report(app, rule, happening),
        };
        let entry = &*self.shown(Some(app), kind, entry);
        let shown = match happening {
            Happening::OfflineMessage { .. } => Happening::OfflineMessage { kind, entry },
            _ => Happening::Message { kind, entry },
        };
        EasemobForms.report(app, rule, &shown)
    }

    fn moderation_line(&self, app: &App, record: &ModerationRecord) -> Bytes {
        EasemobForms.moderation_line(app, record)
    }

    fn push_hints(&self, entry: &Entry) -> PushHints {
        EasemobForms.push_hints(entry)
    }

    fn preview(&self, entry: &Entry) -> Option<String> {
        EasemobForms.preview(&self.shown(None, ConversationKind::Single, entry))
    }

    fn question(&self, app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry) -> Bytes {
        EasemobForms.question(app, rule, kind, &self.shown(Some(app), kind, entry))
    }

    fn answer(&self, rule: &PreSend, kind: ConversationKind, entry: &Entry, reply: &[u8]) -> Option<Answer> {
        let shown = self.shown(None, kind, entry);
        let mut answer = EasemobForms.answer(rule, kind, &shown, reply)?;
        if let Some(message) = stored(entry)
            && let Some(payload) = answer.payload.take()
        {
            let content = hooks::content(&Entry { payload, ..shown.into_owned() })?;
            let Message { msg_type, msg_body, .. } = Message::of(&content);
            answer.payload = Some(Message { msg_type, msg_body, ..message }.encode());
        }
        Some(answer)
    }
}

impl AllForms {
    /// The entry as one of the vendor's whose form it is.
    fn shown<'a>(&self, app: Option<&App>, kind: ConversationKind, entry: &'a Entry) -> Cow<'a, Entry> {
        let Some(message) = stored(entry) else { return Cow::Borrowed(entry) };
        let app_url = match app {
            Some(app) => format!("{}/{}/{}", self.origin, app.key.org(), app.key.app()),
            None => self.origin.clone(),
        };
        Cow::Owned(hooks::translated(&message.content(), kind, entry, &app_url))
    }
}

/// A message or command of the dialect that has its own stored form here.
fn stored(entry: &Entry) -> Option<Message> {
    let is_message = matches!(entry.kind, EntryKind::Message | EntryKind::Command);
    (is_message && entry.dialect == Dialect::JMessage).then(|| Message::decode(&entry.payload)).flatten()
}

#[cfg(test)]
mod tests {
    use model::{MessageId, Timestamp, Username};
    use serde_json::json;

    use super::*;

    fn entry() -> Entry {
        Entry {
            dialect: Dialect::JMessage,
            sender_name: Username::parse("anna").unwrap(),
            target_name: Username::parse("bert").unwrap(),
            payload: Message::of(&Content::text("a bad word")).encode(),
            ..Entry::blank(MessageId(7), EntryKind::Message, Timestamp(1))
        }
    }

    fn forms() -> AllForms {
        AllForms { origin: "http://localhost".to_owned() }
    }

    #[test]
    fn words_are_looked_for_and_replaced_in_every_dialect() {
        assert_eq!(forms().texts(&entry()), ["a bad word"]);
        let payload = forms().with_texts(&entry(), &["a *** word".to_owned()]).unwrap();
        assert_eq!(Message::decode(&payload).unwrap().texts(), ["a *** word"]);
        assert_eq!(forms().message_type(&entry()), Some(MessageType::Text));
    }

    #[test]
    fn an_apps_server_sees_the_message_in_its_vendors_form_and_may_replace_it() {
        let rule = PreSend::default();
        let reply = json!({ "valid": true, "payload": { "bodies": [{ "type": "txt", "msg": "good" }] } });
        let answer = forms().answer(&rule, ConversationKind::Single, &entry(), reply.to_string().as_bytes());
        let message = Message::decode(&answer.unwrap().payload.unwrap()).unwrap();
        assert_eq!(message.texts(), ["good"]);
        let unchanged = forms().answer(&rule, ConversationKind::Single, &entry(), br#"{"valid":true}"#);
        assert_eq!(unchanged, Some(Answer { is_valid: true, ..Answer::default() }));
    }

    #[test]
    fn what_a_message_says_is_known_whatever_dialect_it_came_in() {
        let own = hooks::translated(&Content::text("hi"), ConversationKind::Single, &entry(), "http://h/o/a");
        assert_eq!(AllContents.content(&own), Some(Content::text("hi")));
        assert_eq!(AllContents.content(&entry()), Some(Content::text("a bad word")));
        assert_eq!(AllContents.content(&Entry { kind: EntryKind::Recall, ..entry() }), None);
    }
}
