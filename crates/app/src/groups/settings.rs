//! The settings of a group: change, hand over, announce, mute all, switch off.

use domain::group::{
    Person, UpdateGroup, decide_announcement, decide_disable, decide_mute_all, decide_transfer, decide_update,
};

use super::{By, Decided, GroupRef};
use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// Changes settings; gives the names of those that were given.
    ///
    /// # Errors
    /// Those of [`decide_update`]; faults.
    pub async fn update_group(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        command: &UpdateGroup,
    ) -> Result<Vec<&'static str>, Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let settled = decide_update(&app.value.settings, group, &actor, command, now)?;
            Ok(Decided::change(settled.change, settled.fields))
        })
        .await
    }

    /// Hands a group over to another member.
    ///
    /// # Errors
    /// Those of [`decide_transfer`]; faults.
    pub async fn transfer_group(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        new_owner: &str,
    ) -> Result<(), Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let target = self.target(app, group, new_owner).await?;
            let member = self.member(app, group, target.user.uid).await?;
            let person = Person::from(&target.user);
            let change = decide_transfer(group, &actor, &person, member.as_ref(), now)?;
            Ok(Decided::with(change, vec![target], ()))
        })
        .await
    }

    /// # Errors
    /// Those of [`decide_announcement`]; faults.
    pub async fn announce(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        text: &str,
    ) -> Result<(), Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            Ok(Decided::change(decide_announcement(group, &actor, text, now)?, ()))
        })
        .await
    }

    /// # Errors
    /// Those of [`decide_mute_all`]; faults.
    pub async fn mute_group(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        mute: bool,
    ) -> Result<(), Error> {
        let group = group.into();
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            Ok(Decided::maybe(decide_mute_all(group, &actor, mute, now)?, ()))
        })
        .await
    }

    /// Switches a group off or on again, for the back end.
    ///
    /// # Errors
    /// `group_not_found`; faults.
    pub async fn disable_group(&self, app: &Tenant, group: &str, disabled: bool) -> Result<(), Error> {
        let by = By::back_end();
        self.change_group(app, &by, group, move |stored, _, now| async move {
            Ok(Decided::maybe(decide_disable(&stored.group, disabled, now), ()))
        })
        .await
    }
}
