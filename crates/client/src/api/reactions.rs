//! Reactions to messages (msync.md 3.2).

use conditions::Operation;
use model::MessageId;
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
        let body = json!({ "msgId": id.to_string(), "message": reaction });
        self.call(call(Operation::Reaction, Method::Post, "/reaction/user/{me}").with(body)).await?;
        self.note_reaction(id, reaction, true).await;
        Ok(())
    }

    /// Takes a reaction back.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn unreact(&self, id: MessageId, reaction: &str) -> Result<()> {
        let path = format!("/reaction/user/{{me}}?msgId={id}&message={}", part(reaction));
        self.call(call(Operation::Reaction, Method::Delete, path)).await?;
        self.note_reaction(id, reaction, false).await;
        Ok(())
    }

    async fn note_reaction(&self, id: MessageId, reaction: &str, is_there: bool) {
        let Some(by) = self.user() else { return };
        self.note(vec![Write::Reacted { id, by, reaction: reaction.to_owned(), is_there }]).await;
    }
}
