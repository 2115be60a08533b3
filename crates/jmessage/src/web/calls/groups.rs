//! Groups: their life, members, roles, and what a user does not want to hear of them.

use std::collections::HashMap;
use std::sync::Arc;

use app::By;
use conditions::Condition;
use domain::group::{Answered, CreateGroup, FOR_EVER, Group, Rank, UpdateGroup};
use jmessage_wire::rules::{GROUP_MEMBERS, NAME_BYTES, TEXT_BYTES};
use model::GroupId;
use serde_json::{Value, json};
use store::{Listing, StoredGroup};

use super::super::event::Object;
use super::super::failure::Failure;
use super::super::render::number_of;
use super::{Asked, Done, object, users};

/// Groups read at a time.
const READ_AT_ONCE: usize = 500;
/// Groups of a page of public ones.
const PUBLIC_PAGE: usize = 50;

/// A group as lists show it. Without `flag` the SDK fails.
pub(super) fn shown(asked: Asked<'_>, group: &Group) -> Value {
    json!({
        "gid": number_of(group.public_id.as_str()),
        "name": group.name,
        "desc": group.description,
        "avatar": group.avatar,
        "appkey": asked.caller.member.face.as_str(),
        "ctime": group.created.0 / 1000,
        "mtime": group.modified.0 / 1000,
        "max_member_count": group.max_users,
        "flag": if group.public { 2 } else { 1 },
    })
}

pub(crate) async fn create(asked: Asked<'_>) -> Done {
    let name = asked.given("group_name")?.unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::plain(Condition::GroupFieldsInvalid));
    }
    let description = asked.given("group_description")?.unwrap_or_default();
    check_lengths(Some(name), Some(description))?;
    let public = asked.is_on("is_limit");
    let command = CreateGroup {
        custom_id: None,
        name: name.to_owned(),
        description: description.to_owned(),
        avatar: asked.given("media_id")?.unwrap_or_default().to_owned(),
        custom: String::new(),
        public,
        members_only: public,
        allow_invites: true,
        invite_need_confirm: false,
        max_users: Some(GROUP_MEMBERS),
    };
    let by = asked.by().await?;
    let group = asked.use_cases().create_group(asked.caller.tenant, &by, asked.name(), &[], &command).await?;
    Ok(object([
        ("gid", number_of(group.public_id.as_str()).into()),
        ("group_name", group.name.as_str().into()),
        ("group_description", group.description.as_str().into()),
        // As the vendor's server spells it.
        ("group_descriptin", group.description.as_str().into()),
    ]))
}

/// This vendor's names and descriptions are shorter than what groups hold.
fn check_lengths(name: Option<&str>, description: Option<&str>) -> Result<(), Failure> {
    if name.is_some_and(|name| name.len() > NAME_BYTES) {
        return Err(Failure::plain(Condition::GroupNameTooLong));
    }
    if description.is_some_and(|description| description.len() > TEXT_BYTES) {
        return Err(Failure::plain(Condition::GroupDescriptionTooLong));
    }
    Ok(())
}

pub(crate) async fn exit(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let found = asked.use_cases().find_any_group(asked.caller.tenant, &gid).await?;
    asked.use_cases().leave_or_hand_on(asked.caller.tenant, &by, &gid).await?;
    let name = found.map_or_else(String::new, |found| found.group.name.clone());
    Ok(object([("gid", number_of(&gid).into()), ("group_name", name.into())]))
}

pub(super) async fn joined(asked: Asked<'_>) -> Result<Vec<Arc<StoredGroup>>, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let uid = asked.caller.member.uid;
        let page = asked.use_cases().joined_groups(asked.caller.tenant, uid, after, READ_AT_ONCE).await?;
        all.extend(page.groups);
        if page.next.is_none() {
            return Ok(all);
        }
        after = page.next;
    }
}

pub(crate) async fn list(asked: Asked<'_>) -> Done {
    let groups: Vec<Value> = joined(asked).await?.iter().map(|stored| shown(asked, &stored.group)).collect();
    Ok(object([("group_list", groups.into())]))
}

pub(crate) async fn info(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let (stored, _) = asked.use_cases().get_group(asked.caller.tenant, &by, &gid).await?;
    Ok(object([("group_info", shown(asked, &stored.group))]))
}

pub(crate) async fn update(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    check_lengths(asked.given("group_name")?, asked.given("group_description")?)?;
    let given = |key| Ok::<_, Failure>(asked.given(key)?.map(str::to_owned));
    let command = UpdateGroup {
        name: given("group_name")?.filter(|name| !name.is_empty()),
        description: given("group_description")?,
        avatar: given("media_id")?,
        ..UpdateGroup::default()
    };
    asked.use_cases().update_group(asked.caller.tenant, &by, &gid, &command).await?;
    Ok(Object::new())
}

pub(crate) async fn members(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    let limit = model::limits::GROUP_MEMBERS as usize;
    let members = use_cases.group_members(tenant, &by, &gid, None, limit).await?.members;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let accounts = asked.accounts(&names).await?;
    let mut list = users::shown(asked, &accounts).await?;
    let now = use_cases.now();
    let by_name: HashMap<&str, _> = members.iter().map(|member| (member.name.as_str(), member)).collect();
    for (one, account) in list.iter_mut().zip(&accounts) {
        let Some(member) = by_name.get(account.user.name.as_str()) else { continue };
        one["flag"] = match member.rank {
            Rank::Owner => 1,
            Rank::Admin => 2,
            _ => 0,
        }
        .into();
        let is_muted = member.muted_until.is_some_and(|until| now < until);
        one["keep_silence"] = is_muted.into();
        // In this list, and only here, the SDK takes milliseconds.
        one["mtime"] = account.user.modified.0.into();
    }
    Ok(object([("member_list", list.into())]))
}

pub(crate) async fn add_members(asked: Asked<'_>) -> Done {
    let (gid, names, by) = (asked.group("gid")?, asked.users("member_usernames")?, asked.by().await?);
    asked.use_cases().add_members_of_choice(asked.caller.tenant, &by, &gid, &names).await?;
    Ok(Object::new())
}

pub(crate) async fn remove_members(asked: Asked<'_>) -> Done {
    let (gid, names, by) = (asked.group("gid")?, asked.users("member_usernames")?, asked.by().await?);
    asked.use_cases().remove_listed_members(asked.caller.tenant, &by, &gid, &names).await?;
    Ok(Object::new())
}

/// Some may have been done when one is refused, as with the vendor.
fn all_done(outcomes: Vec<app::Outcome>) -> Done {
    for (_, outcome) in outcomes {
        outcome?;
    }
    Ok(Object::new())
}

pub(crate) async fn join(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let reason = asked.given("reason")?.unwrap_or_default();
    asked.use_cases().apply_to_group(asked.caller.tenant, &by, &gid, reason).await?;
    Ok(Object::new())
}

/// An owner or admin answers an application. `result`: 0 is yes.
pub(crate) async fn answer_application(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let applicant = asked.user("target_username", "target_appkey")?;
    asked.is_own_app(asked.given("from_appkey")?.unwrap_or_default())?;
    let accepts = asked.number("result")? == 0;
    let answer = Answered { accepts, reason: asked.given("reason")?.unwrap_or_default() };
    asked.use_cases().answer_application(asked.caller.tenant, &by, &gid, applicant, answer).await?;
    Ok(Object::new())
}

pub(crate) async fn silence(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let names = [asked.user("target_username", "target_appkey")?.to_owned()];
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    all_done(if asked.is_on("keep_silence") {
        use_cases.mute_members(tenant, &by, &gid, &names, FOR_EVER).await?
    } else {
        use_cases.unmute_members(tenant, &by, &gid, &names).await?
    })
}

pub(crate) async fn add_keepers(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    for name in asked.users("member_usernames")? {
        asked.use_cases().add_group_admin(asked.caller.tenant, &by, &gid, &name).await?;
    }
    Ok(Object::new())
}

pub(crate) async fn remove_keepers(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    for name in asked.users("member_usernames")? {
        asked.use_cases().remove_group_admin(asked.caller.tenant, &by, &gid, &name).await?;
    }
    Ok(Object::new())
}

pub(crate) async fn hand_over(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    let owner = asked.user("target_username", "target_appkey")?;
    asked.use_cases().transfer_group(asked.caller.tenant, &by, &gid, owner).await?;
    Ok(Object::new())
}

pub(crate) async fn dissolve(asked: Asked<'_>) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    asked.use_cases().destroy_group(asked.caller.tenant, &by, &gid).await?;
    Ok(Object::new())
}

pub(crate) async fn list_public(asked: Asked<'_>) -> Done {
    asked.is_own_app(asked.given("appkey")?.unwrap_or_default())?;
    let groups = listed(asked, Listing::Public).await?;
    page(asked, "groups", groups.iter().map(|stored| shown(asked, &stored.group)).collect())
}

/// Groups or rooms of the app, the youngest first, as many as a list by places looks at.
async fn listed(asked: Asked<'_>, listing: Listing) -> Result<Vec<Arc<StoredGroup>>, Failure> {
    let (mut all, mut before): (Vec<_>, Option<GroupId>) = (Vec::new(), None);
    while all.len() < 10 * READ_AT_ONCE {
        let page = asked.use_cases().list_groups(asked.caller.tenant, listing, before, READ_AT_ONCE).await?;
        all.extend(page.groups);
        if page.next.is_none() {
            break;
        }
        before = page.next;
    }
    Ok(all)
}

/// A page of a list by places.
pub(super) fn page(asked: Asked<'_>, key: &str, all: Vec<Value>) -> Done {
    // The SDK lets pages leave it out.
    let start = match asked.data.get("start") {
        None | Some(Value::Null) => 0,
        Some(_) => usize::try_from(asked.number("start")?).unwrap_or(usize::MAX),
    };
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(start).take(PUBLIC_PAGE).collect();
    let result = json!({ "total": total, "start": start, "count": page.len(), key: page });
    Ok(object([("result", result)]))
}

pub(crate) async fn shield(asked: Asked<'_>) -> Done {
    set_shield(asked, true).await
}

pub(crate) async fn unshield(asked: Asked<'_>) -> Done {
    set_shield(asked, false).await
}

async fn set_shield(asked: Asked<'_>, shielded: bool) -> Done {
    let (gid, by) = (asked.group("gid")?, asked.by().await?);
    asked.use_cases().shield_group_anew(asked.caller.tenant, &by, &gid, shielded).await?;
    Ok(Object::new())
}

pub(crate) async fn list_shielded(asked: Asked<'_>) -> Done {
    let by: By = asked.by().await?;
    let mut groups = Vec::new();
    for stored in joined(asked).await? {
        let id = stored.group.public_id.as_str();
        let (stored, member) = asked.use_cases().get_group(asked.caller.tenant, &by, id).await?;
        if member.is_some_and(|member| member.shielded) {
            groups.push(shown(asked, &stored.group));
        }
    }
    Ok(object([("groups", groups.into())]))
}
