//! Tokens: `POST /token` (easemob-rest.md 2.1), and how long one is still good.

use std::time::Duration;

use app::{Error, Grant, IssuedToken};
use conditions::{Condition, Operation};
use easemob_wire::rest::{TokenAnswer, TokenRequest};
use model::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, entity};
use super::call::{Call, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/token" Anybody Json Token => issue;
    GET "/sdk/users/{user}/token/expires" Owner Nothing Token => expiry;
}

/// What a token that never expires says, in seconds: 68 years, the most that a client's 32 bits hold.
const FOREVER_SECONDS: u64 = i32::MAX as u64;

/// `POST /token`
pub(crate) async fn issue(call: Call) -> Result<Answer, Failure> {
    let (grant, operation) = grant(&call, call.parse(TokenRequest::parse)?)?;
    let is_agora = matches!(grant, Grant::Agora { .. });
    let issued = call.use_cases().issue_token(&call.tenant, grant).await;
    let issued = issued.map_err(|error| Failure::of(error, operation))?;
    if is_agora {
        let expire_timestamp = expiry_timestamp(&call, issued.expires);
        return Ok(Answer::new(
            &json!({ "access_token": issued.token, "expire_timestamp": expire_timestamp }),
        ));
    }
    Ok(Answer::new(&answer(&call, issued)))
}

fn grant(call: &Call, request: TokenRequest) -> Result<(Grant, Operation), Failure> {
    let given = |name: &str, value: Option<String>, operation| {
        value.ok_or_else(|| Failure::of(missing(name), operation))
    };
    Ok(match request {
        TokenRequest::ClientCredentials { client_id, client_secret, ttl_seconds } => {
            let grant = Grant::ClientCredentials {
                client_id: client_id.unwrap_or_default(),
                client_secret: client_secret.unwrap_or_default(),
                ttl: ttl_seconds,
            };
            (grant, Operation::Token)
        }
        TokenRequest::Password { username, password, ttl_seconds } => {
            let operation = Operation::TokenPassword;
            let absent = || Failure::of(Error::plain(Condition::PasswordMissing), operation);
            let grant = Grant::Password {
                username: given("username", username, operation)?,
                password: password.filter(|password| !password.is_empty()).ok_or_else(absent)?,
                ttl: ttl_seconds,
                address: call.address,
            };
            (grant, operation)
        }
        TokenRequest::Inherit { username, auto_create_user, ttl_seconds } => {
            let operation = Operation::TokenInherit;
            let grant = Grant::Inherit {
                bearer: call.bearer.clone(),
                username: given("username", username, operation)?,
                auto_create: auto_create_user,
                ttl: ttl_seconds,
            };
            (grant, operation)
        }
        TokenRequest::Agora => (Grant::Agora { bearer: call.bearer.clone() }, Operation::Token),
        TokenRequest::Other { grant_type } => return Err(other_grant(&grant_type).into()),
    })
}

fn other_grant(grant_type: &str) -> Error {
    match grant_type {
        "" => missing("grant_type"),
        _ => {
            let grant_type = domain::account::printable(grant_type);
            Error::refused(Condition::GrantTypeUnsupported, vec![("grant_type", grant_type)])
        }
    }
}

fn answer(call: &Call, issued: IssuedToken) -> TokenAnswer {
    TokenAnswer {
        access_token: issued.token,
        expires_in: issued.expires.map_or(FOREVER_SECONDS, |expires| expires.since(issued.issued).as_secs()),
        application: issued.account.is_none().then(|| call.tenant.value.uuid.clone()),
        user: issued.account.as_deref().map(entity),
    }
}

/// `GET /sdk/users/{user}/token/expires`: the web SDKs ask it with a token that they renew to. So the use case
/// takes it as the renewal, and checks the token once more by its own rules.
pub(crate) async fn expiry(call: Call) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct Expiry {
        /// Milliseconds since 1970.
        expire_timestamp: u64,
    }
    let bearer = call.bearer.as_deref().unwrap_or_default();
    let expires = call.use_cases().token_expiry(&call.tenant, bearer, call.user()).await?;
    Ok(Answer::new(&Expiry { expire_timestamp: expiry_timestamp(&call, expires) }))
}

/// Milliseconds since 1970.
fn expiry_timestamp(call: &Call, expires: Option<Timestamp>) -> u64 {
    let forever = || call.use_cases().now().plus(Duration::from_secs(FOREVER_SECONDS));
    expires.unwrap_or_else(forever).0
}
