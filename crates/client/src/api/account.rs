//! The user's own account.

use conditions::Operation;
use serde_json::json;

use super::call;
use crate::core::Method;
use crate::{Client, Result};

impl Client {
    /// Registers a user, where the app permits that to everybody. Nobody may be logged in.
    ///
    /// # Errors
    /// Of [`crate::checks::Checks::user_name`] and [`crate::checks::Checks::password`];
    /// [`crate::Condition::UserAlreadyExists`], [`crate::Condition::RegistrationFailed`] and what else the server has
    /// against it.
    pub async fn register(&self, user: &str, password: &str) -> Result<()> {
        let user = self.told(self.checks().user_name(user))?;
        self.told(self.checks().password(password))?;
        let body = json!({ "username": user.as_str(), "password": password });
        let call = call(Operation::UserRegister, Method::Post, "/users").with(body).open();
        self.call(call).await.map(drop)
    }
}
