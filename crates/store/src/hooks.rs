//! Webhooks: how far each post-send rule has told what came, and what there is to tell that stands in no feed.
//!
//! Rules themselves stand in the app's row ([`crate::Apps`]). Most of what they tell is read from the arrival log and the
//! feeds; logins, word hits and the fate of pushes are written into a log of notices, for apps with a rule that wants
//! them only.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use kv::{Batch, CellKey, Expect, Kv, ReadLog, Space, ValueHash};
use model::AppId;

use crate::rows::written_unless_moved;
use crate::writer::Writer;
use crate::{StoreError, keys};

/// Entries of the log of notices that are read at a time.
const READ_AT_ONCE: usize = 64;
/// Entries that one trim removes at most.
const TRIM_AT_ONCE: u32 = 1_024;
const VERSION: u8 = 1;

/// Up to where a rule has told everything, in both logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookPosition {
    pub arrivals: u64,
    pub notices: u64,
}

impl HookPosition {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(17);
        out.put_u8(VERSION);
        out.put_u64(self.arrivals);
        out.put_u64(self.notices);
        out
    }

    fn decode(mut bytes: Bytes) -> Result<Self, StoreError> {
        if bytes.remaining() != 17 || bytes.get_u8() != VERSION {
            let detail = "version or length".to_owned();
            return Err(StoreError::Damaged { what: "webhook position", detail });
        }
        Ok(Self { arrivals: bytes.get_u64(), notices: bytes.get_u64() })
    }
}

/// Writes a notice with what it tells of. As an entry of its own, in the form of those that hold a group's notes: the one
/// note of a batch is for the arrivals.
pub(crate) fn append_notice(batch: &mut Batch, app: AppId, notice: &[u8]) {
    let mut entry = Vec::with_capacity(4 + notice.len());
    kv::encode_note(&mut entry, notice);
    batch.append(keys::notices(app), entry);
}

#[derive(Debug)]
pub struct Hooks {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
}

impl Hooks {
    pub(crate) fn new(kv: Arc<dyn Kv>, writer: Arc<Writer>) -> Self {
        Self { kv, writer }
    }

    /// Where a rule that begins now stands.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn heads(&self, app: AppId) -> Result<HookPosition, StoreError> {
        Ok(HookPosition {
            arrivals: self.kv.log_head(&keys::arrivals(app)).await?,
            notices: self.kv.log_head(&keys::notices(app)).await?,
        })
    }

    /// How far a rule is; `None` for one that was never on, or is gone.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn position(&self, app: AppId, rule: &str) -> Result<Option<HookPosition>, StoreError> {
        let row = self.kv.get(CellKey::main(keys::hook_position(app, rule))).await?;
        row.map(HookPosition::decode).transpose()
    }

    /// Moves a rule from one position to another. Does nothing, and answers `false`, when it does not stand there any
    /// more: the rule was removed or begins anew.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn advance(
        &self,
        app: AppId,
        rule: &str,
        from: HookPosition,
        to: HookPosition,
    ) -> Result<bool, StoreError> {
        let key = keys::hook_position(app, rule);
        let mut batch = Batch::background();
        batch.check(CellKey::main(key.clone()), Expect::Hash(ValueHash::of(&from.encode())));
        batch.put(Space::Main, key, to.encode());
        Ok(written_unless_moved(self.writer.commit(batch, |outcome| outcome).await)?.is_some())
    }

    /// Writes a notice down, for the rules that want to hear of it.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn note(&self, app: AppId, notice: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.note(keys::notices(app), notice);
        Ok(self.writer.commit(batch, |outcome| outcome.map(|_| ())).await?)
    }

    /// Notices after a position, oldest first, each entry with those of one commit group.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn notices(&self, app: AppId, after: u64) -> Result<Vec<(u64, Vec<Bytes>)>, StoreError> {
        let from = after.saturating_add(1);
        let read = ReadLog { log: keys::notices(app), from, limit: READ_AT_ONCE, reverse: false };
        let entries = self.kv.read_log(read).await?;
        Ok(entries.into_iter().map(|(position, entry)| (position, kv::notes(entry).collect())).collect())
    }

    /// Removes notices that every rule has told.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn trim_notices(&self, app: AppId, up_to: u64) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.trim(keys::notices(app), up_to, TRIM_AT_ONCE);
        Ok(self.writer.commit(batch, |outcome| outcome.map(|_| ())).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Staged;

    const APP: AppId = AppId(1);

    #[tokio::test]
    async fn a_rule_that_was_removed_meanwhile_is_not_moved() {
        let kv: Arc<dyn Kv> = Arc::new(Staged::new());
        let hooks = Hooks::new(Arc::clone(&kv), Arc::new(Writer::new(Arc::clone(&kv))));
        let mut batch = Batch::new();
        batch.put(Space::Main, keys::hook_position(APP, "r"), HookPosition::default().encode());
        kv.commit(batch).await.unwrap();
        let next = HookPosition { arrivals: 7, notices: 2 };
        assert!(hooks.advance(APP, "r", HookPosition::default(), next).await.unwrap());
        assert_eq!(hooks.position(APP, "r").await, Ok(Some(next)));
        assert!(!hooks.advance(APP, "r", HookPosition::default(), next).await.unwrap());

        let mut batch = Batch::new();
        batch.delete(CellKey::main(keys::hook_position(APP, "r")));
        kv.commit(batch).await.unwrap();
        assert!(!hooks.advance(APP, "r", next, next).await.unwrap());
        assert_eq!(hooks.position(APP, "r").await, Ok(None));
    }

    #[tokio::test]
    async fn notices_come_back_in_order_until_they_are_trimmed() {
        let kv: Arc<dyn Kv> = Arc::new(Staged::new());
        let hooks = Hooks::new(Arc::clone(&kv), Arc::new(Writer::new(kv)));
        for notice in ["one", "two", "three"] {
            hooks.note(APP, notice.as_bytes()).await.unwrap();
        }
        assert_eq!(hooks.heads(APP).await.unwrap().notices, 3);
        hooks.trim_notices(APP, 1).await.unwrap();
        let left = hooks.notices(APP, 0).await.unwrap();
        let left: Vec<_> = left.into_iter().flat_map(|(_, notices)| notices).collect();
        assert_eq!(left, ["two", "three"]);
        assert!(hooks.notices(APP, 3).await.unwrap().is_empty());
    }
}
