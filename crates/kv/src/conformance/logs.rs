//! Logs: numbering, slots, notes, pages, trims and rewrites.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Harness, append, commit, entries, flattened, get, template};
use crate::{Batch, CellKey, Read, ReadLog, Slot, Space};

pub async fn sequences_have_no_gap_under_concurrent_appends(harness: &dyn Harness) {
    const TASKS: u32 = 8;
    const ROUNDS: u32 = 40;
    let kv = harness.open().await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                let mut given = Vec::new();
                for round in 0..ROUNDS {
                    let name = Bytes::from(format!("{task}/{round}"));
                    let mut batch = Batch::new();
                    // Tasks name the two logs in opposite orders: locks taken in batch order would deadlock.
                    let own = Bytes::from(format!("log {}", task % 3));
                    let logs: [Bytes; 2] =
                        if task % 2 == 0 { ["shared".into(), own] } else { [own, "shared".into()] };
                    for log in &logs {
                        batch.append(log.clone(), name.clone());
                    }
                    let sequences = kv.commit(batch).await.expect("the batch commits").sequences;
                    for (log, sequence) in logs.into_iter().zip(sequences) {
                        given.push((log, sequence, name.clone()));
                    }
                }
                given
            })
        })
        .collect();
    let mut given: BTreeMap<Bytes, Vec<(u64, Bytes)>> = BTreeMap::new();
    for task in tasks {
        for (log, sequence, name) in task.await.expect("the task does not panic") {
            given.entry(log).or_default().push((sequence, name));
        }
    }
    assert_eq!(given["shared".as_bytes()].len(), (TASKS * ROUNDS) as usize);
    for (log, mut answered) in given {
        answered.sort();
        let numbers: Vec<u64> = answered.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(numbers, (1..=answered.len() as u64).collect::<Vec<_>>(), "{log:?}");
        assert_eq!(entries(&*kv, &log).await, answered, "{log:?}");
        assert_eq!(kv.log_head(&log).await, Ok(answered.len() as u64), "{log:?}");
    }
}

pub async fn two_appends_of_one_batch_follow_each_other(harness: &dyn Harness) {
    let kv = harness.open().await;
    append(&*kv, b"a", b"0").await;
    let mut batch = Batch::new();
    batch.append("a", b"1".as_slice());
    batch.append("b", b"2".as_slice());
    batch.append("a", b"3".as_slice());
    batch.append("a", b"4".as_slice());
    assert_eq!(commit(&*kv, batch).await.sequences[..], [2, 1, 3, 4]);
    let wanted: Vec<(u64, Bytes)> = vec![(1, "0".into()), (2, "1".into()), (3, "3".into()), (4, "4".into())];
    assert_eq!(entries(&*kv, b"a").await, wanted);
}

pub async fn slots_are_filled_in_keys_values_entries_and_notes(harness: &dyn Harness) {
    let kv = harness.open().await;
    for _ in 0..299 {
        append(&*kv, b"a", b"").await;
    }
    let mut batch = Batch::new();
    // The first entry names the second append, which comes after it.
    batch.append("a", template(b"[").slot(Slot(1)).bytes(b"]"));
    batch.append("b", template(b"").slot(Slot(0)).slot(Slot(1)));
    batch.put(Space::Main, template(b"k").slot(Slot(0)).bytes(b"/").slot(Slot(1)), template(b"plain"));
    batch.put(Space::Period(5), template(b"p").slot(Slot(0)), template(b"v").slot(Slot(1)).bytes(b"!"));
    batch.note("notes", template(b"n").slot(Slot(1)).slot(Slot(0)));
    assert_eq!(commit(&*kv, batch).await.sequences[..], [300, 1]);

    let a = 300_u64.to_be_bytes();
    let b = 1_u64.to_be_bytes();
    let last = ReadLog { log: "a".into(), from: u64::MAX, limit: 1, reverse: true };
    let wanted = vec![(300, Bytes::from([b"[", &b[..], b"]"].concat()))];
    assert_eq!(kv.read_log(last).await, Ok(wanted));
    assert_eq!(entries(&*kv, b"b").await, [(1, Bytes::from([a, b].concat()))]);
    let cell = get(&*kv, &[b"k", &a[..], b"/", &b[..]].concat()).await;
    assert_eq!(cell.as_deref(), Some(&b"plain"[..]));
    let cell = kv.get(CellKey::period(5, [b"p", &a[..]].concat())).await.expect("a cell is read");
    assert_eq!(cell.as_deref(), Some(&[b"v", &b[..], b"!"].concat()[..]));
    assert_eq!(flattened(&*kv, b"notes").await, [Bytes::from([b"n", &b[..], &a[..]].concat())]);
}

pub async fn notes_are_lossless_and_in_commit_order(harness: &dyn Harness) {
    const TASKS: u8 = 8;
    const ROUNDS: u32 = 40;
    let kv = harness.open().await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let log = task % 3;
                    let mut batch = Batch::new();
                    let slot = batch.append(vec![b'l', log], b"".as_slice());
                    let note = template(&[task]).bytes(&round.to_be_bytes()).bytes(&[log]).slot(slot);
                    batch.note("notes", note);
                    kv.commit(batch).await.expect("the batch commits");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task does not panic");
    }
    let mut rounds: BTreeMap<u8, u32> = BTreeMap::new();
    let mut sequences: BTreeMap<u8, u64> = BTreeMap::new();
    for note in flattened(&*kv, b"notes").await {
        let round = rounds.entry(note[0]).or_default();
        assert_eq!(note[1..5], round.to_be_bytes(), "task {} in its own order", note[0]);
        *round += 1;
        let sequence = sequences.entry(note[5]).or_default();
        *sequence += 1;
        assert_eq!(note[6..14], sequence.to_be_bytes(), "log {} in the order of its sequences", note[5]);
    }
    assert_eq!(rounds, (0..TASKS).map(|task| (task, ROUNDS)).collect());
    let groups: Vec<u64> = entries(&*kv, b"notes").await.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(groups, (1..=groups.len() as u64).collect::<Vec<_>>(), "note entries are numbered too");
}

pub async fn large_notes_of_many_jobs_all_arrive(harness: &dyn Harness) {
    // Together they are far above what one entry may hold.
    let kv = harness.open().await;
    let tasks: Vec<_> = (0..24_u8)
        .map(|task| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                let mut batch = Batch::new();
                batch.note("notes", vec![task; 200 << 10]);
                kv.commit(batch).await.expect("the batch commits");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task does not panic");
    }
    let mut notes: Vec<(usize, u8)> =
        flattened(&*kv, b"notes").await.iter().map(|note| (note.len(), note[0])).collect();
    notes.sort_unstable();
    assert_eq!(notes, (0..24_u8).map(|task| (200 << 10, task)).collect::<Vec<_>>());
}

pub async fn a_log_is_read_in_pages_both_ways(harness: &dyn Harness) {
    let kv = harness.open().await;
    for entry in 1..=10_u8 {
        append(&*kv, b"log", &[entry]).await;
        append(&*kv, b"lof", &[0]).await;
        append(&*kv, b"log\0", &[0]).await;
    }
    let rows: [(u64, usize, bool, Vec<u8>); 14] = [
        (0, 100, false, (1..=10).collect()),
        (1, 100, false, (1..=10).collect()),
        (4, 3, false, vec![4, 5, 6]),
        (9, 3, false, vec![9, 10]),
        (11, 3, false, vec![]),
        (u64::MAX, 3, false, vec![]),
        (u64::MAX, 100, true, (1..=10).rev().collect()),
        (10, 2, true, vec![10, 9]),
        (4, 3, true, vec![4, 3, 2]),
        (2, 3, true, vec![2, 1]),
        (0, 3, true, vec![]),
        (5, 0, false, vec![]),
        (5, 0, true, vec![]),
        (i64::MAX as u64 + 1, 1, true, vec![10]),
    ];
    for (from, limit, reverse, wanted) in rows {
        assert_eq!(page(&*kv, "log", from, limit, reverse).await, wanted, "{from} {limit} {reverse}");
    }
    assert_eq!(page(&*kv, "no such log", 0, 9, false).await, Vec::<u8>::new());
    assert_eq!(page(&*kv, "no such log", u64::MAX, 9, true).await, Vec::<u8>::new());
    assert_eq!(kv.log_head(b"no such log").await, Ok(0));
    let logs = ["log", "no such log", "log"].map(Bytes::from);
    assert_eq!(kv.log_heads(&logs).await, Ok(vec![10, 0, 10]));
    assert_eq!(kv.log_heads(&[]).await, Ok(vec![]));
}

/// The first bytes of a page's entries; holds their sequences to be the same.
async fn page(kv: &dyn Read, log: &'static str, from: u64, limit: usize, reverse: bool) -> Vec<u8> {
    let page = kv.read_log(ReadLog { log: log.into(), from, limit, reverse }).await.expect("a log is read");
    for (sequence, value) in &page {
        assert_eq!(*sequence, u64::from(value[0]), "an entry under another's number");
    }
    page.into_iter().map(|(_, value)| value[0]).collect()
}

pub async fn trims_remove_the_oldest_and_keep_the_head(harness: &dyn Harness) {
    let kv = harness.open().await;
    for entry in 1..=10_u8 {
        append(&*kv, b"log", &[entry]).await;
    }
    let steps: [(u64, u32, Vec<u8>); 6] = [
        (0, 100, (1..=10).collect()),
        (3, 0, (1..=10).collect()),
        (3, 2, (3..=10).collect()),
        (3, 100, (4..=10).collect()),
        (2, 100, (4..=10).collect()),
        (8, 100, vec![9, 10]),
    ];
    for (up_to, entries_max, left) in steps {
        let mut batch = Batch::new();
        batch.trim("log", up_to, entries_max);
        commit(&*kv, batch).await;
        assert_eq!(page(&*kv, "log", 0, 100, false).await, left, "{up_to} {entries_max}");
        let backwards: Vec<u8> = left.into_iter().rev().collect();
        assert_eq!(page(&*kv, "log", u64::MAX, 100, true).await, backwards, "{up_to} {entries_max}");
        assert_eq!(kv.log_head(b"log").await, Ok(10), "{up_to} {entries_max}");
    }
    assert_eq!(page(&*kv, "log", 4, 1, false).await, [9], "a page from a trimmed place starts behind it");
    assert!(page(&*kv, "log", 8, 1, true).await.is_empty());

    let mut all = Batch::new();
    all.trim("log", u64::MAX, 100);
    all.trim("no such log", u64::MAX, 100);
    commit(&*kv, all).await;
    assert!(page(&*kv, "log", 0, 100, false).await.is_empty());
    assert_eq!(kv.log_head(b"log").await, Ok(10));
    assert_eq!(kv.log_head(b"no such log").await, Ok(0));
    assert_eq!(append(&*kv, b"log", &[11]).await, 11);
    assert_eq!(append(&*kv, b"no such log", &[1]).await, 1);

    let mut twice = Batch::new();
    for _ in 0..3 {
        twice.append("log", b"".as_slice());
    }
    commit(&*kv, twice).await;
    let mut twice = Batch::new();
    twice.trim("log", 14, 1);
    twice.trim("log", 13, 5);
    commit(&*kv, twice).await;
    let left: Vec<u64> = entries(&*kv, b"log").await.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(left, [14], "two trims of one batch add up");
}

pub async fn rewrites_replace_only_entries_that_are_there(harness: &dyn Harness) {
    let kv = harness.open().await;
    for entry in ["one", "two", "three", "four"] {
        append(&*kv, b"log", entry.as_bytes()).await;
    }
    let mut batch = Batch::new();
    batch.trim("log", 1, 9);
    commit(&*kv, batch).await;

    let mut batch = Batch::new();
    batch.rewrite("log", 2, "TWO, and longer");
    batch.rewrite("log", 4, "4");
    batch.rewrite("log", 4, "");
    for missing in [0, 1, 5, 6, u64::MAX] {
        batch.rewrite("log", missing, "never");
    }
    batch.rewrite("no such log", 1, "never");
    commit(&*kv, batch).await;

    let wanted: Vec<(u64, Bytes)> = vec![(2, "TWO, and longer".into()), (3, "three".into()), (4, "".into())];
    assert_eq!(entries(&*kv, b"log").await, wanted);
    assert_eq!(entries(&*kv, b"no such log").await, []);
    assert_eq!(kv.log_head(b"log").await, Ok(4));
    assert_eq!(kv.log_head(b"no such log").await, Ok(0));
}

pub async fn rewrites_and_trims_come_before_appends(harness: &dyn Harness) {
    let kv = harness.open().await;
    append(&*kv, b"log", b"one").await;
    let mut batch = Batch::new();
    batch.append("log", b"two".as_slice());
    batch.rewrite("log", 1, "changed");
    batch.rewrite("log", 2, "too early");
    batch.trim("log", 2, 9);
    batch.append("new", b"one".as_slice());
    batch.trim("new", u64::MAX, 9);
    commit(&*kv, batch).await;
    assert_eq!(entries(&*kv, b"log").await, [(2, Bytes::from("two"))]);
    assert_eq!(entries(&*kv, b"new").await, [(1, Bytes::from("one"))]);
}

pub async fn entries_may_be_empty(harness: &dyn Harness) {
    let kv = harness.open().await;
    assert_eq!(append(&*kv, b"log", b"").await, 1);
    let mut batch = Batch::new();
    batch.note("notes", b"".as_slice());
    commit(&*kv, batch).await;
    assert_eq!(entries(&*kv, b"log").await, [(1, Bytes::new())]);
    assert_eq!(flattened(&*kv, b"notes").await, [Bytes::new()]);
}
