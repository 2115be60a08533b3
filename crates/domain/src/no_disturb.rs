//! Do-not-disturb: from whom a user wants no notification (jmessage.md 1.3, 2.4). Messages arrive all the same.
//!
//! It is set for single users, for groups, and for everything at once; the three know nothing of each other.

use std::collections::BTreeSet;

use conditions::Condition;
use model::{GroupId, Uid};
use thiserror::Error;

use crate::Refusal;
use crate::push::SilenceOf;

/// What one user has set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoDisturb {
    pub global: bool,
    pub users: BTreeSet<Uid>,
    pub groups: BTreeSet<GroupId>,
}

impl NoDisturb {
    /// Whether a message of the conversation wakes none of his devices.
    pub fn is_for(&self, of: SilenceOf) -> bool {
        self.global
            || match of {
                SilenceOf::User(uid) => self.users.contains(&Uid(uid)),
                SilenceOf::Group(group) => self.groups.contains(&GroupId(group)),
            }
    }
}

/// A group that a change names, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedGroup {
    /// The id as it was written.
    pub name: String,
    /// `None`: there is none.
    pub id: Option<GroupId>,
    pub is_member: bool,
}

/// A user whom a change names; `None`: there is none.
pub type NamedUser = (String, Option<Uid>);

/// What somebody wants to change. All or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoDisturbChange {
    pub add_users: Vec<NamedUser>,
    pub remove_users: Vec<NamedUser>,
    pub add_groups: Vec<NamedGroup>,
    pub remove_groups: Vec<NamedGroup>,
    pub global: Option<bool>,
}

/// Which of the three a refusal is about: vendors have numbers for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    User,
    Group,
    Global,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoDisturbRefused {
    #[error("there is no user {name:?}")]
    UserNotFound { name: String },
    #[error("there is no group {name:?}")]
    GroupNotFound { name: String },
    #[error("the user is not in the group {name:?}")]
    NotInGroup { name: String },
    #[error("it is on already ({scope:?})")]
    AlreadyOn { scope: Scope },
    #[error("it is not on ({scope:?})")]
    NotOn { scope: Scope },
}

impl NoDisturbRefused {
    pub fn scope(&self) -> Scope {
        match self {
            Self::UserNotFound { .. } => Scope::User,
            Self::GroupNotFound { .. } | Self::NotInGroup { .. } => Scope::Group,
            Self::AlreadyOn { scope } | Self::NotOn { scope } => *scope,
        }
    }
}

impl Refusal for NoDisturbRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::UserNotFound { .. } => Condition::UserNotFound,
            Self::GroupNotFound { .. } => Condition::GroupNotFound,
            Self::NotInGroup { .. } => Condition::NotInGroup,
            Self::AlreadyOn { .. } => Condition::DoNotDisturbAlreadyOn,
            Self::NotOn { .. } => Condition::DoNotDisturbNotOn,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::UserNotFound { name } => vec![("user", name.clone())],
            Self::GroupNotFound { name } | Self::NotInGroup { name } => vec![("group", name.clone())],
            Self::AlreadyOn { .. } | Self::NotOn { .. } => Vec::new(),
        }
    }
}

/// Decides a change. Order: users to add, users to remove, groups to add, groups to remove, everything; of each, whether it
/// is there, whether the user is in it, whether it is on.
///
/// # Errors
/// The first [`NoDisturbRefused`]; nothing changes then.
pub fn decide_no_disturb(
    present: &NoDisturb,
    change: &NoDisturbChange,
) -> Result<NoDisturb, NoDisturbRefused> {
    let mut next = present.clone();
    let user = |(name, uid): &NamedUser| {
        let name = crate::account::printable(name);
        uid.ok_or(NoDisturbRefused::UserNotFound { name })
    };
    let group = |named: &NamedGroup| {
        let name = crate::account::printable(&named.name);
        named.id.ok_or(NoDisturbRefused::GroupNotFound { name })
    };
    for named in &change.add_users {
        if !next.users.insert(user(named)?) {
            return Err(NoDisturbRefused::AlreadyOn { scope: Scope::User });
        }
    }
    for named in &change.remove_users {
        if !next.users.remove(&user(named)?) {
            return Err(NoDisturbRefused::NotOn { scope: Scope::User });
        }
    }
    for named in &change.add_groups {
        let id = group(named)?;
        if !named.is_member {
            return Err(NoDisturbRefused::NotInGroup { name: crate::account::printable(&named.name) });
        }
        if !next.groups.insert(id) {
            return Err(NoDisturbRefused::AlreadyOn { scope: Scope::Group });
        }
    }
    for named in &change.remove_groups {
        if !next.groups.remove(&group(named)?) {
            return Err(NoDisturbRefused::NotOn { scope: Scope::Group });
        }
    }
    match change.global {
        Some(true) if next.global => return Err(NoDisturbRefused::AlreadyOn { scope: Scope::Global }),
        Some(false) if !next.global => return Err(NoDisturbRefused::NotOn { scope: Scope::Global }),
        Some(global) => next.global = global,
        None => {}
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u64) -> NamedUser {
        (format!("u{uid}"), Some(Uid(uid)))
    }

    fn group(id: u64, is_member: bool) -> NamedGroup {
        NamedGroup { name: format!("g{id}"), id: Some(GroupId(id)), is_member }
    }

    fn present() -> NoDisturb {
        NoDisturb { global: false, users: [Uid(1)].into(), groups: [GroupId(7)].into() }
    }

    #[test]
    fn users_groups_and_everything_are_set_each_for_itself() {
        let change = NoDisturbChange {
            add_users: vec![user(2)],
            remove_users: vec![user(1)],
            add_groups: vec![group(8, true)],
            // Who left a group may still clean up.
            remove_groups: vec![group(7, false)],
            global: Some(true),
        };
        let expected = NoDisturb { global: true, users: [Uid(2)].into(), groups: [GroupId(8)].into() };
        assert_eq!(decide_no_disturb(&present(), &change), Ok(expected));
        assert_eq!(decide_no_disturb(&present(), &NoDisturbChange::default()), Ok(present()));
    }

    #[test]
    fn the_first_thing_that_does_not_hold_is_the_answer() {
        let none = NoDisturbChange::default;
        let nobody = || vec![("x".to_owned(), None)];
        let nothing = || vec![NamedGroup { name: "x".to_owned(), id: None, is_member: false }];
        let on = |scope| NoDisturbRefused::AlreadyOn { scope };
        let off = |scope| NoDisturbRefused::NotOn { scope };
        for (change, expected) in [
            (NoDisturbChange { add_users: nobody(), ..none() }, Condition::UserNotFound),
            (NoDisturbChange { remove_users: nobody(), ..none() }, Condition::UserNotFound),
            (NoDisturbChange { add_users: vec![user(1)], ..none() }, on(Scope::User).condition()),
            (NoDisturbChange { remove_users: vec![user(2)], ..none() }, off(Scope::User).condition()),
            (NoDisturbChange { add_groups: nothing(), ..none() }, Condition::GroupNotFound),
            (NoDisturbChange { add_groups: vec![group(8, false)], ..none() }, Condition::NotInGroup),
            (NoDisturbChange { add_groups: vec![group(7, true)], ..none() }, on(Scope::Group).condition()),
            (
                NoDisturbChange { remove_groups: vec![group(8, true)], ..none() },
                off(Scope::Group).condition(),
            ),
            (NoDisturbChange { global: Some(false), ..none() }, off(Scope::Global).condition()),
        ] {
            let refused = decide_no_disturb(&present(), &change).unwrap_err();
            assert_eq!(refused.condition(), expected, "{change:?}");
        }
        let twice = NoDisturbChange { add_users: vec![user(2), user(2)], ..none() };
        assert_eq!(decide_no_disturb(&present(), &twice).unwrap_err().scope(), Scope::User);
        let global = NoDisturb { global: true, ..present() };
        let again = NoDisturbChange { global: Some(true), ..none() };
        assert_eq!(decide_no_disturb(&global, &again), Err(on(Scope::Global)));
    }
}
