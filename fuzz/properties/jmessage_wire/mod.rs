//! What must hold for any bytes. Shared by the fuzz target and by the ordinary tests of `jmessage-wire`, which replay the
//! corpus.

use jmessage_wire::engine::{self, Packet};
use jmessage_wire::message::Message;
use serde_json::Value;

/// A packet is decoded or refused, alone and as a polling body; a query names what stands in it; an event that was decoded is written and read as the
/// same; and a message that can be read says something that can be written again.
pub(crate) fn packet(bytes: &[u8]) {
    let _ = Message::decode(bytes).map(|message| Message::of(&message.content()).encode());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok((_, Some(sid))) = engine::query(text) {
        assert!(text.contains(sid));
    }
    if let Ok(packets) = engine::split(text) {
        assert_eq!(engine::split(&engine::join(packets.iter().copied())), Ok(packets));
    }
    if let Ok(Packet::Event { name, data }) = Packet::decode(text) {
        let written = engine::event(&name, &Value::Object(data));
        let Ok(Packet::Event { name: again, .. }) = Packet::decode(&written) else {
            assert!(written.len() > engine::PACKET_BYTES_LIMIT, "{written} can't be read");
            return;
        };
        assert_eq!(again, name);
    }
}
