//! Lets a JMessage back end in by its app key and master secret.

use conditions::Condition;
use subtle::ConstantTimeEq as _;

use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// The app that a back end acts for. Order: the key, the secret, whether the app is enabled.
    ///
    /// # Errors
    /// `app_not_found`, `credentials_wrong`, `app_disabled`.
    pub fn admit_master(&self, key: &str, secret: &str) -> Result<Tenant, Error> {
        let app = key.parse().ok().and_then(|key| self.find_app_by_hex_key(&key));
        let app = app.ok_or_else(|| Error::plain(Condition::AppNotFound))?;
        let known = app.value.jmessage.as_ref().map_or("", |face| face.master_secret.as_str());
        if !bool::from(secret.as_bytes().ct_eq(known.as_bytes())) {
            return Err(Error::plain(Condition::CredentialsWrong));
        }
        if !app.value.settings.enabled {
            return Err(Error::plain(Condition::AppDisabled));
        }
        Ok(app)
    }
}
