//! Presence: what users publish, whose they may follow and for how long, what is shown of them (easemob-rest.md 3.4).
//!
//! Whether a device is there is a fact of its connection; a user adds words of his own and, for each device, a state.
//! A subscription ends by itself. Changes are told to those who are connected, and kept for nobody.

use std::collections::BTreeMap;

use conditions::Condition;
use model::{Presence, Timestamp, Uid, Username, limits};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;
use crate::device::Devices;

/// The state of a device that is there and says nothing else.
const ONLINE: &str = "1";
/// The state of a device that wants to be shown as not there.
const OFFLINE: &str = "0";
/// Digits of a state. Ours.
const STATE_DIGITS: usize = 9;

/// What a user says about himself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    pub ext: String,
    pub at: Timestamp,
    /// The state of each device that was named, by resource.
    pub states: BTreeMap<String, String>,
}

/// What is published, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    pub resource: &'a str,
    pub state: &'a str,
    pub ext: Option<&'a str>,
}

/// What a subscription's decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct SubscribeView<'a> {
    pub settings: &'a Settings,
    pub uid: Uid,
    /// Whom he follows, with the ends of the subscriptions.
    pub followed: &'a [(Uid, Timestamp)],
    /// Whom he wants to follow, with the number of others who follow them, counted up to the limit.
    pub targets: &'a [(Uid, usize)],
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PresenceRefused {
    #[error("presence is off for this app (presence.enabled)")]
    Off,
    #[error("no ext was given")]
    ExtMissing,
    #[error("the ext has {bytes} bytes, at most {} are allowed", limits::PRESENCE_BYTES)]
    ExtTooLong { bytes: usize },
    #[error("a field is malformed: {field}")]
    Malformed { field: &'static str },
    #[error("nobody was named")]
    NobodyNamed,
    #[error("{named} users were named, at most {} are allowed", limits::PRESENCE_USERS)]
    TooMany { named: usize },
    #[error("a subscription lasts 1 to {} seconds", limits::PRESENCE_SECONDS)]
    Period,
    #[error("nobody follows himself")]
    Oneself,
    #[error("the user would follow more than {}", limits::PRESENCE_SUBSCRIPTIONS)]
    FollowsTooMany,
    #[error("somebody is followed by {} already", limits::PRESENCE_SUBSCRIPTIONS)]
    FollowedByTooMany,
}

impl Refusal for PresenceRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::ExtMissing | Self::NobodyNamed => Condition::ArgumentMissing,
            Self::ExtTooLong { .. } | Self::Period => Condition::PresenceArgumentInvalid,
            Self::Malformed { .. } => Condition::ArgumentInvalid,
            Self::TooMany { .. } | Self::FollowsTooMany | Self::FollowedByTooMany => {
                Condition::PresenceLimitReached
            }
            Self::Oneself => Condition::PresenceOfOneself,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "presence".to_owned())],
            Self::ExtMissing => vec![("name", "ext".to_owned())],
            Self::NobodyNamed => vec![("name", "usernames".to_owned())],
            Self::Malformed { field } => vec![("name", (*field).to_owned())],
            _ => Vec::new(),
        }
    }
}

/// Whether the app has presence at all.
///
/// # Errors
/// [`PresenceRefused::Off`].
pub fn decide_access(settings: &Settings) -> Result<(), PresenceRefused> {
    if settings.presence_enabled { Ok(()) } else { Err(PresenceRefused::Off) }
}

/// Decides what is published. Order: feature, the words, the device's name, its state. Of more devices than a user can
/// have, the first by name leaves.
///
/// # Errors
/// The first [`PresenceRefused`].
pub fn decide_publish(
    settings: &Settings,
    before: &Publication,
    publish: Publish<'_>,
    at: Timestamp,
) -> Result<Publication, PresenceRefused> {
    decide_access(settings)?;
    let ext = publish.ext.ok_or(PresenceRefused::ExtMissing)?;
    if ext.len() > limits::PRESENCE_BYTES {
        return Err(PresenceRefused::ExtTooLong { bytes: ext.len() });
    }
    if model::Resource::parse(publish.resource).is_err() {
        return Err(PresenceRefused::Malformed { field: "resource" });
    }
    let is_state = (1..=STATE_DIGITS).contains(&publish.state.len())
        && publish.state.bytes().all(|byte| byte.is_ascii_digit());
    if !is_state {
        return Err(PresenceRefused::Malformed { field: "status" });
    }
    let mut states = before.states.clone();
    states.remove(publish.resource);
    while states.len() >= limits::DEVICES_PER_USER {
        states.pop_first();
    }
    states.insert(publish.resource.to_owned(), publish.state.to_owned());
    Ok(Publication { ext: ext.to_owned(), at, states })
}

/// Decides how many names one call may bring. Order: feature, none, too many.
///
/// # Errors
/// The first [`PresenceRefused`].
pub fn decide_names(settings: &Settings, named: usize) -> Result<(), PresenceRefused> {
    decide_access(settings)?;
    match named {
        0 => Err(PresenceRefused::NobodyNamed),
        1..=limits::PRESENCE_USERS => Ok(()),
        _ => Err(PresenceRefused::TooMany { named }),
    }
}

/// Decides a subscription, after [`decide_names`]; to subscribe again sets a new end. Order: period, oneself, how many
/// the user follows, by how many each target is followed.
///
/// # Errors
/// The first [`PresenceRefused`].
pub fn decide_subscribe(
    view: SubscribeView<'_>,
    seconds: u64,
    now: Timestamp,
) -> Result<Timestamp, PresenceRefused> {
    if !(1..=limits::PRESENCE_SECONDS).contains(&seconds) {
        return Err(PresenceRefused::Period);
    }
    if view.targets.iter().any(|(target, _)| *target == view.uid) {
        return Err(PresenceRefused::Oneself);
    }
    let is_target = |uid: &Uid| view.targets.iter().any(|(target, _)| target == uid);
    let others = view.followed.iter().filter(|(uid, until)| *until > now && !is_target(uid)).count();
    if others + view.targets.len() > limits::PRESENCE_SUBSCRIPTIONS {
        return Err(PresenceRefused::FollowsTooMany);
    }
    if view.targets.iter().any(|(_, followers)| *followers >= limits::PRESENCE_SUBSCRIPTIONS) {
        return Err(PresenceRefused::FollowedByTooMany);
    }
    Ok(now.plus(std::time::Duration::from_secs(seconds)))
}

/// What is shown of a user. Devices that are there have the state that was published for them, or are simply online;
/// a name under which no device ever logged in, such as a platform's, has what was published.
pub fn shown(
    user: &Username,
    publication: &Publication,
    devices: &Devices,
    is_live: impl Fn(&crate::device::Device) -> bool,
) -> Presence {
    let mut states: BTreeMap<String, String> = BTreeMap::new();
    for (resource, state) in &publication.states {
        if !devices.list.iter().any(|device| device.resource.as_str() == resource) {
            states.insert(resource.clone(), state.clone());
        }
    }
    for device in devices.list.iter().filter(|device| is_live(device)) {
        let resource = device.resource.to_string();
        let state = publication.states.get(&resource).map_or(ONLINE, String::as_str).to_owned();
        states.insert(resource, state);
    }
    states.retain(|_, state| state != OFFLINE);
    let seen = devices.list.iter().map(|device| device.seen).max().unwrap_or_default();
    Presence {
        user: user.to_string(),
        changed: publication.at.max(seen),
        until: None,
        ext: publication.ext.clone(),
        states,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use model::{DeviceClass, DeviceNumber, Resource};

    fn publish<'a>(
        resource: &'a str,
        state: &'a str,
        ext: Option<&'a str>,
    ) -> Result<Publication, PresenceRefused> {
        let publish = Publish { resource, state, ext };
        decide_publish(&Settings::default(), &Publication::default(), publish, Timestamp(7))
    }

    #[test]
    fn words_and_a_state_are_published_within_their_bounds() {
        let long = "x".repeat(limits::PRESENCE_BYTES);
        let published = publish("web_1", "1", Some(&long)).unwrap();
        assert_eq!(
            (published.ext.len(), published.at, &*published.states["web_1"]),
            (1024, Timestamp(7), "1")
        );
        assert!(publish("web_1", "123", Some("")).is_ok(), "no words are words");
        assert_eq!(publish("web_1", "1", None), Err(PresenceRefused::ExtMissing));
        let longer = "名".repeat(342);
        assert_eq!(publish("web_1", "1", Some(&longer)), Err(PresenceRefused::ExtTooLong { bytes: 1026 }));
        assert_eq!(publish("", "1", Some("")), Err(PresenceRefused::Malformed { field: "resource" }));
        for state in ["", "-1", "online", "1234567890", "１"] {
            assert_eq!(
                publish("w", state, Some("")),
                Err(PresenceRefused::Malformed { field: "status" }),
                "{state}"
            );
        }
        let off = Settings { presence_enabled: false, ..Settings::default() };
        let bare = Publish { resource: "", state: "", ext: None };
        let refused = decide_publish(&off, &Publication::default(), bare, Timestamp(0));
        assert_eq!(refused, Err(PresenceRefused::Off));
    }

    #[test]
    fn states_of_any_number_of_devices_stay_bounded() {
        let mut publication = Publication::default();
        for number in 0..100 {
            let resource = format!("web_{number:03}");
            let publish = Publish { resource: &resource, state: "1", ext: Some("") };
            publication = decide_publish(&Settings::default(), &publication, publish, Timestamp(0)).unwrap();
        }
        assert_eq!(publication.states.len(), limits::DEVICES_PER_USER);
        assert!(publication.states.contains_key("web_099"));
    }

    fn subscribe(
        followed: &[(Uid, Timestamp)],
        targets: &[(Uid, usize)],
        seconds: u64,
    ) -> Result<Timestamp, PresenceRefused> {
        let settings = Settings::default();
        let view = SubscribeView { settings: &settings, uid: Uid(1), followed, targets };
        decide_subscribe(view, seconds, Timestamp(1_000))
    }

    #[test]
    fn a_subscription_has_an_end_and_is_not_for_oneself() {
        let bob = [(Uid(2), 0)];
        assert_eq!(subscribe(&[], &bob, 5), Ok(Timestamp(6_000)));
        assert!(subscribe(&[], &bob, limits::PRESENCE_SECONDS).is_ok());
        for seconds in [0, limits::PRESENCE_SECONDS + 1] {
            assert_eq!(subscribe(&[], &[(Uid(1), 0)], seconds), Err(PresenceRefused::Period));
        }
        assert_eq!(subscribe(&[], &[(Uid(2), 0), (Uid(1), 0)], 5), Err(PresenceRefused::Oneself));
    }

    #[test]
    fn both_sides_have_room_for_3000() {
        let most = limits::PRESENCE_SUBSCRIPTIONS as u64;
        let followed = |until: u64| -> Vec<(Uid, Timestamp)> {
            (0..most).map(|number| (Uid(10 + number), Timestamp(until))).collect()
        };
        let full = followed(2_000);
        assert_eq!(subscribe(&full, &[(Uid(2), 0)], 5), Err(PresenceRefused::FollowsTooMany));
        assert!(subscribe(&full, &[(Uid(10), 0)], 5).is_ok(), "a new end needs no more room");
        assert!(subscribe(&followed(1_000), &[(Uid(2), 0)], 5).is_ok(), "what has ended does not count");
        let popular = [(Uid(2), limits::PRESENCE_SUBSCRIPTIONS)];
        assert_eq!(subscribe(&[], &popular, 5), Err(PresenceRefused::FollowedByTooMany));
    }

    #[test]
    fn a_call_names_somebody_and_not_too_many() {
        let settings = Settings::default();
        assert_eq!(decide_names(&settings, 0), Err(PresenceRefused::NobodyNamed));
        assert_eq!(decide_names(&settings, 100), Ok(()));
        assert_eq!(decide_names(&settings, 101), Err(PresenceRefused::TooMany { named: 101 }));
    }

    #[test]
    fn devices_are_shown_while_they_are_there_with_what_was_published_for_them() {
        let device = |number: u32, seen: u64| Device {
            number: DeviceNumber(number),
            resource: Resource::parse(&format!("web_{number}")).unwrap(),
            uuid: String::new(),
            name: String::new(),
            class: DeviceClass::Web,
            login: String::new(),
            displaced: false,
            seen: Timestamp(seen),
            session: None,
        };
        let devices =
            Devices { list: vec![device(1, 5), device(2, 6), device(3, 9), device(4, 1)], numbered: 4 };
        let states = [("web_2", "100"), ("web_3", "7"), ("web_4", "0"), ("android", "1"), ("ios", "0")];
        let states = states.map(|(resource, state)| (resource.to_owned(), state.to_owned())).into();
        let publication = Publication { ext: "busy".to_owned(), at: Timestamp(8), states };
        let bob = Username::parse("bob").unwrap();
        let presence = shown(&bob, &publication, &devices, |device| device.number != DeviceNumber(3));
        let states: Vec<(&str, &str)> =
            presence.states.iter().map(|(resource, state)| (resource.as_str(), state.as_str())).collect();
        // The third is away, the fourth and ios want to be.
        assert_eq!(states, [("android", "1"), ("web_1", "1"), ("web_2", "100")]);
        assert_eq!((presence.changed, presence.ext.as_str()), (Timestamp(9), "busy"));
        let nobody = shown(&bob, &Publication::default(), &Devices::default(), |_| true);
        assert_eq!((nobody.states.len(), nobody.changed), (0, Timestamp(0)));
    }
}
