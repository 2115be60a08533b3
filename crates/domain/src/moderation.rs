//! Moderation records: what keyword lists and the app's own server decided about messages, kept for a while for the app's
//! back end, which has them written into files (easemob-rest.md 3.18).

use std::time::Duration;

use conditions::Condition;
use model::{ConversationKind, Environment, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;
use crate::hook::MessageType;

/// Characters of a message's texts that a record holds.
pub const TEXT_CHARS: usize = 1_000;
/// Exports of an app that are there at a time, those under way among them.
pub const EXPORTS_LIMIT: usize = 20;
/// Bytes of an export, after which the records of a page are its last.
pub const EXPORT_BYTES: u64 = 256 << 20;
/// How long an export can be fetched.
pub const EXPORT_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long an export that fails is tried again.
pub const EXPORT_TRIED: Duration = Duration::from_secs(60 * 60);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moderated {
    Passed,
    Rejected,
    /// It went out with another content.
    Exchanged,
}

/// What who looked at a message thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    Good,
    Doubtful,
    Bad,
    /// He gave no answer.
    Unknown,
}

/// Who looked at a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    Keywords,
    Webhook,
}

/// What was decided about a message. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModerationRecord {
    pub message: u64,
    pub message_type: Option<MessageType>,
    pub conversation: ConversationKind,
    pub sender: String,
    /// The peer's name, or the group's id.
    pub target: String,
    /// The beginning of what was looked at: as it was written, for a webhook as keyword lists left it.
    pub text: String,
    pub judge: Judge,
    pub moderated: Moderated,
    pub opinion: Opinion,
    /// The words that were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// What the app's own server says of its refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    pub at: Timestamp,
}

/// Whether a decision is told and written down at all.
pub fn is_told(settings: &Settings, moderated: Moderated) -> bool {
    moderated != Moderated::Passed || settings.moderation_record_passes
}

/// Which records an export holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportQuery {
    /// Both included.
    pub begin: Timestamp,
    pub end: Timestamp,
    pub conversation: Option<ConversationKind>,
    pub message_type: Option<MessageType>,
    pub moderated: Option<Moderated>,
    pub opinion: Option<Opinion>,
}

impl ExportQuery {
    pub fn holds(&self, record: &ModerationRecord) -> bool {
        (self.begin..=self.end).contains(&record.at)
            && self.conversation.is_none_or(|conversation| conversation == record.conversation)
            && self.message_type.is_none_or(|named| record.message_type == Some(named))
            && self.moderated.is_none_or(|moderated| moderated == record.moderated)
            && self.opinion.is_none_or(|opinion| opinion == record.opinion)
    }
}

/// A file of records, or one that is to come. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    pub id: u64,
    /// What it is fetched by, drawn at random.
    pub uuid: String,
    pub query: ExportQuery,
    /// The last record that counts.
    pub up_to: u64,
    pub state: ExportState,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    Waiting,
    Done {
        /// The name under which its bytes lie.
        blob: String,
        bytes: u64,
        records: u64,
        /// It ends at [`EXPORT_BYTES`], before its last record.
        #[serde(default)]
        is_cut: bool,
    },
    Failed,
}

impl Export {
    pub fn expires(&self) -> Timestamp {
        self.created.plus(EXPORT_LIFE)
    }

    pub fn is_there(&self, now: Timestamp) -> bool {
        now < self.expires()
    }
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ExportRefused {
    #[error("the app keeps no records (moderation.record_days)")]
    Off,
    #[error("the span ends before it begins")]
    Reversed,
    #[error("the app has {EXPORTS_LIMIT} exports")]
    TooMany,
    #[error("there is no such export, or it is not finished")]
    NotFound,
}

impl Refusal for ExportRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::Reversed => Condition::ArgumentInvalid,
            Self::TooMany => Condition::LimitExceeded,
            Self::NotFound => Condition::NotFound,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "moderation record".to_owned())],
            Self::Reversed => vec![("name", "dateTo".to_owned())],
            Self::TooMany => vec![("limit", EXPORTS_LIMIT.to_string())],
            Self::NotFound => Vec::new(),
        }
    }
}

/// Decides whether records may be looked at and exported.
///
/// # Errors
/// [`ExportRefused::Off`].
pub fn decide_look(settings: &Settings) -> Result<(), ExportRefused> {
    if settings.moderation_record_days > 0 { Ok(()) } else { Err(ExportRefused::Off) }
}

/// Decides on one more export. Order: records are kept, the span, the number.
///
/// # Errors
/// The first [`ExportRefused`].
pub fn decide_export(
    settings: &Settings,
    existing: &[Export],
    query: &ExportQuery,
    now: Timestamp,
) -> Result<(), ExportRefused> {
    decide_look(settings)?;
    if query.begin > query.end {
        return Err(ExportRefused::Reversed);
    }
    let there = existing.iter().filter(|export| export.is_there(now)).count();
    if there < EXPORTS_LIMIT { Ok(()) } else { Err(ExportRefused::TooMany) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_220_913_376);

    fn query() -> ExportQuery {
        let (begin, end) = (NOW, NOW.plus(Duration::from_secs(60)));
        ExportQuery { begin, end, conversation: None, message_type: None, moderated: None, opinion: None }
    }

    fn record() -> ModerationRecord {
        ModerationRecord {
            message: 7,
            message_type: Some(MessageType::Text),
            conversation: ConversationKind::Group,
            sender: "alice".to_owned(),
            target: "team".to_owned(),
            text: "buy".to_owned(),
            judge: Judge::Keywords,
            moderated: Moderated::Exchanged,
            opinion: Opinion::Doubtful,
            words: vec!["buy".to_owned()],
            reason: None,
            environment: None,
            at: NOW,
        }
    }

    #[test]
    fn an_export_holds_what_fits_each_of_its_conditions() {
        for (query, holds) in [
            (query(), true),
            (ExportQuery { begin: Timestamp(NOW.0 + 1), ..query() }, false),
            (ExportQuery { begin: Timestamp(0), end: NOW, ..query() }, true),
            (ExportQuery { conversation: Some(ConversationKind::Room), ..query() }, false),
            (ExportQuery { message_type: Some(MessageType::Image), ..query() }, false),
            (ExportQuery { moderated: Some(Moderated::Exchanged), ..query() }, true),
            (ExportQuery { moderated: Some(Moderated::Rejected), ..query() }, false),
            (ExportQuery { opinion: Some(Opinion::Bad), ..query() }, false),
        ] {
            assert_eq!(query.holds(&record()), holds, "{query:?}");
        }
    }

    #[test]
    fn exports_are_refused_in_order_and_make_room_when_they_are_over() {
        let export = Export {
            id: 1,
            uuid: String::new(),
            query: query(),
            up_to: 1,
            state: ExportState::Waiting,
            created: NOW,
            updated: NOW,
        };
        let many = vec![export; EXPORTS_LIMIT];
        let (off, on) = (Settings { moderation_record_days: 0, ..Settings::default() }, Settings::default());
        let reversed = ExportQuery { end: Timestamp(0), ..query() };
        assert_eq!(decide_export(&off, &many, &reversed, NOW), Err(ExportRefused::Off));
        assert_eq!(decide_export(&on, &many, &reversed, NOW), Err(ExportRefused::Reversed));
        assert_eq!(decide_export(&on, &many, &query(), NOW), Err(ExportRefused::TooMany));
        assert_eq!(decide_export(&on, &many[1..], &query(), NOW), Ok(()));
        assert_eq!(decide_export(&on, &many, &query(), NOW.plus(EXPORT_LIFE)), Ok(()));
    }

    #[test]
    fn what_passed_is_told_where_the_app_wants_that() {
        let passes = Settings { moderation_record_passes: true, ..Settings::default() };
        for (settings, moderated, told) in [
            (Settings::default(), Moderated::Rejected, true),
            (Settings::default(), Moderated::Exchanged, true),
            (Settings::default(), Moderated::Passed, false),
            (passes, Moderated::Passed, true),
        ] {
            assert_eq!(is_told(&settings, moderated), told, "{moderated:?}");
        }
    }
}
