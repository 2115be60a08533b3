//! Changes an account: the shared read-decide-write of everything that does.

use std::sync::Arc;

use conditions::Condition;
use domain::account::{User, decide_nickname};
use store::{Account, PasswordHash};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Sets or clears a user's push nickname.
    ///
    /// # Errors
    /// `user_not_found`, `nickname_too_long`; faults.
    pub async fn set_nickname(
        &self,
        app: &Tenant,
        username: &str,
        nickname: &str,
    ) -> Result<Arc<Account>, Error> {
        decide_nickname(Some(nickname))?;
        let nickname = Some(nickname.to_owned()).filter(|nickname| !nickname.is_empty());
        self.update_account(app, username, |account| {
            (User { nickname: nickname.clone(), ..account.user.clone() }, account.password_hash.clone())
        })
        .await
    }

    /// Writes what `change` makes of an account; runs again when the account changed meanwhile.
    pub(crate) async fn update_account(
        &self,
        app: &Tenant,
        username: &str,
        change: impl Fn(&Account) -> (User, PasswordHash),
    ) -> Result<Arc<Account>, Error> {
        for _ in 0..TRIES {
            let account = self.get_user(app, username).await?;
            let (user, password_hash) = change(&account);
            let user = User { modified: self.now(), ..user };
            let users = &self.store.users;
            if let Some(updated) = users.update(app.value.id, &account, user, password_hash).await? {
                return Ok(updated);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
