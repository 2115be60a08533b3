//! What is done to single members: admins, mutes, the allow list, shields, attributes.

use domain::group::{
    Actor, Attributes, Change, Group, GroupRefused, Member, Person, Rank, decide_add_admin, decide_allow,
    decide_disallow, decide_mute, decide_remove_admin, decide_set_attributes, decide_shield,
    decide_shield_anew, decide_unmute,
};
use model::{GroupKind, Timestamp, Uid};

use super::{By, Decided, GroupRef, Outcome};
use crate::{Error, Tenant, UseCases};

/// What is decided about one member.
type Decide<'a> = dyn Fn(&Group, &Actor, &Person, Option<&Member>, Timestamp) -> Result<Option<Change>, GroupRefused>
    + Sync
    + 'a;

impl UseCases {
    /// # Errors
    /// Those of [`decide_add_admin`]; faults.
    pub async fn add_group_admin(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        name: &str,
    ) -> Result<(), Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let (person, member) = self.found_member(app, group, name).await?;
            Ok(Decided::maybe(decide_add_admin(group, &actor, &person, member.as_ref(), now)?, ()))
        })
        .await
    }

    /// # Errors
    /// Those of [`decide_remove_admin`]; faults.
    pub async fn remove_group_admin(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        name: &str,
    ) -> Result<(), Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let (person, _) = self.found_member(app, group, name).await?;
            Ok(Decided::change(decide_remove_admin(group, &actor, &person, now)?, ()))
        })
        .await
    }

    /// Mutes members until a time ([`domain::group::FOR_EVER`] has no end), each for himself.
    ///
    /// # Errors
    /// As [`UseCases::remove_members`].
    pub async fn mute_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
        until: Timestamp,
    ) -> Result<Vec<Outcome>, Error> {
        self.change_each(app, by, group.into(), names, &|group, actor, person, member, now| {
            decide_mute(group, actor, person, member, until, now).map(Some)
        })
        .await
    }

    /// Lets members write again, each for himself.
    ///
    /// # Errors
    /// As [`UseCases::remove_members`].
    pub async fn unmute_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
    ) -> Result<Vec<Outcome>, Error> {
        self.change_each(app, by, group.into(), names, &decide_unmute).await
    }

    /// Puts members on the allow list, or takes them off it, each for himself.
    ///
    /// # Errors
    /// As [`UseCases::remove_members`].
    pub async fn allow_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        names: &[String],
        allow: bool,
    ) -> Result<Vec<Outcome>, Error> {
        let decide = if allow { decide_allow } else { decide_disallow };
        self.change_each(app, by, group.into(), names, &decide).await
    }

    /// As [`UseCases::shield_group`], refused when nothing would change.
    ///
    /// # Errors
    /// Those of [`decide_shield_anew`]; faults.
    pub async fn shield_group_anew(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        shielded: bool,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(person) = by.person() else { return Err(GroupRefused::RankTooLow.into()) };
            let member = self.member(app, group, person.uid).await?;
            Ok(Decided::change(decide_shield_anew(group, &person, member.as_ref(), shielded, now)?, ()))
        })
        .await
    }

    /// A member wants nothing delivered from a group, or wants it again.
    ///
    /// # Errors
    /// Those of [`decide_shield`]; faults.
    pub async fn shield_group(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        shielded: bool,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(person) = by.person() else { return Err(GroupRefused::RankTooLow.into()) };
            let member = self.member(app, group, person.uid).await?;
            Ok(Decided::maybe(decide_shield(group, &person, member.as_ref(), shielded, now)?, ()))
        })
        .await
    }

    /// Sets attributes of a member; gives those that he has now.
    ///
    /// # Errors
    /// `service_not_enabled`; those of [`decide_set_attributes`]; faults.
    pub async fn set_member_attributes(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        name: &str,
        changes: &Attributes,
    ) -> Result<Attributes, Error> {
        attributes_enabled(app)?;
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let (person, member) = self.found_member(app, group, name).await?;
            let present = self.store.groups.attributes(app.value.id, group.id, &[person.uid]).await?;
            let present = present.into_iter().next().unwrap_or_default();
            let is_member = member.is_some();
            let change = decide_set_attributes(group, &actor, &person, is_member, &present, changes, now)?;
            let after = change.writes.iter().find_map(|write| match write {
                domain::group::Write::Attributes(_, attributes) => Some(attributes.clone()),
                _ => None,
            });
            Ok(Decided::change(change, after.unwrap_or_default()))
        })
        .await
    }

    /// The attributes of some members, by name; users who are no members are left out. Any member may see them.
    ///
    /// # Errors
    /// `service_not_enabled`, `group_not_found`, `not_in_group`; faults.
    pub async fn member_attributes(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        names: &[String],
    ) -> Result<Vec<(String, Attributes)>, Error> {
        attributes_enabled(app)?;
        let stored = self.stored_group(app, group).await?;
        stored.group.decide_look(&self.actor(app, by, &stored.group).await?, Rank::Member)?;
        let mut people: Vec<(Uid, String)> = Vec::with_capacity(names.len());
        for name in names {
            let Some(account) = self.find_user(app, name).await? else { continue };
            if self.member(app, &stored.group, account.user.uid).await?.is_some() {
                people.push((account.user.uid, name.clone()));
            }
        }
        let uids: Vec<Uid> = people.iter().map(|(uid, _)| *uid).collect();
        let attributes = self.store.groups.attributes(app.value.id, stored.group.id, &uids).await?;
        Ok(people.into_iter().map(|(_, name)| name).zip(attributes).collect())
    }

    /// The same decision about each of some members, each for himself.
    async fn change_each(
        &self,
        app: &Tenant,
        by: &By,
        group: GroupRef<'_>,
        names: &[String],
        decide: &Decide<'_>,
    ) -> Result<Vec<Outcome>, Error> {
        self.for_each(app, group, names, move |name| async move {
            let name = name.as_str();
            self.change_group(app, by, group, move |stored, actor, now| async move {
                let (person, member) = self.found_member(app, &stored.group, name).await?;
                Ok(Decided::maybe(decide(&stored.group, &actor, &person, member.as_ref(), now)?, ()))
            })
            .await
        })
        .await
    }

    async fn found_member(
        &self,
        app: &Tenant,
        group: &Group,
        name: &str,
    ) -> Result<(Person, Option<Member>), Error> {
        let target = self.target(app, group, name).await?;
        let uid = target.user.uid;
        let mut member = self.member(app, group, uid).await?;
        // What was done to somebody in a room lasts while he is away, and can be taken back.
        if member.is_none() && group.kind == GroupKind::Room {
            let stored = self.store.groups.member(app.value.id, group.id, uid).await?;
            member = stored.map(|stored| stored.member.clone());
        }
        Ok((Person::from(&target.user), member))
    }
}

fn attributes_enabled(app: &Tenant) -> Result<(), Error> {
    if app.value.settings.group_attributes {
        return Ok(());
    }
    let feature = "chatgroup user metadata".to_owned();
    Err(Error::refused(conditions::Condition::ServiceNotEnabled, vec![("feature", feature)]))
}
