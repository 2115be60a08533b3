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
