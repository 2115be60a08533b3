//! What keyword lists and the app's own server make of a message before it goes out (easemob-rest.md 3.18, 5.2).

use std::collections::VecDeque;
use std::sync::Arc;

use app::ports::{CallFailed, HookCall, Ports, PreSend};
use async_trait::async_trait;
use bytes::Bytes;
use domain::app::Settings;
use domain::hook::{self, Fallback, RuleKind, RuleSpec};
use domain::keyword::{ListSpec, WordAction};
use easemob::hooks::EasemobForms;
use easemob_wire::JidRef;
use easemob_wire::client::{Downlink, encode_message};
use easemob_wire::pb;
use easemob_wire::pb::status::ErrorCode;
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::Value;

use super::house::{APP, House, about, text_body};

/// The app's own server: answers in turn, and remembers what it was asked.
#[derive(Debug, Default)]
struct Server {
    answers: Mutex<VecDeque<Result<&'static str, CallFailed>>>,
    asked: Mutex<Vec<Value>>,
    /// Makes storage fail from the next question on.
    breaks: Mutex<Option<Fails>>,
}

type Fails = Arc<Mutex<Option<kv::KvError>>>;

#[async_trait]
impl PreSend for Server {
    async fn ask(&self, call: HookCall) -> Result<Bytes, CallFailed> {
        self.asked.lock().push(serde_json::from_slice(&call.body).unwrap());
        if let Some(fails) = self.breaks.lock().take() {
            *fails.lock() = Some(kv::KvError::Busy);
        }
        let answer = self.answers.lock().pop_front().expect("the server was asked once too often");
        answer.map(Bytes::from)
    }
}

impl Server {
    fn answers(&self, answer: &'static str) {
        self.answers.lock().push_back(Ok(answer));
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().len()
    }
}

fn house(rule: hook::PreSend) -> (House, Arc<Server>) {
    let server = Arc::new(Server::default());
    let (forms, pre_send) = (Arc::new(EasemobForms), Arc::clone(&server) as Arc<dyn PreSend>);
    let ports = Ports { forms, pre_send, ..Ports::default() };
    let house = House::with_ports(Settings::default(), ports);
    let spec = RuleSpec {
        name: "filter".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: None,
        kind: RuleKind::PreSend(rule),
    };
    house.wait(house.use_cases.add_hook(&APP.parse().unwrap(), spec)).unwrap();
    (house, server)
}

fn reporting() -> hook::PreSend {
    hook::PreSend { report: true, ..hook::PreSend::default() }
}

fn status(answer: &pb::CommSyncDl) -> (ErrorCode, &str, &str) {
    let status = answer.status.as_ref().unwrap();
    (status.error_code(), status.reason(), status.condition())
}

#[test]
fn a_message_that_the_owner_refuses_reaches_nobody_and_its_sender_reads_why() {
    let (house, server) = house(reporting());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    for (answer, expected) in [
        (r#"{"valid":false,"code":"no ads"}"#, ("no ads", "blocked_by_webhook")),
        (r#"{"valid":false,"code":""}"#, ("", "blocked_by_webhook")),
        (r#"{"valid":false}"#, ("custom logic denied", "webhook_denied")),
    ] {
        server.answers(answer);
        let refused = alice.send_text("bob", answer);
        assert_eq!(status(&refused), (ErrorCode::PermissionDeniedExternal, expected.0, expected.1));
        assert_eq!(refused.server_id, None);
    }
    let asked = server.asked.lock()[0].clone();
    assert_eq!(
        (&asked["from"], &asked["to"], &asked["chat_type"]),
        (&"alice".into(), &"bob".into(), &"chat".into())
    );
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    assert!(bob.shown().is_empty());
}

#[test]
fn a_message_is_asked_about_in_its_environment_and_else_by_default() {
    let (house, server) = house(reporting());
    let spec = RuleSpec {
        name: "staging".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: model::Environment::parse("staging"),
        kind: RuleKind::PreSend(reporting()),
    };
    let staging = house.wait(house.use_cases.add_hook(&APP.parse().unwrap(), spec)).unwrap();
    let (mut alice, _bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    let mut say = |env: Option<easemob_wire::Value>| {
        let ext = env.into_iter().map(|env| env.with_key("env")).collect();
        let sent = alice.send_body("bob", &pb::MessageBody { ext, ..text_body("hi") });
        assert!(sent.server_id.is_some(), "{sent:?}");
    };
    let text = |text: &str| Some(easemob_wire::Value::Text(text.to_owned()));
    server.answers(r#"{"valid":true}"#);
    say(text("staging"));
    // Nobody goes by the app's server by naming an environment that it has not.
    server.answers(r#"{"valid":true}"#);
    say(text("other"));
    // An app's own use of the key.
    for not_one in [None, text("our staging area"), Some(easemob_wire::Value::Int(7))] {
        server.answers(r#"{"valid":true}"#);
        say(not_one);
    }
    let asked = server.asked.lock();
    let by_staging = |question: &Value| {
        let signed =
            format!("{}{}{}", question["callId"].as_str().unwrap(), staging.secret.0, question["timestamp"]);
        question["security"] == md5_of(&signed)
    };
    assert_eq!(asked.iter().map(by_staging).collect::<Vec<_>>(), [true, false, false, false, false]);
}

fn md5_of(text: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn without_report_a_refused_message_looks_sent() {
    let (house, server) = house(hook::PreSend::default());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    server.answers(r#"{"valid":false,"code":"no ads"}"#);
    let answer = alice.send_text("bob", "buy this");
    assert_eq!(status(&answer).0, ErrorCode::Ok);
    assert!(answer.server_id() > 0);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    assert!(bob.shown().is_empty());
}

#[test]
fn a_rewritten_message_is_shown_so_to_everybody_its_sender_included() {
    let (house, server) = house(reporting());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    server.answers(r#"{"valid":true,"payload":{"bodies":[{"type":"txt","msg":"***"}]}}"#);
    let answer = alice.send_text("bob", "rude");
    assert_eq!(status(&answer).0, ErrorCode::Ok);
    let own = &answer.metas[0];
    assert_eq!((own.id(), own.ns()), (answer.server_id(), pb::meta::NameSpace::Chat));
    let body = pb::MessageBody::decode(own.payload.clone().unwrap()).unwrap();
    assert_eq!(body.contents[0].text(), "***");

    house.settle(&mut [&mut alice, &mut bob]);
    let said = bob.react();
    assert_eq!(bob.shown(), ["***"]);
    let page = said.iter().find_map(|frame| match frame {
        Downlink::Sync(sync) => sync.metas.first(),
        _ => None,
    });
    assert_eq!(page.unwrap().meta(), br#"{"callback_replace":true}"#);
    assert_eq!(
        page.unwrap().id(),
        server.asked.lock()[0]["msg_id"].as_str().unwrap().parse::<u64>().unwrap()
    );
}

#[test]
fn a_server_that_does_not_answer_holds_nobody_up_unless_the_rule_says_so() {
    let timeout = || Err(CallFailed::Timeout(std::time::Duration::from_millis(200)));
    for (on_failure, answer, expected) in [
        (Fallback::Deliver, timeout(), (ErrorCode::Ok, "", "")),
        (Fallback::Deliver, Ok("nonsense"), (ErrorCode::Ok, "", "")),
        (
            Fallback::Refuse,
            timeout(),
            (ErrorCode::PermissionDeniedExternal, "custom internal error", "webhook_failed"),
        ),
        (
            Fallback::Refuse,
            Ok("{}"),
            (ErrorCode::PermissionDeniedExternal, "custom internal error", "webhook_failed"),
        ),
    ] {
        let (house, server) = house(hook::PreSend { on_failure, ..reporting() });
        house.register("bob");
        let mut alice = house.log_in("alice", "webim_web_a");
        server.answers.lock().push_back(answer);
        assert_eq!(status(&alice.send_text("bob", "hi")), expected, "{on_failure:?}");
    }
}

#[test]
fn the_owner_is_asked_once_for_each_message_however_often_it_is_sent() {
    let (house, server) = house(reporting());
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    alice.said();
    for answer in [r#"{"valid":true}"#, r#"{"valid":false,"code":"no"}"#] {
        server.answers(answer);
        let asked = server.times_asked() + 1;
        let frame = alice.text("bob", answer);
        let mut said = Vec::new();
        for _ in 0..3 {
            alice.frame(frame.clone());
            said.extend(alice.said());
            assert_eq!(server.times_asked(), asked);
        }
        let first = format!("{:?}", status_of(&said[0]));
        assert!(said.iter().all(|frame| format!("{:?}", status_of(frame)) == first), "{said:?}");
    }
}

fn status_of(frame: &Downlink) -> (ErrorCode, Option<u64>) {
    match frame {
        Downlink::Sync(sync) => (status(sync).0, sync.server_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_rule_does_not_name_is_not_asked_about() {
    let (house, server) = house(hook::PreSend { types: vec![hook::MessageType::Image], ..reporting() });
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    assert_eq!(status(&alice.send_text("bob", "hi")).0, ErrorCode::Ok);
    // A message that cannot be sent at all is nobody's to look at.
    house.wait(house.use_cases.remove_hook(&APP.parse().unwrap(), "filter")).unwrap();
    assert_eq!(status(&alice.send_text("nobody", "hi")).2, "user_not_found");
    assert_eq!(server.times_asked(), 0);
}

fn list(house: &House, action: WordAction, words: &[&str]) {
    let spec = ListSpec { name: format!("{action:?}"), kind: None, action, whole_text: false, enabled: true };
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let app = APP.parse().unwrap();
    house.wait(house.use_cases.create_keyword_list(&app, &spec, &words, "")).unwrap();
}

// easemob-rest.md 8.2: client code 501.
#[test]
fn a_forbidden_word_is_refused_and_a_replaceable_one_is_shown_replaced_to_everybody() {
    let (house, server) = house(reporting());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    list(&house, WordAction::Refuse, &["casino"]);
    list(&house, WordAction::Replace, &["darn"]);
    let refused = alice.send_text("bob", "the ＣＡＳＩＮＯ");
    assert_eq!((status(&refused).0 as i32, status(&refused).1), (7, "sensitive words"));
    assert_eq!(status(&refused).2, "message_content_rejected");
    assert_eq!(server.times_asked(), 0, "the owner's server does not see it");

    server.answers(r#"{"valid":true}"#);
    let answer = alice.send_text("bob", "Darn it");
    let body = pb::MessageBody::decode(answer.metas[0].payload.clone().unwrap()).unwrap();
    assert_eq!(body.contents[0].text(), "*** it");
    assert_eq!(server.asked.lock()[0]["payload"]["bodies"][0]["msg"], "*** it");
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["*** it"]);
}

#[test]
fn a_list_that_changes_is_in_force_at_once() {
    let (house, server) = house(hook::PreSend { types: vec![hook::MessageType::Image], ..reporting() });
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    let app = APP.parse().unwrap();
    list(&house, WordAction::Refuse, &["one"]);
    assert_eq!(status(&alice.send_text("bob", "one")).2, "message_content_rejected");
    let number = house.wait(house.use_cases.keyword_lists(&house.tenant())).unwrap()[0].0;
    assert_eq!(status(&alice.send_text("bob", "two")).0, ErrorCode::Ok);
    house.wait(house.use_cases.add_keywords(&app, number, &["two".to_owned()], "")).unwrap();
    assert_eq!(status(&alice.send_text("bob", "two")).2, "message_content_rejected");
    house.wait(house.use_cases.remove_keyword_list(&app, number)).unwrap();
    assert_eq!(status(&alice.send_text("bob", "one")).0, ErrorCode::Ok);
    assert_eq!(server.times_asked(), 0);
}

// Messages are found by the order of their ids: one that goes out late must not get the id that it was asked about.
#[test]
fn a_message_that_was_answered_for_long_ago_goes_out_under_a_new_id() {
    let (house, server) = house(reporting());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    server.answers(r#"{"valid":true}"#);
    let send = |alice: &mut super::house::Client<'_>, id: u64| {
        alice.frame(encode_message(id, JidRef::user(APP, "bob"), &text_body("hi")));
        alice.answer(id)
    };
    *server.breaks.lock() = Some(Arc::clone(&house.kv.fails));
    assert_eq!(status(&send(&mut alice, 7)).2, "server_busy");
    house.pass(30 * 60 * 1_000);
    *house.kv.fails.lock() = None;
    // Newer ones came meanwhile, enough that an id is searched for by order.
    for id in 100..200 {
        server.answers(r#"{"valid":true}"#);
        bob.frame(encode_message(id, JidRef::user(APP, "alice"), &text_body("hi")));
        assert_eq!(status(&bob.answer(id)).0, ErrorCode::Ok);
    }
    let late = send(&mut alice, 7);
    assert_eq!((status(&late).0, server.times_asked()), (ErrorCode::Ok, 101));
    for id in 200..300 {
        server.answers(r#"{"valid":true}"#);
        bob.frame(encode_message(id, JidRef::user(APP, "alice"), &text_body("hi")));
        bob.answer(id);
    }
    let recall = about(pb::message_body::Type::Recall, Some(late.server_id()));
    assert_eq!(status(&alice.send_body("bob", &recall)).0, ErrorCode::Ok, "it is found by its id");
}

// Otherwise a harmless message could be sent and then made to say anything.
#[test]
fn what_a_message_is_changed_to_is_looked_at_as_if_it_were_said_now() {
    let (house, server) = house(reporting());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    server.answers(r#"{"valid":true}"#);
    let id = alice.send_text("bob", "hi").server_id();
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    list(&house, WordAction::Refuse, &["casino"]);
    list(&house, WordAction::Replace, &["darn"]);
    let edit_to = |text: &str| pb::MessageBody {
        r#type: Some(pb::message_body::Type::Edit.into()),
        edit_message_id: Some(id),
        ..text_body(text)
    };
    let refused = alice.send_body("bob", &edit_to("the casino"));
    assert_eq!(status(&refused).2, "message_content_rejected");
    server.answers(r#"{"valid":false,"code":"no ads"}"#);
    let refused = alice.send_body("bob", &edit_to("buy this"));
    assert_eq!((status(&refused).1, status(&refused).2), ("no ads", "blocked_by_webhook"));
    house.settle(&mut [&mut alice, &mut bob]);
    assert!(bob.react().is_empty());

    server.answers(r#"{"valid":true}"#);
    alice.frame(encode_message(77, JidRef::user(APP, "bob"), &edit_to("darn it")));
    assert_eq!(status(&alice.answer(77)).0, ErrorCode::Ok);
    assert_eq!(server.asked.lock()[2]["payload"]["bodies"][0]["msg"], "*** it");
    house.settle(&mut [&mut alice, &mut bob]);
    let told = bob.react().into_iter().find_map(|frame| match frame {
        Downlink::Sync(sync) => sync.metas.first().cloned(),
        _ => None,
    });
    let notice = pb::MessageBody::decode(told.unwrap().payload.unwrap()).unwrap();
    assert_eq!((notice.contents[0].text(), notice.edit_message_id()), ("*** it", id));
    alice.frame(encode_message(77, JidRef::user(APP, "bob"), &edit_to("darn it")));
    assert_eq!(status(&alice.answer(77)).0, ErrorCode::Ok);
    assert_eq!(server.times_asked(), 3, "a repeat is not asked about again");
}
