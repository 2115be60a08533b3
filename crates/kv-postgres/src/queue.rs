//! The bounded queue in front of the writer: two lanes, taken in groups.

use std::collections::VecDeque;

use kv::{Batch, Committed, KvError, Lane};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::{Options, metrics};

/// Counted for each operation on top of its bytes: what it takes in memory and in the transaction.
const OPERATION_BYTES: usize = 64;
/// Groups after which a waiting background job is taken however much else waits.
const BACKGROUND_WAIT_GROUPS: u32 = 16;

pub(crate) type Answer = Result<Committed, KvError>;

/// A batch and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) batch: Batch,
    answer: oneshot::Sender<Answer>,
    cost: usize,
}

impl Job {
    pub(crate) fn answer(self, answer: Answer) {
        // Who no longer waits has no use for the answer; the batch is committed all the same.
        let _ = self.answer.send(answer);
    }
}

#[derive(Debug)]
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    changed: Notify,
    jobs_max: usize,
    bytes_max: usize,
    group_jobs_max: usize,
    group_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Lanes {
    normal: VecDeque<Job>,
    background: VecDeque<Job>,
    normal_bytes: usize,
    background_bytes: usize,
    groups_without_background: u32,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            lanes: Mutex::default(),
            changed: Notify::new(),
            jobs_max: options.queue_jobs.max(1),
            bytes_max: options.queue_bytes,
            group_jobs_max: options.group_jobs.max(1),
            group_bytes_max: options.group_bytes,
        }
    }

    /// Queues a batch. Its answer comes through the receiver.
    ///
    /// # Errors
    /// [`KvError::Busy`] when the lane is full, [`KvError::Unavailable`] after [`Self::close`].
    pub(crate) fn push(&self, batch: Batch) -> Result<oneshot::Receiver<Answer>, KvError> {
        let cost = cost(&batch);
        let (answer, answered) = oneshot::channel();
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(KvError::Unavailable { detail: "storage is closed".to_owned() });
        }
        let lanes = &mut *lanes;
        let (lane, bytes, share) = match batch.lane {
            Lane::Normal => (&mut lanes.normal, &mut lanes.normal_bytes, 1),
            Lane::Background => (&mut lanes.background, &mut lanes.background_bytes, 4),
        };
        // A job larger than the whole bound still gets in when nothing else waits.
        if !lane.is_empty() && (lane.len() >= self.jobs_max / share || *bytes + cost > self.bytes_max / share)
        {
            return Err(KvError::Busy);
        }
        *bytes += cost;
        lane.push_back(Job { batch, answer, cost });
        self.changed.notify_one();
        Ok(answered)
    }

    /// The next group; `None` when the queue is closed and empty. For one caller; may be dropped and called
    /// again.
    pub(crate) async fn take(&self) -> Option<Vec<Job>> {
        loop {
            {
                let mut lanes = self.lanes.lock();
                let group = self.next_group(&mut lanes);
                if !group.is_empty() {
                    return Some(group);
                }
                if lanes.closed {
                    return None;
                }
            }
            // A push between the look and the wait has left its permit.
            self.changed.notified().await;
        }
    }

    fn next_group(&self, lanes: &mut Lanes) -> Vec<Job> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < self.group_jobs_max
            && let Some(job) = lanes.normal.front()
            && (group.is_empty() || bytes + job.cost <= self.group_bytes_max)
        {
            bytes += job.cost;
            group.extend(lanes.normal.pop_front());
        }
        lanes.normal_bytes -= bytes;

        let little_waits = lanes.normal.is_empty() && group.len() <= self.group_jobs_max / 4;
        if little_waits || lanes.groups_without_background >= BACKGROUND_WAIT_GROUPS {
            // One a group: a sender's message shares its commit with at most one chunk of bulk work.
            if let Some(job) = lanes.background.pop_front() {
                lanes.background_bytes -= job.cost;
                group.push(job);
            }
            lanes.groups_without_background = 0;
        } else {
            lanes.groups_without_background += 1;
        }
        ::metrics::gauge!(metrics::QUEUE_JOBS).set((lanes.normal.len() + lanes.background.len()) as f64);
        group
    }

    /// Answers everything that waits with `error`.
    pub(crate) fn fail_all(&self, error: &KvError) {
        let (normal, background) = {
            let mut lanes = self.lanes.lock();
            lanes.normal_bytes = 0;
            lanes.background_bytes = 0;
            (std::mem::take(&mut lanes.normal), std::mem::take(&mut lanes.background))
        };
        for job in normal.into_iter().chain(background) {
            job.answer(Err(error.clone()));
        }
    }

    /// Takes no more jobs; those that wait are still given out.
    pub(crate) fn close(&self) {
        self.lanes.lock().closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lanes.lock().closed
    }
}

fn cost(batch: &Batch) -> usize {
    let operations = batch.checks.len()
        + batch.cells.len()
        + batch.appends.len()
        + batch.rewrites.len()
        + batch.trims.len()
        + usize::from(batch.note.is_some());
    batch.size_bytes() + (operations + 1) * OPERATION_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(&Options { queue_jobs: 8, group_jobs: 4, ..Options::new("") })
    }

    fn lanes(group: Option<Vec<Job>>) -> Vec<Lane> {
        group.expect("the queue has jobs").iter().map(|job| job.batch.lane).collect()
    }

    #[tokio::test]
    async fn a_full_lane_is_busy_and_the_other_is_not() {
        let queue = queue();
        for _ in 0..8 {
            queue.push(Batch::new()).expect("there is room");
        }
        assert_eq!(queue.push(Batch::new()).map(drop), Err(KvError::Busy));
        for _ in 0..2 {
            queue.push(Batch::background()).expect("there is room");
        }
        assert_eq!(queue.push(Batch::background()).map(drop), Err(KvError::Busy));
        assert_eq!(queue.take().await.map(|group| group.len()), Some(4));
        queue.push(Batch::new()).expect("there is room again");
    }

    #[tokio::test]
    async fn background_work_waits_while_much_waits_but_not_for_ever() {
        let queue = queue();
        queue.push(Batch::background()).expect("there is room");
        for _ in 0..BACKGROUND_WAIT_GROUPS {
            for _ in 0..4 {
                queue.push(Batch::new()).expect("there is room");
            }
            assert_eq!(lanes(queue.take().await), [Lane::Normal; 4]);
        }
        for _ in 0..4 {
            queue.push(Batch::new()).expect("there is room");
        }
        assert_eq!(lanes(queue.take().await)[4..], [Lane::Background]);
    }

    #[tokio::test]
    async fn a_closed_queue_gives_out_what_it_has_and_then_ends() {
        let queue = queue();
        let answered = queue.push(Batch::new()).expect("there is room");
        queue.close();
        assert!(matches!(queue.push(Batch::new()), Err(KvError::Unavailable { .. })));
        let group = queue.take().await.expect("the queued job is given out");
        assert!(queue.take().await.is_none());
        for job in group {
            job.answer(Err(KvError::Busy));
        }
        assert_eq!(answered.await, Ok(Err(KvError::Busy)));
    }
}
