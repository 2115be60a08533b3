//! Mutes of a user in the whole app, by kind of conversation (easemob-rest.md 3.2). They end by themselves.

use std::time::Duration;

use model::{ConversationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::account::User;
use crate::message::SendRefused;

/// What a mute without end runs to.
const FOR_EVER: u64 = u64::MAX;

/// Where a user may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteKind {
    /// Between two users.
    Single,
    Groups,
    Rooms,
}

impl MuteKind {
    pub const ALL: [Self; 3] = [Self::Single, Self::Groups, Self::Rooms];

    /// The kind that a message in a conversation is held against.
    pub fn of(conversation: ConversationId) -> Self {
        match conversation {
            ConversationId::Single { .. } => Self::Single,
            ConversationId::Group(_) => Self::Groups,
            ConversationId::Room(_) => Self::Rooms,
        }
    }
}

/// A user's mutes, as they stand in his account: when each ends, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    single: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rooms: Option<u64>,
}

/// What is to become of one mute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetMute {
    For(Duration),
    ForEver,
    Lift,
}

/// What is left of a mute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteLeft {
    Nothing,
    For(Duration),
    ForEver,
}

impl Mutes {
    /// Whether nothing was set that was not lifted. What has ended counts until it is set anew.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    #[must_use]
    pub fn with(mut self, kind: MuteKind, set: SetMute, now: Timestamp) -> Self {
        *self.end_mut(kind) = match set {
            SetMute::For(duration) => Some(now.plus(duration).0),
            SetMute::ForEver => Some(FOR_EVER),
            SetMute::Lift => None,
        };
        self
    }

    pub fn left(&self, kind: MuteKind, now: Timestamp) -> MuteLeft {
        let end = match kind {
            MuteKind::Single => self.single,
            MuteKind::Groups => self.groups,
            MuteKind::Rooms => self.rooms,
        };
        match end {
            Some(FOR_EVER) => MuteLeft::ForEver,
            Some(end) if end > now.0 => MuteLeft::For(Timestamp(end).since(now)),
            Some(_) | None => MuteLeft::Nothing,
        }
    }

    fn end_mut(&mut self, kind: MuteKind) -> &mut Option<u64> {
        match kind {
            MuteKind::Single => &mut self.single,
            MuteKind::Groups => &mut self.groups,
            MuteKind::Rooms => &mut self.rooms,
        }
    }
}

/// Whether a user may speak in conversations of a kind. To be asked of every message of a user's devices.
///
/// # Errors
/// [`SendRefused::SenderMuted`].
pub fn check_mute(sender: &User, kind: MuteKind, now: Timestamp) -> Result<(), SendRefused> {
    match sender.mutes.left(kind, now) {
        MuteLeft::Nothing => Ok(()),
        MuteLeft::For(_) | MuteLeft::ForEver => Err(SendRefused::SenderMuted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::user;

    #[test]
    fn each_kind_is_muted_alone_and_ends_by_itself() {
        let now = Timestamp(1_000);
        let mutes = Mutes::default().with(MuteKind::Groups, SetMute::For(Duration::from_secs(2)), now);
        let muted = User { mutes, ..user(1, "alice") };
        assert!(check_mute(&muted, MuteKind::Single, now).is_ok());
        assert_eq!(check_mute(&muted, MuteKind::Groups, Timestamp(2_999)), Err(SendRefused::SenderMuted));
        assert!(check_mute(&muted, MuteKind::Groups, Timestamp(3_000)).is_ok());
        assert_eq!(mutes.left(MuteKind::Groups, Timestamp(2_500)), MuteLeft::For(Duration::from_millis(500)));
    }

    #[test]
    fn a_mute_for_ever_is_lifted_only_by_hand() {
        let now = Timestamp(1_000);
        let mutes = Mutes::default().with(MuteKind::Rooms, SetMute::ForEver, now);
        assert_eq!(mutes.left(MuteKind::Rooms, Timestamp(u64::MAX)), MuteLeft::ForEver);
        assert!(mutes.with(MuteKind::Rooms, SetMute::Lift, now).is_empty());
    }
}
