//! Calls, as far as signalling: who may do what in which state, and the machine of one device.
//!
//! Media is an engine's business; here are only its beginnings and ends. Signals travel as messages between the devices
//! of the people who talk, so they come late, twice or in another order, and every device of somebody who is called sees
//! them. [`Calls`] is fed operations, signals, news of the engine and time, and says what to send, what to tell the app
//! and what the engine has to do. Facts: jmessage.md section 4; that several devices may ring and that the one who
//! called names the winner is the call kits' way of doing it (`confirmCallee`).
//!
//! To read on: `legality` is the table of operations and states, `signal` what devices say to each other, `device` the
//! machine.

mod device;
mod legality;
mod signal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use conditions::Condition;
use model::Username;
use thiserror::Error;

use crate::Refusal;

pub use device::{CallEvent, Calls, Circumstances, EndReason, EngineCommand, Output, Standing};
pub use legality::{CallOperation, CallState, Rule, rule};
pub use signal::{CallId, Leg, Medium, Signal, SignalKind};

/// How long it rings. Ours: no public page has a number (jmessage.md 4.3).
pub const ANSWER_TIME: Duration = Duration::from_secs(60);
/// How long media may take to begin after somebody accepted. Ours, likewise.
pub const CONNECT_TIME: Duration = Duration::from_secs(30);
/// People in one call, those who are only invited included. Ours: each device tells each other one of every change.
pub const CALL_MEMBERS: usize = 16;
/// Participations that a call remembers, those that ended included; nobody else can be invited after that.
pub const CALL_LEGS: usize = 128;

/// Why an operation on a call is refused, in the order in which it is checked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallRefused {
    #[error("nobody is logged in")]
    NotLoggedIn,
    #[error("the login is not in order: kicked, lapsed or without a connection")]
    LoginAbnormal,
    #[error("the call engine was not initialised")]
    EngineMissing,
    #[error("the call engine did not start: {0}")]
    EngineFailed(String),
    #[error("there is no call {0}")]
    UnknownCall(CallId),
    #[error("this device is in a call already")]
    InCall,
    #[error("the {operation} operation is not possible in the {state} state")]
    State { operation: CallOperation, state: CallState },
    #[error("nobody is called")]
    NobodyCalled,
    #[error("nobody calls himself")]
    OneselfCalled,
    #[error("a call has at most {CALL_MEMBERS} members")]
    TooMany,
    #[error("there is no medium of that name")]
    MediumUnknown,
    #[error("{0} is no member of the call")]
    NoMember(Username),
    #[error("{0} is in the call already")]
    AlreadyMember(Username),
    #[error("the signal cannot be sent")]
    Network,
}

impl Refusal for CallRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::NotLoggedIn => Condition::NotLoggedIn,
            Self::LoginAbnormal => Condition::LoginStateAbnormal,
            Self::EngineMissing => Condition::CallEngineNotInitialized,
            Self::EngineFailed(_) => Condition::CallEngineInitFailed,
            Self::UnknownCall(_) => Condition::CallIdInvalid,
            Self::InCall | Self::AlreadyMember(_) => Condition::CallAlreadyInSession,
            Self::State { .. } => Condition::CallStateForbids,
            Self::NobodyCalled
            | Self::OneselfCalled
            | Self::TooMany
            | Self::MediumUnknown
            | Self::NoMember(_) => Condition::CallArgumentInvalid,
            Self::Network => Condition::CallNetworkError,
        }
    }
}
