//! Several writers in several processes: this test program runs itself as each of them.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use bytes::Bytes;
use kv::{Batch, CellKey, Expect, Kv, KvError, Read, ReadLog, Scan, Slot, Space, Template, ValueHash, notes};
use kv_postgres::PostgresKv;

use crate::server::{Database, database};

const PROCESSES: u8 = 3;
const TASKS: u8 = 4;
const ROUNDS: u32 = 40;
const URL: &str = "KITH_TEST_WRITER_URL";
const NUMBER: &str = "KITH_TEST_WRITER_NUMBER";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_in_several_processes_lose_no_update_and_leave_no_gap() {
    let Some(database) = database().await else { return };
    let kv = database.engine().await;
    let mut batch = Batch::new();
    batch.put(Space::Main, b"counter".as_slice(), 0_u64.to_be_bytes().to_vec());
    batch.put(Space::Main, b"policy".as_slice(), b"open".as_slice());
    kv.commit(batch).await.expect("the batch commits");

    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            Command::new(std::env::current_exe().expect("a test program knows its path"))
                .args(["--exact", "processes::as_one_of_the_writers", "--ignored", "--nocapture"])
                .env(URL, &database.url)
                .env(NUMBER, number.to_string())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the test program runs")
        })
        .collect();
    for child in children {
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic");
        let output = output.expect("the child is waited for");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    let jobs = u64::from(PROCESSES) * u64::from(TASKS) * u64::from(ROUNDS);
    let counter = kv.get(CellKey::main("counter")).await.expect("a cell is read").expect("it is there");
    assert_eq!(counter[..], jobs.to_be_bytes(), "every increment counts once");

    // Each job appended to the shared log and to one of three others, and noted both sequences.
    let shared = all(&kv, "shared").await;
    assert_eq!(shared.len() as u64, jobs);
    let mut next: BTreeMap<Bytes, u32> = BTreeMap::new();
    for (_, who) in &shared {
        let round = next.entry(who.slice(..2)).or_default();
        assert_eq!(who[2..], round.to_be_bytes(), "the jobs of one task stay in its order");
        *round += 1;
    }
    assert_eq!(next.len(), usize::from(PROCESSES * TASKS));

    let mut noted: BTreeMap<Bytes, u64> = BTreeMap::new();
    for note in all(&kv, "notes").await.into_iter().flat_map(|(_, entry)| notes(entry)) {
        for (log, sequence) in [("shared".into(), &note[1..9]), (note.slice(..1), &note[9..17])] {
            let before = noted.entry(log).or_default();
            *before += 1;
            assert_eq!(*sequence, before.to_be_bytes(), "notes come in the order of the sequences");
        }
    }
    assert_eq!(noted["shared".as_bytes()], jobs);
    for (log, count) in noted {
        assert_eq!(kv.log_head(&log).await, Ok(count));
    }
    let read = ReadLog { log: "trimmed".into(), from: 0, limit: usize::MAX, reverse: false };
    let kept = kv.read_log(read).await.expect("a log is read");
    assert!(kept.len() < 200, "{} entries are left of {jobs}", kept.len());
    let sequences: Vec<u64> = kept.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (jobs - kept.len() as u64 + 1..=jobs).collect::<Vec<_>>());
    // A task rewrites its entry before the last, so what is as it was appended is somebody's last.
    let cells = kv.scan(Scan::prefix(Space::Main, "t", 99)).await.expect("cells are scanned");
    let lasts: Vec<Bytes> = cells.into_iter().map(|(_, sequence)| sequence).collect();
    assert_eq!(lasts.len(), usize::from(PROCESSES * TASKS));
    for (sequence, value) in kept {
        let wanted = if lasts.contains(&sequence.to_be_bytes().to_vec().into()) { "new" } else { "changed" };
        assert_eq!(value, wanted, "{sequence}");
    }
    assert_eq!(kv.log_head(b"trimmed").await, Ok(jobs));

    // Who won a contested key is in the log of winners, once a key.
    let winners = all(&kv, "winners").await;
    assert_eq!(winners.len(), ROUNDS as usize);
    for (_, key) in winners {
        let winner = kv.get(CellKey::period(1, key.clone())).await.expect("a cell is read");
        assert!(winner.is_some(), "{key:?}");
    }
}

/// The whole log; holds it to be numbered without a gap.
async fn all(kv: &PostgresKv, log: &'static str) -> Vec<(u64, Bytes)> {
    let read = ReadLog { log: log.into(), from: 0, limit: usize::MAX, reverse: false };
    let entries = kv.read_log(read).await.expect("a log is read");
    let sequences: Vec<u64> = entries.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (1..=entries.len() as u64).collect::<Vec<_>>(), "{log}");
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of the test above"]
async fn as_one_of_the_writers() {
    let variable = |name| std::env::var(name).expect("the parent sets it");
    let process: u8 = variable(NUMBER).parse().expect("a number");
    let kv = std::sync::Arc::new(Database { url: variable(URL) }.engine().await);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let kv = std::sync::Arc::clone(&kv);
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    count_one(&kv, process, task, round).await;
                    keep_short(&kv, [process, task]).await;
                    contest(&kv, [process, task], round).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task does not panic");
    }
    kv.close().await;
}

/// Increments the counter, appends and notes in one batch, as often as it takes.
async fn count_one(kv: &PostgresKv, process: u8, task: u8, round: u32) {
    let who = [&[process, task][..], &round.to_be_bytes()].concat();
    let log = vec![b'0' + task % 3];
    loop {
        let counter = kv.get(CellKey::main("counter")).await.expect("a cell is read").expect("it is there");
        let count = u64::from_be_bytes(counter[..].try_into().expect("8 bytes"));
        let mut batch = Batch::new();
        batch.check(CellKey::main("policy"), Expect::Hash(ValueHash::of(b"open")));
        batch.check(CellKey::main("counter"), Expect::Hash(ValueHash::of(&counter)));
        batch.put(Space::Main, b"counter".as_slice(), (count + 1).to_be_bytes().to_vec());
        // Processes name the logs in different orders.
        let (shared, own) = if process.is_multiple_of(2) {
            (batch.append("shared", who.clone()), batch.append(log.clone(), who.clone()))
        } else {
            let own = batch.append(log.clone(), who.clone());
            (batch.append("shared", who.clone()), own)
        };
        batch.note("notes", Template::new().bytes(&log).slot(shared).slot(own));
        match kv.commit(batch).await {
            Ok(_) => return,
            Err(KvError::CheckFailed { check: 1 }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Appends to a log that others trim and rewrite, all of which changes its head row. Nothing else that the
/// tasks share is locked here: it is the head's lock that keeps them apart.
async fn keep_short(kv: &PostgresKv, who: [u8; 2]) {
    let cell = [b"t", &who[..]].concat();
    let before = kv.get(CellKey::main(cell.clone())).await.expect("a cell is read");
    let mut batch = Batch::new();
    let place = batch.append("trimmed", b"new".as_slice());
    batch.put(Space::Main, cell, Template::new().slot(place));
    kv.commit(batch).await.expect("the batch commits");

    // In a batch without an append: two appends would meet at the entry's key even if nothing were locked.
    let Some(before) = before else { return };
    let before = u64::from_be_bytes(before[..].try_into().expect("8 bytes"));
    let mut batch = Batch::new();
    batch.rewrite("trimmed", before, "changed");
    batch.trim("trimmed", before.saturating_sub(20), 30);
    kv.commit(batch).await.expect("the batch commits");
}

/// Every task of every process wants the same key of this round.
async fn contest(kv: &PostgresKv, who: [u8; 2], round: u32) {
    let key = round.to_be_bytes().to_vec();
    let mut batch = Batch::new();
    batch.check(CellKey::period(1, key.clone()), Expect::Absent);
    batch.put(Space::Period(1), key.clone(), Template::new().bytes(&who).slot(Slot(0)));
    batch.append("winners", key);
    match kv.commit(batch).await {
        Ok(_) | Err(KvError::CheckFailed { check: 0 }) => {}
        Err(error) => panic!("{error}"),
    }
}
