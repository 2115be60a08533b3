//! The catalogue is whole: nothing of the vendors' documents is missing or changed, and every condition explains itself.

mod answers;
mod source;
mod texts;
