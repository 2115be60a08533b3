//! Tokens that let a page upload one file in its user's name.

use std::sync::Arc;

use ahash::AHashMap;
use conditions::Condition;
use domain::upload_token::{UploadToken, UploadTokenRefused};
use model::{AppId, Uid};
use parking_lot::Mutex;
use store::Account;

use crate::{Error, Tenant, UseCases, random};

/// Tokens that are remembered as used at once, on this node. Each is forgotten when it is over anyway.
const USED_LIMIT: usize = 100_000;
/// The same of one user, so that nobody uses up what others need.
const USED_BY_ONE_LIMIT: usize = 256;

/// The tokens that users used, each with the second in which it is over.
#[derive(Debug, Default)]
pub(crate) struct UsedTokens {
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    by_user: AHashMap<(AppId, Uid), AHashMap<u64, u64>>,
    count: usize,
}

impl UsedTokens {
    /// Marks a token as used. `false`: it was.
    ///
    /// # Errors
    /// `rate_limited` when too many of the user's are remembered, `server_busy` when too many are.
    fn take(&self, app: AppId, user: Uid, token: &UploadToken, second: u64) -> Result<bool, Error> {
        let mut used = self.used.lock();
        let Used { by_user, count } = &mut *used;
        if *count >= USED_LIMIT {
            by_user.retain(|_, tokens| {
                tokens.retain(|_, expires| *expires > second);
                !tokens.is_empty()
            });
            *count = by_user.values().map(|tokens| tokens.len()).sum();
            if *count >= USED_LIMIT {
                return Err(Error::plain(Condition::ServerBusy));
            }
        }
        let tokens = by_user.entry((app, user)).or_default();
        if tokens.len() >= USED_BY_ONE_LIMIT {
            let before = tokens.len();
            tokens.retain(|_, expires| *expires > second);
            *count -= before - tokens.len();
            if tokens.len() >= USED_BY_ONE_LIMIT {
                return Err(Error::plain(Condition::RateLimited));
            }
        }
        let is_new = tokens.insert(token.number, token.expires).is_none();
        *count += usize::from(is_new);
        Ok(is_new)
    }
}

impl UseCases {
    /// A token for one upload of a user's.
    pub fn issue_upload_token(&self, app: &Tenant, account: &Account) -> UploadToken {
        let (user, key) = (&account.user, &app.value.secrets.token_key);
        UploadToken::new(app.value.id, key, (user.uid, user.epoch), random::number(), self.now())
    }

    /// The user who shows a token. Order: he is not banned; it is ours and this user's, and
    /// not over.
    ///
    /// # Errors
    /// `user_banned`, `credentials_wrong` for a token that is not ours or not this user's, `token_expired`; faults.
    pub async fn check_upload_token(
        &self,
        app: &Tenant,
        username: &str,
        token: &str,
    ) -> Result<(Arc<Account>, UploadToken), Error> {
        let token: UploadToken = token.parse()?;
        let account = self.find_user(app, username).await?.ok_or(UploadTokenRefused::Wrong)?;
        let user = &account.user;
        // First: a ban ends the tokens from before it, and who is banned is to hear that.
        if !user.active {
            return Err(Error::plain(Condition::UserBanned));
        }
        token.check(app.value.id, &app.value.secrets.token_key, (user.uid, user.epoch), self.now())?;
        Ok((account, token))
    }

    /// Uses a checked token, once. On another node it could be used again, as long as it is good.
    ///
    /// # Errors
    /// `token_expired` for one that was used; `rate_limited`, `server_busy` when too many were within their life.
    pub fn use_upload_token(&self, app: &Tenant, user: Uid, token: &UploadToken) -> Result<(), Error> {
        let is_new = self.used_tokens.take(app.value.id, user, token, self.now().0 / 1000)?;
        if is_new { Ok(()) } else { Err(UploadTokenRefused::Over.into()) }
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn one_user_never_uses_up_what_others_need() {
        let used = UsedTokens::default();
        let token = |number| UploadToken::new(AppId(1), &[0; 32], (Uid(1), 1), number, Timestamp(1_000));
        let second = 2;
        assert!(used.take(AppId(1), Uid(1), &token(0), second).unwrap());
        assert!(!used.take(AppId(1), Uid(1), &token(0), second).unwrap(), "once");
        let refused = (1..1_000).find_map(|number| used.take(AppId(1), Uid(1), &token(number), second).err());
        assert_eq!(refused.unwrap().condition(), Condition::RateLimited);
        assert!(used.take(AppId(1), Uid(2), &token(0), second).unwrap());
        // When they are over there is room again.
        assert!(used.take(AppId(1), Uid(1), &token(5_000), token(0).expires + 1).unwrap());
    }
}
