//! Contact events on every device of the right people (msync.md 2.16).

use easemob_wire::client::Downlink;
use easemob_wire::{EVENT_QUEUE, pb};
use pb::roster_body::Operation;
use prost::Message as _;

use super::house::{Client, House};

/// A contact event: operation, from, to, words.
type Told = (Operation, String, String, String);

/// The contact events among what was said.
fn rosters(client: &mut Client<'_>) -> Vec<Told> {
    let mut rosters = Vec::new();
    for downlink in client.react() {
        let Downlink::Sync(sync) = downlink else { continue };
        for meta in sync.metas.iter().filter(|meta| meta.ns() == pb::meta::NameSpace::Roster) {
            assert_eq!(sync.queue.as_ref().unwrap().name(), EVENT_QUEUE);
            let body = pb::RosterBody::decode(meta.payload.clone().unwrap()).unwrap();
            assert_eq!(body.status.as_ref().unwrap().error_code(), pb::roster_body::status::ErrorCode::Ok);
            let (from, to) = (body.from.as_ref().unwrap().name(), body.to[0].name());
            rosters.push((body.operation(), from.to_owned(), to.to_owned(), body.reason().to_owned()));
        }
    }
    rosters
}

/// What each of three clients is told of what just happened.
fn told<'a>(house: &'a House, mut clients: [&mut Client<'a>; 3]) -> [Vec<Told>; 3] {
    house.settle(&mut clients);
    clients.map(rosters)
}

fn event(operation: Operation, from: &str, to: &str) -> Told {
    (operation, from.to_owned(), to.to_owned(), String::new())
}

/// The device that a call over REST names as its own.
fn device(house: &House, user: &str, resource: &str) -> Option<app::ActingDevice> {
    let account = house.wait(house.use_cases.get_user(&house.tenant(), user)).unwrap();
    house.wait(house.use_cases.acting_device(&house.tenant(), &account.user, Some(resource))).unwrap()
}

#[test]
fn everybody_hears_of_a_request_its_answer_and_the_end() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let mut phone = house.log_in("bob", "ios_b");
    let mut laptop = house.log_in("bob", "webim_b");
    told(&house, [&mut alice, &mut phone, &mut laptop]);
    let (app, use_cases) = (house.tenant(), &house.use_cases);
    let acting = device(&house, "bob", "ios_b");
    assert!(acting.is_some());

    house.wait(use_cases.ask_contact(&app, "alice", "bob", "it is me", None)).unwrap();
    let asked = vec![(Operation::Add, "alice".to_owned(), "bob".to_owned(), "it is me".to_owned())];
    assert_eq!(told(&house, [&mut alice, &mut phone, &mut laptop]), [vec![], asked.clone(), asked]);

    house.wait(use_cases.decline_contact(&app, "bob", "alice", "", acting.as_ref())).unwrap();
    let declined = vec![event(Operation::RemoteDecline, "bob", "alice")];
    assert_eq!(told(&house, [&mut alice, &mut phone, &mut laptop]), [declined, vec![], vec![]]);

    house.wait(use_cases.ask_contact(&app, "alice", "bob", "", None)).unwrap();
    told(&house, [&mut alice, &mut phone, &mut laptop]);
    house.wait(use_cases.accept_contact(&app, "bob", "alice", acting.as_ref())).unwrap();
    let agreed =
        vec![event(Operation::RemoteAccept, "bob", "alice"), event(Operation::Accept, "bob", "alice")];
    let added = vec![event(Operation::Accept, "alice", "bob")];
    assert_eq!(told(&house, [&mut alice, &mut phone, &mut laptop]), [agreed, added.clone(), added]);

    // The device that did it is not told of it.
    house.wait(use_cases.remove_contact(&app, "bob", "alice", acting.as_ref())).unwrap();
    let removed = vec![event(Operation::Remove, "bob", "alice")];
    assert_eq!(told(&house, [&mut alice, &mut phone, &mut laptop]), [removed.clone(), vec![], removed]);

    let named = ["alice".to_owned()];
    house.wait(use_cases.block_users(&app, "bob", &named, acting.as_ref())).unwrap();
    let blocked = vec![event(Operation::Ban, "bob", "alice")];
    assert_eq!(told(&house, [&mut alice, &mut phone, &mut laptop]), [vec![], vec![], blocked]);
    house.wait(use_cases.unblock_users(&app, "bob", &named, None)).unwrap();
    let allowed = vec![event(Operation::Allow, "bob", "alice")];
    assert_eq!(told(&house, [&mut alice, &mut phone, &mut laptop]), [vec![], allowed.clone(), allowed]);
}

#[test]
fn who_was_away_is_told_at_his_return() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    house.register("bob");
    let app = house.tenant();
    house.wait(house.use_cases.link_contacts(&app, "alice", "bob")).unwrap();
    house.wait(house.use_cases.link_contacts(&app, "alice", "bob")).unwrap();
    house.wait(house.use_cases.unlink_contacts(&app, "alice", "bob")).unwrap();
    house.settle(&mut [&mut alice]);
    let seen = rosters(&mut alice);
    assert_eq!(seen, [event(Operation::Accept, "bob", "alice"), event(Operation::Remove, "bob", "alice")]);

    let mut bob = house.log_in("bob", "webim_b");
    bob.unread();
    let seen = rosters(&mut bob);
    assert_eq!(seen, [event(Operation::Accept, "alice", "bob"), event(Operation::Remove, "alice", "bob")]);
}

fn refusal(answer: &pb::CommSyncDl) -> (pb::status::ErrorCode, String, String) {
    let status = answer.status.as_ref().unwrap();
    (status.error_code(), status.reason().to_owned(), status.condition().to_owned())
}

#[test]
fn who_is_blocked_writes_in_vain_until_he_is_unblocked() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let mut bob = house.log_in("bob", "webim_b");
    alice.send_text("bob", "before");
    let (app, named) = (house.tenant(), ["alice".to_owned()]);
    house.wait(house.use_cases.block_users(&app, "bob", &named, None)).unwrap();
    let blocked = (pb::status::ErrorCode::Fail, "blocked".to_owned(), "blocked_by_recipient".to_owned());
    assert_eq!(refusal(&alice.send_text("bob", "in vain")), blocked);
    // The other direction stays open, and so does everybody else's.
    assert_eq!(refusal(&bob.send_text("alice", "hello")).0, pb::status::ErrorCode::Ok);
    assert_eq!(refusal(&alice.send_text("alice", "note")).0, pb::status::ErrorCode::Ok);

    house.set("blocks.enabled", "false");
    assert_eq!(refusal(&alice.send_text("bob", "off")).0, pb::status::ErrorCode::Ok);
    house.set("blocks.enabled", "true");
    assert_eq!(refusal(&alice.send_text("bob", "in vain")), blocked);
    house.wait(house.use_cases.unblock_users(&app, "bob", &named, None)).unwrap();
    assert_eq!(refusal(&alice.send_text("bob", "again")).0, pb::status::ErrorCode::Ok);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["before", "off", "again"]);
}

#[test]
fn only_contacts_write_where_the_owner_wants_it() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_a");
    let mut bob = house.log_in("bob", "webim_b");
    house.set("message.contacts_only", "true");
    let strangers = (pb::status::ErrorCode::Fail, "nonroster".to_owned(), "not_friends".to_owned());
    assert_eq!(refusal(&alice.send_text("bob", "hi")), strangers);
    assert_eq!(refusal(&alice.send_text("alice", "note")).0, pb::status::ErrorCode::Ok);
    let app = house.tenant();
    // A request alone is not enough.
    house.wait(house.use_cases.ask_contact(&app, "alice", "bob", "", None)).unwrap();
    assert_eq!(refusal(&alice.send_text("bob", "hi")), strangers);
    house.wait(house.use_cases.accept_contact(&app, "bob", "alice", None)).unwrap();
    assert_eq!(refusal(&alice.send_text("bob", "hi")).0, pb::status::ErrorCode::Ok);
    assert_eq!(refusal(&bob.send_text("alice", "hello")).0, pb::status::ErrorCode::Ok);
    // A remark changes the row that messages are held against.
    house.wait(house.use_cases.note_contact(&app, "alice", "bob", "Bobby")).unwrap();
    assert_eq!(refusal(&alice.send_text("bob", "hi")).0, pb::status::ErrorCode::Ok);
    house.wait(house.use_cases.remove_contact(&app, "bob", "alice", None)).unwrap();
    assert_eq!(refusal(&alice.send_text("bob", "hi")), strangers);
    assert_eq!(refusal(&bob.send_text("alice", "hello")), strangers);
}
