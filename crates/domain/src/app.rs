//! Apps (tenants) and what their owners can set.

use std::fmt;
use std::time::Duration;

use conditions::Condition;
use model::{AppId, AppKey, JMessageKey, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Refusal;
use crate::client_build::{Packages, Platforms};
use crate::file_content::RefusedContent;
use crate::hook::Rule;
use crate::rate::{CallClass, PostClass, Rate};
use crate::sdk_version::SdkVersion;

/// An app as the rules see it.
#[derive(Clone, Debug)]
pub struct App {
    pub id: AppId,
    pub key: AppKey,
    /// The vendor's `application` id in envelopes.
    pub uuid: String,
    pub client_id: String,
    pub secrets: AppSecrets,
    pub created: Timestamp,
    pub settings: Settings,
    /// Its webhooks, in the order in which they were made.
    pub hooks: Vec<Rule>,
    /// How often its keyword lists were changed; 0: it has none.
    pub keyword_changes: u64,
    /// What JMessage's clients and back ends know it by, if they are served.
    pub jmessage: Option<JMessageFace>,
}

impl App {
    /// The providers' names that devices can be bound to; none: any.
    pub fn push_notifiers(&self) -> Vec<String> {
        let mut names = Vec::new();
        for push in self.hooks.iter().filter_map(Rule::push) {
            if push.notifiers.is_empty() {
                return Vec::new();
            }
            names.extend(push.notifiers.iter().cloned());
        }
        names
    }
}

/// An app as JMessage's clients and back ends know it. Its secret is kept out of logs by the `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct JMessageFace {
    pub key: JMessageKey,
    /// The password of its back end.
    pub master_secret: String,
}

impl fmt::Debug for JMessageFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JMessageFace").field("key", &self.key).finish_non_exhaustive()
    }
}

/// An app's secrets, kept out of logs by their `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSecrets {
    pub client_secret: String,
    /// Signs the app's tokens. 32 random bytes.
    pub token_key: [u8; 32],
}

impl fmt::Debug for AppSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecrets(..)")
    }
}

/// How many devices of a user may be logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevicePolicy {
    /// Several, up to `devices.per_class` of each platform class.
    #[default]
    Multi,
    /// One; a new login replaces it (code 206 on the old side).
    Single,
    /// One; while it is online a later login is refused (code 213).
    FirstWins,
}

/// What happens to one login more than `devices.per_class`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The longest connected device of the class is displaced (206).
    #[default]
    ReplaceOldest,
    /// The new login is refused: 214, or 220 where only one device is allowed and it is another one.
    Refuse,
}

/// Who may make chat rooms; back ends may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomMakers {
    #[default]
    Everyone,
    /// Those whom the back end named.
    SuperAdmins,
}

/// The app's id at Agora: 32 hexadecimal digits, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgoraAppId(pub String);

/// The app's certificate at Agora: 32 hexadecimal digits, or nothing. Kept out of logs by its `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgoraCertificate(pub String);

impl fmt::Debug for AgoraCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgoraCertificate(..)")
    }
}

/// Which side of a picture a thumbnail's size is about (easemob-rest.md 3.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThumbnailScale {
    /// The longer side: the thumbnail lies inside the box that was asked for.
    #[default]
    LongSide,
    /// The shorter side: it covers that box.
    ShortSide,
}

/// A setting that an owner gave a value that does not fit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SettingError {
    #[error("there is no setting {name:?}; `kith app get ORG#APP` lists them")]
    Unknown { name: String },
    #[error("{name} takes {expects}, not {value:?}")]
    Value { name: &'static str, value: String, expects: &'static str },
}

impl Refusal for SettingError {
    fn condition(&self) -> Condition {
        Condition::ArgumentInvalid
    }
}

/// One line of `kith app get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingLine {
    pub name: &'static str,
    pub value: String,
    pub default: String,
    pub meaning: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr, $name:literal;)+) => {
        /// Everything an owner can set for one app. Stored as JSON; absent keys have their default.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Settings { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Settings {
            /// Sets one setting from text.
            ///
            /// # Errors
            /// [`SettingError`] naming what the setting takes.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
                match name {
                    $($name => {
                        self.$field = <$type as SettingValue>::parse(value).ok_or(SettingError::Value {
                            name: $name,
                            value: value.to_owned(),
                            expects: <$type as SettingValue>::EXPECTS,
                        })?;
                        Ok(())
                    })+
                    _ => Err(SettingError::Unknown { name: name.to_owned() }),
                }
            }

            /// All settings with value, default and meaning.
            pub fn lines(&self) -> Vec<SettingLine> {
                let default = Self::default();
                vec![$(SettingLine {
                    name: $name,
                    value: self.$field.show(),
                    default: default.$field.show(),
                    meaning: concat!($($doc),+).trim_ascii(),
                },)+]
            }
        }
    };
}

settings! {
    /// The app takes logins and calls; off answers "app disabled" (305) to everybody.
    enabled: bool = true, "app.enabled";
    /// Anybody may register a user without a token; off leaves it to the app's back end (208).
    open_registration: bool = false, "registration.open";
    /// Users that one address may register without a token, once it has used up registration.address_burst; in
    /// a second, 0 is no limit (4, 429 reach_limit).
    registrations_per_second: u64 = 50, "registration.address_per_second";
    /// Users that one address may register without a token at once.
    registrations_burst: u64 = 1_000, "registration.address_burst";
    /// Platforms whose clients with a JMessage app key the app takes: any of android, ios, web and windows, with commas
    /// between; nothing is all (871503).
    client_platforms: Platforms = Platforms::default(), "clients.platforms";
    /// Package names that Android clients with a JMessage app key may have, with commas between; nothing is any (871501).
    client_packages: Packages = Packages::default(), "clients.packages";
    /// Registered users at most; 0 is no limit (4, 429 resource_limited).
    users_limit: u64 = 0, "users.limit";
    /// Users online at the same time at most; 0 is no limit.
    sessions_limit: u64 = 0, "sessions.limit";
    /// How many devices of a user may be logged in: multi, single or first_wins.
    device_policy: DevicePolicy = DevicePolicy::Multi, "devices.policy";
    /// Devices of one platform class online at the same time, under devices.policy=multi.
    devices_per_class: u64 = 4, "devices.per_class";
    /// What one login more does: replace_oldest (206 on the old side) or refuse (214, 220).
    devices_when_full: WhenFull = WhenFull::ReplaceOldest, "devices.when_full";
    /// Life of tokens whose caller names none, in seconds.
    token_ttl_seconds: u64 = 60 * 24 * 60 * 60, "token.ttl_seconds";
    /// Longest life of a token that the app's back end signs by itself (`dt-`), in seconds.
    dynamic_token_ttl_limit_seconds: u64 = 365 * 24 * 60 * 60, "token.dynamic_ttl_limit_seconds";
    /// The app's id at Agora, which REST paths (/app-id/…) and SDKs may have instead of its key; with agora.certificate it makes
    /// the app take Agora's AccessToken2.
    agora_app_id: AgoraAppId = AgoraAppId::default(), "agora.app_id";
    /// The app's certificate at Agora. It is not shown.
    agora_certificate: AgoraCertificate = AgoraCertificate::default(), "agora.certificate";
    /// Largest message (body and extension) in bytes (511 on the web).
    message_bytes_limit: u64 = 64 * 1024, "message.bytes_limit";
    /// Messages that one user's devices may send in a second; 0 is no limit (509).
    messages_per_second: u64 = 0, "message.per_second";
    /// Messages that all clients of the app may send in a second together; 0 is no limit (502, or 509 where the client has
    /// no other number).
    app_messages_per_second: u64 = 0, "message.app_per_second";
    /// Users can be muted in the whole app (219); off answers "not enabled".
    mutes_enabled: bool = true, "mute.enabled";
    /// A muted user's name is closed to the app's back end too.
    mutes_bind_back_end: bool = false, "mute.binds_back_end";
    /// How many days back the app's back end can fetch what was said, hour by hour. The vendor has 3.
    history_file_days: u64 = 3, "history.file_days";
    /// The app's back end may send to all users at once; off answers "not enabled".
    broadcast_enabled: bool = true, "broadcast.enabled";
    /// Senders may take messages back; off answers "not enabled" (505).
    recall_enabled: bool = true, "recall.enabled";
    /// How long after sending a message can be taken back, in seconds (504).
    recall_window_seconds: u64 = 120, "recall.window_seconds";
    /// Senders may change messages after sending them; off answers "not enabled" (505).
    edit_enabled: bool = true, "edit.enabled";
    /// How often a message may be changed (50 on the web).
    edit_limit: u64 = 10, "edit.limit";
    /// Users can read and delete their history on the server; off answers "not enabled" (505).
    history_enabled: bool = true, "history.enabled";
    /// Messages older than this many days are deleted for everybody; 0 keeps them for ever.
    history_days: u64 = 0, "history.days";
    /// Days for which messages are found by their id alone, as reactions and back ends do; what is told of in
    /// history.days counts if that is longer. 0 keeps them for ever.
    arrivals_days: u64 = 400, "arrivals.days";
    /// Users have lists of their conversations on the server, with unread counts, pins and marks; off answers "not
    /// enabled" (505).
    conversations_enabled: bool = true, "conversations.enabled";
    /// Users may react to messages; off answers "not enabled" (505).
    reactions_enabled: bool = true, "reactions.enabled";
    /// Kinds of reactions on one message (1101 and above on mobile).
    reactions_limit: u64 = 20, "reactions.limit";
    /// Users may pin messages in a conversation; off answers "not enabled" (505).
    pins_enabled: bool = true, "pins.enabled";
    /// Pinned messages of one conversation (50 on the web). The vendor allows 20 to 100.
    pins_limit: u64 = 20, "pins.limit";
    /// Users may report messages to those who run the app; off answers "not enabled" (505).
    reports_enabled: bool = true, "reports.enabled";
    /// Keyword lists apply to what the app's own back end sends, too.
    keywords_for_back_end: bool = false, "keywords.back_end";
    /// Days for which it is kept what keyword lists and pre-send webhooks decided about messages, for export; 0 keeps
    /// nothing, and exports answer "not enabled".
    moderation_record_days: u64 = 7, "moderation.record_days";
    /// What they let pass is kept and told, too: a row for each message that is looked at.
    moderation_record_passes: bool = false, "moderation.record_passes";
    /// Users can bind devices for pushes and set quiet times; off answers "not enabled".
    push_enabled: bool = true, "push.enabled";
    /// Minutes that the app's clocks are ahead of UTC, for quiet hours: 0 to 1439. The vendor's are at 480.
    push_utc_offset_minutes: u64 = 480, "push.utc_offset_minutes";
    /// Webhooks may go to loopback and private addresses, such as a back end on this machine.
    webhook_private_targets: bool = false, "webhook.private_targets";
    /// What webhooks gave up is kept for three days, for the back end to have it sent again; off keeps nothing, and
    /// /callbacks/storage answers "not enabled".
    webhook_keep_undelivered: bool = true, "webhook.keep_undelivered";
    /// Users can have contact lists; off answers "not enabled".
    contacts_enabled: bool = true, "contacts.enabled";
    /// Contacts that one user may have (1001, 1002).
    contacts_limit: u64 = 3000, "contacts.limit";
    /// Only contacts may write to each other (221). Back ends are held to it by message.contacts_only_back_end.
    contacts_only: bool = false, "message.contacts_only";
    /// Users can block each other; off answers "not enabled", and who was blocked may write again.
    blocks_enabled: bool = true, "blocks.enabled";
    /// Users may block others by themselves; off, only the app's back end does it for them (JMessage 818006).
    blocks_by_users: bool = true, "blocks.by_users";
    /// Users have attributes that everybody can read; off answers "not enabled".
    attributes_enabled: bool = true, "attributes.enabled";
    /// Bytes of one user's attributes, names and values (900, 901).
    attributes_user_bytes: u64 = 2048, "attributes.user_bytes";
    /// Bytes of all users' attributes together.
    attributes_app_bytes: u64 = 10 * 1024 * 1024 * 1024, "attributes.app_bytes";
    /// Users can keep things as favourites; off answers "not enabled".
    favourites_enabled: bool = true, "favourites.enabled";
    /// Users can publish presence and follow each other's; off answers "not enabled", and nobody is told of changes.
    presence_enabled: bool = true, "presence.enabled";
    /// Members of a group may ask for receipts of what they say; off answers "not enabled" (505).
    group_receipts: bool = true, "group.receipts";
    /// How long a group's message can be acknowledged as read, in seconds (506).
    group_receipt_seconds: u64 = 3 * 24 * 60 * 60, "group.receipt_seconds";
    /// Members of a group can have attributes in it; off answers "not enabled".
    group_attributes: bool = true, "group.attributes";
    /// The app's back end may ask how many members of a group are connected; off answers "not enabled".
    group_online_count: bool = true, "group.online_count";
    /// Largest number of members that a group's owner can set.
    group_members_limit: u64 = 10_000, "group.members_limit";
    /// Users may make groups; off, only the app's back end does (JMessage 808002).
    groups_by_users: bool = true, "groups.by_users";
    /// Groups of the app at most; 0 is no limit.
    groups_limit: u64 = 0, "groups.limit";
    /// Groups that one user may be in; 0 is no limit.
    groups_joined_limit: u64 = 3_000, "groups.joined_limit";
    /// Chat rooms that one user may be in at the same time; 0 is no limit (50 on the web).
    rooms_joined_limit: u64 = 500, "rooms.joined_limit";
    /// Who may make chat rooms: everyone, or the super_admins that the app's back end named.
    room_makers: RoomMakers = RoomMakers::Everyone, "chatroom.create";
    /// Messages of one chat room in a second above which those of low priority reach nobody; above twice as many, those
    /// of normal priority too. 0 is no limit. The vendor has 100.
    room_messages_per_second: u64 = 0, "rooms.messages_per_second";
    /// Chat rooms can have attributes; off answers "not enabled".
    room_attributes: bool = true, "rooms.attributes";
    /// The app's back end may mute all in a chat room who have a tag; off answers "not enabled".
    room_tag_mutes: bool = true, "rooms.tag_mutes";
    /// Members of a group may begin threads about its messages; off answers "not enabled" (505).
    threads_enabled: bool = true, "threads.enabled";
    /// Threads of the app at most; 0 is no limit (50 on the web).
    threads_limit: u64 = 100_000, "threads.limit";
    /// Threads that one user may be in; 0 is no limit (50 on the web).
    threads_joined_limit: u64 = 1_000, "threads.joined_limit";
    /// REST calls of the app in a second, those with a limit of their own left out; 0 is no limit (429
    /// reach_limit). The vendor has 100.
    calls_per_second: u64 = 0, "rest.calls_per_second";
    /// Calls for a token in a second; 0 is no limit. The vendor has 300.
    token_calls_per_second: u64 = 0, "rest.token_calls_per_second";
    /// Calls in a second that delete a page of users; 0 is no limit. The vendor has 30.
    user_deletions_per_second: u64 = 0, "rest.user_deletions_per_second";
    /// Calls in a second that look up many at once, such as the online status of a batch; 0 is no limit. The
    /// vendor has 50.
    look_ups_per_second: u64 = 0, "rest.look_ups_per_second";
    /// Messages that the app's back end may send to users in a minute, one for each receiver; 0 is no limit (403 message
    /// send reach limit). The vendor has 6000.
    user_posts_per_minute: u64 = 0, "rest.user_messages_per_minute";
    /// The same for groups, in a second. The vendor has 20.
    group_posts_per_second: u64 = 0, "rest.group_messages_per_second";
    /// The same for parts of streams, in a second. The vendor has 100.
    stream_parts_per_second: u64 = 0, "rest.stream_parts_per_second";
    /// Broadcasts to all users in a day; 0 is no limit (403 broadcast message limit exceeded). The vendor has 3.
    broadcasts_per_day: u64 = 0, "broadcast.per_day";
    /// Seconds from one broadcast to all users to the next (429 reach_limit). The vendor has 1800.
    broadcast_pause_seconds: u64 = 0, "broadcast.pause_seconds";
    /// Broadcasts in a day to those who are there; 0 is no limit (403 online user broadcast limit exceeded). The vendor
    /// has 50.
    online_broadcasts_per_day: u64 = 0, "broadcast.online_per_day";
    /// Seconds from one broadcast to those who are there to the next (429 reach_limit). The vendor has 60.
    online_broadcast_pause_seconds: u64 = 0, "broadcast.online_pause_seconds";
    /// Messages of the app's back end to chat rooms in a second, one for each room; 0 is no limit (403 message send
    /// reach limit). The vendor has 100.
    room_posts_per_second: u64 = 0, "rest.room_messages_per_second";
    /// Broadcasts to all chat rooms in a day; 0 is no limit (403 broadcast message limit exceeded). The vendor has 100.
    room_broadcasts_per_day: u64 = 0, "broadcast.rooms_per_day";
    /// Broadcasts to all chat rooms in a minute; 0 is no limit (429 reach_limit). The vendor has 10.
    room_broadcasts_per_minute: u64 = 0, "broadcast.rooms_per_minute";
    /// Only contacts may write to each other, when the app's back end writes in a user's name too.
    contacts_only_for_back_end: bool = false, "message.contacts_only_back_end";
    /// REST calls of JMessage's kind in a minute; 0 is no limit (429). The vendor has 600.
    jmessage_calls_per_minute: u64 = 600, "jmessage.calls_per_minute";
    /// Requests that one user's page of JMessage's may make in a second; 0 is no limit (JMessage 800017).
    jmessage_requests_per_second: u64 = 0, "jmessage.requests_per_second";
    /// Oldest version of JMessage's web SDK that may log in, such as 2.5.0; nothing is any (880110).
    jmessage_oldest_sdk: SdkVersion = SdkVersion::default(), "jmessage.oldest_sdk";
    /// Largest file in bytes (405, 413).
    files_bytes_limit: u64 = 10 << 20, "files.bytes_limit";
    /// Days that files are kept; 0 keeps them (407, 404 file_expired). Counts for files uploaded from then on.
    files_retention_days: u64 = 0, "files.retention_days";
    /// Bytes that the files of one user may have together; 0 is no limit.
    files_user_bytes_limit: u64 = 0, "files.user_bytes_limit";
    /// Bytes that all files of the app may have together; 0 is no limit.
    files_app_bytes_limit: u64 = 0, "files.app_bytes_limit";
    /// Kinds of files that are not taken, by their first bytes: any of executable, archive, markup and pdf, with commas
    /// between (406, 400 content improper).
    files_refused_content: RefusedContent = RefusedContent::default(), "files.refused_content";
    /// Pixels of a thumbnail's side where the upload names none.
    files_thumbnail_pixels: u64 = 170, "files.thumbnail_pixels";
    /// Which side of a picture these are: long_side or short_side.
    files_thumbnail_scale: ThumbnailScale = ThumbnailScale::LongSide, "files.thumbnail_scale";
}

impl Settings {
    /// What one class of calls may do; `None` is no limit.
    pub fn call_rate(&self, class: CallClass) -> Option<Rate> {
        Rate::per_second(match class {
            CallClass::Other => self.calls_per_second,
            CallClass::Token => self.token_calls_per_second,
            CallClass::UserDeletion => self.user_deletions_per_second,
            CallClass::LookUp => self.look_ups_per_second,
        })
    }

    /// What all clients together may send; `None` is no limit.
    pub fn app_message_rate(&self) -> Option<Rate> {
        Rate::per_second(self.app_messages_per_second)
    }

    /// What the back end may send; `None` is no limit.
    pub fn post_rate(&self, class: PostClass) -> Option<Rate> {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let pause = |seconds| (seconds > 0).then(|| Rate::per(Duration::from_secs(seconds), 1)).flatten();
        match class {
            PostClass::Users => Rate::per(MINUTE, self.user_posts_per_minute),
            PostClass::Groups => Rate::per_second(self.group_posts_per_second),
            PostClass::StreamParts => Rate::per_second(self.stream_parts_per_second),
            PostClass::Broadcasts => Rate::per(DAY, self.broadcasts_per_day),
            PostClass::BroadcastPause => pause(self.broadcast_pause_seconds),
            PostClass::OnlineBroadcasts => Rate::per(DAY, self.online_broadcasts_per_day),
            PostClass::OnlineBroadcastPause => pause(self.online_broadcast_pause_seconds),
            PostClass::Rooms => Rate::per_second(self.room_posts_per_second),
            PostClass::RoomBroadcasts => Rate::per(DAY, self.room_broadcasts_per_day),
            PostClass::RoomBroadcastsOfMinute => Rate::per(MINUTE, self.room_broadcasts_per_minute),
        }
    }

    /// What one address may register without a token; `None` is no limit.
    pub fn registration_rate(&self) -> Option<Rate> {
        Rate::new(self.registrations_per_second, self.registrations_burst)
    }

    /// What one user's page may ask for; `None` is no limit.
    pub fn page_request_rate(&self) -> Option<Rate> {
        Rate::per_second(self.jmessage_requests_per_second)
    }

    /// What one user may send; `None` is no limit.
    pub fn message_rate(&self) -> Option<Rate> {
        Rate::per_second(self.messages_per_second)
    }

    /// How many receipts one user may send; `None` is no limit. Everybody reads more than he writes, and a client sends two
    /// receipts for a message.
    pub fn receipt_rate(&self) -> Option<Rate> {
        Rate::per_second(self.messages_per_second.saturating_mul(20))
    }

    /// Messages that came before this are not kept.
    pub fn oldest_message(&self, now: Timestamp) -> Timestamp {
        oldest(self.history_days, now)
    }

    /// What came before this is no longer found by its id alone. Never before the messages themselves go, since
    /// their removal goes along what came.
    pub fn oldest_arrival(&self, now: Timestamp) -> Timestamp {
        match (self.arrivals_days, self.history_days) {
            (0, _) => Timestamp(0),
            (days, history) => oldest(days.max(history), now),
        }
    }

    pub fn recall_window(&self) -> Duration {
        Duration::from_secs(self.recall_window_seconds)
    }
}

/// The beginning of the last days; 0 days are all time.
fn oldest(days: u64, now: Timestamp) -> Timestamp {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    match days {
        0 => Timestamp(0),
        days => Timestamp(now.0.saturating_sub(days.saturating_mul(DAY_MS))),
    }
}

trait SettingValue: Sized {
    const EXPECTS: &'static str;
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

impl SettingValue for bool {
    const EXPECTS: &'static str = "true or false";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "true" | "on" | "yes" | "1" => Some(true),
            "false" | "off" | "no" | "0" => Some(false),
            _ => None,
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for u64 {
    const EXPECTS: &'static str = "a whole number";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A key of Agora's: 32 hexadecimal digits, or nothing.
fn agora_key(text: &str) -> Option<String> {
    let is_key = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_key || text.is_empty()).then(|| text.to_owned())
}

impl SettingValue for AgoraAppId {
    const EXPECTS: &'static str = "32 hexadecimal digits, or nothing";
    fn parse(text: &str) -> Option<Self> {
        agora_key(text).map(Self)
    }
    fn show(&self) -> String {
        self.0.clone()
    }
}

impl SettingValue for AgoraCertificate {
    const EXPECTS: &'static str = AgoraAppId::EXPECTS;
    fn parse(text: &str) -> Option<Self> {
        agora_key(text).map(Self)
    }
    fn show(&self) -> String {
        if self.0.is_empty() { String::new() } else { "(set)".to_owned() }
    }
}

impl SettingValue for DevicePolicy {
    const EXPECTS: &'static str = "multi, single or first_wins";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "multi" => Some(Self::Multi),
            "single" => Some(Self::Single),
            "first_wins" => Some(Self::FirstWins),
            _ => None,
        }
    }
    fn show(&self) -> String {
        match self {
            Self::Multi => "multi",
            Self::Single => "single",
            Self::FirstWins => "first_wins",
        }
        .to_owned()
    }
}

impl SettingValue for WhenFull {
    const EXPECTS: &'static str = "replace_oldest or refuse";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "replace_oldest" => Some(Self::ReplaceOldest),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
    fn show(&self) -> String {
        match self {
            Self::ReplaceOldest => "replace_oldest",
            Self::Refuse => "refuse",
        }
        .to_owned()
    }
}

impl SettingValue for RoomMakers {
    const EXPECTS: &'static str = "everyone or super_admins";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "everyone" => Some(Self::Everyone),
            "super_admins" => Some(Self::SuperAdmins),
            _ => None,
        }
    }
    fn show(&self) -> String {
        match self {
            Self::Everyone => "everyone",
            Self::SuperAdmins => "super_admins",
        }
        .to_owned()
    }
}

impl SettingValue for RefusedContent {
    const EXPECTS: &'static str = "executable, archive, markup and pdf, with commas between, or nothing";
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
    fn show(&self) -> String {
        self.show()
    }
}

impl SettingValue for Platforms {
    const EXPECTS: &'static str = "android, ios, web and windows, with commas between, or nothing";
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
    fn show(&self) -> String {
        self.show()
    }
}

impl SettingValue for Packages {
    const EXPECTS: &'static str = "at most 32 package names, with commas between, or nothing";
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
    fn show(&self) -> String {
        self.show()
    }
}

impl SettingValue for SdkVersion {
    const EXPECTS: &'static str = "a version such as 2.5.0, or nothing";
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
    fn show(&self) -> String {
        self.show()
    }
}

impl SettingValue for ThumbnailScale {
    const EXPECTS: &'static str = "long_side or short_side";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "long_side" => Some(Self::LongSide),
            "short_side" => Some(Self::ShortSide),
            _ => None,
        }
    }
    fn show(&self) -> String {
        match self {
            Self::LongSide => "long_side",
            Self::ShortSide => "short_side",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_by_name_and_shown_with_default_and_meaning() {
        let mut settings = Settings::default();
        settings.set("recall.window_seconds", "5").unwrap();
        let line = settings.lines().into_iter().find(|line| line.name == "recall.window_seconds").unwrap();
        assert_eq!((line.value.as_str(), line.default.as_str()), ("5", "120"));
        assert!(line.meaning.contains("taken back"), "{}", line.meaning);
    }

    #[test]
    fn agoras_certificate_is_taken_and_never_shown() {
        let mut settings = Settings::default();
        let certificate = "5CFd2fd1755d40ecb72977518be15d3b";
        settings.set("agora.certificate", certificate).unwrap();
        assert_eq!(settings.agora_certificate.0, certificate);
        assert!(settings.lines().iter().all(|line| !line.value.contains(certificate)));
        assert!(!format!("{settings:?}").contains(certificate));
        let refused = settings.set("agora.certificate", "short").unwrap_err();
        assert!(refused.to_string().contains("32 hexadecimal digits"));
        settings.set("agora.certificate", "").unwrap();
        assert!(settings.agora_certificate.0.is_empty());
    }

    #[test]
    fn a_wrong_value_says_what_fits() {
        let error = Settings::default().set("devices.policy", "many").unwrap_err();
        assert!(error.to_string().contains("multi, single or first_wins"), "{error}");
        assert!(matches!(
            Settings::default().set("recall.enable", "true"),
            Err(SettingError::Unknown { .. })
        ));
    }
}
