//! What an app's own server is asked and told, in the vendor's form (easemob-rest.md 5).
//!
//! The other direction of the REST API: here the server calls. When that happens, and what an answer means, is decided
//! elsewhere (`domain::hook`); here is known how a question reads (`ask`) and where in a message texts stand (`texts`).

mod ask;
mod group_events;
pub(crate) mod moderation;
mod push;
mod report;
mod texts;

use app::ports::{Forms, Happening};
use bytes::Bytes;
use domain::app::App;
use domain::hook::{Answer, MessageType, PreSend, Rule, Secret};
use domain::moderation::ModerationRecord;
use domain::push::PushHints;
use easemob_wire::Value as Pair;
use easemob_wire::content::{content as read, message};
use easemob_wire::pb::MessageBody;
use easemob_wire::pb::message_body::content::{SubType, Type};
use easemob_wire::rest::message::{ChatType, Stored, rewrite};
use md5::{Digest, Md5};
use model::content::Content;
use model::{ConversationKind, Dialect, Entry, EntryKind, Environment, MessageId, Timestamp};

/// The vendor's forms, for [`app::UseCases::open_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EasemobForms;

impl Forms for EasemobForms {
    fn message_type(&self, entry: &Entry) -> Option<MessageType> {
        message_type(&stored(entry)?.body)
    }

    /// `ext.env`, where it can be one: an app may have its own use for the key (easemob-rest.md 5.1).
    fn environment(&self, entry: &Entry) -> Option<Environment> {
        let says_something = matches!(entry.kind, EntryKind::Message | EntryKind::Command | EntryKind::Edit);
        if entry.dialect != Dialect::Easemob || !says_something {
            return None;
        }
        let body = Stored::decode(&entry.payload).ok()?.body;
        let pair = body.ext.iter().rev().find(|pair| pair.key() == "env")?;
        match Pair::of(pair)? {
            Pair::Text(text) => Environment::parse(&text),
            _ => None,
        }
    }

    fn texts(&self, entry: &Entry) -> Vec<String> {
        stored(entry).map(|mut stored| texts::texts(&mut stored.body)).unwrap_or_default()
    }

    fn with_texts(&self, entry: &Entry, new: &[String]) -> Option<Bytes> {
        rewrite(&entry.payload, None, |body| texts::set(body, new)).ok()
    }

    fn report(&self, app: &App, rule: &Rule, happening: &Happening<'_>) -> Vec<Bytes> {
        report::report(app, rule, happening)
    }

    fn moderation_line(&self, _: &App, record: &ModerationRecord) -> Bytes {
        moderation::line(record).to_string().into()
    }

    fn push_hints(&self, entry: &Entry) -> PushHints {
        push::hints(entry)
    }

    fn preview(&self, entry: &Entry) -> Option<String> {
        push::preview(entry)
    }

    fn question(&self, app: &App, rule: &Rule, kind: ConversationKind, entry: &Entry) -> Bytes {
        ask::question(app, rule, kind, entry)
    }

    fn answer(&self, rule: &PreSend, kind: ConversationKind, entry: &Entry, reply: &[u8]) -> Option<Answer> {
        ask::answer(rule, kind, entry, reply)
    }
}

/// A message that came in another dialect and says `content`, as one of this dialect. `app_url`: where clients reach the
/// app's routes, such as `https://host/org/app`.
pub fn translated(content: &Content, kind: ConversationKind, entry: &Entry, app_url: &str) -> Entry {
    let names = (entry.sender_name.as_str(), entry.target_name.as_str());
    let files = format!("{app_url}/chatfiles");
    let payload = message(content, ChatType::from(kind), names, &files).encode(entry.wants_receipts);
    Entry { payload, dialect: Dialect::Easemob, ..entry.clone() }
}

/// What a message or command of this dialect says; `None` for another entry.
pub fn content(entry: &Entry) -> Option<Content> {
    let is_message = matches!(entry.kind, EntryKind::Message | EntryKind::Command);
    (is_message && entry.dialect == Dialect::Easemob).then(|| read(&entry.payload).ok().flatten()).flatten()
}

/// A message or command of this dialect.
fn stored(entry: &Entry) -> Option<Stored> {
    let is_message = matches!(entry.kind, EntryKind::Message | EntryKind::Command);
    (is_message && entry.dialect == Dialect::Easemob).then(|| Stored::decode(&entry.payload).ok()).flatten()
}

fn message_type(body: &MessageBody) -> Option<MessageType> {
    let content = body.contents.first()?;
    // A combined message is a text whose sub type is there, be it the first of them: 0.
    let is_combined = content.sub_type == Some(SubType::SubCombine as i32);
    Some(match content.r#type() {
        Type::Text if is_combined => MessageType::Combined,
        Type::Text => MessageType::Text,
        Type::Combine => MessageType::Combined,
        Type::Image => MessageType::Image,
        Type::Voice => MessageType::Audio,
        Type::Video => MessageType::Video,
        Type::File => MessageType::File,
        Type::Location => MessageType::Location,
        Type::Command => MessageType::Command,
        Type::Custom => MessageType::Custom,
    })
}

/// What names a call: the vendor draws a UUID or takes the message's id; ours says which message it is about.
fn call_id(app: &App, id: MessageId) -> String {
    format!("{}_{id}", app.key)
}

/// `security`: MD5 over call id, secret and time, as lower-case hexadecimal digits (easemob-rest.md 5.1).
fn security(call_id: &str, secret: &Secret, at: Timestamp) -> String {
    let digest = Md5::new().chain_update(call_id).chain_update(&secret.0).chain_update(at.0.to_string());
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

const SECURITY_VERSION: &str = "1.0.0";

#[cfg(test)]
mod tests {
    use super::*;

    // The digest is that of `printf '%s' 'org#app_42s3cret1600060847294' | md5sum`.
    #[test]
    fn the_signature_is_what_md5sum_makes_of_call_secret_and_time() {
        let secret = Secret("s3cret".to_owned());
        let made = security("org#app_42", &secret, Timestamp(1_600_060_847_294));
        assert_eq!(made, "5c97e15267794a37474f1534502397dd");
    }
}
