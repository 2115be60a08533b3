//! What was said before, as the server keeps it (msync.md 3.2: `messageroaming`).

use conditions::{Condition, Operation};
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use serde_json::json;

use super::{call, cursor, list, malformed, text};
use crate::checks::page;
use crate::core::{Method, history_entry};
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

impl Client {
    /// A page of at most `size` (1 to 50) messages of a conversation.
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
        Ok(HistoryPage { messages: self.told(entries)?, next })
    }
}
