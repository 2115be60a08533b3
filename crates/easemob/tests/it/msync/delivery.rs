//! What a device gets, and that it gets all of it once and in order, whatever happens on the way.

use easemob_wire::client::{Downlink, encode_sync};
use easemob_wire::{JidRef, pb};
use session::Input;

use super::house::{APP, Client, House};

fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|number| format!("m{number}")).collect()
}

fn send_all(alice: &mut Client<'_>, to: &str, range: std::ops::RangeInclusive<u32>) {
    for text in numbers(range) {
        alice.send_text(to, &text);
    }
}

/// Messages in each page among the frames, and whether it was the last.
fn page_sizes(frames: &[Downlink]) -> Vec<(usize, bool)> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Downlink::Sync(sync) if sync.meta_id.is_none() => Some((sync.metas.len(), sync.is_last())),
            _ => None,
        })
        .collect()
}

fn listed(frames: &[Downlink]) -> Vec<(String, u32)> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Downlink::Unread(unread) => Some(&unread.unread),
            _ => None,
        })
        .flatten()
        .map(|entry| (entry.queue.as_ref().unwrap().name().to_owned(), entry.n()))
        .collect()
}

#[test]
fn what_was_sent_while_away_comes_in_pages_of_fifty() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    send_all(&mut alice, "bob", 1..=120);
    house.take_hints();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.said();
    bob.unread();
    let said = bob.react();
    assert_eq!(listed(&said), [("alice".to_owned(), 120)]);
    assert_eq!(page_sizes(&said), [(50, false), (50, false), (20, false), (0, true)]);
    assert_eq!(bob.shown(), numbers(1..=120));

    bob.unread();
    assert!(listed(&bob.react()).is_empty());
    bob.drop_socket();
    let mut again = house.log_in("bob", "webim_web_b");
    again.unread();
    again.react();
    assert!(again.shown().is_empty(), "what was acknowledged does not come again");
}

#[test]
fn a_burst_above_the_window_arrives_whole_and_once() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    send_all(&mut alice, "bob", 1..=130);
    // All hints arrive before the first acknowledgement.
    house.settle(&mut [&mut alice, &mut bob]);
    assert_eq!(page_sizes(&bob.said_peek()).len(), 8, "no more than a few pushes wait for a slow reader");
    bob.react();
    assert_eq!(bob.shown(), numbers(1..=130));
    assert_eq!(bob.repeats(), 0);
}

#[test]
fn hints_in_any_order_and_more_than_once_show_everything_once() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    send_all(&mut alice, "bob", 1..=30);
    let mut hints = house.take_hints();
    hints.reverse();
    let again: Vec<_> = hints.iter().step_by(3).cloned().collect();
    for hint in hints.iter().chain(&again) {
        house.carry(hint, &mut [&mut bob]);
    }
    bob.react();
    assert_eq!((bob.shown(), bob.repeats()), (numbers(1..=30), 0));
}

// user-asks.md row 7: a lost hint costs time, never a message.
#[test]
fn messages_whose_hints_overtake_each_other_are_pushed_in_their_order_without_a_read() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    send_all(&mut alice, "bob", 1..=1);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    send_all(&mut alice, "bob", 2..=4);
    let hints = house.take_hints();
    for place in [2, 1] {
        bob.begin(Input::Hint(hints[place].clone()));
        assert!(bob.said_peek_is_empty(), "the one before may be about to come");
    }
    bob.begin(Input::Hint(hints[0].clone()));
    assert_eq!(page_sizes(&bob.said_peek()), [(1, false); 3], "pushes, and no page that was read");
    bob.finish();
    bob.react();
    assert_eq!(bob.shown(), numbers(1..=4));
    assert_eq!(bob.repeats(), 0);
}

#[test]
fn a_message_whose_hint_is_lost_is_read_with_the_one_that_seemed_to_overtake_it() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    send_all(&mut alice, "bob", 1..=1);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    send_all(&mut alice, "bob", 2..=3);
    let hints = house.take_hints();
    bob.begin(Input::Hint(hints[1].clone()));
    assert!(bob.said_peek_is_empty());
    bob.finish();
    bob.finish();
    assert_eq!(page_sizes(&bob.said_peek()), [(2, false)]);
    bob.react();
    assert_eq!(bob.shown(), numbers(1..=3));
}

#[test]
fn ask_07_with_every_hint_lost_a_heartbeat_finds_the_messages() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    send_all(&mut alice, "bob", 1..=3);
    house.take_hints();
    for _ in 0..4 {
        house.pass(30_000);
        bob.unread();
        bob.react();
    }
    assert_eq!(bob.shown(), numbers(1..=3));
}

#[test]
fn heartbeats_between_two_looks_read_nothing() {
    let house = House::new();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    *house.kv.fails.lock() = Some(kv::KvError::Busy);
    house.pass(30_000);
    bob.unread();
    let said = bob.said();
    let [Downlink::Unread(unread)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(unread.timestamp(), house.use_cases.now().0, "the SDK compares it with its token's end");
}

// user-asks.md row 4: no device eats another's messages.
#[test]
fn ask_04_every_device_of_a_user_gets_everything() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut phone = house.log_in("bob", "ios_1");
    phone.drop_socket();
    send_all(&mut alice, "bob", 1..=3);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    let mut phone = house.log_in("bob", "ios_1");
    phone.unread();
    phone.react();
    assert_eq!((bob.shown(), phone.shown()), (numbers(1..=3), numbers(1..=3)));
}

#[test]
fn the_senders_other_devices_get_a_copy_on_the_peers_queue_and_the_sending_one_does_not() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    let mut bob = house.log_in("bob", "webim_web_b");
    for client in [&mut alice, &mut tablet, &mut bob] {
        client.said();
    }
    alice.send_text("bob", "hi");
    house.settle(&mut [&mut alice, &mut tablet, &mut bob]);
    let said = tablet.react();
    let Some(Downlink::Sync(copy)) = said.first() else { panic!("{said:?}") };
    assert_eq!(copy.queue.as_ref().unwrap().name(), "bob");
    let meta = &copy.metas[0];
    assert_eq!((meta.from.as_ref().unwrap().name(), meta.to.as_ref().unwrap().name()), ("alice", "bob"));
    assert_eq!(meta.to.as_ref().unwrap().client_resource, None);
    alice.react();
    assert!(alice.shown().is_empty());
    assert_eq!(bob.react().len(), 2);
    alice.unread();
    assert!(listed(&alice.react()).is_empty(), "an own message is nothing to ask for");
}

/// A text to one device: the address names it, the body does not.
fn to_device(user: &str, resource: &str, text: &str) -> pb::Meta {
    pb::Meta {
        to: Some(JidRef::device(APP, user, resource).into()),
        ns: Some(1),
        payload: Some(prost::Message::encode_to_vec(&super::house::text_body(text)).into()),
        ..Default::default()
    }
}

/// The metas among the frames.
fn metas(frames: &[Downlink]) -> Vec<&pb::Meta> {
    let syncs = frames.iter().filter_map(|frame| match frame {
        Downlink::Sync(sync) => Some(sync),
        _ => None,
    });
    syncs.flat_map(|sync| &sync.metas).collect()
}

#[test]
fn a_message_to_oneself_reaches_the_other_devices() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    alice.send_text("alice", "note");
    house.settle(&mut [&mut alice, &mut tablet]);
    let said = tablet.react();
    alice.react();
    assert_eq!(tablet.shown(), ["note"]);
    assert!(alice.shown().is_empty());
    let from = metas(&said)[0].from.clone().unwrap();
    assert_eq!(from.client_resource(), "webim_web_a", "which tells the devices apart");
}

// msync.md 2.1: `user/resource` addresses one device of the own user.
#[test]
fn a_message_to_one_own_device_reaches_that_device_alone() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut tablet = house.log_in("alice", "webim_web_t");
    let mut phone = house.log_in("alice", "ios_1");
    let mut absent = house.log_in("alice", "webim_web_x");
    absent.drop_socket();
    alice.send_meta(to_device("alice", "webim_web_t", "to the tablet"));
    alice.send_text("alice", "to all");
    house.settle(&mut [&mut alice, &mut tablet, &mut phone]);
    let said = tablet.react();
    phone.react();
    let mut absent = house.log_in("alice", "webim_web_x");
    absent.unread();
    absent.react();
    assert_eq!(tablet.shown(), ["to the tablet", "to all"]);
    assert_eq!((phone.shown(), absent.shown()), (vec!["to all".to_owned()], vec!["to all".to_owned()]));
    let to = metas(&said)[0].to.clone().unwrap();
    assert_eq!((to.name(), to.client_resource()), ("alice", "webim_web_t"));
    phone.unread();
    assert!(listed(&phone.react()).is_empty(), "what is not for a device is nothing to ask for");
}

#[test]
fn a_device_in_somebody_elses_address_keeps_nothing_from_his_other_devices() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    let mut phone = house.log_in("bob", "ios_1");
    alice.send_meta(to_device("bob", "webim_web_b", "hi"));
    house.settle(&mut [&mut alice, &mut bob, &mut phone]);
    let said = phone.react();
    bob.react();
    assert_eq!((bob.shown(), phone.shown()), (vec!["hi".to_owned()], vec!["hi".to_owned()]));
    let to = metas(&said)[0].to.clone().unwrap();
    assert_eq!(to.client_resource, None, "else the SDK shows `bob/webim_web_b` (msync.md 2.8)");
}

#[test]
fn an_address_with_an_impossible_device_is_refused() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let answer = alice.send_meta(to_device("alice", &"x".repeat(1_000), "hi"));
    assert_ne!(answer.status.unwrap().error_code(), pb::status::ErrorCode::Ok);
}

// Two tabs of one browser have one resource, so they are one device with one cursor.
#[test]
fn a_tab_sees_what_the_other_tab_of_the_same_browser_sends() {
    let house = House::new();
    let mut one = house.log_in("alice", "webim_web_a");
    let mut other = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    for client in [&mut one, &mut other, &mut bob] {
        client.said();
    }
    house.pass(1);
    one.send_text("bob", "from one");
    house.settle(&mut [&mut one, &mut other, &mut bob]);
    other.react();
    other.send_text("bob", "from the other");
    house.settle(&mut [&mut one, &mut other, &mut bob]);
    for client in [&mut one, &mut other, &mut bob] {
        client.react();
    }
    assert_eq!((other.shown(), other.repeats()), (vec!["from one".to_owned()], 0));
    assert_eq!((one.shown(), one.repeats()), (vec!["from the other".to_owned()], 0));
    assert_eq!(bob.shown(), ["from one", "from the other"]);
}

#[test]
fn a_tab_gets_what_the_other_tab_acknowledged_before_it_was_asked() {
    let house = House::new();
    let mut one = house.log_in("alice", "webim_web_a");
    let mut other = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.send_text("alice", "first");
    bob.send_text("alice", "second");
    let hints = house.take_hints();
    for tab in [&mut one, &mut other] {
        for hint in &hints {
            house.carry(hint, &mut [tab]);
        }
        tab.react();
    }
    assert_eq!((one.shown(), one.repeats()), (vec!["first".to_owned(), "second".to_owned()], 0));
    assert_eq!((other.shown(), other.repeats()), (vec!["first".to_owned(), "second".to_owned()], 0));
}

#[test]
fn a_device_that_comes_back_is_not_shown_what_it_sent_itself() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    alice.send_text("bob", "before the break");
    // The hint, with which the cursor would move, is lost.
    house.take_hints();
    let token = house.token("alice", None);
    let mut again = alice.reconnect(&token, "webim_web_a");
    again.unread();
    again.react();
    assert!(again.shown().is_empty(), "{:?}", again.shown());
}

#[test]
fn what_was_shown_but_not_acknowledged_comes_again_under_another_key() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    alice.send_text("bob", "m1");
    house.settle(&mut [&mut alice, &mut bob]);
    // The push arrived; the socket broke before the acknowledgement.
    bob.react_without_sending();
    bob.drop_socket();
    let token = house.token("bob", None);
    let mut bob = bob.reconnect(&token, "webim_web_b");
    bob.unread();
    bob.react();
    assert_eq!((bob.shown(), bob.repeats()), (numbers(1..=1), 1), "the SDK hides the repeat");
    bob.drop_socket();
    let mut fresh = house.log_in("bob", "webim_web_b");
    fresh.unread();
    assert!(listed(&fresh.react()).is_empty(), "the repeat was acknowledged, since its key was new");
}

#[test]
fn a_page_that_was_not_acknowledged_comes_again_under_another_key() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    send_all(&mut alice, "bob", 1..=3);
    house.take_hints();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.said();
    bob.unread();
    bob.said();
    bob.frame(encode_sync(JidRef::user(APP, "alice"), None));
    bob.react_without_sending();
    bob.drop_socket();
    let token = house.token("bob", None);
    let mut bob = bob.reconnect(&token, "webim_web_b");
    bob.unread();
    bob.react();
    assert_eq!((bob.shown(), bob.repeats()), (numbers(1..=3), 3));
    bob.drop_socket();
    let mut fresh = house.log_in("bob", "webim_web_b");
    fresh.unread();
    assert!(listed(&fresh.react()).is_empty(), "the SDK remembers the last key over reconnects");
}

#[test]
fn a_client_that_starts_again_while_a_page_is_read_gets_everything() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    send_all(&mut alice, "bob", 1..=20);
    house.settle(&mut [&mut bob]);
    let first = bob.said().into_iter().find_map(|frame| match frame {
        Downlink::Sync(sync) => sync.next_key,
        _ => None,
    });
    let queue = JidRef::user(APP, "alice");
    bob.begin(Input::Frame(encode_sync(queue, first)));
    assert!(!bob.is_listening(), "the page behind the eight pushes is being read");
    bob.begin(Input::Frame(encode_sync(queue, None)));
    while !bob.is_listening() {
        bob.finish();
    }
    bob.react();
    assert_eq!(bob.shown(), numbers(2..=20), "what follows the acknowledged one");
}

#[test]
fn a_client_that_swallows_an_acknowledgement_is_asked_at_its_heartbeats() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    alice.send_text("bob", "m1");
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react_without_sending();
    for _ in 0..2 {
        house.pass(30_000);
        bob.unread();
        bob.react();
    }
    house.pass(200_000);
    bob.unread();
    assert!(listed(&bob.react()).is_empty());
    assert_eq!((bob.shown(), bob.repeats()), (numbers(1..=1), 1));
}

#[test]
fn forged_keys_lose_nothing() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    alice.send_text("bob", "m1");
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    bob.frame(encode_sync(JidRef::user(APP, "alice"), Some(u64::MAX)));
    bob.frame(encode_sync(JidRef::user(APP, "alice"), Some(5_000 << 8)));
    send_all(&mut alice, "bob", 2..=4);
    house.take_hints();
    bob.drop_socket();
    let mut again = house.log_in("bob", "webim_web_b");
    again.unread();
    again.react();
    assert_eq!(again.shown(), numbers(2..=4));
}

#[test]
fn every_queue_request_is_answered() {
    let house = House::new();
    house.register("carol");
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.said();
    for name in ["carol", "nobody", "no body", "#events", "#nothing", ""] {
        for key in [None, Some(7 << 8)] {
            bob.frame(encode_sync(JidRef::user(APP, name), key));
            let said = bob.said();
            assert_eq!(page_sizes(&said), [(0, true)], "{name}");
            let [Downlink::Sync(sync)] = &said[..] else { panic!() };
            assert_eq!(sync.queue.as_ref().unwrap().name(), name, "the SDK finds the queue by its name");
        }
    }
}

// user-asks.md row 39: new messages wait until the old ones are through, and pages go on where they ended.
#[test]
fn ask_39_new_messages_do_not_overtake_the_old_ones() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    send_all(&mut alice, "bob", 1..=60);
    house.take_hints();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.said();
    bob.unread();
    send_all(&mut alice, "bob", 61..=62);
    house.settle(&mut [&mut alice, &mut bob]);
    bob.react();
    assert_eq!((bob.shown(), bob.repeats()), (numbers(1..=62), 0));
}

#[test]
fn large_messages_make_short_pages() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    for _ in 0..10 {
        alice.send_text("bob", &"x".repeat(60_000));
    }
    house.take_hints();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    let said = bob.react();
    assert_eq!(bob.shown().len(), 10);
    assert!(page_sizes(&said).iter().all(|(size, _)| *size <= 3), "{:?}", page_sizes(&said));
}

#[test]
fn large_messages_from_many_do_not_pile_up_before_a_slow_reader() {
    let house = House::new();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    let mut peers: Vec<_> =
        (0..12).map(|number| house.log_in(&format!("peer{number}"), "webim_web_p")).collect();
    for round in 0..3 {
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.send_text("bob", &format!("{number} {round} {}", "x".repeat(30_000)));
        }
    }
    house.settle(&mut [&mut bob]);
    let unread_bytes: usize = bob.said_peek().iter().map(|frame| format!("{frame:?}").len()).sum();
    assert!(unread_bytes < 256 * 1024, "{unread_bytes}");
    bob.react();
    let mut shown = bob.shown();
    shown.sort();
    shown.dedup();
    assert_eq!((shown.len(), bob.repeats()), (36, 0));
}

#[test]
fn more_conversations_than_a_session_holds_all_arrive() {
    let house = House::new();
    house.register("bob");
    for number in 0..300 {
        let mut peer = house.log_in(&format!("peer{number}"), "webim_web_p");
        peer.send_text("bob", &format!("from {number}"));
        peer.drop_socket();
    }
    house.take_hints();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    let mut shown = bob.shown();
    shown.sort();
    shown.dedup();
    assert_eq!((shown.len(), bob.repeats()), (300, 0));
}

#[test]
fn while_storage_is_away_a_page_is_refused_and_comes_with_a_later_heartbeat() {
    let house = House::new();
    house.register("bob");
    let mut alice = house.log_in("alice", "webim_web_a");
    alice.send_text("bob", "m1");
    house.take_hints();
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.said();
    bob.unread();
    *house.kv.fails.lock() = Some(kv::KvError::Busy);
    let said = bob.react();
    let refused = said.iter().find_map(|frame| match frame {
        Downlink::Sync(sync) => sync.status.as_ref(),
        _ => None,
    });
    assert_eq!(refused.unwrap().condition(), "server_busy");
    *house.kv.fails.lock() = None;
    house.pass(30_000);
    bob.unread();
    bob.react();
    assert_eq!(bob.shown(), numbers(1..=1));
}

// Queues are told apart by name only, and a name may be somebody else's by now.
#[test]
fn a_peer_registered_again_is_not_held_up_by_the_one_before() {
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    let mut bob = house.log_in("bob", "webim_web_b");
    send_all(&mut bob, "alice", 1..=3);
    house.settle(&mut [&mut alice, &mut bob]);
    alice.react();
    house.wait(house.use_cases.delete_user(&house.tenant(), "bob")).unwrap();
    house.take_hints();
    drop(bob);

    house.register("bob");
    let mut again = house.log_in("bob", "webim_web_b2");
    send_all(&mut again, "alice", 4..=40);
    house.settle(&mut [&mut alice, &mut again]);
    alice.react();
    assert_eq!((alice.shown(), alice.repeats()), (numbers(1..=40), 0));
}
