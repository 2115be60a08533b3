//! Devices and logins: which login is let in, which others it displaces (easemob-rest.md section 7).

use conditions::Condition;
use model::{CloseTarget, ConnectionId, DeviceClass, DeviceNumber, Resource, Timestamp, limits};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;
use crate::account::User;
use crate::app::{DevicePolicy, Settings, WhenFull};
use crate::token::TokenRefused;

/// A device of a user: an install of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub number: DeviceNumber,
    pub resource: Resource,
    /// The client's hardware or browser id, for lists.
    pub uuid: String,
    /// The client's name for it, for lists.
    pub name: String,
    pub class: DeviceClass,
    /// The mark of the login, kept over reconnects (MSYNC: a digest of the token, since the web SDKs make a
    /// new `sessionId` for every connection). Empty when there is none.
    pub login: String,
    /// Another login took its place; only a new login (another mark) may come back.
    pub displaced: bool,
    /// When it last connected or disconnected.
    pub seen: Timestamp,
    pub session: Option<LiveSession>,
}

/// The connection that a device has now, as far as the directory knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    pub boot: u64,
    pub number: u64,
    pub since: u64,
}

impl LiveSession {
    pub fn connection(&self) -> ConnectionId {
        ConnectionId { boot: self.boot, number: self.number }
    }
}

/// All devices of a user and the number that the next new one gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    pub list: Vec<Device>,
    /// Numbers given out so far; the next new device gets one more.
    pub numbered: u32,
}

impl Devices {
    pub fn by_resource(&self, resource: &Resource) -> Option<&Device> {
        self.list.iter().find(|device| device.resource == *resource)
    }
}

/// A login as the client asks for it.
#[derive(Clone, Debug)]
pub struct Login {
    pub resource: Resource,
    pub uuid: String,
    pub name: String,
    pub class: DeviceClass,
    pub login: String,
    /// The client says that a person typed it in. Most clients say nothing.
    pub manual: bool,
    /// Text for the device that has to go (`setLoginInfoCustomExt`).
    pub notice: String,
    pub connection: ConnectionId,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct LoginView<'a> {
    pub user: &'a User,
    pub devices: &'a Devices,
    pub settings: &'a Settings,
    /// Users online in the app now.
    pub online: u64,
    /// The user's connections that are there. A session of any other is a ghost: its process has died, or its
    /// end could not be written down.
    pub live: &'a [ConnectionId],
}

/// A login that may be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAccepted {
    pub devices: Devices,
    pub device: DeviceNumber,
    /// Connections that have to go, with the device they belong to.
    pub displaced: Vec<(DeviceNumber, ConnectionId)>,
    /// The same device's older connection: a ghost, closed without a word about another device.
    pub ghost: Option<ConnectionId>,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoginRefused {
    #[error("the app is disabled")]
    AppDisabled,
    #[error("there is no user of this name")]
    UserNotFound,
    #[error("the token is another user's")]
    OtherUsersToken,
    #[error(transparent)]
    Token(#[from] TokenRefused),
    #[error("the account is deactivated")]
    Deactivated,
    #[error("the app has its {limit} users online")]
    SessionsLimit { limit: u64 },
    #[error("{limit} devices of this class are logged in, and devices.when_full is refuse")]
    TooManyDevices { limit: u64 },
    #[error("the last login came from another device, and devices.when_full is refuse")]
    DeviceChanged,
    #[error("another device is logged in, and devices.policy is first_wins")]
    BoundToOtherDevice,
    #[error("a newer login displaced this one; log in again to take over")]
    Displaced,
    #[error("a field of the login is missing or malformed: {field}")]
    Malformed { field: &'static str },
}

impl Refusal for LoginRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::AppDisabled => Condition::AppDisabled,
            Self::UserNotFound => Condition::UserNotFound,
            Self::OtherUsersToken => Condition::TokenUserMismatch,
            Self::Token(refused) => refused.condition(),
            Self::Deactivated => Condition::UserBanned,
            Self::SessionsLimit { .. } => Condition::OnlineLimitReached,
            Self::TooManyDevices { .. } => Condition::TooManyDevices,
            Self::DeviceChanged => Condition::DeviceChanged,
            Self::BoundToOtherDevice => Condition::BoundToOtherDevice,
            Self::Displaced => Condition::KickedByNewLogin,
            Self::Malformed { .. } => Condition::ArgumentInvalid,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Malformed { field } => vec![("name", (*field).to_owned())],
            Self::SessionsLimit { limit } | Self::TooManyDevices { limit } => {
                vec![("limit", limit.to_string())]
            }
            _ => Vec::new(),
        }
    }
}

/// Decides a login whose token was accepted. Order: account, quota, an old login that was displaced, then
/// the device policy.
///
/// # Errors
/// The first [`LoginRefused`].
pub fn decide_login(
    view: LoginView<'_>,
    command: &Login,
    now: Timestamp,
) -> Result<LoginAccepted, LoginRefused> {
    let LoginView { user, devices, settings, online, live } = view;
    if !user.active {
        return Err(LoginRefused::Deactivated);
    }
    let devices = &without_ghosts(devices, live);
    let is_live = |device: &Device| device.session.is_some();
    let user_online = devices.list.iter().any(is_live);
    if settings.sessions_limit != 0 && !user_online && online >= settings.sessions_limit {
        return Err(LoginRefused::SessionsLimit { limit: settings.sessions_limit });
    }
    let own = devices.by_resource(&command.resource);
    // user-asks.md row 30: a reconnect can never kick a newer login, only an explicit new login can.
    let is_reconnect = |own: &Device| !own.login.is_empty() && own.login == command.login && !command.manual;
    if own.is_some_and(|own| own.displaced && is_reconnect(own)) {
        return Err(LoginRefused::Displaced);
    }
    let others: Vec<&Device> =
        devices.list.iter().filter(|device| device.resource != command.resource && is_live(device)).collect();
    let leaving = displaced_by(settings, devices, &others, command)?;

    let leaving: Vec<DeviceNumber> = leaving.iter().map(|device| device.number).collect();
    // user-asks.md row 42: a new connection of the same device always wins over its own ghost.
    let ghost = own.and_then(|own| own.session).map(|session| session.connection());
    let (written, device) = written(devices, command, &leaving, now);
    // Also who fell out of a full list: without a place in it nobody can address him any more.
    let stays = |number| written.list.iter().any(|device| device.number == number && !device.displaced);
    let displaced = devices
        .list
        .iter()
        .filter(|device| !stays(device.number))
        .filter_map(|device| device.session.map(|session| (device.number, session.connection())))
        .collect();
    Ok(LoginAccepted { devices: written, device, displaced, ghost })
}

fn without_ghosts(devices: &Devices, live: &[ConnectionId]) -> Devices {
    let mut devices = devices.clone();
    for device in &mut devices.list {
        device.session = device.session.filter(|session| live.contains(&session.connection()));
    }
    devices
}

/// The live devices that have to go, under the app's policy.
fn displaced_by<'a>(
    settings: &Settings,
    devices: &Devices,
    others: &[&'a Device],
    command: &Login,
) -> Result<Vec<&'a Device>, LoginRefused> {
    match settings.device_policy {
        DevicePolicy::FirstWins if !others.is_empty() => Err(LoginRefused::BoundToOtherDevice),
        DevicePolicy::FirstWins => Ok(Vec::new()),
        DevicePolicy::Single => {
            let last =
                devices.list.iter().filter(|device| !device.displaced).max_by_key(|device| device.seen);
            let changed = last.is_some_and(|last| last.resource != command.resource);
            if changed && settings.devices_when_full == WhenFull::Refuse && !command.manual {
                return Err(LoginRefused::DeviceChanged);
            }
            Ok(others.to_vec())
        }
        DevicePolicy::Multi => {
            let mut class: Vec<&Device> =
                others.iter().copied().filter(|device| device.class == command.class).collect();
            let limit = settings.devices_per_class.max(1);
            let surplus = (class.len() as u64 + 1).saturating_sub(limit);
            if surplus == 0 {
                return Ok(Vec::new());
            }
            if settings.devices_when_full == WhenFull::Refuse && !command.manual {
                return Err(LoginRefused::TooManyDevices { limit });
            }
            class.sort_by_key(|device| (device.session.map(|session| session.since), device.number));
            class.truncate(usize::try_from(surplus).unwrap_or(usize::MAX));
            Ok(class)
        }
    }
}

/// The device list after the login: this device live, the displaced marked, the long unseen forgotten.
fn written(
    devices: &Devices,
    command: &Login,
    leaving: &[DeviceNumber],
    now: Timestamp,
) -> (Devices, DeviceNumber) {
    let mut devices = devices.clone();
    for device in &mut devices.list {
        if leaving.contains(&device.number) {
            device.displaced = true;
            device.session = None;
            device.seen = now;
        }
    }
    let known = devices.list.iter().position(|device| device.resource == command.resource);
    let number = match known {
        Some(place) => devices.list.remove(place).number,
        None => {
            devices.numbered += 1;
            DeviceNumber(devices.numbered)
        }
    };
    let unseen_ms = limits::DEVICE_UNSEEN_DAYS * 24 * 60 * 60 * 1000;
    devices.list.retain(|device| device.session.is_some() || device.seen.0 + unseen_ms > now.0);
    while devices.list.len() >= limits::DEVICES_PER_USER {
        let longest_unseen = (0..devices.list.len())
            .min_by_key(|place| {
                (
                    devices.list[*place].session.is_some(),
                    devices.list[*place].seen,
                    devices.list[*place].number,
                )
            })
            .expect("the list is not empty");
        devices.list.remove(longest_unseen);
    }
    devices.list.push(Device {
        number,
        resource: command.resource.clone(),
        uuid: command.uuid.clone(),
        name: command.name.clone(),
        class: command.class,
        login: command.login.clone(),
        displaced: false,
        seen: now,
        session: Some(LiveSession {
            boot: command.connection.boot,
            number: command.connection.number,
            since: now.0,
        }),
    });
    (devices, number)
}

/// The device list after a connection ended; `None` when a newer connection has taken the device over.
pub fn after_disconnect(devices: &Devices, connection: ConnectionId, now: Timestamp) -> Option<Devices> {
    let place = devices
        .list
        .iter()
        .position(|device| device.session.is_some_and(|session| session.connection() == connection))?;
    let mut devices = devices.clone();
    devices.list[place].session = None;
    devices.list[place].seen = now;
    Some(devices)
}

/// The device list after a connection of a device was found that nobody holds: a further tab of the same
/// browser, when the one that logged in last is gone. `None`: one of the `live` connections holds the device,
/// or it is not known.
pub fn after_return(
    devices: &Devices,
    number: DeviceNumber,
    connection: ConnectionId,
    live: &[ConnectionId],
    now: Timestamp,
) -> Option<Devices> {
    let is_held =
        |device: &Device| device.session.is_some_and(|session| live.contains(&session.connection()));
    let free = |device: &Device| device.number == number && !device.displaced && !is_held(device);
    let place = devices.list.iter().position(free)?;
    let mut devices = devices.clone();
    let device = &mut devices.list[place];
    device.seen = now;
    device.session = Some(LiveSession { boot: connection.boot, number: connection.number, since: now.0 });
    Some(devices)
}

/// The device list after a displaced device heard why, so that it does not come back by itself: from now on
/// its login is somebody's wish again, also with the mark that it had. `None`: nothing to change.
pub fn after_told(devices: &Devices, number: DeviceNumber) -> Option<Devices> {
    let waits = |device: &Device| device.number == number && device.displaced && !device.login.is_empty();
    let place = devices.list.iter().position(waits)?;
    let mut devices = devices.clone();
    devices.list[place].login.clear();
    Some(devices)
}

/// The device list after devices were forced off: they may log in again, but a reconnect that carries the
/// old login's mark is refused.
pub fn after_forced_logout(devices: &Devices, target: &CloseTarget, now: Timestamp) -> Devices {
    let mut devices = devices.clone();
    for device in &mut devices.list {
        let meant = match target {
            CloseTarget::All => true,
            CloseTarget::Device(number) => device.number == *number,
            CloseTarget::Connection(connection) => {
                device.session.is_some_and(|session| session.connection() == *connection)
            }
        };
        if meant && device.session.take().is_some() {
            device.displaced = true;
            device.seen = now;
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Uid, Username};

    const BOOT: u64 = 77;

    fn user() -> User {
        User {
            uid: Uid(1),
            name: Username::parse("alice").unwrap(),
            uuid: String::new(),
            nickname: None,
            active: true,
            epoch: 0,
            blocks: 0,
            mutes: crate::mute::Mutes::default(),
            followed: false,
            admin: false,
            created: Timestamp(0),
            modified: Timestamp(0),
        }
    }

    fn login(resource: &str, connection: u64) -> Login {
        Login {
            resource: Resource::parse(resource).unwrap(),
            uuid: resource.to_owned(),
            name: "webim".to_owned(),
            class: DeviceClass::Web,
            login: format!("login of {connection}"),
            manual: false,
            notice: String::new(),
            connection: ConnectionId { boot: BOOT, number: connection },
        }
    }

    /// A user's devices, logged in one after the other under the given settings.
    struct Given {
        settings: Settings,
        devices: Devices,
        now: u64,
        /// Connections whose end was not written down.
        gone: Vec<ConnectionId>,
    }

    impl Given {
        fn policy(device_policy: DevicePolicy, devices_when_full: WhenFull) -> Self {
            let settings =
                Settings { device_policy, devices_when_full, devices_per_class: 2, ..Settings::default() };
            Self { settings, devices: Devices::default(), now: 1_000, gone: Vec::new() }
        }

        fn login(&mut self, command: &Login) -> Result<LoginAccepted, LoginRefused> {
            self.now += 1;
            let user = user();
            let sessions = self.devices.list.iter().filter_map(|device| device.session);
            let live: Vec<ConnectionId> = sessions
                .map(|session| session.connection())
                .filter(|connection| connection.boot == BOOT && !self.gone.contains(connection))
                .collect();
            let view = LoginView {
                user: &user,
                devices: &self.devices,
                settings: &self.settings,
                online: 0,
                live: &live,
            };
            let accepted = decide_login(view, command, Timestamp(self.now))?;
            self.devices = accepted.devices.clone();
            Ok(accepted)
        }
    }

    #[test]
    fn the_oldest_of_a_full_class_is_displaced() {
        let mut given = Given::policy(DevicePolicy::Multi, WhenFull::ReplaceOldest);
        let first = given.login(&login("a", 1)).unwrap();
        assert!(given.login(&login("b", 2)).unwrap().displaced.is_empty());
        let third = given.login(&login("c", 3)).unwrap();
        assert_eq!(third.displaced, [(first.device, ConnectionId { boot: BOOT, number: 1 })]);
        let phone = Login { class: DeviceClass::Ios, ..login("phone", 4) };
        assert!(given.login(&phone).unwrap().displaced.is_empty(), "another class has room of its own");
    }

    #[test]
    fn a_full_class_refuses_when_told_to() {
        let mut given = Given::policy(DevicePolicy::Multi, WhenFull::Refuse);
        given.login(&login("a", 1)).unwrap();
        given.login(&login("b", 2)).unwrap();
        assert_eq!(given.login(&login("c", 3)), Err(LoginRefused::TooManyDevices { limit: 2 }));
        assert!(given.login(&login("b", 4)).is_ok(), "a device that is in may reconnect");
    }

    #[test]
    fn single_mode_replaces_or_names_the_changed_device() {
        let mut given = Given::policy(DevicePolicy::Single, WhenFull::ReplaceOldest);
        given.login(&login("a", 1)).unwrap();
        assert_eq!(given.login(&login("b", 2)).unwrap().displaced.len(), 1);
        let mut given = Given::policy(DevicePolicy::Single, WhenFull::Refuse);
        given.login(&login("a", 1)).unwrap();
        assert_eq!(given.login(&login("b", 2)), Err(LoginRefused::DeviceChanged));
        assert!(given.login(&Login { manual: true, ..login("b", 3) }).is_ok());
    }

    #[test]
    fn the_first_device_wins_while_it_is_online() {
        let mut given = Given::policy(DevicePolicy::FirstWins, WhenFull::ReplaceOldest);
        given.login(&login("a", 1)).unwrap();
        assert_eq!(given.login(&login("b", 2)), Err(LoginRefused::BoundToOtherDevice));
        let connection = ConnectionId { boot: BOOT, number: 1 };
        given.devices = after_disconnect(&given.devices, connection, Timestamp(9_000)).unwrap();
        assert!(given.login(&login("b", 3)).is_ok());
    }

    // user-asks.md row 30
    #[test]
    fn ask_30_a_reconnect_never_kicks_a_newer_login() {
        let mut given = Given::policy(DevicePolicy::Single, WhenFull::ReplaceOldest);
        let first = login("a", 1);
        given.login(&first).unwrap();
        given.login(&login("b", 2)).unwrap();
        let reconnect = Login { connection: ConnectionId { boot: BOOT, number: 3 }, ..first };
        assert_eq!(given.login(&reconnect), Err(LoginRefused::Displaced));
        assert_eq!(given.login(&login("a", 4)).unwrap().displaced.len(), 1, "a new login takes over");
    }

    #[test]
    fn a_displaced_device_that_was_told_may_log_in_again_with_the_same_mark() {
        let mut given = Given::policy(DevicePolicy::Single, WhenFull::ReplaceOldest);
        let first = login("a", 1);
        let device = given.login(&first).unwrap().device;
        let other = given.login(&login("b", 2)).unwrap().device;
        assert_eq!(after_told(&given.devices, other), None, "only the displaced are told");
        let again = Login { connection: ConnectionId { boot: BOOT, number: 3 }, ..first };
        assert_eq!(given.login(&again), Err(LoginRefused::Displaced));
        given.devices = after_told(&given.devices, device).unwrap();
        assert_eq!(given.login(&again).unwrap().displaced.len(), 1);
    }

    #[test]
    fn a_login_that_a_person_typed_in_is_no_reconnect() {
        let mut given = Given::policy(DevicePolicy::Single, WhenFull::ReplaceOldest);
        let first = login("a", 1);
        given.login(&first).unwrap();
        given.login(&login("b", 2)).unwrap();
        assert!(given.login(&Login { manual: true, ..first }).is_ok());
    }

    // user-asks.md row 42
    #[test]
    fn ask_42_a_device_wins_over_its_own_ghost_at_once() {
        let mut given = Given::policy(DevicePolicy::FirstWins, WhenFull::Refuse);
        let first = given.login(&login("a", 1)).unwrap();
        let again = given.login(&login("a", 2)).unwrap();
        assert_eq!(again.device, first.device);
        assert_eq!(again.ghost, Some(ConnectionId { boot: BOOT, number: 1 }));
        assert!(again.displaced.is_empty());
        let late = after_disconnect(&given.devices, ConnectionId { boot: BOOT, number: 1 }, Timestamp(9_000));
        assert_eq!(late, None, "the ghost's end does not take the new session away");
    }

    #[test]
    fn sessions_of_a_dead_run_are_ghosts() {
        let mut given = Given::policy(DevicePolicy::FirstWins, WhenFull::Refuse);
        let mut dead = login("a", 1);
        dead.connection.boot = BOOT - 1;
        given.login(&dead).unwrap();
        assert!(given.login(&login("b", 2)).is_ok());
    }

    #[test]
    fn a_session_whose_end_could_not_be_written_down_keeps_nobody_out() {
        let mut given = Given::policy(DevicePolicy::FirstWins, WhenFull::Refuse);
        given.login(&login("a", 1)).unwrap();
        given.gone.push(ConnectionId { boot: BOOT, number: 1 });
        let accepted = given.login(&login("b", 2)).unwrap();
        assert!(accepted.displaced.is_empty());
        assert_eq!(given.devices.by_resource(&login("a", 1).resource).unwrap().session, None);
    }

    #[test]
    fn a_tab_takes_its_device_over_when_the_tab_that_had_it_is_gone() {
        let mut given = Given::policy(DevicePolicy::Multi, WhenFull::ReplaceOldest);
        let device = given.login(&login("a", 1)).unwrap().device;
        let [first, other] = [1, 2].map(|number| ConnectionId { boot: BOOT, number });
        let take =
            |live: &[ConnectionId]| after_return(&given.devices, device, other, live, Timestamp(9_000));
        assert_eq!(take(&[first, other]), None, "it is held");
        let taken = take(&[other]).expect("the end of the first one could not be written down");
        assert_eq!(taken.list[0].session.map(|session| session.connection()), Some(other));
    }

    #[test]
    fn a_device_that_falls_out_of_a_full_list_is_told() {
        let mut given = Given::policy(DevicePolicy::Multi, WhenFull::ReplaceOldest);
        for number in 1..=32_u8 {
            let class = DeviceClass::Custom(number);
            given.login(&Login { class, ..login(&format!("device-{number}"), number.into()) }).unwrap();
        }
        let accepted = given.login(&login("one more", 33)).unwrap();
        assert_eq!(accepted.displaced, [(DeviceNumber(1), ConnectionId { boot: BOOT, number: 1 })]);
    }

    #[test]
    fn devices_of_a_dead_run_leave_a_full_list_by_age_like_others() {
        let mut given = Given::policy(DevicePolicy::Multi, WhenFull::ReplaceOldest);
        for number in 1..=31_u64 {
            let mut dead = login(&format!("dead-{number}"), number);
            dead.connection.boot = BOOT - 1;
            given.login(&dead).unwrap();
        }
        let young = login("young", 40);
        given.login(&young).unwrap();
        given.devices = after_disconnect(&given.devices, young.connection, Timestamp(9_000)).unwrap();
        given.login(&login("one more", 41)).unwrap();
        assert!(given.devices.by_resource(&young.resource).is_some(), "it was seen last");
    }

    #[test]
    fn at_most_32_devices_are_remembered_and_numbers_are_never_reused() {
        let mut given = Given::policy(DevicePolicy::Multi, WhenFull::ReplaceOldest);
        for number in 1..=40_u64 {
            let accepted = given.login(&login(&format!("device-{number}"), number)).unwrap();
            assert_eq!(u64::from(accepted.device.0), number);
        }
        assert_eq!(given.devices.list.len(), limits::DEVICES_PER_USER);
        assert!(given.devices.by_resource(&Resource::parse("device-1").unwrap()).is_none());
    }
}
