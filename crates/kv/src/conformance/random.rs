//! Random command lists, compared with [`MemoryKv`]; a list that differs is made smaller before it is shown.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::{Harness, flattened, reopen};
use crate::{Batch, CellKey, Expect, Kv, MemoryKv, Read, ReadLog, Scan, Slot, Space, Template, ValueHash};

/// Command lists a run, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 48;
const SHRINK_STEPS_MAX: u32 = 400;
/// Logs of appends. Notes go to a log of their own: how an engine groups them is its business.
const LOGS: [&[u8]; 3] = [b"a", b"a\0", b"b"];
const NOTES: &[u8] = b"notes";
const SPACES: [Space; 4] = [Space::Main, Space::Period(0), Space::Period(1), Space::Period(70_000)];

#[derive(Clone, Debug)]
pub enum Command {
    Commit(Vec<Step>),
    Get(Vec<CellKey>),
    Scan(Scan),
    ReadLog(ReadLog),
    Heads,
    Periods,
    DropPeriod(u32),
    TakeSnapshot,
    Reopen,
}

#[derive(Clone, Debug)]
pub enum Step {
    Absent(CellKey),
    /// A check that holds: what the model has at that moment.
    Current(CellKey),
    Hash(CellKey, u8),
    Put {
        space: Space,
        key: Bytes,
        value: u8,
        slot: Option<u16>,
    },
    Delete(CellKey),
    Append {
        log: usize,
        value: u8,
        slot: Option<u16>,
    },
    Rewrite {
        log: usize,
        sequence: u64,
        value: u8,
    },
    Trim {
        log: usize,
        up_to: u64,
        entries_max: u32,
    },
    Note(u8),
}

/// Makes command lists, and looks for a smaller one once a list differs.
pub struct Search {
    runner: TestRunner,
    seed: u64,
    cases_left: u32,
    tree: Option<Box<dyn ValueTree<Value = Vec<Command>>>>,
    failure: Option<(Vec<Command>, String)>,
    shrink_steps: u32,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Search").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Default for Search {
    fn default() -> Self {
        Self::new()
    }
}

impl Search {
    pub fn new() -> Self {
        let configured = Config::default();
        let seed = match configured.rng_seed {
            RngSeed::Fixed(seed) => seed,
            RngSeed::Random => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        };
        let cases = if std::env::var_os("PROPTEST_CASES").is_some() { configured.cases } else { CASES };
        let config = Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..configured };
        let runner = TestRunner::new(config);
        Self { runner, seed, cases_left: cases, tree: None, failure: None, shrink_steps: 0 }
    }

    /// The next list to compare; `None` when all were equal or the smallest difference is found.
    #[expect(clippy::should_implement_trait, reason = "each list must be judged before the next is made")]
    pub fn next(&mut self) -> Option<Vec<Command>> {
        if self.failure.is_none() {
            self.cases_left = self.cases_left.checked_sub(1)?;
            let tree = commands().new_tree(&mut self.runner).expect("the strategy rejects nothing");
            self.tree = Some(Box::new(tree));
        }
        self.tree.as_ref().map(ValueTree::current)
    }

    /// Takes the outcome of the list that [`Self::next`] gave last.
    pub fn judge(&mut self, outcome: Result<(), String>) {
        let Some(tree) = &mut self.tree else { return };
        let goes_on = match outcome {
            Ok(()) => self.failure.is_some() && tree.complicate(),
            Err(difference) => {
                self.failure = Some((tree.current(), difference));
                tree.simplify()
            }
        };
        self.shrink_steps += u32::from(self.failure.is_some());
        if !goes_on || self.shrink_steps > SHRINK_STEPS_MAX {
            self.tree = None;
        }
    }

    /// # Panics
    /// When a list differed: with the smallest one found, and how to run it again.
    pub fn finish(self) {
        if let Some((commands, difference)) = self.failure {
            panic!("{difference}\nafter {commands:#?}\nagain with PROPTEST_RNG_SEED={}", self.seed);
        }
    }
}

fn commands() -> impl Strategy<Value = Vec<Command>> + use<> {
    vec(command(), 1..50)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        12 => vec(step(), 1..10).prop_map(Command::Commit),
        2 => vec(cell(), 0..5).prop_map(Command::Get),
        3 => scan().prop_map(Command::Scan),
        3 => read_log().prop_map(Command::ReadLog),
        1 => Just(Command::Heads),
        1 => Just(Command::Periods),
        1 => prop_oneof![Just(0), Just(1), Just(70_000), Just(9)].prop_map(Command::DropPeriod),
        1 => Just(Command::TakeSnapshot),
        1 => Just(Command::Reopen),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let log = 0..LOGS.len();
    prop_oneof![
        2 => cell().prop_map(Step::Absent),
        4 => cell().prop_map(Step::Current),
        1 => (cell(), 0..4_u8).prop_map(|(cell, value)| Step::Hash(cell, value)),
        10 => (space(), key(), 0..4_u8, proptest::option::of(0..4_u16))
            .prop_map(|(space, key, value, slot)| Step::Put { space, key, value, slot }),
        4 => cell().prop_map(Step::Delete),
        8 => (log.clone(), any::<u8>(), proptest::option::of(0..4_u16))
            .prop_map(|(log, value, slot)| Step::Append { log, value, slot }),
        3 => (log.clone(), sequence(), any::<u8>())
            .prop_map(|(log, sequence, value)| Step::Rewrite { log, sequence, value }),
        3 => (log, sequence(), 0..6_u32)
            .prop_map(|(log, up_to, entries_max)| Step::Trim { log, up_to, entries_max }),
        2 => any::<u8>().prop_map(Step::Note),
    ]
}

fn space() -> impl Strategy<Value = Space> {
    prop_oneof![3 => Just(Space::Main), 2 => proptest::sample::select(&SPACES[..])]
}

fn key() -> impl Strategy<Value = Bytes> {
    vec(proptest::sample::select(&[0, b'a', b'b', 0x80, 0xff][..]), 1..3).prop_map(Bytes::from)
}

fn cell() -> impl Strategy<Value = CellKey> {
    (space(), key()).prop_map(|(space, key)| CellKey { space, key })
}

fn sequence() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 0..20_u64, 1 => Just(u64::MAX)]
}

fn scan() -> impl Strategy<Value = Scan> {
    let from = prop_oneof![1 => Just(Bytes::new()), 3 => key()];
    (space(), from, proptest::option::of(key()), 0..12_usize, any::<bool>())
        .prop_map(|(space, from, to, limit, reverse)| Scan { space, from, to, limit, reverse })
}

fn read_log() -> impl Strategy<Value = ReadLog> {
    (0..LOGS.len(), sequence(), 0..12_usize, any::<bool>()).prop_map(|(log, from, limit, reverse)| ReadLog {
        log: Bytes::from_static(LOGS[log]),
        from,
        limit,
        reverse,
    })
}

/// Runs the commands on the engine and on the model.
///
/// # Errors
/// The first difference, in words.
pub async fn compare(harness: &dyn Harness, commands: &[Command]) -> Result<(), String> {
    let model = MemoryKv::new();
    let mut kv = harness.open().await;
    let mut snapshots: Option<(Box<dyn Read>, Box<dyn Read>)> = None;
    for (index, command) in commands.iter().enumerate() {
        let at = format!("command {index}, {command:?}");
        match command {
            Command::Commit(steps) => {
                let batch = batch(&model, steps).await;
                same(&at, &kv.commit(batch.clone()).await, &model.commit(batch).await)?;
            }
            Command::TakeSnapshot => {
                // The old one first: an engine may bound how many it gives out.
                drop(snapshots.take());
                let taken = kv.snapshot().await.map_err(|error| format!("{at}: {error}"))?;
                snapshots = Some((taken, memory_snapshot(&model).await));
            }
            // What a snapshot sees of a period dropped under it is the engine's choice.
            Command::DropPeriod(period) => {
                snapshots = None;
                same(&at, &kv.drop_period(*period).await, &model.drop_period(*period).await)?;
            }
            Command::Reopen => {
                snapshots = None;
                kv = reopen(harness, kv).await;
            }
            Command::Periods => periods(&at, &*kv, &model).await?,
            read => {
                answer_alike(&at, &*kv, &model, read).await?;
                if let Some((snapshot, model)) = &snapshots {
                    answer_alike(&format!("snapshot, {at}"), &**snapshot, &**model, read).await?;
                }
            }
        }
    }
    if let Some((snapshot, model)) = &snapshots {
        everything_alike("the snapshot at the end", &**snapshot, &**model).await?;
    }
    drop(snapshots);
    everything_alike("the end", &*kv, &model).await?;
    let kv = reopen(harness, kv).await;
    everything_alike("the end, reopened", &*kv, &model).await?;
    periods("the end, reopened", &*kv, &model).await?;
    kv.close().await;
    Ok(())
}

async fn memory_snapshot(model: &MemoryKv) -> Box<dyn Read> {
    model.snapshot().await.expect("memory has no faults")
}

/// The steps as a batch. Slots are taken modulo the batch's appends, and are left out when it has none.
async fn batch(model: &MemoryKv, steps: &[Step]) -> Batch {
    let appends = steps.iter().filter(|step| matches!(step, Step::Append { .. })).count();
    let template = |value: u8, slot: &Option<u16>| {
        let literal = Template::new().bytes(&[value]);
        match (slot, u16::try_from(appends).expect("a list has few steps")) {
            (None, _) | (_, 0) => literal,
            (Some(slot), appends) => literal.slot(Slot(slot % appends)),
        }
    };
    let mut batch = Batch::new();
    for step in steps {
        match step {
            Step::Absent(cell) => {
                batch.check(cell.clone(), Expect::Absent);
            }
            Step::Current(cell) => {
                let value = model.get(cell.clone()).await.expect("memory has no faults");
                let expect = value.map_or(Expect::Absent, |value| Expect::Hash(ValueHash::of(&value)));
                batch.check(cell.clone(), expect);
            }
            Step::Hash(cell, value) => {
                batch.check(cell.clone(), Expect::Hash(ValueHash::of(&[*value])));
            }
            Step::Put { space, key, value, slot } => {
                // Every fourth value puts the slot into the key.
                let (key_slot, value_slot) = if *value == 3 { (slot, &None) } else { (&None, slot) };
                let mut full_key = Template::new().bytes(key);
                if appends > 0
                    && let Some(slot) = key_slot
                {
                    full_key = full_key.slot(Slot(slot % u16::try_from(appends).expect("few steps")));
                }
                batch.put(*space, full_key, template(*value, value_slot));
            }
            Step::Delete(cell) => batch.delete(cell.clone()),
            Step::Append { log, value, slot } => {
                batch.append(LOGS[*log], template(*value, slot));
            }
            Step::Rewrite { log, sequence, value } => batch.rewrite(LOGS[*log], *sequence, vec![*value]),
            Step::Trim { log, up_to, entries_max } => batch.trim(LOGS[*log], *up_to, *entries_max),
            Step::Note(value) => batch.note(NOTES, template(*value, &Some(0))),
        }
    }
    batch
}

async fn answer_alike(at: &str, kv: &dyn Read, model: &dyn Read, command: &Command) -> Result<(), String> {
    match command {
        Command::Get(cells) => same(at, &kv.get_many(cells).await, &model.get_many(cells).await),
        Command::Scan(scan) => same(at, &kv.scan(scan.clone()).await, &model.scan(scan.clone()).await),
        Command::ReadLog(read) => {
            same(at, &kv.read_log(read.clone()).await, &model.read_log(read.clone()).await)
        }
        Command::Heads => {
            for log in LOGS {
                same(at, &kv.log_head(log).await, &model.log_head(log).await)?;
            }
            same(at, &flattened(kv, NOTES).await, &flattened(model, NOTES).await)
        }
        _ => Ok(()),
    }
}

async fn everything_alike(at: &str, kv: &dyn Read, model: &dyn Read) -> Result<(), String> {
    for reverse in [false, true] {
        for space in SPACES {
            let scan = Scan { space, from: Bytes::new(), to: None, limit: usize::MAX, reverse };
            answer_alike(at, kv, model, &Command::Scan(scan)).await?;
        }
        for log in LOGS {
            let from = if reverse { u64::MAX } else { 0 };
            let read = ReadLog { log: Bytes::from_static(log), from, limit: usize::MAX, reverse };
            answer_alike(at, kv, model, &Command::ReadLog(read)).await?;
        }
    }
    answer_alike(at, kv, model, &Command::Heads).await
}

/// An engine may list a period that has become empty, but none too few, and in order.
async fn periods(at: &str, kv: &dyn Kv, model: &MemoryKv) -> Result<(), String> {
    let listed = kv.periods().await.map_err(|error| format!("{at}: {error}"))?;
    let needed = model.periods().await.expect("memory has no faults");
    if !listed.is_sorted() || needed.iter().any(|period| !listed.contains(period)) {
        return Err(format!("{at}: the engine lists {listed:?}, there are cells in {needed:?}"));
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(at: &str, engine: &T, model: &T) -> Result<(), String> {
    if engine == model {
        return Ok(());
    }
    Err(format!("{at}:\n  the engine says {engine:?}\n  the model says  {model:?}"))
}
