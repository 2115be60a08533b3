//! The members of groups and what is done to them: lists, roles, mutes, block and allow lists, attributes, receipts
//! (easemob-rest.md 3.12, msync.md 3.2).

use std::time::Duration;

use app::{Error, Outcome, Ranked};
use conditions::{Condition, Operation, rest_answer};
use domain::group::{Attributes, FOR_EVER, Rank};
use easemob_wire::rest::{AttributeBatch, Envelope, GroupMute, GroupText, MemberAttributes, NamedUsers};
use model::{GroupKind, MessageId, Timestamp, Uid, limits};
use serde_json::{Map, Value, json};

use super::NO_END;
use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::groups::{data, is_v3};
use super::routes::routes;

routes! {
    GET "/chatgroups/{group}/users" Member Nothing MemberList => list;
    POST "/chatgroups/{group}/users" Member Json MemberAdd => add;
    POST "/chatgroups/{group}/users/{member}" Member Nothing MemberAdd => add_one;
    DELETE "/chatgroups/{group}/users/{member}" Member Nothing MemberRemove => remove;
    // The vendor's documents disagree about the method.
    GET "/chatgroups/{group}/user/{member}/is_joined" Member Nothing GroupGet => is_joined;
    POST "/chatgroups/{group}/user/{member}/is_joined" Member Nothing GroupGet => is_joined;
    GET "/chatgroups/{group}/admin" Member Nothing GroupGet => admins;
    POST "/chatgroups/{group}/admin" Member Json GroupAdmin => add_admin;
    DELETE "/chatgroups/{group}/admin/{member}" Member Nothing GroupAdmin => remove_admin;
    GET "/chatgroups/{group}/mute" Member Nothing GroupGet => muted;
    POST "/chatgroups/{group}/mute" Member Json Silence => mute;
    DELETE "/chatgroups/{group}/mute/{member}" Member Nothing SilenceRemove => unmute;
    GET "/sdk/chatgroups/{group}/mute/{member}" Member Nothing GroupGet => is_muted;
    GET "/chatgroups/{group}/blocks/users" Member Nothing GroupGet => blocked;
    POST "/chatgroups/{group}/blocks/users" Member Json GroupBlockAdd => block;
    POST "/chatgroups/{group}/blocks/users/{member}" Member Nothing GroupBlockAdd => block_one;
    DELETE "/chatgroups/{group}/blocks/users/{member}" Member Nothing GroupBlockRemove => unblock;
    GET "/chatgroups/{group}/white/users" Member Nothing GroupGet => allowed;
    GET "/chatgroups/{group}/white/users/{member}" Member Nothing GroupGet => is_allowed;
    POST "/chatgroups/{group}/white/users" Member Json AllowListAdd => allow;
    POST "/chatgroups/{group}/white/users/{member}" Member Nothing AllowListAdd => allow_one;
    DELETE "/chatgroups/{group}/white/users/{member}" Member Nothing AllowListRemove => disallow;
    GET "/chatgroups/{group}/acks/{message}" Member Nothing GroupGet => readers;
    PUT "/metadata/chatgroup/{group}/user/{member}" Member Json MemberAttributes => set_attributes;
    PUT "/sdk/metadata/chatgroup/{group}/user/{member}" Member Json MemberAttributes => set_attributes;
    GET "/metadata/chatgroup/{group}/user/{member}" Member Nothing MemberAttributes => attributes;
    PUT "/metadata/chatgroup/{group}/users/batch" BackEnd Json MemberAttributes => set_attributes_of_many;
    POST "/metadata/chatgroup/{group}/get" Member Json MemberAttributes => attributes_of_many;
    POST "/sdk/metadata/chatgroup/{group}/get" Member Json MemberAttributes => attributes_of_many;
}

/// Members in a page when the caller does not say, and at most (easemob-rest.md 3.12).
const PAGE_MOST: usize = 1_000;
/// Readers of a message in a page (msync.md 3.2).
const READERS_PAGE: usize = 500;
/// Members whose attributes one call reads, or writes (easemob-rest.md 3.12). The web SDK reads up to 10.
const ATTRIBUTES_READ: usize = 10;
const ATTRIBUTES_WRITTEN: usize = 20;

/// `GET /chatgroups/{group}/users`, in each of the documented styles: by page number from 1; by cursor, with roles and
/// times for the web SDKs, or as bare names for `version=v3`.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let with_time = call.query.get("joined_time") == Some("true");
    let names = |names: [&str; 2]| names.iter().any(|name| call.query.get(name).is_some());
    // Times alone are the web SDKs' call.
    let by_cursor = names(["limit", "cursor"]) || with_time && !names(["pagenum", "pagesize"]);
    if by_cursor { list_by_cursor(&call, with_time).await } else { list_by_number(&call, with_time).await }
}

async fn list_by_cursor(call: &Call, with_time: bool) -> Result<Answer, Failure> {
    let app = call.tenant.value.id;
    let limit = call.query.limit(PAGE_MOST, PAGE_MOST)?;
    let after = match call.query.get("cursor") {
        Some(cursor) => Some(Uid(cursor::parse(List::Members, app, cursor)?)),
        None => None,
    };
    let by = call.by().await?;
    let page = call.use_cases().group_members(&call.tenant, &by, call.group(), after, limit).await?;
    let show = |member: &Ranked| {
        if with_time {
            with_joined_time(member)
        } else if is_v3(call) {
            json!(member.name)
        } else {
            affiliation(member, true)
        }
    };
    let shown: Vec<Value> = page.members.iter().map(show).collect();
    Ok(members_page(call, shown, page.next.map(|next| cursor::write(List::Members, app, next.0))))
}

async fn list_by_number(call: &Call, with_time: bool) -> Result<Answer, Failure> {
    // More than that is that many.
    let size = call.query.number("pagesize", 1..=usize::MAX)?.map_or(PAGE_MOST, |size| size.min(PAGE_MOST));
    let number = call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(1).max(1);
    let by = call.by().await?;
    let mut after = None;
    // There is no index by number: those before the page are passed over. A group's limit bounds them.
    let mut before = (number - 1).saturating_mul(size);
    while before > 0 {
        let limit = before.min(PAGE_MOST);
        let page = call.use_cases().group_members(&call.tenant, &by, call.group(), after, limit).await?;
        (after, before) = (page.next, before - limit);
        if after.is_none() {
            return Ok(members_page(call, Vec::new(), None));
        }
    }
    let page = call.use_cases().group_members(&call.tenant, &by, call.group(), after, size).await?;
    let show = |member| if with_time { with_joined_time(member) } else { affiliation(member, false) };
    Ok(members_page(call, page.members.iter().map(show).collect(), None))
}

fn members_page(call: &Call, members: Vec<Value>, cursor: Option<String>) -> Answer {
    Answer::new(&Envelope {
        other_entities: Some(Vec::new()),
        count: Some(members.len()),
        data: Some(members.into()),
        cursor,
        params: call.query.params(),
        ..call.full()
    })
}

/// A member under the name of his role. Lists by page number tell admins from members as little as the vendor's do.
pub(super) fn affiliation(member: &Ranked, names_admins: bool) -> Value {
    match member.rank {
        Rank::Owner => json!({ "owner": member.name }),
        Rank::Admin if names_admins => json!({ "admin": member.name }),
        _ => json!({ "member": member.name }),
    }
}

/// As the web SDKs want it of whole lists: every role, and since when.
pub(super) fn with_joined_time(member: &Ranked) -> Value {
    let mut shown = affiliation(member, true);
    shown["joined_time"] = member.since.0.into();
    shown
}

/// `POST /chatgroups/{group}/users`
pub(crate) async fn add(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    let by = call.by().await?;
    let added = call.use_cases().add_members(&call.tenant, &by, call.group(), &usernames).await?;
    let group = call.group();
    Ok(data(&call, json!({ "newmembers": added, "groupid": group, "action": "add_member" })))
}

/// `POST /chatgroups/{group}/users/{member}`. A user who names himself comes in by himself, where the group is open.
pub(crate) async fn add_one(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let name = call.member().to_owned();
    if call.acting()?.is_some_and(|account| account.user.name.as_str().eq_ignore_ascii_case(&name)) {
        call.use_cases().come_into_group(&call.tenant, &by, call.group()).await?;
    } else {
        call.use_cases().add_members(&call.tenant, &by, call.group(), std::slice::from_ref(&name)).await?;
    }
    let group = call.group();
    Ok(data(&call, json!({ "result": true, "groupid": group, "action": "add_member", "user": name })))
}

/// `DELETE /chatgroups/{group}/users/{a,b}`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let (names, by) = (call.members(), call.by().await?);
    let outcomes = call.use_cases().remove_members(&call.tenant, &by, call.group(), &names).await?;
    let row = |user: &str| json!({ "action": "remove_member", "user": user, "groupid": call.group() });
    let rows = outcome_list(outcomes, Operation::MemberRemove, row)?;
    Ok(data(&call, one_or_all(rows)))
}

/// `GET` or `POST /chatgroups/{group}/user/{member}/is_joined`
pub(crate) async fn is_joined(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let found = call.use_cases().find_member(&call.tenant, &by, call.group(), call.member()).await?;
    Ok(data(&call, found.is_some().into()))
}

/// `GET /chatgroups/{group}/admin`
pub(crate) async fn admins(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let found = call.use_cases().look_into_group(&call.tenant, &by, call.place(), Rank::Member).await?;
    let admins = found.group.admins.iter().map(|admin| admin.name.as_str().into());
    Ok(names(&call, admins.collect()))
}

/// `POST /chatgroups/{group}/admin`
pub(crate) async fn add_admin(call: Call) -> Result<Answer, Failure> {
    let name = call.parse(GroupText::parse)?.new_admin.ok_or_else(|| missing("newadmin"))?;
    let by = call.by().await?;
    call.use_cases().add_group_admin(&call.tenant, &by, call.place(), &name).await?;
    Ok(data(&call, json!({ "result": "success", "newadmin": name })))
}

/// `DELETE /chatgroups/{group}/admin/{member}`
pub(crate) async fn remove_admin(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().remove_group_admin(&call.tenant, &by, call.place(), call.member()).await?;
    Ok(data(&call, json!({ "result": "success", "oldadmin": call.member() })))
}

/// `GET /chatgroups/{group}/mute`
pub(crate) async fn muted(call: Call) -> Result<Answer, Failure> {
    let (by, now) = (call.by().await?, call.use_cases().now());
    let is_muted = |member: &domain::group::Member| member.is_muted(now);
    let found = call.use_cases().find_members(&call.tenant, &by, call.place(), Rank::Admin, is_muted).await?;
    let show = |member: &Ranked| json!({ "user": member.name, "expire": shown_end(member.muted_until.unwrap_or(FOR_EVER)) });
    Ok(names(&call, found.iter().map(show).collect()))
}

/// `POST /chatgroups/{group}/mute`
pub(crate) async fn mute(call: Call) -> Result<Answer, Failure> {
    let GroupMute { usernames, duration_ms } = call.parse(GroupMute::parse)?;
    let by = call.by().await?;
    let (use_cases, now) = (call.use_cases(), call.use_cases().now());
    let (until, outcomes) = if duration_ms == 0 {
        // No time at all is the end of a mute.
        (now, use_cases.unmute_members(&call.tenant, &by, call.place(), &usernames).await?)
    } else {
        let milliseconds = u64::try_from(duration_ms).ok();
        let until = milliseconds.map_or(FOR_EVER, |duration| now.plus(Duration::from_millis(duration)));
        (until, use_cases.mute_members(&call.tenant, &by, call.place(), &usernames, until).await?)
    };
    let row = |user: &str| json!({ "expire": shown_end(until), "user": user });
    let rows = outcome_list(outcomes, Operation::Silence, row).map_err(|error| call.refuse(error))?;
    Ok(data(&call, rows.into()))
}

/// `DELETE /chatgroups/{group}/mute/{a,b}`
pub(crate) async fn unmute(call: Call) -> Result<Answer, Failure> {
    let (named, by) = (call.members(), call.by().await?);
    let outcomes = call.use_cases().unmute_members(&call.tenant, &by, call.place(), &named).await?;
    let rows = outcome_list(outcomes, Operation::SilenceRemove, |user| json!({ "user": user }))
        .map_err(|error| call.refuse(error))?;
    Ok(data(&call, rows.into()))
}

/// `GET /sdk/chatgroups/{group}/mute/{member}`
pub(crate) async fn is_muted(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let (use_cases, now) = (call.use_cases(), call.use_cases().now());
    let found = use_cases.find_member(&call.tenant, &by, call.place(), call.member()).await?;
    Ok(data(&call, found.is_some_and(|member| member.is_muted(now)).into()))
}

/// `GET /chatgroups/{group}/blocks/users`
pub(crate) async fn blocked(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let blocked = call.use_cases().blocked_users(&call.tenant, &by, call.place()).await?;
    Ok(names(&call, blocked.into_iter().map(Value::from).collect()))
}

/// `POST /chatgroups/{group}/blocks/users`
pub(crate) async fn block(call: Call) -> Result<Answer, Failure> {
    let named = call.parse(NamedUsers::parse)?.usernames;
    Ok(data(&call, block_all(&call, &named).await?.into()))
}

/// `POST /chatgroups/{group}/blocks/users/{member}`
pub(crate) async fn block_one(call: Call) -> Result<Answer, Failure> {
    let rows = block_all(&call, &[call.member().to_owned()]).await?;
    Ok(data(&call, if is_v3(&call) { rows.into() } else { one_or_all(rows) }))
}

async fn block_all(call: &Call, named: &[String]) -> Result<Vec<Value>, Failure> {
    let by = call.by().await?;
    let outcomes = call.use_cases().block_members(&call.tenant, &by, call.place(), named).await?;
    let row = |user: &str| call.done_to("add_blocks", user);
    outcome_list(outcomes, Operation::GroupBlockAdd, row).map_err(|error| call.refuse(error))
}

/// `DELETE /chatgroups/{group}/blocks/users/{a,b}`
pub(crate) async fn unblock(call: Call) -> Result<Answer, Failure> {
    let (named, by) = (call.members(), call.by().await?);
    let outcomes = call.use_cases().unblock_members(&call.tenant, &by, call.place(), &named).await?;
    let row = |user: &str| call.done_to("remove_blocks", user);
    let rows =
        outcome_list(outcomes, Operation::GroupBlockRemove, row).map_err(|error| call.refuse(error))?;
    Ok(data(&call, if is_v3(&call) { rows.into() } else { one_or_all(rows) }))
}

/// `GET /chatgroups/{group}/white/users`
pub(crate) async fn allowed(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let is_allowed = |member: &domain::group::Member| member.allow_listed;
    let found =
        call.use_cases().find_members(&call.tenant, &by, call.place(), Rank::Admin, is_allowed).await?;
    Ok(names(&call, found.into_iter().map(|member| member.name.into()).collect()))
}

/// `GET /chatgroups/{group}/white/users/{member}`
pub(crate) async fn is_allowed(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let white = call.use_cases().is_on_allow_list(&call.tenant, &by, call.place(), call.member()).await?;
    Ok(data(&call, json!({ "white": white, "member": call.member() })))
}

/// `POST /chatgroups/{group}/white/users`
pub(crate) async fn allow(call: Call) -> Result<Answer, Failure> {
    let named = call.parse(NamedUsers::parse)?.usernames;
    Ok(data(&call, set_allowed(&call, &named, true).await?.into()))
}

/// `POST /chatgroups/{group}/white/users/{member}`
pub(crate) async fn allow_one(call: Call) -> Result<Answer, Failure> {
    let rows = set_allowed(&call, &[call.member().to_owned()], true).await?;
    Ok(data(&call, if is_v3(&call) { rows.into() } else { one_or_all(rows) }))
}

/// `DELETE /chatgroups/{group}/white/users/{a,b}`: a list, also of one.
pub(crate) async fn disallow(call: Call) -> Result<Answer, Failure> {
    Ok(data(&call, set_allowed(&call, &call.members(), false).await?.into()))
}

async fn set_allowed(call: &Call, named: &[String], allow: bool) -> Result<Vec<Value>, Failure> {
    let by = call.by().await?;
    let outcomes = call.use_cases().allow_members(&call.tenant, &by, call.place(), named, allow).await?;
    let (action, operation) = if allow {
        ("add_user_whitelist", Operation::AllowListAdd)
    } else {
        ("remove_user_whitelist", Operation::AllowListRemove)
    };
    let row = |user: &str| call.done_to(action, user);
    outcome_list(outcomes, operation, row).map_err(|error| call.refuse(error))
}

/// `GET /chatgroups/{group}/acks/{message}?limit=&key=`
pub(crate) async fn readers(call: Call) -> Result<Answer, Failure> {
    let message = call.names.get("message").parse().map(MessageId).map_err(|_| invalid("msgId"))?;
    let limit = call.query.limit(READERS_PAGE, READERS_PAGE)?;
    let app = call.tenant.value.id;
    let after = match call.query.get("key") {
        Some(key) => cursor::parse(List::Readers, app, key)?,
        None => 0,
    };
    let by = call.by().await?;
    let (use_cases, group) = (call.use_cases(), call.group());
    let page = use_cases.group_readers(&call.tenant, &by, group, message, after, limit).await?;
    let last = page.readers.last().map_or(0, |(_, at)| at.0);
    let next = page.next.map_or_else(String::new, |next| cursor::write(List::Readers, app, next));
    Ok(data(
        &call,
        json!({
            "ackmid": message.to_string(),
            "is_last": page.next.is_none(),
            "next_key": next,
            "timestamp": last,
            "total": page.total,
            "userlist": page.readers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        }),
    ))
}

/// `PUT …/metadata/chatgroup/{group}/user/{member}`
pub(crate) async fn set_attributes(call: Call) -> Result<Answer, Failure> {
    let attributes = call.parse(MemberAttributes::parse)?.attributes;
    let by = call.by().await?;
    let (use_cases, group) = (call.use_cases(), call.group());
    let set = use_cases.set_member_attributes(&call.tenant, &by, group, call.member(), &attributes).await?;
    Ok(short(&call, &json!(set)))
}

/// `PUT /metadata/chatgroup/{group}/users/batch`: each member for himself.
pub(crate) async fn set_attributes_of_many(call: Call) -> Result<Answer, Failure> {
    let members = call.parse(AttributeBatch::parse)?.members;
    batch(members.len(), ATTRIBUTES_WRITTEN)
        .map_err(|error| Failure::of(error, Operation::MemberAttributesBatch))?;
    let by = call.by().await?;
    let (mut succeeded, mut failed) = (Vec::new(), Vec::new());
    for (name, attributes) in members {
        let (use_cases, group) = (call.use_cases(), call.group());
        match use_cases.set_member_attributes(&call.tenant, &by, group, &name, &attributes).await {
            Ok(set) => succeeded.push(json!({ "username": name, "metadata": set })),
            Err(error @ Error::Fault(_)) => return Err(error.into()),
            Err(error) if error.condition() == conditions::Condition::GroupNotFound => {
                return Err(error.into());
            }
            Err(_) => failed.push(json!({ "username": name, "metadata": attributes })),
        }
    }
    Ok(short(&call, &json!({ "updateMetadataFailed": failed, "updateMetadataSucceeded": succeeded })))
}

/// `GET /metadata/chatgroup/{group}/user/{member}`
pub(crate) async fn attributes(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let (use_cases, group) = (call.use_cases(), call.group());
    let named = [call.member().to_owned()];
    let mut found = use_cases.member_attributes(&call.tenant, &by, group, &named).await?;
    let Some((_, attributes)) = found.pop() else {
        let group = group.to_owned();
        return Err(Error::from(domain::group::GroupRefused::TargetNotMember {
            user: call.member().to_owned(),
            group,
        })
        .into());
    };
    Ok(short(&call, &json!(attributes)))
}

/// `POST …/metadata/chatgroup/{group}/get`
pub(crate) async fn attributes_of_many(call: Call) -> Result<Answer, Failure> {
    let MemberAttributes { targets, properties, .. } = call.parse(MemberAttributes::parse)?;
    batch(targets.len(), ATTRIBUTES_READ)?;
    let by = call.by().await?;
    let (use_cases, group) = (call.use_cases(), call.group());
    let found = use_cases.member_attributes(&call.tenant, &by, group, &targets).await?;
    let wanted = |mut attributes: Attributes| {
        if !properties.is_empty() {
            attributes.retain(|key, _| properties.contains(key));
        }
        attributes
    };
    let shown: Map<String, Value> =
        found.into_iter().map(|(name, attributes)| (name, json!(wanted(attributes)))).collect();
    Ok(short(&call, &Value::Object(shown)))
}

fn batch(size: usize, limit: usize) -> Result<(), Error> {
    if size <= limit {
        return Ok(());
    }
    let facts = vec![("size", size.to_string()), ("limit", limit.to_string())];
    Err(Error::refused(conditions::Condition::BatchTooLarge, facts))
}

/// The short envelope, "E2" in easemob-rest.md 1.1.
fn short(call: &Call, data: &Value) -> Answer {
    let envelope = call.bare("");
    Answer::new(&json!({
        "timestamp": envelope.timestamp,
        "data": data,
        "duration": envelope.duration,
    }))
}

fn names(call: &Call, names: Vec<Value>) -> Answer {
    Answer::new(&Envelope {
        other_entities: Some(Vec::new()),
        count: Some(names.len()),
        data: Some(names.into()),
        ..call.full()
    })
}

/// What became of each, in the vendor's rows. Nothing done for anybody is the first one's refusal.
///
/// # Errors
/// The first outcome's, if all failed.
pub(super) fn outcome_list(
    outcomes: Vec<Outcome>,
    operation: Operation,
    row: impl Fn(&str) -> Value,
) -> Result<Vec<Value>, Error> {
    if outcomes.iter().all(|(_, outcome)| outcome.is_err()) {
        return outcomes.into_iter().map(|(_, outcome)| outcome.map(|()| Value::Null)).collect();
    }
    let show = |(user, outcome): (String, Result<(), Error>)| {
        let mut shown = row(&user);
        shown["result"] = outcome.is_ok().into();
        if let Err(error) = outcome {
            let condition = error.condition();
            let reason = rest_answer(condition, Some(operation)).describe(condition, &error.arguments());
            shown["reason"] = reason.into();
        }
        shown
    };
    Ok(outcomes.into_iter().map(show).collect())
}

/// The row of one, the list of several.
fn one_or_all(mut rows: Vec<Value>) -> Value {
    match rows.pop() {
        Some(row) if rows.is_empty() => row,
        last => {
            rows.extend(last);
            rows.into()
        }
    }
}

fn shown_end(until: Timestamp) -> u64 {
    if until == FOR_EVER { NO_END } else { until.0 }
}

impl Call {
    /// What was done to a user, with the id of the group or room under the names that the vendor has for it.
    fn done_to(&self, action: &str, user: &str) -> Value {
        let id = self.group();
        match self.place().kind {
            GroupKind::Room => json!({ "action": action, "user": user, "chatroomid": id, "id": id }),
            _ => json!({ "action": action, "user": user, "groupid": id }),
        }
    }

    /// A failure of one of some users: in rooms the vendor has another status for who is not there.
    fn refuse(&self, error: Error) -> Failure {
        match (self.place().kind, error.condition()) {
            (GroupKind::Room, Condition::TargetNotMember) => {
                Failure::of(error, Operation::ChatroomMemberRemove)
            }
            _ => error.into(),
        }
    }

    /// The member whom the path names, as written.
    fn member(&self) -> &str {
        self.names.get("member")
    }

    /// The members whom the path names.
    fn members(&self) -> Vec<String> {
        let named = self.member().split(',').map(str::trim);
        // One more than may be named is enough to be refused.
        named.filter(|name| !name.is_empty()).take(limits::MEMBERS_BATCH + 1).map(str::to_owned).collect()
    }
}
