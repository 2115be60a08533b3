//! Streams: messages of back ends that are said piece by piece, as a language model writes them (easemob-rest.md 3.8.4).
//!
//! The parts are shown to who is connected and stored nowhere; the whole is stored once, at the end, under the id that the
//! stream had from its beginning. What ends without its last part is kept as far as it came.

use std::time::Duration;

use conditions::Condition;
use model::{MessageId, Timestamp};
use thiserror::Error;

use crate::Refusal;

/// How long the next part may take.
pub const GAP: Duration = Duration::from_secs(30);
/// How long all parts may take. Ids rise along a feed but for a slack, which has to be longer than this and [`END_TRIED`]
/// (`store::ID_SLACK_TICKS`).
pub const LIFE: Duration = Duration::from_secs(30 * 60);
/// How long storing the whole of one that is over is tried, when storage fails.
pub const END_TRIED: Duration = Duration::from_secs(10 * 60);
/// How far ids may run ahead of the clock under load.
const IDS_AHEAD: Duration = Duration::from_secs(60);
/// How long other messages may take from their id to storage: the app's own server is asked meanwhile.
const REVIEWED: Duration = Duration::from_secs(90);
/// Bytes of all parts together.
pub const TEXT_BYTES: usize = 128 * 1024;
/// Streams that are open in one app at the same time.
pub const OPEN_STREAMS: usize = 1_000;

/// Whether a message was stored from `begin` on and before `end`, as far as its id tells; `None`: the time in its entry
/// says. The whole of a stream has an id that was drawn before, at the stream's beginning.
pub fn stored_between(
    id: MessageId,
    is_drawn_before: bool,
    begin: Timestamp,
    end: Timestamp,
) -> Option<bool> {
    let behind = match is_drawn_before {
        // The slower its back end and our storage were, the older is the id.
        true => LIFE + END_TRIED + Duration::from_secs(30),
        false => REVIEWED,
    };
    let (earliest, latest) = (id.at().minus(IDS_AHEAD), id.at().plus(behind));
    if latest < begin || earliest >= end {
        Some(false)
    } else if earliest >= begin && latest < end {
        Some(true)
    } else {
        None
    }
}

/// A part, as a dialect hands it in.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Each part's is above that of the one before it.
    pub number: u64,
    pub text: &'a str,
    pub is_last: bool,
    /// Why the back end ended it, in its own numbers. Counts with the last part.
    pub reason: Option<i32>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its last part, and what the back end says of that.
    Finished(Option<i32>),
    /// Nothing came for longer than [`GAP`].
    Silent,
    /// It went on for longer than [`LIFE`].
    TooOld,
    /// More came than [`TEXT_BYTES`].
    TooLong,
}

/// What is shown of a stream at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Begun,
    /// The only part.
    BegunAndEnded(Option<i32>),
    GoesOn,
    Ended(Option<i32>),
    /// Everything that was said, as it is stored.
    Whole(Ending),
}

/// A piece of a stream, or all of it, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Counted from 0 without gaps, whatever numbers the back end gives: clients wait for one that is missing.
    pub number: u64,
    pub stage: Stage,
    pub text: &'a str,
}

/// What was said so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub id: MessageId,
    began: Timestamp,
    heard: Timestamp,
    /// The last part's number, as the back end gave it.
    last: u64,
    parts: u64,
    text: String,
    ending: Option<Ending>,
    closed: bool,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StreamRefused {
    #[error("there is no stream {id}")]
    NotFound { id: MessageId },
    #[error("the stream is sent by another")]
    OtherSender,
    #[error("the stream goes to another")]
    OtherTarget,
    #[error("the stream was ended")]
    Finished,
    #[error("nothing came for longer than {} s", GAP.as_secs())]
    Silent,
    #[error("it goes on for longer than {} s", LIFE.as_secs())]
    TooOld,
    #[error("it has more than {TEXT_BYTES} bytes")]
    TooLong,
    #[error("part {number} comes after part {last}")]
    NumberTooSmall { number: u64, last: u64 },
    #[error("the app has {OPEN_STREAMS} open streams")]
    TooMany,
}

impl Refusal for StreamRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::NotFound { .. } => Condition::StreamNotFound,
            Self::OtherSender => Condition::StreamSenderDiffers,
            Self::OtherTarget => Condition::StreamTargetDiffers,
            Self::Finished => Condition::StreamFinished,
            Self::Silent => Condition::StreamSilent,
            Self::TooOld => Condition::StreamTooOld,
            Self::TooLong => Condition::StreamTooLong,
            Self::NumberTooSmall { .. } => Condition::StreamPartNumberTooSmall,
            Self::TooMany => Condition::MessageSendQuotaReached,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotFound { id } => vec![("message", id.to_string())],
            Self::TooLong => vec![("limit", TEXT_BYTES.to_string())],
            Self::Silent => vec![("limit", GAP.as_secs().to_string())],
            Self::TooOld => vec![("limit", LIFE.as_secs().to_string())],
            Self::NumberTooSmall { last, .. } => vec![("last", last.to_string())],
            _ => Vec::new(),
        }
    }
}

impl Stream {
    /// A stream with its first part.
    ///
    /// # Errors
    /// [`StreamRefused::TooLong`].
    pub fn begin(id: MessageId, part: Part<'_>, at: Timestamp) -> Result<Self, StreamRefused> {
        if part.text.len() > TEXT_BYTES {
            return Err(StreamRefused::TooLong);
        }
        Ok(Self {
            id,
            began: at,
            heard: at,
            last: part.number,
            parts: 1,
            text: part.text.to_owned(),
            ending: part.is_last.then_some(Ending::Finished(part.reason)),
            closed: false,
        })
    }

    /// Adds a part. Order: it has not ended; the time since the last part, and since the first; the part's number; the
    /// length. After a refusal for time or length the stream is over ([`Stream::over`]).
    ///
    /// # Errors
    /// [`StreamRefused`]: finished, silent, too old, number too small, too long.
    pub fn add(&mut self, part: Part<'_>, at: Timestamp) -> Result<(), StreamRefused> {
        match self.over(at) {
            None => {}
            Some(Ending::Finished(_)) => return Err(StreamRefused::Finished),
            Some(Ending::Silent) => return Err(StreamRefused::Silent),
            Some(Ending::TooOld) => return Err(StreamRefused::TooOld),
            Some(Ending::TooLong) => return Err(StreamRefused::TooLong),
        }
        if part.number <= self.last {
            return Err(StreamRefused::NumberTooSmall { number: part.number, last: self.last });
        }
        if self.text.len() + part.text.len() > TEXT_BYTES {
            self.ending = Some(Ending::TooLong);
            return Err(StreamRefused::TooLong);
        }
        self.text.push_str(part.text);
        self.last = part.number;
        self.parts += 1;
        self.heard = at;
        self.ending = part.is_last.then_some(Ending::Finished(part.reason));
        Ok(())
    }

    /// How it ended, or has to end now; `None`: it goes on.
    pub fn over(&self, at: Timestamp) -> Option<Ending> {
        if self.ending.is_some() {
            self.ending
        } else if at > self.began.plus(LIFE) {
            Some(Ending::TooOld)
        } else if at > self.heard.plus(GAP) {
            Some(Ending::Silent)
        } else {
            None
        }
    }

    /// The part that came last, as it is shown. `text`: the part's.
    pub fn piece<'a>(&self, text: &'a str) -> Piece<'a> {
        let reason = match self.ending {
            Some(Ending::Finished(reason)) => Some(reason),
            _ => None,
        };
        let stage = match (self.parts, reason) {
            (1, None) => Stage::Begun,
            (1, Some(reason)) => Stage::BegunAndEnded(reason),
            (_, None) => Stage::GoesOn,
            (_, Some(reason)) => Stage::Ended(reason),
        };
        Piece { number: self.parts - 1, stage, text }
    }

    /// Everything that was said, as it ended.
    pub fn whole(&self, ending: Ending) -> Piece<'_> {
        Piece { number: self.parts, stage: Stage::Whole(ending), text: &self.text }
    }

    /// Keeps of a stream that is over, and whose whole was stored, no more than how it ended.
    pub fn close(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.text = String::new();
        self.closed = true;
    }

    /// Whether [`Stream::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nobody needs to know of it any more.
    pub fn is_forgotten(&self, at: Timestamp) -> bool {
        self.closed && at > self.began.plus(LIFE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MessageId = MessageId(7);
    const START: Timestamp = Timestamp(1_795_220_913_376);

    fn part(number: u64, text: &str) -> Part<'_> {
        Part { number, text, is_last: false, reason: None }
    }

    fn last(number: u64, text: &str) -> Part<'_> {
        Part { is_last: true, reason: Some(3), ..part(number, text) }
    }

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn parts_become_a_whole_and_are_counted_without_gaps() {
        let mut stream = Stream::begin(ID, part(4, "a"), START).unwrap();
        assert_eq!(stream.piece("a"), Piece { number: 0, stage: Stage::Begun, text: "a" });
        stream.add(part(9, "b"), after(30)).unwrap();
        assert_eq!(stream.piece("b"), Piece { number: 1, stage: Stage::GoesOn, text: "b" });
        stream.add(last(10, "c"), after(60)).unwrap();
        assert_eq!(stream.piece("c"), Piece { number: 2, stage: Stage::Ended(Some(3)), text: "c" });
        let ending = stream.over(after(60)).unwrap();
        assert_eq!(stream.whole(ending), Piece { number: 3, stage: Stage::Whole(ending), text: "abc" });
        assert_eq!(stream.add(part(11, "d"), after(61)), Err(StreamRefused::Finished));
    }

    #[test]
    fn an_id_tells_when_its_message_was_stored_but_near_the_ends() {
        let id = |seconds: u64| MessageId::of_tick(MessageId::tick_of(after(seconds)), 3);
        let hour = |begin: u64, end: u64| (after(begin), after(end));
        let (begin, end) = hour(10_000, 20_000);
        for (at, whole, other) in [
            (5_000, Some(false), Some(false)),
            (7_600, None, Some(false)),
            (9_909, None, Some(false)),
            (10_030, None, None),
            (10_060, Some(true), Some(true)),
            (15_000, Some(true), Some(true)),
            (17_500, Some(true), Some(true)),
            (17_600, None, Some(true)),
            (19_909, None, Some(true)),
            (20_059, None, None),
            (20_060, Some(false), Some(false)),
        ] {
            assert_eq!(stored_between(id(at), true, begin, end), whole, "the whole of a stream, {at}");
            assert_eq!(stored_between(id(at), false, begin, end), other, "{at}");
        }
    }

    #[test]
    fn one_part_may_be_all() {
        let stream = Stream::begin(ID, last(0, "a"), START).unwrap();
        assert_eq!(stream.piece("a").stage, Stage::BegunAndEnded(Some(3)));
        assert_eq!(stream.over(START), Some(Ending::Finished(Some(3))));
    }

    #[test]
    fn what_ends_a_stream_is_what_its_next_part_hears() {
        let fresh = || Stream::begin(ID, part(0, "a"), START).unwrap();
        assert_eq!(fresh().add(part(1, "b"), after(31)), Err(StreamRefused::Silent));
        assert_eq!(fresh().over(after(30)), None);
        assert_eq!(fresh().over(after(31)), Some(Ending::Silent));

        let mut old = fresh();
        for number in 1..=60 {
            old.add(part(number, ""), after(number * 30)).unwrap();
        }
        assert_eq!(old.add(part(61, "b"), after(1_801)), Err(StreamRefused::TooOld));

        let mut long = fresh();
        let much = "x".repeat(TEXT_BYTES);
        assert_eq!(long.add(part(1, &much), START), Err(StreamRefused::TooLong));
        assert_eq!(long.whole(Ending::TooLong).text, "a", "what came before is kept");
        assert_eq!(long.add(part(2, "b"), START), Err(StreamRefused::TooLong));
        assert_eq!(Stream::begin(ID, part(0, &format!("{much}x")), START), Err(StreamRefused::TooLong));

        let mut repeated = fresh();
        let refused = StreamRefused::NumberTooSmall { number: 0, last: 0 };
        assert_eq!(repeated.add(part(0, "a"), START), Err(refused));
        repeated.add(part(1, "b"), START).unwrap();
        assert_eq!(repeated.whole(Ending::Silent).text, "ab");
    }

    #[test]
    fn how_a_stream_ended_is_known_until_no_part_of_it_could_come() {
        let mut stream = Stream::begin(ID, part(0, "a"), START).unwrap();
        assert!(!stream.is_forgotten(after(1_801)), "it has to be ended first");
        stream.close(Ending::Silent);
        assert_eq!(stream.add(part(1, "b"), after(40)), Err(StreamRefused::Silent));
        assert!(!stream.is_forgotten(after(1_800)));
        assert!(stream.is_forgotten(after(1_801)));
    }
}
