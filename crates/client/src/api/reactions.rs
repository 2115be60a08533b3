//! Reactions to messages (msync.md 3.2).

use conditions::Operation;
use model::{MessageId, Username};
use serde_json::json;

use super::{call, part};
use crate::core::Method;
use crate::storage::Write;
use crate::{Client, Result};

impl Client {
    /// Reacts to a message.
    ///
    /// # Errors
    /// [`crate::Condition::ReactionAlreadyExists`], and what else the server has against it.
    pub async fn react(&self, id: MessageId, reaction: &str) -> Result<()> {
        let (rows, by) = (self.rows(), self.user());
        let body = json!({ "msgId": id.to_string(), "message": reaction });
        self.call(call(Operation::Reaction, Method::Post, "/reaction/user/{me}").with(body)).await?;
        rows.note(reacted(id, by, reaction, true)).await;
        Ok(())
    }

    /// Takes a reaction back.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn unreact(&self, id: MessageId, reaction: &str) -> Result<()> {
        let (rows, by) = (self.rows(), self.user());
        let path = format!("/reaction/user/{{me}}?msgId={id}&message={}", part(reaction));
        self.call(call(Operation::Reaction, Method::Delete, path)).await?;
        rows.note(reacted(id, by, reaction, false)).await;
        Ok(())
    }
}

/// What this user did to a message, for the database.
fn reacted(id: MessageId, by: Option<Username>, reaction: &str, is_there: bool) -> Vec<Write> {
    let write = |by| Write::Reacted { id, by, reaction: reaction.to_owned(), is_there };
    by.map(write).into_iter().collect()
}
