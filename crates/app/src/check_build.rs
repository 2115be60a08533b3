//! Which app an app key of JMessage's means, for a client that says what it is.

use conditions::Condition;
use domain::client_build::{self, ClientPlatform};
use model::JMessageKey;

use crate::{Error, Tenant, UseCases};

/// What a client says of itself before its login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckBuild<'a> {
    pub key: &'a str,
    pub platform: ClientPlatform,
    /// The application id of an Android build; otherwise not asked for.
    pub package: &'a str,
}

impl UseCases {
    /// Order: the form of the key, the app, whether it is enabled, [`client_build::check`].
    ///
    /// # Errors
    /// `app_key_invalid`, `app_not_found`, `app_disabled`, `platform_mismatch`, `package_mismatch`.
    pub fn check_build(&self, asked: CheckBuild<'_>) -> Result<Tenant, Error> {
        let key: JMessageKey = asked.key.parse().map_err(|_| Error::plain(Condition::AppKeyInvalid))?;
        let app = self.find_app_by_hex_key(&key).ok_or_else(|| Error::plain(Condition::AppNotFound))?;
        if !app.value.settings.enabled {
            return Err(Error::plain(Condition::AppDisabled));
        }
        client_build::check(&app.value.settings, asked.platform, asked.package)?;
        Ok(app)
    }
}
