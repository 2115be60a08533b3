//! A user's conversations: the list in its generations, the top of it, marks, deletion (msync.md 3.2, easemob-rest.md
//! 3.9).

use app::{ConversationName, ListConversations, Listed, ListedConversation, SeenMessage};
use domain::conversation::parse_mark;
use easemob_wire::rest::Envelope;
use easemob_wire::rest::conversations::{MarkRequest, NamedConversation};
use easemob_wire::rest::message::ChatType;
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use model::ConversationKind;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::routes::routes;
use super::shown;
use crate::foreign::Foreign;

routes! {
    GET "/sdk/user/{user}/user_channels/list" BackEndOrOwner Nothing Conversation => list;
    GET "/sdk/user/{user}/user_channels/mark/search" BackEndOrOwner Nothing Conversation => list_marked;
    POST "/sdk/user/{user}/user_channels/mark" BackEndOrOwner Json Conversation => mark;
    DELETE "/sdk/user/{user}/user_channels/mark" BackEndOrOwner Json Conversation => unmark;
    POST "/sdk/user/{user}/user_channel/top" BackEndOrOwner Json Conversation => pin;
    DELETE "/sdk/user/{user}/user_channel/top" BackEndOrOwner Nothing Conversation => unpin;
    // Older lists, which name conversations by their whole addresses.
    GET "/users/{user}/user_channels" BackEndOrOwner Nothing Conversation => list_old;
    GET "/user/{user}/user_channels" BackEndOrOwner Nothing Conversation => list_old;
    GET "/users/{user}/user_channels/page" BackEndOrOwner Nothing Conversation => list_old;
    // Clients and back ends spell it differently.
    DELETE "/user/{user}/user_channel" BackEndOrOwner Json ConversationDelete => delete;
    DELETE "/users/{user}/user_channel" BackEndOrOwner Json ConversationDelete => delete;
}

/// Conversations of a page when the caller does not say.
const PAGE_DEFAULT: usize = 20;
const PAGE_MOST: usize = 100;

/// `GET /sdk/user/{user}/user_channels/list?limit=&cursor=&is_top=&need_mark=&needEmptySession=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let listed = if call.query.get("is_top") == Some("true") { Listed::Pinned } else { Listed::All };
    listed_page(&call, listed).await
}

/// `GET /sdk/user/{user}/user_channels/mark/search?mark=mark_3`
pub(crate) async fn list_marked(call: Call) -> Result<Answer, Failure> {
    let mark = call.query.get("mark").ok_or_else(|| missing("mark"))?;
    let mark = parse_mark(mark).map_err(app::Error::from)?;
    listed_page(&call, Listed::Marked(mark)).await
}

async fn listed_page(call: &Call, listed: Listed) -> Result<Answer, Failure> {
    let app = call.tenant.value.id;
    let cursor = call.query.get("cursor");
    let asked = ListConversations {
        user: call.user(),
        listed,
        with_empty: call.query.get("needEmptySession") == Some("true"),
        after: cursor.map(|cursor| cursor::parse(List::Conversations, app, cursor)).transpose()?,
        skip: 0,
        limit: call.query.limit(PAGE_DEFAULT, PAGE_MOST)?,
    };
    let page = call.use_cases().list_conversations(&call.tenant, &asked).await?;
    let foreign = call.foreign();
    let next = page.next.map_or_else(String::new, |next| cursor::write(List::Conversations, app, next));
    let infos: Vec<Value> = page.list.iter().map(|listed| info(&foreign, listed)).collect();
    let data = json!({ "channel_infos": infos, "cursor": next });
    Ok(Answer::new(&Envelope { data: Some(data), ..call.full() }))
}

fn info(foreign: &Foreign, listed: &ListedConversation) -> Value {
    let marks: Vec<String> = listed.marks.iter().map(|mark| format!("mark_{mark}")).collect();
    json!({
        "session_to": listed.name,
        "session_type": ChatType::from(listed.kind).name(),
        "is_top": listed.pinned.is_some(),
        "update_top_status_time": listed.pinned.map_or(0, |since| since.0),
        "unread_num": listed.unread,
        "marks": marks,
        "meta": last(listed, |seen| shown::message(foreign, seen, true)),
    })
}

fn last(listed: &ListedConversation, shown: impl Fn(&SeenMessage) -> Value) -> Value {
    listed.last.as_ref().map_or_else(|| Value::Object(Map::new()), shown)
}

/// `GET /users/{user}/user_channels[/page]?pageNum=&pageSize=`
pub(crate) async fn list_old(call: Call) -> Result<Answer, Failure> {
    let number = |name: &str| match call.query.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<u32>().map(|number| Some(number as usize)).map_err(|_| invalid(name)),
    };
    let size = number("pageSize")?.unwrap_or(PAGE_MOST).clamp(1, PAGE_MOST);
    // Pages count from 1.
    let before = number("pageNum")?.unwrap_or(1).saturating_sub(1);
    let asked = ListConversations {
        user: call.user(),
        listed: Listed::All,
        with_empty: false,
        after: None,
        skip: before.saturating_mul(size),
        limit: size,
    };
    let found = call.use_cases().list_conversations(&call.tenant, &asked).await?;
    let foreign = call.foreign();
    let infos: Vec<Value> = found.list.iter().map(|listed| old_info(&call, &foreign, listed)).collect();
    Ok(Answer::new(&Envelope { data: Some(json!({ "channel_infos": infos })), ..call.full() }))
}

fn old_info(call: &Call, foreign: &Foreign, listed: &ListedConversation) -> Value {
    let domain = if listed.kind == ConversationKind::Single { USER_DOMAIN } else { GROUP_DOMAIN };
    let channel = format!("{}_{}@{domain}", call.tenant.value.key, listed.name);
    json!({ "channel_id": channel, "unread_num": listed.unread, "meta": last(listed, |seen| shown::old_message(foreign, seen)) })
}

/// `POST /sdk/user/{user}/user_channels/mark`
pub(crate) async fn mark(call: Call) -> Result<Answer, Failure> {
    set_mark(call, true).await
}

/// `DELETE /sdk/user/{user}/user_channels/mark`
pub(crate) async fn unmark(call: Call) -> Result<Answer, Failure> {
    set_mark(call, false).await
}

async fn set_mark(call: Call, is_set: bool) -> Result<Answer, Failure> {
    let request = call.parse(MarkRequest::parse)?;
    let mark = parse_mark(&request.mark.ok_or_else(|| missing("mark"))?).map_err(app::Error::from)?;
    let kind = |kind: &str| shown::parse_kind(kind).ok_or_else(|| invalid("type"));
    let targets = request
        .targets
        .into_iter()
        .map(|(name, kind_name)| Ok(ConversationName { kind: kind(&kind_name)?, name }))
        .collect::<Result<Vec<_>, app::Error>>()?;
    if targets.is_empty() {
        return Err(missing("targets").into());
    }
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    let ignored =
        use_cases.mark_conversations(tenant, call.user(), device.as_ref(), &targets, mark, is_set).await?;
    let ignored: Vec<Value> = ignored
        .iter()
        .map(|target| json!({ "to": target.name, "type": ChatType::from(target.kind).name() }))
        .collect();
    Ok(Answer::new(&Envelope { data: Some(json!({ "ignore": ignored })), ..call.full() }))
}

/// `POST /sdk/user/{user}/user_channel/top`
pub(crate) async fn pin(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(NamedConversation::parse)?;
    let conversation = conversation(request.to, request.kind.as_deref())?;
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    let since = use_cases.pin_conversation(tenant, call.user(), device.as_ref(), &conversation, true).await?;
    let data = json!({ "is_top": true, "update_top_status_time": since.map_or(0, |since| since.0) });
    Ok(Answer::new(&Envelope { data: Some(data), ..call.full() }))
}

/// `DELETE /sdk/user/{user}/user_channel/top?type=&to=`
pub(crate) async fn unpin(call: Call) -> Result<Answer, Failure> {
    let (to, kind) = (call.query.get("to").map(str::to_owned), call.query.get("type"));
    let conversation = conversation(to, kind)?;
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    use_cases.pin_conversation(tenant, call.user(), device.as_ref(), &conversation, false).await?;
    Ok(Answer::new(&Envelope { data: Some(json!({ "is_top": false })), ..call.full() }))
}

/// `DELETE /users/{user}/user_channel`
pub(crate) async fn delete(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(NamedConversation::parse)?;
    let name = request.to.ok_or_else(|| missing("channel"))?;
    let kind = request.kind.ok_or_else(|| missing("type"))?;
    let kind = shown::parse_kind(&kind).ok_or_else(|| invalid("type"))?;
    let with_history = request.delete_roam.ok_or_else(|| missing("delete_roam"))?;
    let conversation = ConversationName { kind, name };
    let device = call.acting_device().await?;
    let (use_cases, tenant) = (call.use_cases(), &call.tenant);
    use_cases.delete_conversation(tenant, call.user(), device.as_ref(), &conversation, with_history).await?;
    let (path, data) = (Some("/users/user_channel".to_owned()), Some(json!({ "result": "ok" })));
    Ok(Answer::new(&Envelope { path, data, ..call.full() }))
}

/// The conversation that a call names by `to` and `type`.
pub(super) fn conversation(to: Option<String>, kind: Option<&str>) -> Result<ConversationName, app::Error> {
    let name = to.ok_or_else(|| missing("to"))?;
    let kind = shown::parse_kind(kind.ok_or_else(|| missing("type"))?).ok_or_else(|| invalid("type"))?;
    Ok(ConversationName { kind, name })
}
