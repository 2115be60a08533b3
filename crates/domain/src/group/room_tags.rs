//! Tags of those who are in a chat room, and mutes of everybody who has a tag (easemob-rest.md 3.14).
//!
//! Tags belong to the app's back end alone. Who has which goes with his place in the room; what is muted stands in the
//! room's row, and lasts.

use model::Timestamp;

use super::{Change, Group, GroupRefused, Member};
use crate::app::Settings;

/// Tags that one user may have in a room.
pub(super) const ROOM_TAGS: usize = 10;
/// Characters of a tag.
pub(super) const ROOM_TAG_CHARS: usize = 32;
/// Tags of one room that are muted at the same time.
pub(super) const ROOM_TAG_MUTES: usize = 100;

/// Nobody who has the tag may write until then; [`super::FOR_EVER`] has no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMute {
    pub tag: String,
    pub until: Timestamp,
}

/// Decides which tags somebody who is in a room has from now on, each once. Order: disabled, in it, their number, each of them.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_tags(
    room: &Group,
    user: &str,
    is_member: bool,
    tags: &[String],
) -> Result<Vec<String>, GroupRefused> {
    room.enabled()?;
    if !is_member {
        return Err(GroupRefused::TargetNotMember {
            user: user.to_owned(),
            group: room.public_id.to_string(),
        });
    }
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        if kept.contains(tag) {
            continue;
        }
        if kept.len() == ROOM_TAGS {
            return Err(GroupRefused::TagsFull);
        }
        check_tag(tag)?;
        kept.push(tag.clone());
    }
    Ok(kept)
}

/// Decides to mute everybody who has a tag until a time, or no longer (`None`). Order: the app allows it, disabled, the tag,
/// somebody has it or it is muted, the number of muted tags. Mutes that are over go with it. `None`: it was not muted.
///
/// # Errors
/// The first [`GroupRefused`].
pub fn decide_tag_mute(
    settings: &Settings,
    room: &Group,
    tag: &str,
    is_in_use: bool,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<Option<Change>, GroupRefused> {
    if !settings.room_tag_mutes {
        return Err(GroupRefused::Off { feature: "Group tag mute" });
    }
    room.enabled()?;
    check_tag(tag)?;
    let was_muted = room.tag_mutes.iter().any(|mute| mute.tag == tag);
    if !was_muted && !is_in_use {
        return Err(GroupRefused::TagNotFound { tag: tag.to_owned() });
    }
    let mut next = room.touched(at);
    next.tag_mutes.retain(|mute| mute.until > at && mute.tag != tag);
    match until {
        None if !was_muted => return Ok(None),
        None => {}
        Some(_) if next.tag_mutes.len() >= ROOM_TAG_MUTES => return Err(GroupRefused::TagMutesFull),
        Some(until) => next.tag_mutes.push(TagMute { tag: tag.to_owned(), until }),
    }
    Ok(Some(Change::new(next)))
}

/// Somebody who is in a room and has tags, muted for as long as he himself or one of them is.
#[must_use]
pub fn tagged(room: &Group, member: Member, tags: &[String]) -> Member {
    let of_tags = room.tag_mutes.iter().filter(|mute| tags.contains(&mute.tag)).map(|mute| mute.until);
    Member { muted_until: of_tags.chain(member.muted_until).max(), ..member }
}

fn check_tag(tag: &str) -> Result<(), GroupRefused> {
    if tag.is_empty() {
        Err(GroupRefused::Invalid { name: "tag".to_owned() })
    } else if tag.chars().count() > ROOM_TAG_CHARS {
        Err(GroupRefused::TagTooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{NOW, group, member};
    use super::*;

    fn names(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn tags_are_set_for_who_is_there_and_counted_once() {
        let room = group();
        let set = |tags: &[&str]| decide_tags(&room, "li", true, &names(tags));
        assert_eq!(set(&["a", "b", "a"]), Ok(names(&["a", "b"])));
        assert_eq!(set(&[]), Ok(Vec::new()));
        let many: Vec<String> = (0..=ROOM_TAGS).map(|number| number.to_string()).collect();
        assert_eq!(decide_tags(&room, "li", true, &many), Err(GroupRefused::TagsFull));
        assert!(decide_tags(&room, "li", true, &many[1..]).is_ok());
        assert_eq!(set(&["a", &"é".repeat(33)]), Err(GroupRefused::TagTooLong));
        assert!(set(&[&"é".repeat(32)]).is_ok());
        assert!(matches!(set(&[""]), Err(GroupRefused::Invalid { .. })));
        let absent = decide_tags(&room, "li", false, &names(&["a"]));
        assert!(matches!(absent, Err(GroupRefused::TargetNotMember { .. })));
        let disabled = Group { disabled: true, ..group() };
        assert_eq!(decide_tags(&disabled, "li", true, &[]), Err(GroupRefused::Disabled));
    }

    #[test]
    fn who_has_a_muted_tag_is_muted_as_long_as_it_is() {
        let (settings, soon) = (Settings::default(), NOW.plus(Duration::from_secs(60)));
        let mute = |room: &Group, tag: &str, is_in_use, until| {
            decide_tag_mute(&settings, room, tag, is_in_use, until, NOW)
        };
        let muted = mute(&group(), "loud", true, Some(soon)).unwrap().unwrap().group;
        let of = |tags: &[&str]| tagged(&muted, member(2), &names(tags)).muted_until;
        assert_eq!((of(&["loud", "x"]), of(&["x"]), of(&[])), (Some(soon), None, None));
        let himself = Member { muted_until: Some(soon.plus(Duration::from_secs(1))), ..member(2) };
        assert_eq!(tagged(&muted, himself.clone(), &names(&["loud"])).muted_until, himself.muted_until);

        let lifted = mute(&muted, "loud", false, None).unwrap().unwrap().group;
        assert!(lifted.tag_mutes.is_empty());
        assert_eq!(mute(&lifted, "loud", true, None), Ok(None));
        assert!(matches!(mute(&lifted, "loud", false, Some(soon)), Err(GroupRefused::TagNotFound { .. })));
        assert_eq!(mute(&lifted, &"x".repeat(33), true, Some(soon)), Err(GroupRefused::TagTooLong));

        let over = TagMute { tag: "old".to_owned(), until: NOW };
        let room = Group { tag_mutes: vec![over; ROOM_TAG_MUTES], ..group() };
        assert_eq!(mute(&room, "loud", true, Some(soon)).unwrap().unwrap().group.tag_mutes.len(), 1);
        let lasting = TagMute { tag: "other".to_owned(), until: soon };
        let full = Group { tag_mutes: vec![lasting; ROOM_TAG_MUTES], ..group() };
        assert_eq!(mute(&full, "loud", true, Some(soon)), Err(GroupRefused::TagMutesFull));

        let off = Settings { room_tag_mutes: false, ..Settings::default() };
        let refused = decide_tag_mute(&off, &group(), "loud", true, Some(soon), NOW);
        assert!(matches!(refused, Err(GroupRefused::Off { .. })));
    }
}
