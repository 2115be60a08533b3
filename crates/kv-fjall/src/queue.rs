//! The queue in front of the writer thread: two lanes, bounded in jobs and bytes, cheap to hand over to.
//!
//! Knows nothing of what a job does. The other end is in `writer`.

use std::collections::VecDeque;
use std::time::Duration;

use kv::{Batch, Committed, KvError, Lane};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::metrics;
use crate::options::Options;

/// Background jobs that one round takes when little else waits.
const BACKGROUND_JOBS_A_ROUND: usize = 4;
/// "Little else waits": at most this many normal jobs in the round.
const QUIET_ROUND_JOBS: usize = 32;
/// Under constant load at least every n-th round takes one background job.
const BACKGROUND_AT_LEAST_EVERY: u32 = 16;
/// A round of so many normal jobs says that many write at the same time.
const BUSY_ROUND_JOBS: usize = 8;
/// How long the round after a busy one waits for company. A flush costs as much processor time as two messages,
/// and the answers to one that has twice as many wake everybody half as often (docs/storage.md). The wait holds nobody
/// below what two cores can do: eight batches in 250 µs are 32 000 a second.
const COMPANY_WAIT: Duration = Duration::from_micros(200);
/// So many jobs share a flush well enough.
const COMPANY_ENOUGH: usize = 64;

pub(crate) type Answer = oneshot::Sender<Result<Committed, KvError>>;

/// A batch and whoever waits for it.
pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) bytes: usize,
    pub(crate) answer: Answer,
}

/// What the writer does next.
pub(crate) enum Round {
    /// Commit these together.
    Commit(Vec<Job>),
    /// Drop a period.
    DropPeriod(u32, oneshot::Sender<Result<(), KvError>>),
    /// Nothing came for a while.
    Idle,
    /// The queue was closed and is empty.
    Closed,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    jobs_limit: usize,
    bytes_limit: usize,
    group_jobs_limit: usize,
    group_bytes_limit: usize,
}

#[derive(Default)]
struct State {
    normal: VecDeque<Job>,
    background: VecDeque<Job>,
    drops: VecDeque<(u32, oneshot::Sender<Result<(), KvError>>)>,
    bytes: usize,
    writer_sleeps: bool,
    closed: bool,
    rounds_without_background: u32,
    /// Normal jobs of the last round.
    last_round_jobs: usize,
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            jobs_limit: options.queue_jobs_limit,
            bytes_limit: options.queue_bytes_limit,
            group_jobs_limit: options.group_jobs_limit,
            group_bytes_limit: options.group_bytes_limit,
        }
    }

    /// Hands a batch over.
    ///
    /// # Errors
    /// [`KvError::Busy`] when the queue is full, [`KvError::Unavailable`] after [`Queue::close`].
    pub(crate) fn push(&self, batch: Batch, answer: Answer) -> Result<(), KvError> {
        let job = Job { bytes: batch.size_bytes(), batch, answer };
        let mut state = self.state.lock();
        if state.closed {
            return Err(closed());
        }
        let waiting = state.normal.len() + state.background.len();
        if waiting >= self.jobs_limit || state.bytes + job.bytes > self.bytes_limit {
            metrics::refused_busy();
            return Err(KvError::Busy);
        }
        state.bytes += job.bytes;
        match job.batch.lane {
            Lane::Normal => state.normal.push_back(job),
            Lane::Background => state.background.push_back(job),
        }
        self.wake_writer(state);
        Ok(())
    }

    /// Hands the dropping of a period over.
    ///
    /// # Errors
    /// As [`Queue::push`].
    pub(crate) fn push_drop(
        &self,
        period: u32,
        answer: oneshot::Sender<Result<(), KvError>>,
    ) -> Result<(), KvError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(closed());
        }
        if state.drops.len() >= self.jobs_limit {
            return Err(KvError::Busy);
        }
        state.drops.push_back((period, answer));
        self.wake_writer(state);
        Ok(())
    }

    /// Takes nothing more; what waits is still done.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.wake_writer(state);
    }

    /// Takes nothing more and forgets what waits: whoever waits for it learns that no answer will come.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        *state = State { closed: true, ..State::default() };
    }

    /// What to do next; waits at most `patience` for something to come, and after a busy round a moment for company.
    pub(crate) fn next_round(&self, patience: Duration) -> Round {
        let mut state = self.state.lock();
        if wants_company(state.last_round_jobs, state.normal.len()) && !state.closed {
            drop(state);
            std::thread::sleep(COMPANY_WAIT);
            state = self.state.lock();
        }
        if state.is_empty() && !state.closed {
            state.writer_sleeps = true;
            self.wake.wait_for(&mut state, patience);
            state.writer_sleeps = false;
        }
        if let Some((period, answer)) = state.drops.pop_front() {
            return Round::DropPeriod(period, answer);
        }
        if state.is_empty() {
            state.last_round_jobs = 0;
            return if state.closed { Round::Closed } else { Round::Idle };
        }
        let jobs = self.take_group(&mut state);
        metrics::queue_depth(state.normal.len() + state.background.len());
        Round::Commit(jobs)
    }

    fn take_group(&self, state: &mut State) -> Vec<Job> {
        let mut jobs = Vec::with_capacity(state.normal.len().min(self.group_jobs_limit) + 1);
        let mut bytes = 0;
        while let Some(job) = state.normal.front() {
            let full = jobs.len() >= self.group_jobs_limit || bytes + job.bytes > self.group_bytes_limit;
            if full && !jobs.is_empty() {
                break;
            }
            bytes += job.bytes;
            jobs.extend(state.normal.pop_front());
        }
        state.last_round_jobs = jobs.len();
        let background = if state.background.is_empty() {
            0
        } else if jobs.len() <= QUIET_ROUND_JOBS {
            BACKGROUND_JOBS_A_ROUND
        } else if state.rounds_without_background + 1 >= BACKGROUND_AT_LEAST_EVERY {
            1
        } else {
            state.rounds_without_background += 1;
            0
        };
        if background > 0 {
            state.rounds_without_background = 0;
        }
        for _ in 0..background {
            let Some(job) = state.background.pop_front() else { break };
            bytes += job.bytes;
            jobs.push(job);
        }
        state.bytes -= bytes;
        jobs
    }

    fn wake_writer(&self, state: parking_lot::MutexGuard<'_, State>) {
        let sleeps = state.writer_sleeps;
        drop(state);
        if sleeps {
            self.wake.notify_one();
        }
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.normal.is_empty() && self.background.is_empty() && self.drops.is_empty()
    }
}

/// Whether a round should wait for more than what waits for it: the one before was busy. Who writes alone never waits,
/// and neither does the first who writes after a pause: the wait comes right after the round before.
fn wants_company(last_round_jobs: usize, waiting: usize) -> bool {
    last_round_jobs >= BUSY_ROUND_JOBS && waiting < last_round_jobs.min(COMPANY_ENOUGH)
}

fn closed() -> KvError {
    KvError::Unavailable { detail: "the storage engine was closed".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(change: impl FnOnce(&mut Options)) -> Queue {
        let mut options = Options::new("unused");
        change(&mut options);
        Queue::new(&options)
    }

    fn push(queue: &Queue, batch: Batch) -> Result<(), KvError> {
        queue.push(batch, oneshot::channel().0)
    }

    fn round_jobs(queue: &Queue) -> Vec<Lane> {
        match queue.next_round(Duration::ZERO) {
            Round::Commit(jobs) => jobs.iter().map(|job| job.batch.lane).collect(),
            _ => Vec::new(),
        }
    }

    fn batch_of(bytes: usize) -> Batch {
        let mut batch = Batch::new();
        batch.put(kv::Space::Main, b"k".as_slice(), vec![0; bytes - 1]);
        batch
    }

    #[test]
    fn a_full_queue_answers_busy_by_jobs_and_by_bytes() {
        let by_jobs = queue(|options| options.queue_jobs_limit = 2);
        assert_eq!(push(&by_jobs, Batch::new()), Ok(()));
        assert_eq!(push(&by_jobs, Batch::background()), Ok(()));
        assert_eq!(push(&by_jobs, Batch::new()), Err(KvError::Busy));

        let by_bytes = queue(|options| options.queue_bytes_limit = 100);
        assert_eq!(push(&by_bytes, batch_of(60)), Ok(()));
        assert_eq!(push(&by_bytes, batch_of(60)), Err(KvError::Busy));
        assert_eq!(round_jobs(&by_bytes).len(), 1);
        assert_eq!(push(&by_bytes, batch_of(60)), Ok(()));
    }

    #[test]
    fn a_group_is_bounded_and_a_batch_above_the_bound_goes_alone() {
        let queue = queue(|options| {
            options.group_jobs_limit = 2;
            options.group_bytes_limit = 100;
        });
        for bytes in [10, 10, 10, 300, 60, 60] {
            push(&queue, batch_of(bytes)).unwrap();
        }
        let groups: Vec<usize> = std::iter::repeat_with(|| round_jobs(&queue).len()).take(6).collect();
        assert_eq!(groups, [2, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn only_a_round_after_a_busy_one_waits_for_company() {
        for (last_round_jobs, waiting, expected) in [
            (0, 0, false),
            (1, 0, false),
            (BUSY_ROUND_JOBS - 1, 0, false),
            (BUSY_ROUND_JOBS, 0, true),
            (BUSY_ROUND_JOBS, BUSY_ROUND_JOBS, false),
            (500, COMPANY_ENOUGH - 1, true),
            (500, COMPANY_ENOUGH, false),
        ] {
            assert_eq!(wants_company(last_round_jobs, waiting), expected, "{last_round_jobs} {waiting}");
        }
    }

    #[test]
    fn background_jobs_make_no_round_busy() {
        let queue = queue(|_| ());
        for _ in 0..BUSY_ROUND_JOBS * 2 {
            push(&queue, Batch::background()).unwrap();
        }
        round_jobs(&queue);
        assert_eq!(queue.state.lock().last_round_jobs, 0);
        for _ in 0..BUSY_ROUND_JOBS {
            push(&queue, Batch::new()).unwrap();
        }
        round_jobs(&queue);
        assert_eq!(queue.state.lock().last_round_jobs, BUSY_ROUND_JOBS);
    }

    #[test]
    fn a_pause_ends_the_wait_for_company() {
        let queue = queue(|_| ());
        for _ in 0..BUSY_ROUND_JOBS {
            push(&queue, Batch::new()).unwrap();
        }
        round_jobs(&queue);
        assert_eq!(queue.state.lock().last_round_jobs, BUSY_ROUND_JOBS);
        assert!(matches!(queue.next_round(Duration::ZERO), Round::Idle));
        assert_eq!(queue.state.lock().last_round_jobs, 0);
    }

    #[test]
    fn background_work_gives_way_but_is_never_starved() {
        let queue = queue(|options| options.group_jobs_limit = 40);
        push(&queue, Batch::background()).unwrap();
        let mut rounds = 0;
        loop {
            for _ in 0..40 {
                push(&queue, Batch::new()).unwrap();
            }
            rounds += 1;
            if round_jobs(&queue).contains(&Lane::Background) {
                break;
            }
        }
        assert_eq!(rounds, BACKGROUND_AT_LEAST_EVERY);

        push(&queue, Batch::background()).unwrap();
        push(&queue, Batch::new()).unwrap();
        assert_eq!(round_jobs(&queue), [Lane::Normal, Lane::Background]);
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = queue(|_| ());
        push(&queue, Batch::new()).unwrap();
        queue.close();
        assert!(push(&queue, Batch::new()).is_err());
        assert_eq!(round_jobs(&queue).len(), 1);
        assert!(matches!(queue.next_round(Duration::ZERO), Round::Closed));
    }

    #[test]
    fn whoever_waits_in_an_abandoned_queue_is_told() {
        let queue = queue(|_| ());
        let (answer, mut answered) = oneshot::channel();
        queue.push(Batch::new(), answer).unwrap();
        queue.abandon();
        assert_eq!(answered.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(push(&queue, Batch::new()).is_err());
    }
}
