//! The limits of the contract, from both sides.

use super::{Harness, append, commit, entries, get};
use crate::{
    BATCH_BYTES_LIMIT, BATCH_OPERATIONS_LIMIT, Batch, CellKey, Expect, KEY_BYTES_LIMIT, KvError, Scan, Slot,
    Space, Template, VALUE_BYTES_LIMIT,
};

pub async fn what_breaks_a_limit_is_refused_and_writes_nothing(harness: &dyn Harness) {
    let kv = harness.open().await;
    append(&*kv, b"log", b"first").await;
    for (what, mut batch) in broken() {
        // In front of what is broken stands what would be fine.
        batch.put(Space::Main, b"fine".as_slice(), b"".as_slice());
        match kv.commit(batch).await {
            Err(KvError::Invalid { detail }) => assert!(!detail.is_empty(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(get(&*kv, b"fine").await, None, "{what}");
        assert_eq!(kv.log_head(b"log").await, Ok(1), "{what}");
    }
    assert_eq!(append(&*kv, b"log", b"second").await, 2, "the engine goes on");
}

fn broken() -> Vec<(&'static str, Batch)> {
    let long_key = || vec![b'k'; KEY_BYTES_LIMIT + 1];
    let large = || vec![b'v'; VALUE_BYTES_LIMIT + 1];
    let batch = |fill: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        fill(&mut batch);
        batch
    };
    vec![
        ("a long key", batch(&|batch| batch.put(Space::Main, long_key(), vec![]))),
        ("a long key of a period", batch(&|batch| batch.put(Space::Period(1), long_key(), vec![]))),
        ("an empty key", batch(&|batch| batch.put(Space::Main, vec![], vec![]))),
        ("a long deleted key", batch(&|batch| batch.delete(CellKey::main(long_key())))),
        (
            "a long checked key",
            batch(&|batch| {
                batch.check(CellKey::main(long_key()), Expect::Absent);
            }),
        ),
        (
            "a long log",
            batch(&|batch| {
                batch.append(long_key(), vec![]);
            }),
        ),
        (
            "an empty log",
            batch(&|batch| {
                batch.append("", vec![]);
            }),
        ),
        ("a long note's log", batch(&|batch| batch.note(long_key(), vec![]))),
        ("a long rewritten log", batch(&|batch| batch.rewrite(long_key(), 1, ""))),
        ("a long trimmed log", batch(&|batch| batch.trim(long_key(), 1, 1))),
        ("a large value", batch(&|batch| batch.put(Space::Main, b"k".as_slice(), large()))),
        (
            "a large entry",
            batch(&|batch| {
                batch.append("log", large());
            }),
        ),
        ("a large rewrite", batch(&|batch| batch.rewrite("log", 1, large()))),
        ("a large note", batch(&|batch| batch.note("notes", large()))),
        ("a slot of no append", batch(&|batch| batch.put(Space::Main, b"k".as_slice(), slot()))),
        ("too many operations", batch(&|batch| deletes(batch, BATCH_OPERATIONS_LIMIT))),
        ("too long a trim", batch(&|batch| batch.trim("log", 1, BATCH_OPERATIONS_LIMIT as u32))),
        ("too many bytes", batch(&|batch| values(batch, BATCH_BYTES_LIMIT + 1))),
    ]
}

fn slot() -> Template {
    Template::new().slot(Slot(0))
}

fn deletes(batch: &mut Batch, count: usize) {
    for key in 0..count {
        batch.delete(CellKey::main((key as u32).to_be_bytes().to_vec()));
    }
}

/// Puts of `bytes` bytes, keys included.
fn values(batch: &mut Batch, mut bytes: usize) {
    let mut number = 0_u8;
    while bytes > 0 {
        let value = (bytes - 1).min(VALUE_BYTES_LIMIT - 1);
        batch.put(Space::Period(1), vec![number], vec![number; value]);
        number += 1;
        bytes -= value + 1;
    }
}

pub async fn what_just_fits_is_taken(harness: &dyn Harness) {
    let kv = harness.open().await;
    let key = vec![b'k'; KEY_BYTES_LIMIT];
    let mut largest = Batch::new();
    largest.put(Space::Main, key.clone(), vec![1; VALUE_BYTES_LIMIT]);
    largest.append(key.clone(), vec![2; VALUE_BYTES_LIMIT]);
    largest.note("notes", vec![3; VALUE_BYTES_LIMIT]);
    assert_eq!(commit(&*kv, largest).await.sequences[..], [1]);
    assert_eq!(get(&*kv, &key).await.expect("the cell is there"), vec![1; VALUE_BYTES_LIMIT]);
    assert_eq!(entries(&*kv, &key).await[0].1, vec![2; VALUE_BYTES_LIMIT]);
    let notes = super::flattened(&*kv, b"notes").await;
    assert_eq!(notes, [vec![3; VALUE_BYTES_LIMIT]]);

    let mut most_bytes = Batch::new();
    values(&mut most_bytes, BATCH_BYTES_LIMIT);
    assert_eq!(most_bytes.size_bytes(), BATCH_BYTES_LIMIT);
    commit(&*kv, most_bytes).await;
    let cells = kv.scan(Scan::prefix(Space::Period(1), "", 99)).await.expect("cells are scanned");
    let bytes: usize = cells.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!(bytes, BATCH_BYTES_LIMIT);

    let mut most_operations = Batch::new();
    for number in 0..BATCH_OPERATIONS_LIMIT as u32 - 1 {
        most_operations.put(Space::Period(2), number.to_be_bytes().to_vec(), vec![]);
    }
    most_operations.trim(key.clone(), 1, 1);
    commit(&*kv, most_operations).await;
    let scan = Scan::prefix(Space::Period(2), "", BATCH_OPERATIONS_LIMIT);
    assert_eq!(kv.scan(scan).await.map(|cells| cells.len()), Ok(BATCH_OPERATIONS_LIMIT - 1));
    assert_eq!(kv.log_head(&key).await, Ok(1));
    assert!(entries(&*kv, &key).await.is_empty());
}
