//! Who is calling: app key and master secret of `Authorization: Basic …`.

use app::{Error, Tenant, UseCases};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conditions::Condition;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The app whose back end calls.
///
/// # Errors
/// `credentials_missing` without the header, `credentials_wrong` for what is no pair of key and secret, and those of
/// [`UseCases::admit_master`].
pub(crate) fn admit(use_cases: &UseCases, headers: &HeaderMap) -> Result<Tenant, Error> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| Error::plain(Condition::CredentialsMissing))?;
    let pair = header.to_str().ok().and_then(credentials);
    let (key, secret) = pair.ok_or_else(|| Error::plain(Condition::CredentialsWrong))?;
    use_cases.admit_master(&key, &secret)
}

pub(super) fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (key, secret) = pair.split_once(':')?;
    Some((key.to_owned(), secret.to_owned()))
}
