//! Forces a user's devices off (code 217). They may log in again; a mere reconnect is refused.

use conditions::Condition;
use domain::device::after_forced_logout;
use model::{AppId, CloseCause, CloseTarget, Hint, Resource};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Forces one device off, or all of them.
    ///
    /// # Errors
    /// `user_not_found`, also for a device that the user does not have; faults.
    pub async fn disconnect_user(
        &self,
        app: &Tenant,
        username: &str,
        resource: Option<&str>,
    ) -> Result<(), Error> {
        let account = self.get_user(app, username).await?;
        let (id, uid) = (app.value.id, account.user.uid);
        for _ in 0..TRIES {
            let stored = self.store.devices.get(id, uid).await?;
            let target = match resource {
                None => CloseTarget::All,
                Some(resource) => {
                    let device = Resource::parse(resource).ok();
                    let device = device.and_then(|resource| stored.devices.by_resource(&resource));
                    let Some(device) = device else { return Err(Error::plain(Condition::UserNotFound)) };
                    CloseTarget::Device(device.number)
                }
            };
            let devices = after_forced_logout(&stored.devices, &target, self.now());
            let written =
                devices == stored.devices || self.store.devices.replace(id, uid, &stored, devices).await?;
            if written {
                self.bus.publish(Hint::Close { app: id, uid, target, cause: CloseCause::KickedByDevice });
                return Ok(());
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Ends all sessions of an app on this node.
    pub(crate) fn close_all(&self, app: AppId, cause: &CloseCause) {
        for uid in self.online.users(app) {
            self.bus.publish(Hint::Close { app, uid, target: CloseTarget::All, cause: cause.clone() });
        }
    }
}
