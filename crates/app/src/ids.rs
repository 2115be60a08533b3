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

/// How far ahead ids are reserved: one small commit in half this time.
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
        let reserved = self.reserved_tick.load(Ordering::Acquire);
        if tick > reserved {
            // In a box of its own, as below: each message waits in this function, and only few come here.
            Box::pin(self.reserve(tick)).await?;
        } else if tick + LEAD_TICKS / 2 > reserved
            && let Ok(_one_at_a_time) = self.reserving.try_lock()
        {
            // One caller waits a little, so that nobody has to when the end is reached. If this fails, that is
            // the fault to tell of.
            let _ = Box::pin(self.extend(tick)).await;
        }
        Ok(MessageId::of_tick(tick, self.node))
    }

    async fn reserve(&self, tick: u64) -> Result<(), StoreError> {
        let _one_at_a_time = self.reserving.lock().await;
        if tick <= self.reserved_tick.load(Ordering::Acquire) {
            return Ok(());
        }
        self.extend(tick).await
    }

    /// With `reserving` held, so that what is written down only rises.
    async fn extend(&self, tick: u64) -> Result<(), StoreError> {
        let up_to = tick + LEAD_TICKS;
        if up_to <= self.reserved_tick.load(Ordering::Acquire) {
            return Ok(());
        }
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

    #[tokio::test]
    async fn more_ids_are_reserved_before_the_last_one_is_given_out() {
        let ids = ids(&MemoryKv::new(), 0).await;
        ids.next(NOW).await.unwrap();
        let reserved = || ids.reserved_tick.load(Ordering::Acquire);
        let first = reserved();
        ids.next(Timestamp(NOW.0 + 4_000)).await.unwrap();
        assert_eq!(reserved(), first);
        ids.next(Timestamp(NOW.0 + 6_000)).await.unwrap();
        assert_eq!(reserved(), first + 6_000 * MessageId::TICKS_PER_MS);
    }

    #[tokio::test]
    async fn no_id_is_given_out_beyond_what_is_written_down() {
        let kv = MemoryKv::new();
        let ids = Arc::new(ids(&kv, 0).await);
        let store = Store::open(Arc::new(kv)).await.unwrap();
        for step in 0..200 {
            let at = Timestamp(NOW.0 + step * 997 % 60_000);
            let (one, other) = tokio::join!(ids.next(at), ids.next(Timestamp(at.0 + 11_000)));
            let written = store.ids.reserved(0).await.unwrap();
            assert!(one.unwrap().tick() <= written.tick() && other.unwrap().tick() <= written.tick());
        }
    }
}
