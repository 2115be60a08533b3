//! Issues tokens: to a back end for its client secret, to a user for his password, to a back end for a user.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use conditions::Condition;
use domain::Refused;
use domain::account::{Register, Registrant};
use domain::token::{self, Bearer, Claims, Verified};
use model::{AppId, Dialect, NameError, Timestamp, Uid, Username};
use store::Account;
use subtle::ConstantTimeEq;

use crate::{Error, Identity, Password, Tenant, UseCases};

/// The end of a token that has none.
const FOR_EVER: Timestamp = Timestamp(u64::MAX);

/// What a caller offers for a token. `ttl`: seconds, 0 for ever, `None` the app's setting.
#[derive(Clone, Debug)]
pub enum Grant {
    ClientCredentials {
        client_id: String,
        client_secret: String,
        ttl: Option<u64>,
    },
    Password {
        username: String,
        password: String,
        ttl: Option<u64>,
        address: Option<IpAddr>,
    },
    /// A user shows the digest of his password, in hexadecimal digits ([`crate::Password::Digest`]).
    PasswordDigest {
        username: String,
        digest: String,
        address: Option<IpAddr>,
    },
    /// A back end asks for a user's token with its own.
    Inherit {
        bearer: Option<String>,
        username: String,
        auto_create: bool,
        ttl: Option<u64>,
    },
    /// A back end exchanges an app's token of Agora's for one of ours.
    Agora {
        bearer: Option<String>,
    },
}

/// A token and what it is for.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    pub token: String,
    pub issued: Timestamp,
    /// `None` never expires.
    pub expires: Option<Timestamp>,
    /// The user; `None` for the app's own token.
    pub account: Option<Arc<Account>>,
}

impl UseCases {
    /// # Errors
    /// Those of the vendor's token endpoint (easemob-rest.md 2.1), in its order; `login_attempts_limited`
    /// with the time to wait; faults.
    pub async fn issue_token(&self, app: &Tenant, grant: Grant) -> Result<IssuedToken, Error> {
        if !app.value.settings.enabled {
            return Err(Error::plain(Condition::AppDisabled));
        }
        match grant {
            Grant::ClientCredentials { client_id, client_secret, ttl } => {
                check_credentials(app, &client_id, &client_secret)?;
                Ok(self.sign(app, None, ttl))
            }
            Grant::Password { username, password, ttl, address } => {
                let account = self.check_password(app, &username, (&password).into(), address).await?;
                Ok(self.sign(app, Some(account), ttl))
            }
            Grant::PasswordDigest { username, digest, address } => {
                let digest = Password::Digest(&digest);
                let account = self.check_password(app, &username, digest, address).await?;
                Ok(self.sign(app, Some(account), None))
            }
            Grant::Inherit { bearer, username, auto_create, ttl } => {
                let account = self.inherited(app, bearer.as_deref(), &username, auto_create).await?;
                Ok(self.sign(app, Some(account), ttl))
            }
            Grant::Agora { bearer } => {
                self.check_agora(app, bearer.as_deref())?;
                Ok(self.sign(app, None, None))
            }
        }
    }

    fn check_agora(&self, app: &Tenant, bearer: Option<&str>) -> Result<(), Error> {
        let settings = &app.value.settings;
        if settings.agora_app_id.0.is_empty() || settings.agora_certificate.0.is_empty() {
            let feature = vec![("feature", "agora".to_owned())];
            return Err(Error::refused(Condition::ServiceNotEnabled, feature));
        }
        let Some(bearer) = bearer else { return Err(Error::plain(Condition::CredentialsMissing)) };
        match token::verify_any(bearer, &app.value, self.now())? {
            Verified::Agora(named) if named.user.is_empty() => Ok(()),
            _ => Err(Error::plain(Condition::TokenWrongKind)),
        }
    }

    /// When a user's token expires, after checking that it is his and valid. A client renews on a live
    /// connection by asking this, so his connections on this node may go on until then.
    ///
    /// # Errors
    /// As [`UseCases::authenticate`], and `token_user_mismatch`.
    pub async fn token_expiry(
        &self,
        app: &Tenant,
        bearer: &str,
        username: &str,
    ) -> Result<Option<Timestamp>, Error> {
        match self.authenticate(app, bearer).await? {
            (Identity::User(account), claims)
                if Username::parse(username).is_ok_and(|name| name == account.user.name) =>
            {
                let until = claims.expires.unwrap_or(FOR_EVER);
                self.online.renewed(app.value.id, account.user.uid, until);
                Ok(claims.expires)
            }
            _ => Err(Error::plain(Condition::TokenUserMismatch)),
        }
    }

    /// Until when a connected user may stay, by the tokens that he renewed with. `None`: he renewed none.
    /// Known per user and node only: a connection that is cut wrongly comes back with its newer token.
    pub fn renewed_until(&self, app: AppId, uid: Uid) -> Option<Timestamp> {
        self.online.renewed_until(app, uid)
    }

    pub(crate) async fn check_password(
        &self,
        app: &Tenant,
        username: &str,
        password: Password<'_>,
        address: Option<IpAddr>,
    ) -> Result<Arc<Account>, Error> {
        let name = parse_name(username)?;
        let (id, now) = (app.value.id, self.now());
        self.attempts.begin(id, &name, address, now).map_err(attempts_limited)?;
        let (account, matches) = match self.try_password(id, &name, password).await {
            Ok(tried) => tried,
            Err(error) => {
                self.attempts.take_back(id, &name);
                return Err(error);
            }
        };
        let Some(account) = account else {
            self.attempts.failed(address, now);
            return Err(Error::refused(Condition::UserNotFound, vec![("user", name.to_string())]));
        };
        if !matches {
            self.attempts.failed(address, now);
            return Err(Error::plain(Condition::CredentialsWrong));
        }
        self.attempts.take_back(id, &name);
        active(account)
    }

    /// The account of a name, and whether the password is its.
    async fn try_password(
        &self,
        app: AppId,
        name: &Username,
        password: Password<'_>,
    ) -> Result<(Option<Arc<Account>>, bool), Error> {
        let account = self.store.users.find(app, name).await?;
        let stored = account.as_ref().map(|account| &account.password_hash);
        let matches = self.passwords.verify(password, stored).await?;
        Ok((account, matches))
    }

    async fn inherited(
        &self,
        app: &Tenant,
        bearer: Option<&str>,
        username: &str,
        auto_create: bool,
    ) -> Result<Arc<Account>, Error> {
        let Some(bearer) = bearer else { return Err(Error::plain(Condition::CredentialsMissing)) };
        let (identity, _) = self.authenticate(app, bearer).await?;
        let Identity::App = identity else { return Err(Error::plain(Condition::TokenWrongKind)) };
        let found = match parse_name(username) {
            Ok(name) => self.store.users.find(app.value.id, &name).await?,
            // Nobody has such a name; registering it says what is wrong with it.
            Err(_) if auto_create => None,
            Err(refused) => return Err(refused),
        };
        match found {
            Some(account) => active(account),
            None if auto_create => self.auto_create(app, username).await,
            None => {
                let user = domain::account::printable(username);
                Err(Error::refused(Condition::UserNotFound, vec![("user", user)]))
            }
        }
    }

    /// Registers a user without a password that anybody knows.
    async fn auto_create(&self, app: &Tenant, name: &str) -> Result<Arc<Account>, Error> {
        let command = Register {
            name: name.to_owned(),
            password: crate::random::hex::<24>(),
            nickname: None,
            dialect: Dialect::Easemob,
        };
        match self.register_user(app, Registrant::BackEnd, command).await {
            // Two calls created the same unknown user at once; the vendor answers the loser with 409.
            Err(error) if error.condition() == Condition::UserAlreadyExists => {
                Err(Error::plain(Condition::ConcurrentOperation))
            }
            outcome => outcome,
        }
    }

    fn sign(&self, app: &Tenant, account: Option<Arc<Account>>, ttl: Option<u64>) -> IssuedToken {
        let issued = self.now();
        let ttl = ttl.unwrap_or(app.value.settings.token_ttl_seconds);
        let expires = (ttl != 0).then(|| issued.plus(Duration::from_secs(ttl)));
        let bearer = account
            .as_ref()
            .map_or(Bearer::App, |account| Bearer::User { uid: account.user.uid, epoch: account.user.epoch });
        let app_id: AppId = app.value.id;
        let claims = Claims { app: app_id, bearer, issued, expires };
        let token = token::issue(&claims, &app.value.secrets.token_key);
        IssuedToken { token, issued, expires, account }
    }
}

fn check_credentials(app: &Tenant, client_id: &str, client_secret: &str) -> Result<(), Error> {
    if client_id.is_empty() {
        return Err(Error::plain(Condition::ClientIdMissing));
    }
    if client_secret.is_empty() {
        return Err(Error::plain(Condition::ClientSecretMissing));
    }
    let same = |given: &str, known: &str| bool::from(given.as_bytes().ct_eq(known.as_bytes()));
    if !same(client_id, &app.value.client_id) {
        return Err(Error::plain(Condition::ClientIdWrong));
    }
    if !same(client_secret, &app.value.secrets.client_secret) {
        return Err(Error::plain(Condition::ClientSecretWrong));
    }
    Ok(())
}

fn parse_name(username: &str) -> Result<Username, Error> {
    Username::parse(username).map_err(|error| match error {
        NameError::Empty => Error::plain(Condition::UserNameEmpty),
        NameError::TooLong { .. } => Error::plain(Condition::UserNameTooLong),
        // Nobody can have such a name.
        NameError::Character { .. } | NameError::Reserved => {
            Error::refused(Condition::UserNotFound, vec![("user", domain::account::printable(username))])
        }
    })
}

fn active(account: Arc<Account>) -> Result<Arc<Account>, Error> {
    if account.user.active { Ok(account) } else { Err(Error::plain(Condition::UserBanned)) }
}

fn attempts_limited(wait: Duration) -> Error {
    Error::Refused(Refused { retry_after: Some(wait), ..Refused::plain(Condition::LoginAttemptsLimited) })
}
