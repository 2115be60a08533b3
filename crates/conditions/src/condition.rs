//! What a condition says about itself. The variants and their texts are generated; see `table` for the vendors' side.

use std::fmt;

use crate::generated::condition::DETAILS;
use crate::{Condition, Row, rows_by_condition};

/// What sort of thing happened. Decides log level, retry advice where nothing better is known, and metrics class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Done as asked.
    Success,
    /// The request cannot be understood or breaks a rule of form.
    Invalid,
    /// Who is asking is not known, or no longer.
    Unauthenticated,
    /// Who is asking is known and may not.
    Forbidden,
    /// What is asked for is not there.
    NotFound,
    /// The state of things does not allow it: exists already, was changed meanwhile.
    Conflict,
    /// A number, a size, a rate or a time has run out.
    Limit,
    /// The server cannot serve at the moment.
    Unavailable,
    /// The server failed.
    Internal,
    /// Raised by a client library; the server takes no part.
    Client,
    /// Told to a client without having been asked, such as the end of its session.
    Notice,
}

impl Kind {
    /// All kinds, in the order in which generated rows by kind stand.
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Limit,
        Self::Unavailable,
        Self::Internal,
        Self::Client,
        Self::Notice,
    ];

    /// The name in snake_case, as used for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::Client => "client",
            Self::Notice => "notice",
        }
    }

    /// True if the server is to blame and somebody should look: such answers are logged as errors, all others quietly.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Unavailable | Self::Internal)
    }
}

/// Who can change something about a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// Whoever writes the app or its back end.
    AppDeveloper,
    /// Whoever holds the phone.
    EndUser,
    /// Whoever runs this server.
    Operator,
    /// Nobody needs to: the condition is no trouble.
    Nobody,
}

impl Who {
    /// The name in snake_case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppDeveloper => "app_developer",
            Self::EndUser => "end_user",
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }
}

/// Whether doing the same again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retry {
    /// Never.
    No,
    /// Once the cause is removed.
    AfterFix,
    /// After a new login.
    AfterLogin,
    /// Later, with growing pauses.
    Later,
    /// At once, one time.
    AtOnce,
}

impl Retry {
    /// The name in snake_case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::AfterFix => "after_fix",
            Self::AfterLogin => "after_login",
            Self::Later => "later",
            Self::AtOnce => "at_once",
        }
    }
}

/// One generated entry.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) who: Who,
    pub(crate) retry: Retry,
    pub(crate) broader: Option<Condition>,
    pub(crate) args: &'static [&'static str],
    pub(crate) meaning: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) remedy: &'static str,
    pub(crate) meaning_zh: &'static str,
    pub(crate) cause_zh: &'static str,
    pub(crate) remedy_zh: &'static str,
}

impl Condition {
    fn details(self) -> &'static Details {
        &DETAILS[self as usize]
    }

    /// The name in snake_case: the label of metrics, the value of `x-kith-condition`.
    pub fn as_str(self) -> &'static str {
        self.details().name
    }

    /// The condition of that name, `None` if there is none.
    pub fn parse(name: &str) -> Option<Self> {
        let index = DETAILS.binary_search_by(|details| details.name.cmp(name)).ok()?;
        Some(Self::ALL[index])
    }

    pub fn kind(self) -> Kind {
        self.details().kind
    }

    pub fn who(self) -> Who {
        self.details().who
    }

    pub fn retry(self) -> Retry {
        self.details().retry
    }

    /// The wider condition that this one is a case of.
    pub fn broader(self) -> Option<Self> {
        self.details().broader
    }

    /// This condition, then its broader one, then that one's, until the widest.
    pub fn and_broader(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |condition| condition.broader())
    }

    /// The conditions that are cases of this one.
    pub fn narrower(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |condition| condition.broader() == Some(self))
    }

    /// Names of the facts that an answer may carry: see [`crate::RestAnswer::describe`].
    pub fn args(self) -> &'static [&'static str] {
        self.details().args
    }

    /// What happened, one English sentence.
    pub fn meaning(self) -> &'static str {
        self.details().meaning
    }

    /// Why it happens, in English.
    pub fn cause(self) -> &'static str {
        self.details().cause
    }

    /// What to do next, in English.
    pub fn remedy(self) -> &'static str {
        self.details().remedy
    }

    /// What happened, in Chinese.
    pub fn meaning_zh(self) -> &'static str {
        self.details().meaning_zh
    }

    /// Why it happens, in Chinese.
    pub fn cause_zh(self) -> &'static str {
        self.details().cause_zh
    }

    /// What to do next, in Chinese.
    pub fn remedy_zh(self) -> &'static str {
        self.details().remedy_zh
    }

    /// Its rows in all tables.
    pub fn rows(self) -> impl Iterator<Item = &'static Row> {
        rows_by_condition(self)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
