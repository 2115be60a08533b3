//! Deactivates and activates accounts.

use std::sync::Arc;

use domain::account::User;
use model::{CloseCause, CloseTarget, Hint};
use store::Account;

use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// Bans a user: sessions end, tokens are void, logins are refused until he is activated.
    ///
    /// # Errors
    /// `user_not_found`; faults.
    pub async fn deactivate_user(&self, app: &Tenant, username: &str) -> Result<Arc<Account>, Error> {
        let account = self.set_active(app, username, false).await?;
        self.bus.publish(Hint::Close {
            app: app.value.id,
            uid: account.user.uid,
            target: CloseTarget::All,
            cause: CloseCause::UserDeactivated,
        });
        Ok(account)
    }

    /// Lets a banned user in again.
    ///
    /// # Errors
    /// `user_not_found`; faults.
    pub async fn activate_user(&self, app: &Tenant, username: &str) -> Result<Arc<Account>, Error> {
        self.set_active(app, username, true).await
    }

    async fn set_active(&self, app: &Tenant, username: &str, active: bool) -> Result<Arc<Account>, Error> {
        self.update_account(app, username, |account| {
            let epoch = if active { account.user.epoch } else { account.user.epoch.wrapping_add(1) };
            (User { active, epoch, ..account.user.clone() }, account.password_hash.clone())
        })
        .await
    }
}
