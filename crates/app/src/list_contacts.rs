//! Reads contact lists and block lists.

use domain::account::User;
use domain::block;
use domain::contact::{self, Contact};
use model::{Uid, Username};

use crate::{Error, Tenant, UseCases};

/// A part of a list of users.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// After whom the next part begins; `None` on the last one.
    pub next: Option<Uid>,
}

impl UseCases {
    /// A user's contacts in a fixed order, after one of them.
    ///
    /// # Errors
    /// [`contact::ContactRefused::Off`], `user_not_found`; faults.
    pub async fn list_contacts(
        &self,
        app: &Tenant,
        user: &str,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<Page<(Username, Contact)>, Error> {
        contact::decide_access(&app.value.settings)?;
        let uid = self.get_user(app, user).await?.user.uid;
        let mut rows = self.store.contacts.list(app.value.id, uid, after, limit.saturating_add(1)).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|(peer, _)| *peer).filter(|_| more);
        let mut items = Vec::with_capacity(rows.len());
        for (peer, contact) in rows {
            items.extend(self.name_of(app, peer).await?.map(|name| (name, contact)));
        }
        Ok(Page { items, next })
    }

    /// All contacts of a user.
    ///
    /// # Errors
    /// As [`UseCases::list_contacts`].
    pub async fn all_contacts(&self, app: &Tenant, user: &str) -> Result<Vec<(Username, Contact)>, Error> {
        const READ_AT_ONCE: usize = 1000;
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.list_contacts(app, user, after, READ_AT_ONCE).await?;
            all.extend(page.items);
            if page.next.is_none() {
                return Ok(all);
            }
            after = page.next;
        }
    }

    /// Which of these are a user's contacts, in their order. Who is not there is none.
    ///
    /// # Errors
    /// [`contact::ContactRefused::Off`], `user_not_found` for the user; faults.
    pub async fn are_contacts(&self, app: &Tenant, user: &str, peers: &[String]) -> Result<Vec<bool>, Error> {
        contact::decide_access(&app.value.settings)?;
        let uid = self.get_user(app, user).await?.user.uid;
        let peers = self.numbers_of(app, peers).await?;
        let known: Vec<Uid> = peers.iter().flatten().copied().collect();
        let mut found = self.store.contacts.are_contacts(app.value.id, uid, &known).await?.into_iter();
        Ok(peers.iter().map(|peer| peer.is_some() && found.next().unwrap_or(false)).collect())
    }

    /// Whom a user blocks, the latest first.
    ///
    /// # Errors
    /// [`block::BlockRefused::Off`], `user_not_found`; faults.
    pub async fn list_blocked(&self, app: &Tenant, user: &str) -> Result<Vec<Username>, Error> {
        block::decide_access(&app.value.settings)?;
        let account = self.get_user(app, user).await?;
        let list = self.store.blocks.get(app.value.id, &account.user).await?;
        let mut names = Vec::with_capacity(list.0.len());
        for uid in list.0.iter().rev() {
            names.extend(self.name_of(app, *uid).await?);
        }
        Ok(names)
    }

    /// Which of these a user blocks, in their order.
    ///
    /// # Errors
    /// [`block::BlockRefused::Off`], `user_not_found` for the user; faults.
    pub async fn are_blocked(&self, app: &Tenant, user: &str, peers: &[String]) -> Result<Vec<bool>, Error> {
        block::decide_access(&app.value.settings)?;
        let account = self.get_user(app, user).await?;
        let list = self.store.blocks.get(app.value.id, &account.user).await?;
        let peers = self.numbers_of(app, peers).await?;
        Ok(peers.into_iter().map(|peer| peer.is_some_and(|peer| list.contains(peer))).collect())
    }

    /// Whether a user blocks another, as far as the app has block lists. Reads nothing for a user who blocks nobody.
    pub(crate) async fn blocks(&self, app: &Tenant, user: &User, other: Uid) -> Result<bool, Error> {
        if user.blocks == 0 || !app.value.settings.blocks_enabled {
            return Ok(false);
        }
        Ok(self.store.blocks.get(app.value.id, user).await?.contains(other))
    }

    async fn name_of(&self, app: &Tenant, uid: Uid) -> Result<Option<Username>, Error> {
        let account = self.store.users.get(app.value.id, uid).await?;
        Ok(account.map(|account| account.user.name.clone()))
    }

    pub(crate) async fn numbers_of(&self, app: &Tenant, names: &[String]) -> Result<Vec<Option<Uid>>, Error> {
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            numbers.push(self.find_user(app, name).await?.map(|account| account.user.uid));
        }
        Ok(numbers)
    }
}
