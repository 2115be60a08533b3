//! A client says something that only the server may say: one test for each such field.

use bytes::Bytes;
use easemob_wire::pb::{self, message_body};
use easemob_wire::uplink::{Clean, Names, Namespace, Send};
use easemob_wire::{JidRef, Uplink, Value, WireError, client};
use message_body::{Content, Stream, Type};
use prost::Message;

/// What mallory says in a message to bob.
fn forged(body: &pb::MessageBody) -> pb::Meta {
    pb::Meta {
        id: Some(7),
        to: Some(JidRef::user("org#app", "bob").into()),
        ns: Some(pb::meta::NameSpace::Chat as i32),
        payload: Some(body.encode_to_vec().into()),
        ..Default::default()
    }
}

fn text() -> pb::MessageBody {
    pb::MessageBody {
        r#type: Some(Type::Chat as i32),
        contents: vec![Content { r#type: Some(0), text: Some("hi".into()), ..Default::default() }],
        ..Default::default()
    }
}

fn sent(meta: &[u8]) -> Send {
    let mut payload = vec![0x0a];
    prost::encoding::encode_varint(meta.len() as u64, &mut payload);
    payload.extend_from_slice(meta);
    let frame = pb::MSync { command: Some(0), payload: Some(payload.into()), ..Default::default() };
    match Uplink::decode(&frame.encode_to_vec().into(), 65_536).unwrap() {
        Uplink::Send(send) => send,
        other => panic!("{other:?}"),
    }
}

fn clean(meta: &[u8]) -> Result<Clean, WireError> {
    sent(meta).clean(Names { sender: "mallory", target: "bob" })
}

/// What bob gets to see.
fn received(meta: &[u8]) -> (pb::Meta, pb::MessageBody) {
    let meta = pb::Meta::decode(clean(meta).unwrap().remainder).unwrap();
    let body = pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap();
    (meta, body)
}

fn received_body(body: &pb::MessageBody) -> pb::MessageBody {
    received(&forged(body).encode_to_vec()).1
}

fn mallory() -> Option<pb::Jid> {
    Some(JidRef::bare("mallory").into())
}

/// Field 2 of a body, `from{name "ev"}`, with tag and lengths padded as far as decoders take it.
const PADDED_FROM: [u8; 13] = [0x92, 0x80, 0x80, 0x80, 0x00, 0x85, 0x80, 0x00, 0x12, 0x82, 0x00, b'e', b'v'];

#[test]
fn a_forged_sender_is_replaced() {
    let body = received_body(&pb::MessageBody { from: Some(JidRef::bare("alice").into()), ..text() });
    assert_eq!(body.from, mallory());
}

#[test]
fn a_forged_sender_with_a_resource_leaves_nothing_behind() {
    let alice = JidRef::device("org#app", "alice", "phone");
    assert_eq!(received_body(&pb::MessageBody { from: Some(alice.into()), ..text() }).from, mallory());
}

#[test]
fn a_sender_forged_several_times_and_with_padded_numbers_is_replaced() {
    let alice =
        pb::MessageBody { from: Some(JidRef::bare("alice").into()), ..Default::default() }.encode_to_vec();
    let body = [alice.clone(), text().encode_to_vec(), PADDED_FROM.to_vec(), alice].concat();
    assert_eq!(pb::MessageBody::decode(&PADDED_FROM[..]).unwrap().from, Some(JidRef::bare("ev").into()));
    let meta = pb::Meta { payload: Some(body.into()), ..forged(&text()) };
    for name in ["alice", "ev"] {
        let remainder = clean(&meta.encode_to_vec()).unwrap().remainder;
        assert!(
            !remainder.windows(name.len()).any(|window| window == name.as_bytes()),
            "{name} is still there"
        );
    }
    let (_, body) = received(&meta.encode_to_vec());
    assert_eq!(body.from, mallory());
    assert_eq!(body.contents, text().contents);
}

#[test]
fn a_forged_recipient_is_replaced() {
    let body = received_body(&pb::MessageBody { to: Some(JidRef::group("org#app", "1").into()), ..text() });
    assert_eq!(body.to, Some(JidRef::bare("bob").into()));
}

#[test]
fn a_forged_envelope_is_cut() {
    let forged = pb::Meta {
        from: Some(JidRef::user("org#app", "alice").into()),
        timestamp: Some(1),
        meta: Some(Bytes::from_static(b"{\"callback_replace\":true}")),
        ..forged(&pb::MessageBody { r#type: Some(1), ..Default::default() })
    };
    for repeats in 1..=2 {
        let (meta, _) = received(&forged.encode_to_vec().repeat(repeats)[..]);
        let server_only = (meta.id, meta.from, meta.to, meta.timestamp, meta.meta);
        assert_eq!(server_only, (None, None, None, None, None));
    }
}

#[test]
fn a_second_payload_can_not_pass_uncleaned() {
    let alice = forged(&pb::MessageBody { from: Some(JidRef::bare("alice").into()), ..Default::default() });
    let honest = forged(&pb::MessageBody { r#type: Some(1), ..Default::default() });
    for metas in [[&alice, &honest], [&honest, &alice]] {
        let bytes = metas.map(Message::encode_to_vec).concat();
        assert_eq!(received(&bytes).1.from, mallory());
        let remainder = clean(&bytes).unwrap().remainder;
        assert!(!remainder.windows(5).any(|window| window == b"alice"), "the uncleaned body is still there");
    }
}

#[test]
fn broadcast_and_other_marks_of_the_server_are_cut_and_the_clients_own_stay() {
    let marks = ["is_broadcast", "is_online", "callback_replace"].map(|key| Value::Bool(true).with_key(key));
    for mark in marks {
        let own = [
            Value::Int(0).with_key("chatroom_msg_tag"),
            Value::Text("x".into()).with_key("recallMessageExtensionInfo"),
        ];
        let ext = vec![mark.clone(), own[0].clone(), mark, own[1].clone()];
        let (meta, _) = received(&pb::Meta { ext, ..forged(&text()) }.encode_to_vec());
        assert_eq!(meta.ext, own);
    }
}

#[test]
fn a_mark_of_the_server_behind_another_key_is_cut() {
    // The last key of a pair counts.
    let pair = [&[0x0a, 1, b'k', 0x0a, 12][..], b"is_broadcast", &[0x10, 1, 0x18, 1]].concat();
    let ext = [&[0x42, u8::try_from(pair.len()).unwrap()][..], &pair].concat();
    let (meta, _) = received(&[forged(&text()).encode_to_vec(), ext].concat());
    assert_eq!(meta.ext, []);
}

#[test]
fn a_stream_is_cut() {
    let stream = Stream { stream_seq: Some(1), ..Default::default() };
    assert_eq!(received_body(&pb::MessageBody { stream: Some(stream), ..text() }).stream, None);
}

#[test]
fn a_chunk_of_a_stream_is_refused() {
    let mut body = text();
    body.contents[0].sub_type = Some(message_body::content::SubType::SubStream as i32);
    assert_eq!(clean(&forged(&body).encode_to_vec()).unwrap_err(), WireError::StreamChunk);
}

fn received_meta(json: &str) -> Option<String> {
    received_body(&pb::MessageBody { meta: Some(json.into()), ..Default::default() }).meta
}

#[test]
fn forged_reactions_edits_threads_and_receipts_are_cut() {
    for key in ["reaction", "edit_msg", "thread_overview", "isRead", "isDelivered", "anything_newer"] {
        assert_eq!(received_meta(&format!("{{\"{key}\":[1]}}")), None, "{key}");
        let mixed = format!("{{\"{key}\":{{}},\"thread\":{{}}}}");
        assert_eq!(received_meta(&mixed).as_deref(), Some("{\"thread\":{}}"), "{key}");
    }
}

#[test]
fn what_a_client_may_say_beside_its_message_stays() {
    assert_eq!(received_meta("{\"thread\":{}}").as_deref(), Some("{\"thread\":{}}"));
    let translations = "{\"translations\":[{\"code\":\"de\",\"text\":\"Hallo\"}]}";
    assert_eq!(received_meta(translations).as_deref(), Some(translations));
}

#[test]
fn a_forged_thread_name_is_emptied() {
    let forged = "{\"thread\":{\"muc_parent_id\":\"1\",\"thread_name\":\"x\"}}";
    assert_eq!(received_meta(forged).as_deref(), Some("{\"thread\":{}}"));
}

#[test]
fn a_server_key_spelt_with_escapes_or_given_twice_is_cut() {
    assert_eq!(received_meta(r#"{"reactio\u006e":[1],"thread":{}}"#).as_deref(), Some("{\"thread\":{}}"));
    assert_eq!(received_meta(r#"{"thread":{},"thread":{"thread_name":"x"}}"#), None);
    for json in ["", "[]", "7", "{", "{\"translations\":\"x\"}", "\u{feff}{\"thread\":{}}"] {
        assert_eq!(received_meta(json), None, "{json:?}");
    }
}

#[test]
fn json_given_twice_is_cleaned_as_the_last_one_reads() {
    let one = pb::MessageBody { meta: Some("{\"thread\":{}}".into()), ..Default::default() };
    let other = pb::MessageBody { meta: Some("{\"reaction\":[1]}".into()), ..Default::default() };
    let payload = [one.encode_to_vec(), other.encode_to_vec()].concat();
    let meta = pb::Meta { payload: Some(payload.into()), ..forged(&text()) };
    assert_eq!(received(&meta.encode_to_vec()).1.meta, None);
}

#[test]
fn a_read_receipt_can_not_claim_how_many_have_read() {
    let ext = vec![Value::Json("{\"42\":99}".into()).with_key("k")];
    let receipt = pb::MessageBody {
        r#type: Some(Type::ReadAck as i32),
        ack_message_id: Some(42),
        ext: ext.clone(),
        ..Default::default()
    };
    assert_eq!(received_body(&receipt).ext, []);
    // Also when the body says what it is behind the claim, or says several things.
    let mut payload =
        pb::MessageBody { r#type: Some(1), ext: ext.clone(), ..Default::default() }.encode_to_vec();
    payload.extend([0x08, Type::ReadAck as u8]);
    let meta = pb::Meta { payload: Some(payload.into()), ..forged(&text()) };
    assert_eq!(received(&meta.encode_to_vec()).1.ext, []);
    // A message keeps its app's keys.
    assert_eq!(received_body(&pb::MessageBody { ext: ext.clone(), ..text() }).ext, ext);
}

#[test]
fn receipts_and_recalls_say_nothing() {
    let ext = vec![Value::Json("{}".into()).with_key("k")];
    for kind in [Type::ReadAck, Type::DeliverAck, Type::ChannelAck, Type::Recall] {
        let body = pb::MessageBody {
            r#type: Some(kind as i32),
            ack_message_id: Some(42),
            ack_content: Some("seen".into()),
            ext: ext.clone(),
            ..text()
        };
        let received = received_body(&body);
        assert_eq!(received.contents, [pb::message_body::Content::default()], "{kind:?}");
        assert_eq!((received.ack_content(), received.ext.len()), ("seen", 0), "{kind:?}");
    }
}

#[test]
fn namespaces_of_the_server_are_named_as_such() {
    use pb::meta::NameSpace;
    for namespace in [NameSpace::Roster, NameSpace::Conference, NameSpace::Notify, NameSpace::Query] {
        let meta = pb::Meta { ns: Some(namespace as i32), ..forged(&text()) };
        assert_eq!(sent(&meta.encode_to_vec()).namespace, Namespace::ServerOnly(namespace as i32));
    }
    // The last one counts, for us and for receivers.
    let twice = [forged(&text()).encode_to_vec(), vec![0x28, 5]].concat();
    assert_eq!(sent(&twice).namespace, Namespace::ServerOnly(5));
    assert_eq!(
        sent(&pb::Meta { ns: Some(99), ..forged(&text()) }.encode_to_vec()).namespace,
        Namespace::ServerOnly(99)
    );
}

/// A meta given twice in one frame: the last one counts as a whole, nothing of the first is mixed in.
#[test]
fn a_meta_split_in_two_is_not_put_together() {
    let one = client::encode_meta(&forged(&text()));
    let payload = pb::MSync::decode(one).unwrap().payload.unwrap();
    let second = [0x0a, 0x02, 0x28, 0x01];
    let frame = pb::MSync {
        command: Some(0),
        payload: Some([&payload[..], &second].concat().into()),
        ..Default::default()
    };
    let Ok(Uplink::Send(send)) = Uplink::decode(&frame.encode_to_vec().into(), 65_536) else {
        panic!("no send")
    };
    assert_eq!((send.client_id, send.to.name.as_str()), (0, ""));
    let clean = send.clean(Names { sender: "mallory", target: "bob" }).unwrap();
    assert!(clean.contents.is_empty());
}

#[test]
fn fields_of_a_newer_sdk_survive() {
    // Field 100 of the envelope, of the body and of a content.
    let newer = [0xa2, 0x06, 0x03, b'n', b'e', b'w'];
    let content = [&[0x08, 0x00, 0x12, 0x02, b'h', b'i'][..], &newer].concat();
    let body = [&[0x08, 0x01, 0x22, u8::try_from(content.len()).unwrap()][..], &content, &newer].concat();
    let meta = pb::Meta { payload: Some(body.into()), ..forged(&text()) };
    let clean = clean(&[&meta.encode_to_vec()[..], &newer].concat()).unwrap();
    let found = clean.remainder.windows(newer.len()).filter(|window| **window == newer).count();
    assert_eq!(found, 3);
}

#[test]
fn half_an_emoji_does_not_cost_the_message() {
    let content = [0x08, 0x00, 0x12, 0x04, b'a', 0xed, 0xa0, 0xbd];
    let body = [&[0x08, 0x01, 0x22, 8][..], &content].concat();
    let meta = pb::Meta { payload: Some(body.into()), ..forged(&text()) };
    assert_eq!(received(&meta.encode_to_vec()).1.contents[0].text(), "a\u{fffd}");
}
