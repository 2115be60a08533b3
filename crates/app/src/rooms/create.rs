//! Creates chat rooms.

use std::sync::Arc;

use conditions::Condition;
use domain::group::{Actor, CreateGroup, CreateView, Group, GroupRefused, Person, decide_create_room};
use store::Account;

use super::of_room;
use crate::groups::By;
use crate::{Error, TRIES, Tenant, UseCases};

/// First members of a room at most; more come by themselves.
const MEMBERS: usize = 500;

impl UseCases {
    /// Creates a room of `owner`'s with its first members, who are in it at once.
    ///
    /// # Errors
    /// `member_not_registered`, `batch_too_large`; those of [`decide_create_room`]; `group_id_taken`; faults.
    pub async fn create_room(
        &self,
        app: &Tenant,
        by: &By,
        owner: &str,
        members: &[String],
        command: &CreateGroup,
    ) -> Result<Group, Error> {
        let created = self.create_room_in_turn(app, by, owner, members, command).await;
        created.map_err(of_room)
    }

    async fn create_room_in_turn(
        &self,
        app: &Tenant,
        by: &By,
        owner: &str,
        members: &[String],
        command: &CreateGroup,
    ) -> Result<Group, Error> {
        let (id, settings) = (app.value.id, &app.value.settings);
        if members.len() > MEMBERS {
            let facts = vec![("size", members.len().to_string()), ("limit", MEMBERS.to_string())];
            return Err(Error::refused(Condition::BatchTooLarge, facts));
        }
        for _ in 0..TRIES {
            let owner = self.accounts(app, &[owner.to_owned()]).await?.remove(0);
            let actor = match by.person() {
                None => Actor::BackEnd,
                Some(person) => Actor::User { person, is_member: true },
            };
            let may_make = match actor.uid() {
                Some(uid) => self.may_make_rooms(app, uid).await?,
                None => true,
            };
            let mut accounts = self.accounts(app, members).await?;
            accounts.retain(|account| account.user.uid != owner.user.uid);
            for account in std::iter::once(&owner).chain(&accounts) {
                let (limit, uid) = (settings.rooms_joined_limit, account.user.uid);
                if limit != 0 && self.leases.rooms_of(id, uid).len() as u64 >= limit {
                    let user = account.user.name.to_string();
                    return Err(GroupRefused::JoinedLimit { user, limit }.into());
                }
            }
            let people: Vec<Person> = accounts.iter().map(|account| Person::from(&account.user)).collect();
            let person = Person::from(&owner.user);
            let view = CreateView { settings, groups: 0, by: &actor, owner: &person, members: &people };
            let now = self.now();
            let number = self.ids.next(now).await?;

            let change = decide_create_room(view, may_make, command, number, now)?;

            let rests_on: Vec<Arc<Account>> = std::iter::once(owner).chain(accounts).collect();
            if self.write_change(app, by, None, &change, &rests_on).await? {
                return Ok(change.group);
            }
            let public_id = change.group.public_id.as_str();
            let is_taken = self.find_any_group(app, public_id).await?.is_some()
                || self.find_user(app, public_id).await?.is_some();
            if is_taken {
                return Err(GroupRefused::IdTaken { group: public_id.to_owned() }.into());
            }
            rests_on.iter().for_each(|account| self.store.users.forget(id, account.user.uid));
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
