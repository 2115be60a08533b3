//! A client that sends on and on, writes down what was acknowledged, and after a cut comes back and repeats what
//! was not, with the same client id and content, as the vendors' SDKs do.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fixtures::{Device, Endpoint, MsyncClient, Push, Refusal};
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::outbox::Outbox;

/// The vendors' SDKs reject a send that was not answered for this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How long a client goes on trying to come back.
const RETURN_LIMIT: Duration = Duration::from_secs(30);
const RETURN_PAUSE: Duration = Duration::from_millis(15);
/// After a refusal.
const RETRY_PAUSE: Duration = Duration::from_millis(40);
/// Acknowledged messages that are sent once more after a reconnect, to see that they keep their ids.
const REPEATED: usize = 2;
/// How long a device waits for the next of the messages that it lacks.
const DELIVERY_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Talker {
    server: Endpoint,
    device: Device,
    generator: StdRng,
    /// Sends that may be unanswered at the same time.
    window: usize,
    pub(crate) outbox: Outbox,
    /// Ids of the messages that reached the device.
    inbox: HashSet<u64>,
    /// Those that reached it on this connection.
    seen: HashSet<u64>,
    pub(crate) figures: Figures,
    /// Refusals by condition, with one of each in full.
    pub(crate) refusals: BTreeMap<String, (u64, Refusal)>,
    /// What no server may do, in words.
    pub(crate) violations: Vec<String>,
    alive: Instant,
    /// Counts the acknowledgements of all talkers.
    acknowledged: Arc<Mutex<Vec<Instant>>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) reconnects: u64,
    /// Sends with a client id that had been sent before.
    pub(crate) repeats: u64,
    /// Messages that reached a device once more.
    pub(crate) redelivered: u64,
    /// Of those, on one connection.
    pub(crate) doubled: u64,
}

/// What the talkers are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Send,
    /// No new messages; end when all are acknowledged.
    Settle,
    /// End at once, whatever is unanswered.
    Stop,
}

/// Talkers at work.
#[derive(Debug)]
pub(crate) struct Load {
    goal: watch::Sender<Goal>,
    acknowledged: Arc<Mutex<Vec<Instant>>>,
    tasks: Vec<JoinHandle<Result<Talker>>>,
}

impl Load {
    pub(crate) fn begin(talkers: Vec<Talker>) -> Self {
        let (goal, goals) = watch::channel(Goal::Send);
        let acknowledged = Arc::<Mutex<Vec<Instant>>>::default();
        let tasks = talkers
            .into_iter()
            .map(|mut talker| {
                talker.acknowledged = Arc::clone(&acknowledged);
                tokio::spawn(talker.run(goals.clone()))
            })
            .collect();
        Self { goal, acknowledged, tasks }
    }

    /// Acknowledgements so far, of all talkers, repeats included.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("nothing panics while it holds this").len()
    }

    /// The same for those of sends and repeats that left after a moment. One that was on its way to its sender then says
    /// nothing about what the server does since.
    pub(crate) fn acknowledged_of_sent_after(&self, moment: Instant) -> usize {
        self.acknowledged
            .lock()
            .expect("nothing panics while it holds this")
            .iter()
            .filter(|sent| **sent > moment)
            .count()
    }

    /// Lets every message be acknowledged, then gives the talkers back.
    ///
    /// # Errors
    /// When a client could not come back, or was not answered.
    pub(crate) async fn settle(self) -> Result<Vec<Talker>> {
        self.end(Goal::Settle).await
    }

    /// Gives the talkers back as they are, for a server that does not come back.
    ///
    /// # Errors
    /// As [`Load::settle`], when it happened before.
    pub(crate) async fn stop(self) -> Result<Vec<Talker>> {
        self.end(Goal::Stop).await
    }

    async fn end(mut self, goal: Goal) -> Result<Vec<Talker>> {
        self.goal.send_replace(goal);
        let mut talkers = Vec::with_capacity(self.tasks.len());
        for task in &mut self.tasks {
            talkers.push(task.await??);
        }
        Ok(talkers)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // A case that failed leaves nobody behind who knocks at the next case's server.
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Talker {
    pub(crate) fn new(
        server: Endpoint,
        device: Device,
        recipient: &str,
        window: usize,
        generator: StdRng,
    ) -> Self {
        let outbox = Outbox::new(&device.user, recipient);
        Self {
            server,
            device,
            generator,
            window,
            outbox,
            inbox: HashSet::new(),
            seen: HashSet::new(),
            figures: Figures::default(),
            refusals: BTreeMap::new(),
            violations: Vec::new(),
            alive: Instant::now(),
            acknowledged: Arc::default(),
        }
    }

    async fn run(mut self, mut goal: watch::Receiver<Goal>) -> Result<Self> {
        self.alive = Instant::now();
        loop {
            match self.session(&mut goal).await {
                Ok(()) => return Ok(self),
                Err(_) if *goal.borrow() == Goal::Stop => return Ok(self),
                Err(error) if self.alive.elapsed() > RETURN_LIMIT => {
                    return Err(error.context(format!("{} can't come back", self.device.user)));
                }
                Err(_) => sleep(RETURN_PAUSE).await,
            }
        }
    }

    /// One connection, from login until the goal is reached or the server is gone.
    async fn session(&mut self, goal: &mut watch::Receiver<Goal>) -> Result<()> {
        let mut client = MsyncClient::log_in(self.server, self.device.clone()).await?;
        self.alive = Instant::now();
        self.seen.clear();
        self.figures.reconnects += 1;
        client.unread().await?;
        let mut waiting: VecDeque<usize> = self.to_repeat();
        let mut in_flight: VecDeque<(usize, Instant)> = VecDeque::new();
        let mut resume_at = Instant::now();
        loop {
            let now = *goal.borrow();
            while now != Goal::Stop && in_flight.len() < self.window && resume_at <= Instant::now() {
                let index = match waiting.pop_front() {
                    Some(index) => {
                        self.figures.repeats += 1;
                        index
                    }
                    None if now == Goal::Send => self.outbox.compose(&mut self.generator),
                    None => break,
                };
                client.set_next_client_id(Outbox::client_id(index));
                client.send_text(&self.outbox.recipient, &self.outbox.messages[index].text).await?;
                in_flight.push_back((index, Instant::now()));
            }
            if now == Goal::Stop || (now == Goal::Settle && in_flight.is_empty() && waiting.is_empty()) {
                return Ok(());
            }
            let patience = in_flight.front().map_or(resume_at, |(_, sent)| *sent + ANSWER_LIMIT);
            let push = tokio::select! {
                push = client.next_unanswered() => push?,
                _ = goal.changed() => continue,
                () = sleep_until(patience) => match in_flight.front() {
                    Some((index, _)) => {
                        self.violations.push(format!("message {index} of {} was not answered", self.device.user));
                        bail!("no answer for {ANSWER_LIMIT:?}");
                    }
                    None => continue,
                },
            };
            if let Push::Answer { client_id, outcome } = push {
                let place = in_flight.iter().position(|(index, _)| Outbox::client_id(*index) == client_id);
                let Some((index, sent)) = place.and_then(|place| in_flight.remove(place)) else {
                    self.violations
                        .push(format!("{} got an answer to nothing: {client_id}", self.device.user));
                    continue;
                };
                if let Err(refusal) = self.answered(index, sent, outcome) {
                    // Said no, so it is sent again in its old place.
                    let place = waiting.iter().position(|other| *other > index).unwrap_or(waiting.len());
                    waiting.insert(place, index);
                    resume_at = Instant::now() + RETRY_PAUSE;
                    self.refusals.entry(refusal.condition.clone()).or_insert((0, refusal)).0 += 1;
                }
            } else {
                self.follow(&mut client, push).await?;
            }
        }
    }

    /// Goes on receiving until the device has all of `expected`.
    ///
    /// # Errors
    /// When what is missing does not come.
    pub(crate) async fn drain(&mut self, expected: &HashSet<u64>) -> Result<()> {
        let mut client = MsyncClient::log_in(self.server, self.device.clone()).await?;
        self.seen.clear();
        client.unread().await?;
        while let Some(missing) = expected.iter().find(|id| !self.inbox.contains(id)) {
            let push = timeout(DELIVERY_LIMIT, client.next_unanswered()).await.with_context(|| {
                let count = expected.difference(&self.inbox).count();
                let user = &self.device.user;
                format!("{count} messages never reached {user}'s device, one of them {missing}")
            })??;
            self.follow(&mut client, push).await?;
        }
        Ok(())
    }

    fn to_repeat(&self) -> VecDeque<usize> {
        let mut repeat: VecDeque<usize> =
            self.outbox.acknowledged().rev().take(REPEATED).map(|(index, _)| index).collect();
        repeat.extend(self.outbox.unanswered());
        repeat.make_contiguous().sort_unstable();
        repeat
    }

    fn answered(
        &mut self,
        index: usize,
        sent: Instant,
        outcome: Result<u64, Refusal>,
    ) -> Result<(), Refusal> {
        let id = outcome?;
        self.acknowledged.lock().expect("nothing panics while it holds this").push(sent);
        if let Err(violation) = self.outbox.acknowledge(index, id) {
            self.violations.push(violation);
        }
        Ok(())
    }

    /// Notes what arrived, and acknowledges or asks as the SDK does.
    async fn follow(&mut self, client: &mut MsyncClient, push: Push) -> Result<()> {
        match push {
            Push::Messages { queue, metas, key } => {
                for meta in metas {
                    let is_new = self.inbox.insert(meta.id());
                    self.figures.redelivered += u64::from(!is_new);
                    if !self.seen.insert(meta.id()) {
                        self.figures.doubled += 1;
                    }
                }
                if key.is_some() {
                    client.sync(&queue, key).await?;
                }
            }
            Push::Notice(queue) => client.sync(&queue, None).await?,
            Push::Unread(queues) => {
                for queue in queues {
                    client.sync(&queue, None).await?;
                }
            }
            Push::Answer { .. } | Push::Other => {}
        }
        Ok(())
    }
}
