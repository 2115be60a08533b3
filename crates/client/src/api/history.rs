//! What was said before, as the server keeps it (msync.md 3.2: `messageroaming`).

use std::collections::VecDeque;

use conditions::{Condition, Operation};
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use model::{MessageId, Username};
use serde_json::json;

use super::{call, cursor, list, malformed, text};
use crate::checks::page;
use crate::core::{Method, history_entry};
use crate::storage::ENDLESS;
use crate::{Client, Conversation, Error, Message, Result};

/// Which end of a conversation comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryOrder {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// A part of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    /// In the order that was asked for.
    pub messages: Vec<Message>,
    /// For the next call; `None`: that was all.
    pub next: Option<String>,
}

/// Pages whose ends are remembered.
const ENDS_LIMIT: usize = 256;

/// Whose history of what is read, and from which end. A server may give the same cursor for another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    user: Username,
    conversation: Conversation,
    order: HistoryOrder,
}

/// Which message the page before a cursor ended with, so that the next page is known to join it.
#[derive(Debug, Default)]
pub(crate) struct HistoryEnds(VecDeque<(Reading, String, MessageId)>);

impl HistoryEnds {
    fn of(&self, reading: &Reading, cursor: &str) -> Option<MessageId> {
        let mut ends = self.0.iter().rev();
        ends.find(|(known, at, _)| known == reading && at == cursor).map(|(_, _, end)| *end)
    }

    fn note(&mut self, reading: Reading, cursor: &str, end: MessageId) {
        self.0.push_back((reading, cursor.to_owned(), end));
        if self.0.len() > ENDS_LIMIT {
            self.0.pop_front();
        }
    }
}

/// From which message to which one a page leaves nothing out. `begin`: the message that the page before it ended with,
/// `None`: nobody knows. The first and the last page reach to the conversation's ends.
fn span(order: HistoryOrder, begin: Option<MessageId>, page: &HistoryPage) -> Option<(MessageId, MessageId)> {
    let ids = || page.messages.iter().map(|message| message.id);
    let is_last = page.next.is_none();
    let (low, high) = match order {
        HistoryOrder::NewestFirst => {
            let low = if is_last { Some(MessageId(0)) } else { ids().min() };
            (low, begin.or(ids().max()))
        }
        HistoryOrder::OldestFirst => {
            let high = if is_last { Some(ENDLESS) } else { ids().max() };
            (begin.or(ids().min()), high)
        }
    };
    low.zip(high).filter(|(low, high)| low <= high)
}

impl Client {
    /// A page of at most `size` (1 to 50) messages of a conversation. With [`crate::Builder::data_folder`] it is in the database
    /// afterwards, where [`crate::storage::Record::follows_gap`] says what is still missing.
    ///
    /// # Errors
    /// [`Condition::ArgumentInvalid`] for another size, [`Condition::RoamingDisabled`] where the app keeps none, and what
    /// else the server has against it.
    pub async fn history(
        &self,
        conversation: &Conversation,
        order: HistoryOrder,
        size: u32,
        after: Option<&str>,
    ) -> Result<HistoryPage> {
        let operation = Operation::Roaming;
        self.told(page(size, 50))?;
        let me = self.user().ok_or_else(|| Error::new(Condition::NotLoggedIn).with_operation(operation));
        let me = self.told(me)?;
        let archive = self.archive();
        let domain = if matches!(conversation, Conversation::User(_)) { USER_DOMAIN } else { GROUP_DOMAIN };
        let body = json!({
            "queue": format!("{conversation}@{domain}"),
            "start": after.unwrap_or("-1"),
            "end": "-1",
            "pull_number": size,
            "is_positive": order == HistoryOrder::OldestFirst,
        });
        let call = call(operation, Method::Post, "/users/{me}/messageroaming").with(body);
        let answer = self.call(call).await?;
        let data = &answer["data"];
        let entries = list(&data["msgs"], operation).and_then(|entries| {
            let read = |entry: &serde_json::Value| {
                let meta = text(&entry["msg"], operation)?;
                history_entry(meta, &me).map_err(|()| malformed(operation))
            };
            entries.iter().filter_map(|entry| read(entry).transpose()).collect::<Result<Vec<Message>>>()
        });
        let is_last = data["is_last"].as_bool().unwrap_or(false);
        let next = cursor(&data["next_key"]).filter(|_| !is_last);
        let page = HistoryPage { messages: self.told(entries)?, next };
        let first = match order {
            HistoryOrder::NewestFirst => ENDLESS,
            HistoryOrder::OldestFirst => MessageId(0),
        };
        let reading = Reading { user: me, conversation: conversation.clone(), order };
        let begin = match after {
            None => Some(first),
            Some(cursor) => self.history_ends().lock().of(&reading, cursor),
        };
        if let Some(cursor) = &page.next
            && let Some(end) = page.messages.last().map(|message| message.id).or(begin)
        {
            self.history_ends().lock().note(reading, cursor, end);
        }
        if let Some(span) = span(order, begin, &page)
            && !matches!(conversation, Conversation::Room(_))
        {
            archive.keep(conversation, span, &page.messages).await;
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_known_to_whom_it_was_given_for_what_it_was_given() {
        let reading = |user: &str, peer: &str, order| Reading {
            user: Username::parse(user).unwrap(),
            conversation: Conversation::user(peer).unwrap(),
            order,
        };
        let own = reading("anna", "bert", HistoryOrder::NewestFirst);
        let mut ends = HistoryEnds::default();
        ends.note(own.clone(), "5", MessageId(5));
        assert_eq!(ends.of(&own, "5"), Some(MessageId(5)));
        for (other, cursor) in [
            (own, "6"),
            (reading("cora", "bert", HistoryOrder::NewestFirst), "5"),
            (reading("anna", "cora", HistoryOrder::NewestFirst), "5"),
            (reading("anna", "bert", HistoryOrder::OldestFirst), "5"),
        ] {
            assert_eq!(ends.of(&other, cursor), None, "{other:?} {cursor}");
        }
    }
}
