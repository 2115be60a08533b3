//! What every bus must do, as a test that adapters call: `bus::conformance::check(|| open())`.
//!
//! On a healthy link nothing is lost, so the suite waits for each hint, up to ten seconds. It knows no
//! adapter. Losing hints is checked where it matters: sessions converge without any (`server` tests).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use model::{
    AppId, CloseCause, CloseTarget, ConversationId, Delivery, DeviceNumber, Dialect, Entry, EntryKind, Feed,
    Hint, MessageId, Seq, Timestamp, Uid, Username,
};
use parking_lot::Mutex;

use crate::{Bus, Subscriber};

/// How long a hint may be under way before the suite gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs all cases, each on a bus of its own.
///
/// # Panics
/// When the bus does not do what it must.
pub fn check(open: impl Fn() -> Arc<dyn Bus>) {
    every_subscriber_hears_every_hint(&*open());
    hints_arrive_whole(&*open());
    a_subscriber_hears_nothing_from_before(&*open());
    one_publisher_is_heard_in_order(&*open());
    many_publishers_lose_nothing(&*open());
    a_subscriber_may_publish_and_subscribe(&open());
}

fn every_subscriber_hears_every_hint(bus: &dyn Bus) {
    let ears = [listen(bus), listen(bus)];
    bus.publish(delivery(1));
    bus.publish(delivery(2));
    for ear in &ears {
        assert_eq!([hear(ear), hear(ear)], [1, 2]);
    }
}

fn hints_arrive_whole(bus: &dyn Bus) {
    let (sender, ear) = channel();
    bus.subscribe(Arc::new(Ear { heard: Mutex::new(sender) }));
    bus.publish(delivery(7));
    let Hint::Delivery(delivery) = receive(&ear) else { panic!("a delivery arrived as something else") };
    assert_eq!((delivery.app, delivery.feed, delivery.seq), (AppId(1), feed(), Seq(7)));
    assert_eq!(delivery.entry, entry(7));

    let cause = CloseCause::NewLogin { notice: "moved to another phone".to_owned() };
    let target = CloseTarget::Device(DeviceNumber(3));
    bus.publish(Hint::Close { app: AppId(1), uid: Uid(4), target: target.clone(), cause: cause.clone() });
    let Hint::Close { app, uid, target: heard_target, cause: heard_cause } = receive(&ear) else {
        panic!("a close arrived as something else");
    };
    assert_eq!((app, uid, heard_target, heard_cause), (AppId(1), Uid(4), target, cause));
}

fn a_subscriber_hears_nothing_from_before(bus: &dyn Bus) {
    let first = listen(bus);
    bus.publish(delivery(1));
    assert_eq!(hear(&first), 1);
    let late = listen(bus);
    bus.publish(delivery(2));
    assert_eq!(hear(&late), 2, "the late subscriber heard an old hint");
}

fn one_publisher_is_heard_in_order(bus: &dyn Bus) {
    let ear = listen(bus);
    for seq in 1..=1_000 {
        bus.publish(delivery(seq));
    }
    for seq in 1..=1_000 {
        assert_eq!(hear(&ear), seq);
    }
}

fn many_publishers_lose_nothing(bus: &dyn Bus) {
    let ear = listen(bus);
    std::thread::scope(|scope| {
        for publisher in 0..4_u64 {
            scope.spawn(move || (1..=250).for_each(|seq| bus.publish(delivery(publisher * 250 + seq))));
        }
    });
    let mut heard: Vec<u64> = (0..1_000).map(|_| hear(&ear)).collect();
    heard.sort_unstable();
    assert_eq!(heard, (1..=1_000).collect::<Vec<_>>());
}

/// A registry that hears of a login may want to tell others at once.
fn a_subscriber_may_publish_and_subscribe(bus: &Arc<dyn Bus>) {
    struct Echo {
        bus: Arc<dyn Bus>,
        heard: Mutex<Sender<Hint>>,
    }
    impl Subscriber for Echo {
        fn hint(&self, hint: &Hint) {
            if matches!(hint, Hint::Delivery(delivery) if delivery.seq == Seq(1)) {
                self.bus.subscribe(Arc::new(Ear { heard: Mutex::new(self.heard.lock().clone()) }));
                self.bus.publish(delivery(2));
            }
        }
    }
    let (sender, ear) = channel();
    bus.subscribe(Arc::new(Echo { bus: Arc::clone(bus), heard: Mutex::new(sender) }));
    bus.publish(delivery(1));
    while hear(&ear) != 2 {}
}

/// Passes hints on to the test's thread.
struct Ear {
    heard: Mutex<Sender<Hint>>,
}

impl Subscriber for Ear {
    fn hint(&self, hint: &Hint) {
        // The test is over when nobody receives any more.
        let _ = self.heard.lock().send(hint.clone());
    }
}

fn listen(bus: &dyn Bus) -> Receiver<Hint> {
    let (sender, receiver) = channel();
    bus.subscribe(Arc::new(Ear { heard: Mutex::new(sender) }));
    receiver
}

fn receive(ear: &Receiver<Hint>) -> Hint {
    ear.recv_timeout(PATIENCE).expect("the hint should have arrived")
}

/// The sequence of the next delivery.
fn hear(ear: &Receiver<Hint>) -> u64 {
    match receive(ear) {
        Hint::Delivery(delivery) => delivery.seq.0,
        Hint::Close { .. } | Hint::Membership { .. } => panic!("a hint was heard that nobody published"),
    }
}

fn delivery(seq: u64) -> Hint {
    Hint::Delivery(Arc::new(Delivery::new(AppId(1), feed(), Seq(seq), entry(seq))))
}

fn feed() -> Feed {
    Feed::Conversation(ConversationId::single(Uid(4), Uid(9)))
}

fn entry(seq: u64) -> Entry {
    Entry {
        dialect: Dialect::Easemob,
        sender: Uid(9),
        sender_device: DeviceNumber(2),
        sender_name: name("alice"),
        target_name: name("bob"),
        payload: Bytes::from_static(b"payload"),
        ..Entry::blank(MessageId(seq), EntryKind::Message, Timestamp(1_795_220_913_741))
    }
}

fn name(text: &str) -> Username {
    Username::parse(text).expect("the suite's names are well formed")
}
