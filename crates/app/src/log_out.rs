//! What happens when a connection ends, by itself or by a logout.

use conditions::Condition;
use domain::device::{Device, after_disconnect, after_told};
use domain::hook::SessionChange;
use model::{AppId, ConnectionId, DeviceNumber, Uid};

use crate::note::NotedDevice;
use crate::presence_changes::Change;
use crate::{Error, TRIES, UseCases};

impl UseCases {
    /// Writes down that a displaced device heard why, so that its next login is no mere reconnect.
    ///
    /// # Errors
    /// Faults; the device is then told once more at its next login.
    pub async fn displacement_told(&self, app: AppId, uid: Uid, device: DeviceNumber) -> Result<(), Error> {
        for _ in 0..TRIES {
            let stored = self.store.devices.get(app, uid).await?;
            let Some(told) = after_told(&stored.devices, device) else { return Ok(()) };
            if self.store.devices.replace(app, uid, &stored, told).await? {
                return Ok(());
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Writes down that a logged-in connection is gone, and the cursors that it moved. Called once for each
    /// successful login.
    ///
    /// # Errors
    /// Faults. The directory then keeps a ghost, which keeps nobody out and which the next login clears away.
    pub async fn log_out(&self, app: AppId, uid: Uid, connection: ConnectionId) -> Result<(), Error> {
        self.online.remove(app, uid, connection);
        self.away_from_rooms(app, uid);
        // One that can't be written does not keep the other from it.
        let cursors = self.store.inboxes.flush_user(app, uid).await;
        let written = self.write_disconnect(app, uid, connection).await;
        self.presence_changes.note(app, uid, Change::Devices);
        written?;
        Ok(cursors?)
    }

    async fn write_disconnect(&self, app: AppId, uid: Uid, connection: ConnectionId) -> Result<(), Error> {
        for _ in 0..TRIES {
            let stored = self.store.devices.get(app, uid).await?;
            let Some(devices) = after_disconnect(&stored.devices, connection, self.now()) else {
                return Ok(());
            };
            if self.store.devices.replace(app, uid, &stored, devices).await? {
                let ended =
                    |device: &&Device| device.session.is_some_and(|live| live.connection() == connection);
                if let Some(device) = stored.devices.list.iter().find(ended)
                    && let Some(tenant) = self.store.apps.find_by_id(app)
                    && let Some(account) = self.store.users.get(app, uid).await?
                {
                    let device = NotedDevice::of(device);
                    self.note_session(&tenant, &account.user.name, device, SessionChange::LoggedOut).await;
                }
                return Ok(());
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
