//! Pinned messages: what stands at the top of a conversation for all who take part in it.

use conditions::Condition;
use model::{MessageId, Seq, Timestamp, Username};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;
use crate::message::{SendRefused, SendView};

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
    #[error(transparent)]
    Send(#[from] SendRefused),
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
            Self::Send(refused) => refused.condition(),
            Self::Disabled => Condition::ServiceNotEnabled,
            Self::NotFound { .. } => Condition::MessageNotFound,
            Self::NotPinned => Condition::PinnedMessageNotFound,
            Self::LimitReached { .. } => Condition::PinLimitReached,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Send(refused) => refused.arguments(),
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
/// moves to the front. Order: switch, message, whether the user may speak there ([`SendView::may_add`]), number.
///
/// # Errors
/// The first [`PinRefused`].
pub fn decide_pin_message(
    user: &SendView<'_>,
    pins: &[PinnedMessage],
    message: MessageId,
    found: Option<Seq>,
    at: Timestamp,
) -> Result<Vec<PinnedMessage>, PinRefused> {
    check_pins(user.settings)?;
    let Some(seq) = found else { return Err(PinRefused::NotFound { message: message.to_string() }) };
    user.may_add(at)?;
    let by = user.sender.name.clone();
    let others = pins.iter().filter(|pin| pin.message != message);
    let pins: Vec<PinnedMessage> =
        std::iter::once(PinnedMessage { message, seq, at, by }).chain(others.cloned()).collect();
    let limit = user.settings.pins_limit.min(PINS_LIMIT);
    if pins.len() as u64 > limit { Err(PinRefused::LimitReached { limit }) } else { Ok(pins) }
}

/// Decides to take a pin away, whoever set it. Order: switch, whether the user may speak there ([`SendView::may_add`]),
/// whether it is there.
///
/// # Errors
/// The first [`PinRefused`].
pub fn decide_unpin_message(
    user: &SendView<'_>,
    pins: &[PinnedMessage],
    message: MessageId,
    at: Timestamp,
) -> Result<Vec<PinnedMessage>, PinRefused> {
    check_pins(user.settings)?;
    user.may_add(at)?;
    let left: Vec<PinnedMessage> = pins.iter().filter(|pin| pin.message != message).cloned().collect();
    if left.len() == pins.len() { Err(PinRefused::NotPinned) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::User;
    use crate::account::testing::user;
    use crate::message::{Reach, Recipient};
    use crate::mute::{MuteKind, Mutes, SetMute};

    const AT: Timestamp = Timestamp(5);

    fn by<'a>(sender: &'a User, settings: &'a Settings) -> SendView<'a> {
        let recipient = Recipient::User(None);
        SendView { sender, recipient, directed: &[], reach: Reach::default(), settings }
    }

    #[test]
    fn the_twenty_first_pin_is_one_too_many() {
        let (alice, settings) = (user(1, "alice"), Settings::default());
        let by = by(&alice, &settings);
        let pin = |pins: &[PinnedMessage], id: u64| {
            decide_pin_message(&by, pins, MessageId(id), Some(Seq(id)), Timestamp(id))
        };
        let mut pins = Vec::new();
        for id in 1..=20 {
            pins = pin(&pins, id).unwrap();
        }
        assert_eq!(pins[0].message, MessageId(20), "the newest first");
        assert_eq!(pin(&pins, 21), Err(PinRefused::LimitReached { limit: 20 }));
        let again = pin(&pins, 3).unwrap();
        assert_eq!((again.len(), again[0].message), (20, MessageId(3)), "one that is pinned moves");
        assert_eq!(decide_unpin_message(&by, &pins, MessageId(20), AT).unwrap().len(), 19);
    }

    #[test]
    fn pins_are_refused_in_their_order() {
        let off = Settings { pins_enabled: false, pins_limit: 0, ..Settings::default() };
        let on = Settings { pins_enabled: true, ..off.clone() };
        let alice = user(1, "alice");
        let mutes = Mutes::default().with(MuteKind::Single, SetMute::ForEver, AT);
        let muted = User { mutes, ..alice.clone() };
        let pin = |by: &SendView<'_>, found| decide_pin_message(by, &[], MessageId(99), found, AT);
        let unpin = |by: &SendView<'_>| decide_unpin_message(by, &[], MessageId(99), AT);
        assert_eq!(pin(&by(&muted, &off), None), Err(PinRefused::Disabled));
        assert_eq!(unpin(&by(&muted, &off)), Err(PinRefused::Disabled));
        assert_eq!(pin(&by(&muted, &on), None), Err(PinRefused::NotFound { message: "99".to_owned() }));
        assert_eq!(pin(&by(&muted, &on), Some(Seq(1))), Err(SendRefused::SenderMuted.into()));
        assert_eq!(unpin(&by(&muted, &on)), Err(SendRefused::SenderMuted.into()));
        assert_eq!(pin(&by(&alice, &on), Some(Seq(1))), Err(PinRefused::LimitReached { limit: 0 }));
        assert_eq!(unpin(&by(&alice, &on)), Err(PinRefused::NotPinned));
    }
}
