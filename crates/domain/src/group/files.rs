//! Files that the members of a group, or those in a room, share with each other. All see them; who shared one, owner and
//! admins take it away (easemob-rest.md 3.12).

use model::{FileId, GroupChange, Timestamp, limits};

use super::{Actor, Change, Group, GroupRefused, Person, Rank, Write};

/// A shared file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    pub id: FileId,
    pub name: String,
    pub bytes: u64,
    /// Who shared it; `None`: the app's back end.
    pub owner: Option<Person>,
    pub created: Timestamp,
}

/// Whether somebody may share one file more. Asked before its bytes are taken. Order: disabled, role (member), number.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_may_share(group: &Group, by: &Actor) -> Result<(), GroupRefused> {
    by.needs(Rank::Member, group)?;
    if group.files as usize >= limits::SHARED_FILES { Err(GroupRefused::FilesFull) } else { Ok(()) }
}

/// Decides that a file is shared. Order as [`decide_may_share`].
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_share(
    group: &Group,
    by: &Actor,
    file: &SharedFile,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    decide_may_share(group, by)?;
    let mut next = group.touched(at);
    next.files += 1;
    let told =
        GroupChange::FileShared { file: file.id.to_string(), name: file.name.clone(), bytes: file.bytes };
    Ok(Change::new(next).write(Write::Share(file.clone())).tell_all(told))
}

/// Decides that a file is shared no longer. Order: disabled, role (member), file, whose it is (else admin).
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_unshare(
    group: &Group,
    by: &Actor,
    file: Option<&SharedFile>,
    at: Timestamp,
) -> Result<Change, GroupRefused> {
    by.needs(Rank::Member, group)?;
    let Some(file) = file else { return Err(GroupRefused::FileNotFound) };
    let is_own = by.uid().is_some() && by.uid() == file.owner.as_ref().map(|owner| owner.uid);
    if !is_own {
        by.is_at_least(Rank::Admin, group)?;
    }
    Ok(decide_expired(group, file, at).tell_all(GroupChange::FileRemoved { file: file.id.to_string() }))
}

/// A file was kept for its time. Nobody is told: clients know no such event, and hear of it when they ask for the file.
pub fn decide_expired(group: &Group, file: &SharedFile, at: Timestamp) -> Change {
    let mut next = group.touched(at);
    next.files = next.files.saturating_sub(1);
    Change::new(next).write(Write::Unshare(file.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, actor, group, person};
    use super::*;

    fn file(owner: Option<u64>) -> SharedFile {
        SharedFile {
            id: FileId(9),
            name: "plan.pdf".to_owned(),
            bytes: 3,
            owner: owner.map(person),
            created: Timestamp(1),
        }
    }

    #[test]
    fn members_share_until_there_are_too_many_and_all_are_told() {
        let shared = decide_share(&group(), &actor(4), &file(Some(4)), NOW).unwrap();
        assert_eq!((shared.group.files, shared.news.len(), shared.news[0].is_for_all()), (1, 1, true));
        assert!(decide_share(&group(), &actor(0), &file(None), NOW).is_ok());
        assert!(matches!(decide_may_share(&group(), &actor(6)), Err(GroupRefused::NotMember { .. })));
        let disabled = Group { disabled: true, ..group() };
        assert_eq!(decide_may_share(&disabled, &actor(6)), Err(GroupRefused::Disabled));
        let full = Group { files: 10_000, ..group() };
        assert_eq!(decide_may_share(&full, &actor(4)), Err(GroupRefused::FilesFull));
        assert!(decide_may_share(&Group { files: 9_999, ..group() }, &actor(4)).is_ok());
    }

    // Rows are who asks: back end, owner, admin, the one who shared it, another member.
    #[test]
    fn who_shared_a_file_and_leaders_take_it_away() {
        let unshare = |by, owner| decide_unshare(&group(), &actor(by), Some(&file(owner)), NOW).err();
        let low = Some(GroupRefused::RankTooLow);
        let of_member = [0, 1, 2, 4, 5].map(|by| unshare(by, Some(4)));
        assert_eq!(of_member, [None, None, None, None, low.clone()]);
        let of_back_end = [0, 1, 2, 4, 5].map(|by| unshare(by, None));
        assert_eq!(of_back_end, [None, None, None, low.clone(), low]);
        assert_eq!(decide_unshare(&group(), &actor(5), None, NOW), Err(GroupRefused::FileNotFound));
        let expired = decide_expired(&Group { files: 1, ..group() }, &file(None), NOW);
        assert_eq!((expired.group.files, expired.news.len()), (0, 0));
    }
}
