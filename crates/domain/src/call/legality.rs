//! Which operation is possible in which state: one table (jmessage.md 4.2).
//!
//! It departs from that page in one place: to start a call while in another one is `call_already_in_session`, as the
//! catalogue has it for 871008 and for Agora's `CallBusy`, and not "forbidden in this state".

use std::fmt;

/// Where a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallState {
    /// The engine was not initialised, or released.
    Uninitialised,
    Idle,
    /// This device calls, and nobody has accepted yet.
    Outgoing,
    /// It rings here.
    Incoming,
    /// Accepted here; the caller's word or media are still missing.
    Connecting,
    Connected,
}

impl CallState {
    pub const ALL: [Self; 6] =
        [Self::Uninitialised, Self::Idle, Self::Outgoing, Self::Incoming, Self::Connecting, Self::Connected];
}

impl fmt::Display for CallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uninitialised => "uninitialised",
            Self::Idle => "idle",
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
        })
    }
}

/// What an app asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallOperation {
    InitialiseEngine,
    ReleaseEngine,
    Start,
    Accept,
    Refuse,
    HangUp,
    /// Inviting more people.
    Invite,
    SetVideoView,
    /// Microphone and loudspeaker.
    SwitchAudio,
    /// The own picture, and which camera takes it.
    SwitchVideo,
    SetVideoProfile,
}

impl CallOperation {
    pub const ALL: [Self; 11] = [
        Self::InitialiseEngine,
        Self::ReleaseEngine,
        Self::Start,
        Self::Accept,
        Self::Refuse,
        Self::HangUp,
        Self::Invite,
        Self::SetVideoView,
        Self::SwitchAudio,
        Self::SwitchVideo,
        Self::SetVideoProfile,
    ];
}

impl fmt::Display for CallOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InitialiseEngine => "initialise engine",
            Self::ReleaseEngine => "release engine",
            Self::Start => "start call",
            Self::Accept => "accept",
            Self::Refuse => "refuse",
            Self::HangUp => "hang up",
            Self::Invite => "invite",
            Self::SetVideoView => "set video view",
            Self::SwitchAudio => "switch audio",
            Self::SwitchVideo => "switch video",
            Self::SetVideoProfile => "set video profile",
        })
    }
}

/// What the table says about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Possible,
    /// Done already: nothing happens, and that is no error.
    Nothing,
    EngineMissing,
    /// Another call is in the way.
    InCall,
    Forbidden,
}

/// The table.
pub fn rule(operation: CallOperation, state: CallState) -> Rule {
    use CallOperation as Op;
    use CallState as In;
    match (operation, state) {
        (Op::InitialiseEngine | Op::SetVideoProfile, In::Uninitialised)
        | (Op::SetVideoProfile, _)
        | (Op::ReleaseEngine, In::Idle | In::Outgoing | In::Incoming | In::Connecting | In::Connected)
        | (Op::Start, In::Idle)
        | (Op::Accept | Op::Refuse, In::Incoming)
        | (Op::HangUp | Op::SetVideoView, In::Outgoing | In::Incoming | In::Connecting | In::Connected)
        | (Op::Invite | Op::SwitchAudio | Op::SwitchVideo, In::Connected) => Rule::Possible,
        (Op::InitialiseEngine, In::Idle) | (Op::ReleaseEngine, In::Uninitialised) => Rule::Nothing,
        (_, In::Uninitialised) => Rule::EngineMissing,
        (Op::Start, _) => Rule::InCall,
        _ => Rule::Forbidden,
    }
}
