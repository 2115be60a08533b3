//! What must hold for any bytes. Shared by the fuzz targets and by the ordinary tests of `easemob-wire`, which replay the
//! corpus and try random bytes.

mod vendor_decoder;

use bytes::Bytes;
use easemob_wire::client::{self, Downlink};
use easemob_wire::pb::{self, message_body};
use easemob_wire::uplink::{BodyKind, Names, Namespace, Provision, Send};
use easemob_wire::{JidRef, Uplink};
use prost::Message;

const FRAME_BYTES_LIMIT: usize = 256 * 1024;

/// An uplink frame is decoded or refused.
pub(crate) fn uplink(frame: &[u8]) {
    match Uplink::decode(&Bytes::copy_from_slice(frame), FRAME_BYTES_LIMIT) {
        Ok(Uplink::Send(send)) => cleaned_message_is_clean(&send),
        Ok(Uplink::Provision(provision)) => login_can_be_used(&provision),
        _ => {}
    }
}

/// A body with anything in it, in a well-formed envelope.
pub(crate) fn body(body: &[u8]) {
    let meta = pb::Meta {
        id: Some(1),
        to: Some(JidRef::user("org#app", "bob").into()),
        ns: Some(pb::meta::NameSpace::Chat as i32),
        payload: Some(Bytes::copy_from_slice(body)),
        ..Default::default()
    };
    uplink(&client::encode_meta(&meta));
}

/// An envelope with anything in it, around a well-formed body.
pub(crate) fn meta(meta: &[u8]) {
    let mut bytes = meta.to_vec();
    bytes.extend_from_slice(&[0x28, pb::meta::NameSpace::Chat as u8]);
    let body = pb::MessageBody { r#type: Some(message_body::Type::Chat as i32), ..Default::default() };
    bytes.extend_from_slice(&[0x32, u8::try_from(body.encoded_len()).expect("a few bytes")]);
    bytes.extend_from_slice(&body.encode_to_vec());
    // In the frame's last field, so that its length is all that is in front of the bytes.
    let mut payload = vec![0x0a];
    prost::encoding::encode_varint(bytes.len() as u64, &mut payload);
    payload.extend_from_slice(&bytes);
    let mut frame = vec![0x08, 0x00, 0x40, 0x00, 0x4a];
    prost::encoding::encode_varint(payload.len() as u64, &mut frame);
    frame.extend_from_slice(&payload);
    uplink(&frame);
}

/// A downlink frame is decoded or refused.
pub(crate) fn downlink(frame: &[u8]) {
    let _ = Downlink::decode(&Bytes::copy_from_slice(frame), FRAME_BYTES_LIMIT);
}

fn login_can_be_used(provision: &Provision) {
    let shown = format!("{provision:?}");
    if let Some(token) = provision.token().filter(|token| token.len() > 64) {
        assert!(!shown.contains(&token), "a token would get into a log");
    }
}

/// What is left of a message says nothing that only the server may say, whoever reads it.
fn cleaned_message_is_clean(send: &Send) {
    if send.namespace != Namespace::Chat {
        return;
    }
    let Ok(clean) = send.clean(Names { sender: "alice", target: "bob" }) else { return };

    let meta = pb::Meta::decode(clean.remainder.clone()).expect("our own decoder reads the envelope");
    assert_eq!(
        (meta.id, &meta.from, &meta.to, meta.timestamp, &meta.meta),
        (None, &None, &None, None, &None)
    );
    for pair in &meta.ext {
        assert!(!["is_broadcast", "is_online", "callback_replace"].contains(&pair.key()), "{pair:?}");
    }

    let payload = meta.payload.expect("there is always a body");
    let body = pb::MessageBody::decode(payload.clone()).expect("our own decoder reads the body");
    assert_eq!(body.from, Some(JidRef::bare("alice").into()));
    assert_eq!(body.to, Some(JidRef::bare("bob").into()));
    assert_eq!(body.stream, None);
    assert!(body.contents.iter().all(|content| content.sub_type != Some(10)));
    if let Some(json) = &body.meta {
        let json: serde_json::Map<_, _> = serde_json::from_str(json).expect("a JSON object");
        for (key, value) in &json {
            let is_allowed = match key.as_str() {
                "thread" => value.as_object().is_some_and(serde_json::Map::is_empty),
                "translations" => value.is_array(),
                _ => false,
            };
            assert!(is_allowed, "{key}: {value}");
        }
    }
    let body_type = body.r#type.unwrap_or(0);
    assert_eq!(clean.kind, BodyKind::from(body_type));
    if clean.kind == BodyKind::ReadAck {
        assert_eq!(body.ext, []);
    }
    assert_eq!(clean.ack_message_id, body.ack_message_id);
    assert_eq!(clean.edit_message_id, body.edit_message_id);
    assert_eq!(clean.allow_group_ack, body.msg_config.unwrap_or_default().allow_group_ack());

    let seen = vendor_decoder::decode(&payload).expect("the vendor's decoder reads the body");
    assert_eq!(
        seen,
        vendor_decoder::Seen {
            body_type: body.r#type.map(i32::cast_unsigned),
            from: Some(b"alice".to_vec()),
            to: Some(b"bob".to_vec()),
            contents: body.contents.len(),
            has_stream_chunk: false,
            ext: body.ext.len(),
            ack_message_id: body.ack_message_id,
            edit_message_id: body.edit_message_id,
            meta: body.meta.map(String::into_bytes),
            has_stream: false,
        }
    );
}
