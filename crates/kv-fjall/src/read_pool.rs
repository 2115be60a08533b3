//! The threads on which reads run, and the bounded queue in front of them.
//!
//! Not the runtime's own threads: a read may wait for the disk, and for fjall while it notes a new table. Not the
//! runtime's pool for blocking work either: that wakes a thread for every read, which costs ten times what a read
//! from memory costs. Here another thread is woken only when those that are awake do not keep up.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use kv::KvError;
use parking_lot::{Condvar, Mutex};

/// Reads that may wait.
const QUEUE_LIMIT: usize = 16_384;
/// Waiting reads for each thread that is awake, before another is woken.
const READS_A_THREAD: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct ReadPool {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    awake: usize,
    asleep: usize,
    closed: bool,
}

impl ReadPool {
    /// Starts the threads.
    pub(crate) fn start(threads: usize) -> Result<(Arc<Self>, Vec<JoinHandle<()>>), KvError> {
        let pool = Arc::new(Self::default());
        pool.state.lock().awake = threads;
        let threads: Result<Vec<_>, KvError> = (0..threads)
            .map(|_| {
                let of = Arc::clone(&pool);
                crate::spawn("kv-reader", move || of.work())
            })
            .collect();
        if threads.is_err() {
            pool.close();
        }
        Ok((pool, threads?))
    }

    /// Hands a read over.
    ///
    /// # Errors
    /// [`KvError::Busy`] when too many wait, [`KvError::Unavailable`] after [`ReadPool::close`].
    pub(crate) fn push(&self, job: Job) -> Result<(), KvError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(KvError::Unavailable { detail: "the storage engine was closed".to_owned() });
        }
        if state.jobs.len() >= QUEUE_LIMIT {
            return Err(KvError::Busy);
        }
        state.jobs.push_back(job);
        let behind = state.jobs.len() > state.awake * READS_A_THREAD;
        if (behind || state.awake == 0) && state.asleep > 0 {
            // Counted as awake from here on, or the next read would wake one more for the same reason.
            state.asleep -= 1;
            state.awake += 1;
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes nothing more; what waits is still done, then the threads end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }

    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A panic is a bug of one read; whoever waits for it is told, since its answer is dropped.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.state.lock();
            } else if state.closed {
                return;
            } else {
                state.awake -= 1;
                state.asleep += 1;
                // This condition variable wakes nobody without a reason: it was `push`, which counted for us, or
                // `close`, after which nobody counts.
                self.wake.wait(&mut state);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::time::Duration;

    use super::*;

    #[test]
    fn reads_run_side_by_side_when_they_wait_for_the_disk() {
        let (pool, threads) = ReadPool::start(3).unwrap();
        let (done, when_done) = mpsc::channel();
        let all_at_once = Arc::new(Barrier::new(3));
        // Three of them wait for each other. Behind each there are more than two threads take on before the third is woken.
        const APART: usize = 2 * READS_A_THREAD + 1;
        for index in 0..3 * APART {
            let (done, all_at_once) = (done.clone(), Arc::clone(&all_at_once));
            let slow = index % APART == 0;
            let job = move || {
                if slow {
                    all_at_once.wait();
                }
                done.send(()).unwrap();
            };
            pool.push(Box::new(job)).unwrap();
        }
        for _ in 0..3 * APART {
            when_done.recv_timeout(Duration::from_secs(10)).expect("all reads are done");
        }
        pool.close();
        assert!(pool.push(Box::new(|| ())).is_err());
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn every_read_of_a_crowd_is_done_and_a_panic_costs_one_read() {
        let (pool, threads) = ReadPool::start(2).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for index in 0..1000 {
                        let count = Arc::clone(&count);
                        let job = move || {
                            assert!(index != 500, "a bug");
                            count.fetch_add(1, Ordering::Relaxed);
                        };
                        while pool.push(Box::new(job.clone())).is_err() {}
                    }
                });
            }
        });
        pool.close();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), 4 * 999);
    }
}
