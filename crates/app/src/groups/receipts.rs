//! Who has read a group's message.

use conditions::Condition;
use domain::group::Rank;
use model::{ConversationId, MessageId, Timestamp};

use super::By;
use crate::{Error, Tenant, UseCases};

/// A page of readers.
#[derive(Clone, Debug)]
pub struct ReaderPage {
    /// In the order of their receipts.
    pub readers: Vec<(String, Timestamp)>,
    /// All who have read it.
    pub total: u64,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<u64>,
}

impl UseCases {
    /// Who has read a message, in the order of their receipts, after the `after`-th. Members may ask.
    ///
    /// # Errors
    /// `group_not_found`, `not_in_group`, `message_not_found`; faults.
    pub async fn group_readers(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        message: MessageId,
        after: u64,
        limit: usize,
    ) -> Result<ReaderPage, Error> {
        let (id, groups) = (app.value.id, &self.store.groups);
        let stored = self.look_into_group(app, by, group, Rank::Member).await?;
        let group = stored.group.id;
        let found = self.store.feeds.find_message(id, ConversationId::Group(group), message).await?;
        if found.is_none() {
            let message = vec![("message", message.to_string())];
            return Err(Error::refused(Condition::MessageNotFound, message));
        }
        let mut readers = groups.readers(id, group, message, after, limit.saturating_add(1)).await?;
        let has_more = readers.len() > limit;
        readers.truncate(limit);
        let next = readers.last().map(|(number, ..)| *number).filter(|_| has_more);
        let total = groups.reader_count(id, group, message).await?;
        Ok(ReaderPage { readers: readers.into_iter().map(|(_, name, at)| (name, at)).collect(), total, next })
    }
}
