//! Tokens that let a page upload one file in its user's name.

use std::sync::Arc;

use ahash::AHashMap;
use conditions::Condition;
use domain::upload_token::{UploadToken, UploadTokenRefused};
use model::AppId;
use parking_lot::Mutex;
use store::Account;

use crate::{Error, Tenant, UseCases, random};

/// Tokens that are remembered as used at once, on this node. Each is forgotten when it is over anyway.
const USED_LIMIT: usize = 100_000;

/// The tokens that were used, with the second in which each is over.
#[derive(Debug, Default)]
pub(crate) struct UsedTokens {
    used: Mutex<AHashMap<(AppId, u64), u64>>,
}

impl UsedTokens {
    /// Marks a token as used. `false`: it was.
    ///
    /// # Errors
    /// `server_busy` when too many are remembered.
    fn take(&self, app: AppId, token: &UploadToken, second: u64) -> Result<bool, Error> {
        let mut used = self.used.lock();
        if used.len() >= USED_LIMIT {
            used.retain(|_, expires| *expires > second);
            if used.len() >= USED_LIMIT {
                return Err(Error::plain(Condition::ServerBusy));
            }
        }
        Ok(used.insert((app, token.number), token.expires).is_none())
    }
}

impl UseCases {
    /// A token for one upload of a user's.
    pub fn issue_upload_token(&self, app: &Tenant, account: &Account) -> UploadToken {
        let (user, key) = (&account.user, &app.value.secrets.token_key);
        UploadToken::new(app.value.id, key, (user.uid, user.epoch), random::number(), self.now())
    }

    /// The user who shows a token, which is used by that. On another node it could be used again, as long as it is good.
    ///
    /// # Errors
    /// `credentials_wrong` for a token that is not ours or not this user's, `user_banned`, `token_expired` for one that is
    /// over or was used, `server_busy`; faults.
    pub async fn take_upload_token(
        &self,
        app: &Tenant,
        username: &str,
        token: &str,
    ) -> Result<Arc<Account>, Error> {
        let token: UploadToken = token.parse()?;
        let account = self.find_user(app, username).await?.ok_or(UploadTokenRefused::Wrong)?;
        let (user, now) = (&account.user, self.now());
        if !user.active {
            return Err(Error::plain(Condition::UserBanned));
        }
        token.check(app.value.id, &app.value.secrets.token_key, (user.uid, user.epoch), now)?;
        if !self.used_tokens.take(app.value.id, &token, now.0 / 1000)? {
            return Err(UploadTokenRefused::Over.into());
        }
        Ok(account)
    }
}
