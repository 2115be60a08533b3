//! Mutes users in the whole app, and says who is muted.

use std::sync::Arc;

use conditions::Condition;
use domain::account::User;
use domain::mute::{MuteKind, SetMute};
use store::Account;

use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// Sets or lifts a user's mutes; kinds that are not named stay as they are.
    ///
    /// # Errors
    /// `service_not_enabled`, `user_not_found`; faults.
    pub async fn mute_user(
        &self,
        app: &Tenant,
        username: &str,
        sets: &[(MuteKind, SetMute)],
    ) -> Result<Arc<Account>, Error> {
        mutes_enabled(app)?;
        let now = self.now();
        self.update_account(app, username, |account| {
            let set =
                |mutes: domain::mute::Mutes, (kind, set): &(MuteKind, SetMute)| mutes.with(*kind, *set, now);
            let mutes = sets.iter().fold(account.user.mutes, set);
            (User { mutes, ..account.user.clone() }, account.password_hash.clone())
        })
        .await
    }

    /// A user, with his mutes.
    ///
    /// # Errors
    /// As [`UseCases::mute_user`].
    pub async fn get_mutes(&self, app: &Tenant, username: &str) -> Result<Arc<Account>, Error> {
        mutes_enabled(app)?;
        self.get_user(app, username).await
    }

    /// Users with a mute that was not lifted, in the order of their registration.
    ///
    /// # Errors
    /// `service_not_enabled`; faults.
    pub async fn muted_users(
        &self,
        app: &Tenant,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, Error> {
        mutes_enabled(app)?;
        Ok(self.store.users.muted(app.value.id, skip, limit).await?)
    }
}

fn mutes_enabled(app: &Tenant) -> Result<(), Error> {
    if app.value.settings.mutes_enabled {
        return Ok(());
    }
    Err(Error::refused(Condition::ServiceNotEnabled, vec![("feature", "mute".to_owned())]))
}
