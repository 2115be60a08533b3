//! Groups: create, read, change, dissolve, members, silence, owner (jmessage.md 1.3).

use std::sync::Arc;

use app::{By, Error};
use conditions::Condition;
use domain::group::{CreateGroup, FOR_EVER, Group, GroupRefused, Rank, UpdateGroup};
use jmessage_wire::rules::GROUP_MEMBERS;
use model::{Uid, limits};
use serde_json::{Map, Value, json};
use store::{Account, Listing, StoredGroup};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::china_time;
use super::failure::Failure;
use super::fields::{Fields, SHORT_BYTES, TEXT_BYTES, some_names, within};
use super::profile;
use super::relations::NAMED;
use super::routes::routes;

routes! {
    POST "/v1/groups" Json GroupCreate => create;
    GET "/v1/groups" Nothing GroupGet => list;
    PUT "/v1/groups/owner/{group}" Json GroupUpdate => transfer;
    PUT "/v1/groups/messages/{group}/silence" Json MemberRemove => silence;
    GET "/v1/groups/{group}" Nothing GroupGet => get;
    PUT "/v1/groups/{group}" Json GroupUpdate => update;
    DELETE "/v1/groups/{group}" Nothing GroupDestroy => dissolve;
    GET "/v1/groups/{group}/members" Nothing GroupGet => members;
    POST "/v1/groups/{group}/members" Json MemberAdd => change_members;
    POST "/v2/groups/{group}/addMembers" Json MemberAdd => add;
    POST "/v2/groups/{group}/delMembers" Json MemberRemove => remove;
    GET "/v1/users/{user}/groups" Nothing UserGet => joined;
}

/// Groups in a page.
const PAGE: usize = 500;
/// Rows read at a time on the way through a list.
const READ_AT_ONCE: usize = 1_000;
/// The kinds of groups.
const PRIVATE: u64 = 1;
const PUBLIC: u64 = 2;

/// `POST /v1/groups`
async fn create(call: Call) -> Result<Answer, Failure> {
    let fields = Fields::of(&call.body)?;
    let owner = fields.needed("owner_username")?;
    let name = fields.line("name")?.filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?;
    let members = fields.names("members_username", NAMED)?.unwrap_or_default();
    let flag = match fields.get("flag") {
        None => PRIVATE,
        Some(flag) => {
            let flag = flag.as_u64().ok_or_else(|| invalid("flag"))?;
            // The vendor's groups have 0 for private too.
            Some(flag.max(PRIVATE)).filter(|flag| *flag <= PUBLIC).ok_or_else(|| invalid("flag"))?
        }
    };
    let command = CreateGroup {
        custom_id: None,
        name: name.to_owned(),
        description: fields.bounded("desc", TEXT_BYTES)?.unwrap_or_default().to_owned(),
        avatar: fields.bounded("avatar", TEXT_BYTES)?.unwrap_or_default().to_owned(),
        custom: String::new(),
        public: flag == PUBLIC,
        members_only: true,
        // Of a private group every member brings in others.
        allow_invites: flag == PRIVATE,
        invite_need_confirm: false,
        max_users: Some(GROUP_MEMBERS),
    };
    let by = By::back_end();
    let group = call.use_cases().create_group(&call.tenant, &by, owner, &members, &command).await?;
    let mut names = vec![group.owner.name.to_string()];
    for name in &members {
        let name = call.use_cases().get_user(&call.tenant, name).await?.user.name.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Answer::Created(json!({
        "gid": group.id.0,
        "owner_username": group.owner.name.as_str(),
        "name": group.name,
        "members_username": names,
        "desc": group.description,
        "MaxMemberCount": group.max_users,
    })))
}

/// A group as the API shows it.
pub(super) fn shown(call: &Call, group: &Group) -> Value {
    let mut shown = json!({
        "gid": number(group),
        "name": group.name,
        "desc": group.description,
        "appkey": call.app_key(),
        "MaxMemberCount": group.max_users,
        "flag": if group.public { PUBLIC } else { PRIVATE },
        "mtime": china_time::format(group.modified),
        "ctime": china_time::format(group.created),
    });
    if !group.avatar.is_empty() {
        shown["avatar"] = group.avatar.as_str().into();
    }
    shown
}

/// The number that clients of this dialect know a group by. One with an id of the app's own choice has its inner one.
pub(super) fn number(group: &Group) -> u64 {
    group.public_id.as_str().parse().unwrap_or(group.id.0)
}

/// `GET /v1/groups`, the youngest first.
async fn list(call: Call) -> Result<Answer, Failure> {
    let (start, count) = call.query.page(PAGE)?;
    let (mut total, mut page, mut before) = (0, Vec::new(), None);
    loop {
        let read = call.use_cases().list_groups(&call.tenant, Listing::Groups, before, READ_AT_ONCE).await?;
        for stored in &read.groups {
            if (start..start.saturating_add(count)).contains(&total) {
                page.push(shown(&call, &stored.group));
            }
            total += 1;
        }
        before = read.next;
        if before.is_none() {
            break;
        }
    }
    Ok(Answer::Found(json!({ "total": total, "start": start, "count": page.len(), "groups": page })))
}

/// The id in the path: a number.
pub(super) fn group_id(call: &Call) -> Result<&str, Error> {
    let id = call.name("group");
    if id.parse::<u64>().is_ok() { Ok(id) } else { Err(invalid("gid")) }
}

/// Ids of groups in a body, which clients write as numbers or as texts.
pub(super) fn group_ids(fields: Fields<'_>, name: &str) -> Result<Vec<String>, Error> {
    let Some(value) = fields.get(name) else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(|| invalid(name))?;
    within(list.len(), NAMED)?;
    let id = |item: &Value| match item {
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        Value::String(text) => text.parse::<u64>().ok().map(|number| number.to_string()),
        _ => None,
    };
    list.iter().map(|item| id(item).ok_or_else(|| invalid(name))).collect()
}

async fn stored(call: &Call) -> Result<Arc<StoredGroup>, Error> {
    let (group, _) = call.use_cases().get_group(&call.tenant, &By::back_end(), group_id(call)?).await?;
    Ok(group)
}

/// `GET /v1/groups/{group}`
async fn get(call: Call) -> Result<Answer, Failure> {
    let stored = stored(&call).await?;
    Ok(Answer::Found(shown(&call, &stored.group)))
}

/// `PUT /v1/groups/{group}`
async fn update(call: Call) -> Result<Answer, Failure> {
    let group = group_id(&call)?;
    let fields = Fields::of(&call.body)?;
    let text = |name, bytes| Ok::<_, Error>(fields.bounded(name, bytes)?.map(str::to_owned));
    if fields.line("name")?.is_some_and(str::is_empty) {
        return Err(invalid("name").into());
    }
    let command = UpdateGroup {
        name: text("name", SHORT_BYTES)?,
        description: text("desc", TEXT_BYTES)?,
        avatar: text("avatar", TEXT_BYTES)?,
        ..UpdateGroup::default()
    };
    if command == UpdateGroup::default() {
        return Err(missing("body").into());
    }
    call.use_cases().update_group(&call.tenant, &By::back_end(), group, &command).await?;
    Ok(Answer::Done)
}

/// `DELETE /v1/groups/{group}`
async fn dissolve(call: Call) -> Result<Answer, Failure> {
    call.use_cases().destroy_group(&call.tenant, &By::back_end(), group_id(&call)?).await?;
    Ok(Answer::Done)
}

/// `GET /v1/groups/{group}/members`
async fn members(call: Call) -> Result<Answer, Failure> {
    let shown = shown_members(&call).await?;
    Ok(Answer::Found(shown.into_iter().map(Value::Object).collect()))
}

/// The members of the group that the path names, the owner marked.
pub(super) async fn shown_members(call: &Call) -> Result<Vec<Map<String, Value>>, Failure> {
    let group = group_id(call)?;
    let (mut accounts, mut ranks, mut after): (Vec<Arc<Account>>, Vec<Rank>, Option<Uid>) =
        (Vec::new(), Vec::new(), None);
    loop {
        let by = By::back_end();
        let page = call.use_cases().group_members(&call.tenant, &by, group, after, READ_AT_ONCE).await?;
        for member in page.members {
            if let Some(account) = call.use_cases().find_user(&call.tenant, &member.name).await? {
                accounts.push(account);
                ranks.push(member.rank);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut shown = profile::shown(call.use_cases(), &call.tenant, &accounts).await?;
    for (member, rank) in shown.iter_mut().zip(ranks) {
        member.insert("flag".to_owned(), u8::from(rank == Rank::Owner).into());
    }
    Ok(shown)
}

/// `POST /v1/groups/{group}/members`: adds first; what was added stays when the other half is refused.
async fn change_members(call: Call) -> Result<Answer, Failure> {
    let group = group_id(&call)?.to_owned();
    let fields = Fields::of(&call.body)?;
    let (added, removed) = (fields.names("add", NAMED)?, fields.names("remove", NAMED)?);
    change(&call, &group, added.unwrap_or_default(), removed.unwrap_or_default()).await
}

pub(super) async fn change(
    call: &Call,
    group: &str,
    added: Vec<String>,
    removed: Vec<String>,
) -> Result<Answer, Failure> {
    if added.is_empty() && removed.is_empty() {
        return Err(missing("add").into());
    }
    let by = By::back_end();
    if !added.is_empty() {
        call.use_cases().add_new_members(&call.tenant, &by, group, &added).await?;
    }
    if !removed.is_empty() {
        call.use_cases().remove_listed_members(&call.tenant, &by, group, &removed).await?;
    }
    Ok(Answer::Done)
}

/// `POST /v2/groups/{group}/addMembers`
async fn add(call: Call) -> Result<Answer, Failure> {
    let group = group_id(&call)?.to_owned();
    change(&call, &group, some_names(&call.body, NAMED)?, Vec::new()).await
}

/// `POST /v2/groups/{group}/delMembers`
async fn remove(call: Call) -> Result<Answer, Failure> {
    let group = group_id(&call)?.to_owned();
    change(&call, &group, Vec::new(), some_names(&call.body, NAMED)?).await
}

/// `PUT /v1/groups/messages/{group}/silence?status=`
async fn silence(call: Call) -> Result<Answer, Failure> {
    let (group, silent) = (group_id(&call)?, call.query.flag("status")?);
    let names = some_names(&call.body, NAMED)?;
    let by = By::back_end();
    stored(&call).await?;
    for name in &names {
        call.use_cases().get_user(&call.tenant, name).await?;
        if call.use_cases().find_member(&call.tenant, &by, group, name).await?.is_none() {
            let (user, group) = (domain::account::printable(name), group.to_owned());
            return Err(Error::from(GroupRefused::TargetNotMember { user, group }).into());
        }
    }
    for part in names.chunks(limits::MEMBERS_BATCH) {
        let use_cases = call.use_cases();
        let outcomes = match silent {
            true => use_cases.mute_members(&call.tenant, &by, group, part, FOR_EVER).await?,
            false => use_cases.unmute_members(&call.tenant, &by, group, part).await?,
        };
        for (_, outcome) in outcomes {
            outcome?;
        }
    }
    Ok(Answer::Done)
}

/// `PUT /v1/groups/owner/{group}`
async fn transfer(call: Call) -> Result<Answer, Failure> {
    let group = group_id(&call)?;
    let fields = Fields::of(&call.body)?;
    let name = fields.needed("username")?;
    if fields.text("appkey")?.is_some_and(|key| !key.eq_ignore_ascii_case(call.app_key())) {
        return Err(Failure::plain(Condition::AppMismatch));
    }
    stored(&call).await?;
    call.use_cases().get_user(&call.tenant, name).await?;
    call.use_cases().transfer_group(&call.tenant, &By::back_end(), group, name).await?;
    Ok(Answer::Done)
}

/// `GET /v1/users/{user}/groups`
async fn joined(call: Call) -> Result<Answer, Failure> {
    let groups = joined_groups(&call).await?;
    Ok(Answer::Found(groups.iter().map(|stored| shown(&call, &stored.group)).collect()))
}

/// The groups that the user of the path is in.
pub(super) async fn joined_groups(call: &Call) -> Result<Vec<Arc<StoredGroup>>, Error> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let (mut groups, mut after) = (Vec::new(), None);
    loop {
        let uid = account.user.uid;
        let page = call.use_cases().joined_groups(&call.tenant, uid, after, READ_AT_ONCE).await?;
        groups.extend(page.groups);
        after = page.next;
        if after.is_none() {
            return Ok(groups);
        }
    }
}
