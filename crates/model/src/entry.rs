//! An entry of a feed as it is stored: a small canonical header and the sender's payload as it came.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::{ConnectionId, DeviceNumber, Environment, MessageId, Resource, Timestamp, Uid, Username, limits};

/// Version of [`Entry::encode`]'s form, its first byte.
const FORMAT: u8 = 2;
/// The form of an entry that is for some users only: [`Entry::only_for`] stands in front of the payload.
const FORMAT_FOR_SOME: u8 = 3;
/// The form of an entry with receipts, a [`HistoryRule`] or an environment: behind the texts the number of [`Entry::only_for`] and those,
/// a byte of flags, and what they announce: [`Entry::readers`], [`HistoryRule::hidden_from`] with its number, and
/// [`Entry::environment`].
const FORMAT_WITH_FLAGS: u8 = 4;
/// The form before [`Entry::sender_connection`] and [`Entry::target_resource`], which is still read.
const FORMAT_WITHOUT_CONNECTION: u8 = 1;

/// Flags of [`FORMAT_WITH_FLAGS`].
const WANTS_RECEIPTS: u8 = 1;
const READERS: u8 = 2;
const IMPORTED: u8 = 4;
const READ_BEFORE: u8 = 8;
const HIDDEN_FROM: u8 = 16;
/// [`Entry::readers`] in 8 bytes, so that the commit which counts can fill them in. [`READERS`] is the form before it.
const READERS_COUNTED: u8 = 32;
const ENVIRONMENT: u8 = 64;
/// What a flag not among them brings along would be read as the payload.
const KNOWN_FLAGS: u8 =
    WANTS_RECEIPTS | READERS | IMPORTED | READ_BEFORE | HIDDEN_FROM | READERS_COUNTED | ENVIRONMENT;

/// Which dialect's bytes the payload holds. Passed on inside its own dialect a payload is not re-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    Easemob = 1,
    /// No vendor's: an [`crate::Event`] of ours, which each dialect renders.
    Kith = 2,
    JMessage = 3,
}

/// What an entry is, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Something said: counts as unread, belongs to history.
    Message = 1,
    /// A command for the app, stored for offline devices, not part of history, not counted.
    Command = 2,
    /// The place of a recalled message. Its payload is gone; devices that lack it skip it.
    Recalled = 3,
    /// The notice that message `subject` was recalled.
    Recall = 4,
    /// `subject` reached a device of the user in whose feed this does not stand.
    DeliveryReceipt = 5,
    /// `subject` was read.
    ReadReceipt = 6,
    /// The whole conversation was read up to here.
    ConversationRead = 7,
    /// Something happened that is not said by anybody: the payload is an [`crate::Event`].
    Event = 8,
    /// The notice that message `subject` has another content now.
    Edit = 9,
    /// A part of a message that is still being said. It is shown to who is connected and never stored; the whole is a
    /// message with the same id.
    StreamPart = 10,
}

impl EntryKind {
    /// The kind of a stored byte; `None` for one of a newer build.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Message,
            2 => Self::Command,
            3 => Self::Recalled,
            4 => Self::Recall,
            5 => Self::DeliveryReceipt,
            6 => Self::ReadReceipt,
            7 => Self::ConversationRead,
            8 => Self::Event,
            9 => Self::Edit,
            10 => Self::StreamPart,
            _ => return None,
        })
    }
}

/// How an entry stands in histories, where that differs from what its kind says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryRule {
    /// It was said before, elsewhere: it is delivered to nobody, and is found in the history only.
    pub is_imported: bool,
    /// And was read there: it does not count as unread.
    pub is_read: bool,
    /// Users who are delivered it, and do not find it in their history. At most [`limits::ENTRY_USERS`].
    pub hidden_from: Vec<Uid>,
}

/// A stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: MessageId,
    pub kind: EntryKind,
    pub dialect: Dialect,
    pub at: Timestamp,
    pub sender: Uid,
    /// The device that sent it.
    pub sender_device: DeviceNumber,
    /// The connection that it came over, which must not get it back: the tabs of a browser are one device.
    pub sender_connection: Option<ConnectionId>,
    pub sender_name: Username,
    pub sender_resource: Option<Resource>,
    /// The peer's name.
    pub target_name: Username,
    /// The only device that it is for, among the sender's own.
    pub target_resource: Option<Resource>,
    /// The only users who are shown it, among those who follow the feed; empty: all of them. At most
    /// [`limits::ENTRY_USERS`].
    pub only_for: Vec<Uid>,
    /// The message that a recall, edit or receipt is about.
    pub subject: Option<MessageId>,
    /// The sender of a group's message asks its members to acknowledge that they read it.
    pub wants_receipts: bool,
    /// How many members of a group have read `subject`, in a receipt that says so.
    pub readers: Option<u32>,
    pub history: HistoryRule,
    /// Which webhooks hear of it, where its sender named them beside the message.
    pub environment: Option<Environment>,
    /// The dialect's bytes, with everything that only the server may say already cut or set.
    pub payload: Bytes,
}

/// Stored bytes that are no entry: damage, or a newer build's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a stored entry can't be read: {0}")]
pub struct EntryError(pub(crate) &'static str);

impl Entry {
    /// An entry of the back end's, to itself, that says nothing: what an entry is unless something else is named.
    pub fn blank(id: MessageId, kind: EntryKind, at: Timestamp) -> Self {
        Self {
            id,
            kind,
            dialect: Dialect::Kith,
            at,
            sender: Uid::BACK_END,
            sender_device: DeviceNumber::NONE,
            sender_connection: None,
            sender_name: Username::back_end(),
            sender_resource: None,
            target_name: Username::back_end(),
            target_resource: None,
            only_for: Vec::new(),
            subject: None,
            wants_receipts: false,
            readers: None,
            history: HistoryRule::default(),
            environment: None,
            payload: Bytes::new(),
        }
    }

    /// Whether a user may be shown it. His devices are another question ([`Entry::target_resource`]).
    pub fn is_for(&self, uid: Uid) -> bool {
        self.only_for.is_empty() || self.only_for.contains(&uid)
    }

    /// Whether a user is delivered it.
    pub fn is_delivered_to(&self, uid: Uid) -> bool {
        self.is_for(uid) && !self.history.is_imported
    }

    /// Whether a user finds it in his history, if it is of a kind that stands there.
    pub fn is_kept_for(&self, uid: Uid) -> bool {
        self.is_for(uid) && !self.history.hidden_from.contains(&uid)
    }

    fn has_flags(&self) -> bool {
        self.wants_receipts
            || self.readers.is_some()
            || self.history != HistoryRule::default()
            || self.environment.is_some()
    }

    /// The stored form (see [`Entry::decode`]).
    pub fn encode(&self) -> Bytes {
        let texts = [
            self.sender_name.as_str(),
            self.sender_resource.as_ref().map_or("", Resource::as_str),
            self.target_name.as_str(),
            self.target_resource.as_ref().map_or("", Resource::as_str),
        ];
        let texts_bytes: usize = texts.iter().map(|text| 1 + text.len()).sum();
        let users_bytes = if self.only_for.is_empty() { 0 } else { 1 + 8 * self.only_for.len() };
        let hidden_bytes =
            if self.history.hidden_from.is_empty() { 0 } else { 8 * self.history.hidden_from.len() };
        let mut out =
            BytesMut::with_capacity(64 + texts_bytes + users_bytes + hidden_bytes + self.payload.len());
        let has_flags = self.has_flags();
        out.put_u8(match (has_flags, self.only_for.is_empty()) {
            (true, _) => FORMAT_WITH_FLAGS,
            (false, true) => FORMAT,
            (false, false) => FORMAT_FOR_SOME,
        });
        out.put_u8(self.kind as u8);
        out.put_u8(self.dialect as u8);
        out.put_u64(self.id.0);
        out.put_u64(self.at.0);
        out.put_u64(self.sender.0);
        out.put_u32(self.sender_device.0);
        let connection = self.sender_connection.unwrap_or(ConnectionId { boot: 0, number: 0 });
        out.put_u64(connection.boot);
        out.put_u64(connection.number);
        out.put_u64(self.subject.map_or(0, |subject| subject.0));
        for text in texts {
            out.put_u8(u8::try_from(text.len()).expect("names and resources are below 256 bytes"));
            out.put_slice(text.as_bytes());
        }
        if has_flags || !self.only_for.is_empty() {
            put_users(&mut out, &self.only_for);
        }
        if has_flags {
            out.put_u8(self.flags());
            self.readers.iter().for_each(|readers| out.put_u64((*readers).into()));
            if !self.history.hidden_from.is_empty() {
                put_users(&mut out, &self.history.hidden_from);
            }
            if let Some(environment) = self.environment.as_ref().map(Environment::as_str) {
                out.put_u8(u8::try_from(environment.len()).expect("an environment is short"));
                out.put_slice(environment.as_bytes());
            }
        }
        out.put_slice(&self.payload);
        out.freeze()
    }

    /// The stored form without its [`Entry::readers`]: what stands in front of them and what behind. Between the two belong
    /// 8 bytes, big-endian. `None` for an entry without readers.
    pub fn encode_around_readers(&self) -> Option<(Bytes, Bytes)> {
        self.readers?;
        let mut front = self.encode();
        let hidden = self.history.hidden_from.len();
        let hidden_bytes = if hidden == 0 { 0 } else { 1 + 8 * hidden };
        let environment_bytes =
            self.environment.as_ref().map_or(0, |environment| 1 + environment.as_str().len());
        let behind = front.split_off(front.len() - self.payload.len() - hidden_bytes - environment_bytes);
        front.truncate(front.len() - 8);
        Some((front, behind))
    }

    /// Reads the stored form; the payload shares `bytes`.
    ///
    /// # Errors
    /// [`EntryError`] for damaged bytes or a format that this build does not know.
    pub fn decode(mut bytes: Bytes) -> Result<Self, EntryError> {
        if bytes.remaining() < 39 {
            return Err(EntryError("it is too short"));
        }
        let format = bytes.get_u8();
        let has_connection = match format {
            FORMAT | FORMAT_FOR_SOME | FORMAT_WITH_FLAGS => true,
            FORMAT_WITHOUT_CONNECTION => false,
            _ => return Err(EntryError("its format is newer than this build")),
        };
        let kind = EntryKind::from_byte(bytes.get_u8()).ok_or(EntryError("its kind is unknown"))?;
        let dialect = match bytes.get_u8() {
            1 => Dialect::Easemob,
            2 => Dialect::Kith,
            3 => Dialect::JMessage,
            _ => return Err(EntryError("its dialect is unknown")),
        };
        let id = MessageId(bytes.get_u64());
        let at = Timestamp(bytes.get_u64());
        let sender = Uid(bytes.get_u64());
        let sender_device = DeviceNumber(bytes.get_u32());
        let sender_connection = if has_connection { connection(&mut bytes)? } else { None };
        let subject = Some(bytes.get_u64()).filter(|subject| *subject != 0).map(MessageId);
        let sender_name = name(&text(&mut bytes)?, "its sender")?;
        let sender_resource = resource(&mut bytes)?;
        let target_name = name(&text(&mut bytes)?, "its target")?;
        let target_resource = if has_connection { resource(&mut bytes)? } else { None };
        let only_for = match format {
            FORMAT_FOR_SOME | FORMAT_WITH_FLAGS => users(&mut bytes)?,
            _ => Vec::new(),
        };
        let Flagged { wants_receipts, readers, history, environment } = match format {
            FORMAT_WITH_FLAGS => flagged(&mut bytes)?,
            _ => Flagged::default(),
        };
        Ok(Self {
            id,
            kind,
            dialect,
            at,
            sender,
            sender_device,
            sender_connection,
            sender_name,
            sender_resource,
            target_name,
            target_resource,
            only_for,
            subject,
            wants_receipts,
            readers,
            history,
            environment,
            payload: bytes,
        })
    }

    fn flags(&self) -> u8 {
        let HistoryRule { is_imported, is_read, hidden_from } = &self.history;
        let flags = [
            (self.wants_receipts, WANTS_RECEIPTS),
            (self.readers.is_some(), READERS_COUNTED),
            (*is_imported, IMPORTED),
            (*is_read, READ_BEFORE),
            (!hidden_from.is_empty(), HIDDEN_FROM),
            (self.environment.is_some(), ENVIRONMENT),
        ];
        flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag)
    }
}

fn put_users(out: &mut BytesMut, users: &[Uid]) {
    debug_assert!(users.len() <= limits::ENTRY_USERS);
    out.put_u8(u8::try_from(users.len()).expect("ENTRY_USERS is below 256"));
    users.iter().for_each(|uid| out.put_u64(uid.0));
}

/// The connection and, behind it, room for the message that the entry is about.
fn connection(bytes: &mut Bytes) -> Result<Option<ConnectionId>, EntryError> {
    if bytes.remaining() < 24 {
        return Err(EntryError("it is too short"));
    }
    let connection = ConnectionId { boot: bytes.get_u64(), number: bytes.get_u64() };
    Ok(Some(connection).filter(|connection| connection.number != 0))
}

fn users(bytes: &mut Bytes) -> Result<Vec<Uid>, EntryError> {
    let count = usize::from(bytes.try_get_u8().map_err(|_| EntryError("it ends before its users"))?);
    if bytes.remaining() < 8 * count {
        return Err(EntryError("it ends inside its users"));
    }
    Ok((0..count).map(|_| Uid(bytes.get_u64())).collect())
}

/// What stands behind the users of [`FORMAT_WITH_FLAGS`].
#[derive(Default)]
struct Flagged {
    wants_receipts: bool,
    readers: Option<u32>,
    history: HistoryRule,
    environment: Option<Environment>,
}

fn flagged(bytes: &mut Bytes) -> Result<Flagged, EntryError> {
    const SHORT: EntryError = EntryError("it ends inside its flags");
    let flags = bytes.try_get_u8().map_err(|_| SHORT)?;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(EntryError("flags of a newer version"));
    }
    let has = |flag| flags & flag != 0;
    let readers = match (has(READERS), has(READERS_COUNTED)) {
        (true, _) => Some(bytes.try_get_u32().map_err(|_| SHORT)?),
        (false, true) => Some(u32::try_from(bytes.try_get_u64().map_err(|_| SHORT)?).unwrap_or(u32::MAX)),
        (false, false) => None,
    };
    let hidden_from = if has(HIDDEN_FROM) { users(bytes)? } else { Vec::new() };
    let history = HistoryRule { is_imported: has(IMPORTED), is_read: has(READ_BEFORE), hidden_from };
    let environment = match has(ENVIRONMENT) {
        true => Some(Environment::parse(utf8(&text(bytes)?)?).ok_or(EntryError("its environment"))?),
        false => None,
    };
    Ok(Flagged { wants_receipts: has(WANTS_RECEIPTS), readers, history, environment })
}

fn resource(bytes: &mut Bytes) -> Result<Option<Resource>, EntryError> {
    match &*text(bytes)? {
        [] => Ok(None),
        resource => Resource::parse(utf8(resource)?).map(Some).map_err(|_| EntryError("its resource")),
    }
}

fn text(bytes: &mut Bytes) -> Result<Bytes, EntryError> {
    if bytes.is_empty() {
        return Err(EntryError("it ends inside a text"));
    }
    let length = usize::from(bytes.get_u8());
    if bytes.remaining() < length {
        return Err(EntryError("it ends inside a text"));
    }
    Ok(bytes.split_to(length))
}

fn name(text: &[u8], what: &'static str) -> Result<Username, EntryError> {
    Username::parse(utf8(text)?).map_err(|_| EntryError(what))
}

fn utf8(text: &[u8]) -> Result<&str, EntryError> {
    std::str::from_utf8(text).map_err(|_| EntryError("a text is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: MessageId(9_007_199_254_740_991),
            kind: EntryKind::Recall,
            dialect: Dialect::Easemob,
            at: Timestamp(1_795_220_913_741),
            sender: Uid(7),
            sender_device: DeviceNumber(3),
            sender_connection: Some(ConnectionId { boot: 11, number: 12 }),
            sender_name: Username::parse("alice").unwrap(),
            sender_resource: Some(Resource::parse("webim_web_devA").unwrap()),
            target_name: Username::parse("bob").unwrap(),
            target_resource: Some(Resource::parse("ios_1").unwrap()),
            only_for: Vec::new(),
            subject: Some(MessageId(42)),
            wants_receipts: false,
            readers: None,
            history: HistoryRule::default(),
            environment: None,
            payload: Bytes::from_static(b"payload"),
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        assert_eq!(Entry::decode(entry().encode()), Ok(entry()));
        let bare = Entry {
            sender_connection: None,
            sender_resource: None,
            target_resource: None,
            subject: None,
            payload: Bytes::new(),
            ..entry()
        };
        assert_eq!(Entry::decode(bare.encode()), Ok(bare));
        let some = Entry { only_for: vec![Uid(7), Uid(1 << 40)], ..entry() };
        let imported = HistoryRule { is_imported: true, is_read: true, hidden_from: Vec::new() };
        let hidden = HistoryRule { hidden_from: vec![Uid(7), Uid(9)], ..HistoryRule::default() };
        assert_eq!(Entry::decode(some.encode()), Ok(some.clone()));
        for with_receipts in [
            Entry { wants_receipts: true, ..entry() },
            Entry { wants_receipts: true, ..some.clone() },
            Entry { history: imported, ..entry() },
            Entry { environment: Environment::parse("test1"), ..entry() },
            Entry { history: hidden, readers: Some(3), environment: Environment::parse("prod"), ..some },
            Entry { readers: Some(3), ..entry() },
        ] {
            assert_eq!(Entry::decode(with_receipts.encode()), Ok(with_receipts));
        }
    }

    #[test]
    fn the_count_of_readers_is_filled_in_by_who_counts() {
        let hidden = HistoryRule { hidden_from: vec![Uid(7)], ..HistoryRule::default() };
        let environment = Environment::parse("prod");
        for entry in [entry(), Entry { history: hidden, environment, only_for: vec![Uid(7)], ..entry() }] {
            assert_eq!(entry.encode_around_readers(), None);
            let entry = Entry { readers: Some(0), ..entry };
            let (front, behind) = entry.encode_around_readers().unwrap();
            let counted = [&front[..], &9_u64.to_be_bytes(), &behind[..]].concat();
            assert_eq!(Entry::decode(counted.into()), Ok(Entry { readers: Some(9), ..entry }));
        }
    }

    #[test]
    fn a_count_of_readers_in_4_bytes_is_read() {
        let counted = Entry { readers: Some(3), payload: Bytes::new(), ..entry() }.encode();
        let at = counted.len() - 9;
        let old = [&counted[..at], &[READERS], &3_u32.to_be_bytes()[..]].concat();
        assert_eq!(Entry::decode(old.into()).unwrap().readers, Some(3));
    }

    #[test]
    fn an_entry_for_some_is_for_nobody_else() {
        assert!(entry().is_for(Uid(9)));
        let some = Entry { only_for: vec![Uid(7)], ..entry() };
        assert!(some.is_for(Uid(7)) && !some.is_for(Uid(9)));
    }

    #[test]
    fn what_is_delivered_and_what_is_kept_are_two_things() {
        let imported = HistoryRule { is_imported: true, ..HistoryRule::default() };
        let imported = Entry { history: imported, ..entry() };
        assert!(!imported.is_delivered_to(Uid(7)) && imported.is_kept_for(Uid(7)));
        let hidden = HistoryRule { hidden_from: vec![Uid(7)], ..HistoryRule::default() };
        let hidden = Entry { history: hidden, ..entry() };
        assert!(hidden.is_delivered_to(Uid(7)) && !hidden.is_kept_for(Uid(7)) && hidden.is_kept_for(Uid(9)));
    }

    #[test]
    fn entries_from_before_connections_were_kept_are_read() {
        let written = b"\x01\x04\x01\x00\x1f\xff\xff\xff\xff\xff\xff\x00\x00\x01\xa1\xfb\x81\x3e\x4d\
            \x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x2a\
            \x05alice\x0ewebim_web_devA\x03bobpayload";
        let read = Entry::decode(Bytes::from_static(written));
        assert_eq!(read, Ok(Entry { sender_connection: None, target_resource: None, ..entry() }));
    }

    #[test]
    fn cut_bytes_are_an_error_and_no_panic() {
        let hidden = HistoryRule { hidden_from: vec![Uid(7)], ..HistoryRule::default() };
        let environment = Environment::parse("prod");
        let only_for = vec![Uid(7)];
        let bytes = Entry { only_for, readers: Some(7), history: hidden, environment, ..entry() }.encode();
        for length in 0..bytes.len() - entry().payload.len() {
            assert!(Entry::decode(bytes.slice(..length)).is_err(), "{length} bytes were accepted");
        }
    }
}
