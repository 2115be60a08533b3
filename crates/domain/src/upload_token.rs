//! Tokens that let a page upload one file in its user's name (jmessage.md 2.6).
//!
//! A page asks for one over its connection, and shows it to the HTTP service. It opens nothing else: who sees it in a
//! proxy's log has a few minutes to upload one file. That it is used once is remembered by whoever takes it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use conditions::Condition;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{AppId, Timestamp, Uid};
use sha2::Sha256;
use thiserror::Error;

use crate::refused::Refusal;

/// How long a token is good: an upload begins right after it was asked for.
pub const LIFE: Duration = Duration::from_secs(10 * 60);

/// A token; [`fmt::Display`] and [`FromStr`] are its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadToken {
    pub uid: Uid,
    /// Of the user's tokens when it was given out: void when the password changed since.
    pub epoch: u32,
    /// Seconds since 1970.
    pub expires: u64,
    /// Drawn at random, so that no two are the same.
    pub number: u64,
    signature: [u8; 32],
}

/// Why an upload is not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UploadTokenRefused {
    #[error("the token is not one of ours, or another user's")]
    Wrong,
    #[error("the token is over, or was used")]
    Over,
}

impl Refusal for UploadTokenRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Wrong => Condition::CredentialsWrong,
            Self::Over => Condition::TokenExpired,
        }
    }
}

impl UploadToken {
    pub fn new(app: AppId, key: &[u8; 32], (uid, epoch): (Uid, u32), number: u64, now: Timestamp) -> Self {
        let expires = now.plus(LIFE).0 / 1000;
        let mut token = Self { uid, epoch, expires, number, signature: [0; 32] };
        token.signature = token.mac(app, key).finalize().into_bytes().into();
        token
    }

    /// Whether it is ours and this user's, and good now.
    ///
    /// # Errors
    /// [`UploadTokenRefused`].
    pub fn check(
        &self,
        app: AppId,
        key: &[u8; 32],
        user: (Uid, u32),
        now: Timestamp,
    ) -> Result<(), UploadTokenRefused> {
        let is_ours = self.mac(app, key).verify_slice(&self.signature).is_ok();
        if !is_ours || self.uid != user.0 || self.epoch != user.1 {
            return Err(UploadTokenRefused::Wrong);
        }
        if self.expires <= now.0 / 1000 { Err(UploadTokenRefused::Over) } else { Ok(()) }
    }

    /// The key signs tokens and links too; the words in front keep them apart.
    fn mac(&self, app: AppId, key: &[u8; 32]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(b"upload token");
        for part in [u64::from(app.0), self.uid.0, u64::from(self.epoch), self.expires, self.number] {
            mac.update(&part.to_be_bytes());
        }
        mac
    }
}

impl fmt::Display for UploadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}.{:x}.{:x}.", self.uid.0, self.epoch, self.expires, self.number)?;
        self.signature.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for UploadToken {
    type Err = UploadTokenRefused;

    fn from_str(text: &str) -> Result<Self, UploadTokenRefused> {
        read(text).filter(|token| token.to_string() == text).ok_or(UploadTokenRefused::Wrong)
    }
}

fn read(text: &str) -> Option<UploadToken> {
    let mut parts = text.split('.');
    let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
    let (uid, epoch, expires, number) = (Uid(number()?), number()?, number()?, number()?);
    let digits = parts.next().filter(|digits| digits.len() == 64)?;
    let mut signature = [0; 32];
    for (place, byte) in signature.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(UploadToken { uid, epoch: u32::try_from(epoch).ok()?, expires, number, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_user_and_for_ten_minutes() {
        use UploadTokenRefused::{Over, Wrong};
        let (app, key, now) = (AppId(1), [7; 32], Timestamp(1_795_220_913_000));
        let user = (Uid(9), 2);
        let token = UploadToken::new(app, &key, user, 5, now);
        let check = |token: &UploadToken, app, key, user, now| token.check(app, key, user, now);
        assert_eq!(check(&token, app, &key, user, now.plus(LIFE - Duration::from_secs(1))), Ok(()));
        assert_eq!(check(&token, app, &key, user, now.plus(LIFE)), Err(Over));
        assert_eq!(check(&token, AppId(2), &key, user, now), Err(Wrong));
        assert_eq!(check(&token, app, &[8; 32], user, now), Err(Wrong));
        assert_eq!(check(&token, app, &key, (Uid(8), 2), now), Err(Wrong));
        assert_eq!(check(&token, app, &key, (Uid(9), 3), now), Err(Wrong), "the password changed");
        for changed in [
            UploadToken { expires: token.expires + 1, ..token.clone() },
            UploadToken { number: 6, ..token.clone() },
            UploadToken { uid: Uid(8), ..token.clone() },
        ] {
            assert_eq!(check(&changed, app, &key, (changed.uid, 2), now), Err(Wrong));
        }
    }

    #[test]
    fn a_token_has_one_text() {
        let token = UploadToken::new(AppId(1), &[7; 32], (Uid(255), 2), 5, Timestamp(1_795_220_913_000));
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token));
        for wrong in [
            "".to_owned(),
            "....".to_owned(),
            text.to_uppercase(),
            format!("0{text}"),
            format!("+{text}"),
            format!("{text}0"),
            format!("{text}."),
            text[..text.len() - 1].to_owned(),
            text.replace("ff.", "1ffffffffffffffff."),
            text.replace('.', ":"),
            "é".repeat(50),
        ] {
            assert_eq!(wrong.parse::<UploadToken>(), Err(UploadTokenRefused::Wrong), "{wrong}");
        }
    }
}
