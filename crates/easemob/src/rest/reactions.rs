//! Reactions to messages (easemob-rest.md 3.15, msync.md 3.2).

use conditions::Condition;
use domain::reaction::{REACTION_MESSAGES_LIMIT, REACTION_PAGE};
use easemob_wire::rest::conversations::ReactionRequest;
use easemob_wire::rest::message::ChatType;
use model::ConversationKind;
use model::{MessageId, Timestamp};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::routes::routes;
use super::shown;

routes! {
    POST "/reaction/user/{user}" BackEndOrOwner Json Reaction => add;
    DELETE "/reaction/user/{user}" BackEndOrOwner Nothing Reaction => remove;
    GET "/reaction/user/{user}" BackEndOrOwner Nothing Reaction => list;
    GET "/reaction/user/{user}/detail" BackEndOrOwner Nothing Reaction => detail;
}

/// `POST /reaction/user/{user}`
pub(crate) async fn add(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(ReactionRequest::parse)?;
    let (message, text) = given(request.message.as_deref(), request.reaction.as_deref())?;
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    let reacted = use_cases.react(tenant, call.user(), device.as_ref(), message, text).await?;
    let group = (reacted.kind != ConversationKind::Single).then(|| reacted.name.to_string());
    Ok(call.status_ok(Some(json!({
        "id": reacted.reaction.id.to_string(),
        "msgId": message.to_string(),
        "msgType": ChatType::from(reacted.kind).name(),
        "groupId": group,
        "reaction": reacted.reaction.text,
        "createdAt": instant(reacted.reaction.created),
        "updatedAt": instant(reacted.reaction.updated),
    }))))
}

/// `DELETE /reaction/user/{user}?msgId=&message=`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let (message, text) = given(call.query.get("msgId"), call.query.get("message"))?;
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    use_cases.take_back_reaction(tenant, call.user(), device.as_ref(), message, text).await?;
    Ok(call.status_ok(None))
}

/// `GET /reaction/user/{user}?msgIdList=&msgType=&groupId=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let ids = call.query.get("msgIdList").ok_or_else(|| missing("msgIdList"))?;
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.len() > REACTION_MESSAGES_LIMIT {
        let facts = vec![("size", ids.len().to_string()), ("limit", REACTION_MESSAGES_LIMIT.to_string())];
        return Err(app::Error::refused(Condition::BatchTooLarge, facts).into());
    }
    if call.query.get("msgType") == Some("groupchat") && call.query.get("groupId").is_none() {
        return Err(app::Error::plain(Condition::GroupIdEmpty).into());
    }
    // What is no number is no message's id.
    let ids: Vec<MessageId> = ids.into_iter().filter_map(|id| id.parse().ok()).map(MessageId).collect();
    let listed = call.use_cases().list_reactions(&call.tenant, call.user(), &ids).await?;
    let data = listed.iter().map(|(message, reactions)| {
        let list: Vec<Value> = reactions.iter().map(shown::reaction).collect();
        json!({ "msgId": message.to_string(), "reactionList": list })
    });
    Ok(call.status_ok(Some(data.collect())))
}

/// `GET /reaction/user/{user}/detail?msgId=&message=`, with `limit` and `cursor`, or as the web SDKs call them.
pub(crate) async fn detail(call: Call) -> Result<Answer, Failure> {
    let (message, text) = given(call.query.get("msgId"), call.query.get("message"))?;
    let app = call.tenant.value.id;
    let limit = match call.query.get("limit").or_else(|| call.query.get("pageSize")) {
        None => REACTION_PAGE,
        Some(limit) => limit.parse().map_err(|_| invalid("limit"))?,
    };
    if !(1..=REACTION_PAGE).contains(&limit) {
        let facts = vec![("limit", REACTION_PAGE.to_string())];
        return Err(app::Error::refused(Condition::PageSizeInvalid, facts).into());
    }
    let cursor = call.query.get("cursor").or_else(|| call.query.get("currentPage"));
    let after = cursor.map(|cursor| cursor::parse(List::Reactions, app, cursor)).transpose()?.unwrap_or(0);
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    let users = use_cases.reaction_users(tenant, call.user(), message, text, after, limit).await?;
    let next = users.next.map(|next| cursor::write(List::Reactions, app, next));
    Ok(call.status_ok(Some(json!({
        "reactionId": users.id.map_or_else(String::new, |id| id.to_string()),
        "reaction": text,
        "count": users.count,
        "userCount": users.count,
        "state": users.is_own,
        "userList": shown::names(&users.users),
        "cursor": next,
    }))))
}

/// The message and the reaction. What is no number is no message's id: nobody may react to it.
fn given<'a>(message: Option<&str>, reaction: Option<&'a str>) -> Result<(MessageId, &'a str), app::Error> {
    let message = message.ok_or_else(|| missing("msgId"))?;
    let reaction = reaction.ok_or_else(|| missing("message"))?;
    let message = message.parse().map_err(|_| app::Error::plain(Condition::ReactionNotPermitted))?;
    Ok((MessageId(message), reaction))
}

/// A time as ISO 8601 has it, `2026-11-21T07:30:00.123Z`.
fn instant(at: Timestamp) -> String {
    let (days, in_day) = (at.0 / 86_400_000, at.0 % 86_400_000);
    let (year, month, day) = domain::hour::date(days);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        for (at, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_795_220_913_741, "2026-11-21T00:28:33.741Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(instant(Timestamp(at)), expected);
        }
    }
}
