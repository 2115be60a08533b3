//! Publishes presence, follows that of others, and shows it.

use std::sync::Arc;

use conditions::Condition;
use domain::presence::{
    self, Publication, Publish, SubscribeView, decide_names, decide_publish, decide_subscribe,
};
use model::{Presence, Timestamp, Uid, Username};
use store::{Account, Written};

use crate::presence_changes::Change;
use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Publishes a user's words and the state of one of his devices.
    ///
    /// # Errors
    /// Those of [`decide_publish`], `user_not_found`; faults.
    pub async fn publish_presence(
        &self,
        app: &Tenant,
        user: &str,
        publish: Publish<'_>,
    ) -> Result<(), Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let stored = self.store.presence.publications(id, &[account.user.uid]).await?;
            let stored = &stored[0];

            let settings = &app.value.settings;
            let publication = decide_publish(settings, &stored.publication, publish, self.now())?;

            if self.store.presence.publish(id, &account, stored, &publication).await? {
                self.presence_changes.note(id, account.user.uid, Change::Published);
                return Ok(());
            }
            self.store.users.forget(id, account.user.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Lets a user follow others for a time, and shows them. Names that nobody has are passed over.
    ///
    /// # Errors
    /// Those of [`decide_names`] and [`decide_subscribe`], `user_not_found` for the user; faults.
    pub async fn subscribe_presence(
        &self,
        app: &Tenant,
        user: &str,
        names: &[String],
        seconds: u64,
    ) -> Result<Vec<Presence>, Error> {
        let (id, settings) = (app.value.id, &app.value.settings);
        decide_names(settings, names.len())?;
        let uid = self.get_user(app, user).await?.user.uid;
        for _ in 0..TRIES {
            let accounts = self.accounts_of(app, names).await?;
            let now = self.now();
            let followed = self.store.presence.followed(id, uid).await?;
            let mut targets = Vec::with_capacity(accounts.len());
            for account in &accounts {
                targets.push((account.user.uid, self.follower_count(app, account, uid, now).await?));
            }

            let view = SubscribeView { settings, uid, followed: &followed, targets: &targets };
            let until = decide_subscribe(view, seconds, now)?;

            match self.store.presence.subscribe(id, uid, &accounts, until, &followed, now).await? {
                Written::Done(_) => {
                    let mut shown = self.shown(app, &accounts).await?;
                    shown.iter_mut().for_each(|presence| presence.until = Some(until));
                    return Ok(shown);
                }
                Written::FactsMoved => {
                    accounts.iter().for_each(|account| self.store.users.forget(id, account.user.uid));
                }
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Lets a user follow others no longer. Names that nobody has are passed over.
    ///
    /// # Errors
    /// Those of [`decide_names`], `user_not_found` for the user; faults.
    pub async fn unsubscribe_presence(
        &self,
        app: &Tenant,
        user: &str,
        names: &[String],
    ) -> Result<(), Error> {
        decide_names(&app.value.settings, names.len())?;
        let uid = self.get_user(app, user).await?.user.uid;
        let accounts = self.accounts_of(app, names).await?;
        let targets: Vec<Uid> = accounts.iter().map(|account| account.user.uid).collect();
        Ok(self.store.presence.unsubscribe(app.value.id, uid, &targets).await?)
    }

    /// What is shown of users now. Names that nobody has are passed over.
    ///
    /// # Errors
    /// Those of [`decide_names`]; faults.
    pub async fn presence_of(&self, app: &Tenant, names: &[String]) -> Result<Vec<Presence>, Error> {
        decide_names(&app.value.settings, names.len())?;
        let accounts = self.accounts_of(app, names).await?;
        self.shown(app, &accounts).await
    }

    /// Whom a user follows, with the ends of the subscriptions, by a fixed order.
    ///
    /// # Errors
    /// [`presence::PresenceRefused::Off`], `user_not_found`; faults.
    pub async fn followed_presence(
        &self,
        app: &Tenant,
        user: &str,
    ) -> Result<Vec<(Username, Timestamp)>, Error> {
        presence::decide_access(&app.value.settings)?;
        let id = app.value.id;
        let uid = self.get_user(app, user).await?.user.uid;
        let now = self.now();
        let mut followed = Vec::new();
        for (target, until) in self.store.presence.followed(id, uid).await? {
            if until > now
                && let Some(account) = self.store.users.get(id, target).await?
            {
                followed.push((account.user.name.clone(), until));
            }
        }
        Ok(followed)
    }

    /// What is shown of accounts now, in their order.
    pub(crate) async fn shown(
        &self,
        app: &Tenant,
        accounts: &[Arc<Account>],
    ) -> Result<Vec<Presence>, Error> {
        let id = app.value.id;
        let uids: Vec<Uid> = accounts.iter().map(|account| account.user.uid).collect();
        let published = self.store.presence.publications(id, &uids).await?;
        let mut all = Vec::with_capacity(accounts.len());
        for (account, published) in accounts.iter().zip(published) {
            all.push(self.show(app, account, &published.publication).await?);
        }
        Ok(all)
    }

    async fn show(
        &self,
        app: &Tenant,
        account: &Account,
        publication: &Publication,
    ) -> Result<Presence, Error> {
        let (id, uid) = (app.value.id, account.user.uid);
        let stored = self.store.devices.get(id, uid).await?;
        let connections = self.online.connections(id, uid);
        let is_live = |device: &domain::device::Device| {
            device.session.is_some_and(|session| connections.contains(&session.connection()))
        };
        Ok(presence::shown(&account.user.name, publication, &stored.devices, is_live))
    }

    /// The accounts of names, each once.
    async fn accounts_of(&self, app: &Tenant, names: &[String]) -> Result<Vec<Arc<Account>>, Error> {
        let mut accounts: Vec<Arc<Account>> = Vec::with_capacity(names.len());
        for name in names {
            let found = self.find_user(app, name).await?;
            let is_new = |found: &Arc<Account>| accounts.iter().all(|known| known.user.uid != found.user.uid);
            accounts.extend(found.filter(is_new));
        }
        Ok(accounts)
    }

    /// How many others follow a user. Nothing is read of one whom nobody ever followed.
    async fn follower_count(
        &self,
        app: &Tenant,
        account: &Account,
        but: Uid,
        now: Timestamp,
    ) -> Result<usize, Error> {
        if !account.user.followed {
            return Ok(0);
        }
        let followers = self.store.presence.followers(app.value.id, account.user.uid, now).await?;
        Ok(followers.iter().filter(|(uid, _)| *uid != but).count())
    }
}
