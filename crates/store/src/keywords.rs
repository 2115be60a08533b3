//! Keyword lists and their words.
//!
//! Each change goes through the app's row, which counts them: so changes of one app exclude each other, and whoever
//! holds lists in memory knows from the row whether they are of today.

use std::sync::Arc;

use domain::app::App;
use domain::keyword::{Keyword, KeywordList};
use kv::{Batch, CellKey, Kv, READ_LIMIT, Scan, Space};
use model::AppId;

use crate::apps::Apps;
use crate::rows::{Versioned, from_json, to_json};
use crate::writer::Writer;
use crate::{StoreError, keys};

/// Words that one background batch removes.
const REMOVED_AT_ONCE: usize = 1_000;

/// What is written of a list in one commit.
#[derive(Clone, Debug, Default)]
pub struct KeywordChange {
    /// The list as it is from now on.
    pub list: Option<KeywordList>,
    /// It is gone.
    pub is_removed: bool,
    /// Words as they are from now on, by their numbers.
    pub words: Vec<(u64, Keyword)>,
    pub removed_words: Vec<u64>,
}

#[derive(Debug)]
pub struct Keywords {
    kv: Arc<dyn Kv>,
    writer: Arc<Writer>,
    apps: Arc<Apps>,
}

impl Keywords {
    pub(crate) fn new(kv: Arc<dyn Kv>, writer: Arc<Writer>, apps: Arc<Apps>) -> Self {
        Self { kv, writer, apps }
    }

    /// All lists by their numbers, the oldest first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn lists(&self, app: AppId) -> Result<Vec<(u64, KeywordList)>, StoreError> {
        let rows = self.scan(keys::keyword_lists(app)).await?;
        rows.iter().map(|(key, row)| Ok((number(key)?, from_json("keyword list", row)?))).collect()
    }

    /// The words of a list by their numbers, the oldest first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn words(&self, app: AppId, list: u64) -> Result<Vec<(u64, Keyword)>, StoreError> {
        let rows = self.scan(keys::keywords(app, list)).await?;
        rows.iter().map(|(key, row)| Ok((number(key)?, from_json("keyword", row)?))).collect()
    }

    /// Writes a change of a list; `None` when the app's row, and with it perhaps another list, changed since `app` was
    /// read.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: &Versioned<App>,
        list: u64,
        change: &KeywordChange,
    ) -> Result<Option<Arc<Versioned<App>>>, StoreError> {
        let id = app.value.id;
        let mut batch = Batch::new();
        if let Some(row) = &change.list {
            batch.put(Space::Main, keys::keyword_list(id, list), to_json(row));
        }
        if change.is_removed {
            batch.delete(CellKey::main(keys::keyword_list(id, list)));
        }
        for (number, word) in &change.words {
            batch.put(Space::Main, keys::keyword(id, list, *number), to_json(word));
        }
        for number in &change.removed_words {
            batch.delete(CellKey::main(keys::keyword(id, list, *number)));
        }
        self.apps.count_keyword_change(app, batch).await
    }

    /// Removes the words of a list that is gone. What is left of them after a crash is never read again.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn sweep(&self, app: AppId, list: u64) -> Result<(), StoreError> {
        let rows = self.scan(keys::keywords(app, list)).await?;
        for part in rows.chunks(REMOVED_AT_ONCE) {
            let mut batch = Batch::background();
            part.iter().for_each(|(key, _)| batch.delete(CellKey::main(key.clone())));
            self.writer.commit(batch, |outcome| outcome.map(|_| ())).await?;
        }
        Ok(())
    }

    async fn scan(&self, prefix: bytes::Bytes) -> Result<Vec<(bytes::Bytes, bytes::Bytes)>, StoreError> {
        let mut scan = Scan::prefix(Space::Main, prefix, READ_LIMIT);
        let mut rows = Vec::new();
        loop {
            let page = self.kv.scan(scan.clone()).await?;
            let is_last = page.len() < READ_LIMIT;
            if let Some((key, _)) = page.last() {
                scan.from = [&key[..], &[0]].concat().into();
            }
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
        }
    }
}

/// The number that a key ends with.
fn number(key: &[u8]) -> Result<u64, StoreError> {
    let number = key.get(key.len().saturating_sub(8)..).and_then(|bytes| bytes.try_into().ok());
    let damaged = || StoreError::Damaged { what: "keyword list", detail: "its number".to_owned() };
    Ok(u64::from_be_bytes(number.ok_or_else(damaged)?))
}
