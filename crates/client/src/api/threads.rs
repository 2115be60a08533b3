//! Threads: small groups inside a group that hang on one message (msync.md 3.2).
//!
//! A thread has an id as a group has, and is written to and read as one: `Conversation::Group` with its id. What happens to
//! it is told by [`crate::ThreadEvent`], and to its members by [`crate::GroupEvent`] with a parent.

use conditions::Operation;
use model::{MessageId, Timestamp, Username};
use serde_json::{Value, json};

use super::{Page, call, cursor, list, malformed, number, part, text, user, users};
use crate::core::{Call, Method};
use crate::storage::{ENDLESS, Write};
use crate::{Client, Conversation, GroupId, Result};

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    pub id: GroupId,
    pub name: String,
    pub owner: Username,
    /// The group that it belongs to.
    pub group: GroupId,
    /// The message that it hangs on; `None` if that is gone.
    pub message: Option<MessageId>,
    pub created_at: Timestamp,
    /// Where it is told.
    pub members: Option<u64>,
}

impl Client {
    /// Begins a thread on a message of a group. Whoever begins it is in it.
    ///
    /// # Errors
    /// [`crate::Condition::ThreadAlreadyExists`], [`crate::Condition::ThreadMessageUnsuitable`],
    /// [`crate::Condition::ThreadNested`], [`crate::Condition::ThreadNameInvalid`], and what else the server has against it.
    pub async fn create_thread(&self, group: &GroupId, message: MessageId, name: &str) -> Result<GroupId> {
        let owner = self.user().ok_or_else(|| {
            crate::Error::new(crate::Condition::NotLoggedIn).with_operation(Operation::Thread)
        });
        let body = json!({
            "group_id": group.as_str(),
            "msg_id": message.to_string(),
            "name": name,
            "owner": self.told(owner)?.as_str(),
        });
        let path = "/thread?resource={device}";
        let answer = self.call(call(Operation::Thread, Method::Post, path).with(body)).await?;
        self.told(thread_id(&answer["data"]["thread_id"]))
    }

    /// A thread.
    ///
    /// # Errors
    /// [`crate::Condition::ThreadNotFound`], and what else the server has against it.
    pub async fn thread(&self, thread: &GroupId) -> Result<Thread> {
        let answer = self.call(on(thread, Method::Get, "")).await?;
        self.told(read(&answer["data"]))
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// As [`Client::thread`]; [`crate::Condition::ThreadNameInvalid`].
    pub async fn rename_thread(&self, thread: &GroupId, name: &str) -> Result<()> {
        let rename = on(thread, Method::Put, "?resource={device}").with(json!({ "name": name }));
        self.call(rename).await.map(drop)
    }

    /// Ends it for everybody.
    ///
    /// # Errors
    /// As [`Client::thread`].
    pub async fn end_thread(&self, thread: &GroupId) -> Result<()> {
        self.call(on(thread, Method::Delete, "?resource={device}")).await.map(drop)
    }

    /// Joins it.
    ///
    /// # Errors
    /// As [`Client::thread`]; [`crate::Condition::ThreadMemberQuotaExceeded`].
    pub async fn join_thread(&self, thread: &GroupId) -> Result<Thread> {
        let rows = self.rows();
        let answer = self.call(on(thread, Method::Post, "/user/{me}/join?resource={device}")).await?;
        rows.note(vec![heard(thread, true)]).await;
        self.told(read(&answer["data"]["detail"]))
    }

    /// Leaves it.
    ///
    /// # Errors
    /// As [`Client::thread`].
    pub async fn leave_thread(&self, thread: &GroupId) -> Result<()> {
        let rows = self.rows();
        self.call(on(thread, Method::Delete, "/user/{me}/quit?resource={device}")).await?;
        rows.note(vec![heard(thread, false)]).await;
        Ok(())
    }

    /// Puts a member out of it.
    ///
    /// # Errors
    /// As [`Client::thread`].
    pub async fn remove_from_thread(&self, thread: &GroupId, member: &Username) -> Result<()> {
        let path = format!("/users/{}?resource={{device}}", part(member.as_str()));
        self.call(on(thread, Method::Delete, &path)).await.map(drop)
    }

    /// A page of its members, at most `size` (1 to 50).
    ///
    /// # Errors
    /// As [`Client::thread`]; [`crate::Condition::PageSizeInvalid`].
    pub async fn thread_members(
        &self,
        thread: &GroupId,
        size: u32,
        after: Option<&str>,
    ) -> Result<Page<Username>> {
        let path = format!("/users?{}", paging(size, after));
        let answer = self.call(on(thread, Method::Get, &path)).await?;
        let entries = self.told(users(&answer["data"]["affiliations"], Operation::Thread))?;
        Ok(page(entries, size, &answer))
    }

    /// A page of a group's threads, youngest first, at most `size` (1 to 50).
    ///
    /// # Errors
    /// [`crate::Condition::GroupNotFound`], [`crate::Condition::PageSizeInvalid`], and what else the server has against it.
    pub async fn threads_of(&self, group: &GroupId, size: u32, after: Option<&str>) -> Result<Page<Thread>> {
        let path = format!("/threads/chatgroups/{}", part(group.as_str()));
        self.threads(path, size, after).await
    }

    /// As [`Client::threads_of`], of the threads that this user is in; of one group, or of all.
    ///
    /// # Errors
    /// As [`Client::threads_of`].
    pub async fn joined_threads(
        &self,
        group: Option<&GroupId>,
        size: u32,
        after: Option<&str>,
    ) -> Result<Page<Thread>> {
        let path = match group {
            Some(group) => format!("/threads/chatgroups/{}/user/{{me}}", part(group.as_str())),
            None => "/threads/user/{me}".to_owned(),
        };
        self.threads(path, size, after).await
    }

    async fn threads(&self, path: String, size: u32, after: Option<&str>) -> Result<Page<Thread>> {
        let path = format!("{path}?{}", paging(size, after));
        let answer = self.call(call(Operation::Thread, Method::Get, path)).await?;
        let entries = list(&answer["entities"], Operation::Thread);
        let entries = self.told(entries.and_then(|entries| entries.iter().map(read).collect()))?;
        Ok(page(entries, size, &answer))
    }
}

/// Whether messages of a thread come from now on.
fn heard(thread: &GroupId, is_heard: bool) -> Write {
    let conversation = Conversation::Group(thread.clone());
    match is_heard {
        true => Write::Heard { conversation },
        false => Write::Unheard { conversation, since: ENDLESS },
    }
}

fn on(thread: &GroupId, method: Method, rest: &str) -> Call {
    call(Operation::Thread, method, format!("/thread/{}{rest}", part(thread.as_str())))
}

fn paging(size: u32, after: Option<&str>) -> String {
    format!("limit={size}&cursor={}", part(after.unwrap_or_default()))
}

/// The server names a cursor on the last page too; one that is not full is the last.
fn page<T>(entries: Vec<T>, size: u32, answer: &Value) -> Page<T> {
    let is_full = entries.len() as u64 >= u64::from(size);
    let next = cursor(&answer["properties"]["cursor"]).filter(|_| is_full);
    Page { entries, next }
}

fn read(value: &Value) -> Result<Thread> {
    let operation = Operation::Thread;
    Ok(Thread {
        id: thread_id(&value["id"])?,
        name: text(&value["name"], operation)?.to_owned(),
        owner: user(&value["owner"], operation)?,
        group: thread_id(&value["groupId"])?,
        message: value["msgId"].as_str().and_then(|id| id.parse().ok()).map(MessageId),
        created_at: Timestamp(number(&value["created"]).ok_or_else(|| malformed(operation))?),
        members: number(&value["affiliations_count"]),
    })
}

fn thread_id(value: &Value) -> Result<GroupId> {
    let operation = Operation::Thread;
    GroupId::parse(text(value, operation)?).map_err(|_| malformed(operation))
}
