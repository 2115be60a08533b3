//! What an app's own server is told of what happened (easemob-rest.md 5.3 to 5.7).

use std::sync::Arc;

use app::ports::{CallFailed, Callbacks, HookCall, Ports};
use app::{By, CreateThread};
use async_trait::async_trait;
use domain::app::Settings;
use domain::group::UpdateGroup;
use domain::hook::{EventFormat, EventType, PostSend, PushRule, RuleKind, RuleSpec};
use domain::post::Post;
use domain::push::Bind;
use easemob::hooks::EasemobForms;
use easemob_wire::pb;
use easemob_wire::pb::message_body::Type;
use md5::{Digest as _, Md5};
use model::{Environment, MessageId};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::back_end::POST;
use super::groups::{group, say};
use super::history::edit_of;
use super::house::{APP, House, about, text_body};

/// The app's own server.
#[derive(Debug, Default)]
struct Server(Mutex<Vec<Value>>);

#[async_trait]
impl Callbacks for Server {
    async fn tell(&self, call: HookCall) -> Result<(), CallFailed> {
        self.0.lock().push(serde_json::from_slice(&call.body).unwrap());
        Ok(())
    }
}

fn house(events: &[EventType], format: EventFormat) -> (House, Arc<Server>) {
    let server = Arc::new(Server::default());
    let (forms, callbacks) = (Arc::new(EasemobForms), Arc::clone(&server) as Arc<dyn Callbacks>);
    let house = House::with_ports(Settings::default(), Ports { forms, callbacks, ..Ports::default() });
    let post = PostSend { events: events.to_vec(), format, ..PostSend::default() };
    let spec = RuleSpec {
        name: "log".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: None,
        kind: RuleKind::PostSend(post),
    };
    house.wait(house.use_cases.add_hook(&APP.parse().unwrap(), spec)).unwrap();
    (house, server)
}

impl Server {
    /// What it is told of what happened so far.
    fn told(&self, house: &House, count: usize) -> Vec<Value> {
        house.run_jobs_until(|| self.0.lock().len() >= count);
        let told = self.0.lock().clone();
        assert_eq!(told.len(), count, "{told:#?}");
        told
    }
}

fn fields(report: &Value, pointers: &[&str]) -> Vec<Value> {
    pointers.iter().map(|pointer| report.pointer(pointer).cloned().unwrap_or(Value::Null)).collect()
}

#[test]
fn receipts_and_reactions_are_told_once_each() {
    use EventType::{ConversationRead, Reaction, Read};
    let (house, server) = house(&[Read, ConversationRead, Reaction], EventFormat::default());
    let (mut alice, mut bob) = (house.log_in("alice", "webim_web_a"), house.log_in("bob", "webim_web_b"));
    let id = alice.send_text("bob", "hi").server_id();
    bob.send_body("alice", &about(Type::ReadAck, Some(id)));
    bob.send_body("alice", &about(Type::ChannelAck, None));
    let tenant = house.tenant();
    house.wait(house.use_cases.react(&tenant, "bob", None, MessageId(id), "smile")).unwrap();

    let told = server.told(&house, 3);
    let by_type = |chat_type: &str| told.iter().find(|report| report["chat_type"] == chat_type).unwrap();
    let read = by_type("read_ack");
    assert_eq!(
        fields(read, &["/from", "/to", "/payload/ack_message_id"]),
        [json!("bob"), json!("alice"), json!(id.to_string())]
    );
    assert_eq!(
        fields(by_type("channel_ack"), &["/from", "/payload/type"]),
        [json!("bob"), json!("channel_ack")]
    );
    let reaction = by_type("notify");
    assert_eq!(
        fields(
            reaction,
            &["/payload/type", "/payload/data/0/messageId", "/payload/data/0/reactions/0/op/0/reactionType"]
        ),
        [json!("reaction"), json!(id.to_string()), json!("create")]
    );
}

#[test]
fn contacts_and_logins_are_told() {
    let (house, server) = house(&[EventType::Contact, EventType::Session], EventFormat::default());
    let mut alice = house.log_in("alice", "webim_web_a");
    house.register("bob");
    let tenant = house.tenant();
    house.wait(house.use_cases.ask_contact(&tenant, "bob", "alice", "hello", None)).unwrap();
    house.wait(house.use_cases.accept_contact(&tenant, "alice", "bob", None)).unwrap();
    alice.drop_socket();
    alice.confirm_close();
    let told = server.told(&house, 6);
    let contacts: Vec<_> = told.iter().filter(|report| report["chat_type"] == "roster").collect();
    let of = |report: &&Value| fields(report, &["/payload/operation", "/from", "/to"]);
    let jid = |name: &str| json!(format!("org#app_{name}@easemob.com"));
    for expected in [
        [json!("add"), jid("bob"), json!("alice")],
        [json!("remote_accept"), jid("alice"), json!("bob")],
        [json!("accept"), jid("alice"), json!("bob")],
        [json!("accept"), jid("bob"), json!("alice")],
    ] {
        assert!(contacts.iter().any(|report| of(report) == expected), "{expected:?} in {contacts:#?}");
    }
    let logins: Vec<_> = told
        .iter()
        .filter(|report| report["user"].is_string())
        .map(|report| fields(report, &["/reason", "/status", "/user", "/os"]))
        .collect();
    let device = json!("org#app_alice@easemob.com/webim_web_a");
    assert_eq!(
        logins,
        [
            [json!("login"), json!("online"), device.clone(), json!("webim")],
            [json!("logout"), json!("offline"), device, json!("webim")],
        ]
    );
}

/// A group is made, somebody is added, goes; the group ends.
fn a_group_lives(house: &House) -> String {
    for name in ["alice", "bob"] {
        house.register(name);
    }
    let group = group(house, "alice", &["bob"]);
    let tenant = house.tenant();
    let bob = house.wait(house.use_cases.get_user(&tenant, "bob")).unwrap();
    let by = By { account: Some(bob), ..By::back_end() };
    house.wait(house.use_cases.leave_group(&tenant, &by, &group)).unwrap();
    group
}

#[test]
fn groups_are_told_in_the_old_form() {
    let (house, server) = house(&[EventType::Group], EventFormat::Muc);
    let group = a_group_lives(&house);
    let told = server.told(&house, 4);
    let operations: Vec<_> =
        told.iter().map(|report| report["payload"]["operation"].as_str().unwrap()).collect();
    for operation in ["create", "direct_joined", "leave", "absence"] {
        assert!(operations.contains(&operation), "{operation} in {operations:?}");
    }
    let leave = told.iter().find(|report| report["payload"]["operation"] == "leave").unwrap();
    let group_jid = format!("org#app_{group}@conference.easemob.com");
    assert_eq!(
        fields(leave, &["/chat_type", "/group_id", "/from", "/payload/muc_id", "/payload/is_chatroom"]),
        [json!("muc"), json!(group), json!("org#app_bob@easemob.com"), json!(group_jid), json!(false)]
    );
    let mut calls: Vec<_> = told.iter().map(|report| report["callId"].to_string()).collect();
    calls.sort();
    calls.dedup();
    assert_eq!(calls.len(), told.len(), "each report has a call id of its own");
}

#[test]
fn groups_are_told_in_the_new_form() {
    let (house, server) = house(&[EventType::Group], EventFormat::GroupOp);
    let group = a_group_lives(&house);
    let told = server.told(&house, 3);
    let mut calls: Vec<_> = told.iter().map(|report| report["callId"].to_string()).collect();
    calls.dedup();
    assert_eq!(calls.len(), told.len(), "each report has a call id of its own");
    assert_eq!(told[0]["payload"]["role"], json!({ "alice": "owner" }));
    assert_eq!(
        (&told[0]["payload"]["info"]["mute"], &told[0]["payload"]["info"]["mute_duration"]),
        (&json!("false"), &json!(-1))
    );
    assert_eq!(told[1]["member_count"], 1, "as it is by then");
    let told: Vec<_> = told
        .iter()
        .map(|report| {
            assert_eq!(
                fields(report, &["/event", "/type", "/id"]),
                [json!("group_op_event"), json!("GROUP"), json!(group)]
            );
            fields(report, &["/operation", "/operator", "/payload/type", "/payload/member"])
        })
        .collect();
    assert_eq!(
        told,
        [
            [json!("CREATE"), json!("@ppAdmin"), Value::Null, json!(["bob"])],
            [json!("JOIN"), json!("@ppAdmin"), json!("DIRECT"), json!(["bob"])],
            [json!("LEAVE"), json!("bob"), json!("QUIT"), json!(["bob"])],
        ]
    );
}

#[test]
fn a_user_with_the_back_ends_name_is_not_told_as_the_back_end() {
    let (house, server) = house(&[EventType::Group], EventFormat::GroupOp);
    house.register_admin();
    let group = group(&house, "admin", &[]);
    let (tenant, by) = (house.tenant(), By::back_end());
    let account = house.wait(house.use_cases.get_user(&tenant, "admin")).unwrap();
    let by_admin = By { account: Some(account), ..By::back_end() };
    for (by, name) in [(&by, "Hall"), (&by_admin, "Cellar")] {
        let rename = UpdateGroup { name: Some(name.to_owned()), ..UpdateGroup::default() };
        house.wait(house.use_cases.update_group(&tenant, by, group.as_str(), &rename)).unwrap();
    }
    house.wait(house.use_cases.shield_group(&tenant, &by_admin, &group, true)).unwrap();
    house.wait(house.use_cases.disable_group(&tenant, &group, true)).unwrap();
    let told = server.told(&house, 5);
    let mut told: Vec<_> = told.iter().map(|report| fields(report, &["/operation", "/operator"])).collect();
    told.sort_by_key(|fields| format!("{fields:?}"));
    let mut expected = vec![
        [json!("CREATE"), json!("@ppAdmin")],
        [json!("UPDATE"), json!("@ppAdmin")],
        [json!("UPDATE"), json!("@ppAdmin")],
        [json!("UPDATE"), json!("admin")],
        [json!("SHIELD"), json!("admin")],
    ];
    expected.sort_by_key(|fields| format!("{fields:?}"));
    assert_eq!(told, expected);
}

#[test]
fn what_no_client_hears_of_is_told_in_the_new_form() {
    let (house, server) = house(&[EventType::Group, EventType::Room], EventFormat::GroupOp);
    ["alice", "bob"].iter().for_each(|name| house.register(name));
    let group = group(&house, "alice", &["bob"]);
    let (tenant, by) = (house.tenant(), By::back_end());
    let account = house.wait(house.use_cases.get_user(&tenant, "bob")).unwrap();
    let by_bob = By { account: Some(account), ..By::back_end() };
    for shielded in [true, true] {
        house.wait(house.use_cases.shield_group(&tenant, &by_bob, &group, shielded)).unwrap();
    }
    let bob = ["bob".to_owned()];
    house.wait(house.use_cases.block_members(&tenant, &by, group.as_str(), &bob)).unwrap();
    for disabled in [true, true, false] {
        house.wait(house.use_cases.disable_group(&tenant, &group, disabled)).unwrap();
    }
    for may in [true, true, false] {
        house.wait(house.use_cases.set_room_maker(&tenant, "alice", may)).unwrap();
    }
    let told = server.told(&house, 9);
    let mut told: Vec<_> = told
        .iter()
        .filter(|report| !matches!(report["operation"].as_str(), Some("CREATE" | "JOIN")))
        .map(|report| json!([report["type"], report["id"], report["operation"], report["payload"]]))
        .collect();
    told.sort_by_key(ToString::to_string);
    let end = 4_638_873_600_000_u64;
    let mut expected = vec![
        json!(["GROUP", group, "SHIELD", { "type": "ADD" }]),
        json!(["GROUP", group, "LEAVE", { "type": "BLOCK", "member": ["bob"] }]),
        json!(["GROUP", group, "BLOCK", { "type": "ADD", "member": ["bob"], "expire_timestamp": end }]),
        json!(["GROUP", group, "UPDATE", { "type": "DISABLE", "disable": true }]),
        json!(["GROUP", group, "UPDATE", { "type": "DISABLE", "disable": false }]),
        json!(["CHATROOM", "", "ROOM_SUPER_ADMIN", { "type": "ADD", "admin": ["alice"] }]),
        json!(["CHATROOM", "", "ROOM_SUPER_ADMIN", { "type": "REMOVE", "admin": ["alice"] }]),
    ];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(told, expected);
}

#[test]
fn a_new_owner_and_a_new_name_are_told_in_the_new_form() {
    let (house, server) = house(&[EventType::Group], EventFormat::GroupOp);
    ["alice", "bob"].iter().for_each(|name| house.register(name));
    let group = group(&house, "alice", &["bob"]);
    let (tenant, by) = (house.tenant(), By::back_end());
    house.wait(house.use_cases.transfer_group(&tenant, &by, group.as_str(), "bob")).unwrap();
    let rename = UpdateGroup { name: Some("Hall".to_owned()), ..UpdateGroup::default() };
    house.wait(house.use_cases.update_group(&tenant, &by, group.as_str(), &rename)).unwrap();
    let told = server.told(&house, 4);
    // What is told of a new group is how it is by then.
    assert_eq!(told[0]["payload"]["info"]["owner"], "org#app_bob");
    assert_eq!(told[2]["payload"], json!({ "type": "OWNER", "owner": "alice", "new_owner": "bob" }));
    let info = &told[3]["payload"]["info"];
    assert_eq!(
        (&info["title"], &info["owner"], &info["public"]),
        (&json!("Hall"), &json!("org#app_bob"), &json!("true"))
    );
    assert_eq!(info["mute_duration"], -1);
}

#[test]
fn a_message_to_somebody_away_is_told_twice_under_two_call_ids() {
    let (house, server) = house(&[EventType::Message, EventType::OfflineMessage], EventFormat::default());
    house.register("bob");
    house.post("admin", "bob", "hi", &POST);
    let told = server.told(&house, 2);
    assert_eq!([&told[0]["eventType"], &told[1]["eventType"]], ["chat", "chat_offline"]);
    assert_eq!(told[0]["msg_id"], told[1]["msg_id"]);
    assert_ne!(told[0]["callId"], told[1]["callId"]);
    assert!(told.iter().all(|report| report["host"] == "msync@kith"));
    assert!(told.iter().all(|report| report["content_type"] == "chat:user:text"));
}

#[test]
fn announcements_and_files_are_told_in_the_new_form() {
    let (house, server) = house(&[EventType::Group], EventFormat::GroupOp);
    house.register("alice");
    let group = group(&house, "alice", &[]);
    let (tenant, by) = (house.tenant(), By::back_end());
    for text in ["hello", ""] {
        house.wait(house.use_cases.announce(&tenant, &by, group.as_str(), text)).unwrap();
    }
    let shared = house.wait(async {
        let mut upload = house.use_cases.begin_shared_file(&tenant, &by, &group, 0).await?;
        upload.write(b"12".as_slice().into()).await?;
        let facts = app::FileFacts { name: "plan.pdf".to_owned(), ..app::FileFacts::default() };
        house.use_cases.share_file(&tenant, &by, &group, upload, facts).await
    });
    let file = shared.unwrap().id;
    house.wait(house.use_cases.unshare_file(&tenant, &by, &group, file)).unwrap();
    let told = server.told(&house, 5);
    let told: Vec<_> = told[1..].iter().map(|report| fields(report, &["/operation", "/payload"])).collect();
    let file = file.to_string();
    assert_eq!(
        told,
        [
            [json!("UPDATE"), json!({ "type": "ANNOUNCEMENT", "announcement": "hello" })],
            [json!("UPDATE"), json!({ "type": "ANNOUNCEMENT" })],
            [json!("SHARE_FILE"), json!({ "type": "ADD", "share_file": [file] })],
            [json!("SHARE_FILE"), json!({ "type": "REMOVE", "share_file": [file] })],
        ]
    );
}

#[test]
fn an_edit_is_told_with_who_wrote_to_whom() {
    let (house, server) = house(&[EventType::Edit], EventFormat::default());
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    let id = alice.send_text("bob", "v1").server_id();
    alice.send_body("bob", &edit_of(id, "v2"));
    let told = &server.told(&house, 1)[0];
    let mark = &told["payload"]["meta"]["edit_msg"];
    assert_eq!(
        (&mark["count"], &mark["operator"], &mark["sender"]),
        (&json!(1), &json!("alice"), &json!("alice"))
    );
    let (chat_type, payload) = (&told["chat_type"], &told["payload"]);
    assert_eq!((chat_type, &payload["type"]), (&json!("edit"), &json!("edit")));
    assert_eq!((&payload["from"], &payload["to"]), (&json!("alice"), &json!("bob")));
    assert_eq!(payload["edit_message_id"], id.to_string());
    assert_eq!(payload["bodies"], json!([{ "type": "txt", "msg": "v2" }]));
}

#[test]
fn threads_are_told_as_clients_hear_of_them() {
    let (house, server) = house(&[EventType::Thread], EventFormat::default());
    ["alice", "bob"].iter().for_each(|name| house.register(name));
    let parent = group(&house, "alice", &["bob"]);
    let mut alice = house.log_in("alice", "webim_web_a");
    let topic = say(&mut alice, &parent, "hi").server_id();
    let tenant = house.tenant();
    let account = house.wait(house.use_cases.get_user(&tenant, "alice")).unwrap();
    let by = By { account: Some(account), ..By::back_end() };
    let create = CreateThread { group: &parent, owner: "alice", name: "Aside", message: MessageId(topic) };
    let thread = house.wait(house.use_cases.create_thread(&tenant, &by, create)).unwrap();
    house.wait(house.use_cases.end_thread(&tenant, &by, thread.public_id.as_str())).unwrap();
    let told = server.told(&house, 2);
    let told: Vec<_> = told
        .iter()
        .map(|report| {
            let pointers =
                ["/chat_type", "/group_id", "/payload/type", "/payload/data/operation", "/payload/data/from"];
            fields(report, &pointers)
        })
        .collect();
    let expected =
        |operation: &str| [json!("notify"), json!(parent), json!("thread"), json!(operation), json!("alice")];
    assert_eq!(told, [expected("create"), expected("delete")]);
}

#[test]
fn a_message_of_an_environment_is_told_there_and_nowhere_else() {
    let (house, server) = house(&[EventType::Message], EventFormat::default());
    let staging = RuleSpec {
        name: "staging".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: Environment::parse("staging"),
        kind: RuleKind::PostSend(PostSend::default()),
    };
    let staging = house.wait(house.use_cases.add_hook(&APP.parse().unwrap(), staging)).unwrap();
    house.register("bob");
    for (text, environment) in [("all", None), ("staged", Some("staging")), ("nobody", Some("other"))] {
        let environment = environment.and_then(Environment::parse);
        house.post("admin", "bob", text, &Post { environment, ..POST });
    }
    let last = |env: &str| easemob_wire::Value::Text(env.to_owned()).with_key("env");
    let mut alice = house.log_in("alice", "webim_web_a");
    alice.send_body("bob", &pb::MessageBody { ext: vec![last("staging")], ..text_body("of an SDK") });
    let told = server.told(&house, 3);
    let by = |report: &Value| {
        let [id, at] = ["callId", "timestamp"].map(|key| report[key].clone());
        let signed = format!("{}{}{at}", id.as_str().unwrap(), staging.secret.0);
        let digest: String = Md5::digest(signed).iter().map(|byte| format!("{byte:02x}")).collect();
        report["security"] == digest
    };
    let mut seen: Vec<(String, bool)> = told
        .iter()
        .map(|report| (report["payload"]["bodies"][0]["msg"].as_str().unwrap().to_owned(), by(report)))
        .collect();
    seen.sort();
    let expected = [("all", false), ("of an SDK", true), ("staged", true)];
    assert_eq!(seen, expected.map(|(text, is_staging)| (text.to_owned(), is_staging)));
}

#[test]
fn what_became_of_a_push_is_told_for_each_device() {
    let (house, server) = house(&[EventType::Push], EventFormat::default());
    let spec = RuleSpec {
        name: "phones".to_owned(),
        url: "http://example.com/".to_owned(),
        enabled: true,
        conversations: Vec::new(),
        environment: None,
        kind: RuleKind::Push(PushRule { notifiers: vec!["fcm".to_owned()], ..PushRule::default() }),
    };
    house.wait(house.use_cases.add_hook(&APP.parse().unwrap(), spec)).unwrap();
    house.register("bob");
    let bind = Bind { device: "phone".to_owned(), notifier: "fcm".to_owned(), token: "t".to_owned() };
    house.wait(house.use_cases.bind_push(&house.tenant(), "bob", &bind)).unwrap();
    let id = house.log_in("alice", "webim_web_a").send_text("bob", "hi").server_id();
    let told = server.told(&house, 1);
    let pointers = ["/step", "/msg_id", "/from", "/target", "/device_id", "/status", "/detail", "/e_message"];
    // Nothing leaves this house.
    let expected = [
        json!("push"),
        json!(id.to_string()),
        json!("alice"),
        json!("bob"),
        json!("phone"),
        json!("error"),
        json!("push yet but fail"),
        json!("nothing leaves this server"),
    ];
    assert_eq!(fields(&told[0], &pointers), expected);
}
