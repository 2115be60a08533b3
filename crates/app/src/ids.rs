//! Message ids: rising, unique across nodes and restarts, below 2^53.
//!
//! A node's ids follow an id clock of 128 ticks a millisecond that never runs backwards: it is the wall
//! clock, or one tick further than the last id. How far ids may go is written down before they are given
//! out, so that a crash and a clock that stepped back can't bring one twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{MessageId, Timestamp};
use store::{IdReservation, StoreError};
use tokio::sync::Mutex;

/// How far ahead ids are reserved: one small commit in this time under load.
const LEAD_TICKS: u64 = 10_000 * MessageId::TICKS_PER_MS;

#[derive(Debug)]
pub struct MessageIds {
    reservation: Arc<IdReservation>,
    node: u8,
    last_tick: AtomicU64,
    reserved_tick: AtomicU64,
    reserving: Mutex<()>,
}

impl MessageIds {
    /// Goes on where this node's reservation ended.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn open(reservation: Arc<IdReservation>, node: u8) -> Result<Self, StoreError> {
        let reserved = reservation.reserved(node).await?.tick();
        Ok(Self {
            reservation,
            node,
            last_tick: AtomicU64::new(reserved),
            reserved_tick: AtomicU64::new(reserved),
            reserving: Mutex::new(()),
        })
    }

    /// The next id.
    ///
    /// # Errors
    /// Engine faults, when more ids had to be reserved.
    pub async fn next(&self, now: Timestamp) -> Result<MessageId, StoreError> {
        let clock = MessageId::tick_of(now);
        let last = self
            .last_tick
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(clock.max(last + 1)))
            .expect("the update always gives a value");
        let tick = clock.max(last + 1);
        if tick > self.reserved_tick.load(Ordering::Acquire) {
            self.reserve(tick).await?;
        }
        Ok(MessageId::of_tick(tick, self.node))
    }

    async fn reserve(&self, tick: u64) -> Result<(), StoreError> {
        let _one_at_a_time = self.reserving.lock().await;
        if tick <= self.reserved_tick.load(Ordering::Acquire) {
            return Ok(());
        }
        let up_to = tick + LEAD_TICKS;
        self.reservation.reserve(self.node, MessageId::of_tick(up_to, self.node)).await?;
        self.reserved_tick.store(up_to, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::MemoryKv;
    use store::Store;

    const NOW: Timestamp = Timestamp(1_795_220_913_741);

    async fn ids(kv: &MemoryKv, node: u8) -> MessageIds {
        let store = Store::open(Arc::new(kv.clone())).await.unwrap();
        MessageIds::open(store.ids, node).await.unwrap()
    }

    #[tokio::test]
    async fn ids_rise_and_fit_javascript() {
        let ids = ids(&MemoryKv::new(), 31).await;
        let mut last = MessageId(0);
        for _ in 0..10_000 {
            let id = ids.next(NOW).await.unwrap();
            assert!(id > last && id.0 < 1 << 53, "{id} after {last}");
            last = id;
        }
    }

    // reliability.md row 49
    #[tokio::test]
    async fn a_restart_with_a_clock_that_stepped_back_repeats_no_id() {
        let kv = MemoryKv::new();
        let before = ids(&kv, 0).await.next(NOW).await.unwrap();
        let back = Timestamp(NOW.0 - 365 * 24 * 60 * 60 * 1000);
        assert!(ids(&kv, 0).await.next(back).await.unwrap() > before);
    }

    #[tokio::test]
    async fn two_nodes_never_give_the_same_id() {
        let kv = MemoryKv::new();
        let (one, other) = (ids(&kv, 0).await, ids(&kv, 1).await);
        for _ in 0..100 {
            assert_ne!(one.next(NOW).await.unwrap(), other.next(NOW).await.unwrap());
        }
    }
}
