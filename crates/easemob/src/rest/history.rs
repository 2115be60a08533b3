//! History: reading it, and deleting it from one's own view (msync.md 3.2, easemob-rest.md 3.9).

use app::{ConversationName, Deletion, HISTORY_PAGE, ReadHistory};
use domain::conversation::DELETIONS_LIMIT;
use easemob_wire::amend;
use easemob_wire::rest::Envelope;
use easemob_wire::rest::conversations::HistoryRequest;
use easemob_wire::rest::message::ChatType;
use model::{ConversationKind, Entry, MessageId, Seq, Timestamp};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;
use super::shown;

routes! {
    POST "/users/{user}/messageroaming" BackEndOrOwner Json Roaming => read;
    // Back ends say `rest`, the web SDKs `sdk`.
    DELETE "/rest/message/roaming/chat/user/{user}" BackEndOrOwner Nothing Roaming => delete_in_chat;
    DELETE "/sdk/message/roaming/chat/user/{user}" BackEndOrOwner Nothing Roaming => delete_in_chat;
    DELETE "/rest/message/roaming/group/user/{user}" BackEndOrOwner Nothing Roaming => delete_in_group;
    DELETE "/sdk/message/roaming/group/user/{user}" BackEndOrOwner Nothing Roaming => delete_in_group;
    DELETE "/rest/message/roaming/chat/user/{user}/time" BackEndOrOwner Nothing Roaming => delete_until_in_chat;
    // The vendor's documents disagree about the method.
    POST "/rest/message/roaming/chat/user/{user}/time" BackEndOrOwner Nothing Roaming => delete_until_in_chat;
    POST "/rest/message/roaming/group/user/{user}/time" BackEndOrOwner Nothing Roaming => delete_until_in_group;
    DELETE "/sdk/message/roaming/chat/user/{user}/time" BackEndOrOwner Nothing Roaming => delete_until_in_chat;
    DELETE "/rest/message/roaming/group/user/{user}/time" BackEndOrOwner Nothing Roaming => delete_until_in_group;
    DELETE "/sdk/message/roaming/group/user/{user}/time" BackEndOrOwner Nothing Roaming => delete_until_in_group;
    POST "/rest/message/roaming/user/{user}/delete/all" BackEndOrOwner Nothing Roaming => delete_all;
    POST "/sdk/message/roaming/user/{user}/delete/all" BackEndOrOwner Nothing Roaming => delete_all;
}

/// Messages of a page when the caller does not say.
const PAGE_DEFAULT: usize = 20;

/// `POST /users/{user}/messageroaming`
pub(crate) async fn read(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(HistoryRequest::parse)?;
    if request.queue.is_empty() {
        return Err(missing("queue").into());
    }
    let limit =
        request.pull_number.map_or(PAGE_DEFAULT, |limit| usize::try_from(limit).unwrap_or(HISTORY_PAGE));
    let asked = ReadHistory {
        user: call.user(),
        conversation: shown::of_queue(&request.queue),
        from: request.start.map(Seq),
        is_forward: request.is_positive,
        limit: limit.clamp(1, HISTORY_PAGE),
        since: request.start_time.map(Timestamp),
        until: request.end_time.map(Timestamp),
        sender: request.user_id.as_deref(),
    };
    let types = request.types;
    let foreign = call.foreign();
    let wants = |entry: &Entry| {
        if types.is_empty() {
            return true;
        }
        let translated = foreign.payload(ChatType::Chat, entry);
        amend::content_of(translated.as_ref().unwrap_or(&entry.payload))
            .is_ok_and(|content| content.is_some_and(|content| is_one_of(&types, amend::type_name(&content))))
    };
    let page = call.use_cases().read_history(&call.tenant, asked, &wants).await?;
    let app_key = call.tenant.value.key.as_str();
    let messages: Vec<Value> =
        page.messages.iter().map(|seen| json!({ "msg": shown::meta(app_key, &foreign, seen) })).collect();
    let next = page.next.map_or_else(String::new, |next| next.0.to_string());
    let data = json!({ "msgs": messages, "next_key": next, "is_last": page.next.is_none() });
    Ok(Answer::new(&Envelope { data: Some(data), ..call.full() }))
}

fn is_one_of(types: &[String], name: &str) -> bool {
    types.iter().any(|wanted| wanted == name)
}

/// `DELETE …/chat/user/{user}?userId=&msgIdList=`
pub(crate) async fn delete_in_chat(call: Call) -> Result<Answer, Failure> {
    let conversation = named(&call, ConversationKind::Single, "userId")?;
    delete_messages(call, conversation).await
}

/// `DELETE …/group/user/{user}?groupId=&msgIdList=`, for rooms too.
pub(crate) async fn delete_in_group(call: Call) -> Result<Answer, Failure> {
    let conversation = named(&call, ConversationKind::Group, "groupId")?;
    delete_messages(call, conversation).await
}

/// `DELETE …/chat/user/{user}/time?userId=&delTime=`
pub(crate) async fn delete_until_in_chat(call: Call) -> Result<Answer, Failure> {
    let conversation = named(&call, ConversationKind::Single, "userId")?;
    delete_until(call, conversation).await
}

/// `DELETE …/group/user/{user}/time?groupId=&delTime=`
pub(crate) async fn delete_until_in_group(call: Call) -> Result<Answer, Failure> {
    let conversation = named(&call, ConversationKind::Group, "groupId")?;
    delete_until(call, conversation).await
}

/// `POST …/user/{user}/delete/all`
pub(crate) async fn delete_all(call: Call) -> Result<Answer, Failure> {
    let device = call.acting_device().await?;
    call.use_cases().clear_history(&call.tenant, call.user(), device.as_ref()).await?;
    Ok(call.status_ok(None))
}

async fn delete_messages(call: Call, conversation: ConversationName) -> Result<Answer, Failure> {
    let list = call.query.get("msgIdList").ok_or_else(|| missing("msgIdList"))?;
    let ids: Vec<&str> = list.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.len() > DELETIONS_LIMIT {
        let refused = domain::conversation::ConversationRefused::TooManyDeletions { size: ids.len() };
        return Err(app::Error::from(refused).into());
    }
    // What is no number is no message's id, and what is not there is gone already.
    let ids = ids.into_iter().filter_map(|id| id.parse().ok()).map(MessageId).collect();
    delete(call, conversation, Deletion::Messages(ids)).await
}

async fn delete_until(call: Call, conversation: ConversationName) -> Result<Answer, Failure> {
    let time = call.query.get("delTime").ok_or_else(|| missing("delTime"))?;
    let time = time.parse().map_err(|_| invalid("delTime"))?;
    delete(call, conversation, Deletion::UpTo(Timestamp(time))).await
}

async fn delete(call: Call, conversation: ConversationName, deletion: Deletion) -> Result<Answer, Failure> {
    let device = call.acting_device().await?;
    let tells = call.query.get("isNotify") != Some("false");
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    use_cases.delete_history(tenant, call.user(), device.as_ref(), &conversation, &deletion, tells).await?;
    Ok(call.status_ok(None))
}

fn named(call: &Call, kind: ConversationKind, parameter: &str) -> Result<ConversationName, app::Error> {
    let name = call.query.get(parameter).ok_or_else(|| missing(parameter))?;
    Ok(ConversationName { kind, name: name.to_owned() })
}

impl Call {
    /// The short envelope of reactions and deletions, "E3" in easemob-rest.md 1.1.
    pub(super) fn status_ok(&self, data: Option<Value>) -> Answer {
        let mut body = json!({ "requestStatusCode": "ok", "timestamp": self.use_cases().now().0 });
        if let Some(data) = data {
            body["data"] = data;
        }
        Answer::new(&body)
    }
}
