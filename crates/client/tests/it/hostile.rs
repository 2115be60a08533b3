//! What a hostile or broken server says: each is a typed error or nothing at all, and never a panic.

use std::time::Duration;

use bytes::Bytes;
use client::core::{
    Command, Config, Core, Credential, Failure, HttpAnswer, Input, Now, Outgoing, Output, Reply,
};
use client::{Condition, Conversation, ErrorTable, Event, NewMessage, Resource, State, Timestamp, Username};
use easemob_wire::pb;
use prost::Message as _;

const NOW: Now = Now { elapsed: Duration::ZERO, wall: Timestamp(1_795_220_913_376) };

fn core() -> Core {
    core_that(true)
}

fn core_that(acknowledges_delivery: bool) -> Core {
    let config = Config {
        app_key: "org#app".parse().unwrap(),
        device: Resource::parse("phone").unwrap(),
        files_url: "http://localhost/org/app/chatfiles".into(),
        seed: 1,
        reconnect_limit: Some(2),
        acknowledges_delivery,
        table: ErrorTable::Easemob,
    };
    Core::new(config, NOW)
}

fn log_in(core: &mut Core, credential: Credential) {
    let user = Username::parse("anna").unwrap();
    let command = Command::LogIn { user, credential };
    core.handle(NOW, Input::Command { ticket: 1, command });
}

fn outputs(core: &mut Core) -> Vec<Output> {
    std::iter::from_fn(|| core.poll_output()).collect()
}

fn frame(command: i32, payload: &impl prost::Message) -> Bytes {
    let sync = pb::MSync {
        version: Some(0),
        command: Some(command),
        payload: Some(payload.encode_to_vec().into()),
        ..pb::MSync::default()
    };
    sync.encode_to_vec().into()
}

/// A core whose session stands, and the number of its socket.
fn online() -> (Core, u64) {
    let mut core = core();
    log_in(&mut core, Credential::Token("token".into()));
    let socket = come_online(&mut core);
    (core, socket)
}

/// As [`online`], of a device that writes no receipts.
fn online_and_quiet() -> (Core, u64) {
    let mut core = core_that(false);
    log_in(&mut core, Credential::Token("token".into()));
    let socket = come_online(&mut core);
    (core, socket)
}

/// Carries a login through; gives the number of its socket.
fn come_online(core: &mut Core) -> u64 {
    come_online_until(core, None)
}

/// As [`come_online`]; the server says by its own clock when the token ends.
fn come_online_until(core: &mut Core, end: Option<u64>) -> u64 {
    let socket = outputs(core).iter().find_map(|output| match output {
        Output::Open { socket } => Some(*socket),
        _ => None,
    });
    let socket = socket.expect("it opens a socket");
    core.handle(NOW, Input::Opened { socket });
    let answer = pb::Provision {
        status: Some(pb::Status { error_code: Some(0), ..Default::default() }),
        auth_token: end.map(|end| format!("{{\"expires_in\":{end}}}")),
        ..Default::default()
    };
    core.handle(NOW, Input::Frame { socket, frame: frame(3, &answer) });
    assert_eq!(core.state(), State::Online);
    outputs(core);
    socket
}

fn jid(name: &str) -> pb::Jid {
    pb::Jid { name: Some(name.to_owned()), domain: Some("easemob.com".into()), ..pb::Jid::default() }
}

fn page(metas: Vec<pb::Meta>, next_key: u64) -> pb::CommSyncDl {
    pb::CommSyncDl {
        metas,
        next_key: Some(next_key),
        queue: Some(jid("bert")),
        is_last: Some(false),
        ..Default::default()
    }
}

fn text_meta(id: u64, text: &str) -> pb::Meta {
    let body = pb::MessageBody {
        r#type: Some(1),
        from: Some(jid("bert")),
        to: Some(jid("anna")),
        contents: vec![pb::message_body::Content {
            r#type: Some(0),
            text: Some(text.to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    pb::Meta { id: Some(id), ns: Some(1), payload: Some(body.encode_to_vec().into()), ..Default::default() }
}

fn events(outputs: &[Output]) -> Vec<&Event> {
    let delivered = outputs.iter().filter_map(|output| match output {
        Output::Deliver { arrivals, .. } => Some(arrivals.iter().map(|arrival| &arrival.event)),
        _ => None,
    });
    delivered.flatten().collect()
}

#[test]
fn frames_that_are_none_end_the_connection_and_not_the_process() {
    let good = frame(0, &page(vec![text_meta(7, "hi")], 256));
    let mut frames: Vec<Bytes> = (1..good.len()).map(|length| good.slice(..length)).collect();
    frames.push(Bytes::from_static(&[0xff; 64]));
    // Lengths and numbers that promise more than there is.
    frames.push(Bytes::from_static(&[0x40, 0x00, 0x4a, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    frames.push(Bytes::from(vec![0x0a; 5 << 20]));
    // A hundred thousand empty metas.
    let many = pb::CommSyncDl { metas: vec![pb::Meta::default(); 100_000], ..Default::default() };
    frames.push(frame(0, &many));
    for bad in frames {
        let (mut core, socket) = online();
        core.handle(NOW, Input::Frame { socket, frame: bad.clone() });
        let said = outputs(&mut core);
        if core.state() == State::Online {
            // A prefix may be a whole frame of fewer fields; then it says nothing of what was cut off.
            assert!(events(&said).iter().all(|event| !matches!(event, Event::Message(_))), "{bad:?}");
        } else {
            let lost = events(&said).iter().find_map(|event| match event {
                Event::Disconnected { error, .. } => Some(error.condition()),
                _ => None,
            });
            assert_eq!(lost, Some(Condition::ResponseMalformed));
            assert!(core.poll_timeout().is_some(), "it tries again");
        }
    }
}

#[test]
fn metas_that_mean_nothing_are_skipped_and_the_next_one_is_shown() {
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        vec![0xff; 32],
        // Unknown kinds of message and of content.
        pb::MessageBody { r#type: Some(99), from: Some(jid("bert")), ..Default::default() }.encode_to_vec(),
        // A receipt for nothing, an edit of nothing, names that are none.
        pb::MessageBody {
            r#type: Some(4),
            from: Some(jid("bert")),
            to: Some(jid("anna")),
            ..Default::default()
        }
        .encode_to_vec(),
        pb::MessageBody {
            r#type: Some(8),
            from: Some(jid("bert")),
            to: Some(jid("anna")),
            ..Default::default()
        }
        .encode_to_vec(),
        pb::MessageBody {
            r#type: Some(1),
            from: Some(jid("a/b c")),
            to: Some(jid("anna")),
            ..Default::default()
        }
        .encode_to_vec(),
        br#"{"type":"presence","data":{"values":[1,{"uid":[]},{"uid":"\u0000"}]}}"#.to_vec(),
        br#"{"type":"reaction","data":"x"}"#.to_vec(),
        br#"{"type":7}"#.to_vec(),
        // Nested deeper than anybody reads.
        format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        for name_space in
            [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), Some(77), Some(-1)]
        {
            let (mut core, socket) = online();
            let strange = pb::Meta {
                id: Some(5),
                ns: name_space,
                payload: Some(body.clone().into()),
                ..Default::default()
            };
            let metas = vec![strange, text_meta(7, "after it")];
            core.handle(NOW, Input::Frame { socket, frame: frame(0, &page(metas, 256)) });
            let said = outputs(&mut core);
            let shown = events(&said)
                .iter()
                .any(|event| matches!(event, Event::Message(message) if message.id.0 == 7));
            assert!(shown, "body {index} in {name_space:?}");
            assert_eq!(core.state(), State::Online);
        }
    }
}

#[test]
fn lists_without_end_are_cut_and_numbers_without_sense_are_nothing() {
    let names: Vec<String> = (0..50_000).map(|number| format!("u{number}")).collect();
    let presences: Vec<_> = names.iter().map(|name| serde_json::json!({ "uid": name })).collect();
    let reaction = serde_json::json!({
        "messageId": "7", "to": "anna", "channel_type": "chat",
        "reactions": [{ "reaction": "ok", "count": 1e300, "userList": names }],
    });
    let thread = serde_json::json!({
        "operation": "update_msg", "id": "9", "muc_parent_id": "8", "message_count": -1, "timestamp": "soon",
    });
    let notices = [
        serde_json::json!({ "type": "presence", "data": { "values": presences } }),
        serde_json::json!({ "type": "reaction", "data": [reaction] }),
        serde_json::json!({ "type": "thread", "data": thread }),
        serde_json::json!({ "type": "thread", "data": { "operation": "explode", "id": "9" } }),
    ];
    let (mut core, socket) = online();
    let metas = notices.iter().enumerate().map(|(index, notice)| pb::Meta {
        id: Some(index as u64 + 1),
        ns: Some(5),
        payload: Some(notice.to_string().into_bytes().into()),
        ..Default::default()
    });
    core.handle(NOW, Input::Frame { socket, frame: frame(0, &page(metas.collect(), 256)) });
    let said = outputs(&mut core);
    let told = events(&said);
    let [Event::Presence(present), Event::Reaction { reactions, .. }, Event::Thread(thread)] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert!(present.len() <= 1_000 && reactions[0].users.len() <= 1_000);
    assert_eq!((reactions[0].count, thread.messages, thread.at), (0, 0, Timestamp(0)));
}

#[test]
fn a_clock_that_jumps_breaks_no_session_and_no_message() {
    let (mut core, socket) = online();
    let what = Outgoing::Message(Box::new(NewMessage::text(Conversation::user("bert").unwrap(), "hi")));
    core.handle(NOW, Input::Command { ticket: 2, command: Command::Send { what } });
    outputs(&mut core);
    let mut now = NOW;
    for wall in [NOW.wall.0 - 3_600_000, 0, u64::MAX, NOW.wall.0] {
        now = Now { elapsed: now.elapsed + Duration::from_secs(1), wall: Timestamp(wall) };
        core.handle_timeout(now);
        core.handle(
            now,
            Input::Frame { socket, frame: frame(0, &page(vec![text_meta(wall | 1, "hi")], wall)) },
        );
        assert_eq!(core.state(), State::Online, "{wall}");
        assert!(core.poll_timeout().is_some_and(|due| due > now.elapsed && due < Duration::from_secs(60)));
    }
}

#[test]
fn a_kind_of_content_of_the_future_is_told_by_its_text() {
    let (mut core, socket) = online();
    let mut meta = text_meta(7, "see");
    let mut body = pb::MessageBody::decode(meta.payload.take().unwrap()).unwrap();
    body.contents[0].r#type = Some(42);
    meta.payload = Some(body.encode_to_vec().into());
    core.handle(NOW, Input::Frame { socket, frame: frame(0, &page(vec![meta], 256)) });
    let said = outputs(&mut core);
    let Some(Event::Message(message)) = events(&said).first().copied() else { panic!("{said:?}") };
    assert_eq!(message.content.said, client::Said::Other { readable: "see".into() });
}

#[test]
fn what_comes_twice_is_shown_once_and_acknowledged_twice() {
    let (mut core, socket) = online();
    let mut shown = 0;
    for key in [256, 257] {
        core.handle(NOW, Input::Frame { socket, frame: frame(0, &page(vec![text_meta(7, "hi")], key)) });
        for output in outputs(&mut core) {
            if let Output::Deliver { number, arrivals } = output {
                shown += arrivals.iter().filter(|arrival| matches!(arrival.event, Event::Message(_))).count();
                core.handle(NOW, Input::Delivered { number });
                let acknowledged = outputs(&mut core);
                assert!(acknowledged.iter().any(|output| matches!(output, Output::Frame { .. })), "{key}");
            }
        }
    }
    assert_eq!(shown, 1);
}

#[test]
fn a_server_that_goes_on_without_acknowledgements_is_left() {
    let (mut core, socket) = online();
    let mut pages = 0;
    while core.state() == State::Online {
        pages += 1;
        assert!(pages < 1_000, "it keeps everything");
        let text = "x".repeat(1 << 16);
        core.handle(
            NOW,
            Input::Frame { socket, frame: frame(0, &page(vec![text_meta(pages, &text)], pages)) },
        );
        // The app does not take anything.
        outputs(&mut core);
    }
    assert!((50..=257).contains(&pages), "{pages}");
}

/// The numbers of deliveries that the app has not taken.
fn deliveries(outputs: &[Output]) -> Vec<u64> {
    let number = |output: &Output| match output {
        Output::Deliver { number, .. } => Some(*number),
        _ => None,
    };
    outputs.iter().filter_map(number).collect()
}

#[test]
fn a_slow_app_holds_the_socket_up_and_goes_on_when_it_has_caught_up() {
    let (mut core, socket) = online_and_quiet();
    let mut untaken = Vec::new();
    let mut pages = 0;
    while !core.is_held_up() {
        pages += 1;
        let text = "x".repeat(1 << 16);
        let page = page(vec![text_meta(pages, &text)], pages);
        core.handle(NOW, Input::Frame { socket, frame: frame(0, &page) });
        untaken.extend(deliveries(&outputs(&mut core)));
    }
    assert!((100..=256).contains(&pages), "{pages}");
    // Hours later it is connected still: what the server said meanwhile lies in the socket.
    let later = Now { elapsed: Duration::from_secs(7_200), ..NOW };
    assert!(core.poll_timeout().is_none_or(|due| due > later.elapsed));
    core.handle_timeout(later);
    assert_eq!(core.state(), State::Online);
    core.handle(later, Input::Delivered { number: *untaken.last().unwrap() });
    assert!(!core.is_held_up());
    let next = page(vec![text_meta(9_999, "go on")], 9_999);
    core.handle(later, Input::Frame { socket, frame: frame(0, &next) });
    let said = outputs(&mut core);
    assert!(events(&said).iter().any(|event| matches!(event, Event::Message(_))));
    assert_eq!(core.state(), State::Online);
}

#[test]
fn what_the_app_is_told_of_its_own_messages_does_not_hold_up_what_comes() {
    let (mut core, socket) = online();
    for ticket in 10..610 {
        let what = Outgoing::Message(Box::new(NewMessage::text(Conversation::user("bert").unwrap(), "hi")));
        core.handle(NOW, Input::Command { ticket, command: Command::Send { what } });
    }
    outputs(&mut core);
    core.handle(NOW, Input::Frame { socket, frame: frame(0, &page(vec![text_meta(7, "hi")], 7)) });
    let said = outputs(&mut core);
    assert!(events(&said).iter().any(|event| matches!(event, Event::Message(_))));
    assert!(!core.is_held_up());
    assert_eq!(core.state(), State::Online);
}

#[test]
fn a_slow_app_with_many_conversations_is_brought_no_more_than_it_takes_and_misses_none() {
    let (mut core, socket) = online_and_quiet();
    let queues =
        (0..1_000).map(|number| pb::MetaQueue { queue: Some(jid(&format!("u{number}"))), n: Some(1) });
    let list = pb::CommUnreadDl { unread: queues.collect(), ..Default::default() };
    core.handle(NOW, Input::Frame { socket, frame: frame(1, &list) });
    let (mut shown, mut served, mut untaken) = (0, 0, Vec::new());
    loop {
        let said = outputs(&mut core);
        shown += events(&said).iter().filter(|event| matches!(event, Event::Message(_))).count();
        untaken.extend(deliveries(&said));
        let asked = said.iter().filter(|output| matches!(output, Output::Frame { .. })).count();
        if asked == 0 {
            assert!(untaken.len() <= 256 && !core.is_held_up(), "{}", untaken.len());
            let Some(number) = untaken.pop() else { break };
            untaken.clear();
            core.handle(NOW, Input::Delivered { number });
            continue;
        }
        for _ in 0..asked {
            let last = pb::CommSyncDl {
                queue: Some(jid(&format!("u{served}"))),
                is_last: Some(true),
                ..page(vec![text_meta(100 + served, "hi")], 1)
            };
            served += 1;
            core.handle(NOW, Input::Frame { socket, frame: frame(0, &last) });
        }
    }
    assert_eq!((shown, served, core.state()), (1_000, 1_000, State::Online));
}

#[test]
fn queues_without_end_are_asked_for_a_few_at_a_time() {
    let (mut core, socket) = online();
    let unread =
        (0..2_000).map(|number| pb::MetaQueue { queue: Some(jid(&format!("u{number}"))), n: Some(1) });
    let list = pb::CommUnreadDl { unread: unread.collect(), ..Default::default() };
    for _ in 0..5 {
        core.handle(NOW, Input::Frame { socket, frame: frame(1, &list) });
    }
    let asked = outputs(&mut core).iter().filter(|output| matches!(output, Output::Frame { .. })).count();
    assert!((1..=16).contains(&asked), "{asked}");
}

#[test]
fn answers_to_nothing_are_nothing() {
    let (mut core, socket) = online();
    for meta_id in [1, u64::MAX] {
        let answer = pb::CommSyncDl { meta_id: Some(meta_id), server_id: Some(9), ..Default::default() };
        core.handle(NOW, Input::Frame { socket, frame: frame(0, &answer) });
    }
    // Of a socket that is none of its own.
    core.handle(NOW, Input::Frame { socket: 999, frame: Bytes::from_static(b"x") });
    core.handle(NOW, Input::Gone { socket: 999, failure: Failure::Malformed });
    core.handle(NOW, Input::Answer { request: 999, result: Err(Failure::TimedOut) });
    core.handle(NOW, Input::Delivered { number: u64::MAX });
    assert_eq!(core.state(), State::Online);
}

#[test]
fn answers_of_the_token_route_that_are_none_are_told() {
    let answers = [
        (Ok((200, "")), Condition::ResponseMalformed),
        (Ok((200, "[]")), Condition::ResponseMalformed),
        (Ok((200, "{}")), Condition::ResponseMalformed),
        (Ok((200, r#"{"access_token":7}"#)), Condition::ResponseMalformed),
        (Ok((200, r#"{"access_token":""}"#)), Condition::ResponseMalformed),
        (Ok((302, "")), Condition::ResponseMalformed),
        (Ok((404, "<html>not here</html>")), Condition::NotFound),
        (Ok((500, "")), Condition::ServerFailure),
        (Ok((503, "busy")), Condition::ServerBusy),
        (Ok((999, "")), Condition::UnknownError),
        (Err(Failure::TimedOut), Condition::ServerTimeout),
        (Err(Failure::Unreachable), Condition::ServerUnreachable),
        (Err(Failure::NoNetwork), Condition::NetworkUnavailable),
        (Err(Failure::Malformed), Condition::ResponseMalformed),
        (Err(Failure::Redirects), Condition::UrlInvalid),
    ];
    for (answer, condition) in answers {
        let mut core = core();
        log_in(&mut core, Credential::Password("pw".into()));
        let request = outputs(&mut core).iter().find_map(|output| match output {
            Output::Request { request, .. } => Some(*request),
            _ => None,
        });
        let result = answer.map(|(status, body): (u16, &str)| HttpAnswer {
            status,
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..HttpAnswer::default()
        });
        core.handle(NOW, Input::Answer { request: request.unwrap(), result });
        let said = outputs(&mut core);
        let Some(Output::Reply { ticket: 1, result: Err(error) }) = said.first() else { panic!("{said:?}") };
        assert_eq!(error.condition(), condition);
        assert_eq!(core.state(), State::LoggedOut);
    }
}

#[test]
fn a_renewal_that_is_answered_late_does_not_become_the_next_users_token() {
    fn renew(core: &mut Core, ticket: u64, token: &str) -> u64 {
        let command = Command::RenewToken(client::core::Secret::new(token));
        core.handle(NOW, Input::Command { ticket, command });
        let request = outputs(core).iter().find_map(|output| match output {
            Output::Request { request, .. } => Some(*request),
            _ => None,
        });
        request.expect("it asks the server")
    }
    let answer = || {
        let body = Bytes::from(format!(r#"{{"expire_timestamp":{}}}"#, NOW.wall.0 + 1_000_000));
        Ok(HttpAnswer { status: 200, body, ..HttpAnswer::default() })
    };
    let (mut core, socket) = online();
    let of_anna = renew(&mut core, 5, "annas-new");
    core.handle(NOW, Input::Command { ticket: 6, command: Command::LogOut });
    core.handle(NOW, Input::Gone { socket, failure: Failure::Interrupted });
    assert_eq!(core.state(), State::LoggedOut);
    let user = Username::parse("bert").unwrap();
    let command = Command::LogIn { user, credential: Credential::Token("berts".into()) };
    core.handle(NOW, Input::Command { ticket: 7, command });
    come_online(&mut core);
    let of_bert = renew(&mut core, 8, "berts-new");

    core.handle(NOW, Input::Answer { request: of_anna, result: answer() });
    let said = outputs(&mut core);
    let Some(Output::Reply { ticket: 5, result: Err(error) }) = said.first() else { panic!("{said:?}") };
    assert_eq!((error.condition(), core.token()), (Condition::RequestAborted, Some("berts")));
    core.handle(NOW, Input::Answer { request: of_bert, result: answer() });
    let said = outputs(&mut core);
    assert!(matches!(said.first(), Some(Output::Reply { ticket: 8, result: Ok(Reply::Done) })), "{said:?}");
    assert_eq!(core.token(), Some("berts-new"));
}

#[test]
fn a_login_against_silence_ends_after_three_connections() {
    let mut core = core();
    log_in(&mut core, Credential::Token("token".into()));
    let mut opened = 0;
    loop {
        for output in outputs(&mut core) {
            match output {
                Output::Open { socket } => {
                    opened += 1;
                    core.handle(NOW, Input::Opened { socket });
                }
                Output::Reply { result, .. } => {
                    assert_eq!(result.unwrap_err().condition(), Condition::ServerTimeout);
                    assert_eq!((opened, core.state()), (3, State::LoggedOut));
                    return;
                }
                _ => {}
            }
        }
        let elapsed = core.poll_timeout().expect("it goes on");
        core.handle_timeout(Now { elapsed, wall: NOW.wall });
    }
}

#[test]
fn after_the_last_attempt_the_session_is_over_and_what_waited_has_failed() {
    let (mut core, socket) = online();
    let what = Outgoing::Message(Box::new(NewMessage::text(Conversation::user("bert").unwrap(), "hi")));
    core.handle(NOW, Input::Command { ticket: 2, command: Command::Send { what } });
    core.handle(NOW, Input::Gone { socket, failure: Failure::Interrupted });
    let mut pauses = Vec::new();
    let mut now = NOW;
    while core.state() == State::Offline {
        let before = now.elapsed;
        now.elapsed = core.poll_timeout().expect("it goes on");
        core.handle_timeout(now);
        for output in outputs(&mut core) {
            match output {
                Output::Open { socket } => {
                    pauses.push(now.elapsed - before);
                    core.handle(now, Input::Gone { socket, failure: Failure::Unreachable });
                }
                Output::Reply { ticket, result } => {
                    assert_eq!(ticket, 2);
                    assert_eq!(result.unwrap_err().condition(), Condition::MessageSendFailed);
                }
                _ => {}
            }
        }
    }
    assert_eq!(core.state(), State::LoggedOut);
    assert_eq!(pauses.len(), 2);
    assert!(pauses.iter().all(|pause| (1_000..2_000).contains(&pause.as_millis())), "{pauses:?}");
    let said = outputs(&mut core);
    let over = events(&said).into_iter().find_map(|event| match event {
        Event::LoggedOut { error } => Some((error.condition(), error.code())),
        _ => None,
    });
    assert!(over.is_none_or(|over| over.0 == Condition::RetriesExhausted), "{over:?}");
}

#[test]
fn a_token_is_warned_of_and_ends_whatever_the_devices_clock_says() {
    let mut core = core();
    log_in(&mut core, Credential::Token("token".into()));
    let socket = come_online_until(&mut core, Some(NOW.wall.0 + 100_000));
    // The server's clock is an hour behind this device's: the token has an hour more.
    let unread = pb::CommUnreadDl { timestamp: Some(NOW.wall.0 - 3_600_000), ..Default::default() };
    core.handle(NOW, Input::Frame { socket, frame: frame(1, &unread) });
    let mut told = Vec::new();
    let mut now = NOW;
    while core.state() == State::Online {
        now.elapsed = core.poll_timeout().expect("it goes on");
        // A clock that jumps about changes nothing.
        now.wall = Timestamp(now.wall.0 ^ (1 << 40));
        core.handle_timeout(now);
        // The server is there.
        core.handle(now, Input::Frame { socket, frame: frame(2, &pb::CommNotice::default()) });
        for event in events(&outputs(&mut core)) {
            match event {
                Event::TokenWillExpire { expires_in, .. } => {
                    told.push((now.elapsed.as_secs(), expires_in.as_secs()));
                }
                Event::LoggedOut { error } => {
                    assert_eq!(error.condition(), Condition::TokenExpired);
                    told.push((now.elapsed.as_secs(), 0));
                }
                _ => {}
            }
        }
    }
    assert_eq!(told, [(1_850, 1_850), (3_700, 0)]);
}

#[test]
fn a_clock_that_is_ahead_of_a_tokens_end_logs_nobody_out() {
    let mut core = core();
    log_in(&mut core, Credential::Token("token".into()));
    come_online_until(&mut core, Some(NOW.wall.0 - 1));
    // The server has not said what time it is.
    let mut now = NOW;
    now.elapsed = core.poll_timeout().expect("silence is noticed").max(now.elapsed);
    core.handle_timeout(now);
    assert_eq!(core.state(), State::Online);
}

#[test]
fn too_many_messages_at_once_are_refused_and_none_is_forgotten() {
    let (mut core, _) = online();
    let mut refused = 0;
    for ticket in 10..1_110 {
        let what = Outgoing::Message(Box::new(NewMessage::text(Conversation::user("bert").unwrap(), "hi")));
        core.handle(NOW, Input::Command { ticket, command: Command::Send { what } });
        for output in outputs(&mut core) {
            if let Output::Reply { result, .. } = output {
                assert_eq!(result.unwrap_err().condition(), Condition::OperationInFlight);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 100);
    core.handle(NOW, Input::Command { ticket: 9_999, command: Command::Close });
    let replies =
        outputs(&mut core).into_iter().filter(|output| matches!(output, Output::Reply { .. })).count();
    assert_eq!(replies, 1_001);
    assert_eq!(core.state(), State::Closed);
}

#[test]
fn a_message_that_is_too_large_is_refused_before_it_is_sent() {
    let (mut core, _) = online();
    let text = "x".repeat(1 << 20);
    let what = Outgoing::Message(Box::new(NewMessage::text(Conversation::user("bert").unwrap(), text)));
    core.handle(NOW, Input::Command { ticket: 2, command: Command::Send { what } });
    let said = outputs(&mut core);
    let refused = said.iter().find_map(|output| match output {
        Output::Reply { result: Err(error), .. } => Some(error.condition()),
        _ => None,
    });
    assert_eq!(refused, Some(Condition::MessageTooLarge));
    let reply_is_no_success =
        |output: &Output| !matches!(output, Output::Reply { result: Ok(Reply::Sent(_)), .. });
    assert!(said.iter().all(reply_is_no_success));
}

#[test]
fn no_secret_is_shown_in_logs() {
    let mut core = core();
    log_in(&mut core, Credential::Token("very-secret".into()));
    let command = Command::RenewToken(client::core::Secret::new("very-secret"));
    let shown = format!("{core:?} {command:?} {:?}", Credential::Password("very-secret".into()));
    assert!(!shown.contains("very-secret"), "{shown}");
    let body = Bytes::from_static(br#"{"access_token":"very-secret"}"#);
    let answer = HttpAnswer { status: 200, body, ..HttpAnswer::default() };
    assert!(!format!("{answer:?}").contains("very-secret"));
}
