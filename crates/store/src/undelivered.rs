//! Reports of webhooks that were given up, by slices of ten minutes. Each slice has a row that counts its reports, which
//! every change is checked against.

use std::sync::Arc;

use bytes::Bytes;
use domain::hook::{Slice, SliceState, Undelivered};
use kv::{Batch, CellKey, Kv, Scan, Space, ValueHash, prefix_end, sweep};
use model::AppId;

use crate::rows::{expect, from_json, to_json, written_unless_moved};
use crate::{StoreError, keys};

/// Reports that are written, read or removed at a time.
const AT_ONCE: usize = 64;
/// Bytes of the reports that are written at a time: one report may have as many as a value holds.
const BYTES_AT_ONCE: usize = 1 << 20;
/// How often a write is tried while others write to the slice.
const TRIES: usize = 32;

/// Where a reader of a slice goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlicePosition(Bytes);

#[derive(Debug)]
pub struct UndeliveredReports {
    kv: Arc<dyn Kv>,
}

impl UndeliveredReports {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// The slices that have reports, the oldest first.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn slices(&self, app: AppId) -> Result<Vec<(Slice, SliceState)>, StoreError> {
        // A slice each ten minutes, for little more than three days: one read.
        let scan = Scan::prefix(Space::Main, keys::undelivered_slices(app), kv::READ_LIMIT);
        let rows = self.kv.scan(scan).await?;
        let slice = |(key, row): &(Bytes, Bytes)| {
            let number = keys::undelivered_slice_number(key).ok_or_else(|| StoreError::Damaged {
                what: "slice of undelivered reports",
                detail: "its key has another length".to_owned(),
            })?;
            Ok((Slice { number }, from_json("slice of undelivered reports", row)?))
        };
        rows.iter().map(slice).collect()
    }

    /// Keeps reports, as long as the app has fewer than `most`; the number of those that found no place, be it that too
    /// many are there or that the row would be above [`kv::VALUE_BYTES_LIMIT`]. One that is there already stays as it is.
    ///
    /// # Errors
    /// Engine faults, [`StoreError::Damaged`], [`StoreError::Contended`].
    pub async fn keep(
        &self,
        app: AppId,
        slice: Slice,
        reports: &[Undelivered],
        most: u64,
    ) -> Result<u64, StoreError> {
        let rows = reports.iter().map(|report| {
            let key = keys::undelivered_report(app, slice.number, report.at, &report.key);
            (CellKey::main(key), to_json(report))
        });
        // A row has the report's text escaped once more, so its length is known only here.
        let (rows, too_large): (Vec<_>, Vec<_>) =
            rows.partition(|(_, row)| row.len() <= kv::VALUE_BYTES_LIMIT);
        let mut dropped = too_large.len() as u64;
        let mut rows = &rows[..];
        while !rows.is_empty() {
            let mut bytes = 0;
            let fits = |(_, row): &&(CellKey, Vec<u8>)| {
                bytes += row.len();
                bytes <= BYTES_AT_ONCE
            };
            let count = rows.iter().take(AT_ONCE).take_while(fits).count().max(1);
            let (now, later) = rows.split_at(count);
            dropped += self.keep_some(app, slice, now, most).await?;
            rows = later;
        }
        Ok(dropped)
    }

    async fn keep_some(
        &self,
        app: AppId,
        slice: Slice,
        rows: &[(CellKey, Vec<u8>)],
        most: u64,
    ) -> Result<u64, StoreError> {
        let cells: Vec<CellKey> = rows.iter().map(|(cell, _)| cell.clone()).collect();
        for _ in 0..TRIES {
            let kept: u64 = self.slices(app).await?.iter().map(|(_, state)| state.reports).sum();
            let (state, version) = self.state(app, slice).await?;
            let stored = self.kv.get_many(&cells).await?;
            let new: Vec<&(CellKey, Vec<u8>)> =
                rows.iter().zip(stored).filter(|(_, stored)| stored.is_none()).map(|(new, _)| new).collect();
            let room = usize::try_from(most.saturating_sub(kept)).unwrap_or(usize::MAX).min(new.len());
            let dropped = (new.len() - room) as u64;
            if room == 0 {
                return Ok(dropped);
            }
            let mut batch = Batch::background();
            for (cell, row) in &new[..room] {
                batch.put(Space::Main, cell.key.clone(), row.clone());
            }
            let state = SliceState { reports: state.reports + room as u64, ..state };
            if self.write(app, slice, state, version, batch).await? {
                return Ok(dropped);
            }
        }
        Err(StoreError::Contended { what: "undelivered reports" })
    }

    /// Counts one more try to send a slice's reports again, if `may` permits it; `false`: it does not.
    ///
    /// # Errors
    /// As [`UndeliveredReports::keep`].
    pub async fn count_retry(
        &self,
        app: AppId,
        slice: Slice,
        may: fn(&SliceState) -> bool,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let (state, version) = self.state(app, slice).await?;
            if !may(&state) {
                return Ok(false);
            }
            let state = SliceState { retries: state.retries + 1, ..state };
            if self.write(app, slice, state, version, Batch::new()).await? {
                return Ok(true);
            }
        }
        Err(StoreError::Contended { what: "undelivered reports" })
    }

    /// Takes one try back: it ended before it came to all reports, and nothing speaks against another.
    ///
    /// # Errors
    /// As [`UndeliveredReports::keep`].
    pub async fn give_retry_back(&self, app: AppId, slice: Slice) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let (state, version) = self.state(app, slice).await?;
            if state.retries == 0 {
                return Ok(());
            }
            let state = SliceState { retries: state.retries - 1, ..state };
            if self.write(app, slice, state, version, Batch::new()).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended { what: "undelivered reports" })
    }

    /// Some reports of a slice behind a position, the earliest first; none: there are no more.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn after(
        &self,
        app: AppId,
        slice: Slice,
        position: Option<&SlicePosition>,
    ) -> Result<(Vec<Undelivered>, Option<SlicePosition>), StoreError> {
        let prefix = keys::undelivered_reports(app, slice.number);
        let to = prefix_end(&prefix);
        let from = position.map_or(prefix, |SlicePosition(last)| [last, &[0][..]].concat().into());
        let scan = Scan { space: Space::Main, from, to, limit: AT_ONCE, reverse: false };
        let rows = self.kv.scan(scan).await?;
        let last = rows.last().map(|(key, _)| SlicePosition(key.clone()));
        let reports: Result<_, _> =
            rows.iter().map(|(_, row)| from_json("undelivered report", row)).collect();
        Ok((reports?, last))
    }

    /// Removes reports of a slice, and with the last of them the slice.
    ///
    /// # Errors
    /// As [`UndeliveredReports::keep`].
    pub async fn remove(&self, app: AppId, slice: Slice, reports: &[&Undelivered]) -> Result<(), StoreError> {
        let cells: Vec<CellKey> = reports
            .iter()
            .map(|report| keys::undelivered_report(app, slice.number, report.at, &report.key))
            .map(CellKey::main)
            .collect();
        for _ in 0..TRIES {
            let (state, version) = self.state(app, slice).await?;
            let stored = self.kv.get_many(&cells).await?;
            let mut batch = Batch::background();
            let mut removed = 0;
            for (cell, _) in cells.iter().zip(stored).filter(|(_, stored)| stored.is_some()) {
                batch.delete(cell.clone());
                removed += 1;
            }
            let state = SliceState { reports: state.reports.saturating_sub(removed), ..state };
            if removed == 0 || self.write(app, slice, state, version, batch).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended { what: "undelivered reports" })
    }

    /// Removes the slices before `oldest`.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn trim(&self, app: AppId, oldest: Slice) -> Result<(), StoreError> {
        for (slice, _) in self.slices(app).await?.into_iter().filter(|(slice, _)| *slice < oldest) {
            let reports = keys::undelivered_reports(app, slice.number);
            sweep(&*self.kv, Scan::prefix(Space::Main, reports, kv::READ_LIMIT)).await?;
            let mut batch = Batch::background();
            batch.delete(CellKey::main(keys::undelivered_slice(app, slice.number)));
            self.kv.commit(batch).await?;
        }
        Ok(())
    }

    async fn state(&self, app: AppId, slice: Slice) -> Result<(SliceState, Option<ValueHash>), StoreError> {
        let row = self.kv.get(CellKey::main(keys::undelivered_slice(app, slice.number))).await?;
        let Some(row) = row else { return Ok((SliceState::default(), None)) };
        Ok((from_json("slice of undelivered reports", &row)?, Some(ValueHash::of(&row))))
    }

    /// Writes a slice's row beside `batch`; `false`: it changed since it was read.
    async fn write(
        &self,
        app: AppId,
        slice: Slice,
        state: SliceState,
        version: Option<ValueHash>,
        mut batch: Batch,
    ) -> Result<bool, StoreError> {
        let cell = CellKey::main(keys::undelivered_slice(app, slice.number));
        batch.check(cell.clone(), expect(version));
        if state.reports == 0 {
            batch.delete(cell);
        } else {
            batch.put(Space::Main, cell.key, to_json(&state));
        }
        Ok(written_unless_moved(self.kv.commit(batch).await)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::MemoryKv;
    use model::Timestamp;

    const APP: AppId = AppId(1);
    const SLICE: Slice = Slice { number: 7 };

    fn report(at: u64) -> Undelivered {
        let (rule, key) = ("r".to_owned(), format!("r-{at}"));
        Undelivered { rule, key, body: "{}".to_owned(), at: Timestamp(at) }
    }

    fn reports(range: std::ops::Range<u64>) -> Vec<Undelivered> {
        range.map(report).collect()
    }

    fn kept() -> UndeliveredReports {
        UndeliveredReports::new(Arc::new(MemoryKv::new()))
    }

    async fn all(store: &UndeliveredReports, slice: Slice) -> Vec<u64> {
        let (mut times, mut position) = (Vec::new(), None);
        loop {
            let (page, last) = store.after(APP, slice, position.as_ref()).await.unwrap();
            if page.is_empty() {
                return times;
            }
            times.extend(page.iter().map(|report| report.at.0));
            position = last;
        }
    }

    fn state(reports: u64, retries: u32) -> SliceState {
        SliceState { reports, retries }
    }

    #[tokio::test]
    async fn reports_are_counted_once_and_read_in_the_order_of_what_they_tell() {
        let store = kept();
        store.keep(APP, SLICE, &reports(100..250), 1_000).await.unwrap();
        store.keep(APP, SLICE, &reports(0..150), 1_000).await.unwrap();
        assert_eq!(store.slices(APP).await.unwrap(), [(SLICE, state(250, 0))]);
        assert_eq!(all(&store, SLICE).await, (0..250).collect::<Vec<_>>());
        assert!(store.slices(AppId(2)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_finds_no_place_is_said() {
        let store = kept();
        assert_eq!(store.keep(APP, SLICE, &reports(0..90), 100).await.unwrap(), 0);
        assert_eq!(store.keep(APP, Slice { number: 8 }, &reports(90..120), 100).await.unwrap(), 20);
        let slices = store.slices(APP).await.unwrap();
        assert_eq!(slices, [(SLICE, state(90, 0)), (Slice { number: 8 }, state(10, 0))]);
    }

    #[tokio::test]
    async fn one_too_large_for_a_row_is_dropped_and_those_beside_it_are_kept() {
        let store = kept();
        let quotes = |at, count: usize| Undelivered { body: "\"".repeat(count), ..report(at) };
        // Each quote takes two bytes in the row.
        let reports = [
            report(1),
            quotes(2, kv::VALUE_BYTES_LIMIT),
            quotes(3, kv::VALUE_BYTES_LIMIT / 2 - 64),
            report(4),
        ];
        assert_eq!(store.keep(APP, SLICE, &reports, 100).await.unwrap(), 1);
        assert_eq!(store.slices(APP).await.unwrap(), [(SLICE, state(3, 0))]);
        assert_eq!(all(&store, SLICE).await, [1, 3, 4]);
    }

    #[tokio::test]
    async fn a_slice_goes_with_its_last_report() {
        let store = kept();
        let all_reports = reports(0..70);
        store.keep(APP, SLICE, &all_reports, 100).await.unwrap();
        assert!(store.count_retry(APP, SLICE, SliceState::may_be_redelivered).await.unwrap());
        let some: Vec<&Undelivered> = all_reports.iter().take(60).collect();
        store.remove(APP, SLICE, &some).await.unwrap();
        store.remove(APP, SLICE, &some).await.unwrap();
        assert_eq!(store.slices(APP).await.unwrap(), [(SLICE, state(10, 1))]);
        store.remove(APP, SLICE, &all_reports.iter().skip(60).collect::<Vec<_>>()).await.unwrap();
        assert!(store.slices(APP).await.unwrap().is_empty());
        assert!(!store.count_retry(APP, SLICE, SliceState::may_be_redelivered).await.unwrap());
    }

    #[tokio::test]
    async fn old_slices_go_with_their_reports() {
        let store = kept();
        let later = Slice { number: 8 };
        store.keep(APP, SLICE, &reports(0..10), 100).await.unwrap();
        store.keep(APP, later, &reports(10..20), 100).await.unwrap();
        store.trim(APP, later).await.unwrap();
        assert_eq!(store.slices(APP).await.unwrap(), [(later, state(10, 0))]);
        assert!(all(&store, SLICE).await.is_empty());
        assert_eq!(all(&store, later).await.len(), 10);
    }
}
