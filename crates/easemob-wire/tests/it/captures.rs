//! Frames captured from easemob-websdk 4.21.1 (msync.md section 4): read as its text says, and written byte for byte.

use bytes::Bytes;
use easemob_wire::client::Downlink;
use easemob_wire::downlink::{self, Page, SendAnswer, Status};
use easemob_wire::uplink::{BodyKind, Clean, Names, Namespace, Route};
use easemob_wire::{Jid, JidRef, Uplink, Value, pb};
use pb::message_body::content;
use prost::Message;

const APP: &str = "org#app";

const UNREAD: &str = "080040015800a00180a0809cf389b8bf68";
const UNREAD_ANSWER: &str = "080040014a0b0a02080018e0f984dc9f34";
const STATISTIC: &str = "080040004a0f0a0d08eaf984dc9f342800320208005800a00180a080e0f389b8bf68";
const SEND: &str = "080040004a4f0a4d0890c4b6a5b70f1a1b0a076f7267236170701203626f621a0b656173656d6f622e636f6d28013223080112071205616c6963651a051203626f6222060800120268692a070a016b1002180138005800a00180a080ccf889b8bf68";
const NOTICE: &str = "080040024a1f0a1d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d";
const SEND_ANSWER: &str = "080040004a1c0a0208001090c4b6a5b70f18818080a2be82ee8f1a40cdfc84dc9f34";
const SYNC: &str =
    "080040004a1f1a1d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d5800a00180a08098f989b8bf68";
const PAGE: &str = "080040004abd010a02080022840108818080a2be82ee8f1a122d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d220e776562696d5f7765625f646576411a1b0a076f7267236170701203626f621a0b656173656d6f622e636f6d20c4fc84dc9f3428013223080112071205616c6963651a051203626f6222060800120268692a070a016b1002180128828080a3be82ee8f1a321d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d380040d4fc84dc9f34";
const ACK: &str = "080040004a2910828080a3be82ee8f1a1a1d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d5800a00180a080b4f989b8bf68";
const LAST_PAGE: &str =
    "080040004a2c0a020800321d0a076f7267236170701205616c6963651a0b656173656d6f622e636f6d380140dbfc84dc9f34";

fn bytes(hex: &str) -> Bytes {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn uplink(hex: &str) -> Uplink {
    Uplink::decode(&bytes(hex), 65_536).unwrap()
}

fn downlink(hex: &str) -> Downlink {
    Downlink::decode(&bytes(hex), 65_536).unwrap()
}

fn alice() -> JidRef<'static> {
    JidRef::user(APP, "alice")
}

fn is(jid: &Jid, expected: JidRef<'_>) -> bool {
    JidRef { app_key: &jid.app_key, name: &jid.name, domain: &jid.domain, resource: &jid.resource }
        == expected
}

/// The body of the captured message, as its sender wrote it.
fn captured_body() -> pb::MessageBody {
    pb::MessageBody {
        r#type: Some(pb::message_body::Type::Chat as i32),
        from: Some(JidRef::bare("alice").into()),
        to: Some(JidRef::bare("bob").into()),
        contents: vec![pb::message_body::Content {
            r#type: Some(content::Type::Text as i32),
            text: Some("hi".into()),
            ..Default::default()
        }],
        ext: vec![Value::Int(1).with_key("k")],
        ..Default::default()
    }
}

#[test]
fn the_heartbeat_and_the_figures_are_recognised() {
    assert!(matches!(uplink(UNREAD), Uplink::Unread));
    assert!(matches!(uplink(STATISTIC), Uplink::Statistic));
}

#[test]
fn a_sync_names_its_queue_and_an_acknowledgement_its_key() {
    let Uplink::Sync { queue, key: None } = uplink(SYNC) else { panic!("no sync") };
    assert!(is(&queue, alice()), "{queue:?}");
    let Uplink::Sync { queue, key: Some(1_882_425_564_839_542_786) } = uplink(ACK) else {
        panic!("no acknowledgement")
    };
    assert!(is(&queue, alice()), "{queue:?}");
}

#[test]
fn a_text_is_read_and_cleaned() {
    let Uplink::Send(send) = uplink(SEND) else { panic!("no send") };
    assert_eq!((send.client_id, send.namespace, send.route), (530_238_513_680, Namespace::Chat, Route::All));
    assert!(is(&send.to, JidRef::user(APP, "bob")), "{:?}", send.to);

    let Clean { remainder, kind, contents, ack_message_id, edit_message_id, allow_group_ack } =
        send.clean(Names { sender: "alice", target: "bob" }).unwrap();
    assert_eq!((kind, ack_message_id, edit_message_id, allow_group_ack), (BodyKind::Chat, None, None, false));
    assert!(contents.contains(content::Type::Text) && !contents.contains(content::Type::Image));
    assert!(!contents.is_command_only() && !contents.is_empty());
    let meta = pb::Meta::decode(remainder).unwrap();
    assert_eq!(pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap(), captured_body());
    assert_eq!(
        pb::Meta { payload: None, ..meta },
        pb::Meta { ns: Some(1), routetype: Some(0), ..Default::default() }
    );
}

#[test]
fn the_unread_answer_is_written_as_captured() {
    let frame = downlink::encode_unread(&Status::OK, &[], 1_795_220_913_376);
    assert_eq!(frame, bytes(UNREAD_ANSWER));
    let Downlink::Unread(answer) = downlink(UNREAD_ANSWER) else { panic!("no unread answer") };
    assert_eq!((answer.status.unwrap().error_code, answer.timestamp), (Some(0), Some(1_795_220_913_376)));
}

#[test]
fn the_notice_is_written_as_captured() {
    assert_eq!(downlink::encode_notice(alice()), bytes(NOTICE));
    let Downlink::Notice { queue } = downlink(NOTICE) else { panic!("no notice") };
    assert!(is(&queue, alice()), "{queue:?}");
}

#[test]
fn the_answer_to_a_send_is_written_as_captured() {
    let frame = downlink::encode_send_answer(&SendAnswer {
        status: Status::OK,
        meta_id: 530_238_513_680,
        server_id: Some(1_882_425_564_837_445_633),
        timestamp_ms: 1_795_220_913_741,
    });
    assert_eq!(frame, bytes(SEND_ANSWER));
}

#[test]
fn a_page_is_written_as_captured() {
    let Downlink::Sync(page) = downlink(PAGE) else { panic!("no page") };
    let meta = &page.metas[0];
    assert_eq!(pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap(), captured_body());

    let remainder =
        pb::Meta { ns: meta.ns, payload: meta.payload.clone(), ..Default::default() }.encode_to_vec();
    let element = downlink::encode_meta(
        1_882_425_564_837_445_633,
        JidRef::device(APP, "alice", "webim_web_devA"),
        JidRef::user(APP, "bob"),
        meta.timestamp.unwrap(),
        &remainder,
    );
    let frame = downlink::encode_page(&Page {
        queue: alice(),
        metas: &[element],
        next_key: Some(1_882_425_564_839_542_786),
        timestamp_ms: page.timestamp.unwrap(),
    });
    assert_eq!(frame, bytes(PAGE));
}

#[test]
fn the_empty_last_page_is_written_as_captured() {
    let Downlink::Sync(page) = downlink(LAST_PAGE) else { panic!("no page") };
    assert_eq!((page.metas.len(), page.is_last, page.next_key), (0, Some(true), None));
    let frame = downlink::encode_page(&Page {
        queue: alice(),
        metas: &[],
        next_key: None,
        timestamp_ms: page.timestamp.unwrap(),
    });
    assert_eq!(frame, bytes(LAST_PAGE));
}

/// The login as the capture describes it: strings where the SDK puts strings arrive as 0, one repeated enum is packed
/// and the others are not.
#[test]
fn a_login_of_the_web_sdk_is_read() {
    let details = pb::Provision {
        os_type: Some(pb::provision::OsType::OsOther as i32),
        version: Some("4.21.1".into()),
        compress_type: vec![0],
        encrypt_type: vec![0],
        device_uuid: Some("webim_web_devA".into()),
        device_name: Some("webim_web_devA".into()),
        resource: Some("webim_web_devA".into()),
        action_version: Some("v5.2".into()),
        auth_token: Some(r#"{"token":"$t$YWMtJson"}"#.into()),
        session_id: Some("1795220913258:".into()),
        protocol_compress_type: vec![2],
        ..Default::default()
    };
    let mut frame = pb::MSync {
        version: Some(0),
        guid: Some(JidRef::device(APP, "alice", "webim_web_devA").into()),
        auth: Some("$t$YWMtEnvelope".into()),
        command: Some(pb::m_sync::Command::Provision as i32),
        payload: Some(details.encode_to_vec().into()),
        device_id: Some(0),
        encrypt_type: vec![0],
        trace_id: Some(1),
        ..Default::default()
    };
    let read = |frame: &pb::MSync| match Uplink::decode(&frame.encode_to_vec().into(), 65_536).unwrap() {
        Uplink::Provision(provision) => provision,
        other => panic!("{other:?}"),
    };

    let provision = read(&frame);
    assert!(is(&provision.identity, JidRef::device(APP, "alice", "webim_web_devA")));
    assert_eq!(provision.token().as_deref(), Some("YWMtEnvelope"));
    assert_eq!(provision.resource(), "webim_web_devA");
    assert_eq!(provision.details, details);

    // Without the envelope's token the other one counts; without the marker it is none.
    frame.auth = None;
    assert_eq!(read(&frame).token().as_deref(), Some("YWMtJson"));
    frame.auth = Some("YWMtBare".into());
    assert_eq!(read(&frame).token(), None);
}

#[test]
fn repeated_numbers_are_read_packed_and_unpacked() {
    for packed in [&[0xb2, 0x01, 0x01, 0x02][..], &[0xb0, 0x01, 0x02]] {
        let frame = [&[0x40, 0x03, 0x4a, u8::try_from(packed.len()).unwrap()], packed].concat();
        let Uplink::Provision(provision) = Uplink::decode(&frame.into(), 64).unwrap() else {
            panic!("no login")
        };
        assert_eq!(provision.details.protocol_compress_type, [2]);
    }
}

#[test]
fn a_command_of_a_newer_sdk_is_unknown_and_no_error() {
    let frame = |command: u8| Bytes::from(vec![0x08, 0x00, 0x40, command]);
    assert!(matches!(Uplink::decode(&frame(9), 64), Ok(Uplink::Unknown { command: 9 })));
    assert!(matches!(Uplink::decode(&frame(2), 64), Ok(Uplink::Unknown { command: 2 })));
    assert!(matches!(Downlink::decode(&frame(9), 64), Ok(Downlink::Unknown { command: 9 })));
}
