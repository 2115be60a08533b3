//! Numeric ids. Newtypes, so that one can't be handed over as another.

use std::fmt;

use crate::Timestamp;

/// The number of an app (tenant). Every key of the store begins with it. 0 is Kith itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub u32);

/// The number of a user inside an app. Never reused: a name registered again gets a new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub u64);

impl Uid {
    /// Whoever is no user of the app and speaks all the same: its back end, under whatever name. Users begin at 1.
    pub const BACK_END: Self = Self(0);
}

/// The number of a group, chat room or thread inside an app: drawn like a message id, so that the three never share
/// one, and never reused. Clients see it in decimal unless the owner chose another name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u64);

/// The server's id of a message: unique in the installation, rises with time, below 2^53 (JavaScript).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

/// The sender's own id of a message, for recognising a repeat. Vendors' are 64 bits, our SDK's 128.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientMessageId(pub u128);

/// The position of an entry in a feed: 1, 2, 3 … without a gap. 0 is "before the first".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl MessageId {
    /// Bits of the node's number.
    const NODE_BITS: u32 = 5;
    /// Ticks of the id clock in a millisecond; a node gives out one id a tick.
    pub const TICKS_PER_MS: u64 = 128;
    /// Where the id clock begins: 2026-01-01 UTC. 41 bits of milliseconds reach to the year 2095.
    const EPOCH_MS: u64 = 1_767_225_600_000;

    /// The id of a tick of a node's id clock (`node` below 32).
    pub fn of_tick(tick: u64, node: u8) -> Self {
        Self(tick << Self::NODE_BITS | u64::from(node))
    }

    /// The tick that an id was given out at.
    pub fn tick(self) -> u64 {
        self.0 >> Self::NODE_BITS
    }

    /// The first tick of a millisecond.
    pub fn tick_of(at: Timestamp) -> u64 {
        at.0.saturating_sub(Self::EPOCH_MS).saturating_mul(Self::TICKS_PER_MS)
    }

    /// When it was given out, but for what the id clock ran ahead.
    pub fn at(self) -> Timestamp {
        Timestamp(Self::EPOCH_MS + self.tick() / Self::TICKS_PER_MS)
    }
}

impl Seq {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

macro_rules! show {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}
show!(AppId, Uid, GroupId, MessageId, ClientMessageId, Seq);
