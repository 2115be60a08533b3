//! Calls that name the app of each user they are about (jmessage.md 1.3, "Cross-app").
//!
//! Apps of this server do not reach into each other: with the app's own key these act as the plain calls do, and with
//! another one they are refused.

use std::sync::Arc;

use app::{Error, SetNoDisturb};
use conditions::Condition;
use serde_json::{Map, Value};
use store::StoredGroup;

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::fields::{Fields, within};
use super::relations::NAMED;
use super::routes::routes;
use super::{groups, relations, rooms};

routes! {
    POST "/v1/cross/groups/{group}/members" Json MemberAdd => change_group_members;
    GET "/v1/cross/groups/{group}/members" Nothing GroupGet => group_members;
    GET "/v1/cross/users/{user}/groups" Nothing UserGet => groups_of;
    PUT "/v1/cross/users/{user}/blacklist" Json BlockAdd => block;
    DELETE "/v1/cross/users/{user}/blacklist" Json BlockRemove => unblock;
    GET "/v1/cross/users/{user}/blacklist" Nothing UserGet => blocked;
    POST "/v1/cross/users/{user}/nodisturb" Json DoNotDisturb => no_disturb;
    POST "/v1/cross/users/{user}/friends" Json ContactAdd => befriend;
    DELETE "/v1/cross/users/{user}/friends" Json ContactRemove => part;
    PUT "/v1/cross/users/{user}/friends" Json ContactNote => note;
    POST "/v1/cross/chatroom/{room}/members" Json ChatroomJoin => change_room_members;
}

/// The rows of a body, each of which names this app.
fn rows(call: &Call) -> Result<Vec<Fields<'_>>, Error> {
    let rows = call.body.as_array().ok_or_else(|| invalid("body"))?;
    within(rows.len(), NAMED)?;
    if rows.is_empty() {
        return Err(missing("body"));
    }
    let rows: Vec<Fields<'_>> = rows.iter().map(Fields::of).collect::<Result<_, _>>()?;
    rows.iter().try_for_each(|row| is_own(call, *row))?;
    Ok(rows)
}

fn is_own(call: &Call, row: Fields<'_>) -> Result<(), Error> {
    let key = row.needed("appkey")?;
    if key.eq_ignore_ascii_case(call.app_key()) { Ok(()) } else { Err(Error::plain(Condition::AppMismatch)) }
}

/// Everything that the rows have under a name.
fn all_names(rows: &[Fields<'_>], name: &str) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for row in rows {
        all.extend(row.names(name, NAMED)?.unwrap_or_default());
    }
    within(all.len(), NAMED)?;
    Ok(all)
}

/// The same, and somebody has to be named.
fn some_of(rows: &[Fields<'_>], name: &str) -> Result<Vec<String>, Error> {
    let all = all_names(rows, name)?;
    if all.is_empty() { Err(missing(name)) } else { Ok(all) }
}

/// `POST /v1/cross/groups/{group}/members`
async fn change_group_members(call: Call) -> Result<Answer, Failure> {
    let group = groups::group_id(&call)?.to_owned();
    let rows = rows(&call)?;
    let (added, removed) = (all_names(&rows, "add")?, all_names(&rows, "remove")?);
    groups::change(&call, &group, added, removed).await
}

/// `GET /v1/cross/groups/{group}/members`
async fn group_members(call: Call) -> Result<Answer, Failure> {
    let members = groups::shown_members(&call).await?;
    Ok(with_app_key(&call, members))
}

fn with_app_key(call: &Call, users: Vec<Map<String, Value>>) -> Answer {
    let mut users = users;
    for user in &mut users {
        user.insert("appkey".to_owned(), call.app_key().into());
    }
    Answer::Found(users.into_iter().map(Value::Object).collect())
}

/// `GET /v1/cross/users/{user}/groups`
async fn groups_of(call: Call) -> Result<Answer, Failure> {
    let joined = groups::joined_groups(&call).await?;
    let show = |stored: &Arc<StoredGroup>| {
        let mut shown = groups::shown(&call, &stored.group);
        // One answer has another spelling than all the others.
        if let Some(group) = shown.as_object_mut()
            && let Some(count) = group.remove("MaxMemberCount")
        {
            group.insert("max_member_count".to_owned(), count);
        }
        shown
    };
    Ok(Answer::Found(joined.iter().map(show).collect()))
}

/// `PUT /v1/cross/users/{user}/blacklist`
async fn block(call: Call) -> Result<Answer, Failure> {
    let names = some_of(&rows(&call)?, "usernames")?;
    call.use_cases().block_new_users(&call.tenant, call.user(), &names, None).await?;
    Ok(Answer::Done)
}

/// `DELETE /v1/cross/users/{user}/blacklist`
async fn unblock(call: Call) -> Result<Answer, Failure> {
    let names = relations::without_repeats(some_of(&rows(&call)?, "usernames")?);
    call.use_cases().unblock_listed_users(&call.tenant, call.user(), &names, None).await?;
    Ok(Answer::Done)
}

/// `GET /v1/cross/users/{user}/blacklist`
async fn blocked(call: Call) -> Result<Answer, Failure> {
    let users = relations::shown_blocked(&call).await?;
    Ok(with_app_key(&call, users))
}

/// `POST /v1/cross/users/{user}/nodisturb`
async fn no_disturb(call: Call) -> Result<Answer, Failure> {
    let mut command = SetNoDisturb::default();
    for row in rows(&call)? {
        let one = relations::read_no_disturb(row)?;
        command.add_users.extend(one.add_users);
        command.remove_users.extend(one.remove_users);
        command.add_groups.extend(one.add_groups);
        command.remove_groups.extend(one.remove_groups);
    }
    if command == SetNoDisturb::default() {
        return Err(missing("single").into());
    }
    relations::set_no_disturb(&call, &command).await?;
    Ok(Answer::Done)
}

/// The users of a body that names one app.
fn users(call: &Call) -> Result<Vec<String>, Error> {
    let fields = Fields::of(&call.body)?;
    is_own(call, fields)?;
    some_of(&[fields], "users")
}

/// `POST /v1/cross/users/{user}/friends`
async fn befriend(call: Call) -> Result<Answer, Failure> {
    let names = users(&call)?;
    relations::link(&call, &names).await?;
    Ok(Answer::Made)
}

/// `DELETE /v1/cross/users/{user}/friends`
async fn part(call: Call) -> Result<Answer, Failure> {
    let names = users(&call)?;
    relations::unlink(&call, &names).await?;
    Ok(Answer::Done)
}

/// `PUT /v1/cross/users/{user}/friends`
async fn note(call: Call) -> Result<Answer, Failure> {
    let rows = rows(&call)?;
    relations::write_notes(&call, &rows).await?;
    Ok(Answer::Done)
}

/// `POST /v1/cross/chatroom/{room}/members`
async fn change_room_members(call: Call) -> Result<Answer, Failure> {
    let rows = rows(&call)?;
    let (added, removed) = (all_names(&rows, "add")?, all_names(&rows, "remove")?);
    if added.is_empty() && removed.is_empty() {
        return Err(missing("add").into());
    }
    rooms::change(&call, &added, &removed).await?;
    Ok(Answer::Done)
}
