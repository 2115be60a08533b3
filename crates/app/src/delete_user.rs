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
        let account = self.get_user(app, username).await?;
        match self.remove_as_it_is(app, account).await? {
            Some(removed) => Ok(removed),
            // Somebody else was faster.
            None => {
                let user = domain::account::printable(username);
                Err(Error::refused(Condition::UserNotFound, vec![("user", user)]))
            }
        }
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
            deleted.extend(self.remove_as_it_is(app, account).await?);
        }
        Ok(UserPage { accounts: deleted, next: page.next })
    }

    /// Removes an account, also when it changes meanwhile; `None` when it is gone.
    async fn remove_as_it_is(
        &self,
        app: &Tenant,
        mut account: Arc<Account>,
    ) -> Result<Option<Arc<Account>>, Error> {
        for _ in 0..TRIES {
            if self.remove(app, &account).await? {
                return Ok(Some(account));
            }
            match self.store.users.get(app.value.id, account.user.uid).await? {
                Some(changed) => account = changed,
                None => return Ok(None),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
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
        self.sweeps.request(id);
        Ok(true)
    }
}
