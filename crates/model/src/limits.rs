//! Limits of the field, with their sources. What an owner may change is a setting of the app instead.

/// Bytes of a user name, whoever made it: the most that any vendor allows (jmessage.md 1.2).
pub const USERNAME_BYTES: usize = 128;
/// Bytes of an id that an app chose for a group (easemob-rest.md 1).
pub const OWN_GROUP_ID_BYTES: usize = 64;
/// Bytes of a password (easemob-rest.md 6.1: 64 characters; JMessage allows 128 bytes).
pub const PASSWORD_BYTES: usize = 128;
/// Characters of a nickname (easemob-rest.md 3.1).
pub const NICKNAME_CHARS: usize = 100;
/// Digits of generated group and room ids, from the first on.
pub const GENERATED_ID_DIGITS: usize = 14;
/// The largest number that JavaScript holds exactly: generated ids are no larger.
pub const GENERATED_ID_MAX: u64 = (1 << 53) - 1;
/// Bytes of a device's resource string. The web SDK's are about 30; `customN_<uuid>` about 50.
pub const RESOURCE_BYTES: usize = 128;
/// Devices remembered for one user; the longest unseen leaves first (architecture.md section 3).
pub const DEVICES_PER_USER: usize = 32;
/// Days after which an unseen device is forgotten (architecture.md section 3).
pub const DEVICE_UNSEEN_DAYS: u64 = 30;
/// Entries in one page of a feed (architecture.md section 5).
pub const PAGE_ENTRIES: usize = 50;
/// Users whom an entry may be for when it is not for all: 20 receivers of a directed message (easemob-rest.md 6.1), its
/// sender, and room for a vendor that allows more.
pub const ENTRY_USERS: usize = 64;
/// Users to whom a back end sends by one call (easemob-rest.md 3.8).
pub const POST_USERS: usize = 600;
/// Users whom a message to a group or room keeps out of their histories (easemob-rest.md 3.8.1).
pub const ROAM_IGNORE_USERS: usize = 20;
/// Groups to which a back end sends by one call (easemob-rest.md 3.8).
pub const POST_GROUPS: usize = 3;
/// Chat rooms, likewise.
pub const POST_ROOMS: usize = 10;
/// Messages that a back end takes back by one call (easemob-rest.md 3.9).
pub const RECALL_BATCH: usize = 30;
/// Users registered by one call (easemob-rest.md 3.1).
pub const REGISTER_BATCH: usize = 60;
/// Users of one status or list call (easemob-rest.md 3.1).
pub const USERS_PAGE: usize = 100;
/// Characters of a contact's remark (easemob-rest.md 6.1).
pub const REMARK_CHARS: usize = 100;
/// Characters of what else a user wrote down about a contact (jmessage.md 1.2: 250 bytes).
pub const CONTACT_OTHERS_CHARS: usize = 250;
/// Characters of the words that come with a contact request. Ours: no public page has one.
pub const CONTACT_REASON_CHARS: usize = 1024;
/// Requests that wait for one user's answer; of more, the oldest goes. Ours.
pub const CONTACT_REQUESTS: usize = 1000;
/// Contacts that one call lists, checks or asks for (easemob-rest.md 3.5).
pub const CONTACTS_PAGE: usize = 50;
/// Users whom one call may ask to be contacts. Ours: the web SDKs name one.
pub const CONTACTS_ASKED: usize = 10;
/// Contacts that one call imports (easemob-rest.md 6.1).
pub const CONTACTS_IMPORTED: usize = 10;
/// Users whose relation one call checks (easemob-rest.md 3.5, 3.6).
pub const RELATIONS_CHECKED: usize = 100;
/// Users on one block list (easemob-rest.md 6.1).
pub const BLOCK_LIST: usize = 500;
/// Users whose attributes one call reads (easemob-rest.md 3.3).
pub const ATTRIBUTE_USERS: usize = 100;
/// Favourites of one user. Ours: no public page has one.
pub const FAVOURITES: usize = 1000;
/// Favourites that one call keeps or drops, and of one page (easemob-rest.md 3.7).
pub const FAVOURITES_BATCH: usize = 20;
pub const FAVOURITES_PAGE: usize = 200;
/// Characters of a favourite's data and of its own field (easemob-rest.md 3.7), and of its id (ours).
pub const FAVOURITE_DATA_CHARS: usize = 20_480;
pub const FAVOURITE_EXT_CHARS: usize = 1024;
pub const FAVOURITE_ID_CHARS: usize = 64;
/// Bytes of the words that go with presence (easemob-rest.md 3.4).
pub const PRESENCE_BYTES: usize = 1024;
/// Users of one presence call (easemob-rest.md 3.4).
pub const PRESENCE_USERS: usize = 100;
/// Seconds that a presence subscription lasts at most: 30 days (easemob-rest.md 3.4).
pub const PRESENCE_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Users whose presence one user follows, and who follow one user's (easemob-rest.md 6.1).
pub const PRESENCE_SUBSCRIPTIONS: usize = 3000;
/// Subscriptions in one page of a list (easemob-rest.md 3.4).
pub const PRESENCE_PAGE: usize = 500;
/// Bytes of a message's payload, whatever an app's owner sets: with its header it has to fit into one entry
/// of a log, which storage engines take up to 1 MiB.
pub const PAYLOAD_BYTES: usize = 1_000_000;
/// Members that a message to some of a group may name (easemob-rest.md 6.1).
pub const DIRECTED_USERS: usize = 20;
/// Characters of a group's name, and of its description and announcement (easemob-rest.md 6.1).
pub const GROUP_NAME_CHARS: usize = 128;
pub const GROUP_DESCRIPTION_CHARS: usize = 512;
pub const ANNOUNCEMENT_CHARS: usize = 512;
/// Bytes of a group's own field, and of its picture's address (easemob-rest.md 3.12).
pub const GROUP_CUSTOM_BYTES: usize = 8 * 1024;
pub const GROUP_AVATAR_BYTES: usize = 1024;
/// Members that a group may have at most, whatever its owner sets.
pub const GROUP_MEMBERS: u32 = 100_000;
/// Members of a group whose owner names no number (easemob-rest.md 3.12).
pub const GROUP_MEMBERS_DEFAULT: u32 = 200;
/// Members that a chat room may have at most, and those of one whose owner names no number (easemob-rest.md 3.14).
pub const ROOM_MEMBERS: u32 = 10_000;
pub const ROOM_MEMBERS_DEFAULT: u32 = 1_000;
/// Attributes of a chat room; characters of a key and of a value; keys in one call (easemob-rest.md 3.14, 6.1).
pub const ROOM_ATTRIBUTES: usize = 100;
pub const ROOM_ATTRIBUTE_KEY_CHARS: usize = 128;
pub const ROOM_ATTRIBUTE_VALUE_CHARS: usize = 4_096;
pub const ROOM_ATTRIBUTES_BATCH: usize = 10;
/// Characters of what somebody who enters a room says about himself; of more the first are told.
pub const ROOM_NOTE_CHARS: usize = 1_024;
/// Owner and admins of a group together (easemob-rest.md 6.1).
pub const GROUP_ADMINS: usize = 100;
/// Mutes that a group keeps of users who went while they were muted; of more those that end first are forgotten.
pub const GROUP_ABSENT_MUTES: usize = 200;
/// Members added, removed, muted, blocked or allowed by one call (easemob-rest.md 6.1).
pub const MEMBERS_BATCH: usize = 60;
/// Characters of what somebody writes with an application, invitation or refusal.
pub const REASON_CHARS: usize = 512;
/// Bytes of one attribute of a group's member: its name, its value; and of all of one member (easemob-rest.md 3.12).
pub const MEMBER_ATTRIBUTE_KEY_BYTES: usize = 16;
pub const MEMBER_ATTRIBUTE_VALUE_BYTES: usize = 512;
pub const MEMBER_ATTRIBUTES_BYTES: usize = 4 * 1024;
/// Characters of a thread's name (easemob-rest.md 3.13).
pub const THREAD_NAME_CHARS: usize = 64;
/// Users that one call brings into a thread or removes (easemob-rest.md 3.13).
pub const THREAD_BATCH: usize = 10;
/// Threads or their members in one page (easemob-rest.md 3.13).
pub const THREADS_PAGE: usize = 50;
/// Files shared in one group (easemob-rest.md 6.1).
pub const SHARED_FILES: usize = 10_000;
/// Bytes of a file's name as its uploader gave it; more is cut off.
pub const FILE_NAME_BYTES: usize = 255;
/// Parts of one upload in parts. The web SDKs' parts are 5 MiB and more.
pub const FILE_PARTS: u32 = 1000;
/// Uploads in parts that a user may have begun and not finished.
pub const OPEN_PART_UPLOADS: usize = 16;
/// Files of one call that changes how long they are kept (easemob-rest.md 3.11).
pub const FILE_LIFETIME_BATCH: usize = 100;
