//! Who comes and goes: add, remove, leave, block.

use std::sync::Arc;

use domain::group::{
    Group, GroupRefused, Person, decide_add, decide_block, decide_leave, decide_remove, decide_unblock,
};
use store::Account;

use super::{By, Decided, GroupRef};
use crate::{Error, Tenant, UseCases};

/// What became of one of several users named by a call.
pub type Outcome<T = ()> = (String, Result<T, Error>);

impl UseCases {
    /// Adds users without asking them; gives those who are new.
    ///
    /// # Errors
    /// `member_not_registered`, those of [`decide_add`]; faults.
    pub async fn add_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<Vec<String>, Error> {
        let group = group.into();
        domain::group::decide_batch(names.len())?;
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let accounts = self.accounts(app, names).await?;
            let candidates = self.candidates(app, group, &accounts).await?;
            let change = decide_add(&app.value.settings, group, &actor, &candidates, now)?;
            let is_new = |account: &Arc<Account>| change.joins().any(|uid| uid == account.user.uid);
            let accounts: Vec<Arc<Account>> = accounts.into_iter().filter(is_new).collect();
            let added = accounts.iter().map(|account| account.user.name.to_string()).collect();
            Ok(Decided::with(change, accounts, added))
        })
        .await
    }

    /// The members of a new group who did not fit into its first commit, each part for itself. The group is there, and a
    /// caller who heard of a failure would make another: what goes wrong is logged.
    pub(super) async fn bring_in(&self, app: &Tenant, by: &By, group: &Group, names: &[String]) {
        let id = group.public_id.as_str();
        let is_asked = by.account.is_some() && group.invite_need_confirm;
        let at_once = if is_asked { 1 } else { model::limits::MEMBERS_BATCH };
        for part in names.chunks(at_once) {
            if self.bring_in_part(app, by, id, is_asked, part).await.is_err() {
                // One of them can't come in, or something failed for a moment: each for himself.
                for name in part {
                    let alone = self.bring_in_part(app, by, id, is_asked, std::slice::from_ref(name)).await;
                    if let Err(error) = alone {
                        tracing::warn!(group = id, %error, "a first member of a new group is left out");
                    }
                }
            }
        }
    }

    async fn bring_in_part(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        is_asked: bool,
        names: &[String],
    ) -> Result<(), Error> {
        match names {
            [name] if is_asked => self.invite_member(app, by, group, name, "").await.map(drop),
            names => self.add_members(app, by, group, names).await.map(drop),
        }
    }

    /// Removes members, each for himself.
    ///
    /// # Errors
    /// `batch_too_large`, `group_not_found`; each user's outcome is his own.
    pub async fn remove_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<Vec<Outcome>, Error> {
        let group = group.into();
        self.for_each(app, group, names, move |name| async move {
            self.remove_member(app, by, group, &name).await
        })
        .await
    }

    async fn remove_member(
        &self,
        app: &Tenant,
        by: &By,
        group: GroupRef<'_>,
        name: &str,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let target = self.target(app, group, name).await?;
            let member = self.member(app, group, target.user.uid).await?;
            let person = Person::from(&target.user);
            let change = decide_remove(group, &actor, &person, member.as_ref(), now)?;
            Ok(Decided::change(change, ()))
        })
        .await
    }

    /// A member leaves by himself.
    ///
    /// # Errors
    /// Those of [`decide_leave`]; faults.
    pub async fn leave_group(&self, app: &Tenant, by: &By, group: &str) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(person) = by.person() else { return Err(GroupRefused::RankTooLow.into()) };
            let member = self.member(app, group, person.uid).await?;
            Ok(Decided::change(decide_leave(group, &person, member.as_ref(), now)?, ()))
        })
        .await
    }

    /// Puts members on the block list, which removes them, each for himself.
    ///
    /// # Errors
    /// As [`UseCases::remove_members`].
    pub async fn block_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<Vec<Outcome>, Error> {
        let group = group.into();
        self.for_each(app, group, names, move |name| async move {
            let name = name.as_str();
            self.change_group(app, by, group, move |stored, actor, now| async move {
                let group = &stored.group;
                let target = self.target(app, group, name).await?;
                let member = self.member(app, group, target.user.uid).await?;
                let person = Person::from(&target.user);
                Ok(Decided::change(decide_block(group, &actor, &person, member.as_ref(), now)?, ()))
            })
            .await
        })
        .await
    }

    /// Takes users off the block list, each for himself.
    ///
    /// # Errors
    /// As [`UseCases::remove_members`].
    pub async fn unblock_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<Vec<Outcome>, Error> {
        let group = group.into();
        self.for_each(app, group, names, move |name| async move {
            let name = name.as_str();
            self.change_group(app, by, group, move |stored, actor, now| async move {
                let group = &stored.group;
                let target = self.target(app, group, name).await?;
                let uid = target.user.uid;
                let is_blocked = self.store.groups.are_blocked(app.value.id, group.id, &[uid]).await?[0];
                let person = Person::from(&target.user);
                Ok(Decided::maybe(decide_unblock(group, &actor, &person, is_blocked, now)?, ()))
            })
            .await
        })
        .await
    }

    /// A member goes because his account did.
    pub(super) async fn drop_member(&self, app: &Tenant, group: &str, uid: model::Uid) -> Result<(), Error> {
        let by = By::back_end();
        let dropped = self.change_group(app, &by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let Some(member) = self.member(app, group, uid).await? else { return Ok(Decided::Nothing(())) };
            let person = Person { uid, name: member.name.clone() };
            // A disabled group's members go too.
            let enabled = Group { disabled: false, ..group.clone() };
            let mut change = decide_remove(&enabled, &actor, &person, Some(&member), now)?;
            change.group.disabled = group.disabled;
            // Nobody is left to be told.
            change.news.retain(domain::group::Told::is_for_all);
            Ok(Decided::change(change, ()))
        });
        match dropped.await {
            Err(error) if error.condition() == conditions::Condition::GroupNotFound => Ok(()),
            done => done,
        }
    }

    /// Does something to each of some users of a group. What concerns the call as a whole is its error; a fault ends it.
    pub(crate) async fn for_each<T, F>(
        &self,
        app: &Tenant,
        group: GroupRef<'_>,
        names: &[String],
        run: impl Fn(String) -> F,
    ) -> Result<Vec<Outcome<T>>, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        domain::group::decide_batch(names.len())?;
        self.stored_group(app, group).await?;
        let mut outcomes = Vec::with_capacity(names.len());
        for name in names {
            let outcome = run(name.clone()).await;
            if let Err(error @ Error::Fault(_)) = outcome {
                return Err(error);
            }
            outcomes.push((name.clone(), outcome));
        }
        Ok(outcomes)
    }
}
