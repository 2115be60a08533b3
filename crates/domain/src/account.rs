//! Accounts: who may register whom under which name, and which logins an account allows.

use std::collections::HashMap;
use std::net::IpAddr;

use conditions::Condition;
use model::{Dialect, NameError, Timestamp, Uid, Username, limits};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;
use crate::mute::Mutes;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: Uid,
    pub name: Username,
    pub uuid: String,
    pub nickname: Option<String>,
    /// Off after a deactivation: logins and sends are refused.
    pub active: bool,
    /// Tokens of an older epoch are void.
    pub epoch: u32,
    /// Which version of his block list counts; 0: he blocks nobody, and nobody has to look. It changes in the
    /// commit that changes the list, and a message is checked against the recipient's account, so that one that
    /// was accepted before somebody was blocked is not written after it.
    pub blocks: u64,
    /// Where in the app he may not speak.
    pub mutes: Mutes,
    /// A back end speaks in his name, and nobody blocks him (JMessage's administrators).
    pub admin: bool,
    /// Somebody has followed his presence, so that changes of it are worth looking for followers.
    pub followed: bool,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// Who asks for a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrant {
    /// Anybody, without a token. The address, where it is known, limits how many.
    Anonymous { address: Option<IpAddr> },
    /// The app's back end.
    BackEnd,
}

/// A registration as it came.
#[derive(Clone, Debug)]
pub struct Register {
    pub name: String,
    pub password: String,
    pub nickname: Option<String>,
    /// Whose rules for new names count.
    pub dialect: Dialect,
}

/// Bytes of a name that one registers who speaks this dialect. What is registered is a name for all of them, so nobody
/// parses names by it.
pub fn name_limit(dialect: Dialect) -> usize {
    match dialect {
        // easemob-rest.md 6.1
        Dialect::Easemob => 64,
        Dialect::JMessage | Dialect::Kith => limits::USERNAME_BYTES,
    }
}

/// A registration that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub name: Username,
    pub password: String,
    pub nickname: Option<String>,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegisterRefused {
    #[error("open registration is off for this app")]
    Closed,
    #[error("the app has its {limit} users")]
    UsersLimit { limit: u64 },
    #[error("no user name was given")]
    NameMissing,
    #[error("the user name {name:?} is not legal: {cause}")]
    NameIllegal { name: String, cause: NameError },
    #[error("the user name has {bytes} bytes, at most {limit} are allowed")]
    NameTooLong { bytes: usize, limit: usize },
    #[error("no password was given")]
    PasswordMissing,
    #[error("the password is over {} bytes", limits::PASSWORD_BYTES)]
    PasswordTooLong,
    #[error("the nickname is over {} characters", limits::NICKNAME_CHARS)]
    NicknameTooLong,
    #[error("the user {name} exists")]
    Exists { name: Username },
}

impl Refusal for RegisterRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Closed => Condition::RegistrationClosed,
            Self::UsersLimit { .. } => Condition::UserLimitReached,
            Self::NameMissing => Condition::UserNameEmpty,
            Self::NameIllegal { .. } => Condition::UserNameInvalid,
            Self::NameTooLong { .. } => Condition::UserNameTooLong,
            Self::PasswordMissing => Condition::PasswordMissing,
            Self::PasswordTooLong => Condition::PasswordInvalid,
            Self::NicknameTooLong => Condition::NicknameTooLong,
            Self::Exists { .. } => Condition::UserAlreadyExists,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NameIllegal { name, .. } => vec![("user", name.clone())],
            Self::Exists { name } => vec![("user", name.to_string())],
            _ => Vec::new(),
        }
    }
}

/// Decides what can be decided before the name is looked up, in the vendor's order: permission, quota,
/// name, password, nickname. That the name is free is decided by the commit.
///
/// # Errors
/// The first [`RegisterRefused`].
pub fn decide_register(
    settings: &Settings,
    users: u64,
    registrant: Registrant,
    command: Register,
) -> Result<Registration, RegisterRefused> {
    if matches!(registrant, Registrant::Anonymous { .. }) && !settings.open_registration {
        return Err(RegisterRefused::Closed);
    }
    if settings.users_limit != 0 && users >= settings.users_limit {
        return Err(RegisterRefused::UsersLimit { limit: settings.users_limit });
    }
    let (bytes, limit) = (command.name.len(), name_limit(command.dialect));
    if bytes > limit {
        return Err(RegisterRefused::NameTooLong { bytes, limit });
    }
    let name = match (registrant, command.dialect) {
        // Its administrators are users, and one of them is often called so.
        (Registrant::BackEnd, Dialect::JMessage) => Username::parse_new_or_back_end(&command.name),
        _ => Username::parse_new(&command.name),
    };
    let name = name.map_err(|cause| match cause {
        NameError::Empty => RegisterRefused::NameMissing,
        NameError::TooLong { bytes, limit } => RegisterRefused::NameTooLong { bytes, limit },
        NameError::Character { .. } | NameError::Reserved => {
            RegisterRefused::NameIllegal { name: printable(&command.name), cause }
        }
    })?;
    if command.password.is_empty() {
        return Err(RegisterRefused::PasswordMissing);
    }
    if command.password.len() > limits::PASSWORD_BYTES {
        return Err(RegisterRefused::PasswordTooLong);
    }
    let nickname = command.nickname.filter(|nickname| !nickname.is_empty());
    decide_nickname(nickname.as_deref())?;
    Ok(Registration { name, password: command.password, nickname })
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BatchRefused {
    #[error("{size} users came in one call, at most {} are allowed", limits::REGISTER_BATCH)]
    TooLarge { size: usize },
    #[error("the user {name} stands twice in the batch, with different passwords")]
    Repeated { name: String },
}

impl Refusal for BatchRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::TooLarge { .. } => Condition::BatchTooLarge,
            Self::Repeated { .. } => Condition::UserRepeated,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLarge { size } => {
                vec![("size", size.to_string()), ("limit", limits::REGISTER_BATCH.to_string())]
            }
            Self::Repeated { name } => vec![("user", name.clone())],
        }
    }
}

/// Decides on a batch as a whole: its size, and names that stand in it more than once. A repetition with the same
/// password is left out. Each remaining registration is decided for itself ([`decide_register`]).
///
/// # Errors
/// [`BatchRefused`].
pub fn decide_batch(commands: Vec<Register>) -> Result<Vec<Register>, BatchRefused> {
    if commands.len() > limits::REGISTER_BATCH {
        return Err(BatchRefused::TooLarge { size: commands.len() });
    }
    let mut passwords: HashMap<String, String> = HashMap::new();
    let mut kept = Vec::with_capacity(commands.len());
    for command in commands {
        // As the registry folds names, so that Li and li are one.
        let folded = command.name.to_ascii_lowercase();
        match passwords.get(&folded) {
            Some(password) if *password == command.password => {}
            Some(_) => return Err(BatchRefused::Repeated { name: printable(&command.name) }),
            None => {
                passwords.insert(folded, command.password.clone());
                kept.push(command);
            }
        }
    }
    Ok(kept)
}

/// Holds a nickname against its limit.
///
/// # Errors
/// [`RegisterRefused::NicknameTooLong`].
pub fn decide_nickname(nickname: Option<&str>) -> Result<(), RegisterRefused> {
    match nickname {
        Some(nickname) if nickname.chars().count() > limits::NICKNAME_CHARS => {
            Err(RegisterRefused::NicknameTooLong)
        }
        _ => Ok(()),
    }
}

/// An illegal name goes back to the caller and into the log: without control characters, and not endless.
pub fn printable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(limits::USERNAME_BYTES).collect()
}

/// Accounts for tests of the rules.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn user(uid: u64, name: &str) -> User {
        User {
            uid: Uid(uid),
            name: Username::parse(name).unwrap(),
            uuid: String::new(),
            nickname: None,
            active: true,
            epoch: 0,
            blocks: 0,
            mutes: Mutes::default(),
            followed: false,
            admin: false,
            created: Timestamp(0),
            modified: Timestamp(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYBODY: Registrant = Registrant::Anonymous { address: None };

    fn register(name: &str) -> Register {
        Register { name: name.into(), password: "pw".into(), nickname: None, dialect: Dialect::Easemob }
    }

    fn decide(registrant: Registrant, command: Register) -> Result<Registration, RegisterRefused> {
        let settings = Settings { open_registration: true, users_limit: 10, ..Settings::default() };
        decide_register(&settings, 9, registrant, command)
    }

    #[test]
    fn names_are_folded_and_checked() {
        assert_eq!(decide(ANYBODY, register("Alice")).unwrap().name.as_str(), "alice");
        assert_eq!(decide(Registrant::BackEnd, register("")), Err(RegisterRefused::NameMissing));
        let illegal = decide(Registrant::BackEnd, register("小\u{7}明")).unwrap_err();
        assert_eq!(illegal.condition(), Condition::UserNameInvalid);
        assert_eq!(illegal.arguments(), [("user", "小明".to_owned())]);
    }

    #[test]
    fn each_dialect_has_its_longest_name() {
        let named = |dialect, bytes| {
            let command = Register { dialect, ..register(&"x".repeat(bytes)) };
            decide(Registrant::BackEnd, command).map(|registration| registration.name.as_str().len())
        };
        let too_long = |bytes, limit| Err(RegisterRefused::NameTooLong { bytes, limit });
        for (dialect, bytes, decided) in [
            (Dialect::Easemob, 64, Ok(64)),
            (Dialect::Easemob, 65, too_long(65, 64)),
            (Dialect::JMessage, 128, Ok(128)),
            (Dialect::JMessage, 129, too_long(129, 128)),
            (Dialect::Kith, 128, Ok(128)),
            (Dialect::Kith, 129, too_long(129, 128)),
        ] {
            assert_eq!(named(dialect, bytes), decided, "{dialect:?}, {bytes} bytes");
        }
    }

    #[test]
    fn a_closed_app_takes_users_from_its_back_end_only() {
        let settings = Settings::default();
        let refused = decide_register(&settings, 0, ANYBODY, register("alice"));
        assert_eq!(refused, Err(RegisterRefused::Closed));
        assert!(decide_register(&settings, 0, Registrant::BackEnd, register("alice")).is_ok());
    }

    #[test]
    fn the_quota_counts_before_the_name() {
        let settings = Settings { users_limit: 3, ..Settings::default() };
        let refused = decide_register(&settings, 3, Registrant::BackEnd, register(""));
        assert_eq!(refused, Err(RegisterRefused::UsersLimit { limit: 3 }));
    }

    #[test]
    fn a_batch_has_a_size_and_names_stand_in_it_once() {
        let with = |name: &str, password: &str| Register { password: password.into(), ..register(name) };
        let batch = |size: usize| (0..size).map(|number| register(&format!("u{number}"))).collect();
        assert_eq!(decide_batch(batch(limits::REGISTER_BATCH)).unwrap().len(), limits::REGISTER_BATCH);
        let refused = decide_batch(batch(limits::REGISTER_BATCH + 1)).unwrap_err();
        assert_eq!(refused.arguments(), [("size", "61".to_owned()), ("limit", "60".to_owned())]);

        let same = decide_batch(vec![with("li", "a"), with("Li", "a")]).unwrap();
        assert_eq!(same.len(), 1);
        let refused = decide_batch(vec![with("li", "a"), with("bob", "x"), with("Li", "b")]).unwrap_err();
        assert_eq!(refused, BatchRefused::Repeated { name: "Li".into() });
    }

    #[test]
    fn only_back_ends_of_jmessage_give_a_user_the_back_ends_name() {
        let anybody = Registrant::Anonymous { address: None };
        for (registrant, dialect, is_taken) in [
            (Registrant::BackEnd, Dialect::JMessage, true),
            (Registrant::BackEnd, Dialect::Easemob, false),
            (anybody, Dialect::JMessage, false),
            (anybody, Dialect::Easemob, false),
        ] {
            let command = Register { dialect, ..register("Admin") };
            assert_eq!(decide(registrant, command).is_ok(), is_taken, "{registrant:?} {dialect:?}");
        }
        let id = Register { dialect: Dialect::JMessage, ..register("114950004760576") };
        assert!(decide(Registrant::BackEnd, id).is_err(), "a group may have this id");
    }

    #[test]
    fn passwords_and_nicknames_have_limits() {
        let empty = Register { password: String::new(), ..register("alice") };
        assert_eq!(decide(Registrant::BackEnd, empty), Err(RegisterRefused::PasswordMissing));
        let long = Register { password: "p".repeat(129), ..register("alice") };
        assert_eq!(decide(Registrant::BackEnd, long), Err(RegisterRefused::PasswordTooLong));
        let nickname = Register { nickname: Some("名".repeat(101)), ..register("alice") };
        assert_eq!(decide(Registrant::BackEnd, nickname), Err(RegisterRefused::NicknameTooLong));
    }
}
