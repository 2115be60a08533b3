//! Groups: their life, their settings, who comes in (easemob-rest.md 3.12, msync.md 3.2). Their members and lists are
//! `group_members`'.
//!
//! The web SDK of one vendor says `version=v3`, the other's does not; where answers differ, both shapes are given.

use std::sync::Arc;

use app::{By, Error, GroupRef};
use conditions::{Condition, Operation};
use domain::group::{Answered, CreateGroup, Group, Member, Rank, UpdateGroup};
use easemob_wire::rest::{Envelope, GroupAnswer, GroupFields, GroupText, NamedUsers};
use model::{GroupId, GroupKind, Uid};
use serde_json::{Value, json};
use store::{Listing, StoredGroup};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::group_members::outcome_list;
use super::routes::routes;

routes! {
    POST "/chatgroups" Member Json GroupCreate => create;
    GET "/chatgroups" BackEnd Nothing GroupGet => list;
    GET "/publicchatgroups" Member Nothing GroupGet => list_public;
    GET "/users/{user}/joined_chatgroups" BackEndOrOwner Nothing GroupGet => list_joined;
    GET "/chatgroups/user/{user}" BackEndOrOwner Nothing GroupGet => list_joined_in_full;
    GET "/chatgroups/user/{user}/joined_count" BackEndOrOwner Nothing GroupGet => count_joined;
    GET "/chatgroups/{group}" Member Nothing GroupGet => get;
    PUT "/chatgroups/{group}" Member Json GroupUpdate => update;
    DELETE "/chatgroups/{group}" Member Nothing GroupDestroy => destroy;
    DELETE "/chatgroups/{group}/quit" Member Nothing GroupExit => quit;
    POST "/chatgroups/{group}/apply" Member Json GroupJoin => apply;
    POST "/chatgroups/{group}/apply_verify" Member Json GroupApplication => answer_application;
    POST "/chatgroups/{group}/invite" Member Json GroupInvite => invite;
    POST "/chatgroups/{group}/invite_verify" Member Json GroupApplication => answer_invitation;
    POST "/chatgroups/{group}/disable" BackEnd Nothing GroupDestroy => disable;
    POST "/chatgroups/{group}/enable" BackEnd Nothing GroupDestroy => enable;
    GET "/chatgroups/{group}/announcement" Member Nothing GroupGet => announcement;
    POST "/chatgroups/{group}/announcement" Member Json GroupAnnounce => announce;
    POST "/chatgroups/{group}/ban" Member Nothing Silence => mute_all;
    DELETE "/chatgroups/{group}/ban" Member Nothing SilenceRemove => unmute_all;
    POST "/chatgroups/{group}/shield" Member Nothing GroupShield => shield;
    DELETE "/chatgroups/{group}/shield" Member Nothing GroupShield => unshield;
}

/// Groups in a page when the caller does not say, and at most (easemob-rest.md 3.12).
const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 1_000;
/// Groups in a page of a user's groups in full (easemob-rest.md 3.12). The web SDK asks for up to 500.
const FULL_PAGE_DEFAULT: usize = 5;
const FULL_PAGE_MOST: usize = 500;
/// Groups that one call may read.
const GROUPS_READ: usize = 100;
/// Members that the details of all groups of one answer name; what goes beyond it is listed by pages.
const AFFILIATIONS: usize = 10_000;

/// `POST /chatgroups`
pub(crate) async fn create(call: Call) -> Result<Answer, Failure> {
    let fields = call.parse(GroupFields::parse)?;
    let by = call.by().await?;
    let name = fields.name.ok_or_else(|| missing("groupname"))?;
    let public = match fields.public {
        Some(public) => public,
        None if by.account.is_some() => false,
        None => return Err(missing("public").into()),
    };
    let owner = match (&by.account, fields.owner) {
        (_, Some(owner)) => owner,
        (Some(account), None) => account.user.name.to_string(),
        (None, None) => return Err(missing("owner").into()),
    };
    let command = CreateGroup {
        custom_id: fields.id,
        name,
        description: fields.description.unwrap_or_default(),
        avatar: fields.avatar.unwrap_or_default(),
        custom: fields.custom.unwrap_or_default(),
        public,
        members_only: fields.members_only.unwrap_or(false),
        allow_invites: fields.allow_invites.unwrap_or(false),
        invite_need_confirm: fields.invite_need_confirm.unwrap_or(true),
        max_users: fields.max_users,
    };
    let group = call.use_cases().create_group(&call.tenant, &by, &owner, &fields.members, &command).await?;
    Ok(data(&call, json!({ "groupid": group.public_id.as_str() })))
}

/// `GET /chatgroups?limit=&cursor=`: all groups, the youngest first.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let (groups, cursor) = page(&call, Listing::Groups).await?;
    let key = &call.tenant.value.key;
    let shown: Vec<Value> = groups
        .iter()
        .map(|stored| {
            let group = &stored.group;
            json!({
                "owner": format!("{key}_{}", group.owner.name),
                "groupid": group.public_id.as_str(),
                "affiliations": group.member_count,
                "type": "group",
                "lastModified": group.modified.0.to_string(),
                "groupname": group.name,
            })
        })
        .collect();
    Ok(Answer::new(&Envelope {
        count: Some(shown.len()),
        data: Some(shown.into()),
        cursor,
        params: call.query.params(),
        ..call.full()
    }))
}

/// `GET /publicchatgroups?limit=&cursor=`
pub(crate) async fn list_public(call: Call) -> Result<Answer, Failure> {
    let (groups, cursor) = page(&call, Listing::Public).await?;
    let shown: Vec<Value> = groups.iter().map(|stored| named(&call, &stored.group)).collect();
    Ok(Answer::new(&Envelope {
        count: Some(shown.len()),
        data: Some(shown.into()),
        cursor,
        params: call.query.params(),
        ..call.full()
    }))
}

async fn page(call: &Call, listing: Listing) -> Result<(Vec<Arc<StoredGroup>>, Option<String>), Error> {
    let app = call.tenant.value.id;
    let limit = call.query.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let before = match call.query.get("cursor") {
        Some(cursor) => Some(GroupId(cursor::parse(List::Groups, app, cursor)?)),
        None => None,
    };
    let page = call.use_cases().list_groups(&call.tenant, listing, before, limit).await?;
    Ok((page.groups, page.next.map(|next| cursor::write(List::Groups, app, next.0))))
}

/// `GET /users/{user}/joined_chatgroups?pagenum=&pagesize=`: pages from 1, or all.
pub(crate) async fn list_joined(call: Call) -> Result<Answer, Failure> {
    let (uid, groups) = joined(&call).await?;
    let size = call.query.number("pagesize", 1..=PAGE_MOST)?;
    let number = call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(1).max(1);
    let groups = match size {
        Some(size) => groups.into_iter().skip(size.saturating_mul(number - 1)).take(size).collect(),
        None => groups,
    };
    let show = |stored: &Arc<StoredGroup>| {
        let group = &stored.group;
        let mut shown = named(&call, group);
        if is_v3(&call) {
            shown["disabled"] = group.disabled.into();
            shown["permission"] = permission(group, uid).into();
        }
        shown
    };
    let shown: Vec<Value> = groups.iter().map(show).collect();
    Ok(Answer::new(&Envelope {
        other_entities: Some(Vec::new()),
        count: Some(shown.len()),
        data: Some(shown.into()),
        params: call.query.params(),
        ..call.full()
    }))
}

/// `GET /chatgroups/user/{user}?pagenum=&pagesize=`: pages from 0.
pub(crate) async fn list_joined_in_full(call: Call) -> Result<Answer, Failure> {
    let (uid, groups) = joined(&call).await?;
    let size = call.query.number("pagesize", 1..=FULL_PAGE_MOST)?.unwrap_or(FULL_PAGE_DEFAULT);
    let number = call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(0);
    let total = groups.len();
    let show = |stored: Arc<StoredGroup>| {
        let group = &stored.group;
        json!({
            "id": group.public_id.as_str(),
            "groupId": group.public_id.as_str(),
            "name": group.name,
            "avatar": group.avatar,
            "owner": group.owner.name.as_str(),
            "description": group.description,
            "disabled": group.disabled,
            "public": group.public,
            "allowinvites": group.allow_invites,
            "membersonly": group.members_only,
            "maxusers": group.max_users,
            "created": group.created.0,
            "affiliations_count": group.member_count,
            "permission": permission(group, uid),
        })
    };
    let shown: Vec<Value> =
        groups.into_iter().skip(size.saturating_mul(number)).take(size).map(show).collect();
    Ok(Answer::new(&Envelope {
        count: Some(shown.len()),
        other_entities: Some(shown),
        total: Some(total),
        params: call.query.params(),
        ..call.full()
    }))
}

/// `GET /chatgroups/user/{user}/joined_count`
pub(crate) async fn count_joined(call: Call) -> Result<Answer, Failure> {
    let (_, groups) = joined(&call).await?;
    Ok(data(&call, groups.len().into()))
}

/// All groups of the user whom the path names, in the order of their creation.
async fn joined(call: &Call) -> Result<(Uid, Vec<Arc<StoredGroup>>), Error> {
    let uid = call.use_cases().get_user(&call.tenant, call.user()).await?.user.uid;
    let (mut groups, mut after) = (Vec::new(), None);
    loop {
        let page = call.use_cases().joined_groups(&call.tenant, uid, after, PAGE_MOST).await?;
        groups.extend(page.groups);
        after = page.next;
        if after.is_none() {
            return Ok((uid, groups));
        }
    }
}

/// `GET /chatgroups/{ids}?joined_time=`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let ids = call.names.get("group");
    let shown = read_named(&call, ids, |id| id.into(), Condition::GroupNotFound, detail).await?;
    Ok(Answer::new(&Envelope {
        other_entities: Some(Vec::new()),
        count: Some(shown.len()),
        data: Some(shown.into()),
        ..call.full()
    }))
}

/// Groups or rooms whose ids stand in a path, separated by commas, each as `show` has it and with its members. Where
/// several are named, `absent` is said in the place of one that is not there.
pub(super) async fn read_named(
    call: &Call,
    ids: &str,
    place: for<'a> fn(&'a str) -> GroupRef<'a>,
    absent: Condition,
    show: fn(&By, &Group, Option<&Member>) -> Value,
) -> Result<Vec<Value>, Error> {
    let by = call.by().await?;
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > GROUPS_READ {
        let facts = vec![("limit", GROUPS_READ.to_string()), ("size", ids.len().to_string())];
        return Err(Error::refused(Condition::BatchTooLarge, facts));
    }
    let is_one = ids.len() == 1;
    let (mut shown, mut left) = (Vec::with_capacity(ids.len()), AFFILIATIONS);
    for id in ids {
        match call.use_cases().get_group(&call.tenant, &by, place(id)).await {
            Ok((stored, member)) => {
                let mut one = show(&by, &stored.group, member.as_ref());
                // Who is outside is not told who is in.
                if (by.account.is_none() || member.is_some()) && left > 0 {
                    let place = place(stored.group.public_id.as_str());
                    one["affiliations"] = affiliations(call, &by, place, &mut left).await?;
                }
                shown.push(one);
            }
            Err(error) if error.condition() == absent && !is_one => {
                shown.push(json!("group id doesn't exist"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(shown)
}

/// The members of a group or room. `left`: how many may still be named.
async fn affiliations(call: &Call, by: &By, place: GroupRef<'_>, left: &mut usize) -> Result<Value, Error> {
    let with_time = call.query.get("joined_time") == Some("true");
    let page = call.use_cases().group_members(&call.tenant, by, place, None, *left).await?;
    *left -= page.members.len().min(*left);
    let members = page.members.iter().map(|member| {
        let mut shown = super::group_members::affiliation(member, false);
        if with_time {
            shown["joined_time"] = member.since.0.into();
        }
        shown
    });
    Ok(members.collect())
}

fn detail(by: &By, group: &Group, member: Option<&Member>) -> Value {
    let mut shown = json!({
        "id": group.public_id.as_str(),
        "name": group.name,
        "avatar": group.avatar,
        "description": group.description,
        "membersonly": group.members_only,
        "allowinvites": group.allow_invites,
        "invite_need_confirm": group.invite_need_confirm,
        "maxusers": group.max_users,
        "owner": group.owner.name.as_str(),
        "created": group.created.0,
        "custom": group.custom,
        "mute": group.mute_all,
        "affiliations_count": group.member_count,
        "disabled": group.disabled,
        "public": group.public,
    });
    if let (Some(account), Some(member)) = (&by.account, member) {
        shown["shieldgroup"] = member.shielded.into();
        shown["permission"] = permission(group, account.user.uid).into();
    }
    shown
}

/// `PUT /chatgroups/{group}`: the settings, or the owner.
pub(crate) async fn update(call: Call) -> Result<Answer, Failure> {
    let fields = call.parse(GroupFields::parse)?;
    let by = call.by().await?;
    if let Some(field) = fields.others.first() {
        return Err(invalid(&domain::account::printable(field)).into());
    }
    if let Some(new_owner) = &fields.new_owner {
        call.use_cases().transfer_group(&call.tenant, &by, call.group(), new_owner).await?;
        return Ok(data(&call, json!({ "newowner": true })));
    }
    let command = UpdateGroup {
        name: fields.name,
        description: fields.description,
        avatar: fields.avatar,
        custom: fields.custom,
        public: fields.public,
        members_only: fields.members_only,
        allow_invites: fields.allow_invites,
        invite_need_confirm: fields.invite_need_confirm,
        max_users: fields.max_users,
    };
    let fields = call.use_cases().update_group(&call.tenant, &by, call.group(), &command).await?;
    Ok(data(&call, fields.into_iter().map(|field| (field.to_owned(), Value::Bool(true))).collect()))
}

/// `DELETE /chatgroups/{group}`
pub(crate) async fn destroy(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().destroy_group(&call.tenant, &by, call.group()).await?;
    // Back ends read `groupid`; the web SDKs' types promise `id`.
    Ok(data(&call, json!({ "success": true, "groupid": call.group(), "id": call.group() })))
}

/// `DELETE /chatgroups/{group}/quit`
pub(crate) async fn quit(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().leave_group(&call.tenant, &by, call.group()).await?;
    let user = by.account.map(|account| account.user.name.to_string());
    let group = call.group();
    Ok(data(&call, json!({ "result": true, "action": "remove_member", "user": user, "groupid": group })))
}

/// `POST /chatgroups/{group}/apply`: joins, or asks where that is needed.
pub(crate) async fn apply(call: Call) -> Result<Answer, Failure> {
    let message = call.parse(GroupAnswer::parse)?.message.unwrap_or_default();
    let by = call.by().await?;
    call.use_cases().join_group(&call.tenant, &by, call.group(), &message).await?;
    let user = by.account.map(|account| account.user.name.to_string());
    Ok(data(&call, json!({ "result": true, "action": "apply", "user": user, "id": call.group() })))
}

/// `POST /chatgroups/{group}/apply_verify`
pub(crate) async fn answer_application(call: Call) -> Result<Answer, Failure> {
    let body = call.parse(GroupAnswer::parse)?;
    let by = call.by().await?;
    let applicant = body.applicant.ok_or_else(|| missing("applicant"))?;
    let reason = body.reason.unwrap_or_default();
    let answer = Answered { accepts: body.accepts, reason: &reason };
    let use_cases = call.use_cases();
    use_cases.answer_application(&call.tenant, &by, call.group(), &applicant, answer).await?;
    let group = call.group();
    Ok(data(&call, json!({ "result": true, "action": "apply_verify", "user": applicant, "id": group })))
}

/// `POST /chatgroups/{group}/invite`
pub(crate) async fn invite(call: Call) -> Result<Answer, Failure> {
    let NamedUsers { usernames, reason } = call.parse(NamedUsers::parse)?;
    let by = call.by().await?;
    let (use_cases, reason) = (call.use_cases(), reason.unwrap_or_default());
    let outcomes = use_cases.invite_members(&call.tenant, &by, call.group(), &usernames, &reason).await?;
    let row = |user: &str| json!({ "action": "invite", "id": call.group(), "user": user });
    let rows = outcome_list(outcomes, Operation::GroupInvite, row)?;
    Ok(data(&call, rows.into()))
}

/// `POST /chatgroups/{group}/invite_verify`: the invited user answers for himself.
pub(crate) async fn answer_invitation(call: Call) -> Result<Answer, Failure> {
    let body = call.parse(GroupAnswer::parse)?;
    let by = call.by().await?;
    if body.invitee.is_some_and(|invitee| !call.is_about_caller(&invitee)) {
        return Err(Error::plain(Condition::GroupPermissionDenied).into());
    }
    let reason = body.reason.unwrap_or_default();
    let answer = Answered { accepts: body.accepts, reason: &reason };
    call.use_cases().answer_invitation(&call.tenant, &by, call.group(), answer).await?;
    let user = by.account.map(|account| account.user.name.to_string());
    Ok(data(&call, json!({ "result": true, "action": "invite_verify", "user": user, "id": call.group() })))
}

/// `POST /chatgroups/{group}/disable`
pub(crate) async fn disable(call: Call) -> Result<Answer, Failure> {
    call.use_cases().disable_group(&call.tenant, call.group(), true).await?;
    Ok(data(&call, json!({ "disabled": true })))
}

/// `POST /chatgroups/{group}/enable`
pub(crate) async fn enable(call: Call) -> Result<Answer, Failure> {
    call.use_cases().disable_group(&call.tenant, call.group(), false).await?;
    Ok(data(&call, json!({ "disabled": false })))
}

/// `GET /chatgroups/{group}/announcement`
pub(crate) async fn announcement(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let found = call.use_cases().look_into_group(&call.tenant, &by, call.place(), Rank::Member).await?;
    Ok(data(&call, json!({ "announcement": found.group.announcement })))
}

/// `POST /chatgroups/{group}/announcement`
pub(crate) async fn announce(call: Call) -> Result<Answer, Failure> {
    let text = call.parse(GroupText::parse)?.announcement.ok_or_else(|| missing("announcement"))?;
    let by = call.by().await?;
    call.use_cases().announce(&call.tenant, &by, call.place(), &text).await?;
    Ok(data(&call, json!({ "id": call.group(), "result": true })))
}

/// `POST /chatgroups/{group}/ban`
pub(crate) async fn mute_all(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().mute_group(&call.tenant, &by, call.place(), true).await?;
    let envelope = match call.place().kind {
        // The vendor's own word for rooms.
        GroupKind::Room => Envelope { action: "put".to_owned(), ..call.full() },
        _ => call.full(),
    };
    let shown = Some(json!({ "mute": true }));
    Ok(Answer::new(&Envelope { other_entities: Some(Vec::new()), data: shown, ..envelope }))
}

/// `DELETE /chatgroups/{group}/ban`
pub(crate) async fn unmute_all(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().mute_group(&call.tenant, &by, call.place(), false).await?;
    Ok(data(&call, json!({ "mute": false })))
}

/// `POST /chatgroups/{group}/shield`
pub(crate) async fn shield(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().shield_group(&call.tenant, &by, call.group(), true).await?;
    Ok(data(&call, json!({ "result": true })))
}

/// `DELETE /chatgroups/{group}/shield`
pub(crate) async fn unshield(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().shield_group(&call.tenant, &by, call.group(), false).await?;
    Ok(data(&call, json!({ "result": true })))
}

/// A group's id and name as the caller's SDK reads them.
fn named(call: &Call, group: &Group) -> Value {
    let (id, name) = (group.public_id.as_str(), group.name.as_str());
    if is_v3(call) { json!({ "id": id, "name": name }) } else { json!({ "groupid": id, "groupname": name }) }
}

/// What a member of a group is in it.
fn permission(group: &Group, uid: Uid) -> &'static str {
    match group.rank(uid, true) {
        Rank::Owner => "owner",
        Rank::Admin => "admin",
        Rank::Stranger | Rank::Member | Rank::BackEnd => "member",
    }
}

pub(super) fn is_v3(call: &Call) -> bool {
    call.query.get("version") == Some("v3")
}

/// An answer with `data` and nothing else of its own.
pub(super) fn data(call: &Call, data: Value) -> Answer {
    Answer::new(&Envelope { other_entities: Some(Vec::new()), data: Some(data), ..call.full() })
}

impl Call {
    /// The id of the group or room that the path names, as written.
    pub(super) fn group(&self) -> &str {
        self.place().id
    }

    /// The group or room that the path names.
    pub(super) fn place(&self) -> GroupRef<'_> {
        match self.names.get("room") {
            "" => self.names.get("group").into(),
            room => GroupRef::room(room),
        }
    }

    /// Who asks, as groups see it.
    ///
    /// # Errors
    /// Those of [`Call::acting`]; faults.
    pub(super) async fn by(&self) -> Result<By, Error> {
        let account = self.acting()?.cloned();
        Ok(By { account, device: self.acting_device().await? })
    }
}
