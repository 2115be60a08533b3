//! Threads (easemob-rest.md 3.13, msync.md 3.2). Clients and back ends spell some paths differently; both are here.

use app::{By, CreateThread, Error, ThreadPage, ThreadQuery};
use conditions::{Condition, Operation};
use domain::group::Group;
use easemob_wire::rest::{Envelope, NamedUsers, ThreadFields};
use model::{GroupId, MessageId, Uid, Username, limits};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::group_members::outcome_list;
use super::groups::data;
use super::routes::routes;
use super::shown;

routes! {
    POST "/thread" Member Json Thread => create;
    GET "/thread" BackEnd Nothing Thread => list_all;
    POST "/thread/message" Member Json Thread => last_messages;
    GET "/thread/{thread}" Member Nothing Thread => get;
    PUT "/thread/{thread}" Member Json Thread => rename;
    DELETE "/thread/{thread}" Member Nothing Thread => end;
    POST "/thread/{thread}/user/{user}/join" BackEndOrOwner Nothing Thread => join;
    DELETE "/thread/{thread}/user/{user}/quit" BackEndOrOwner Nothing Thread => quit;
    GET "/thread/{thread}/users" Member Nothing Thread => members;
    POST "/thread/{thread}/users" Member Json Thread => add;
    DELETE "/thread/{thread}/users" Member Json Thread => remove;
    DELETE "/threads/{thread}/users" Member Json Thread => remove;
    DELETE "/thread/{thread}/users/{member}" Member Nothing Thread => remove_one;
    GET "/threads/user/{user}" BackEndOrOwner Nothing Thread => list_joined;
    GET "/threads/chatgroups/{group}" Member Nothing Thread => list_of_group;
    GET "/threads/chatgroups/{group}/user/{user}" BackEndOrOwner Nothing Thread => list_joined_of_group;
}

/// `POST /thread`
pub(crate) async fn create(call: Call) -> Result<Answer, Failure> {
    let fields = call.parse(ThreadFields::parse)?;
    let by = call.by().await?;
    let group = fields.group.ok_or_else(|| missing("group_id"))?;
    let name = fields.name.ok_or_else(|| missing("name"))?;
    let message = fields.message.ok_or_else(|| missing("msg_id"))?;
    // What is no number is no message's id.
    let message = message.parse().map(MessageId).map_err(|_| {
        Error::refused(Condition::MessageNotFound, vec![("message", domain::account::printable(&message))])
    })?;
    let owner = match (&by.account, fields.owner) {
        (_, Some(owner)) => owner,
        (Some(account), None) => account.user.name.to_string(),
        (None, None) => return Err(missing("owner").into()),
    };
    let command = CreateThread { group: &group, owner: &owner, name: &name, message };
    let thread = call.use_cases().create_thread(&call.tenant, &by, command).await?;
    Ok(data(&call, json!({ "thread_id": thread.public_id.as_str() })))
}

/// `GET /thread/{thread}`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let (thread, parent) = call.use_cases().get_thread(&call.tenant, &by, call.thread()).await?;
    Ok(data(&call, detail(&thread.group, &parent)))
}

/// `PUT /thread/{thread}`
pub(crate) async fn rename(call: Call) -> Result<Answer, Failure> {
    let name = call.parse(ThreadFields::parse)?.name.ok_or_else(|| missing("name"))?;
    let by = call.by().await?;
    call.use_cases().rename_thread(&call.tenant, &by, call.thread(), &name).await?;
    Ok(data(&call, json!({ "name": name })))
}

/// `DELETE /thread/{thread}`
pub(crate) async fn end(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().end_thread(&call.tenant, &by, call.thread()).await?;
    Ok(data(&call, json!({ "status": "ok" })))
}

/// `POST /thread/{thread}/user/{user}/join`
pub(crate) async fn join(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let (use_cases, users) = (call.use_cases(), [call.user().to_owned()]);
    use_cases.join_thread(&call.tenant, &by, call.thread(), &users).await?;
    let (thread, parent) = use_cases.get_thread(&call.tenant, &by, call.thread()).await?;
    Ok(data(&call, json!({ "status": "ok", "detail": detail(&thread.group, &parent) })))
}

/// `DELETE /thread/{thread}/user/{user}/quit`
pub(crate) async fn quit(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    call.use_cases().leave_thread(&call.tenant, &by, call.thread(), call.user()).await?;
    Ok(data(&call, json!({ "status": "ok" })))
}

/// `POST /thread/{thread}/users`
pub(crate) async fn add(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    let by = call.by().await?;
    call.use_cases().join_thread(&call.tenant, &by, call.thread(), &usernames).await?;
    Ok(data(&call, json!({ "status": "ok" })))
}

/// `DELETE /thread/{thread}/users` and `/threads/{thread}/users`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    let rows = remove_all(&call, &usernames).await?;
    Ok(Answer::new(&Envelope { other_entities: Some(rows), ..call.full() }))
}

/// `DELETE /thread/{thread}/users/{member}`
pub(crate) async fn remove_one(call: Call) -> Result<Answer, Failure> {
    let mut rows = remove_all(&call, &[call.names.get("member").to_owned()]).await?;
    Ok(data(&call, rows.pop().unwrap_or_default()))
}

async fn remove_all(call: &Call, usernames: &[String]) -> Result<Vec<Value>, Error> {
    let by = call.by().await?;
    let outcomes = call.use_cases().remove_from_thread(&call.tenant, &by, call.thread(), usernames).await?;
    outcome_list(outcomes, Operation::Thread, |user| json!({ "user": user }))
}

/// `GET /thread/{thread}/users?limit=&cursor=`
pub(crate) async fn members(call: Call) -> Result<Answer, Failure> {
    let (app, limit) = (call.tenant.value.id, page_size(&call)?);
    let after = match call.query.get("cursor") {
        Some(cursor) => Some(Uid(cursor::parse(List::ThreadMembers, app, cursor)?)),
        None => None,
    };
    let by = call.by().await?;
    let members = call.use_cases().thread_members(&call.tenant, &by, call.thread(), after, limit).await?;
    let next = members.last().map(|(uid, _)| *uid).or(after);
    let names: Vec<&str> = members.iter().map(|(_, name)| name.as_str()).collect();
    let cursor = next.map_or_else(String::new, |next| cursor::write(List::ThreadMembers, app, next.0));
    Ok(Answer::new(&Envelope {
        data: Some(json!({ "affiliations": names })),
        properties: Some(json!({ "cursor": cursor })),
        ..call.full()
    }))
}

/// `GET /thread?limit=&cursor=&sort=`
pub(crate) async fn list_all(call: Call) -> Result<Answer, Failure> {
    let page = call.use_cases().all_threads(&call.tenant, query(&call)?).await?;
    let ids =
        page.threads.iter().map(|(thread, _)| json!({ "id": thread.group.public_id.as_str() })).collect();
    Ok(listed(&call, &page, ids))
}

/// `GET /threads/user/{user}`
pub(crate) async fn list_joined(call: Call) -> Result<Answer, Failure> {
    let uid = call.use_cases().thread_user(&call.tenant, call.user()).await?;
    let page = call.use_cases().threads_of_user(&call.tenant, uid, query(&call)?).await?;
    Ok(listed(&call, &page, briefs(&page)))
}

/// `GET /threads/chatgroups/{group}`
pub(crate) async fn list_of_group(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    in_group(&call, &by, None).await
}

/// `GET /threads/chatgroups/{group}/user/{user}`
pub(crate) async fn list_joined_of_group(call: Call) -> Result<Answer, Failure> {
    let by = call.by().await?;
    let uid = call.use_cases().thread_user(&call.tenant, call.user()).await?;
    in_group(&call, &by, Some(uid)).await
}

async fn in_group(call: &Call, by: &By, member: Option<Uid>) -> Result<Answer, Failure> {
    let query = query(call)?;
    let page = call.use_cases().threads_of_group(&call.tenant, by, call.group(), member, query).await?;
    Ok(listed(call, &page, briefs(&page)))
}

/// `POST /thread/message`: the last message of each.
pub(crate) async fn last_messages(call: Call) -> Result<Answer, Failure> {
    let threads = call.parse(ThreadFields::parse)?.threads;
    let by = call.by().await?;
    let last = call.use_cases().last_of_threads(&call.tenant, &by, &threads).await?;
    let rows = last.iter().map(|(thread, entry)| {
        let message = entry.as_ref().map_or_else(|| json!({}), shown::bare_message);
        json!({ "thread_id": thread.as_str(), "last_message": message })
    });
    Ok(Answer::new(&Envelope { other_entities: Some(rows.collect()), ..call.full() }))
}

fn query(call: &Call) -> Result<ThreadQuery, Error> {
    let after = match call.query.get("cursor") {
        Some(cursor) => Some(GroupId(cursor::parse(List::Threads, call.tenant.value.id, cursor)?)),
        None => None,
    };
    let youngest_first = match call.query.get("sort").map(str::to_ascii_lowercase).as_deref() {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(invalid("sort")),
    };
    Ok(ThreadQuery { after, youngest_first, limit: page_size(call)? })
}

/// Unlike elsewhere, a page that is too large is refused (easemob-rest.md 3.13).
fn page_size(call: &Call) -> Result<usize, Error> {
    let limit = call.query.limit(limits::THREADS_PAGE, usize::MAX)?;
    if limit <= limits::THREADS_PAGE {
        return Ok(limit);
    }
    Err(Error::refused(Condition::PageSizeInvalid, vec![("limit", limits::THREADS_PAGE.to_string())]))
}

/// The cursor is there on the last page too: clients stop on one that is not full.
fn listed(call: &Call, page: &ThreadPage, entities: Vec<Value>) -> Answer {
    let app = call.tenant.value.id;
    let cursor = page.next.map_or_else(String::new, |next| cursor::write(List::Threads, app, next.0));
    Answer::new(&Envelope {
        other_entities: Some(entities),
        properties: Some(json!({ "cursor": cursor })),
        ..call.full()
    })
}

fn briefs(page: &ThreadPage) -> Vec<Value> {
    page.threads.iter().map(|(thread, parent)| brief(&thread.group, parent)).collect()
}

fn brief(thread: &Group, parent: &Username) -> Value {
    json!({
        "id": thread.public_id.as_str(),
        "name": thread.name,
        "owner": thread.owner.name.as_str(),
        "created": thread.created.0,
        "msgId": thread.topic.map_or_else(String::new, |topic| topic.to_string()),
        "groupId": parent.as_str(),
    })
}

fn detail(thread: &Group, parent: &Username) -> Value {
    let mut shown = brief(thread, parent);
    shown["affiliations_count"] = thread.member_count.into();
    shown
}

impl Call {
    /// The thread that the path names, as written.
    fn thread(&self) -> &str {
        self.names.get("thread")
    }
}
