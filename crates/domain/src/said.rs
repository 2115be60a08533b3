//! What of an app's history a back end asks for (jmessage.md 1.3, "History and statistics").

use std::time::Duration;

use conditions::Condition;
use model::{GroupId, MessageId, Timestamp, Uid};
use thiserror::Error;

use crate::{Refusal, stream};

/// How far apart the ends of a span may be.
pub const SPAN_LIMIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    App,
    /// What a user sent and received in single chats.
    SingleChatsOf(Uid),
    Group(GroupId),
    Room(GroupId),
}

/// From one second to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub begin: Timestamp,
    pub end: Timestamp,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SpanRefused {
    #[error("the span ends before it begins")]
    Reversed,
    #[error("the span is longer than {} days", SPAN_LIMIT.as_secs() / 86_400)]
    TooLong,
}

impl Refusal for SpanRefused {
    fn condition(&self) -> Condition {
        Condition::ArgumentInvalid
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![("name", "end_time".to_owned())]
    }
}

impl Span {
    /// A span of at most [`SPAN_LIMIT`].
    ///
    /// # Errors
    /// [`SpanRefused`].
    pub fn new(begin: Timestamp, end: Timestamp) -> Result<Self, SpanRefused> {
        if end < begin {
            Err(SpanRefused::Reversed)
        } else if end.since(begin) > SPAN_LIMIT {
            Err(SpanRefused::TooLong)
        } else {
            Ok(Self { begin, end })
        }
    }

    /// No id of the span is below it.
    pub fn first_id(self) -> MessageId {
        MessageId::of_tick(MessageId::tick_of(self.begin), 0)
    }

    /// No id of the span is above it.
    pub fn last_id(self) -> MessageId {
        MessageId::of_tick(MessageId::tick_of(self.behind()), 0)
    }

    /// Whether it was stored in it.
    pub fn contains(self, at: Timestamp) -> bool {
        (self.begin..self.behind()).contains(&at)
    }

    /// Whether a message was stored in it, as far as its id tells; `None`: the time in its entry says.
    pub fn holds(self, id: MessageId, is_drawn_before: bool) -> Option<bool> {
        stream::stored_between(id, is_drawn_before, self.begin, self.behind())
    }

    /// The moment behind the last second.
    fn behind(self) -> Timestamp {
        self.end.plus(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Timestamp = Timestamp(1_795_220_913_000);

    #[test]
    fn a_span_has_both_its_ends_and_is_a_week_at_most() {
        let week = BEGIN.plus(SPAN_LIMIT);
        assert!(Span::new(BEGIN, week).is_ok());
        assert_eq!(Span::new(BEGIN, week.plus(Duration::from_secs(1))), Err(SpanRefused::TooLong));
        assert_eq!(Span::new(BEGIN, Timestamp(BEGIN.0 - 1_000)), Err(SpanRefused::Reversed));
        let second = Span::new(BEGIN, BEGIN).unwrap();
        let id = |ms: u64| MessageId::of_tick(MessageId::tick_of(Timestamp(ms)), 0);
        let contained: Vec<bool> = [BEGIN.0 - 1, BEGIN.0, BEGIN.0 + 999, BEGIN.0 + 1_000]
            .map(|ms| second.contains(Timestamp(ms)))
            .into();
        assert_eq!(contained, [false, true, true, false]);
        assert_eq!(second.holds(id(BEGIN.0), false), None, "a second is too short for ids to tell");
        assert!(second.first_id() <= id(BEGIN.0) && second.last_id() > id(BEGIN.0 + 999));
    }
}
