//! Pinned messages: what stands at the top of a conversation for all who take part in it.

use conditions::Condition;
use model::{MessageId, Seq, Timestamp, Username};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;

/// Pinned messages of one conversation, whatever an app's owner sets (easemob-rest.md 6.1).
pub const PINS_LIMIT: u64 = 100;

/// A message at the top of a conversation, for all who take part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedMessage {
    pub message: MessageId,
    pub seq: Seq,
    pub at: Timestamp,
    pub by: Username,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PinRefused {
    #[error("pinned messages are off for this app (pins.enabled)")]
    Disabled,
    #[error("there is no message {message} in the conversation")]
    NotFound { message: String },
    #[error("the message is not pinned")]
    NotPinned,
    #[error("{limit} messages are pinned in the conversation (pins.limit)")]
    LimitReached { limit: u64 },
}

impl Refusal for PinRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Disabled => Condition::ServiceNotEnabled,
            Self::NotFound { .. } => Condition::MessageNotFound,
            Self::NotPinned => Condition::PinnedMessageNotFound,
            Self::LimitReached { .. } => Condition::PinLimitReached,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Disabled => vec![("feature", "message pin".to_owned())],
            Self::NotFound { message } => vec![("message", message.clone())],
            Self::NotPinned | Self::LimitReached { .. } => Vec::new(),
        }
    }
}

/// # Errors
/// [`PinRefused::Disabled`].
pub fn check_pins(settings: &Settings) -> Result<(), PinRefused> {
    if settings.pins_enabled { Ok(()) } else { Err(PinRefused::Disabled) }
}

/// Decides to pin a message that the user sees; answers what is pinned then, the newest first. One that is pinned
/// moves to the front. Order: switch, message, number.
///
/// # Errors
/// The first [`PinRefused`].
pub fn decide_pin_message(
    settings: &Settings,
    pins: &[PinnedMessage],
    message: MessageId,
    found: Option<Seq>,
    by: &Username,
    at: Timestamp,
) -> Result<Vec<PinnedMessage>, PinRefused> {
    check_pins(settings)?;
    let Some(seq) = found else { return Err(PinRefused::NotFound { message: message.to_string() }) };
    let others = pins.iter().filter(|pin| pin.message != message);
    let pins: Vec<PinnedMessage> =
        std::iter::once(PinnedMessage { message, seq, at, by: by.clone() }).chain(others.cloned()).collect();
    let limit = settings.pins_limit.min(PINS_LIMIT);
    if pins.len() as u64 > limit { Err(PinRefused::LimitReached { limit }) } else { Ok(pins) }
}

/// Decides to take a pin away. Order: switch, whether it is there.
///
/// # Errors
/// The first [`PinRefused`].
pub fn decide_unpin_message(
    settings: &Settings,
    pins: &[PinnedMessage],
    message: MessageId,
) -> Result<Vec<PinnedMessage>, PinRefused> {
    check_pins(settings)?;
    let left: Vec<PinnedMessage> = pins.iter().filter(|pin| pin.message != message).cloned().collect();
    if left.len() == pins.len() { Err(PinRefused::NotPinned) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twenty_first_pin_is_one_too_many() {
        let settings = Settings::default();
        let by = Username::parse("alice").unwrap();
        let pin = |pins: &[PinnedMessage], id: u64| {
            decide_pin_message(&settings, pins, MessageId(id), Some(Seq(id)), &by, Timestamp(id))
        };
        let mut pins = Vec::new();
        for id in 1..=20 {
            pins = pin(&pins, id).unwrap();
        }
        assert_eq!(pins[0].message, MessageId(20), "the newest first");
        assert_eq!(pin(&pins, 21), Err(PinRefused::LimitReached { limit: 20 }));
        let again = pin(&pins, 3).unwrap();
        assert_eq!((again.len(), again[0].message), (20, MessageId(3)), "one that is pinned moves");
        assert_eq!(decide_unpin_message(&settings, &pins, MessageId(99)), Err(PinRefused::NotPinned));
        assert_eq!(decide_unpin_message(&settings, &pins, MessageId(20)).unwrap().len(), 19);
        let missing = decide_pin_message(&settings, &pins, MessageId(99), None, &by, Timestamp(5));
        assert_eq!(missing, Err(PinRefused::NotFound { message: "99".to_owned() }));
        let off = Settings { pins_enabled: false, ..settings.clone() };
        assert_eq!(
            decide_pin_message(&off, &[], MessageId(99), None, &by, Timestamp(5)),
            Err(PinRefused::Disabled)
        );
        assert_eq!(decide_unpin_message(&off, &[], MessageId(99)), Err(PinRefused::Disabled));
    }
}
