//! Changes of members for callers who want all or nothing, and to hear what does not hold (jmessage.md 1.3).

use std::sync::Arc;

use ahash::AHashSet;
use conditions::Condition;
use domain::group::{
    Change, Group, GroupRefused, Member, Person, decide_add_as_member, decide_add_new, decide_leave,
    decide_may_remove, decide_remove, heir,
};
use model::{AppId, GroupId, GroupKind, Uid, Username};
use store::{Account, StoredGroup};

use super::{By, Decided, GroupRef};
use crate::{Error, TRIES, Tenant, UseCases};

/// Members read at a time while an heir is looked for.
const READ_AT_ONCE: usize = 1_000;

impl UseCases {
    /// Adds users without asking them: all of them are new, or nobody is added. The caller bounds how many.
    ///
    /// # Errors
    /// `member_list_empty`, `group_not_found`, `member_not_registered`, `member_repeated`, and those of
    /// [`domain::group::decide_add`]; faults.
    pub async fn add_new_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<(), Error> {
        let group = group.into();
        if names.is_empty() {
            return Err(group.say(GroupRefused::NobodyNamed.into()));
        }
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let accounts = self.accounts_once(app, group, names).await?;
            let candidates = self.candidates(app, group, &accounts).await?;
            let change = decide_add_new(&app.value.settings, group, &actor, &candidates, now)?;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }

    /// Adds users without asking them, where a member does it: all of them are new, or nobody is added.
    ///
    /// # Errors
    /// `member_list_empty`, `group_not_found`, `member_not_registered`, `member_repeated`, and those of
    /// [`decide_add_as_member`]; faults.
    pub async fn add_members_of_choice(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        names: &[String],
    ) -> Result<(), Error> {
        if names.is_empty() {
            return Err(GroupRefused::NobodyNamed.into());
        }
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let accounts = self.accounts_once(app, group, names).await?;
            let candidates = self.candidates(app, group, &accounts).await?;
            let mut unwilling = Vec::new();
            for account in &accounts {
                let blocked = self.store.blocks.get(app.value.id, &account.user).await?;
                if by.person().is_some_and(|person| blocked.contains(person.uid)) {
                    unwilling.push(account.user.uid);
                }
            }
            let settings = &app.value.settings;
            let change = decide_add_as_member(settings, group, &actor, &candidates, &unwilling, now)?;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }

    /// The users of these names, each of whom is named once.
    async fn accounts_once(
        &self,
        app: &Tenant,
        group: &Group,
        names: &[String],
    ) -> Result<Vec<Arc<Account>>, Error> {
        let accounts = self.accounts(app, names).await?;
        if accounts.len() == names.len() {
            return Ok(accounts);
        }
        let mut seen = AHashSet::with_capacity(names.len());
        let twice = names.iter().find(|name| !seen.insert(name.to_lowercase()));
        let user = twice.map_or_else(String::new, |name| domain::account::printable(name));
        Err(GroupRefused::Repeated { user, group: group.public_id.to_string() }.into())
    }

    /// Removes members, all of whom have to be in. Where the app's back end removes the owner, the group is handed on; and
    /// it ends where nobody stays.
    ///
    /// # Errors
    /// `member_list_empty`, `group_not_found`, those of [`decide_may_remove`] for a user, `member_not_registered`,
    /// `member_repeated`, `target_not_member`, and those of [`decide_remove`]; faults, after which some may be gone.
    pub async fn remove_listed_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<(), Error> {
        let group = group.into();
        if names.is_empty() {
            return Err(group.say(GroupRefused::NobodyNamed.into()));
        }
        let stored = self.stored_group(app, group).await?;
        if by.account.is_some() {
            let may = move |stored: Arc<StoredGroup>, actor, _| async move {
                decide_may_remove(&stored.group, &actor)?;
                Ok(Decided::Nothing(()))
            };
            self.change_group(app, by, group, may).await?;
        }
        let accounts =
            self.accounts_once(app, &stored.group, names).await.map_err(|error| group.say(error))?;
        for account in &accounts {
            if self.member(app, &stored.group, account.user.uid).await?.is_none() {
                let (user, id) = (account.user.name.to_string(), stored.group.public_id.to_string());
                return Err(group.say(GroupRefused::TargetNotMember { user, group: id }.into()));
            }
        }
        let leaving: Vec<Uid> = accounts.iter().map(|account| account.user.uid).collect();
        let owner = stored.group.owner.uid;
        let is_owner = |account: &Arc<Account>| account.user.uid == owner;
        let mut heir = None;
        // A room stays its owner's, whoever is there.
        if by.account.is_none() && group.kind == GroupKind::Group && accounts.iter().any(is_owner) {
            heir = self.hand_on(app, stored, &leaving).await?;
            if heir.is_none() {
                return Ok(());
            }
        }
        for account in &accounts {
            let heir = heir.as_ref().filter(|_| is_owner(account));
            self.change_group(app, by, group, move |stored, actor, now| async move {
                let member = self.member(app, &stored.group, account.user.uid).await?;
                let person = Person::from(&account.user);
                let change = decide_remove(&stored.group, &actor, &person, member.as_ref(), now)?;
                Ok(Decided::change(of_former_owner(change, heir), ()))
            })
            .await?;
        }
        Ok(())
    }

    /// A member leaves by himself. The owner's group is handed on, and ends where nobody stays.
    ///
    /// # Errors
    /// As [`UseCases::leave_group`].
    pub async fn leave_or_hand_on(&self, app: &Tenant, by: &By, group: &str) -> Result<(), Error> {
        let stored = self.stored_group(app, group).await?;
        let owner = stored.group.owner.uid;
        if by.person().is_none_or(|person| person.uid != owner) {
            return self.leave_group(app, by, group).await;
        }
        let Some(heir) = self.hand_on(app, stored, &[owner]).await? else { return Ok(()) };
        let heir = &heir;
        self.change_group(app, by, group, move |stored, _, now| async move {
            let Some(person) = by.person() else { return Err(GroupRefused::RankTooLow.into()) };
            let member = self.member(app, &stored.group, person.uid).await?;
            let change = decide_leave(&stored.group, &person, member.as_ref(), now)?;
            Ok(Decided::change(of_former_owner(change, Some(heir)), ()))
        })
        .await
    }

    /// Gives a group another owner, for the present one goes; `None`: nobody stayed, and the group is no more.
    async fn hand_on(
        &self,
        app: &Tenant,
        mut stored: Arc<StoredGroup>,
        leaving: &[Uid],
    ) -> Result<Option<Username>, Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let group = &stored.group;
            let name = group.public_id.to_string();
            if !leaving.contains(&group.owner.uid) {
                // Somebody else handed it on meanwhile.
                return Ok(Some(group.owner.name.clone()));
            }
            let members = self.all_members(id, group.id).await?;
            if let Some(next) = heir(group, &members, leaving) {
                self.transfer_group(app, &By::back_end(), name.as_str(), next.as_str()).await?;
                return Ok(Some(next.clone()));
            }
            // Only as it was before its members were read: somebody may have come in since.
            if self.destroy_as_read(id, &stored).await? {
                return Ok(None);
            }
            self.store.groups.forget(id, group.id, Uid::BACK_END);
            stored = self.stored_group(app, name.as_str()).await?;
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    async fn all_members(&self, app: AppId, group: GroupId) -> Result<Vec<(Uid, Member)>, Error> {
        let (mut members, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.groups.members(app, group, after, READ_AT_ONCE).await?;
            let is_end = page.len() < READ_AT_ONCE;
            after = page.last().map(|(uid, _)| *uid);
            members.extend(page);
            if is_end {
                return Ok(members);
            }
        }
    }
}

fn of_former_owner(change: Change, heir: Option<&Username>) -> Change {
    match heir {
        Some(heir) => change.of_former_owner(heir),
        None => change,
    }
}
