//! Reading groups: one, lists of them, their members and lists.

use std::sync::Arc;

use domain::group::{Actor, Group, GroupRefused, Member, Rank};
use model::{GroupId, GroupKind, Timestamp, Uid};
use store::{Listing, StoredGroup};

use super::{By, GroupRef};
use crate::{Error, Tenant, UseCases};

/// Members read at a time while all of a group are looked through.
const READ_AT_ONCE: usize = 1_000;

/// A page of groups.
#[derive(Clone, Debug)]
pub struct GroupPage {
    pub groups: Vec<Arc<StoredGroup>>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<GroupId>,
}

/// A member as lists show him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    pub name: String,
    pub rank: Rank,
    pub since: Timestamp,
    pub muted_until: Option<Timestamp>,
}

/// A page of members.
#[derive(Clone, Debug)]
pub struct MemberPage {
    pub members: Vec<Ranked>,
    pub next: Option<Uid>,
    /// Members of the group.
    pub count: u32,
}

impl UseCases {
    /// A group, if the caller may see it; and the caller as its member.
    ///
    /// # Errors
    /// `group_not_found`, `group_permission_denied` for a private group; faults.
    pub async fn get_group(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
    ) -> Result<(Arc<StoredGroup>, Option<Member>), Error> {
        let group = group.into();
        let stored = self.stored_group(app, group).await?;
        let actor = self.actor(app, by, &stored.group).await?;
        stored.group.decide_find(&actor).map_err(|refused| group.say(refused.into()))?;
        let member = match actor.uid() {
            Some(uid) => self.member(app, &stored.group, uid).await?,
            None => None,
        };
        Ok((stored, member))
    }

    /// A group, if the caller is at least this much in it.
    ///
    /// # Errors
    /// `group_not_found`, `not_in_group`, `group_permission_denied`; faults.
    pub async fn look_into_group(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        rank: Rank,
    ) -> Result<Arc<StoredGroup>, Error> {
        let group = group.into();
        let stored = self.stored_group(app, group).await?;
        let actor = self.actor(app, by, &stored.group).await?;
        stored.group.decide_look(&actor, rank).map_err(|refused| group.say(refused.into()))?;
        Ok(stored)
    }

    /// The groups of a list, the youngest first.
    ///
    /// # Errors
    /// Faults.
    pub async fn list_groups(
        &self,
        app: &Tenant,
        listing: Listing,
        before: Option<GroupId>,
        limit: usize,
    ) -> Result<GroupPage, Error> {
        let ids = self.store.groups.list(app.value.id, listing, before, limit.saturating_add(1)).await?;
        self.page_of(app, ids, limit, |_| true).await
    }

    /// The groups that a user is in, in the order of their numbers, after `after`.
    ///
    /// # Errors
    /// Faults.
    pub async fn joined_groups(
        &self,
        app: &Tenant,
        uid: Uid,
        after: Option<GroupId>,
        limit: usize,
    ) -> Result<GroupPage, Error> {
        let ids = self.store.groups.joined(app.value.id, uid, after, limit.saturating_add(1)).await?;
        self.page_of(app, ids, limit, |group| group.kind == GroupKind::Group).await
    }

    async fn page_of(
        &self,
        app: &Tenant,
        mut ids: Vec<GroupId>,
        limit: usize,
        is_shown: impl Fn(&Group) -> bool,
    ) -> Result<GroupPage, Error> {
        let has_more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().copied().filter(|_| has_more);
        let mut groups = Vec::with_capacity(ids.len());
        for id in ids {
            // One that was destroyed in between is left out.
            groups.extend(self.store.groups.get(app.value.id, id).await?);
        }
        groups.retain(|stored| is_shown(&stored.group));
        Ok(GroupPage { groups, next })
    }

    /// Members, in the order of their numbers, after `after`.
    ///
    /// # Errors
    /// As [`UseCases::look_into_group`] for members.
    pub async fn group_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<MemberPage, Error> {
        let group = group.into();
        let stored = self.look_into_group(app, by, group, Rank::Member).await?;
        let group = &stored.group;
        let (id, one_more) = (app.value.id, limit.saturating_add(1));
        let mut members = match group.kind {
            GroupKind::Room => self.leases.members(id, group.id, after, one_more),
            _ => self.store.groups.members(id, group.id, after, one_more).await?,
        };
        let has_more = members.len() > limit;
        members.truncate(limit);
        let next = members.last().map(|(uid, _)| *uid).filter(|_| has_more);
        let members = members.into_iter().map(|(uid, member)| ranked(group, uid, &member)).collect();
        Ok(MemberPage { members, next, count: group.member_count })
    }

    /// Members that are looked for among all, such as the muted ones.
    ///
    /// # Errors
    /// As [`UseCases::look_into_group`].
    pub async fn find_members(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        rank: Rank,
        is_meant: impl Fn(&Member) -> bool,
    ) -> Result<Vec<Ranked>, Error> {
        let group = group.into();
        let stored = self.look_into_group(app, by, group, rank).await?;
        let group = &stored.group;
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let members = self.store.groups.members(app.value.id, group.id, after, READ_AT_ONCE).await?;
            let is_end = members.len() < READ_AT_ONCE;
            after = members.last().map(|(uid, _)| *uid);
            let meant = members.into_iter().filter(|(_, member)| is_meant(member));
            found.extend(meant.map(|(uid, member)| ranked(group, uid, &member)));
            if is_end {
                return Ok(found);
            }
        }
    }

    /// The block list of a group.
    ///
    /// # Errors
    /// As [`UseCases::look_into_group`] for admins.
    pub async fn blocked_users(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
    ) -> Result<Vec<String>, Error> {
        let group = group.into();
        let stored = self.look_into_group(app, by, group, Rank::Admin).await?;
        let limit = model::limits::GROUP_MEMBERS as usize;
        let blocked = self.store.groups.blocked(app.value.id, stored.group.id, limit).await?;
        Ok(blocked.into_iter().map(|person| person.name.to_string()).collect())
    }

    /// A user as a member of a group; himself, the back end and admins may ask.
    ///
    /// # Errors
    /// `group_not_found`, `group_permission_denied`; faults.
    pub async fn find_member(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        name: &str,
    ) -> Result<Option<Member>, Error> {
        let found = self.find_with_rank(app, by, group.into(), name).await?;
        Ok(found.map(|(member, _)| member))
    }

    /// Whether a user is on a group's allow list: by name, or as its owner or one of its admins.
    ///
    /// # Errors
    /// Those of [`find_member`](Self::find_member).
    pub async fn is_on_allow_list(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        name: &str,
    ) -> Result<bool, Error> {
        let found = self.find_with_rank(app, by, group.into(), name).await?;
        Ok(found.is_some_and(|(member, rank)| member.allow_listed || rank >= Rank::Admin))
    }

    async fn find_with_rank(
        &self,
        app: &Tenant,
        by: &By,
        group: GroupRef<'_>,
        name: &str,
    ) -> Result<Option<(Member, Rank)>, Error> {
        let stored = self.stored_group(app, group).await?;
        let Some(account) = self.find_user(app, name).await? else { return Ok(None) };
        let actor = self.actor(app, by, &stored.group).await?;
        if actor != Actor::BackEnd && actor.uid() != Some(account.user.uid) {
            let looked = stored.group.decide_look(&actor, Rank::Admin);
            looked.map_err(|_| group.say(GroupRefused::RankTooLow.into()))?;
        }
        let member = self.member(app, &stored.group, account.user.uid).await?;
        Ok(member.map(|member| (member, stored.group.rank(account.user.uid, true))))
    }
}

fn ranked(group: &Group, uid: Uid, member: &Member) -> Ranked {
    Ranked {
        rank: group.rank(uid, true),
        name: member.name.to_string(),
        since: member.since,
        muted_until: member.muted_until,
    }
}
