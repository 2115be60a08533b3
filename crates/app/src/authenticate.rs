//! Who a bearer token speaks for.

use std::sync::Arc;

use conditions::Condition;
use domain::token::{self, Bearer, Claims, TokenRefused};
use store::Account;

use crate::{Error, Tenant, UseCases};

/// The caller behind a token.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The app's back end.
    App,
    User(Arc<Account>),
}

impl UseCases {
    /// Verifies a token of an app: form, app, signature, expiry, then the account and its epoch.
    ///
    /// # Errors
    /// `token_malformed`, `token_foreign`, `token_invalid`, `token_expired`, `token_revoked`,
    /// `user_banned`; faults.
    pub async fn authenticate(&self, app: &Tenant, bearer: &str) -> Result<(Identity, Claims), Error> {
        let claims = token::verify(bearer, app.value.id, &app.value.secrets.token_key, self.now())?;
        let Bearer::User { uid, epoch } = claims.bearer else { return Ok((Identity::App, claims)) };
        let account = self.store.users.get(app.value.id, uid).await?;
        // The account is gone: nothing may be done in its name, even by a new one of the same name.
        let Some(account) = account else { return Err(TokenRefused::Revoked.into()) };
        // A deactivation raises the epoch too; the caller learns the cause that he can do something about.
        if !account.user.active {
            return Err(Error::plain(Condition::UserBanned));
        }
        token::check_epoch(epoch, account.user.epoch)?;
        Ok((Identity::User(account), claims))
    }
}
