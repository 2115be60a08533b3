//! Logs a connection in: a device of a user, with a token, under the app's device policy.

use std::sync::Arc;

use conditions::Condition;
use domain::device::{Login, LoginRefused, LoginView, after_told, decide_login};
use domain::hook::SessionChange;
use domain::token::{Bearer, TokenRefused, Verified, check_epoch, verify_any};
use model::{
    AppId, AppKey, CloseCause, CloseTarget, ConnectionId, DeviceNumber, Hint, Timestamp, Uid, Username,
};
use store::{Account, LoginWritten};

use crate::note::NotedDevice;
use crate::presence_changes::Change;
use crate::{Error, TRIES, Tenant, UseCases};

/// A login as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// `org#app`, as the client wrote it.
    pub app_key: String,
    pub username: String,
    pub token: String,
    pub device: Login,
}

/// A connection that is in, once its session knows: see [`Arriving`].
#[derive(Debug)]
pub struct LoggedIn<'a> {
    pub tenant: Tenant,
    pub account: Arc<Account>,
    pub device: DeviceNumber,
    /// When the token expires; `None` never.
    pub expires: Option<Timestamp>,
    pub arriving: Arriving<'a>,
}

/// A connection that is about to be in, and counts as one meanwhile. Dropped before [`Arriving::stay`] it is not: the
/// login was refused or given up, and no session will ever tell of its end.
#[derive(Debug)]
pub struct Arriving<'a> {
    use_cases: &'a UseCases,
    app: AppId,
    uid: Uid,
    connection: ConnectionId,
    stays: bool,
}

impl<'a> Arriving<'a> {
    fn new(use_cases: &'a UseCases, app: AppId, uid: Uid, connection: ConnectionId) -> Self {
        use_cases.online.add(app, uid, connection);
        Self { use_cases, app, uid, connection, stays: false }
    }

    /// A session is about to take over, which calls [`UseCases::log_out`] at its end.
    pub fn stay(&mut self) {
        self.stays = true;
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        self.use_cases.online.remove(self.app, self.uid, self.connection);
        // His other connections may have ended meanwhile, and left it to this one to be the last.
        self.use_cases.away_from_rooms(self.app, self.uid);
    }
}

impl UseCases {
    /// `bind` makes the connection known under its user before the login is written down, so that a
    /// takeover at the same moment reaches it.
    ///
    /// # Errors
    /// In this order: `app_not_found`, `app_disabled`, `user_not_found`, the token's (`credentials_missing`,
    /// `token_*`, `token_user_mismatch`), what `bind` refuses, then [`LoginRefused`]'s; faults.
    pub async fn log_in(
        &self,
        command: LogIn,
        bind: impl FnOnce(AppId, Uid) -> Result<(), Error> + Send,
    ) -> Result<LoggedIn<'_>, Error> {
        let key: Option<AppKey> = command.app_key.parse().ok();
        let Some(tenant) = key.and_then(|key| self.find_app(&key)) else {
            return Err(Error::refused(Condition::AppNotFound, app_arguments(&command.app_key)));
        };
        let app = &tenant.value;
        if !app.settings.enabled {
            return Err(LoginRefused::AppDisabled.into());
        }
        let (mut account, mut expires) = self.check_login(&tenant, &command.username, &command.token).await?;
        let (uid, connection) = (account.user.uid, command.device.connection);
        bind(app.id, uid)?;
        let arriving = Arriving::new(self, app.id, uid, connection);

        for _ in 0..TRIES {
            let stored = self.store.devices.get(app.id, uid).await?;
            let view = LoginView {
                user: &account.user,
                devices: &stored.devices,
                settings: &app.settings,
                online: self.online.others(app.id, uid),
                live: &self.online.connections(app.id, uid),
            };
            let accepted = match decide_login(view, &command.device, self.now()) {
                Ok(accepted) => accepted,
                Err(refused) => {
                    if refused == LoginRefused::Displaced
                        && let Some(own) = stored.devices.by_resource(&command.device.resource)
                        && let Some(told) = after_told(&stored.devices, own.number)
                    {
                        // Should somebody else write at this moment, it is told once more.
                        self.store.devices.replace(app.id, uid, &stored, told).await?;
                    }
                    return Err(refused.into());
                }
            };
            match self.store.devices.log_in(app.id, &account, &stored, accepted.devices).await? {
                LoginWritten::Done => {}
                LoginWritten::DevicesMoved => continue,
                LoginWritten::AccountMoved => {
                    // Perhaps its password was changed, and the token is void by now.
                    self.store.users.forget(app.id, uid);
                    (account, expires) = self.check_login(&tenant, &command.username, &command.token).await?;
                    continue;
                }
            }
            let Login { resource, name, class, .. } = &command.device;
            let device = NotedDevice { resource, name, class: *class };
            self.note_session(&tenant, &account.user.name, device, SessionChange::LoggedIn).await;
            for (number, _) in &accepted.displaced {
                if let Some(device) = stored.devices.list.iter().find(|device| device.number == *number) {
                    let device = NotedDevice::of(device);
                    self.note_session(&tenant, &account.user.name, device, SessionChange::Replaced).await;
                }
            }
            self.leases.back(app.id, uid);
            self.presence_changes.note(app.id, uid, Change::Devices);
            let tell = |target, cause| self.bus.publish(Hint::Close { app: app.id, uid, target, cause });
            for (_, connection) in accepted.displaced {
                let notice = command.device.notice.clone();
                tell(CloseTarget::Connection(connection), CloseCause::NewLogin { notice });
            }
            if let Some(ghost) = accepted.ghost {
                tell(CloseTarget::Connection(ghost), CloseCause::Replaced);
            }
            // Who disabled it meanwhile may have looked for sessions before this one was among them.
            if !self.find_app(&app.key).is_some_and(|now| now.value.settings.enabled) {
                tell(CloseTarget::Connection(connection), CloseCause::AppDisabled);
            }
            return Ok(LoggedIn { device: accepted.device, account, expires, tenant, arriving });
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// The account that a login is for, and the end of its token.
    async fn check_login(
        &self,
        tenant: &Tenant,
        username: &str,
        token: &str,
    ) -> Result<(Arc<Account>, Option<Timestamp>), Error> {
        let app = &tenant.value;
        let name = Username::parse(username).map_err(|_| LoginRefused::UserNotFound)?;
        let account = self.store.users.find(app.id, &name).await?.ok_or(LoginRefused::UserNotFound)?;
        if token.is_empty() {
            return Err(Error::plain(Condition::CredentialsMissing));
        }
        let verified = verify_any(token, app, self.now()).map_err(LoginRefused::Token)?;
        if !is_for(&verified, &account) {
            return Err(LoginRefused::OtherUsersToken.into());
        }
        if !account.user.active {
            return Err(LoginRefused::Deactivated.into());
        }
        let expires = match verified {
            Verified::Own(claims) => {
                if let Bearer::User { epoch, .. } = claims.bearer {
                    let checked: Result<(), TokenRefused> = check_epoch(epoch, account.user.epoch);
                    checked.map_err(LoginRefused::Token)?;
                }
                claims.expires
            }
            Verified::Dynamic(named) | Verified::Agora(named) => Some(named.expires),
        };
        Ok((account, expires))
    }
}

/// Whether a token is the user's own. Agora's name him by his UUID or his name.
fn is_for(token: &Verified, account: &Account) -> bool {
    let is_named = |name: &str| Username::parse(name).is_ok_and(|name| name == account.user.name);
    match token {
        Verified::Own(claims) => {
            matches!(claims.bearer, Bearer::User { uid, .. } if uid == account.user.uid)
        }
        Verified::Dynamic(named) => is_named(&named.user),
        Verified::Agora(named) => named.user == account.user.uuid || is_named(&named.user),
    }
}

fn app_arguments(key: &str) -> Vec<(&'static str, String)> {
    let key = domain::account::printable(key);
    let (org, app) = key.split_once('#').unwrap_or((key.as_str(), ""));
    vec![("org", org.to_owned()), ("app", app.to_owned())]
}
