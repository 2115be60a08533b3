//! Deletes accounts. The name is free at once; the number never comes again, so nothing is inherited.

use std::sync::Arc;

use conditions::Condition;
use model::{CloseCause, CloseTarget, Hint, Uid};
use store::Account;

use crate::{Error, TRIES, Tenant, UseCases, UserPage};

impl UseCases {
    /// # Errors
    /// `user_not_found`; faults.
    pub async fn delete_user(&self, app: &Tenant, username: &str) -> Result<Arc<Account>, Error> {
        for _ in 0..TRIES {
            let account = self.get_user(app, username).await?;
            if self.remove(app, &account).await? {
                return Ok(account);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Deletes the oldest users after a cursor, at most `limit`.
    ///
    /// # Errors
    /// Faults; users deleted before the fault stay deleted.
    pub async fn delete_users(
        &self,
        app: &Tenant,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<UserPage, Error> {
        let page = self.list_users(app, after, limit).await?;
        let mut deleted = Vec::with_capacity(page.accounts.len());
        for account in page.accounts {
            if self.remove(app, &account).await? {
                deleted.push(account);
            }
        }
        Ok(UserPage { accounts: deleted, next: page.next })
    }

    async fn remove(&self, app: &Tenant, account: &Account) -> Result<bool, Error> {
        let (id, uid) = (app.value.id, account.user.uid);
        if !self.store.users.remove(id, account).await? {
            return Ok(false);
        }
        self.store.devices.forget(id, uid);
        self.store.inboxes.forget(id, uid);
        self.bus.publish(Hint::Close {
            app: id,
            uid,
            target: CloseTarget::All,
            cause: CloseCause::UserRemoved,
        });
        self.sweeps.request(id, uid);
        Ok(true)
    }
}
