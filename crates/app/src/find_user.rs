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

/// Administrators that a list looks at; apps have a handful.
const ADMINS_READ: usize = 10_000;
/// Users passed over at a time on the way to a page.
const USERS_PASSED: usize = 1_000;

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

    /// The account of a number; `None` when it is gone.
    ///
    /// # Errors
    /// Faults.
    pub async fn find_account(&self, app: &Tenant, uid: Uid) -> Result<Option<Arc<Account>>, Error> {
        Ok(self.store.users.get(app.value.id, uid).await?)
    }

    /// Registered users.
    ///
    /// # Errors
    /// Faults.
    pub async fn count_users(&self, app: &Tenant) -> Result<u64, Error> {
        Ok(self.store.users.count(app.value.id).await?)
    }

    /// A page of administrators by its place in the list, in the order of their registration; and how many there are.
    ///
    /// # Errors
    /// Faults.
    pub async fn list_admins(
        &self,
        app: &Tenant,
        skip: usize,
        limit: usize,
    ) -> Result<(usize, Vec<Arc<Account>>), Error> {
        let all = self.store.users.admins(app.value.id, 0, ADMINS_READ).await?;
        let total = all.len();
        Ok((total, all.into_iter().skip(skip).take(limit).collect()))
    }

    /// A page of users by its place in the list, in the order of their registration.
    ///
    /// # Errors
    /// Faults.
    pub async fn users_from(
        &self,
        app: &Tenant,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, Error> {
        let (mut after, mut left) = (None, skip);
        while left > 0 {
            let passed = self.store.users.list(app.value.id, after, left.min(USERS_PASSED)).await?;
            let Some(last) = passed.last() else { return Ok(Vec::new()) };
            (after, left) = (Some(last.user.uid), left - passed.len());
        }
        Ok(self.store.users.list(app.value.id, after, limit).await?)
    }

    /// All devices of a user that are remembered, and whether each is connected now; none: he never logged in.
    ///
    /// # Errors
    /// Faults.
    pub async fn known_devices(
        &self,
        app: &Tenant,
        account: &Account,
    ) -> Result<Vec<(domain::device::Device, bool)>, Error> {
        let stored = self.store.devices.get(app.value.id, account.user.uid).await?;
        let connections = self.online.connections(app.value.id, account.user.uid);
        let with_state = |device: &domain::device::Device| {
            let is_live = device.session.is_some_and(|session| connections.contains(&session.connection()));
            (device.clone(), is_live)
        };
        Ok(stored.devices.list.iter().map(with_state).collect())
    }

    /// Whether a user has a live session.
    ///
    /// # Errors
    /// Faults.
    pub async fn is_online(&self, app: &Tenant, account: &Account) -> Result<bool, Error> {
        Ok(!self.live_devices(app, account).await?.is_empty())
    }

    /// Holds that somebody hears what is said to those who are there now: that a user has a connection, but for that of one
    /// device (`besides`).
    ///
    /// # Errors
    /// `recipient_offline`; faults.
    pub async fn check_listens(
        &self,
        app: &Tenant,
        account: &Account,
        besides: Option<&str>,
    ) -> Result<(), Error> {
        let live = self.live_devices(app, account).await?;
        match live.iter().any(|device| Some(device.resource.as_str()) != besides) {
            true => Ok(()),
            false => Err(Error::plain(Condition::RecipientOffline)),
        }
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
