//! What the server says: whole frames, each written into one buffer of the exact size.
//!
//! Hand-written, since the frequent ones (an answer to a send, a push, an empty last page) are assembled from parts
//! that are encoded already. A message is encoded once ([`encode_meta`]) and its bytes are shared by every page and
//! recipient. Fields stand in the order of their numbers and `version` is always sent, as in the captures. What may be
//! said when is the session's business. The reader of these frames is [`crate::client`].

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;

use crate::pb::m_sync::Command;
use crate::pb::meta::NameSpace;
use crate::write::{delimited_len, frame, put_delimited, put_text, put_varint, text_len, varint_len};
use crate::{JidRef, pb};

pub use crate::pb::statistics_body::Operation as KickOperation;
pub use crate::pb::status::ErrorCode;

/// What came of a request. The default is OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    pub code: ErrorCode,
    /// The vendor's text, which its clients compare (msync.md 2.4, 2.10). Empty: absent.
    pub reason: &'a str,
    /// Kith's condition, trace id and waiting time: fields that vendors' clients skip.
    pub condition: &'a str,
    pub trace: &'a str,
    pub retry_after_ms: Option<u64>,
}

impl Status<'_> {
    pub const OK: Self =
        Self { code: ErrorCode::Ok, reason: "", condition: "", trace: "", retry_after_ms: None };

    fn body_len(&self) -> usize {
        varint_len(1, self.code as u64)
            + text_len(2, self.reason)
            + text_len(100, self.condition)
            + text_len(101, self.trace)
            + self.retry_after_ms.map_or(0, |ms| varint_len(102, ms))
    }

    fn field_len(&self, number: u32) -> usize {
        delimited_len(number, self.body_len())
    }

    fn put(&self, out: &mut BytesMut, number: u32) {
        put_delimited(out, number, self.body_len());
        put_varint(out, 1, self.code as u64);
        put_text(out, 2, self.reason);
        put_text(out, 100, self.condition);
        put_text(out, 101, self.trace);
        if let Some(ms) = self.retry_after_ms {
            put_varint(out, 102, ms);
        }
    }
}

impl Default for Status<'_> {
    fn default() -> Self {
        Self::OK
    }
}

/// The answer to a login.
#[derive(Clone, Copy, Debug, Default)]
pub struct Provision<'a> {
    pub status: Status<'a>,
    /// The client's own words, said back to it. An empty `resource` would become the device's name.
    pub version: &'a str,
    pub device_uuid: &'a str,
    pub resource: &'a str,
    pub session_id: &'a str,
    /// When the token ends, in milliseconds since 1970. `None`: the client starts no timers.
    pub token_expires_at_ms: Option<u64>,
}

/// Answers a login, good or bad.
pub fn encode_provision(answer: &Provision<'_>) -> Bytes {
    let auth_token =
        answer.token_expires_at_ms.map(|ms| format!("{{\"expires_in\":{ms}}}")).unwrap_or_default();
    let length = text_len(2, answer.version)
        + answer.status.field_len(8)
        + text_len(9, answer.device_uuid)
        + text_len(13, answer.resource)
        + text_len(18, &auth_token)
        + text_len(20, answer.session_id);
    let mut out = frame(Command::Provision, length);
    put_text(&mut out, 2, answer.version);
    answer.status.put(&mut out, 8);
    put_text(&mut out, 9, answer.device_uuid);
    put_text(&mut out, 13, answer.resource);
    put_text(&mut out, 18, &auth_token);
    put_text(&mut out, 20, answer.session_id);
    out.freeze()
}

/// The answer to one message of the client, receipts and recalls included. Left unanswered, the client reconnects
/// after 15 s.
#[derive(Clone, Copy, Debug)]
pub struct SendAnswer<'a> {
    pub status: Status<'a>,
    /// The client's own id of the message.
    pub meta_id: u64,
    /// Ours; absent when the message was refused.
    pub server_id: Option<u64>,
    /// What the sender shows as the time of the message, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// Answers a send.
pub fn encode_send_answer(answer: &SendAnswer<'_>) -> Bytes {
    encode_answer(answer, None)
}

/// Answers something that has more to say than its id: an edit, the joining of a room. `queue` is where it happened;
/// clients look for it wherever there are metas.
pub fn encode_answer_with_meta(answer: &SendAnswer<'_>, queue: JidRef<'_>, meta: &Bytes) -> Bytes {
    encode_answer(answer, Some((queue, meta)))
}

fn encode_answer(answer: &SendAnswer<'_>, more: Option<(JidRef<'_>, &Bytes)>) -> Bytes {
    let length = answer.status.field_len(1)
        + varint_len(2, answer.meta_id)
        + answer.server_id.map_or(0, |id| varint_len(3, id))
        + more.map_or(0, |(queue, meta)| meta.len() + delimited_len(6, queue.encoded_len()))
        + varint_len(8, answer.timestamp_ms);
    let mut out = frame(Command::Sync, length);
    answer.status.put(&mut out, 1);
    put_varint(&mut out, 2, answer.meta_id);
    if let Some(id) = answer.server_id {
        put_varint(&mut out, 3, id);
    }
    if let Some((queue, meta)) = more {
        out.put_slice(meta);
        put_jid(&mut out, 6, queue);
    }
    put_varint(&mut out, 8, answer.timestamp_ms);
    out.freeze()
}

/// Encodes a message as an element of a page: what only the server may say, then `remainder`, the sender's own
/// fields as [`crate::uplink::Send::clean`] left them.
///
/// `from` names the sending device where the receiver must recognise it (its own other devices, rooms); `to` has no
/// resource, else clients show it as part of the name.
pub fn encode_meta(id: u64, from: JidRef<'_>, to: JidRef<'_>, timestamp_ms: u64, remainder: &[u8]) -> Bytes {
    let length = bare_meta_len(id, from, to, timestamp_ms, remainder);
    let mut out = BytesMut::with_capacity(delimited_len(METAS, length));
    put_delimited(&mut out, METAS, length);
    put_bare_meta(&mut out, id, from, to, timestamp_ms, remainder);
    out.freeze()
}

/// A message as histories hand it out: the same `Meta`, in no page.
pub fn encode_bare_meta(
    id: u64,
    from: JidRef<'_>,
    to: JidRef<'_>,
    timestamp_ms: u64,
    remainder: &[u8],
) -> Bytes {
    let mut out = BytesMut::with_capacity(bare_meta_len(id, from, to, timestamp_ms, remainder));
    put_bare_meta(&mut out, id, from, to, timestamp_ms, remainder);
    out.freeze()
}

fn bare_meta_len(id: u64, from: JidRef<'_>, to: JidRef<'_>, timestamp_ms: u64, remainder: &[u8]) -> usize {
    varint_len(1, id)
        + delimited_len(2, from.encoded_len())
        + delimited_len(3, to.encoded_len())
        + varint_len(4, timestamp_ms)
        + remainder.len()
}

fn put_bare_meta(
    out: &mut BytesMut,
    id: u64,
    from: JidRef<'_>,
    to: JidRef<'_>,
    timestamp_ms: u64,
    remainder: &[u8],
) {
    put_varint(out, 1, id);
    put_jid(out, 2, from);
    put_jid(out, 3, to);
    put_varint(out, 4, timestamp_ms);
    out.put_slice(remainder);
}

const METAS: u32 = 4;

/// A part of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Always present, else clients drop the frame during their first sync (msync.md 0).
    pub queue: JidRef<'a>,
    /// Each from [`encode_meta`]. At most 100: clients do not recognise repeats further back.
    pub metas: &'a [Bytes],
    /// What the client sends back when it has these messages; must differ from the one before. `None` on the last
    /// page, which is empty, since clients do not acknowledge a last page.
    pub next_key: Option<u64>,
    pub timestamp_ms: u64,
}

/// A page that answers a sync, or an unasked push of one or more messages.
pub fn encode_page(page: &Page<'_>) -> Bytes {
    let metas: usize = page.metas.iter().map(Bytes::len).sum();
    let length = Status::OK.field_len(1)
        + metas
        + page.next_key.map_or(0, |key| varint_len(5, key))
        + delimited_len(6, page.queue.encoded_len())
        + varint_len(7, 0)
        + varint_len(8, page.timestamp_ms);
    let mut out = frame(Command::Sync, length);
    Status::OK.put(&mut out, 1);
    for meta in page.metas {
        out.put_slice(meta);
    }
    if let Some(key) = page.next_key {
        put_varint(&mut out, 5, key);
    }
    put_jid(&mut out, 6, page.queue);
    put_varint(&mut out, 7, u64::from(page.next_key.is_none()));
    put_varint(&mut out, 8, page.timestamp_ms);
    out.freeze()
}

/// Refuses a queue sync.
pub fn encode_sync_refused(status: &Status<'_>, queue: JidRef<'_>, timestamp_ms: u64) -> Bytes {
    let length = status.field_len(1)
        + delimited_len(6, queue.encoded_len())
        + varint_len(7, 1)
        + varint_len(8, timestamp_ms);
    let mut out = frame(Command::Sync, length);
    status.put(&mut out, 1);
    put_jid(&mut out, 6, queue);
    put_varint(&mut out, 7, 1);
    put_varint(&mut out, 8, timestamp_ms);
    out.freeze()
}

/// Answers UNREAD, which is the heartbeat too: the queues that have something, with how much.
pub fn encode_unread(status: &Status<'_>, queues: &[(JidRef<'_>, u32)], timestamp_ms: u64) -> Bytes {
    let entry_len = |(queue, count): &(JidRef<'_>, u32)| {
        delimited_len(1, queue.encoded_len()) + varint_len(2, (*count).into())
    };
    let length = status.field_len(1)
        + queues.iter().map(|entry| delimited_len(2, entry_len(entry))).sum::<usize>()
        + varint_len(3, timestamp_ms);
    let mut out = frame(Command::Unread, length);
    status.put(&mut out, 1);
    for entry in queues {
        put_delimited(&mut out, 2, entry_len(entry));
        put_jid(&mut out, 1, entry.0);
        put_varint(&mut out, 2, entry.1.into());
    }
    put_varint(&mut out, 3, timestamp_ms);
    out.freeze()
}

/// Tells that a queue has something new.
pub fn encode_notice(queue: JidRef<'_>) -> Bytes {
    let mut out = frame(Command::Notice, delimited_len(1, queue.encoded_len()));
    put_jid(&mut out, 1, queue);
    out.freeze()
}

/// An event of the server's. Messages have a namespace of their own, which is part of what the sender sent.
#[derive(Clone, Copy, Debug)]
pub enum EventBody<'a> {
    /// Groups, chat rooms, threads.
    Muc(&'a pb::MucBody),
    /// Contacts.
    Roster(&'a pb::RosterBody),
    /// Compact JSON without a byte below 0x10, which breaks the clients' decoder (msync.md section 0, item 12).
    Notify(&'a str),
}

/// The remainder of a meta ([`encode_meta`]) that holds an event.
pub fn encode_event(body: EventBody<'_>) -> Bytes {
    let (namespace, body) = match body {
        EventBody::Muc(body) => (NameSpace::Muc, body.encode_to_vec()),
        EventBody::Roster(body) => (NameSpace::Roster, body.encode_to_vec()),
        EventBody::Notify(json) => (NameSpace::Notify, json.as_bytes().to_vec()),
    };
    let mut remainder =
        BytesMut::with_capacity(varint_len(5, namespace as u64) + delimited_len(6, body.len()));
    put_varint(&mut remainder, 5, namespace as u64);
    put_delimited(&mut remainder, 6, body.len());
    remainder.put_slice(&body);
    remainder.freeze()
}

/// Ends the login on a device; the socket is closed after it, and the client stays away.
///
/// `id` must be a fresh message id: clients ignore one they have seen. `reason` is shown for
/// [`KickOperation::UserLoginAnotherDevice`] only, and is the newer device's own text.
pub fn encode_kick(
    id: u64,
    user: JidRef<'_>,
    operation: KickOperation,
    reason: &str,
    timestamp_ms: u64,
) -> Bytes {
    let body_len = varint_len(1, operation as u64) + text_len(10, reason);
    let mut remainder = BytesMut::with_capacity(varint_len(5, 0) + delimited_len(6, body_len));
    put_varint(&mut remainder, 5, pb::meta::NameSpace::Statistic as u64);
    put_delimited(&mut remainder, 6, body_len);
    put_varint(&mut remainder, 1, operation as u64);
    put_text(&mut remainder, 10, reason);
    let meta = encode_meta(id, user, user, timestamp_ms, &remainder);
    encode_page(&Page { queue: user, metas: &[meta], next_key: None, timestamp_ms })
}

fn put_jid(out: &mut BytesMut, number: u32, jid: JidRef<'_>) {
    put_delimited(out, number, jid.encoded_len());
    jid.put(out);
}
