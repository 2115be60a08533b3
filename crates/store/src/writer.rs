//! How the store commits: to the end, whether or not somebody still waits, and knowing when to doubt a read.
//!
//! Callers give up: sockets are cut, requests time out. Their batch is written all the same, and what is kept
//! in memory has to follow it. So what comes after a commit belongs to its future, and a future that is
//! dropped half-way is finished by a task of its own.
//!
//! After [`KvError::Unknown`] reads may show the state before that batch for as long as the engine needs to
//! come back, and the state after it later. What is read in between is true for its reader and must not be
//! remembered ([`Writer::is_certain`]).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use kv::{Batch, Committed, Kv, KvError};
use tokio::runtime::Handle;

#[derive(Debug)]
pub(crate) struct Writer {
    kv: Arc<dyn Kv>,
    /// Commits whose outcome was unknown.
    unknown: AtomicU64,
    /// How many of them are decided by now: a commit that began later went through, and engines are serial.
    decided: AtomicU64,
}

impl Writer {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv, unknown: AtomicU64::new(0), decided: AtomicU64::new(0) }
    }

    /// Commits a batch and makes of the outcome what `after` does, also when the caller has gone meanwhile.
    pub(crate) fn commit<T: Send + 'static>(
        self: &Arc<Self>,
        batch: Batch,
        after: impl FnOnce(Result<Committed, KvError>) -> T + Send + 'static,
    ) -> Finish<T> {
        let writer = Arc::clone(self);
        Finish(Some(Box::pin(async move {
            let unknown_before = writer.unknown.load(Ordering::Acquire);
            let outcome = writer.kv.commit(batch).await;
            match &outcome {
                Ok(_) => {
                    writer.decided.fetch_max(unknown_before, Ordering::AcqRel);
                }
                // Before `after`: who reads when that has forgotten a value must know that he may not keep it.
                Err(KvError::Unknown { .. }) => {
                    writer.unknown.fetch_add(1, Ordering::AcqRel);
                }
                Err(_) => {}
            }
            after(outcome)
        })))
    }

    /// Whether what is read now may be remembered.
    pub(crate) fn is_certain(&self) -> bool {
        self.decided.load(Ordering::Acquire) >= self.unknown.load(Ordering::Acquire)
    }
}

/// A future that is finished in any case.
pub(crate) struct Finish<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Future for Finish<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let future = self.0.as_mut().expect("a future is not polled after its end");
        let output = std::task::ready!(future.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Finish<T> {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and with it everything in memory.
        if let Some(future) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::testing::Staged;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.append(b"log".as_slice(), b"entry".as_slice());
        batch
    }

    #[tokio::test]
    async fn what_comes_after_a_commit_comes_also_when_the_caller_gives_up() {
        let kv = Staged::new();
        let writer = Arc::new(Writer::new(Arc::new(kv.clone())));
        let done = Arc::new(AtomicBool::new(false));
        let held = kv.hold_next_commit();
        let after = Arc::clone(&done);
        let commit = writer.commit(batch(), move |_| after.store(true, Ordering::Release));
        assert!(tokio::time::timeout(std::time::Duration::ZERO, commit).await.is_err());
        assert!(!done.load(Ordering::Acquire));
        held.send(()).unwrap();
        while !done.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        assert_eq!(kv::Read::log_head(&kv, b"log").await, Ok(1));
    }

    #[tokio::test]
    async fn reads_are_doubted_until_a_later_commit_goes_through() {
        let kv = Staged::new();
        let writer = Arc::new(Writer::new(Arc::new(kv.clone())));
        assert!(writer.is_certain());
        kv.fail_next_commit(KvError::Unknown { detail: String::new() });
        let seen = Arc::clone(&writer);
        let certain = writer.commit(batch(), move |outcome| (outcome.is_ok(), seen.is_certain())).await;
        assert_eq!(certain, (false, false), "it is known when the caller's memory is put right");
        kv.fail_next_commit(KvError::Busy);
        assert!(!writer.commit(batch(), |outcome| outcome.is_ok()).await);
        assert!(!writer.is_certain());
        assert!(writer.commit(batch(), |outcome| outcome.is_ok()).await);
        assert!(writer.is_certain());
    }
}
