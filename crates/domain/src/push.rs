//! Pushes: which devices are bound, what a user wants to be woken by, and whether a message wakes one of them.
//!
//! A [`PushProfile`] is one user's. Who is asked to wake a device, and how, is a port of `app`; which words of a message
//! concern pushes only a dialect knows ([`PushHints`]). Source of the rules: easemob-rest.md 3.16, 3.17.

mod silence;
mod template;

use std::collections::BTreeSet;

use conditions::Condition;
use model::{ConversationId, GroupId, Timestamp, Uid};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;

pub use silence::{Interval, Level, Silence, SilenceChange};
pub use template::{Template, TemplateUse, decide_drop_template, decide_template, words};

/// Devices of a user that can be woken.
pub const BINDINGS_LIMIT: usize = 32;
/// Conversations of a user with settings of their own.
pub const SILENCES_LIMIT: usize = 500;
/// Members of a group beyond which nobody is woken by it (easemob-rest.md 6.1).
pub const GROUP_MEMBERS_LIMIT: u32 = 3_000;
/// Bytes of a token of a push provider.
const TOKEN_BYTES: usize = 1_024;
/// Bytes of a device's or provider's name.
const NAME_BYTES: usize = 128;
const LANGUAGE_BYTES: usize = 32;

/// A device and how it is woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub device: String,
    /// The provider's name for the app on the device, such as a bundle id or a sender id.
    pub notifier: String,
    /// What the provider knows the device by.
    pub token: String,
}

/// What a notification says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// That there is a message.
    #[default]
    Summary,
    /// Who says what.
    Content,
}

/// The hours of the day in which nothing wakes a user, as old clients set them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    pub start: u8,
    pub end: u8,
}

/// A conversation that has settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceOf {
    User(u64),
    Group(u64),
}

impl SilenceOf {
    /// The conversation as its reader sees it; `None` for rooms, which wake nobody.
    pub fn of(conversation: ConversationId, reader: Uid) -> Option<Self> {
        match conversation {
            ConversationId::Single { low, high } => {
                Some(Self::User(if low == reader { high.0 } else { low.0 }))
            }
            ConversationId::Group(group) => Some(Self::group(group)),
            ConversationId::Room(_) => None,
        }
    }

    pub fn group(group: GroupId) -> Self {
        Self::Group(group.0)
    }
}

/// A conversation's own settings, with the name that its user knows it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationSilence {
    pub of: SilenceOf,
    pub name: String,
    pub silence: Silence,
}

/// What a user has set for pushes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushProfile {
    pub bindings: Vec<Binding>,
    pub style: Option<Style>,
    /// Old clients' switch; with hours only within them.
    pub no_disturbing: Option<bool>,
    pub quiet_hours: Option<QuietHours>,
    /// For everything.
    pub silence: Silence,
    pub conversations: Vec<ConversationSilence>,
    /// Groups that old clients silenced, by their public ids.
    pub ignored_groups: BTreeSet<String>,
    /// What pushes are to be translated into.
    pub language: Option<String>,
    /// The template that his pushes are made by.
    pub template: Option<String>,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PushRefused {
    #[error("{name} can't be the binding's: {what}")]
    Binding { name: &'static str, what: &'static str },
    #[error("the app has no provider for {notifier:?}")]
    NotifierUnknown { notifier: String },
    #[error("no token is bound for this device and provider")]
    NotBound,
    #[error("the setting {name} has a value that does not exist")]
    Setting { name: &'static str },
    #[error("{name} of a template is missing, too long or has characters that it may not have")]
    Template { name: &'static str },
    #[error("there is no template {name:?}")]
    TemplateNotFound { name: String },
    #[error("the app has its {} templates", template::TEMPLATES)]
    TemplatesFull,
}

impl Refusal for PushRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Binding { .. } | Self::NotifierUnknown { .. } => Condition::PushBindFailed,
            Self::NotBound => Condition::PushUnbindFailed,
            Self::Setting { .. } => Condition::PushConfigFailed,
            Self::Template { .. } => Condition::ArgumentInvalid,
            Self::TemplateNotFound { .. } => Condition::PushTemplateNotFound,
            Self::TemplatesFull => Condition::LimitExceeded,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TemplateNotFound { name } => vec![("name", name.chars().take(64).collect())],
            Self::TemplatesFull => vec![("limit", template::TEMPLATES.to_string())],
            Self::Binding { name, .. } | Self::Setting { name } | Self::Template { name } => {
                vec![("name", (*name).to_owned())]
            }
            Self::NotifierUnknown { .. } => vec![("name", "notifier_name".to_owned())],
            Self::NotBound => Vec::new(),
        }
    }
}

/// A binding as it is asked for. Without a token it unbinds; without a provider too, it unbinds all of the device's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    pub device: String,
    pub notifier: String,
    pub token: String,
}

/// Decides a binding or its end. `notifiers`: the providers that the app has; empty: any. Order: device, provider, token,
/// whether the app has the provider, how many there are. A device has one token for each provider.
///
/// # Errors
/// The first [`PushRefused`].
pub fn decide_bind(
    profile: &PushProfile,
    bind: &Bind,
    notifiers: &[String],
) -> Result<PushProfile, PushRefused> {
    let refused = |name, what| Err(PushRefused::Binding { name, what });
    let is_name = |text: &str| text.len() <= NAME_BYTES && !text.chars().any(char::is_control);
    if bind.device.is_empty() || !is_name(&bind.device) {
        return refused("device_id", "1 to 128 bytes without control characters");
    }
    if !is_name(&bind.notifier) {
        return refused("notifier_name", "at most 128 bytes without control characters");
    }
    let mut profile = profile.clone();
    let before = profile.bindings.len();
    if bind.token.is_empty() {
        profile.bindings.retain(|held| {
            held.device != bind.device || (!bind.notifier.is_empty() && held.notifier != bind.notifier)
        });
        // Who leaves a device unbinds whatever there is.
        let is_named = !bind.notifier.is_empty();
        return if is_named && profile.bindings.len() == before {
            Err(PushRefused::NotBound)
        } else {
            Ok(profile)
        };
    }
    if bind.notifier.is_empty() {
        return refused("notifier_name", "a token belongs to a provider");
    }
    if bind.token.len() > TOKEN_BYTES || bind.token.chars().any(char::is_control) {
        return refused("device_token", "at most 1024 bytes without control characters");
    }
    if !notifiers.is_empty() && !notifiers.contains(&bind.notifier) {
        return Err(PushRefused::NotifierUnknown { notifier: bind.notifier.clone() });
    }
    // A token that moves to another device of the user's wakes that one only.
    profile.bindings.retain(|held| {
        held.notifier != bind.notifier || (held.device != bind.device && held.token != bind.token)
    });
    if profile.bindings.len() >= BINDINGS_LIMIT {
        profile.bindings.remove(0);
    }
    let Bind { device, notifier, token } = bind.clone();
    profile.bindings.push(Binding { device, notifier, token });
    Ok(profile)
}

/// Settings that an old client or a back end changes; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushChange {
    pub style: Option<u64>,
    pub no_disturbing: Option<bool>,
    pub start: Option<String>,
    pub end: Option<String>,
    /// Groups that are silenced, or no longer.
    pub ignored_groups: Vec<(String, bool)>,
}

impl PushChange {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Decides a change of the old settings. Order: style, hours, number of groups.
///
/// # Errors
/// [`PushRefused::Setting`].
pub fn decide_push_change(profile: &PushProfile, change: &PushChange) -> Result<PushProfile, PushRefused> {
    let mut profile = profile.clone();
    match change.style {
        None => {}
        Some(0) => profile.style = Some(Style::Summary),
        Some(1) => profile.style = Some(Style::Content),
        Some(_) => return Err(PushRefused::Setting { name: "notification_display_style" }),
    }
    profile.no_disturbing = change.no_disturbing.or(profile.no_disturbing);
    let held = profile.quiet_hours;
    let start =
        hour("notification_no_disturbing_start", change.start.as_deref(), held.map(|held| held.start))?;
    let end = hour("notification_no_disturbing_end", change.end.as_deref(), held.map(|held| held.end))?;
    profile.quiet_hours = start.zip(end).map(|(start, end)| QuietHours { start, end });
    for (group, is_ignored) in &change.ignored_groups {
        if *is_ignored {
            profile.ignored_groups.insert(group.clone());
        } else {
            profile.ignored_groups.remove(group);
        }
    }
    if profile.ignored_groups.len() > SILENCES_LIMIT {
        return Err(PushRefused::Setting { name: "notification_ignore" });
    }
    Ok(profile)
}

fn hour(name: &'static str, text: Option<&str>, held: Option<u8>) -> Result<Option<u8>, PushRefused> {
    let Some(text) = text else { return Ok(held) };
    let hour: Option<u8> = text.parse().ok().filter(|hour| *hour < 24);
    hour.map(Some).ok_or(PushRefused::Setting { name })
}

/// Decides by which template a user's pushes are made; an empty name is none.
///
/// # Errors
/// [`PushRefused::TemplateNotFound`].
pub fn decide_own_template(
    profile: &PushProfile,
    templates: &[Template],
    name: &str,
) -> Result<PushProfile, PushRefused> {
    if !name.is_empty() && !templates.iter().any(|template| template.name == name) {
        return Err(PushRefused::TemplateNotFound { name: name.to_owned() });
    }
    Ok(PushProfile { template: Some(name.to_owned()).filter(|name| !name.is_empty()), ..profile.clone() })
}

/// Decides the language of pushes; an empty one is none.
///
/// # Errors
/// [`PushRefused::Setting`].
pub fn decide_language(profile: &PushProfile, language: &str) -> Result<PushProfile, PushRefused> {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if language.len() > LANGUAGE_BYTES || !language.bytes().all(is_code) {
        return Err(PushRefused::Setting { name: "translationLanguage" });
    }
    let language = Some(language.to_owned()).filter(|language| !language.is_empty());
    Ok(PushProfile { language, ..profile.clone() })
}

/// Decides what a user hears of everything (`None`), or of one conversation.
///
/// # Errors
/// [`PushRefused::Setting`].
pub fn decide_silence(
    profile: &PushProfile,
    of: Option<(SilenceOf, &str)>,
    change: &SilenceChange,
    at: Timestamp,
) -> Result<PushProfile, PushRefused> {
    let mut profile = profile.clone();
    let Some((of, name)) = of else {
        profile.silence = profile.silence.changed(change, at, true)?;
        return Ok(profile);
    };
    let place = profile.conversations.iter().position(|held| held.of == of);
    let before = place.map_or_else(Silence::default, |place| profile.conversations[place].silence);
    let silence = before.changed(change, at, false)?;
    if let Some(place) = place {
        profile.conversations.remove(place);
    }
    profile.conversations.retain(|held| held.silence.is_set(at));
    if silence.is_set(at) {
        if profile.conversations.len() >= SILENCES_LIMIT {
            return Err(PushRefused::Setting { name: "key" });
        }
        profile.conversations.push(ConversationSilence { of, name: name.to_owned(), silence });
    }
    Ok(profile)
}

/// What a message says about pushes (easemob-rest.md 3.17).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushHints {
    /// It wakes nobody.
    pub ignored: bool,
    /// It wakes also who wants quiet.
    pub forced: bool,
    pub mentions_all: bool,
    pub mentions: Vec<String>,
    /// Only these devices; empty: all.
    pub devices: Vec<String>,
    pub without_devices: Vec<String>,
    pub notifiers: Vec<String>,
    pub without_notifiers: Vec<String>,
    /// The sender's own words for the notification.
    pub title: Option<String>,
    pub content: Option<String>,
    /// The template that it names.
    pub template: Option<TemplateUse>,
    /// What providers are to be given as it came, JSON.
    pub options: serde_json::Map<String, serde_json::Value>,
}

/// Why a device is not woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The message says so.
    MessageIgnored,
    /// The user has a connection.
    Online,
    /// The user wants quiet now.
    Silent,
    /// The user wants to be woken by mentions only, or by nothing.
    Level,
    /// The message names other devices.
    DeviceFiltered,
    /// None of the app's providers is for it.
    NoProvider,
}

/// What the decision for one user needs to know.
#[derive(Clone, Copy, Debug)]
pub struct PushView<'a> {
    pub profile: &'a PushProfile,
    pub name: &'a str,
    pub is_online: bool,
    /// He set do-not-disturb for the conversation or for all ([`crate::no_disturb`]).
    pub is_undisturbed: bool,
    pub of: SilenceOf,
    /// The group's public id.
    pub group: Option<&'a str>,
    pub hints: &'a PushHints,
    /// Minutes of the day, on the app's clock.
    pub minute: u16,
    pub at: Timestamp,
}

/// Decides whether a message wakes one device. Order: the message's word, whether the user is there, what he wants, the
/// devices that the message names.
///
/// # Errors
/// The first [`Skip`].
pub fn decide_push(view: PushView<'_>, binding: &Binding) -> Result<(), Skip> {
    let hints = view.hints;
    if hints.ignored {
        return Err(Skip::MessageIgnored);
    }
    if view.is_online {
        return Err(Skip::Online);
    }
    if !hints.forced {
        check_wishes(view)?;
    }
    let passes = |only: &[String], but: &[String], name: &String| {
        (only.is_empty() || only.contains(name)) && !but.contains(name)
    };
    if !passes(&hints.devices, &hints.without_devices, &binding.device)
        || !passes(&hints.notifiers, &hints.without_notifiers, &binding.notifier)
    {
        return Err(Skip::DeviceFiltered);
    }
    Ok(())
}

/// A running quiet time beats levels; a conversation without a level of its own follows the one for everything.
fn check_wishes(view: PushView<'_>) -> Result<(), Skip> {
    let profile = view.profile;
    let own = profile.conversations.iter().find(|held| held.of == view.of).map(|held| held.silence);
    let own = own.unwrap_or_default();
    let is_ignored = view.group.is_some_and(|group| profile.ignored_groups.contains(group));
    let is_quiet = own.is_quiet(view.at, view.minute) || profile.silence.is_quiet(view.at, view.minute);
    if view.is_undisturbed || is_ignored || is_quiet || profile.is_no_disturbing(view.minute) {
        return Err(Skip::Silent);
    }
    let level = match own.level {
        Level::Default => profile.silence.level,
        level => level,
    };
    let is_meant = view.group.is_none()
        || view.hints.mentions_all
        || view.hints.mentions.iter().any(|user| user == view.name);
    match level {
        Level::Default | Level::All => Ok(()),
        Level::At if is_meant => Ok(()),
        Level::At | Level::Nothing => Err(Skip::Level),
    }
}

impl PushProfile {
    fn is_no_disturbing(&self, minute: u16) -> bool {
        let is_on = self.no_disturbing.unwrap_or(false);
        is_on
            && self.quiet_hours.is_none_or(|hours| {
                Interval { start: u16::from(hours.start) * 60, end: u16::from(hours.end) * 60 }.holds(minute)
            })
    }

    /// What was set for a conversation.
    pub fn silence_of(&self, of: SilenceOf) -> Silence {
        let own = self.conversations.iter().find(|held| held.of == of);
        own.map_or_else(Silence::default, |own| own.silence)
    }
}

/// What a provider is given to show on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// The app's key.
    pub app: String,
    /// The message's id.
    pub message: String,
    pub at: Timestamp,
    /// Whom to wake.
    pub user: String,
    #[serde(flatten)]
    pub binding: Binding,
    /// `single` or `group`.
    pub conversation_kind: String,
    /// The sender's name, or the group's public id.
    pub conversation: String,
    pub sender: String,
    /// The sender's name for pushes, or his own words.
    pub title: String,
    /// `None`: only that there is a message.
    pub content: Option<String>,
    /// What the user wants it translated into.
    pub language: Option<String>,
    /// What the sender says to providers, as it came.
    pub options: serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
mod tests;
