//! Knows of most keys of a period that they are not there, without a look.
//!
//! A batch that writes a row once checks that there is none yet, and there nearly never is. To find that out, a read
//! would search each memtable, which costs as much as writing the row. So for each period two filters say which keys
//! may be there: those from before the opening, read in the background, and those written since. A key that neither
//! holds is absent; of any other the engine is asked. Too many rows, or a reading that is not over: asked as well.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fjall::Readable;
use kv::{CellKey, KvError, Space};

use crate::error::read_error;
use crate::read_pool::ReadPool;
use crate::view::{View, ViewSlot};

/// Rows of a period that are remembered since the opening, at 12 bits each.
const WRITTEN_LIMIT: usize = 1 << 24;
/// Rows from before the opening, which have to be read once.
const READ_LIMIT: usize = 1 << 22;
/// Rows read in one go; in between, other reads have their turn.
const READ_ROWS: usize = 2048;

/// Which keys are surely absent. The writer's own.
pub(crate) struct Absent {
    hasher: ahash::RandomState,
    periods: BTreeMap<u32, Period>,
}

struct Period {
    /// Empty as long as it is not known what was there before; of a new period nothing was.
    before: Arc<OnceLock<Filter>>,
    since: Filter,
}

impl Default for Absent {
    fn default() -> Self {
        Self { hasher: ahash::RandomState::new(), periods: BTreeMap::new() }
    }
}

impl Absent {
    /// A period was made.
    pub(crate) fn begin_empty(&mut self, period: u32) {
        self.begin(period).get_or_init(|| Filter::new(READ_LIMIT));
    }

    /// The database was opened, and the view in `slot` is what it holds: what its periods have is read on `pool`.
    pub(crate) fn begin_reading(&mut self, slot: &Arc<ViewSlot>, pool: &Arc<ReadPool>) {
        let Some(view) = slot.load() else { return };
        for period in view.spaces.periods.keys() {
            let reading = Reading {
                period: *period,
                after: Bytes::new(),
                found: Filter::new(READ_LIMIT),
                hasher: self.hasher.clone(),
                slot: Arc::clone(slot),
                pool: Arc::clone(pool),
                done: self.begin(*period),
            };
            reading.queue();
        }
    }

    fn begin(&mut self, period: u32) -> Arc<OnceLock<Filter>> {
        let before = Arc::<OnceLock<Filter>>::default();
        let since = Filter::new(WRITTEN_LIMIT);
        self.periods.insert(period, Period { before: Arc::clone(&before), since });
        before
    }

    /// A row was written.
    pub(crate) fn written(&mut self, cell: &CellKey) {
        if let Space::Period(period) = cell.space
            && let Some(period) = self.periods.get_mut(&period)
        {
            period.since.add(self.hasher.hash_one(&cell.key));
        }
    }

    /// `true`: there is no such cell. `false`: there may be.
    pub(crate) fn is_certain(&self, cell: &CellKey) -> bool {
        let Space::Period(period) = cell.space else { return false };
        let Some(Period { before, since }) = self.periods.get(&period) else { return false };
        let hash = self.hasher.hash_one(&cell.key);
        !since.may_hold(hash) && before.get().is_some_and(|before| !before.may_hold(hash))
    }

    /// A period was dropped.
    pub(crate) fn forget(&mut self, period: u32) {
        self.periods.remove(&period);
    }

    /// Nobody knows what stands.
    pub(crate) fn clear(&mut self) {
        self.periods.clear();
    }
}

/// What was in a period when the database was opened, being read part by part.
struct Reading {
    period: u32,
    after: Bytes,
    found: Filter,
    hasher: ahash::RandomState,
    slot: Arc<ViewSlot>,
    pool: Arc<ReadPool>,
    done: Arc<OnceLock<Filter>>,
}

impl Reading {
    fn queue(self) {
        let pool = Arc::clone(&self.pool);
        // Given up when there is too much to do, or the engine is being closed.
        if let Err(error) = pool.push(Box::new(move || self.read_on())) {
            tracing::debug!(%error, "rows against repeats are looked up one by one from now on");
        }
    }

    fn read_on(mut self) {
        let Some(view) = self.slot.load() else { return };
        match self.read_part(&view) {
            Ok(true) => {
                // Nobody else sets it.
                let _ = self.done.set(self.found);
            }
            Ok(false) => self.queue(),
            Err(error) => {
                tracing::debug!(%error, "rows against repeats are looked up one by one from now on");
            }
        }
    }

    /// `true`: that was the last part.
    fn read_part(&mut self, view: &View) -> Result<bool, KvError> {
        let Some(keyspace) = view.spaces.periods.get(&self.period) else { return Ok(true) };
        let from = (Bound::Excluded(&self.after[..]), Bound::Unbounded);
        let mut count = 0;
        let mut last = None;
        for guard in view.snapshot.range::<&[u8], _>(keyspace, from).take(READ_ROWS) {
            let key = guard.key().map_err(read_error)?;
            self.found.add(self.hasher.hash_one(&key[..]));
            count += 1;
            last = Some(key);
        }
        if let Some(last) = last {
            self.after = Bytes::copy_from_slice(&last);
        }
        Ok(count < READ_ROWS || self.found.is_overfull())
    }
}

/// Bits a key.
const KEY_BITS: usize = 12;
/// Bits that a key sets within its block.
const KEY_MARKS: u32 = 7;
const BLOCK_WORDS: usize = 8;
const FIRST_LAYER_KEYS: usize = 1 << 15;

/// A Bloom filter that grows: each layer is as large as all before it. One look touches one cache line a layer.
struct Filter {
    layers: Vec<Layer>,
    keys: usize,
    keys_limit: usize,
}

struct Layer {
    blocks: Box<[[u64; BLOCK_WORDS]]>,
    room: usize,
}

impl Filter {
    fn new(keys_limit: usize) -> Self {
        Self { layers: Vec::new(), keys: 0, keys_limit }
    }

    fn is_overfull(&self) -> bool {
        self.keys > self.keys_limit
    }

    fn add(&mut self, hash: u64) {
        if self.is_overfull() {
            return;
        }
        self.keys += 1;
        if self.is_overfull() {
            self.layers = Vec::new();
            return;
        }
        if self.layers.last().is_none_or(|layer| layer.room == 0) {
            self.layers.push(Layer::new((self.keys - 1).max(FIRST_LAYER_KEYS)));
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.add(hash);
        }
    }

    fn may_hold(&self, hash: u64) -> bool {
        // The last layer has about half of all keys, and the likeliest repeats.
        self.is_overfull() || self.layers.iter().rev().any(|layer| layer.may_hold(hash))
    }
}

impl Layer {
    fn new(keys: usize) -> Self {
        let blocks = (keys * KEY_BITS).div_ceil(64 * BLOCK_WORDS);
        Self { blocks: vec![[0; BLOCK_WORDS]; blocks].into(), room: keys }
    }

    fn add(&mut self, hash: u64) {
        let place = self.place(hash);
        let block = &mut self.blocks[place];
        for (word, mark) in marks(hash) {
            block[word] |= mark;
        }
        self.room -= 1;
    }

    fn may_hold(&self, hash: u64) -> bool {
        let block = &self.blocks[self.place(hash)];
        marks(hash).all(|(word, mark)| block[word] & mark != 0)
    }

    fn place(&self, hash: u64) -> usize {
        // The upper half of the product is below the number of blocks, which is a usize.
        ((u128::from(hash) * self.blocks.len() as u128) >> 64) as usize
    }
}

/// Words of a block and the bits in them that a key sets: nine bits of a second hash for each.
fn marks(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32) ^ hash;
    (0..KEY_MARKS).map(move |mark| {
        let bits = mixed >> (9 * mark);
        ((bits >> 6) as usize % BLOCK_WORDS, 1 << (bits & 63))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(count: u64) -> Vec<u64> {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        (0..count).map(|number| hasher.hash_one(number)).collect()
    }

    #[test]
    fn what_was_added_may_be_there_and_nearly_nothing_else() {
        let hashes = hashes(600_000);
        let mut filter = Filter::new(1 << 20);
        hashes[..300_000].iter().for_each(|hash| filter.add(*hash));
        assert!(hashes[..300_000].iter().all(|hash| filter.may_hold(*hash)));
        let mistaken = hashes[300_000..].iter().filter(|hash| filter.may_hold(**hash)).count();
        assert!(mistaken < 300_000 / 20, "{mistaken} of 300000");
        let bytes: usize = filter.layers.iter().map(|layer| layer.blocks.len() * 64).sum();
        assert!(bytes < 300_000 * 4, "{bytes} bytes");
    }

    #[test]
    fn a_filter_with_too_many_keys_excludes_nothing_and_takes_no_room() {
        let hashes = hashes(101);
        let mut filter = Filter::new(100);
        hashes[..100].iter().for_each(|hash| filter.add(*hash));
        assert!(!filter.may_hold(hashes[100]));
        filter.add(hashes[100]);
        assert!(hashes.iter().all(|hash| filter.may_hold(*hash)) && filter.layers.is_empty());
    }
}
