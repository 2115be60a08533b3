//! What may be done when: the session's states and, for each, what every verb meets.
//!
//! The one place with such rules. The conditions are those of the vendors' documents: easemob-ios-legacy 1002, 1018 and
//! 1019, easemob-windows 200 and 218, jmessage-ios 863004, 863006 and 863007, jmessage-android 871308.

use conditions::Condition;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody is logged in.
    LoggedOut,
    /// A login is on its way.
    LoggingIn,
    /// Logged in, and connected.
    Online,
    /// Logged in; the connection is being made again.
    Offline,
    /// A logout is on its way.
    LoggingOut,
    /// The client was closed: like one that was never made.
    Closed,
}

impl State {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::LoggedOut, Self::LoggingIn, Self::Online, Self::Offline, Self::LoggingOut, Self::Closed];
}

/// What an app wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Registering a new user.
    Register,
    /// A login as the user who is in, or as anybody when nobody is.
    LogIn,
    /// A login as somebody else than who is in.
    LogInAsOther,
    LogOut,
    /// Everything that travels through the send queue.
    Send,
    /// Everything that asks the server and has to be connected, such as entering a room.
    Ask,
    /// Everything that asks the REST API in the user's name.
    Call,
    RenewToken,
}

impl Verb {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Register,
        Self::LogIn,
        Self::LogInAsOther,
        Self::LogOut,
        Self::Send,
        Self::Ask,
        Self::Call,
        Self::RenewToken,
    ];
}

type Rule = Option<Condition>;
const MAY: Rule = None;
const NOT_IN: Rule = Some(Condition::NotLoggedIn);
const IN_ALREADY: Rule = Some(Condition::AlreadyLoggedIn);
const OTHER_IN: Rule = Some(Condition::OtherUserLoggedIn);
const COMING: Rule = Some(Condition::LoginInProgress);
const GOING: Rule = Some(Condition::LogoutInProgress);
const NO_NET: Rule = Some(Condition::NetworkUnavailable);
const NO_CLIENT: Rule = Some(Condition::SdkNotInitialized);

/// One row a state, one column a verb.
#[rustfmt::skip]
const TABLE: [[Rule; 8]; 6] = [
    //              Register    LogIn       LogInAsOther LogOut     Send       Ask        Call       RenewToken
    /* LoggedOut */  [MAY,        MAY,        MAY,        NOT_IN,    NOT_IN,    NOT_IN,    NOT_IN,    NOT_IN],
    /* LoggingIn */  [COMING,     COMING,     COMING,     COMING,    NOT_IN,    NOT_IN,    NOT_IN,    NOT_IN],
    /* Online */     [IN_ALREADY, IN_ALREADY, OTHER_IN,   MAY,       MAY,       MAY,       MAY,       MAY],
    /* Offline */    [IN_ALREADY, IN_ALREADY, OTHER_IN,   MAY,       MAY,       NO_NET,    MAY,       MAY],
    /* LoggingOut */ [GOING,      GOING,      GOING,      GOING,     GOING,     GOING,     GOING,     GOING],
    /* Closed */     [NO_CLIENT,  NO_CLIENT,  NO_CLIENT,  NO_CLIENT, NO_CLIENT, NO_CLIENT, NO_CLIENT, NO_CLIENT],
];

impl State {
    /// Whether a verb is permitted.
    ///
    /// # Errors
    /// The condition that the documents have for it.
    pub fn permits(self, verb: Verb) -> Result<(), Condition> {
        match TABLE[self as usize][verb as usize] {
            None => Ok(()),
            Some(condition) => Err(condition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorTable};

    #[test]
    fn the_table_is_in_the_order_of_its_enums() {
        for (index, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, index);
        }
        for (index, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, index);
        }
    }

    /// Every code of the documents that a state can refuse with, and the code that the app then reads.
    #[test]
    fn each_row_of_the_documents_about_states_is_met() {
        let rows = [
            (State::LoggedOut, Verb::Send, ErrorTable::EasemobLegacyIos, 1002),
            (State::LoggedOut, Verb::LogOut, ErrorTable::EasemobLegacyIos, 1002),
            (State::LoggedOut, Verb::Call, ErrorTable::Easemob, 201),
            (State::LoggedOut, Verb::Send, ErrorTable::JMessageAndroid, 871_300),
            (State::LoggedOut, Verb::Ask, ErrorTable::JMessageIos, 863_004),
            (State::LoggedOut, Verb::RenewToken, ErrorTable::Easemob, 201),
            (State::LoggingIn, Verb::LogIn, ErrorTable::EasemobLegacyIos, 1018),
            (State::LoggingIn, Verb::LogInAsOther, ErrorTable::EasemobLegacyIos, 1018),
            (State::LoggingIn, Verb::LogOut, ErrorTable::EasemobLegacyIos, 1018),
            (State::LoggingIn, Verb::Send, ErrorTable::Easemob, 201),
            (State::Online, Verb::LogIn, ErrorTable::Easemob, 200),
            (State::Online, Verb::LogIn, ErrorTable::JMessageIos, 863_006),
            (State::Online, Verb::LogInAsOther, ErrorTable::Easemob, 218),
            (State::Offline, Verb::LogInAsOther, ErrorTable::Easemob, 218),
            (State::Offline, Verb::LogIn, ErrorTable::Easemob, 200),
            (State::Offline, Verb::Ask, ErrorTable::Easemob, 2),
            (State::Offline, Verb::Ask, ErrorTable::EasemobLegacyIos, 1043),
            (State::LoggingOut, Verb::LogOut, ErrorTable::EasemobLegacyIos, 1019),
            (State::LoggingOut, Verb::LogIn, ErrorTable::JMessageIos, 863_007),
            (State::LoggingOut, Verb::Send, ErrorTable::EasemobLegacyIos, 1019),
            (State::Closed, Verb::LogIn, ErrorTable::JMessageAndroid, 871_308),
            (State::Closed, Verb::Send, ErrorTable::JMessageAndroid, 871_308),
        ];
        for (state, verb, table, code) in rows {
            let condition = state.permits(verb).expect_err("refused");
            let error = Error::new(condition).in_table(table);
            assert_eq!(error.code(), Some(code), "{verb:?} while {state:?}: {condition}");
        }
        let symbol =
            |table| Error::new(State::Online.permits(Verb::LogIn).expect_err("in")).in_table(table).symbol();
        assert_eq!(symbol(ErrorTable::AgoraIos), "AgoraErrorUserAlreadyLogin");
    }

    #[test]
    fn what_is_permitted() {
        let permitted: Vec<(State, Verb)> = State::ALL
            .into_iter()
            .flat_map(|state| Verb::ALL.map(|verb| (state, verb)))
            .filter(|(state, verb)| state.permits(*verb).is_ok())
            .collect();
        let mut expected = vec![
            (State::LoggedOut, Verb::Register),
            (State::LoggedOut, Verb::LogIn),
            (State::LoggedOut, Verb::LogInAsOther),
        ];
        for verb in [Verb::LogOut, Verb::Send, Verb::Ask, Verb::Call, Verb::RenewToken] {
            expected.push((State::Online, verb));
        }
        for verb in [Verb::LogOut, Verb::Send, Verb::Call, Verb::RenewToken] {
            expected.push((State::Offline, verb));
        }
        assert_eq!(permitted, expected);
    }
}
