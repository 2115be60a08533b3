//! What the web SDK's packets look like in bodies and on sockets, for the driver that carries them (jmessage.md 2.1).

use ::session::packets::{Asked, Packets, Step, Way};
use bytes::Bytes;
use jmessage_wire::engine::{self, Transport};

/// Packets of engine.io protocol 3.
#[derive(Clone, Copy, Debug)]
pub struct EnginePackets;

impl Packets for EnginePackets {
    fn asked<'a>(&self, query: &'a str) -> Result<Asked<'a>, &'static str> {
        let (transport, id) = engine::query(query)?;
        let way = match transport {
            Transport::WebSocket => Way::Socket,
            Transport::Polling => Way::Requests,
        };
        Ok(Asked { way, id })
    }

    fn open(&self, id: &str, moves: bool) -> Bytes {
        let upgrades: &[&str] = if moves { &[engine::WEBSOCKET] } else { &[] };
        engine::open(id, upgrades).into()
    }

    fn join(&self, packets: &[Bytes]) -> Bytes {
        // What the session says is text.
        engine::join(packets.iter().filter_map(|packet| std::str::from_utf8(packet).ok())).into()
    }

    fn split(&self, body: &[u8]) -> Option<Vec<Bytes>> {
        let packets = engine::split(std::str::from_utf8(body).ok()?).ok()?;
        // An empty body is one empty packet in the library's words.
        let said = packets.into_iter().filter(|packet| !packet.is_empty());
        Some(said.map(|packet| Bytes::copy_from_slice(packet.as_bytes())).collect())
    }

    fn nothing(&self) -> Bytes {
        Bytes::from_static(engine::NOOP.as_bytes())
    }

    fn close(&self) -> Bytes {
        Bytes::from_static(engine::CLOSE.as_bytes())
    }

    fn step(&self, packet: &[u8]) -> Step {
        if packet == engine::PROBE.as_bytes() {
            Step::Probe(Bytes::from_static(engine::PROBE_ANSWER.as_bytes()))
        } else if packet == engine::UPGRADE.as_bytes() {
            Step::Move
        } else {
            Step::Other
        }
    }
}
