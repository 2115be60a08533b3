//! Chance by seed, for simulated faults.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that look random (SplitMix64), for many tasks. One task gets the same ones from a seed each time.
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number from 0 to below `limit`, which is not 0.
    pub fn below(&self, limit: u64) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub fn happens(&self, of_a_thousand: u64) -> bool {
        self.below(1_000) < of_a_thousand
    }
}
