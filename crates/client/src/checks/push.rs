//! Push options.

use conditions::Condition;

use crate::{Error, Result};

/// What a push shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayStyle {
    /// That there is a message.
    Simple,
    /// What it says.
    Summary,
}

impl DisplayStyle {
    /// The style of that number, as the vendors' constants have it.
    ///
    /// # Errors
    /// [`Condition::PushOptionInvalid`].
    pub fn of(number: i64) -> Result<Self> {
        match number {
            0 => Ok(Self::Simple),
            1 => Ok(Self::Summary),
            _ => Err(Error::new(Condition::PushOptionInvalid).with_detail("the style is 0 or 1")),
        }
    }
}

/// Hours of the day in which nothing is pushed; the end may lie before the start, beyond midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    pub start: u8,
    pub end: u8,
}

impl QuietHours {
    /// # Errors
    /// [`Condition::PushOptionInvalid`] for what is no hour from 0 to 23.
    pub fn new(start: i64, end: i64) -> Result<Self> {
        let hour = |hour: i64| u8::try_from(hour).ok().filter(|hour| *hour < 24);
        match (hour(start), hour(end)) {
            (Some(start), Some(end)) => Ok(Self { start, end }),
            _ => Err(Error::new(Condition::PushOptionInvalid).with_detail("hours are 0 to 23")),
        }
    }
}
