//! How many members of a group are connected.

use domain::group::{Member, decide_count_online};
use model::{GroupKind, Uid};

use super::GroupRef;
use crate::{Error, Tenant, UseCases};

/// Members that are looked at in one go.
const AT_ONCE: usize = 1_000;

impl UseCases {
    /// How many members of a group, thread or room have a connection.
    ///
    /// # Errors
    /// `service_not_enabled`, `group_not_found`; faults.
    pub async fn group_online_count(&self, app: &Tenant, group: &str) -> Result<u64, Error> {
        decide_count_online(&app.value.settings)?;
        let found = self.find_any_group(app, group).await?;
        let Some(found) = found else { return Err(GroupRef::from(group).not_found()) };
        let (id, group) = (app.value.id, &found.group);
        let (mut online, mut after) = (0, None);
        loop {
            let members: Vec<(Uid, Member)> = match group.kind {
                GroupKind::Room => self.leases.members(id, group.id, after, AT_ONCE),
                GroupKind::Group | GroupKind::Thread => {
                    self.store.groups.members(id, group.id, after, AT_ONCE).await?
                }
            };
            let there = members.iter().filter(|(uid, _)| !self.online.connections(id, *uid).is_empty());
            online += there.count() as u64;
            if members.len() < AT_ONCE {
                return Ok(online);
            }
            after = members.last().map(|(uid, _)| *uid);
        }
    }
}
