//! Tokens that an app's back end signs by itself, without asking the server (easemob-rest.md 2.4): base64url of `dt-` and
//! a JSON object with the hexadecimal SHA-256 of client id, app key, user, time, life and client secret.
//!
//! The signature has nothing between its parts, so that digits of one could be read as another's. Therefore the time has
//! exactly ten digits and does not lie ahead, no number begins with a zero, and a life has a most (architecture.md
//! section 7); the app's key and client id are ours, not the token's.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{CLOCK_SKEW, Named, TokenRefused};
use crate::app::App;

/// How the text of such a token begins: the base64 of `dt-`.
pub(super) const PREFIX: &str = "ZHQt";
/// Characters of a token. What is in it is far shorter.
const TEXT_LIMIT: usize = 2048;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    signature: String,
    appkey: String,
    user_id: String,
    cur_time: Value,
    ttl: Value,
}

/// Verifies form, app, times, signature and expiry, in this order.
///
/// # Errors
/// [`TokenRefused`] naming the first check that failed.
pub(super) fn verify(token: &str, app: &App, now: Timestamp) -> Result<Named, TokenRefused> {
    if token.len() > TEXT_LIMIT {
        return Err(TokenRefused::Malformed);
    }
    let bytes =
        URL_SAFE.decode(token).or_else(|_| STANDARD.decode(token)).map_err(|_| TokenRefused::Malformed)?;
    let json = bytes.strip_prefix(b"dt-").ok_or(TokenRefused::Malformed)?;
    let body: Body = serde_json::from_slice(json).map_err(|_| TokenRefused::Malformed)?;
    if body.appkey != app.key.as_str() {
        return Err(TokenRefused::Foreign);
    }
    let (cur_time, ttl) = (digits(&body.cur_time)?, digits(&body.ttl)?);
    let unacceptable = |reason| TokenRefused::Unacceptable { reason };
    if cur_time.len() != 10 {
        return Err(unacceptable("its time has not ten digits"));
    }
    let seconds = |digits: &str| digits.parse::<u64>().map_err(|_| TokenRefused::Malformed);
    let (issued, life) = (Timestamp(seconds(&cur_time)? * 1000), seconds(&ttl)?);
    if issued > now.plus(CLOCK_SKEW) {
        return Err(unacceptable("its time lies ahead"));
    }
    if life == 0 || life > app.settings.dynamic_token_ttl_limit_seconds {
        return Err(unacceptable("its life is longer than token.dynamic_ttl_limit_seconds"));
    }
    let mut hash = Sha256::new();
    for part in [&app.client_id, &body.appkey, &body.user_id, &cur_time, &ttl, &app.secrets.client_secret] {
        hash.update(part.as_bytes());
    }
    let expected: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if !super::same(&expected, &body.signature.to_ascii_lowercase()) {
        return Err(TokenRefused::Forged);
    }
    let expires = issued.plus(Duration::from_secs(life));
    if expires <= now {
        return Err(TokenRefused::Expired { ago: now.since(expires) });
    }
    Ok(Named { user: body.user_id, issued, expires })
}

/// A number as it was signed: decimal digits without a zero in front, as a number or a text.
fn digits(value: &Value) -> Result<String, TokenRefused> {
    let digits = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(TokenRefused::Malformed),
    };
    let is_plain = !digits.is_empty()
        && digits.len() <= 10
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if is_plain { Ok(digits) } else { Err(TokenRefused::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::app;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_795_220_913_000);

    fn sign(user: &str, cur_time: &Value, ttl: &Value, secret: &str) -> Value {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let signed = format!("idorg#app{user}{}{}{secret}", text(cur_time), text(ttl));
        let signature: String = Sha256::digest(signed).iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "signature": signature, "appkey": "org#app", "userId": user, "curTime": cur_time, "ttl": ttl })
    }

    fn token(body: &Value) -> String {
        URL_SAFE.encode(format!("dt-{body}"))
    }

    #[test]
    fn what_a_back_end_signed_names_its_user() {
        let body = sign("alice", &json!(1_795_220_000), &json!(3600), "secret");
        let named = verify(&token(&body), &app(), NOW).unwrap();
        assert_eq!((named.user.as_str(), named.issued), ("alice", Timestamp(1_795_220_000_000)));
        assert_eq!(named.expires, Timestamp(1_795_223_600_000));
        assert!(token(&body).starts_with(PREFIX));
        let texts = sign("alice", &json!("1795220000"), &json!("3600"), "secret");
        assert!(verify(token(&texts).trim_end_matches('='), &app(), NOW).is_ok());
        assert!(verify(&STANDARD.encode(format!("dt-{texts}")), &app(), NOW).is_ok());
    }

    #[test]
    fn each_refusal_names_the_check_that_failed() {
        let refused = |body: &Value| verify(&token(body), &app(), NOW).unwrap_err();
        let signed = |cur_time: Value, ttl: Value| sign("alice", &cur_time, &ttl, "secret");
        let good = || signed(json!(1_795_220_000), json!(3600));

        let mut foreign = good();
        foreign["appkey"] = "org#other".into();
        assert_eq!(refused(&foreign), TokenRefused::Foreign);
        assert_eq!(
            refused(&sign("alice", &json!(1_795_220_000), &json!(3600), "guess")),
            TokenRefused::Forged
        );
        let mut other = good();
        other["userId"] = "bob".into();
        assert_eq!(refused(&other), TokenRefused::Forged);
        let ago = Duration::from_secs(13);
        assert_eq!(refused(&signed(json!(1_795_220_000), json!(900))), TokenRefused::Expired { ago });
        for (cur_time, ttl) in [
            (json!(179_522_000), json!(3600)),
            (json!(1_795_220_974), json!(3600)),
            (json!(1_795_220_000), json!(366 * 24 * 3600)),
            (json!(9_952_200_001_u64), json!(3600)),
        ] {
            let refused = refused(&signed(cur_time.clone(), ttl));
            assert!(matches!(refused, TokenRefused::Unacceptable { .. }), "{cur_time}: {refused}");
        }
        for (cur_time, ttl) in [
            (json!("0795220000"), json!(3600)),
            (json!(1_795_220_000), json!("03600")),
            (json!(1_795_220_000), json!(0)),
            (json!(1_795_220_000), json!(-1)),
            (json!(1_795_220_000.5), json!(3600)),
            (json!(17_952_200_001_u64), json!(3600)),
            (json!(null), json!(3600)),
        ] {
            assert_eq!(refused(&signed(cur_time, ttl)), TokenRefused::Malformed);
        }
        for text in ["ZHQt", "ZHQt!", "ZHQte30", &"ZHQt".repeat(1000)] {
            assert_eq!(verify(text, &app(), NOW), Err(TokenRefused::Malformed), "{text}");
        }
    }

    #[test]
    fn digits_can_not_wander_from_one_part_to_the_next() {
        // Signed for "u1"; read as "u" with a time that begins with the name's digit, or the other way round.
        let signed = sign("u1", &json!(1_795_220_000), &json!(3600), "secret");
        for (user, cur_time, ttl) in
            [("u", 1_179_522_000_u64, 3_600_u64), ("u", 1_179_522_000, 3600), ("u17", 9_522_000_036, 0)]
        {
            let mut moved = signed.clone();
            moved["userId"] = user.into();
            moved["curTime"] = cur_time.into();
            moved["ttl"] = ttl.into();
            assert!(verify(&token(&moved), &app(), NOW).is_err());
        }
    }
}
