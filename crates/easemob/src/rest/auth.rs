//! Who is calling: the token, and whether the route is for its bearer.

use std::sync::Arc;

use app::{Error, Identity, Tenant};
use conditions::Condition;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use model::Username;
use store::Account;

use super::Site;
use super::routes::Who;

/// The caller behind a request.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// No token, or the route does not ask for one.
    Nobody,
    BackEnd,
    User(Arc<Account>),
}

/// The token of `Authorization: Bearer …`, the scheme in any case or left out, as old clients have it; `None`
/// without the header or with nothing in it. Another scheme comes back as it is, to be refused as malformed.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?;
    // A value that is no ASCII text is no token of ours.
    let value = value.to_str().unwrap_or("?").trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if value.eq_ignore_ascii_case("bearer") => "",
        _ => value,
    };
    easemob_wire::rest::request::given(token)
}

/// Admits a caller to a route.
///
/// # Errors
/// `credentials_missing`, those of [`app::UseCases::authenticate`], then the kind: `token_wrong_kind`,
/// `permission_denied` for a user at another user's resource (`token_user_mismatch` where the token itself is
/// the question).
pub(crate) async fn admit(
    site: &Site,
    tenant: &Tenant,
    who: Who,
    bearer: Option<&str>,
    user: &str,
) -> Result<Caller, Error> {
    let bearer = match (who, bearer) {
        (Who::Anybody, _) | (Who::AnybodyOrBackEnd, None) => return Ok(Caller::Nobody),
        (_, None) => return Err(Error::plain(Condition::CredentialsMissing)),
        (_, Some(bearer)) => bearer,
    };
    let (identity, _) = site.use_cases.authenticate(tenant, bearer).await?;
    let refused = match (&identity, who) {
        (Identity::App, Who::Owner) => Some(Condition::TokenWrongKind),
        (Identity::App, _) => None,
        (Identity::User(_), Who::BackEnd | Who::AnybodyOrBackEnd) => Some(Condition::TokenWrongKind),
        (Identity::User(account), Who::BackEndOrOwner) => {
            (!is_name_of(user, account)).then_some(Condition::PermissionDenied)
        }
        (Identity::User(account), Who::Owner) => {
            (!is_name_of(user, account)).then_some(Condition::TokenUserMismatch)
        }
        (Identity::User(_), Who::Member | Who::Anybody) => None,
    };
    if let Some(condition) = refused {
        return Err(Error::plain(condition));
    }
    Ok(match identity {
        Identity::App => Caller::BackEnd,
        Identity::User(account) => Caller::User(account),
    })
}

fn is_name_of(user: &str, account: &Account) -> bool {
    Username::parse(user).is_ok_and(|name| name == account.user.name)
}
