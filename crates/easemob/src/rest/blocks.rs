//! Block lists of users (easemob-rest.md 3.6, msync.md 3.2).

use easemob_wire::rest::{Envelope, NamedUsers, RelationCheck};
use model::Username;

use super::answer::{Answer, entity};
use super::auth::Caller;
use super::call::Call;
use super::contacts::{checked, page_size, relations};
use super::cursor::{self, List};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/users/{user}/blocks/users" BackEndOrOwner Json BlockAdd => add;
    POST "/sdk/user/{user}/blocks" BackEndOrOwner Json BlockAdd => add;
    GET "/users/{user}/blocks/users" BackEndOrOwner Nothing BlockAdd => list;
    DELETE "/users/{user}/blocks/users/{peer}" BackEndOrOwner Nothing BlockRemove => remove_one;
    DELETE "/sdk/user/{user}/blocks" BackEndOrOwner Json BlockRemove => remove;
    POST "/blocks/check" Member Json RelationCheck => check;
}

/// `POST …/blocks`: all that are named, or none.
pub(crate) async fn add(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    call.use_cases().check_may_block(&call.tenant, matches!(call.caller, Caller::User(_)))?;
    let device = call.acting_device().await?;
    let names = call.use_cases().block_users(&call.tenant, call.user(), &usernames, device.as_ref()).await?;
    Ok(named(&call, &names))
}

/// `DELETE /sdk/user/{user}/blocks`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    let device = call.acting_device().await?;
    let names =
        call.use_cases().unblock_users(&call.tenant, call.user(), &usernames, device.as_ref()).await?;
    Ok(named(&call, &names))
}

/// `DELETE /users/{user}/blocks/users/{peer}`
pub(crate) async fn remove_one(call: Call) -> Result<Answer, Failure> {
    let (device, peers) = (call.acting_device().await?, [call.peer().to_owned()]);
    call.use_cases().unblock_users(&call.tenant, call.user(), &peers, device.as_ref()).await?;
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let peer = call.use_cases().get_user(&call.tenant, call.peer()).await?;
    Ok(Answer::new(&Envelope {
        path: Some(format!("/users/{}/blocks", account.user.uuid)),
        entities: Some(vec![entity(&peer)]),
        ..call.full()
    }))
}

/// `GET /users/{user}/blocks/users`: the latest first; all of them unless the caller asks for pages.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let app = call.tenant.value.id;
    let cursor = call.query.get("cursor");
    let left = cursor.map(|cursor| cursor::parse(List::Blocked, app, cursor)).transpose()?;
    let size = page_size(&call, "pageSize", usize::MAX)?;
    let blocked = call.use_cases().list_blocked(&call.tenant, call.user()).await?;

    // Counted from the oldest, so that who is blocked meanwhile shifts nothing.
    let left = left.map_or(blocked.len(), |left| usize::try_from(left).unwrap_or(usize::MAX));
    let older = &blocked[blocked.len().saturating_sub(left)..];
    let page = &older[..older.len().min(size)];
    let rest = older.len() - page.len();
    Ok(Answer::new(&Envelope {
        entities: Some(Vec::new()),
        data: Some(page.iter().map(Username::as_str).collect()),
        count: Some(page.len()),
        cursor: (rest > 0).then(|| cursor::write(List::Blocked, app, rest as u64)),
        params: call.query.params(),
        ..call.full()
    }))
}

/// `POST /blocks/check`: who of some is blocked.
pub(crate) async fn check(call: Call) -> Result<Answer, Failure> {
    let RelationCheck { username, check_list } = checked(&call)?;
    let are = call.use_cases().are_blocked(&call.tenant, &username.unwrap_or_default(), &check_list).await?;
    Ok(relations(&call, &check_list, &are, ["blacklist", "not_blacklist"]))
}

fn named(call: &Call, names: &[Username]) -> Answer {
    Answer::new(&Envelope {
        entities: Some(Vec::new()),
        data: Some(names.iter().map(Username::as_str).collect()),
        ..call.full()
    })
}
