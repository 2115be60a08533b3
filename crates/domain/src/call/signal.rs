//! What devices in a call say to each other. Every signal carries all that its sender knows about who is in the call,
//! as two sets that only grow, so that devices agree in the end whatever the order in which signals come.

use std::collections::BTreeSet;
use std::fmt;

use model::{Resource, Timestamp, Username};

use super::{CALL_LEGS, CALL_MEMBERS};

/// The number of a call, drawn by whoever starts it (64 bits, as JMRTC's channel id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    Audio,
    Video,
}

impl Medium {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// The medium of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Audio, Self::Video].into_iter().find(|medium| medium.as_str() == name)
    }
}

/// One participation: of somebody, on one device, since one invitation. Who leaves and is invited again is a new leg.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Leg {
    pub user: Username,
    pub device: Resource,
    /// When it was invited, or began the call.
    pub since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    Invite,
    /// It rings at a device of the one who was invited.
    Ringing,
    /// A device accepts, and waits for the inviter's word: several may have.
    Accept,
    Refuse,
    /// A device is in another call.
    Busy,
    /// An invitation is void.
    Cancel,
    HangUp,
    /// News of who is in the call.
    Members,
}

impl SignalKind {
    pub const ALL: [Self; 8] = [
        Self::Invite,
        Self::Ringing,
        Self::Accept,
        Self::Refuse,
        Self::Busy,
        Self::Cancel,
        Self::HangUp,
        Self::Members,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Ringing => "ringing",
            Self::Accept => "accept",
            Self::Refuse => "refuse",
            Self::Busy => "busy",
            Self::Cancel => "cancel",
            Self::HangUp => "hang_up",
            Self::Members => "members",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub kind: SignalKind,
    pub call: CallId,
    pub medium: Medium,
    /// The sender's own leg; of an invitation that is answered, the leg that its invitation would become.
    pub from: Leg,
    /// The one device that it is meant for; `None`: all of the user's.
    pub to_device: Option<Resource>,
    /// When it was said, by the sender's clock: it tells one invitation from another.
    pub at: Timestamp,
    /// Whom the sender has invited and not heard of.
    pub inviting: BTreeSet<Username>,
    /// Legs that came into the call, those that left again included.
    pub joined: BTreeSet<Leg>,
    /// Legs that left.
    pub left: BTreeSet<Leg>,
}

impl Signal {
    /// True if it is no larger than an honest device makes it.
    pub fn is_bounded(&self) -> bool {
        self.inviting.len() <= CALL_MEMBERS && self.joined.len() <= CALL_LEGS && self.left.len() <= CALL_LEGS
    }

    /// Those who are in the call, as far as the sender knows.
    pub fn present(&self) -> impl Iterator<Item = &Leg> {
        self.joined.difference(&self.left)
    }
}
