//! Packets of engine.io protocol 3 with socket.io protocol 4 inside, as the web SDK speaks them (jmessage.md 2.1).
//!
//! The generation before the one that maintained servers are written for; of it the SDK uses text packets in the default
//! namespace, without acknowledgement ids. A packet is one text message of a WebSocket, or one part of a polling body
//! ([`join`], [`split`]). What else the protocols have is known and passed over.

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// How often the client says that it is there, in milliseconds.
pub const PING_INTERVAL_MS: u64 = 25_000;
/// How long the client waits for the answer to that.
pub const PING_TIMEOUT_MS: u64 = 60_000;
/// Packets in one body of the polling transport. A client puts what it said during one request into the next body.
pub const PACKETS_LIMIT: usize = 256;
/// Levels of JSON in a request are bounded by the parser; this bounds its bytes. The largest requests are lists of names.
pub const PACKET_BYTES_LIMIT: usize = 256 << 10;

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub enum Packet {
    /// It is there; `probe` is to be echoed.
    Ping(String),
    /// A request.
    Event { name: String, data: Map<String, Value> },
    /// It goes.
    Close,
    /// Nothing that takes an answer: pongs, empty packets, acknowledgements, connects of the default namespace.
    Nothing,
}

/// Why a packet can't be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PacketError {
    #[error("the packet is too large")]
    TooLarge,
    #[error("the packet is of no known type")]
    Type,
    #[error("the packet names a namespace that is not served")]
    Namespace,
    #[error("binary packets are not understood")]
    Binary,
    #[error("the packet's event can't be read")]
    Event,
    #[error("the body is no list of packets")]
    Body,
}

impl Packet {
    /// Reads one packet.
    ///
    /// # Errors
    /// [`PacketError`].
    pub fn decode(text: &str) -> Result<Self, PacketError> {
        if text.len() > PACKET_BYTES_LIMIT {
            return Err(PacketError::TooLarge);
        }
        let mut rest = text.chars();
        match rest.next() {
            // Only the server opens, but what a client says with it changes nothing.
            Some('0' | '3' | '5' | '6') => Ok(Self::Nothing),
            Some('1') => Ok(Self::Close),
            Some('2') => Ok(Self::Ping(rest.as_str().to_owned())),
            Some('4') => message(rest.as_str()),
            Some('b') => Err(PacketError::Binary),
            _ => Err(PacketError::Type),
        }
    }
}

/// The socket.io part: a type, `attachments-`, `/namespace,`, an id, JSON.
fn message(text: &str) -> Result<Packet, PacketError> {
    let mut rest = text.chars();
    let kind = rest.next().ok_or(PacketError::Type)?;
    let mut rest = rest.as_str();
    if matches!(kind, '5' | '6') {
        return Err(PacketError::Binary);
    }
    if rest.starts_with('/') {
        let (namespace, behind) = rest.split_once(',').unwrap_or((rest, ""));
        let path = namespace.split('?').next().unwrap_or_default();
        if path != "/" {
            return Err(PacketError::Namespace);
        }
        rest = behind;
    }
    match kind {
        '0' | '3' | '4' => Ok(Packet::Nothing),
        '1' => Ok(Packet::Close),
        '2' => {
            let json = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let Event { name, data } = serde_json::from_str(json).map_err(|_| PacketError::Event)?;
            Ok(Packet::Event { name, data })
        }
        _ => Err(PacketError::Type),
    }
}

/// `["name", {…}]`; what follows is passed over, and a missing object is an empty one.
struct Event {
    name: String,
    data: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Event;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name and an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Event, A::Error> {
                let name = parts.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let data = parts.next_element()?.unwrap_or_default();
                while parts.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Event { name, data })
            }
        }

        deserializer.deserialize_seq(Parts)
    }
}

/// The first thing a client hears. `upgrades`: the transports that it may move to.
pub fn open(sid: &str, upgrades: &[&str]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Open<'a> {
        sid: &'a str,
        upgrades: &'a [&'a str],
        ping_interval: u64,
        ping_timeout: u64,
    }
    let open = Open { sid, upgrades, ping_interval: PING_INTERVAL_MS, ping_timeout: PING_TIMEOUT_MS };
    format!("0{}", serde_json::to_string(&open).expect("texts and numbers are JSON"))
}

/// How a client's packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    Polling,
}

/// The name of [`Transport::WebSocket`].
pub const WEBSOCKET: &str = "websocket";
/// What a client says on a socket to which it may move.
pub const PROBE: &str = "2probe";
/// The answer to that.
pub const PROBE_ANSWER: &str = "3probe";
/// What it says there when it moves.
pub const UPGRADE: &str = "5";

/// Reads the query of a request: the transport, and the connection where it belongs to one. What else a client's library
/// writes there (`t` against caches, `b64` because it can't read bytes, which are never sent) changes nothing.
///
/// # Errors
/// Why it is not served, for whoever wrote the client.
pub fn query(text: &str) -> Result<(Transport, Option<&str>), &'static str> {
    let mut transport = Transport::WebSocket;
    let mut sid = None;
    for pair in text.split('&') {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("EIO", "3") => {}
            ("EIO", _) => {
                return Err("protocol 3 of engine.io is spoken: connect with a client of socket.io 1 or 2");
            }
            ("transport", WEBSOCKET) => transport = Transport::WebSocket,
            ("transport", "polling") => transport = Transport::Polling,
            ("transport", _) => return Err("the transports are websocket and polling"),
            ("j", _) => {
                return Err("JSONP is not served: use a browser with XMLHttpRequest level 2, or a WebSocket");
            }
            ("sid", id) if !id.is_empty() => sid = Some(id),
            _ => {}
        }
    }
    Ok((transport, sid))
}

/// The default namespace is there.
pub const CONNECTED: &str = "40";
/// The client is cut off by the server, and comes back by itself.
pub const DISCONNECT: &str = "41";
/// The transport is closed.
pub const CLOSE: &str = "1";
/// Nothing: ends a poll that had nothing to bring.
pub const NOOP: &str = "6";

/// The answer to a ping.
pub fn pong(probe: &str) -> String {
    format!("3{probe}")
}

/// An event.
pub fn event(name: &str, data: &Value) -> String {
    let parts = serde_json::to_string(&(name, data)).expect("JSON values have text keys only");
    format!("42{parts}")
}

/// The longest probe that is echoed; a client's own is `probe`.
pub const PROBE_BYTES_LIMIT: usize = 64;

/// Packets as one body of the polling transport: each behind its length in UTF-16 units, as JavaScript counts.
pub fn join<'a>(packets: impl IntoIterator<Item = &'a str>) -> String {
    let mut body = String::new();
    for packet in packets {
        let length = packet.encode_utf16().count();
        body.push_str(&length.to_string());
        body.push(':');
        body.push_str(packet);
    }
    body
}

/// The packets of a body.
///
/// # Errors
/// [`PacketError::Body`] for what is no such list, or has more than [`PACKETS_LIMIT`] packets.
pub fn split(body: &str) -> Result<Vec<&str>, PacketError> {
    let mut packets = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (length, behind) = rest.split_once(':').ok_or(PacketError::Body)?;
        if length.is_empty() || length.len() > 9 || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PacketError::Body);
        }
        let units: usize = length.parse().map_err(|_| PacketError::Body)?;
        let end = end_of(behind, units).ok_or(PacketError::Body)?;
        if packets.len() == PACKETS_LIMIT {
            return Err(PacketError::Body);
        }
        packets.push(&behind[..end]);
        rest = &behind[end..];
    }
    Ok(packets)
}

/// Where so many UTF-16 units end; `None`: inside a character, or behind the text.
fn end_of(text: &str, units: usize) -> Option<usize> {
    let mut seen = 0;
    for (at, character) in text.char_indices() {
        if seen >= units {
            return (seen == units).then_some(at);
        }
        seen += character.len_utf16();
    }
    (seen == units).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Frames of the published client's library (jmessage.md 2.1), both ways.
    #[test]
    fn golden_frames() {
        let opened = r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":60000}"#;
        assert_eq!(open("abc", &[]), opened);
        assert!(open("abc", &[WEBSOCKET]).contains(r#""upgrades":["websocket"],"#));
        assert_eq!(pong("probe"), "3probe");
        let rid = json!({ "rid": 7 });
        assert_eq!(event("ack", &rid), r#"42["ack",{"rid":7}]"#);

        let data = rid.as_object().unwrap().clone();
        let event = |name: &str| Packet::Event { name: name.to_owned(), data: data.clone() };
        for (text, expected) in [
            ("2", Packet::Ping(String::new())),
            ("2probe", Packet::Ping("probe".to_owned())),
            ("1", Packet::Close),
            ("41", Packet::Close),
            ("40", Packet::Nothing),
            ("6", Packet::Nothing),
            ("430[]", Packet::Nothing),
            (r#"42["login",{"rid":7}]"#, event("login")),
            (r#"4217["login",{"rid":7}]"#, event("login")),
            (r#"42/,["login",{"rid":7},"more"]"#, event("login")),
            (r#"42["login"]"#, Packet::Event { name: "login".to_owned(), data: Map::new() }),
        ] {
            assert_eq!(Packet::decode(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_spoken_is_refused() {
        for (text, expected) in [
            ("", PacketError::Type),
            ("7", PacketError::Type),
            ("4", PacketError::Type),
            ("47", PacketError::Type),
            ("b4AAAA", PacketError::Binary),
            ("451-[\"x\"]", PacketError::Binary),
            ("42/admin,[\"x\"]", PacketError::Namespace),
            ("42", PacketError::Event),
            ("42[]", PacketError::Event),
            ("42[7,{}]", PacketError::Event),
            ("42[\"x\",null]", PacketError::Event),
            ("42[\"x\",[1]]", PacketError::Event),
            ("42{\"x\":1}", PacketError::Event),
        ] {
            assert_eq!(Packet::decode(text), Err(expected), "{text}");
        }
        let large = format!("42[\"x\",{{\"a\":\"{}\"}}]", "y".repeat(PACKET_BYTES_LIMIT));
        assert_eq!(Packet::decode(&large), Err(PacketError::TooLarge));
        let deep = format!("42[\"x\",{{\"a\":{}", "[".repeat(10_000));
        assert_eq!(Packet::decode(&deep), Err(PacketError::Event), "and no overflow of the stack");
    }

    #[test]
    fn queries_of_the_library_are_read_and_others_are_told_why_not() {
        let by = |transport, sid| Ok((transport, sid));
        for (text, expected) in [
            ("EIO=3&transport=websocket", by(Transport::WebSocket, None)),
            ("EIO=3&transport=polling&t=Nxx&b64=1", by(Transport::Polling, None)),
            ("EIO=3&transport=polling&t=Nxx&sid=a-_9", by(Transport::Polling, Some("a-_9"))),
            ("EIO=3&transport=websocket&sid=a", by(Transport::WebSocket, Some("a"))),
            ("", by(Transport::WebSocket, None)),
            ("transport=polling&sid=", by(Transport::Polling, None)),
        ] {
            assert_eq!(query(text), expected, "{text}");
        }
        for (text, why) in [
            ("EIO=4&transport=polling", "protocol 3"),
            ("EIO=3&transport=polling&j=0", "JSONP"),
            ("EIO=3&transport=flashsocket", "transports"),
        ] {
            assert!(query(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn a_polling_body_counts_as_javascript_does() {
        let packets = ["40", "42[\"x\",{\"a\":\"字😀\"}]"];
        let body = join(packets);
        assert_eq!(body, "2:4019:42[\"x\",{\"a\":\"字😀\"}]");
        assert_eq!(split(&body), Ok(packets.to_vec()));
        assert_eq!(split(""), Ok(Vec::new()));
        for body in ["2", "x:40", ":40", "3:40", "1:😀", "-1:4", "9999999999:4", "+1:4"] {
            assert_eq!(split(body), Err(PacketError::Body), "{body}");
        }
        assert_eq!(split(&"1:2".repeat(PACKETS_LIMIT + 1)), Err(PacketError::Body));
    }

    proptest! {
        #[test]
        fn events_come_back(name in "[a-z_]{1,20}", key in ".{0,9}", value in ".{0,40}") {
            let data = json!({ key: value });
            let expected = Packet::Event { name: name.clone(), data: data.as_object().unwrap().clone() };
            prop_assert_eq!(Packet::decode(&event(&name, &data)), Ok(expected));
        }

        #[test]
        fn bodies_come_back(packets in proptest::collection::vec(".{1,20}", 0..9)) {
            let packets: Vec<&str> = packets.iter().map(String::as_str).collect();
            let body = join(packets.iter().copied());
            prop_assert_eq!(split(&body), Ok(packets));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9:\\[\\]{}\",/a😀]{0,60}") {
            let _ = Packet::decode(&text);
            let _ = split(&text);
        }
    }
}
