//! Threads among groups: which one is about a message, and which ones a group or the app has.

use domain::group::Group;
use kv::{Batch, CellKey, Expect, Scan, Space, Template};
use model::{AppId, ConversationId, Feed, GroupId, MessageId, Uid};

use super::{Groups, Listing, id_of};
use crate::{StoreError, keys};

/// Which threads are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    All,
    Of(GroupId),
    /// Those that a user is in, among all groups that he is in.
    Joined(Uid),
}

impl Groups {
    /// The threads about some messages, in their order.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn threads_about(
        &self,
        app: AppId,
        messages: &[(GroupId, MessageId)],
    ) -> Result<Vec<Option<GroupId>>, StoreError> {
        let cell = |(group, message): &(GroupId, MessageId)| {
            CellKey::main(keys::thread_about(app, *group, *message))
        };
        let cells: Vec<CellKey> = messages.iter().map(cell).collect();
        let rows = self.kv.get_many(&cells).await?;
        rows.into_iter().map(|row| row.map(|row| id_of("thread of a message", &row)).transpose()).collect()
    }

    /// Threads of a list in the order in which they began, or the other way round, after `after` in that order. Of what
    /// a user is in these are all groups and threads.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn threads(
        &self,
        app: AppId,
        threads: Threads,
        after: Option<GroupId>,
        youngest_first: bool,
        limit: usize,
    ) -> Result<Vec<GroupId>, StoreError> {
        let (prefix, key): (_, Box<dyn Fn(GroupId) -> bytes::Bytes + Send>) = match threads {
            Threads::All => (
                keys::groups(app, Listing::Threads),
                Box::new(move |id| keys::listed_group(app, Listing::Threads, id)),
            ),
            Threads::Of(group) => {
                (keys::threads(app, group), Box::new(move |id| keys::thread(app, group, id)))
            }
            Threads::Joined(uid) => (
                keys::group_inboxes(app, uid),
                Box::new(move |id| keys::inbox(app, uid, Feed::Conversation(ConversationId::Group(id)))),
            ),
        };
        let mut scan = Scan::prefix(Space::Main, prefix, limit);
        scan.reverse = youngest_first;
        match after {
            Some(after) if youngest_first => scan.to = Some(key(after)),
            Some(after) => scan.from = key(GroupId(after.0.saturating_add(1))),
            None => {}
        }
        let rows = self.scan(scan).await?;
        rows.iter().map(|(key, _)| id_of("list of threads", key)).collect()
    }
}

/// A new thread: the only one about its message.
pub(super) fn put(batch: &mut Batch, app: AppId, thread: &Group) {
    let Some((parent, topic)) = thread.parent.zip(thread.topic) else { return };
    let about = keys::thread_about(app, parent, topic);
    batch.check(CellKey::main(about.clone()), Expect::Absent);
    batch.put(Space::Main, about, Template::new().bytes(&thread.id.0.to_be_bytes()));
    batch.put(Space::Main, keys::thread(app, parent, thread.id), bytes::Bytes::new());
    batch.put(Space::Main, keys::listed_group(app, Listing::Threads, thread.id), bytes::Bytes::new());
}

pub(super) fn delete(batch: &mut Batch, app: AppId, thread: &Group) {
    let Some((parent, topic)) = thread.parent.zip(thread.topic) else { return };
    batch.delete(CellKey::main(keys::thread_about(app, parent, topic)));
    batch.delete(CellKey::main(keys::thread(app, parent, thread.id)));
    batch.delete(CellKey::main(keys::listed_group(app, Listing::Threads, thread.id)));
}
