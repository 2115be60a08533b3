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

    /// Changes this user's password. Sessions end with it that were opened before, so log in anew with the new one.
    ///
    /// # Errors
    /// Of [`crate::checks::Checks::password`]; [`crate::Condition::PasswordWrong`] for another than the present one, and what
    /// else the server has against it.
    pub async fn change_password(&self, present: &str, new: &str) -> Result<()> {
        self.told(self.checks().password(new))?;
        let body = json!({ "oldpassword": present, "newpassword": new });
        let call = call(Operation::UserPassword, Method::Put, "/users/{me}/password");
        self.call(call.with(body)).await.map(drop)
    }
}
