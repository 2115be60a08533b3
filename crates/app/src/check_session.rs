//! Looks whether a connected session still may be there. What ends sessions is told by hints, and hints may be
//! lost; so sessions ask this now and then.

use domain::device::after_return;
use model::{AppId, CloseCause, ConnectionId, DeviceNumber, Uid};

use crate::{Error, Tenant, UseCases};

/// A session as it was when it logged in.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts {
    pub app: AppId,
    pub uid: Uid,
    /// The account's epoch: another one means that its tokens were revoked.
    pub epoch: u32,
    pub device: DeviceNumber,
    pub connection: ConnectionId,
}

impl UseCases {
    /// Why a session has to end, if it has to. One that may stay takes its device's place in the directory
    /// when nobody holds it: a tab of a browser stays when the tab that logged in after it is closed.
    ///
    /// # Errors
    /// Faults.
    pub async fn check_session(
        &self,
        app: &Tenant,
        session: SessionFacts,
    ) -> Result<Option<CloseCause>, Error> {
        let SessionFacts { app: id, uid, epoch, device, connection } = session;
        if !app.value.settings.enabled {
            return Ok(Some(CloseCause::AppDisabled));
        }
        let Some(account) = self.store.users.get(id, uid).await? else {
            return Ok(Some(CloseCause::UserRemoved));
        };
        if !account.user.active {
            return Ok(Some(CloseCause::UserDeactivated));
        }
        if account.user.epoch != epoch {
            return Ok(Some(CloseCause::PasswordChanged));
        }

        let stored = self.store.devices.get(id, uid).await?;
        let own = stored.devices.list.iter().find(|own| own.number == device);
        if own.is_some_and(|own| own.displaced) {
            return Ok(Some(CloseCause::NewLogin { notice: String::new() }));
        }
        let live = self.online.connections(id, uid);
        if let Some(devices) = after_return(&stored.devices, device, connection, &live, self.now()) {
            // Should somebody else write at this moment, the next look comes.
            self.store.devices.replace(id, uid, &stored, devices).await?;
        }
        Ok(None)
    }
}
