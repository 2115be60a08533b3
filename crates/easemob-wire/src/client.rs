//! The client's side: writes uplink frames and reads downlink frames.
//!
//! For our SDK, the load generator and tests. The reader decodes in full, so it bounds the number of fields first;
//! payloads share the frame's memory.

use bytes::Bytes;
use prost::Message;

use crate::pb::m_sync::Command;
use crate::scan::{Budget, Fields, Shape, check};
use crate::shapes::{
    COMM_NOTICE, COMM_SYNC_DL, COMM_UNREAD_DL, MESSAGE_BODY, META, MSYNC, MUCBODY, PROVISION, ROSTER_BODY,
    STATISTICS_BODY,
};
use crate::write::{delimited_len, frame, put_delimited, put_text, put_varint, text_len, varint_len};
use crate::{Jid, JidRef, WireError, pb};

/// Fields of one downlink frame with everything in it: a page of 50 messages has about 1 000, an UNREAD answer seven a
/// queue.
const DOWNLINK_FIELDS_LIMIT: u32 = 16_384;

/// What a client says of itself when it logs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Login<'a> {
    /// `org#app`.
    pub app_key: &'a str,
    pub user: &'a str,
    /// The device's name, kept over restarts of the client.
    pub resource: &'a str,
    /// The access token, without the marker in front of it.
    pub token: &'a str,
    pub version: &'a str,
    /// Shown to the device that this login displaces.
    pub reason: &'a str,
}

/// The first frame of a connection.
pub fn encode_provision(login: &Login<'_>) -> Bytes {
    let auth = format!("$t${}", login.token);
    let details = pb::Provision {
        os_type: Some(pb::provision::OsType::OsOther as i32),
        version: Some(login.version.to_owned()),
        device_uuid: Some(login.resource.to_owned()),
        device_name: Some(login.resource.to_owned()),
        resource: Some(login.resource.to_owned()),
        reason: Some(login.reason.to_owned()).filter(|reason| !reason.is_empty()),
        ..Default::default()
    };
    let frame = pb::MSync {
        version: Some(pb::m_sync::Version::MsyncV1 as i32),
        guid: Some(JidRef::device(login.app_key, login.user, login.resource).into()),
        auth: Some(auth),
        command: Some(Command::Provision as i32),
        payload: Some(details.encode_to_vec().into()),
        ..Default::default()
    };
    frame.encode_to_vec().into()
}

/// The heartbeat, which also asks which queues have something.
pub fn encode_unread() -> Bytes {
    Bytes::from_static(&[0x08, 0x00, 0x40, Command::Unread as u8])
}

/// Asks for a page of a queue; with `key`, acknowledges the page that came with it.
pub fn encode_sync(queue: JidRef<'_>, key: Option<u64>) -> Bytes {
    let length = key.map_or(0, |key| varint_len(2, key)) + delimited_len(3, queue.encoded_len());
    let mut out = frame(Command::Sync, length);
    if let Some(key) = key {
        put_varint(&mut out, 2, key);
    }
    put_delimited(&mut out, 3, queue.encoded_len());
    queue.put(&mut out);
    out.freeze()
}

/// Sends a text to a user or group. `client_id` must be new on this device.
pub fn encode_text(client_id: u64, from: &str, to: JidRef<'_>, text: &str) -> Bytes {
    let body_type = if to.domain == crate::GROUP_DOMAIN {
        pb::message_body::Type::Groupchat
    } else {
        pb::message_body::Type::Chat
    };
    let body = pb::MessageBody {
        r#type: Some(body_type as i32),
        from: Some(JidRef::bare(from).into()),
        to: Some(JidRef::bare(to.name).into()),
        contents: vec![pb::message_body::Content {
            r#type: Some(pb::message_body::content::Type::Text as i32),
            text: Some(text.to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    encode_message(client_id, to, &body)
}

/// Sends a message, receipt or recall.
pub fn encode_message(client_id: u64, to: JidRef<'_>, body: &pb::MessageBody) -> Bytes {
    encode_meta(&pb::Meta {
        id: Some(client_id),
        to: Some(to.into()),
        ns: Some(pb::meta::NameSpace::Chat as i32),
        payload: Some(body.encode_to_vec().into()),
        routetype: Some(pb::meta::RouteType::RouteAll as i32),
        ..Default::default()
    })
}

/// Sends any meta, as it is.
pub fn encode_meta(meta: &pb::Meta) -> Bytes {
    let meta_len = meta.encoded_len();
    let mut out = frame(Command::Sync, delimited_len(1, meta_len));
    put_delimited(&mut out, 1, meta_len);
    meta.encode(&mut out).expect("a BytesMut grows");
    out.freeze()
}

/// Says goodbye.
pub fn encode_logout(reason: &str) -> Bytes {
    let length = text_len(2, reason);
    let mut out = frame(Command::Logout, length);
    put_text(&mut out, 2, reason);
    out.freeze()
}

/// One frame from the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Downlink {
    Provision(Box<pb::Provision>),
    /// An answer to a send (`meta_id` is there), or a part of a queue.
    Sync(pb::CommSyncDl),
    Unread(pb::CommUnreadDl),
    /// A queue has something new.
    Notice {
        queue: Jid,
    },
    /// A command that this build does not know, to be skipped.
    Unknown {
        command: i32,
    },
}

impl Downlink {
    /// Decodes a frame of at most `frame_bytes_limit` bytes.
    ///
    /// # Errors
    /// [`WireError`]; nothing of the frame is used then.
    pub fn decode(frame: &Bytes, frame_bytes_limit: usize) -> Result<Self, WireError> {
        if frame.len() > frame_bytes_limit {
            return Err(WireError::TooLarge { bytes: frame.len(), limit: frame_bytes_limit });
        }
        let mut command = 0;
        let mut payload = Bytes::new();
        let mut fields = Fields::new(frame, &MSYNC, DOWNLINK_FIELDS_LIMIT);
        while let Some(field) = fields.next()? {
            match field.number {
                8 => command = field.int32(),
                9 => payload = frame.slice(field.body()),
                _ => {}
            }
        }
        match Command::try_from(command) {
            Ok(Command::Sync) => decode(payload, &COMM_SYNC_DL).map(Self::Sync),
            Ok(Command::Unread) => decode(payload, &COMM_UNREAD_DL).map(Self::Unread),
            Ok(Command::Provision) => decode(payload, &PROVISION).map(Box::new).map(Self::Provision),
            Ok(Command::Notice) => decode_notice(&payload),
            Ok(Command::Logout) | Err(_) => Ok(Self::Unknown { command }),
        }
    }
}

/// A payload that a meta carries, bounded in fields before it is decoded: a few bytes may stand for a large value.
pub trait Payload: Message + Default {
    /// # Errors
    /// [`WireError`]; nothing of it is used then.
    fn decode_bounded(bytes: Bytes) -> Result<Self, WireError>;
}

macro_rules! payloads {
    ($($message:ident: $shape:ident),*) => {$(
        impl Payload for pb::$message {
            fn decode_bounded(bytes: Bytes) -> Result<Self, WireError> {
                decode(bytes, &$shape)
            }
        }
    )*};
}
payloads!(Meta: META, MessageBody: MESSAGE_BODY, MucBody: MUCBODY, RosterBody: ROSTER_BODY, StatisticsBody: STATISTICS_BODY);

fn decode_notice(payload: &Bytes) -> Result<Downlink, WireError> {
    let mut queue = Jid::default();
    let mut fields = Fields::new(payload, &COMM_NOTICE, DOWNLINK_FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            queue = Jid::decode(&payload.slice(field.body()))?;
        }
    }
    Ok(Downlink::Notice { queue })
}

fn decode<M: Message + Default>(payload: Bytes, shape: &'static Shape) -> Result<M, WireError> {
    let mut damaged = Vec::new();
    check(&payload, shape, &mut Budget::new(DOWNLINK_FIELDS_LIMIT), &mut damaged)?;
    if !damaged.is_empty() {
        return Err(WireError::NotUtf8);
    }
    M::decode(payload).map_err(|_| WireError::Malformed)
}
