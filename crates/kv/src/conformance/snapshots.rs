//! Snapshots: one point in time over cells and logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::{Harness, append, commit, entries, flattened, get, put, template};
use crate::{Batch, CellKey, Read, ReadLog, Scan, Slot, Space};

/// Everything the first case looks at, so that one comparison covers it.
#[derive(Debug, PartialEq, Eq)]
struct View {
    main: Vec<(Bytes, Bytes)>,
    main_reverse: Vec<(Bytes, Bytes)>,
    period: Vec<(Bytes, Bytes)>,
    picked: Vec<Option<Bytes>>,
    log: Vec<(u64, Bytes)>,
    log_end: Vec<(u64, Bytes)>,
    notes: Vec<Bytes>,
    heads: [u64; 3],
}

async fn view(read: &dyn Read) -> View {
    let scan = |space, reverse| Scan { space, from: Bytes::new(), to: None, limit: 99, reverse };
    let picked = ["changed", "deleted", "new"].map(CellKey::main);
    let end = ReadLog { log: "log".into(), from: u64::MAX, limit: 3, reverse: true };
    let mut heads = [0; 3];
    for (head, log) in heads.iter_mut().zip(["log", "new log", "notes"]) {
        *head = read.log_head(log.as_bytes()).await.expect("a head is read");
    }
    View {
        main: read.scan(scan(Space::Main, false)).await.expect("cells are scanned"),
        main_reverse: read.scan(scan(Space::Main, true)).await.expect("cells are scanned"),
        period: read.scan(scan(Space::Period(2), false)).await.expect("cells are scanned"),
        picked: read.get_many(&picked).await.expect("cells are read"),
        log: entries(read, b"log").await,
        log_end: read.read_log(end).await.expect("a log is read"),
        notes: flattened(read, b"notes").await,
        heads,
    }
}

pub async fn a_snapshot_does_not_move(harness: &dyn Harness) {
    let kv = harness.open().await;
    let mut batch = Batch::new();
    batch.put(Space::Main, b"changed".as_slice(), b"old".as_slice());
    batch.put(Space::Main, b"deleted".as_slice(), b"old".as_slice());
    batch.put(Space::Period(2), b"changed".as_slice(), b"old".as_slice());
    batch.put(Space::Period(2), b"deleted".as_slice(), b"old".as_slice());
    for entry in ["one", "two", "three"] {
        batch.append("log", entry.as_bytes());
    }
    batch.note("notes", b"old".as_slice());
    commit(&*kv, batch).await;

    let snapshot = kv.snapshot().await.expect("a snapshot is taken");
    let before = view(&*kv).await;

    let mut batch = Batch::new();
    batch.rewrite("log", 3, "changed");
    batch.trim("log", 1, 9);
    commit(&*kv, batch).await;
    // Looked at after each kind of change too: an engine may well survive one and not the next.
    assert_eq!(view(&*snapshot).await, before);

    let mut batch = Batch::new();
    for space in [Space::Main, Space::Period(2)] {
        batch.put(space, b"changed".as_slice(), b"new".as_slice());
        batch.put(space, b"new".as_slice(), b"new".as_slice());
        batch.delete(CellKey { space, key: "deleted".into() });
    }
    batch.append("log", b"four".as_slice());
    batch.append("new log", b"one".as_slice());
    batch.note("notes", b"new".as_slice());
    commit(&*kv, batch).await;
    assert_eq!(view(&*snapshot).await, before);

    let now = view(&*kv).await;
    assert_eq!(now.heads, [4, 1, 2]);
    assert_eq!(now.log, [(2, "two".into()), (3, "changed".into()), (4, Bytes::from("four"))]);
    assert_eq!(now.main.len(), 2);
    drop(snapshot);
    let later = kv.snapshot().await.expect("a snapshot is taken");
    assert_eq!(view(&*later).await, now);
}

pub async fn cells_and_logs_of_a_snapshot_agree(harness: &dyn Harness) {
    let kv = harness.open().await;
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (kv, done) = (Arc::clone(&kv), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let mut batch = Batch::new();
                batch.append("log", template(b"").slot(Slot(0)));
                batch.put(Space::Main, b"count".as_slice(), template(b"").slot(Slot(0)));
                batch.put(Space::Period(1), b"count".as_slice(), template(b"").slot(Slot(0)));
                kv.commit(batch).await.expect("the batch commits");
                // An engine that never waits would keep a failed test from ending.
                tokio::task::yield_now().await;
            }
        })
    };
    // Under load the snapshots below could all be taken before the writer gets its first turn.
    while kv.log_head(b"log").await.expect("a head is read") == 0 {
        tokio::task::yield_now().await;
    }
    let mut highest = 0;
    for _ in 0..40 {
        let snapshot = kv.snapshot().await.expect("a snapshot is taken");
        let head = snapshot.log_head(b"log").await.expect("a head is read");
        tokio::task::yield_now().await;
        let last = ReadLog { log: "log".into(), from: u64::MAX, limit: 1, reverse: true };
        let last = snapshot.read_log(last).await.expect("a log is read");
        let keys = [CellKey::main("count"), CellKey::period(1, "count")];
        let counts = snapshot.get_many(&keys).await.expect("cells are read");
        let wanted = (head > 0).then(|| Bytes::from(head.to_be_bytes().to_vec()));
        assert_eq!(counts, [wanted.clone(), wanted.clone()]);
        assert_eq!(last.into_iter().next(), wanted.map(|value| (head, value)));
        assert!(head >= highest, "a later snapshot is not older");
        highest = head;
    }
    done.store(true, Ordering::Relaxed);
    writer.await.expect("the writer does not panic");
    let head = kv.log_head(b"log").await.expect("a head is read");
    assert!(head > 0 && head >= highest);
}

/// Dropping a period is the one thing that a snapshot need not survive: an engine may drop the files at
/// once. What it may not do is to show a part, to hang, or to let the snapshot lose anything else.
pub async fn a_snapshot_sees_a_dropped_period_whole_or_not_at_all(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"main", b"kept").await;
    for period in [1, 2] {
        let mut batch = Batch::new();
        for key in 0..100_u8 {
            batch.put(Space::Period(period), vec![key], b"".as_slice());
        }
        commit(&*kv, batch).await;
    }
    let snapshot = kv.snapshot().await.expect("a snapshot is taken");
    let dropped = tokio::time::timeout(Duration::from_secs(20), kv.drop_period(1)).await;
    dropped.expect("a snapshot does not hold up the drop").expect("a period is dropped");

    let scan = |period| Scan {
        space: Space::Period(period),
        from: Bytes::new(),
        to: None,
        limit: 999,
        reverse: false,
    };
    let left = snapshot.scan(scan(1)).await.expect("cells are scanned").len();
    assert!(left == 0 || left == 100, "{left} of 100 cells");
    assert_eq!(snapshot.scan(scan(2)).await.expect("cells are scanned").len(), 100);
    assert_eq!(get(&*snapshot, b"main").await.as_deref(), Some(&b"kept"[..]));
    assert_eq!(kv.scan(scan(1)).await, Ok(Vec::new()));
}

pub async fn several_snapshots_keep_their_own_time(harness: &dyn Harness) {
    let kv = harness.open().await;
    let mut snapshots: Vec<Box<dyn Read>> = Vec::new();
    for count in 1..=3_u64 {
        assert_eq!(append(&*kv, b"log", b"").await, count);
        put(&*kv, b"count", &count.to_be_bytes()).await;
        snapshots.push(kv.snapshot().await.expect("a snapshot is taken"));
    }
    append(&*kv, b"log", b"").await;
    put(&*kv, b"count", b"later").await;
    for (count, snapshot) in (1..=3_u64).zip(&snapshots) {
        assert_eq!(snapshot.log_head(b"log").await, Ok(count));
        assert_eq!(get(&**snapshot, b"count").await.as_deref(), Some(&count.to_be_bytes()[..]));
    }
}
