//! What users are to each other, and what they do not want to hear: friends, block lists, do-not-disturb, shields
//! (jmessage.md 1.3).

use std::collections::HashSet;
use std::sync::Arc;

use app::{By, Error, SetNoDisturb};
use conditions::{Condition, Operation};
use domain::no_disturb::Scope;
use model::SettingNews;
use serde_json::{Map, Value};
use store::Account;

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::{DIALECT, Failure};
use super::fields::{Fields, some_names, within};
use super::groups::group_ids;
use super::profile;
use super::routes::routes;

routes! {
    PUT "/v1/users/{user}/blacklist" Json BlockAdd => block;
    DELETE "/v1/users/{user}/blacklist" Json BlockRemove => unblock;
    GET "/v1/users/{user}/blacklist" Nothing UserGet => blocked;
    POST "/v1/users/{user}/nodisturb" Json DoNotDisturb => no_disturb;
    POST "/v1/users/{user}/groupsshield" Json GroupShield => shield;
    POST "/v1/users/{user}/groupsShield" Json GroupShield => shield;
    POST "/v1/users/{user}/friends" Json ContactAdd => befriend;
    DELETE "/v1/users/{user}/friends" Json ContactRemove => part;
    PUT "/v1/users/{user}/friends" Json ContactNote => note;
    GET "/v1/users/{user}/friends" Nothing UserGet => friends;
}

/// Users of one call (jmessage.md 1.2).
pub(super) const NAMED: usize = 500;
/// Bytes of a note about a friend. The vendor's documents say 64, its own client sends 250.
const NOTE_BYTES: usize = 250;

/// `PUT /v1/users/{user}/blacklist`
async fn block(call: Call) -> Result<Answer, Failure> {
    let names = some_names(&call.body, NAMED)?;
    call.use_cases().block_new_users(&call.tenant, call.user(), &names, None).await?;
    Ok(Answer::Done)
}

/// `DELETE /v1/users/{user}/blacklist`
async fn unblock(call: Call) -> Result<Answer, Failure> {
    let names = without_repeats(some_names(&call.body, NAMED)?);
    call.use_cases().unblock_listed_users(&call.tenant, call.user(), &names, None).await?;
    Ok(Answer::Done)
}

/// The REST API has no word for somebody who is named twice while he is unblocked.
pub(super) fn without_repeats(mut names: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.to_ascii_lowercase()));
    names
}

/// `GET /v1/users/{user}/blacklist`
async fn blocked(call: Call) -> Result<Answer, Failure> {
    Ok(Answer::Found(shown_blocked(&call).await?.into_iter().map(Value::Object).collect()))
}

/// The users of a block list, as the API shows them.
pub(super) async fn shown_blocked(call: &Call) -> Result<Vec<Map<String, Value>>, Error> {
    let names = call.use_cases().list_blocked(&call.tenant, call.user()).await?;
    let mut accounts: Vec<Arc<Account>> = Vec::with_capacity(names.len());
    for name in names {
        accounts.extend(call.use_cases().find_user(&call.tenant, name.as_str()).await?);
    }
    profile::shown(call.use_cases(), &call.tenant, &accounts).await
}

/// `POST /v1/users/{user}/nodisturb`
async fn no_disturb(call: Call) -> Result<Answer, Failure> {
    let command = read_no_disturb(Fields::of(&call.body)?)?;
    if command == SetNoDisturb::default() {
        return Err(missing("body").into());
    }
    set_no_disturb(&call, &command).await?;
    Ok(Answer::Done)
}

/// # Errors
/// `argument_invalid`.
pub(super) fn read_no_disturb(fields: Fields<'_>) -> Result<SetNoDisturb, Error> {
    let mut command = SetNoDisturb::default();
    if let Some(single) = fields.get("single") {
        let single = Fields::of(single)?;
        command.add_users = single.names("add", NAMED)?.unwrap_or_default();
        command.remove_users = single.names("remove", NAMED)?.unwrap_or_default();
    }
    if let Some(group) = fields.get("group") {
        let group = Fields::of(group)?;
        command.add_groups = group_ids(group, "add")?;
        command.remove_groups = group_ids(group, "remove")?;
    }
    command.global = match fields.get("global").map(Value::as_u64) {
        None => None,
        Some(Some(0)) => Some(false),
        Some(Some(1)) => Some(true),
        Some(_) => return Err(invalid("global")),
    };
    Ok(command)
}

/// Changes it; the vendor has numbers of its own for users, groups and everything.
pub(super) async fn set_no_disturb(call: &Call, command: &SetNoDisturb) -> Result<(), Failure> {
    let set = call.use_cases().set_no_disturb(&call.tenant, call.user(), command).await;
    set.map_err(|(error, scope)| {
        let operation = match scope {
            Some(Scope::User) => Operation::DoNotDisturb,
            Some(Scope::Group) => Operation::DoNotDisturbGroup,
            Some(Scope::Global) => Operation::DoNotDisturbGlobal,
            None => return error.into(),
        };
        Failure::of(error, operation)
    })?;
    // It is set; who can't be told of it now hears of it when he asks.
    if let Err(error) = tell_no_disturb(call, command).await {
        error.report(DIALECT);
    }
    Ok(())
}

/// Tells the user's page: an event for each kind of change.
async fn tell_no_disturb(call: &Call, command: &SetNoDisturb) -> Result<(), Error> {
    for (users, quiet) in [(&command.add_users, true), (&command.remove_users, false)] {
        if !users.is_empty() {
            call.tell(SettingNews::UsersQuiet { users: users.clone(), quiet }).await?;
        }
    }
    for (ids, quiet) in [(&command.add_groups, true), (&command.remove_groups, false)] {
        let mut groups = Vec::with_capacity(ids.len());
        for id in ids {
            groups.push(call.group_named(id).await?);
        }
        if !groups.is_empty() {
            call.tell(SettingNews::GroupsQuiet { groups, quiet }).await?;
        }
    }
    if let Some(quiet) = command.global {
        call.tell(SettingNews::AllQuiet { quiet }).await?;
    }
    Ok(())
}

async fn tell_shield(call: &Call, group: &str, shielded: bool) -> Result<(), Error> {
    let group = call.group_named(group).await?;
    call.tell(SettingNews::Shield { group, shielded }).await
}

/// `POST /v1/users/{user}/groupsShield`: one group after the other.
async fn shield(call: Call) -> Result<Answer, Failure> {
    let fields = Fields::of(&call.body)?;
    let (add, remove) = (group_ids(fields, "add")?, group_ids(fields, "remove")?);
    if add.is_empty() && remove.is_empty() {
        return Err(missing("body").into());
    }
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let by = By { account: Some(account), device: None };
    let changes = add.iter().map(|group| (group, true)).chain(remove.iter().map(|group| (group, false)));
    for (group, shielded) in changes {
        call.use_cases().shield_group_anew(&call.tenant, &by, group, shielded).await?;
        if let Err(error) = tell_shield(&call, group, shielded).await {
            error.report(DIALECT);
        }
    }
    Ok(Answer::Done)
}

/// `POST /v1/users/{user}/friends`
async fn befriend(call: Call) -> Result<Answer, Failure> {
    let names = some_names(&call.body, NAMED)?;
    link(&call, &names).await?;
    Ok(Answer::Made)
}

/// Makes users friends of the one whom the path names. All of them are there, or nothing is done.
pub(super) async fn link(call: &Call, names: &[String]) -> Result<(), Failure> {
    for name in names {
        call.use_cases().get_user(&call.tenant, name).await?;
    }
    for name in names {
        call.use_cases().link_new_contacts(&call.tenant, call.user(), name).await?;
    }
    Ok(())
}

/// `DELETE /v1/users/{user}/friends`
async fn part(call: Call) -> Result<Answer, Failure> {
    let names = some_names(&call.body, NAMED)?;
    unlink(&call, &names).await?;
    Ok(Answer::Done)
}

/// Ends friendships; who is no friend is passed over.
pub(super) async fn unlink(call: &Call, names: &[String]) -> Result<(), Failure> {
    for name in names {
        call.use_cases().get_user(&call.tenant, name).await?;
    }
    for name in names {
        call.use_cases().unlink_contacts(&call.tenant, call.user(), name).await?;
    }
    Ok(())
}

/// `PUT /v1/users/{user}/friends`
async fn note(call: Call) -> Result<Answer, Failure> {
    let rows = call.body.as_array().ok_or_else(|| invalid("body"))?;
    within(rows.len(), NAMED)?;
    let rows: Vec<Fields<'_>> = rows.iter().map(Fields::of).collect::<Result<_, _>>()?;
    write_notes(&call, &rows).await?;
    Ok(Answer::Done)
}

/// Writes down what a user notes about friends. The form of all rows is looked at first.
pub(super) async fn write_notes(call: &Call, rows: &[Fields<'_>]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Err(missing("body").into());
    }
    let mut notes = Vec::with_capacity(rows.len());
    for row in rows {
        let (remark, others) = (row.bounded("note_name", NOTE_BYTES)?, row.bounded("others", NOTE_BYTES)?);
        let username = row.needed("username")?;
        if remark.is_none() && others.is_none() {
            return Err(missing("note_name").into());
        }
        if remark.is_some_and(|remark| remark.contains(['\r', '\n'])) {
            return Err(invalid("note_name").into());
        }
        notes.push((username.to_owned(), remark.map(str::to_owned), others.map(str::to_owned)));
    }
    for (peer, remark, others) in notes {
        let (remark, others) = (remark.as_deref(), others.as_deref());
        let noted =
            call.use_cases().note_contact_fully(&call.tenant, call.user(), &peer, remark, others).await;
        noted.map_err(|error| match error.condition() {
            // The peer is there, but no friend.
            Condition::ContactNotFound => Failure::of(error, Operation::ContactNote),
            _ => error.into(),
        })?;
        let (remark, others) = (remark.map(str::to_owned), others.map(str::to_owned));
        call.tell(SettingNews::Noted { user: peer, remark, others }).await?;
    }
    Ok(())
}

/// `GET /v1/users/{user}/friends`
async fn friends(call: Call) -> Result<Answer, Failure> {
    let contacts = call.use_cases().all_contacts(&call.tenant, call.user()).await?;
    let mut accounts = Vec::with_capacity(contacts.len());
    let mut notes = Vec::with_capacity(contacts.len());
    for (name, contact) in contacts {
        if let Some(account) = call.use_cases().find_user(&call.tenant, name.as_str()).await? {
            accounts.push(account);
            notes.push(contact);
        }
    }
    let mut shown = profile::shown(call.use_cases(), &call.tenant, &accounts).await?;
    for (user, contact) in shown.iter_mut().zip(notes) {
        user.insert("appkey".to_owned(), call.app_key().into());
        user.insert("note_name".to_owned(), contact.remark.unwrap_or_default().into());
        user.insert("others".to_owned(), contact.others.unwrap_or_default().into());
    }
    Ok(Answer::Found(shown.into_iter().map(Value::Object).collect()))
}
