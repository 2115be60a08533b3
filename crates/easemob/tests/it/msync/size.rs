//! What an idle connection holds (architecture.md section 9: 6 KiB with everything).

use easemob::msync::MsyncSession;

use super::house::House;

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<MsyncSession>() <= 400, "{}", size_of::<MsyncSession>());
    let house = House::new();
    let mut alice = house.log_in("alice", "webim_web_a");
    alice.unread();
    alice.react();
    let mut peers: Vec<_> =
        (0..20).map(|number| house.log_in(&format!("peer{number}"), "webim_web_p")).collect();
    for peer in &mut peers {
        peer.send_text("alice", "hi");
    }
    house.settle(&mut [&mut alice]);
    alice.react();
    house.settle(&mut [&mut alice]);
    assert_eq!(alice.shown().len(), 20);
    let session = alice.into_session();
    let heap = -allocation_counter::measure(|| drop(session)).bytes_current;
    println!("session {} bytes, heap {heap} bytes", size_of::<MsyncSession>());
    assert!(heap <= 1_536, "{heap} bytes after talking to twenty users");
}
