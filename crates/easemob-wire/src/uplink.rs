//! What a client sends: whole frames, bounded before anything is decoded or allocated.
//!
//! Only [`Provision`] is decoded in full, once a connection. Sends, acknowledgements and heartbeats are walked over in
//! place and share the frame's memory. Unknown fields and enum values are skipped, as the vendor's server does; of a
//! field given twice the last one counts, as in the vendor's decoder. Whether the client is logged in, and may do
//! what it asks, is the session's business. The writer of these frames is [`crate::client`].

mod allow_list;

use std::fmt;

use bytes::Bytes;
use prost::Message;

use crate::pb::m_sync::Command;
use crate::pb::meta::{NameSpace, RouteType};
use crate::pb::muc_body::Operation;
use crate::scan::{Budget, Fields, check};
use crate::shapes::{COMM_SYNC_UL, LOGOUT, META, MSYNC, MUCBODY, PROVISION};
use crate::{Jid, Text, WireError, pb};

pub use allow_list::{BodyKind, Clean, ContentTypes, Names};

/// Fields of an envelope. Ours have at most 20; the rest is for newer SDKs.
const ENVELOPE_FIELDS_LIMIT: u32 = 64;
/// Fields of a login with everything in it, which bounds what decoding it allocates. The SDKs send about 25.
const PROVISION_FIELDS_LIMIT: u32 = 256;

/// Receivers of a directed message that are read: more than anybody may name (easemob-rest.md 6.1: 20).
pub const DIRECTED_KEPT: usize = 64;

/// One frame from a client.
#[derive(Debug)]
pub enum Uplink {
    /// The login: the only frame that says who it is from.
    Provision(Box<Provision>),
    /// Asks for a page of a queue; with `key`, also says that everything up to it arrived.
    Sync {
        queue: Jid,
        key: Option<u64>,
    },
    /// A message, receipt, recall or edit. Must be answered, unless it is refused as a whole by closing.
    Send(Send),
    /// Figures about the client. Needs no answer.
    Statistic,
    /// Which queues have something? Also the heartbeat.
    Unread,
    Logout {
        reason: Text,
    },
    /// A command that this build does not know; vendors' clients skip such frames, so do we.
    Unknown {
        command: i32,
    },
}

impl Uplink {
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
        let mut fields = Fields::new(frame, &MSYNC, ENVELOPE_FIELDS_LIMIT);
        while let Some(field) = fields.next()? {
            match field.number {
                8 => command = field.int32(),
                9 => payload = frame.slice(field.body()),
                _ => {}
            }
        }
        match Command::try_from(command) {
            Ok(Command::Sync) => decode_sync(&payload),
            Ok(Command::Unread) => Ok(Self::Unread),
            Ok(Command::Provision) => Provision::decode(frame, &payload).map(Box::new).map(Self::Provision),
            Ok(Command::Logout) => decode_logout(&payload),
            Ok(Command::Notice) | Err(_) => Ok(Self::Unknown { command }),
        }
    }
}

fn decode_sync(payload: &Bytes) -> Result<Uplink, WireError> {
    let mut meta = None;
    let mut queue = Jid::default();
    let mut key = None;
    let mut fields = Fields::new(payload, &COMM_SYNC_UL, ENVELOPE_FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => meta = Some(payload.slice(field.body())),
            2 => key = Some(field.varint),
            3 => queue = Jid::decode(&payload.slice(field.body()))?,
            _ => {}
        }
    }
    let Some(meta) = meta else { return Ok(Uplink::Sync { queue, key }) };
    let send = Send::decode(meta)?;
    Ok(if send.namespace == Namespace::Statistic { Uplink::Statistic } else { Uplink::Send(send) })
}

fn decode_logout(payload: &Bytes) -> Result<Uplink, WireError> {
    let mut reason = Text::default();
    let mut fields = Fields::new(payload, &LOGOUT, ENVELOPE_FIELDS_LIMIT);
    while let Some(field) = fields.next()? {
        if field.number == 2 {
            reason = Text::new(payload.slice(field.body()))?;
        }
    }
    Ok(Uplink::Logout { reason })
}

/// A login.
pub struct Provision {
    /// Who logs in, from the envelope.
    pub identity: Jid,
    /// What the client says about itself, with texts repaired to UTF-8.
    pub details: pb::Provision,
    auth: Text,
}

impl Provision {
    fn decode(frame: &Bytes, payload: &Bytes) -> Result<Self, WireError> {
        let mut identity = Jid::default();
        let mut auth = Text::default();
        let mut fields = Fields::new(frame, &MSYNC, ENVELOPE_FIELDS_LIMIT);
        while let Some(field) = fields.next()? {
            match field.number {
                2 => identity = Jid::decode(&frame.slice(field.body()))?,
                3 => auth = Text::new(frame.slice(field.body()))?,
                _ => {}
            }
        }
        let mut damaged = Vec::new();
        check(payload, &PROVISION, &mut Budget::new(PROVISION_FIELDS_LIMIT), &mut damaged)?;
        let mut repaired = payload.to_vec();
        for range in damaged {
            crate::scan::repair(&mut repaired[range]);
        }
        let details = pb::Provision::decode(Bytes::from(repaired)).map_err(|_| WireError::Malformed)?;
        Ok(Self { identity, details, auth })
    }

    /// The token, without the marker in front of it. The envelope's `auth` leads; `authToken` says the same as JSON.
    pub fn token(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct AuthToken {
            token: String,
        }
        let written = if self.auth.is_empty() {
            serde_json::from_str::<AuthToken>(self.details.auth_token()).ok()?.token
        } else {
            self.auth.as_str().to_owned()
        };
        written.strip_prefix("$t$").filter(|token| !token.is_empty()).map(str::to_owned)
    }

    /// The device's name: the envelope's, else the one in the details. Empty when there is none.
    pub fn resource(&self) -> &str {
        let resource = self.identity.resource.as_str();
        if resource.is_empty() { self.details.resource() } else { resource }
    }
}

// By hand, because the token must not get into a log.
impl fmt::Debug for Provision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provision")
            .field("identity", &self.identity)
            .field("version", &self.details.version())
            .finish_non_exhaustive()
    }
}

/// What a meta's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    Statistic,
    /// A message body.
    Chat,
    /// Joining or leaving a chat room.
    Muc,
    /// One that only the server speaks in: contact and group events, notices, calls.
    ServerOnly(i32),
}

/// How far a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Stored for those who are away.
    All,
    /// For those who are there now.
    Online,
    /// In a group, for some members only.
    Directed,
}

/// What a client does in a chat room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Enter,
    Leave,
}

/// A client comes into a chat room or goes.
#[derive(Clone, Debug, Default)]
pub struct RoomCall {
    pub room: Jid,
    /// `None`: something that only the server says.
    pub motion: Option<Motion>,
    /// What is told to those who are there.
    pub ext: Text,
    pub leaves_others: bool,
}

/// A message as the client sent it. [`Send::clean`] makes of it what others may see.
#[derive(Clone, Debug)]
pub struct Send {
    /// The client's id of the message, unique on that device only.
    pub client_id: u64,
    pub to: Jid,
    pub namespace: Namespace,
    pub route: Route,
    /// The only members of a group that it is for; of more than [`DIRECTED_KEPT`] the first ones.
    pub directed: Vec<Text>,
    meta: Bytes,
    payload: Bytes,
}

impl Send {
    fn decode(meta: Bytes) -> Result<Self, WireError> {
        let mut send = Self {
            client_id: 0,
            to: Jid::default(),
            namespace: Namespace::Statistic,
            route: Route::All,
            directed: Vec::new(),
            meta: Bytes::new(),
            payload: Bytes::new(),
        };
        let mut fields = Fields::new(&meta, &META, allow_list::FIELDS_LIMIT);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => send.client_id = field.varint,
                3 => send.to = Jid::decode(&meta.slice(field.body()))?,
                5 => {
                    send.namespace = match NameSpace::try_from(field.int32()) {
                        Ok(NameSpace::Statistic) => Namespace::Statistic,
                        Ok(NameSpace::Chat) => Namespace::Chat,
                        Ok(NameSpace::Muc) => Namespace::Muc,
                        Ok(_) | Err(_) => Namespace::ServerOnly(field.int32()),
                    }
                }
                6 => send.payload = meta.slice(field.body()),
                7 => {
                    send.route = match RouteType::try_from(field.int32()) {
                        Ok(RouteType::RouteOnline) => Route::Online,
                        Ok(RouteType::RouteDirect) => Route::Directed,
                        Ok(RouteType::RouteAll) | Err(_) => Route::All,
                    }
                }
                10 if send.directed.len() < DIRECTED_KEPT => {
                    send.directed.push(Text::new(meta.slice(field.body()))?);
                }
                _ => {}
            }
        }
        send.meta = meta;
        Ok(send)
    }

    /// What a [`Namespace::Muc`] meta asks for.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn muc(&self) -> Result<RoomCall, WireError> {
        let mut call = RoomCall::default();
        let mut fields = Fields::new(&self.payload, &MUCBODY, ENVELOPE_FIELDS_LIMIT);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => call.room = Jid::decode(&self.payload.slice(field.body()))?,
                2 => {
                    call.motion = match Operation::try_from(field.int32()) {
                        Ok(Operation::Join) => Some(Motion::Enter),
                        Ok(Operation::Leave) => Some(Motion::Leave),
                        Ok(_) | Err(_) => None,
                    }
                }
                14 => call.ext = Text::new(self.payload.slice(field.body()))?,
                15 => call.leaves_others = field.varint != 0,
                _ => {}
            }
        }
        Ok(call)
    }
}
