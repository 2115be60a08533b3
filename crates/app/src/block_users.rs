//! Puts users on a block list and takes them off.

use conditions::Condition;
use domain::block::{
    BlockAccepted, BlockList, BlockRefused, decide_block, decide_block_new, decide_may_block, decide_names,
    decide_unblock, decide_unblock_listed,
};
use model::{ContactChange, ContactNews, News, Uid, Username};
use store::{Account, Written};

use crate::event_log::{ActingDevice, UserNews};
use crate::{Error, TRIES, Tenant, UseCases};

type Peers = [(String, Option<(Uid, Username)>)];

impl UseCases {
    /// Whether users may be blocked, by the one who does not want to hear them (`by_user`) or by the app's back end.
    ///
    /// # Errors
    /// Those of [`decide_may_block`].
    pub fn check_may_block(&self, app: &Tenant, by_user: bool) -> Result<(), Error> {
        Ok(decide_may_block(&app.value.settings, by_user)?)
    }

    /// Blocks users: they can neither write to the user nor ask to be his contacts. Gives their names.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_names`] and [`decide_block`]; faults.
    pub async fn block_users(
        &self,
        app: &Tenant,
        user: &str,
        peers: &[String],
        device: Option<&ActingDevice>,
    ) -> Result<Vec<Username>, Error> {
        let decide =
            |owner: &Account, list: &BlockList, peers: &Peers| decide_block(&owner.user, list, peers);
        self.change_blocks(app, user, peers, device, ContactChange::Blocked, decide).await
    }

    /// Blocks users no longer. Gives their names.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_names`] and [`decide_unblock`]; faults.
    pub async fn unblock_users(
        &self,
        app: &Tenant,
        user: &str,
        peers: &[String],
        device: Option<&ActingDevice>,
    ) -> Result<Vec<Username>, Error> {
        let decide = |_: &Account, list: &BlockList, peers: &Peers| decide_unblock(list, peers);
        self.change_blocks(app, user, peers, device, ContactChange::Unblocked, decide).await
    }

    /// As [`UseCases::block_users`], refused when somebody is blocked already or an administrator.
    ///
    /// # Errors
    /// `user_not_found`, `member_not_blockable`, `member_repeated`; faults.
    pub async fn block_new_users(
        &self,
        app: &Tenant,
        user: &str,
        peers: &[String],
        device: Option<&ActingDevice>,
    ) -> Result<Vec<Username>, Error> {
        let mut admins = Vec::new();
        for peer in peers {
            let account = self.find_user(app, peer).await?;
            // Nobody becomes an administrator, or is one no longer, while his account is there.
            admins.extend(account.filter(|account| account.user.admin).map(|account| account.user.uid));
        }
        let decide = |owner: &Account, list: &BlockList, peers: &Peers| {
            decide_block_new(&owner.user, list, peers, &admins)
        };
        self.change_blocks(app, user, peers, device, ContactChange::Blocked, decide).await
    }

    /// As [`UseCases::unblock_users`], refused when somebody is named twice or not blocked.
    ///
    /// # Errors
    /// `user_not_found`, `member_repeated`, `not_on_block_list`; faults.
    pub async fn unblock_listed_users(
        &self,
        app: &Tenant,
        user: &str,
        peers: &[String],
        device: Option<&ActingDevice>,
    ) -> Result<Vec<Username>, Error> {
        let decide = |_: &Account, list: &BlockList, peers: &Peers| decide_unblock_listed(list, peers);
        self.change_blocks(app, user, peers, device, ContactChange::Unblocked, decide).await
    }

    async fn change_blocks(
        &self,
        app: &Tenant,
        user: &str,
        peers: &[String],
        device: Option<&ActingDevice>,
        change: ContactChange,
        decide: impl Fn(&Account, &BlockList, &Peers) -> Result<Option<BlockAccepted>, BlockRefused>,
    ) -> Result<Vec<Username>, Error> {
        let id = app.value.id;
        decide_names(&app.value.settings, peers.len())?;
        for _ in 0..TRIES {
            let owner = self.get_user(app, user).await?;
            let list = self.store.blocks.get(id, &owner.user).await?;
            let peers = self.named(app, peers).await?;

            let accepted = decide(&owner, &list, &peers)?;
            let names = peers.into_iter().filter_map(|(_, peer)| Some(peer?.1)).collect();
            let Some(accepted) = accepted else { return Ok(names) };

            let now = self.now();
            let mut events = Vec::with_capacity(accepted.changed.len());
            for (_, peer) in &accepted.changed {
                let news = ContactNews { peer: peer.to_string(), change: change.clone(), part: None };
                let (to, by) = (owner.user.uid, (owner.user.uid, &owner.user.name));
                let news = UserNews { to, by, device, target: peer, news: News::Contact(news) };
                events.push(self.event_entry(news, now).await?);
            }
            let version = self.ids.next(now).await?.0;
            match self.store.blocks.write(id, &owner, &accepted.list, version, &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(names);
                }
                Written::FactsMoved => self.store.users.forget(id, owner.user.uid),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    async fn named(
        &self,
        app: &Tenant,
        names: &[String],
    ) -> Result<Vec<(String, Option<(Uid, Username)>)>, Error> {
        let mut named = Vec::with_capacity(names.len());
        for name in names {
            let account = self.find_user(app, name).await?;
            let peer = account.map(|account| (account.user.uid, account.user.name.clone()));
            named.push((name.clone(), peer));
        }
        Ok(named)
    }
}
