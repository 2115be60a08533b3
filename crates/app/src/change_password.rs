//! Changes a password. Tokens issued before are void and all sessions end (code 216).

use std::net::IpAddr;
use std::sync::Arc;

use conditions::Condition;
use domain::account::User;
use model::{CloseCause, CloseTarget, Hint, limits};
use store::Account;

use crate::{Error, Password, Tenant, UseCases};

impl UseCases {
    /// # Errors
    /// `new_password_missing`, `password_invalid`, `user_not_found`, `server_busy`; faults.
    pub async fn change_password(
        &self,
        app: &Tenant,
        username: &str,
        password: impl Into<Password<'_>>,
    ) -> Result<Arc<Account>, Error> {
        let password = password.into();
        let (Password::Plain(text) | Password::Digest(text)) = password;
        if text.is_empty() {
            return Err(Error::plain(Condition::NewPasswordMissing));
        }
        if text.len() > limits::PASSWORD_BYTES {
            return Err(Error::plain(Condition::PasswordInvalid));
        }
        self.get_user(app, username).await?;
        let password_hash = self.passwords.hash(password).await?;

        let account = self
            .update_account(app, username, |account| {
                let epoch = account.user.epoch.wrapping_add(1);
                (User { epoch, ..account.user.clone() }, password_hash.clone())
            })
            .await?;

        self.bus.publish(Hint::Close {
            app: app.value.id,
            uid: account.user.uid,
            target: CloseTarget::All,
            cause: CloseCause::PasswordChanged,
        });
        Ok(account)
    }

    /// Changes a password for its owner, who shows that he knows the present one.
    ///
    /// # Errors
    /// `password_missing` (the present one), `login_attempts_limited`, `password_wrong`, `user_banned`, then
    /// as [`UseCases::change_password`].
    pub async fn change_own_password(
        &self,
        app: &Tenant,
        owner: &Account,
        present: impl Into<Password<'_>>,
        password: impl Into<Password<'_>>,
        address: Option<IpAddr>,
    ) -> Result<Arc<Account>, Error> {
        let present = present.into();
        if matches!(present, Password::Plain("") | Password::Digest("")) {
            return Err(Error::plain(Condition::PasswordMissing));
        }
        let username = owner.user.name.as_str();
        self.check_password(app, username, present, address).await.map_err(|error| {
            match error.condition() {
                Condition::CredentialsWrong => Error::plain(Condition::PasswordWrong),
                _ => error,
            }
        })?;
        self.change_password(app, username, password).await
    }
}
