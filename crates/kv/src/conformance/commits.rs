//! All or nothing, checks, and the order of operations inside a batch.

use std::sync::Arc;

use bytes::Bytes;

use super::{Harness, append, commit, entries, get, put, template};
use crate::{Batch, CellKey, Expect, Kv, KvError, Slot, Space, ValueHash};

pub async fn a_batch_with_a_failing_check_writes_nothing(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"kept", b"1").await;
    append(&*kv, b"log", b"first").await;
    append(&*kv, b"log", b"second").await;

    let mut batch = Batch::new();
    batch.check(CellKey::main("kept"), Expect::Hash(ValueHash::of(b"2")));
    batch.put(Space::Main, b"new".as_slice(), b"x".as_slice());
    batch.put(Space::Period(3), b"new".as_slice(), b"x".as_slice());
    batch.put(Space::Main, b"kept".as_slice(), b"x".as_slice());
    batch.delete(CellKey::main("kept"));
    batch.append("log", b"third".as_slice());
    batch.append("other", b"x".as_slice());
    batch.rewrite("log", 2, b"changed".as_slice());
    batch.trim("log", 1, 1);
    batch.note("notes", b"x".as_slice());
    assert_eq!(kv.commit(batch).await, Err(KvError::CheckFailed { check: 0 }));

    assert_eq!(get(&*kv, b"kept").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(get(&*kv, b"new").await, None);
    assert_eq!(kv.get(CellKey::period(3, "new")).await, Ok(None));
    let log: Vec<(u64, Bytes)> = vec![(1, "first".into()), (2, "second".into())];
    assert_eq!(entries(&*kv, b"log").await, log);
    assert_eq!(kv.log_head(b"other").await, Ok(0));
    assert_eq!(kv.log_head(b"notes").await, Ok(0));
    assert_eq!(append(&*kv, b"log", b"third").await, 3, "the failed append took no number");
}

pub async fn a_failing_check_fails_its_own_job_alone(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"policy", b"open").await;
    let mut jobs = Vec::new();
    for job in 0..180_u32 {
        let kv = Arc::clone(&kv);
        jobs.push(tokio::spawn(async move {
            let expected: &[u8] = if job % 3 == 0 { b"closed" } else { b"open" };
            let mut batch = Batch::new();
            batch.check(CellKey::main("policy"), Expect::Hash(ValueHash::of(expected)));
            batch.append("log", job.to_be_bytes().to_vec());
            batch.put(Space::Main, [b"job", &job.to_be_bytes()[..]].concat(), template(b"").slot(Slot(0)));
            (job, kv.commit(batch).await)
        }));
    }
    let mut committed = Vec::new();
    for task in jobs {
        let (job, outcome) = task.await.expect("the job does not panic");
        let cell = get(&*kv, &[b"job", &job.to_be_bytes()[..]].concat()).await;
        if job % 3 == 0 {
            assert_eq!(outcome, Err(KvError::CheckFailed { check: 0 }), "job {job}");
            assert_eq!(cell, None, "job {job}");
        } else {
            let sequence = outcome.expect("the check holds").sequences[0];
            assert_eq!(cell.as_deref(), Some(&sequence.to_be_bytes()[..]), "job {job}");
            committed.push((sequence, Bytes::from(job.to_be_bytes().to_vec())));
        }
    }
    committed.sort();
    assert_eq!(committed.len(), 120);
    assert_eq!(entries(&*kv, b"log").await, committed);
    assert_eq!(kv.log_head(b"log").await, Ok(120));
}

pub async fn the_first_failing_check_is_named(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"a", b"1").await;
    let holds = (CellKey::main("a"), Expect::Hash(ValueHash::of(b"1")));
    let fails = (CellKey::main("b"), Expect::Hash(ValueHash::of(b"1")));
    for failing in 0..4 {
        let mut batch = Batch::new();
        for index in 0..4 {
            let (cell, expect) = if index < failing { holds.clone() } else { fails.clone() };
            assert_eq!(batch.check(cell, expect), index);
        }
        assert_eq!(kv.commit(batch).await, Err(KvError::CheckFailed { check: failing }));
    }
}

pub async fn absent_and_hash_checks_mean_what_they_say(harness: &dyn Harness) {
    let kv = harness.open().await;
    let mut batch = Batch::new();
    batch.put(Space::Main, b"full".as_slice(), b"value".as_slice());
    batch.put(Space::Main, b"empty".as_slice(), b"".as_slice());
    batch.put(Space::Period(7), b"timed".as_slice(), b"value".as_slice());
    commit(&*kv, batch).await;

    let hash = |value: &[u8]| Expect::Hash(ValueHash::of(value));
    let rows: [(CellKey, Expect, bool); 14] = [
        (CellKey::main("full"), hash(b"value"), true),
        (CellKey::main("full"), hash(b"valu"), false),
        (CellKey::main("full"), Expect::Absent, false),
        (CellKey::main("ful"), Expect::Absent, true),
        (CellKey::main("full\0"), Expect::Absent, true),
        (CellKey::main("empty"), Expect::Absent, false),
        (CellKey::main("empty"), hash(b""), true),
        (CellKey::main("none"), hash(b""), false),
        (CellKey::main("none"), Expect::Absent, true),
        (CellKey::period(7, "timed"), hash(b"value"), true),
        (CellKey::period(7, "timed"), Expect::Absent, false),
        (CellKey::period(8, "timed"), Expect::Absent, true),
        (CellKey::period(8, "timed"), hash(b"value"), false),
        (CellKey::main("timed"), Expect::Absent, true),
    ];
    for (cell, expect, holds) in rows {
        let mut batch = Batch::new();
        batch.check(cell.clone(), expect);
        let outcome = kv.commit(batch).await;
        let wanted = if holds { Ok(()) } else { Err(KvError::CheckFailed { check: 0 }) };
        assert_eq!(outcome.map(drop), wanted, "{cell:?} {expect:?}");
    }
}

pub async fn checks_see_the_state_before_their_batch(harness: &dyn Harness) {
    let kv = harness.open().await;
    let cell = CellKey::main("cell");

    let mut create = Batch::new();
    create.put(Space::Main, b"cell".as_slice(), b"1".as_slice());
    create.check(cell.clone(), Expect::Absent);
    create.check(cell.clone(), Expect::Absent);
    commit(&*kv, create).await;

    let mut own = Batch::new();
    own.put(Space::Main, b"cell".as_slice(), b"2".as_slice());
    own.check(cell.clone(), Expect::Hash(ValueHash::of(b"2")));
    assert_eq!(kv.commit(own).await, Err(KvError::CheckFailed { check: 0 }));

    let mut change = Batch::new();
    change.delete(cell.clone());
    change.put(Space::Main, b"cell".as_slice(), b"2".as_slice());
    change.check(cell, Expect::Hash(ValueHash::of(b"1")));
    commit(&*kv, change).await;
    assert_eq!(get(&*kv, b"cell").await.as_deref(), Some(&b"2"[..]));
}

pub async fn the_later_operation_on_a_key_wins(harness: &dyn Harness) {
    let kv = harness.open().await;
    for space in [Space::Main, Space::Period(1)] {
        for existing in [false, true] {
            let mut before = Batch::new();
            for key in ["twice", "gone", "back", "filled"] {
                let cell = CellKey { space, key: key.into() };
                if existing {
                    before.put(space, key.as_bytes(), b"old".as_slice());
                } else {
                    before.delete(cell);
                }
            }
            commit(&*kv, before).await;

            let mut batch = Batch::new();
            batch.put(space, b"twice".as_slice(), b"1".as_slice());
            batch.put(space, b"gone".as_slice(), b"1".as_slice());
            batch.delete(CellKey { space, key: "back".into() });
            batch.put(space, b"filled".as_slice(), template(b"").slot(Slot(0)));
            batch.put(space, b"twice".as_slice(), b"2".as_slice());
            batch.delete(CellKey { space, key: "gone".into() });
            batch.put(space, b"back".as_slice(), b"2".as_slice());
            batch.put(space, b"filled".as_slice(), b"literal".as_slice());
            batch.append("log", b"".as_slice());
            commit(&*kv, batch).await;

            let keys = ["twice", "gone", "back", "filled"].map(|key| CellKey { space, key: key.into() });
            let wanted = [Some("2"), None, Some("2"), Some("literal")].map(|value| value.map(Bytes::from));
            assert_eq!(kv.get_many(&keys).await.as_deref(), Ok(&wanted[..]), "{space:?} {existing}");
        }
    }
}

pub async fn one_of_many_wins_an_absent_key(harness: &dyn Harness) {
    let kv = harness.open().await;
    for (round, space) in [Space::Main, Space::Period(1), Space::Main].into_iter().enumerate() {
        let key = Bytes::from(format!("key {round}"));
        let tasks: Vec<_> = (0..40_u8)
            .map(|task| {
                let (kv, key) = (Arc::clone(&kv), key.clone());
                tokio::spawn(async move {
                    let mut batch = Batch::new();
                    batch.check(CellKey { space, key: key.clone() }, Expect::Absent);
                    batch.put(space, key, vec![task]);
                    batch.append("winners", vec![task]);
                    (task, kv.commit(batch).await)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.expect("the job does not panic") {
                (task, Ok(_)) => winners.push(task),
                (task, Err(error)) => assert_eq!(error, KvError::CheckFailed { check: 0 }, "{task}"),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        let stored = kv.get(CellKey { space, key }).await.expect("a cell is read");
        assert_eq!(stored.as_deref(), Some(&winners[..]));
        assert_eq!(kv.log_head(b"winners").await, Ok(round as u64 + 1));
    }
}

pub async fn counters_lose_no_update(harness: &dyn Harness) {
    const TASKS: u64 = 6;
    const ROUNDS: u64 = 15;
    let kv = harness.open().await;
    put(&*kv, b"counter", &0_u64.to_be_bytes()).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    increment(&*kv).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task does not panic");
    }
    let counter = get(&*kv, b"counter").await;
    assert_eq!(counter.as_deref(), Some(&(TASKS * ROUNDS).to_be_bytes()[..]));
}

async fn increment(kv: &dyn Kv) {
    loop {
        let old = get(kv, b"counter").await.expect("the counter is there");
        let count = u64::from_be_bytes(old[..].try_into().expect("8 bytes"));
        let mut batch = Batch::new();
        batch.check(CellKey::main("counter"), Expect::Hash(ValueHash::of(&old)));
        batch.put(Space::Main, b"counter".as_slice(), (count + 1).to_be_bytes().to_vec());
        match kv.commit(batch).await {
            Ok(_) => return,
            Err(KvError::CheckFailed { check: 0 }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub async fn a_key_is_taken_released_and_taken_again(harness: &dyn Harness) {
    // Takes and releases of one key from several tasks land in the same commit groups: a job's checks must
    // see what earlier jobs of its own group did.
    let kv = harness.open().await;
    let tasks: Vec<_> = (0..6_u8)
        .map(|task| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                let mut takes = 0_u64;
                for _ in 0..40 {
                    let mut take = Batch::new();
                    take.check(CellKey::main("lease"), Expect::Absent);
                    take.put(Space::Main, b"lease".as_slice(), vec![task]);
                    take.append("takes", vec![task]);
                    match kv.commit(take).await {
                        Ok(_) => takes += 1,
                        Err(KvError::CheckFailed { check: 0 }) => continue,
                        Err(error) => panic!("{error}"),
                    }
                    let mut release = Batch::new();
                    release.check(CellKey::main("lease"), Expect::Hash(ValueHash::of(&[task])));
                    release.delete(CellKey::main("lease"));
                    release.append("releases", vec![task]);
                    kv.commit(release).await.expect("the holder releases");
                }
                takes
            })
        })
        .collect();
    let mut takes = 0;
    for task in tasks {
        takes += task.await.expect("the task does not panic");
    }
    assert!(takes > 0);
    assert_eq!(kv.log_head(b"takes").await, Ok(takes));
    assert_eq!(entries(&*kv, b"takes").await, entries(&*kv, b"releases").await);
    assert_eq!(get(&*kv, b"lease").await, None);
}

pub async fn an_empty_batch_commits(harness: &dyn Harness) {
    let kv = harness.open().await;
    assert!(commit(&*kv, Batch::new()).await.sequences.is_empty());
}
