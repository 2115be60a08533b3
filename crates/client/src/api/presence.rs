//! Presence: what users publish about themselves, and who follows it (msync.md 3.2).

use std::time::Duration;

use conditions::Operation;
use model::Username;
use serde_json::json;

use super::{call, list, names};
use crate::core::{Method, presences};
use crate::{Client, PresenceState, Result};

impl Client {
    /// Publishes a text of one's own, which those who follow this user are shown.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn publish_presence(&self, ext: &str) -> Result<()> {
        let path = "/users/{me}/presence/{device}/1";
        self.call(call(Operation::Presence, Method::Post, path).with(json!({ "ext": ext }))).await.map(drop)
    }

    /// Follows users for so long, and says how they are now; changes come as [`crate::Event::Presence`].
    ///
    /// # Errors
    /// [`crate::Condition::PresenceLimitReached`], and what else the server has against it.
    pub async fn follow_presence(&self, peers: &[Username], time: Duration) -> Result<Vec<PresenceState>> {
        self.check_users(Operation::PresenceSubscribe, peers)?;
        let path = format!("/users/{{me}}/presence/{}", time.as_secs());
        self.presence_call(Operation::PresenceSubscribe, path, peers).await
    }

    /// How users are now.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn presence(&self, peers: &[Username]) -> Result<Vec<PresenceState>> {
        self.check_users(Operation::PresenceQuery, peers)?;
        self.presence_call(Operation::PresenceQuery, "/users/{me}/presence".to_owned(), peers).await
    }

    /// Follows users no longer.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn unfollow_presence(&self, peers: &[Username]) -> Result<()> {
        self.check_users(Operation::PresenceUnsubscribe, peers)?;
        let call = call(Operation::PresenceUnsubscribe, Method::Delete, "/users/{me}/presence");
        self.call(call.with(names(peers))).await.map(drop)
    }

    async fn presence_call(
        &self,
        operation: Operation,
        path: String,
        peers: &[Username],
    ) -> Result<Vec<PresenceState>> {
        let body = json!({ "usernames": names(peers) });
        let answer = self.call(call(operation, Method::Post, path).with(body)).await?;
        self.told(list(&answer["result"], operation).map(|_| presences(&answer["result"])))
    }
}
