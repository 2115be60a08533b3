//! Tags of those who are in a chat room: set by the app's back end, held with the leases.

use domain::group::{GroupRefused, decide_tag_mute, decide_tags};
use model::Timestamp;

use crate::groups::{By, Decided, GroupRef};
use crate::{Error, Tenant, UseCases};

use super::refused;

impl UseCases {
    /// Gives somebody who is in a room these tags, and no others. They go when he leaves it.
    ///
    /// # Errors
    /// `chatroom_not_found`, those of [`decide_tags`]; faults.
    pub async fn set_room_tags(
        &self,
        app: &Tenant,
        room: GroupRef<'_>,
        name: &str,
        tags: &[String],
    ) -> Result<(), Error> {
        let stored = self.stored_group(app, room).await?;
        let target = self.target(app, &stored.group, name).await?;
        let (id, uid) = (app.value.id, target.user.uid);
        let is_member = self.leases.member(id, stored.group.id, uid).is_some();
        let tags = decide_tags(&stored.group, name, is_member, tags).map_err(refused)?;
        if self.leases.set_tags(id, stored.group.id, uid, tags) {
            return Ok(());
        }
        let (user, group) = (name.to_owned(), stored.group.public_id.to_string());
        Err(refused(GroupRefused::TargetNotMember { user, group }))
    }

    /// The tags of somebody who is in a room.
    ///
    /// # Errors
    /// `chatroom_not_found`, `target_not_member`; faults.
    pub async fn room_tags(
        &self,
        app: &Tenant,
        room: GroupRef<'_>,
        name: &str,
    ) -> Result<Vec<String>, Error> {
        let stored = self.stored_group(app, room).await?;
        let target = self.target(app, &stored.group, name).await?;
        let found = self.leases.tagged(app.value.id, stored.group.id, target.user.uid);
        found.map(|(_, tags)| tags).ok_or_else(|| {
            let (user, group) = (name.to_owned(), stored.group.public_id.to_string());
            refused(GroupRefused::TargetNotMember { user, group })
        })
    }

    /// Mutes everybody in a room who has a tag until a time, or no longer (`None`).
    ///
    /// # Errors
    /// `chatroom_not_found`, those of [`decide_tag_mute`]; faults.
    pub async fn mute_room_tag(
        &self,
        app: &Tenant,
        room: GroupRef<'_>,
        tag: &str,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let settings = &app.value.settings;
        self.change_group(app, &By::back_end(), room, move |stored, _, now| async move {
            let is_in_use = self.leases.has_tag(app.value.id, stored.group.id, tag);
            let change = decide_tag_mute(settings, &stored.group, tag, is_in_use, until, now)?;
            Ok(Decided::maybe(change, ()))
        })
        .await
    }
}
