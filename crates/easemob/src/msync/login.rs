//! Reads a login: who, which device, with what token. The vendor's fields become the house's words.

use app::LogIn;
use conditions::Condition;
use domain::device::{Login, LoginRefused};
use easemob_wire::downlink::{Provision as Answer, Status};
use easemob_wire::pb::provision::OsType;
use easemob_wire::uplink::Provision;
use model::{ConnectionId, DeviceClass, NameError, Resource};
use xxhash_rust::xxh3::xxh3_64;

/// Characters of a device's name or id that are kept.
const LABEL_CHARS: usize = 128;
/// Characters of the text for a displaced device (msync.md 2.4).
const NOTICE_CHARS: usize = 1024;

/// What the client said about itself and wants to hear again.
#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) app_key: String,
    pub(crate) user: String,
    version: String,
    device_uuid: String,
    resource: String,
    session_id: String,
}

impl Echo {
    pub(crate) fn of(provision: &Provision) -> Self {
        let details = &provision.details;
        Self {
            app_key: provision.identity.app_key.as_str().to_owned(),
            user: provision.identity.name.as_str().to_owned(),
            version: details.version().to_owned(),
            device_uuid: details.device_uuid().to_owned(),
            resource: provision.resource().to_owned(),
            session_id: details.session_id().to_owned(),
        }
    }

    /// The answer to the login.
    pub(crate) fn answer<'a>(&'a self, status: Status<'a>, token_expires_at_ms: Option<u64>) -> Answer<'a> {
        Answer {
            status,
            version: &self.version,
            device_uuid: &self.device_uuid,
            resource: &self.resource,
            session_id: &self.session_id,
            token_expires_at_ms,
        }
    }
}

/// The login that a provision asks for.
///
/// # Errors
/// `argument_missing` or `argument_invalid`, naming the field.
pub(crate) fn log_in(provision: &Provision, connection: ConnectionId) -> Result<LogIn, app::Error> {
    let details = &provision.details;
    let resource = Resource::parse(provision.resource()).map_err(|error| match error {
        NameError::Empty => {
            app::Error::refused(Condition::ArgumentMissing, vec![("name", "resource".to_owned())])
        }
        _ => LoginRefused::Malformed { field: "resource" }.into(),
    })?;
    let token = provision.token().unwrap_or_default();
    let device = Login {
        uuid: cut(details.device_uuid(), LABEL_CHARS),
        name: cut(details.device_name(), LABEL_CHARS),
        class: device_class(provision, &resource)?,
        login: login_mark(&token),
        manual: details.is_manual_login(),
        notice: cut(details.reason(), NOTICE_CHARS),
        connection,
        resource,
    };
    Ok(LogIn {
        app_key: provision.identity.app_key.as_str().to_owned(),
        username: provision.identity.name.as_str().to_owned(),
        token,
        device,
    })
}

/// Whether the client knows messages that come piece by piece: agora-chat 1.4.0 (`v5.1`) would show the first piece and drop
/// the others as repeats, easemob-websdk 4.21.1 (`v5.2`) puts them together. Who says nothing gets the whole at its end.
pub(crate) fn shows_streams(provision: &Provision) -> bool {
    let version =
        provision.details.action_version().strip_prefix('v').and_then(|version| version.split_once('.'));
    let number = |text: &str| text.parse::<u16>().ok();
    let version = version.and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    version.is_some_and(|version| version >= (5, 2))
}

/// What tells a login from its reconnects. It is not `sessionId`: the web SDKs make a new one for every
/// provision, reconnects included (easemob-websdk 4.21.1, `generateProvision`). The token is what a
/// reconnect keeps and a login with a password renews, so its digest is the mark.
fn login_mark(token: &str) -> String {
    format!("{:016x}", xxh3_64(token.as_bytes()))
}

/// Which devices it shares the limit on simultaneous logins with (easemob-rest.md section 7).
fn device_class(provision: &Provision, resource: &Resource) -> Result<DeviceClass, LoginRefused> {
    match provision.details.os_type() {
        OsType::OsIos if provision.details.os_type.is_some() => Ok(DeviceClass::Ios),
        OsType::OsAndroid => Ok(DeviceClass::Android),
        OsType::OsLinux | OsType::OsOsx | OsType::OsWin => Ok(DeviceClass::Desktop),
        OsType::OsCustom => match provision.details.os_custom_value() {
            number @ 1..=100 => Ok(DeviceClass::Custom(number as u8)),
            _ => Err(LoginRefused::Malformed { field: "osCustomValue" }),
        },
        // The web SDKs say "other"; so may others, whose resource begins with their platform.
        OsType::OsOther | OsType::OsIos => Ok(class_of_resource(resource.as_str())),
    }
}

fn class_of_resource(resource: &str) -> DeviceClass {
    match resource.split_once('_').map_or(resource, |(platform, _)| platform) {
        "android" => DeviceClass::Android,
        "ios" => DeviceClass::Ios,
        "linux" | "mac" | "osx" | "win" | "windows" => DeviceClass::Desktop,
        _ => DeviceClass::Web,
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
