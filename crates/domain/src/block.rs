//! Block lists: whom a user does not want to hear from (easemob-rest.md 3.6).
//!
//! A blocked user can neither write to the owner of the list nor ask to be a contact; the other direction stays
//! open, and contacts stay contacts. How the message line learns of it without a read is told at
//! [`User::blocks`].

use std::collections::HashSet;

use conditions::Condition;
use model::{Uid, Username, limits};
use thiserror::Error;

use crate::Refusal;
use crate::account::User;
use crate::app::Settings;

/// A user's block list, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList(pub Vec<Uid>);

impl BlockList {
    pub fn contains(&self, uid: Uid) -> bool {
        self.0.contains(&uid)
    }
}

/// A change of a block list that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockAccepted {
    pub list: BlockList,
    /// Who was put on the list or taken off it: those for whom something changed.
    pub changed: Vec<(Uid, Username)>,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BlockRefused {
    #[error("block lists are off for this app (blocks.enabled)")]
    Off,
    #[error("users do not block by themselves (blocks.by_users)")]
    NotByUsers,
    #[error("nobody was named")]
    NobodyNamed,
    #[error("there is no user {name:?}")]
    PeerNotFound { name: String },
    #[error("nobody blocks himself")]
    Oneself,
    #[error("{peer} is an administrator, whom nobody blocks")]
    Administrator { peer: Username },
    #[error("{peer} is blocked already")]
    AlreadyBlocked { peer: Username },
    #[error("{peer} is named twice")]
    NamedTwice { peer: Username },
    #[error("{peer} is not blocked")]
    NotBlocked { peer: Username },
    #[error("the block list would have {size} users, at most {} are allowed", limits::BLOCK_LIST)]
    Full { size: usize },
}

impl Refusal for BlockRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::NotByUsers => Condition::PermissionDenied,
            Self::NobodyNamed => Condition::ArgumentMissing,
            Self::PeerNotFound { .. } => Condition::UserNotFound,
            Self::Oneself | Self::Administrator { .. } => Condition::MemberNotBlockable,
            Self::AlreadyBlocked { .. } | Self::NamedTwice { .. } => Condition::MemberRepeated,
            Self::NotBlocked { .. } => Condition::NotOnBlockList,
            Self::Full { .. } => Condition::BlockListFull,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "block list".to_owned())],
            Self::NobodyNamed => vec![("name", "usernames".to_owned())],
            Self::PeerNotFound { name } => vec![("user", name.clone())],
            Self::Full { size } => {
                vec![("size", size.to_string()), ("limit", limits::BLOCK_LIST.to_string())]
            }
            Self::Administrator { peer }
            | Self::AlreadyBlocked { peer }
            | Self::NamedTwice { peer }
            | Self::NotBlocked { peer } => vec![("user", peer.to_string())],
            Self::NotByUsers | Self::Oneself => Vec::new(),
        }
    }
}

/// Whether the app's users have block lists at all.
///
/// # Errors
/// [`BlockRefused::Off`].
pub fn decide_access(settings: &Settings) -> Result<(), BlockRefused> {
    if settings.blocks_enabled { Ok(()) } else { Err(BlockRefused::Off) }
}

/// Whether somebody may be put on a list: by the user himself (`by_user`) where the app lets users do it.
///
/// # Errors
/// [`BlockRefused::Off`], [`BlockRefused::NotByUsers`].
pub fn decide_may_block(settings: &Settings, by_user: bool) -> Result<(), BlockRefused> {
    decide_access(settings)?;
    if by_user && !settings.blocks_by_users { Err(BlockRefused::NotByUsers) } else { Ok(()) }
}

/// Decides how many names one call may bring: none is no call, and more than a list holds can't fit.
///
/// # Errors
/// [`BlockRefused::Off`], [`BlockRefused::NobodyNamed`], [`BlockRefused::Full`].
pub fn decide_names(settings: &Settings, names: usize) -> Result<(), BlockRefused> {
    decide_access(settings)?;
    match names {
        0 => Err(BlockRefused::NobodyNamed),
        1..=limits::BLOCK_LIST => Ok(()),
        size => Err(BlockRefused::Full { size }),
    }
}

/// As [`decide_block`], for callers who want to hear when somebody is blocked already: after all else, the first of them.
/// `admins`: who of the peers is an administrator.
///
/// # Errors
/// The first [`BlockRefused`]; nobody is blocked then.
pub fn decide_block_new(
    owner: &User,
    list: &BlockList,
    peers: &[(String, Option<(Uid, Username)>)],
    admins: &[Uid],
) -> Result<Option<BlockAccepted>, BlockRefused> {
    let accepted = decide_block(owner, list, peers)?;
    for (uid, peer) in peers.iter().filter_map(|(_, peer)| peer.as_ref()) {
        if admins.contains(uid) {
            return Err(BlockRefused::Administrator { peer: peer.clone() });
        }
        if list.contains(*uid) {
            return Err(BlockRefused::AlreadyBlocked { peer: peer.clone() });
        }
    }
    Ok(accepted)
}

/// As [`decide_unblock`], for callers who want to hear when somebody is named twice, or is not blocked: in this order.
///
/// # Errors
/// The first [`BlockRefused`]; nothing changes then.
pub fn decide_unblock_listed(
    list: &BlockList,
    peers: &[(String, Option<(Uid, Username)>)],
) -> Result<Option<BlockAccepted>, BlockRefused> {
    let accepted = decide_unblock(list, peers)?;
    let mut named = HashSet::new();
    if let Some((_, peer)) =
        peers.iter().filter_map(|(_, peer)| peer.as_ref()).find(|(uid, _)| !named.insert(*uid))
    {
        return Err(BlockRefused::NamedTwice { peer: peer.clone() });
    }
    for (uid, peer) in peers.iter().filter_map(|(_, peer)| peer.as_ref()) {
        if !list.contains(*uid) {
            return Err(BlockRefused::NotBlocked { peer: peer.clone() });
        }
    }
    Ok(accepted)
}

/// Puts users on a list. Order, after [`decide_names`]: each peer's name, oneself, room. Who is on it already stays
/// where he is; `None` when that goes for all.
///
/// # Errors
/// The first [`BlockRefused`]; nobody is blocked then.
pub fn decide_block(
    owner: &User,
    list: &BlockList,
    peers: &[(String, Option<(Uid, Username)>)],
) -> Result<Option<BlockAccepted>, BlockRefused> {
    let mut accepted = BlockAccepted { list: list.clone(), changed: Vec::new() };
    for (name, peer) in peers {
        let Some((uid, name)) = peer else {
            return Err(BlockRefused::PeerNotFound { name: crate::account::printable(name) });
        };
        if *uid == owner.uid {
            return Err(BlockRefused::Oneself);
        }
        if !accepted.list.contains(*uid) {
            accepted.list.0.push(*uid);
            accepted.changed.push((*uid, name.clone()));
        }
    }
    let size = accepted.list.0.len();
    if accepted.changed.is_empty() {
        Ok(None)
    } else if size > limits::BLOCK_LIST {
        Err(BlockRefused::Full { size })
    } else {
        Ok(Some(accepted))
    }
}

/// Takes users off a list, after [`decide_names`]; who is not on it is passed over. `None` when that goes for all.
///
/// # Errors
/// [`BlockRefused::PeerNotFound`].
pub fn decide_unblock(
    list: &BlockList,
    peers: &[(String, Option<(Uid, Username)>)],
) -> Result<Option<BlockAccepted>, BlockRefused> {
    let mut accepted = BlockAccepted { list: list.clone(), changed: Vec::new() };
    for (name, peer) in peers {
        let Some((uid, name)) = peer else {
            return Err(BlockRefused::PeerNotFound { name: crate::account::printable(name) });
        };
        if accepted.list.contains(*uid) {
            accepted.list.0.retain(|known| known != uid);
            accepted.changed.push((*uid, name.clone()));
        }
    }
    Ok(Some(accepted).filter(|accepted| !accepted.changed.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::user;

    fn peers(uids: impl IntoIterator<Item = u64>) -> Vec<(String, Option<(Uid, Username)>)> {
        let peer = |uid: u64| {
            let name = format!("user{uid}");
            (name.clone(), Some((Uid(uid), Username::parse(&name).unwrap())))
        };
        uids.into_iter().map(peer).collect()
    }

    fn list(uids: impl IntoIterator<Item = u64>) -> BlockList {
        BlockList(uids.into_iter().map(Uid).collect())
    }

    #[test]
    fn users_come_onto_a_list_once_and_go() {
        let accepted = decide_block(&user(1, "alice"), &list([7]), &peers([7, 9, 9])).unwrap().unwrap();
        assert_eq!((accepted.list.clone(), accepted.changed.len()), (list([7, 9]), 1));
        assert_eq!(decide_block(&user(1, "alice"), &list([7]), &peers([7])), Ok(None));
        let accepted = decide_unblock(&accepted.list, &peers([7, 8])).unwrap().unwrap();
        assert_eq!((accepted.list, accepted.changed[0].0), (list([9]), Uid(7)));
        assert_eq!(decide_unblock(&list([9]), &peers([8])), Ok(None));
    }

    #[test]
    fn who_asks_for_it_hears_that_nothing_would_change() {
        let owner = user(1, "alice");
        let condition = |refused: BlockRefused| refused.condition();
        let block = |names: Vec<(String, Option<(Uid, Username)>)>, admins: &[u64]| {
            let admins: Vec<Uid> = admins.iter().copied().map(Uid).collect();
            decide_block_new(&owner, &list([7]), &names, &admins).map_err(condition)
        };
        assert_eq!(block(peers([8, 7]), &[]), Err(Condition::MemberRepeated));
        assert_eq!(block(peers([8, 9]), &[9]), Err(Condition::MemberNotBlockable));
        assert_eq!(block(peers([1]), &[]), Err(Condition::MemberNotBlockable));
        assert_eq!(block(peers([8, 9]), &[]).unwrap().unwrap().list, list([7, 8, 9]));
        let refused = decide_unblock_listed(&list([7]), &peers([7, 8])).unwrap_err();
        assert_eq!(refused.condition(), Condition::NotOnBlockList);
        assert_eq!(decide_unblock_listed(&list([7]), &peers([7])).unwrap().unwrap().list, list([]));
    }

    #[test]
    fn one_name_that_does_not_fit_refuses_the_call() {
        let mut named = peers([7]);
        named.push(("nobody".into(), None));
        let refused = decide_block(&user(1, "alice"), &list([]), &named).unwrap_err();
        assert_eq!(refused.arguments(), [("user", "nobody".to_owned())]);
        assert_eq!(decide_unblock(&list([7]), &named), Err(refused));
        assert_eq!(decide_block(&user(1, "alice"), &list([]), &peers([7, 1])), Err(BlockRefused::Oneself));
    }

    #[test]
    fn who_unblocks_strictly_names_each_once_and_who_is_blocked() {
        let strict = |named| decide_unblock_listed(&list([7, 8]), &peers(named));
        assert!(strict(vec![7, 8]).unwrap().is_some());
        let (twice, not) = (strict(vec![7, 8, 7]).unwrap_err(), strict(vec![7, 9]).unwrap_err());
        assert_eq!(
            (twice.condition(), not.condition()),
            (Condition::MemberRepeated, Condition::NotOnBlockList)
        );
        assert!(matches!(strict(vec![9, 9]), Err(BlockRefused::NamedTwice { .. })));
    }

    #[test]
    fn a_list_has_room_for_500() {
        let full = list(10..510);
        assert!(decide_block(&user(1, "alice"), &list(10..509), &peers([600])).unwrap().is_some());
        assert_eq!(decide_block(&user(1, "alice"), &full, &peers([10])), Ok(None));
        let refused = decide_block(&user(1, "alice"), &full, &peers([600])).unwrap_err();
        assert_eq!(refused.arguments(), [("size", "501".to_owned()), ("limit", "500".to_owned())]);
    }

    #[test]
    fn a_call_names_somebody_and_not_too_many() {
        let mut settings = Settings::default();
        assert_eq!(decide_names(&settings, 0), Err(BlockRefused::NobodyNamed));
        assert_eq!(decide_names(&settings, limits::BLOCK_LIST), Ok(()));
        assert_eq!(decide_names(&settings, 501), Err(BlockRefused::Full { size: 501 }));
        settings.blocks_enabled = false;
        assert_eq!(decide_names(&settings, 0), Err(BlockRefused::Off));
    }
}
