//! Presence: publish, subscribe, ask, and what is subscribed to (easemob-rest.md 3.4, msync.md 3.2). Its answers have
//! an envelope of their own, `result` alone. So has the count of a group's members who are connected.

use app::Error;
use conditions::Condition;
use domain::presence::Publish;
use easemob_wire::rest::{NamedUsers, PresenceExt, UserList};
use model::{Presence, limits};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid};
use super::failure::Failure;
use super::routes::routes;
use crate::msync::notices::{seconds, shown};

routes! {
    POST "/users/{user}/presence" BackEndOrOwner Json PresenceQuery => ask;
    DELETE "/users/{user}/presence" BackEndOrOwner Json PresenceUnsubscribe => unsubscribe;
    GET "/users/{user}/presence/sublist" BackEndOrOwner Nothing Presence => subscriptions;
    POST "/users/{user}/presence/{expiry}" BackEndOrOwner Json PresenceSubscribe => subscribe;
    POST "/users/{user}/presence/{resource}/{status}" BackEndOrOwner Json Presence => publish;
    GET "/presence/online/{group}/type/{kind}" BackEnd Nothing GroupOnline => count_online;
}

/// `POST /users/{user}/presence/{resource}/{status}`
pub(crate) async fn publish(call: Call) -> Result<Answer, Failure> {
    let ext = call.parse(PresenceExt::parse)?.ext;
    let publish = Publish {
        resource: call.names.get("resource"),
        state: call.names.get("status"),
        ext: ext.as_deref(),
    };
    call.use_cases().publish_presence(&call.tenant, call.user(), publish).await?;
    Ok(ok())
}

/// `POST /users/{user}/presence/{expiry}`: whoever is there is followed for so many seconds.
pub(crate) async fn subscribe(call: Call) -> Result<Answer, Failure> {
    let names = call.parse(NamedUsers::parse)?.usernames;
    let seconds = call.names.get("expiry").parse();
    // What is no number is no period.
    let seconds = seconds.map_err(|_| Error::plain(Condition::PresenceArgumentInvalid))?;
    let shown = call.use_cases().subscribe_presence(&call.tenant, call.user(), &names, seconds).await?;
    Ok(result(&shown))
}

/// `POST /users/{user}/presence`. Needs no subscription, as the SDKs' documents have it.
pub(crate) async fn ask(call: Call) -> Result<Answer, Failure> {
    let names = call.parse(NamedUsers::parse)?.usernames;
    let shown = call.use_cases().presence_of(&call.tenant, &names).await?;
    Ok(result(&shown))
}

/// `DELETE /users/{user}/presence`
pub(crate) async fn unsubscribe(call: Call) -> Result<Answer, Failure> {
    let names = call.parse(UserList::parse)?.users;
    call.use_cases().unsubscribe_presence(&call.tenant, call.user(), &names).await?;
    Ok(ok())
}

/// `GET /users/{user}/presence/sublist?pageNum=&pageSize=`
pub(crate) async fn subscriptions(call: Call) -> Result<Answer, Failure> {
    let page = number(&call, "pageNum")?.max(1);
    let size = number(&call, "pageSize")?.max(1);
    if size > limits::PRESENCE_PAGE {
        return Err(invalid("pageSize").into());
    }
    let followed = call.use_cases().followed_presence(&call.tenant, call.user()).await?;
    let on_page = followed.iter().skip((page - 1).saturating_mul(size)).take(size);
    let list: Vec<Value> =
        on_page.map(|(name, until)| json!({ "uid": name.as_str(), "expiry": seconds(*until) })).collect();
    let result = json!({ "totalnum": followed.len().to_string(), "sublist": list });
    Ok(Answer::new(&json!({ "result": result })))
}

/// `GET /presence/online/{group}/type/{kind}`: how many members of a group are connected. The kind is 0 or 1 and tells
/// nothing more than the id does.
pub(crate) async fn count_online(call: Call) -> Result<Answer, Failure> {
    if !matches!(call.names.get("kind"), "0" | "1") {
        return Err(invalid("type").into());
    }
    let count = call.use_cases().group_online_count(&call.tenant, call.group()).await?;
    Ok(Answer::new(&json!({ "result": count })))
}

/// A number of the query; 0 where there is none.
fn number(call: &Call, name: &'static str) -> Result<usize, Error> {
    call.query.get(name).map_or(Ok(0), |text| text.parse().map_err(|_| invalid(name)))
}

fn ok() -> Answer {
    Answer::new(&json!({ "result": "ok" }))
}

fn result(presences: &[Presence]) -> Answer {
    let all: Vec<Value> = presences.iter().map(shown).collect();
    Answer::new(&json!({ "result": all }))
}
