//! What one side writes, the other reads.

use bytes::Bytes;
use easemob_wire::client::{self, Downlink, Login};
use easemob_wire::downlink::{self, ErrorCode, KickOperation, Page, Provision, SendAnswer, Status};
use easemob_wire::uplink::{BodyKind, Names};
use easemob_wire::{EVENT_QUEUE, GROUP_DOMAIN, JidRef, Uplink, pb};
use proptest::prelude::*;
use prost::Message;

const LIMIT: usize = 1024 * 1024;

fn sync_answer(frame: &Bytes) -> pb::CommSyncDl {
    match Downlink::decode(frame, LIMIT).unwrap() {
        Downlink::Sync(answer) => answer,
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Option<String> {
    if text.is_empty() { None } else { Some(text.to_owned()) }
}

proptest! {
    #[test]
    fn a_refused_send_says_why(
        code in prop::sample::select(vec![ErrorCode::Fail, ErrorCode::PermissionDenied, ErrorCode::ResourceChanged]),
        reason in ".{0,200}", condition in "[a-z_]{0,30}", trace in "[0-9a-f]{0,32}",
        retry_after_ms in any::<Option<u64>>(), meta_id: u64, server_id: Option<u64>, timestamp_ms: u64,
    ) {
        let status = Status { code, reason: &reason, condition: &condition, trace: &trace, retry_after_ms };
        let frame = downlink::encode_send_answer(&SendAnswer { status, meta_id, server_id, timestamp_ms });
        let expected = pb::CommSyncDl {
            status: Some(pb::Status {
                error_code: Some(code as i32),
                reason: text(&reason),
                condition: text(&condition),
                trace: text(&trace),
                retry_after_ms,
                ..Default::default()
            }),
            meta_id: Some(meta_id),
            server_id,
            timestamp: Some(timestamp_ms),
            ..Default::default()
        };
        // Byte for byte what the general encoder makes of it.
        prop_assert_eq!(pb::MSync::decode(frame.clone()).unwrap().payload.unwrap(), expected.encode_to_vec());
        prop_assert_eq!(sync_answer(&frame), expected);
    }

    #[test]
    fn a_page_holds_its_messages_in_order(
        metas in prop::collection::vec((any::<u64>(), "[a-z]{1,64}", "[a-z0-9_]{0,128}", any::<u64>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
        next_key: Option<u64>, timestamp_ms: u64,
    ) {
        let queue = JidRef::group("org#app", "12345");
        let (mut elements, mut expected) = (Vec::new(), Vec::new());
        for (id, name, resource, at, payload) in &metas {
            let from = JidRef::device("org#app", name, resource);
            let sent = pb::Meta { ns: Some(1), payload: Some(payload.clone().into()), ..Default::default() };
            elements.push(downlink::encode_meta(*id, from, queue, *at, &sent.encode_to_vec()));
            expected.push(pb::Meta {
                id: Some(*id),
                from: Some(from.into()),
                to: Some(queue.into()),
                timestamp: Some(*at),
                ..sent
            });
        }
        let page = sync_answer(&downlink::encode_page(&Page { queue, metas: &elements, next_key, timestamp_ms }));
        prop_assert_eq!(page.metas, expected);
        prop_assert_eq!(page.queue, Some(queue.into()));
        prop_assert_eq!((page.next_key, page.is_last), (next_key, Some(next_key.is_none())));
        prop_assert_eq!((page.meta_id, page.timestamp), (None, Some(timestamp_ms)));
    }

    #[test]
    fn an_unread_answer_lists_its_queues(
        queues in prop::collection::vec(("[a-z]{1,64}", any::<u32>()), 0..40), timestamp_ms: u64,
    ) {
        let listed: Vec<_> = queues.iter().map(|(name, n)| (JidRef::user("org#app", name), *n)).collect();
        let frame = downlink::encode_unread(&Status::OK, &listed, timestamp_ms);
        let Downlink::Unread(answer) = Downlink::decode(&frame, LIMIT).unwrap() else { panic!("no unread answer") };
        let expected: Vec<_> =
            listed.iter().map(|(queue, n)| pb::MetaQueue { queue: Some((*queue).into()), n: Some(*n) }).collect();
        prop_assert_eq!(answer.unread, expected);
        prop_assert_eq!(answer.timestamp, Some(timestamp_ms));
    }

    #[test]
    fn a_sync_arrives(name in "[a-z0-9]{1,64}", key: Option<u64>) {
        let frame = client::encode_sync(JidRef::user("org#app", &name), key);
        let Uplink::Sync { queue, key: arrived } = Uplink::decode(&frame, LIMIT).unwrap() else { panic!("no sync") };
        prop_assert_eq!((queue.app_key.as_str(), queue.name.as_str(), arrived), ("org#app", &*name, key));
        prop_assert!(!queue.is_group());
    }

    #[test]
    fn a_text_goes_from_client_to_client(client_id: u64, message in ".{0,400}", id: u64, at: u64) {
        let sent = client::encode_text(client_id, "anything", JidRef::user("org#app", "Bob"), &message);
        let Uplink::Send(send) = Uplink::decode(&sent, LIMIT).unwrap() else { panic!("no send") };
        prop_assert_eq!(send.client_id, client_id);
        let clean = send.clean(Names { sender: "alice", target: "bob" }).unwrap();
        prop_assert_eq!(clean.kind, BodyKind::Chat);

        let queue = JidRef::user("org#app", "alice");
        let element = downlink::encode_meta(id, queue, JidRef::user("org#app", "bob"), at, &clean.remainder);
        let page = Page { queue, metas: &[element], next_key: Some(1), timestamp_ms: at };
        let page = sync_answer(&downlink::encode_page(&page));
        let body = pb::MessageBody::decode(page.metas[0].payload.clone().unwrap()).unwrap();
        prop_assert_eq!(body.contents[0].text(), message);
        prop_assert_eq!(body.from, Some(JidRef::bare("alice").into()));
    }
}

#[test]
fn a_login_and_its_answer_arrive() {
    let login = Login {
        app_key: "org#app",
        user: "alice",
        resource: "phone",
        token: "YWMt",
        version: "1.0",
        reason: "a new phone",
    };
    let Uplink::Provision(provision) = Uplink::decode(&client::encode_provision(&login), LIMIT).unwrap()
    else {
        panic!("no login")
    };
    assert_eq!(provision.identity.name.as_str(), "alice");
    assert_eq!((provision.resource(), provision.token().as_deref()), ("phone", Some("YWMt")));
    assert_eq!(provision.details.reason(), "a new phone");

    let answer = Provision {
        resource: "phone",
        session_id: "1:",
        version: "1.0",
        device_uuid: "d",
        token_expires_at_ms: Some(1_800_404_913_192),
        ..Default::default()
    };
    let Downlink::Provision(read) = Downlink::decode(&downlink::encode_provision(&answer), LIMIT).unwrap()
    else {
        panic!("no answer")
    };
    let expected = pb::Provision {
        status: Some(pb::Status { error_code: Some(0), ..Default::default() }),
        version: Some("1.0".into()),
        device_uuid: Some("d".into()),
        resource: Some("phone".into()),
        auth_token: Some("{\"expires_in\":1800404913192}".into()),
        session_id: Some("1:".into()),
        ..Default::default()
    };
    assert_eq!(*read, expected);
    // In the order and form of the captured answer.
    let payload = pb::MSync::decode(downlink::encode_provision(&answer)).unwrap().payload.unwrap();
    assert_eq!(payload, expected.encode_to_vec());
}

#[test]
fn a_refused_login_says_why_and_starts_no_timer() {
    let status = Status { code: ErrorCode::ImForbidden, reason: "off", ..Status::OK };
    let frame = downlink::encode_provision(&Provision { status, ..Default::default() });
    let Downlink::Provision(answer) = Downlink::decode(&frame, LIMIT).unwrap() else { panic!("no answer") };
    let status = answer.status.unwrap();
    assert_eq!((status.error_code, status.reason()), (Some(12), "off"));
    assert_eq!(answer.auth_token, None);
}

#[test]
fn a_displaced_device_learns_what_the_newer_one_said() {
    let user = JidRef::user("org#app", "alice");
    let frame = downlink::encode_kick(9, user, KickOperation::UserLoginAnotherDevice, "a new phone", 5);
    let page = sync_answer(&frame);
    assert_eq!((page.queue, page.is_last), (Some(user.into()), Some(true)));
    let meta = &page.metas[0];
    assert_eq!((meta.id, meta.ns, meta.timestamp), (Some(9), Some(0), Some(5)));
    let body = pb::StatisticsBody::decode(meta.payload.clone().unwrap()).unwrap();
    assert_eq!((body.operation, body.reason()), (Some(2), "a new phone"));
}

#[test]
fn a_refused_sync_still_ends_the_queue() {
    let queue = JidRef::events("org#app");
    let status = Status { code: ErrorCode::Fail, condition: "server_busy", ..Status::OK };
    let answer = sync_answer(&downlink::encode_sync_refused(&status, queue, 5));
    assert_eq!((answer.is_last, answer.meta_id), (Some(true), None));
    assert_eq!(answer.queue.unwrap().name(), EVENT_QUEUE);
    assert_eq!(answer.status.unwrap().condition(), "server_busy");
}

#[test]
fn a_client_asks_for_its_queues_and_says_goodbye() {
    assert!(matches!(Uplink::decode(&client::encode_unread(), LIMIT), Ok(Uplink::Unread)));
    let Ok(Uplink::Logout { reason }) = Uplink::decode(&client::encode_logout("inner:logout"), LIMIT) else {
        panic!("no logout")
    };
    assert_eq!(reason.as_str(), "inner:logout");
}

#[test]
fn a_text_to_a_group_is_a_group_message() {
    let frame = client::encode_text(1, "alice", JidRef::group("org#app", "123"), "hi");
    let Ok(Uplink::Send(send)) = Uplink::decode(&frame, LIMIT) else { panic!("no send") };
    assert!(send.to.is_group() && send.to.domain.as_str() == GROUP_DOMAIN);
    let clean = send.clean(Names { sender: "alice", target: "123" }).unwrap();
    assert_eq!(clean.kind, BodyKind::GroupChat);
}
