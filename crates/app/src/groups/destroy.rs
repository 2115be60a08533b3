//! Ends groups: at once for everybody, and then row by row.

use std::sync::Arc;

use conditions::Condition;
use domain::group::{Actor, Group, decide_destroy};
use model::{AppId, ConversationId, Delivery, Feed, GroupId, GroupKind, GroupNews, Hint, Uid};
use store::StoredGroup;

use super::{By, GroupRef};
use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Destroys a group and tells its members.
    ///
    /// # Errors
    /// Those of [`decide_destroy`]; faults.
    pub async fn destroy_group(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
    ) -> Result<(), Error> {
        let group = group.into();
        let id = app.value.id;
        let turn = self.group_turns.take(id, group.id).await;
        for _ in 0..TRIES {
            let stored = self.stored_group(app, group).await?;
            let actor = self.actor(app, by, &stored.group).await?;

            let destroyed = self.destroy_as_it_is(app.value.id, by, &stored, &actor).await;
            if destroyed.map_err(|error| group.say(error))? {
                if group.kind == GroupKind::Room {
                    self.close_room(app, by, &stored.group).await;
                }
                // It is gone for everybody. Telling a large one takes long, and others share its turn.
                drop(turn);
                self.bury_at_once(id, stored.group.id).await;
                return Ok(());
            }
            self.store.groups.forget(id, stored.group.id, Uid::BACK_END);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Destroys a group for the back end if it is as it was read; `false`: it moved.
    ///
    /// # Errors
    /// Faults.
    pub(super) async fn destroy_as_read(&self, app: AppId, stored: &StoredGroup) -> Result<bool, Error> {
        if !self.destroy_as_it_is(app, &By::back_end(), stored, &Actor::BackEnd).await? {
            return Ok(false);
        }
        self.bury_at_once(app, stored.group.id).await;
        Ok(true)
    }

    /// `false`: the group moved.
    async fn destroy_as_it_is(
        &self,
        app: AppId,
        by: &By,
        stored: &StoredGroup,
        actor: &Actor,
    ) -> Result<bool, Error> {
        let Group { public_id, kind, name, .. } = &stored.group;
        let news = GroupNews {
            group: public_id.to_string(),
            kind: *kind,
            name: name.clone(),
            parent: None,
            change: decide_destroy(&stored.group, actor)?,
        };
        let farewell = self.group_entry(by, public_id, news).await?;
        Ok(self.store.groups.destroy(app, stored, &farewell, &[]).await?.is_some())
    }

    /// Buries a group that was destroyed just now. Whoever destroyed it has done so even if this fails; the job that sweeps
    /// tries again.
    pub(crate) async fn bury_at_once(&self, app: AppId, group: GroupId) {
        if let Err(error) = self.bury(app, group).await {
            tracing::warn!(%app, %error, "a group is gone, and not all its members were told; tried again soon");
            self.sweeps.request(app);
        }
    }

    /// Tells the members of a destroyed group, and takes their rows away.
    pub(crate) async fn bury(&self, app: AppId, group: GroupId) -> Result<(), Error> {
        self.end_threads_of(app, group).await?;
        self.empty_shared_files(app, group).await?;
        loop {
            let told = self.store.groups.bury(app, group).await?;
            if told.is_empty() {
                return Ok(());
            }
            for buried in told {
                self.unfollow(app, buried.uid, ConversationId::Group(group));
                if let Some((seq, entry)) = buried.told {
                    let delivery = Delivery::new(app, Feed::Events(buried.uid), seq, entry);
                    self.bus.publish(Hint::Delivery(Arc::new(delivery)));
                }
            }
        }
    }

    /// Bulk work: destroyed groups and removed users are buried. A group that can't be holds up nobody else.
    ///
    /// # Errors
    /// The first fault; what is done stays done.
    pub(crate) async fn sweep(&self, app: AppId) -> Result<(), Error> {
        let apps = self.store.apps.list();
        let Some(tenant) = apps.iter().find(|tenant| tenant.value.id == app) else { return Ok(()) };
        let mut outcome = Ok(());
        for group in self.store.groups.unburied(app).await? {
            outcome = outcome.and(self.bury(app, group).await);
        }
        let swept =
            self.store.users.sweep_removed(app, move |removed| self.bury_users(tenant, removed)).await;
        outcome.and(swept)
    }

    /// What groups still have of a user who was removed: his own end, in the others he is a member no longer.
    ///
    /// # Errors
    /// Faults; what is done stays done, and is not done again.
    pub(crate) async fn leave_all_groups(&self, app: &Tenant, uid: Uid) -> Result<(), Error> {
        const AT_ONCE: usize = 64;
        let id = app.value.id;
        let mut after = None;
        loop {
            let groups = self.store.groups.joined(id, uid, after, AT_ONCE).await?;
            let Some(last) = groups.last() else { return self.leave_all_rooms(app, uid).await };
            after = Some(*last);
            for group in groups {
                let Some(stored) = self.store.groups.get(id, group).await? else { continue };
                self.part_with(app, &stored, uid).await?;
            }
        }
    }

    async fn part_with(&self, app: &Tenant, stored: &StoredGroup, uid: Uid) -> Result<(), Error> {
        let (group, by) = (&stored.group, By::back_end());
        if group.kind == GroupKind::Thread {
            return self.drop_from_thread(app, group, uid).await;
        }
        if group.owner.uid == uid {
            return match self.destroy_group(app, &by, group.public_id.as_str()).await {
                Err(error) if error.condition() == Condition::GroupNotFound => Ok(()),
                done => done,
            };
        }
        self.drop_member(app, group.public_id.as_str(), uid).await
    }
}
