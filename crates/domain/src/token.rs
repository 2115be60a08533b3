//! Tokens: signed, verifiable without memory, bound to the user's number and epoch.
//!
//! Besides ours there are two kinds that apps' back ends make by themselves and that name their user: [`dynamic`] ones,
//! signed with the client secret, and [`agora`]'s, signed with a certificate that the app's owner set. What those say
//! can't be taken back by raising an epoch; they end by themselves. [`verify_any`] takes all three.
//!
//! A token of ours is `YWMt` and the base64url text of version, kind, app, user, epoch, times and an HMAC over
//! them. Nothing is stored for one: a password change or a forced logout raises the user's epoch.

mod agora;
mod dynamic;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conditions::Condition;
use hmac::{Hmac, KeyInit, Mac};
use model::{AppId, Timestamp, Uid};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::Refusal;
use crate::app::App;

/// What vendors' tokens begin with; some back ends look at it.
const PREFIX: &str = "YWMt";
const VERSION: u8 = 1;
const CLAIMS_BYTES: usize = 34;
const SIGNATURE_BYTES: usize = 32;

/// How far ahead of ours the clock of somebody who signs tokens may be.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// The app's own back end.
    App,
    /// A user; the epoch must be the account's.
    User { uid: Uid, epoch: u32 },
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    pub app: AppId,
    pub bearer: Bearer,
    pub issued: Timestamp,
    /// `None` never expires.
    pub expires: Option<Timestamp>,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenRefused {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token belongs to another app")]
    Foreign,
    #[error("the token's signature is wrong")]
    Forged,
    #[error("the token is not acceptable: {reason}")]
    Unacceptable { reason: &'static str },
    #[error("the token expired {} s ago", .ago.as_secs())]
    Expired { ago: Duration },
    #[error("the token was revoked: the password changed or the user was logged out since it was issued")]
    Revoked,
}

impl Refusal for TokenRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Malformed => Condition::TokenMalformed,
            Self::Foreign => Condition::TokenForeign,
            Self::Forged | Self::Unacceptable { .. } => Condition::TokenInvalid,
            Self::Expired { .. } => Condition::TokenExpired,
            Self::Revoked => Condition::TokenRevoked,
        }
    }
}

/// What a token that a back end made says. It names its user: by the user's name, or (Agora's) by the name or the UUID; the
/// app itself by nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub user: String,
    pub issued: Timestamp,
    pub expires: Timestamp,
}

/// What any token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    Own(Claims),
    Dynamic(Named),
    Agora(Named),
}

/// Verifies a token of any kind that the app takes.
///
/// # Errors
/// [`TokenRefused`] naming the first check that failed.
pub fn verify_any(token: &str, app: &App, now: Timestamp) -> Result<Verified, TokenRefused> {
    if token.starts_with(dynamic::PREFIX) {
        return dynamic::verify(token, app, now).map(Verified::Dynamic);
    }
    let (app_id, certificate) = (&app.settings.agora_app_id.0, &app.settings.agora_certificate.0);
    if token.starts_with(agora::PREFIX) && !app_id.is_empty() && !certificate.is_empty() {
        return agora::verify(token, app_id, certificate, now).map(Verified::Agora);
    }
    verify(token, app.id, &app.secrets.token_key, now).map(Verified::Own)
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Signs a token.
pub fn issue(claims: &Claims, key: &[u8; 32]) -> String {
    let mut bytes = Vec::with_capacity(CLAIMS_BYTES + SIGNATURE_BYTES);
    let (kind, uid, epoch) = match claims.bearer {
        Bearer::App => (0, 0, 0),
        Bearer::User { uid, epoch } => (1, uid.0, epoch),
    };
    bytes.push(VERSION);
    bytes.push(kind);
    bytes.extend_from_slice(&claims.app.0.to_be_bytes());
    bytes.extend_from_slice(&uid.to_be_bytes());
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&claims.issued.0.to_be_bytes());
    bytes.extend_from_slice(&claims.expires.map_or(0, |expires| expires.0).to_be_bytes());
    let signature = mac(key, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&signature);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Verifies form, app, signature and expiry, in this order, and gives what the token says. The epoch is
/// the caller's to compare, since it needs the account ([`check_epoch`]).
///
/// # Errors
/// [`TokenRefused`] naming the first check that failed.
pub fn verify(token: &str, app: AppId, key: &[u8; 32], now: Timestamp) -> Result<Claims, TokenRefused> {
    let text = token.strip_prefix(PREFIX).ok_or(TokenRefused::Malformed)?;
    let mut buffer = [0; 96];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).map_err(|_| TokenRefused::Malformed)?;
    if length != CLAIMS_BYTES + SIGNATURE_BYTES {
        return Err(TokenRefused::Malformed);
    }
    let (bytes, signature) = buffer[..length].split_at(CLAIMS_BYTES);
    let claims = parse(bytes).ok_or(TokenRefused::Malformed)?;
    if claims.app != app {
        return Err(TokenRefused::Foreign);
    }
    // Constant time, as all comparisons of secrets.
    mac(key, bytes).verify_slice(signature).map_err(|_| TokenRefused::Forged)?;
    match claims.expires {
        Some(expires) if expires <= now => Err(TokenRefused::Expired { ago: now.since(expires) }),
        _ => Ok(claims),
    }
}

/// Holds a user token against the account's present epoch.
///
/// # Errors
/// [`TokenRefused::Revoked`].
pub fn check_epoch(token_epoch: u32, account_epoch: u32) -> Result<(), TokenRefused> {
    if token_epoch == account_epoch { Ok(()) } else { Err(TokenRefused::Revoked) }
}

fn parse(bytes: &[u8]) -> Option<Claims> {
    let number = |from: usize| u64::from_be_bytes(bytes[from..from + 8].try_into().expect("8 bytes"));
    let short = |from: usize| u32::from_be_bytes(bytes[from..from + 4].try_into().expect("4 bytes"));
    if bytes[0] != VERSION {
        return None;
    }
    let bearer = match bytes[1] {
        0 => Bearer::App,
        1 => Bearer::User { uid: Uid(number(6)), epoch: short(14) },
        _ => return None,
    };
    Some(Claims {
        app: AppId(short(2)),
        bearer,
        issued: Timestamp(number(18)),
        expires: Some(number(26)).filter(|expires| *expires != 0).map(Timestamp),
    })
}

fn mac(key: &[u8; 32], bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac
}

/// An app for tests of tokens.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::app::{AppSecrets, Settings};

    pub(super) fn app() -> App {
        App {
            id: AppId(3),
            key: "org#app".parse().unwrap(),
            uuid: String::new(),
            client_id: "id".to_owned(),
            secrets: AppSecrets { client_secret: "secret".to_owned(), token_key: [7; 32] },
            created: Timestamp(0),
            settings: Settings::default(),
            hooks: Vec::new(),
            keyword_changes: 0,
            jmessage: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn claims() -> Claims {
        Claims {
            app: AppId(3),
            bearer: Bearer::User { uid: Uid(9), epoch: 2 },
            issued: Timestamp(1_000),
            expires: Some(Timestamp(5_000)),
        }
    }

    #[test]
    fn an_issued_token_says_what_it_was_issued_for() {
        for claims in [claims(), Claims { bearer: Bearer::App, expires: None, ..claims() }] {
            let token = issue(&claims, &KEY);
            assert!(token.starts_with("YWMt"), "{token}");
            assert_eq!(verify(&token, AppId(3), &KEY, Timestamp(4_999)), Ok(claims));
        }
    }

    #[test]
    fn the_refusal_names_the_check_that_failed() {
        let token = issue(&claims(), &KEY);
        let now = Timestamp(2_000);
        assert_eq!(verify(&token, AppId(4), &KEY, now), Err(TokenRefused::Foreign));
        assert_eq!(verify(&token, AppId(3), &[8; 32], now), Err(TokenRefused::Forged));
        let late = Timestamp(6_000);
        let ago = Duration::from_secs(1);
        assert_eq!(verify(&token, AppId(3), &KEY, late), Err(TokenRefused::Expired { ago }));
        assert_eq!(check_epoch(2, 3), Err(TokenRefused::Revoked));
    }

    #[test]
    fn every_changed_or_cut_token_is_refused() {
        let token = issue(&claims(), &KEY);
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&changed, AppId(3), &KEY, Timestamp(2_000)).is_err(), "{changed}");
            assert!(verify(&token[..place], AppId(3), &KEY, Timestamp(2_000)).is_err());
        }
        assert!(verify(&format!("{token}AAAA"), AppId(3), &KEY, Timestamp(2_000)).is_err());
        assert!(verify(&"Y".repeat(100_000), AppId(3), &KEY, Timestamp(2_000)).is_err());
    }

    #[test]
    fn agoras_tokens_are_unknown_until_the_owner_sets_their_certificate() {
        let mut app = testing::app();
        let token = "007eJxTYA==";
        assert_eq!(verify_any(token, &app, Timestamp(1)), Err(TokenRefused::Malformed));
        app.settings.set("agora.app_id", &"a".repeat(32)).unwrap();
        app.settings.set("agora.certificate", &"b".repeat(32)).unwrap();
        assert_eq!(verify_any(token, &app, Timestamp(1)), Err(TokenRefused::Malformed), "it is cut");
        let own = issue(&Claims { expires: None, ..claims() }, &app.secrets.token_key);
        assert!(matches!(verify_any(&own, &app, Timestamp(1)), Ok(Verified::Own(_))));
    }
}
