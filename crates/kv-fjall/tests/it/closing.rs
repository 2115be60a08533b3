//! Owning the folder, and letting go of it.

use kv::{CellKey, Kv, KvError, Read};

use crate::support;

#[tokio::test]
async fn a_folder_in_use_is_refused_and_free_after_closing() {
    let folder = support::folder();
    let kv = support::open(folder.path()).await;
    let second = kv_fjall::open(support::options(folder.path())).await;
    let Err(KvError::Unavailable { detail }) = second else { panic!("opened twice: {second:?}") };
    assert!(detail.contains("used by another process"), "{detail}");
    kv.close().await;
    drop(kv);
    support::open(folder.path()).await;
}

// fjall begins to count anew behind its last record, and forgot a keyspace that it noted below what it had noted of another.
#[tokio::test]
async fn a_period_that_is_made_after_one_was_dropped_is_there_after_a_restart() {
    for is_refused in [false, true] {
        let folder = support::folder();
        let put = || {
            let mut batch = kv::Batch::new();
            batch.put(kv::Space::Period(0), b"k".as_slice(), b"v".as_slice());
            batch
        };
        let kv = support::open(folder.path()).await;
        let mut first = put();
        if is_refused {
            first.check(CellKey::main(b"none".as_slice()), kv::Expect::Hash(kv::ValueHash::of(b"other")));
        }
        assert_eq!(kv.commit(first).await.is_err(), is_refused);
        kv.drop_period(0).await.unwrap();
        kv.close().await;
        drop(kv);
        let kv = support::open(folder.path()).await;
        kv.commit(put()).await.unwrap();
        kv.close().await;
        drop(kv);
        let kv = support::open(folder.path()).await;
        let cell = CellKey::period(0, b"k".as_slice());
        assert_eq!(kv.get(cell).await, Ok(Some(b"v".as_slice().into())), "refused: {is_refused}");
    }
}

#[tokio::test]
async fn after_closing_everything_is_refused_in_words() {
    let folder = support::folder();
    let kv = support::open(folder.path()).await;
    let snapshot = kv.snapshot().await.unwrap();
    kv.close().await;
    kv.close().await;
    let cell = CellKey::main(b"k".as_slice());
    assert!(matches!(support::send(&kv, "log", "late").await, Err(KvError::Unavailable { .. })));
    assert!(matches!(kv.get(cell.clone()).await, Err(KvError::Unavailable { .. })));
    assert!(matches!(snapshot.get(cell).await, Err(KvError::Unavailable { .. })));
    assert!(matches!(kv.drop_period(1).await, Err(KvError::Unavailable { .. })));
    assert!(matches!(kv.snapshot().await, Err(KvError::Unavailable { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_busy_and_keeps_what_it_took() {
    let folder = support::folder();
    let mut options = support::options(folder.path());
    options.queue_jobs_limit = 4;
    let kv = std::sync::Arc::new(kv_fjall::open(options).await.unwrap());
    let senders: Vec<_> = (0..200)
        .map(|count| {
            let kv = std::sync::Arc::clone(&kv);
            tokio::spawn(async move { support::send(&*kv, "log", &format!("message {count}")).await })
        })
        .collect();
    let (mut taken, mut busy) = (0, 0);
    for sender in senders {
        match sender.await.unwrap() {
            Ok(_) => taken += 1,
            Err(KvError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(busy > 0, "two hundred senders did not fill a queue of four");
    assert_eq!(support::sent(&*kv, "log").await.len(), taken);
}
