//! What stays: reopening, closing, bulk deletion and bulk work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::{Harness, append, commit, entries, flattened, get, put, reopen, template};
use crate::{Batch, CellKey, Expect, KvError, Scan, Slot, Space, ValueHash, sweep};

pub async fn reopening_keeps_everything(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"cell", b"old").await;
    put(&*kv, b"cell", b"new").await;
    put(&*kv, b"deleted", b"").await;
    for entry in 1..=5_u8 {
        append(&*kv, b"trimmed", &[entry]).await;
        append(&*kv, b"log", &[entry]).await;
    }
    let mut batch = Batch::new();
    batch.delete(CellKey::main("deleted"));
    batch.put(Space::Period(6), b"timed".as_slice(), b"value".as_slice());
    batch.rewrite("log", 2, "changed");
    batch.trim("log", 1, 1);
    batch.trim("trimmed", 5, 5);
    batch.note("notes", b"one".as_slice());
    commit(&*kv, batch).await;

    let mut kv = kv;
    for round in 0..3_u8 {
        kv = reopen(harness, kv).await;
        let round_number = u64::from(round);
        assert_eq!(get(&*kv, b"cell").await.as_deref(), Some(&b"new"[..]));
        assert_eq!(get(&*kv, b"deleted").await, None);
        assert_eq!(kv.get(CellKey::period(6, "timed")).await, Ok(Some("value".into())));
        assert_eq!(kv.periods().await, Ok(vec![6]));
        assert_eq!(kv.log_head(b"trimmed").await, Ok(5 + round_number));
        let log = entries(&*kv, b"log").await;
        assert_eq!(log[..2], [(2, Bytes::from("changed")), (3, Bytes::from_static(&[3]))]);
        assert_eq!(log.len() as u64, 4 + round_number);
        assert_eq!(flattened(&*kv, b"notes").await.len() as u64, 1 + round_number);

        // What comes after a reopening continues what was before it.
        let mut batch = Batch::new();
        batch.check(CellKey::main("cell"), Expect::Hash(ValueHash::of(b"new")));
        batch.append("trimmed", vec![round]);
        batch.append("log", template(b"").slot(Slot(0)));
        batch.note("notes", vec![round]);
        assert_eq!(commit(&*kv, batch).await.sequences[..], [6 + round_number, 6 + round_number]);
    }
    let trimmed: Vec<u64> = entries(&*kv, b"trimmed").await.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(trimmed, [6, 7, 8]);
    let notes: Vec<Bytes> = ["one", "\0", "\u{1}", "\u{2}"].map(Bytes::from).to_vec();
    assert_eq!(flattened(&*kv, b"notes").await, notes);
}

pub async fn a_dropped_period_stays_dropped(harness: &dyn Harness) {
    let kv = harness.open().await;
    for period in [1, 2] {
        let mut batch = Batch::new();
        batch.put(Space::Period(period), b"key".as_slice(), b"old".as_slice());
        commit(&*kv, batch).await;
    }
    kv.drop_period(1).await.expect("a period is dropped");
    let kv = reopen(harness, kv).await;
    assert_eq!(kv.get(CellKey::period(1, "key")).await, Ok(None));
    assert_eq!(kv.get(CellKey::period(2, "key")).await, Ok(Some("old".into())));
    let mut batch = Batch::new();
    batch.check(CellKey::period(1, "key"), Expect::Absent);
    batch.put(Space::Period(1), b"key".as_slice(), b"new".as_slice());
    commit(&*kv, batch).await;
    let kv = reopen(harness, kv).await;
    assert_eq!(kv.get(CellKey::period(1, "key")).await, Ok(Some("new".into())));
}

pub async fn closing_loses_no_answered_commit(harness: &dyn Harness) {
    let kv = harness.open().await;
    let tasks: Vec<_> = (0..60_u8)
        .map(|task| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                let mut batch = Batch::new();
                batch.put(Space::Main, vec![task], b"".as_slice());
                batch.append("log", vec![task]);
                (task, kv.commit(batch).await)
            })
        })
        .collect();
    tokio::task::yield_now().await;
    kv.close().await;
    let mut answered = Vec::new();
    for task in tasks {
        match task.await.expect("the job does not panic") {
            (task, Ok(committed)) => answered.push((committed.sequences[0], Bytes::from(vec![task]))),
            (task, Err(KvError::Unavailable { .. })) => {
                assert!(!answered.iter().any(|(_, value)| value[0] == task));
            }
            (task, Err(error)) => panic!("{task}: {error}"),
        }
    }
    let kv = reopen(harness, kv).await;
    answered.sort();
    assert_eq!(entries(&*kv, b"log").await, answered);
    let cells = kv.scan(Scan::prefix(Space::Main, "", 99)).await.expect("cells are scanned");
    assert_eq!(cells.len(), answered.len(), "a refused commit left nothing behind");
}

pub async fn a_sweep_deletes_its_range_and_can_be_repeated(harness: &dyn Harness) {
    let kv = harness.open().await;
    for space in [Space::Main, Space::Period(1)] {
        let mut batch = Batch::new();
        for number in 0..700_u16 {
            batch.put(space, [b"swept", &number.to_be_bytes()[..]].concat(), vec![]);
        }
        for key in ["a", "sweps", "swepu", "z"] {
            batch.put(space, key.as_bytes(), vec![]);
        }
        commit(&*kv, batch).await;
    }
    let range = Scan::prefix(Space::Main, "swept", 1);
    assert_eq!(sweep(&*kv, range.clone()).await, Ok(700));
    assert_eq!(sweep(&*kv, range).await, Ok(0));
    for (space, left) in [(Space::Main, 4), (Space::Period(1), 704)] {
        let cells = kv.scan(Scan::prefix(space, "", 999)).await.expect("cells are scanned");
        assert_eq!(cells.len(), left, "{space:?}");
    }
    let whole = Scan { space: Space::Period(1), from: Bytes::new(), to: None, limit: 1, reverse: true };
    assert_eq!(sweep(&*kv, whole).await, Ok(704));
    let kv = reopen(harness, kv).await;
    assert_eq!(kv.scan(Scan::prefix(Space::Period(1), "", 9)).await, Ok(Vec::new()));
}

pub async fn background_work_commits_while_others_are_busy(harness: &dyn Harness) {
    const BATCHES: u64 = 20;
    let kv = harness.open().await;
    let done = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (kv, done) = (Arc::clone(&kv), Arc::clone(&done));
            tokio::spawn(async move {
                let mut sent = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let mut batch = Batch::new();
                    batch.append("messages", b"".as_slice());
                    kv.commit(batch).await.expect("the batch commits");
                    sent += 1;
                    tokio::task::yield_now().await;
                }
                sent
            })
        })
        .collect();
    let bulk = async {
        for number in 1..=BATCHES {
            let mut batch = Batch::background();
            batch.put(Space::Main, number.to_be_bytes().to_vec(), vec![]);
            batch.append("bulk", vec![]);
            assert_eq!(commit(&*kv, batch).await.sequences[..], [number]);
        }
    };
    let finished = tokio::time::timeout(Duration::from_secs(30), bulk).await;
    done.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.expect("the sender does not panic");
    }
    finished.expect("background work is not starved");
    assert_eq!(kv.log_head(b"messages").await, Ok(sent));
    assert_eq!(kv.log_head(b"bulk").await, Ok(BATCHES));
}
