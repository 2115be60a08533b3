//! Looks users and their devices up.

use std::sync::Arc;

use conditions::Condition;
use model::{Uid, Username};
use store::Account;

use crate::{Error, Tenant, UseCases};

/// A page of users in the order of their creation.
#[derive(Clone, Debug)]
pub struct UserPage {
    pub accounts: Vec<Arc<Account>>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Uid>,
}

/// A device that is connected now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub resource: String,
    pub uuid: String,
    pub name: String,
}

impl UseCases {
    /// The account of a name as a caller wrote it.
    ///
    /// # Errors
    /// `user_not_found`, also for what can't be a name; faults.
    pub async fn get_user(&self, app: &Tenant, username: &str) -> Result<Arc<Account>, Error> {
        match self.find_user(app, username).await? {
            Some(account) => Ok(account),
            None => {
                let user = domain::account::printable(username);
                Err(Error::refused(Condition::UserNotFound, vec![("user", user)]))
            }
        }
    }

    /// The users among these names; others are passed over.
    ///
    /// # Errors
    /// Faults.
    pub async fn find_uids(&self, app: &Tenant, names: &[String]) -> Result<Vec<Uid>, Error> {
        let mut uids = Vec::with_capacity(names.len());
        for name in names {
            uids.extend(self.find_user(app, name).await?.map(|account| account.user.uid));
        }
        Ok(uids)
    }

    /// The account of a name as a caller wrote it, if there is one.
    ///
    /// # Errors
    /// Faults.
    pub async fn find_user(&self, app: &Tenant, username: &str) -> Result<Option<Arc<Account>>, Error> {
        let Ok(name) = Username::parse(username) else { return Ok(None) };
        Ok(self.store.users.find(app.value.id, &name).await?)
    }

    /// Users after a cursor.
    ///
    /// # Errors
    /// Faults.
    pub async fn list_users(
        &self,
        app: &Tenant,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<UserPage, Error> {
        let mut accounts = self.store.users.list(app.value.id, after, limit.saturating_add(1)).await?;
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        let next = if more { accounts.last().map(|account| account.user.uid) } else { None };
        Ok(UserPage { accounts, next })
    }

    /// Whether a user has a live session.
    ///
    /// # Errors
    /// Faults.
    pub async fn is_online(&self, app: &Tenant, account: &Account) -> Result<bool, Error> {
        Ok(!self.live_devices(app, account).await?.is_empty())
    }

    /// The devices of a user that are connected now.
    ///
    /// # Errors
    /// Faults.
    pub async fn live_devices(&self, app: &Tenant, account: &Account) -> Result<Vec<Device>, Error> {
        let stored = self.store.devices.get(app.value.id, account.user.uid).await?;
        let connections = self.online.connections(app.value.id, account.user.uid);
        let live = |device: &&domain::device::Device| {
            device.session.is_some_and(|session| connections.contains(&session.connection()))
        };
        let devices = stored.devices.list.iter().filter(live).map(|device| Device {
            resource: device.resource.to_string(),
            uuid: device.uuid.clone(),
            name: device.name.clone(),
        });
        Ok(devices.collect())
    }
}
