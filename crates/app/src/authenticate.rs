//! Who a bearer token speaks for.

use std::sync::Arc;

use conditions::Condition;
use domain::token::{self, Bearer, Claims, Named, TokenRefused, Verified};
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
    /// Verifies a token of any kind that an app takes: form, app, signature, times, then the account and, of our own
    /// tokens, its epoch.
    ///
    /// # Errors
    /// `token_malformed`, `token_foreign`, `token_invalid`, `token_expired`, `token_revoked`,
    /// `user_banned`; faults.
    pub async fn authenticate(&self, app: &Tenant, bearer: &str) -> Result<(Identity, Claims), Error> {
        let (id, users) = (app.value.id, &self.store.users);
        let (account, issued, expires, epoch) = match token::verify_any(bearer, &app.value, self.now())? {
            Verified::Own(claims) => {
                let Bearer::User { uid, epoch } = claims.bearer else { return Ok((Identity::App, claims)) };
                (users.get(id, uid).await?, claims.issued, claims.expires, Some(epoch))
            }
            Verified::Agora(Named { user, issued, expires }) if user.is_empty() => {
                let claims = Claims { app: id, bearer: Bearer::App, issued, expires: Some(expires) };
                return Ok((Identity::App, claims));
            }
            Verified::Dynamic(named) => {
                (self.find_user(app, &named.user).await?, named.issued, Some(named.expires), None)
            }
            Verified::Agora(named) => {
                let by_uuid = users.find_uuid(id, &named.user).await?;
                let account = match by_uuid {
                    Some(account) => Some(account),
                    None => self.find_user(app, &named.user).await?,
                };
                (account, named.issued, Some(named.expires), None)
            }
        };
        // The account is gone: nothing may be done in its name, even by a new one of the same name.
        let Some(account) = account else { return Err(TokenRefused::Revoked.into()) };
        // A deactivation raises the epoch too; the caller learns the cause that he can do something about.
        if !account.user.active {
            return Err(Error::plain(Condition::UserBanned));
        }
        let present = account.user.epoch;
        token::check_epoch(epoch.unwrap_or(present), present)?;
        let bearer = Bearer::User { uid: account.user.uid, epoch: present };
        Ok((Identity::User(account), Claims { app: id, bearer, issued, expires }))
    }
}
