//! Changes an app's settings. Disabling it ends its sessions.

use conditions::Condition;
use model::{AppKey, CloseCause};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Sets settings by name, all or none.
    ///
    /// # Errors
    /// `app_not_found`, `argument_invalid` naming the setting; faults.
    pub async fn set_app(&self, key: &AppKey, changes: &[(String, String)]) -> Result<Tenant, Error> {
        for _ in 0..TRIES {
            let Some(app) = self.find_app(key) else { return Err(Error::plain(Condition::AppNotFound)) };
            let mut settings = app.value.settings.clone();
            for (name, value) in changes {
                settings.set(name, value)?;
            }
            let disabled = app.value.settings.enabled && !settings.enabled;
            if let Some(app) = self.store.apps.set(&app, settings).await? {
                if disabled {
                    self.close_all(app.value.id, &CloseCause::AppDisabled);
                }
                return Ok(app);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}
