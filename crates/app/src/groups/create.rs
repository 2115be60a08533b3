//! Creates groups.

use std::sync::Arc;

use ahash::AHashSet;
use conditions::Condition;
use domain::group::{
    Actor, CreateGroup, CreateView, Group, GroupRefused, Person, decide_create, decide_first_members,
};
use store::Account;

use super::By;
use crate::{Error, TRIES, Tenant, UseCases};

/// First members whom one commit takes in; the others follow.
const MEMBERS_AT_ONCE: usize = 500;

impl UseCases {
    /// Creates a group of `owner`'s with its first members, who are invited or added ([`decide_create`]). Of many the first
    /// are written with it, the others after it: who can't come in by then is left out, since the group is there.
    ///
    /// # Errors
    /// `group_permission_denied` for a user who names another owner; `member_not_registered`; those of
    /// [`decide_create`]; `group_id_taken`; faults.
    pub async fn create_group(
        &self,
        app: &Tenant,
        by: &By,
        owner: &str,
        members: &[String],
        command: &CreateGroup,
    ) -> Result<Group, Error> {
        let (id, settings) = (app.value.id, &app.value.settings);
        // Before anybody is looked up: a body holds a hundred thousand names.
        let distinct: AHashSet<&str> = members.iter().map(String::as_str).collect();
        decide_first_members(settings, command, distinct.len())?;
        for _ in 0..TRIES {
            let owner = self.accounts(app, &[owner.to_owned()]).await?.remove(0);
            let actor = match by.person() {
                None => Actor::BackEnd,
                Some(person) if person.uid == owner.user.uid => Actor::User { person, is_member: true },
                Some(_) => return Err(GroupRefused::RankTooLow.into()),
            };
            let mut accounts = self.accounts(app, members).await?;
            accounts.retain(|account| account.user.uid != owner.user.uid);
            self.may_all_join(app, std::iter::once(&owner).chain(&accounts)).await?;
            let limit = usize::try_from(settings.groups_limit).unwrap_or(usize::MAX);
            let groups = if limit == 0 {
                0
            } else {
                self.store.groups.count(id, store::Listing::Groups, limit).await? as u64
            };
            let people: Vec<Person> = accounts.iter().map(|account| Person::from(&account.user)).collect();
            let first = &people[..people.len().min(MEMBERS_AT_ONCE)];
            let now = self.now();
            let number = self.ids.next(now).await?;
            // Held against the limit as a whole, and written in parts.
            let person = Person::from(&owner.user);
            let view = CreateView { settings, groups, by: &actor, owner: &person, members: &people };
            decide_create(view, command, number, now)?;

            let change = decide_create(CreateView { members: first, ..view }, command, number, now)?;

            let rests_on: Vec<Arc<Account>> =
                std::iter::once(owner.clone()).chain(accounts[..first.len()].iter().cloned()).collect();
            let group = change.group.clone();
            if self.write_change(app, by, None, &change, &rests_on).await? {
                let others: Vec<String> =
                    people[first.len()..].iter().map(|person| person.name.to_string()).collect();
                if others.is_empty() {
                    return Ok(group);
                }
                self.bring_in(app, by, &group, &others).await;
                let stored = self.store.groups.get(id, group.id).await;
                return Ok(stored.ok().flatten().map_or(group, |stored| stored.group.clone()));
            }
            let taken = self.find_any_group(app, group.public_id.as_str()).await?.is_some()
                || self.find_user(app, group.public_id.as_str()).await?.is_some();
            if taken {
                return Err(GroupRefused::IdTaken { group: group.public_id.to_string() }.into());
            }
            rests_on.iter().for_each(|account| self.store.users.forget(id, account.user.uid));
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    async fn may_all_join(
        &self,
        app: &Tenant,
        accounts: impl Iterator<Item = &Arc<Account>>,
    ) -> Result<(), Error> {
        let limit = app.value.settings.groups_joined_limit;
        for account in accounts {
            if limit != 0 && self.joined_up_to_limit(app, account.user.uid).await? >= limit {
                let user = account.user.name.to_string();
                return Err(GroupRefused::JoinedLimit { user, limit }.into());
            }
        }
        Ok(())
    }
}
