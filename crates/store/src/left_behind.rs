//! What others hold of users who were removed: block lists and open requests of groups, and block lists of users.
//!
//! Nothing says who holds what of whom, so all of an app's are looked through, page by page, once for many removed users.

use std::collections::BTreeSet;
use std::sync::Arc;

use kv::{Batch, CellKey, Kv, Scan, Space};
use model::{AppId, Uid};

use crate::{StoreError, blocks, keys};

/// Rows that are looked at together.
const ROWS: usize = 512;

/// Reads and deletes rows that name removed users.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    kv: Arc<dyn Kv>,
}

impl LeftBehind {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// Deletes the rows of users in groups' block lists, and their applications and invitations that wait for an answer.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn forget_in_groups(&self, app: AppId, removed: &BTreeSet<Uid>) -> Result<(), StoreError> {
        for prefix in [keys::all_group_blocks(app), keys::all_group_requests(app)] {
            let mut scan = Scan::prefix(Space::Main, prefix, ROWS);
            loop {
                let rows = self.kv.scan(scan.clone()).await?;
                let Some((last, _)) = rows.last() else { break };
                let mut next = last.to_vec();
                next.push(0);
                scan.from = next.into();
                let mut batch = Batch::background();
                for (key, _) in rows {
                    if keys::last_uid(&key).is_some_and(|uid| removed.contains(&uid)) {
                        batch.delete(CellKey::main(key));
                    }
                }
                if !batch.cells.is_empty() {
                    self.kv.commit(batch).await?;
                }
            }
        }
        Ok(())
    }

    /// Users on whose block lists some of these stand, among some hundred lists after `after`; and where the next ones
    /// begin, `None` at the end.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn blocking(
        &self,
        app: AppId,
        removed: &BTreeSet<Uid>,
        after: Option<Uid>,
    ) -> Result<(Vec<Uid>, Option<Uid>), StoreError> {
        let mut scan = Scan::prefix(Space::Main, keys::all_blocks(app), ROWS);
        if let Some(after) = after {
            scan.from = keys::blocks(app, Uid(after.0.saturating_add(1)));
        }
        let rows = self.kv.scan(scan).await?;
        let next =
            if rows.len() < ROWS { None } else { rows.last().and_then(|(key, _)| keys::last_uid(key)) };
        let mut owners = Vec::new();
        for (key, row) in rows {
            match blocks::decode(row) {
                Ok(list) if list.0.iter().any(|uid| removed.contains(uid)) => {
                    owners.extend(keys::last_uid(&key));
                }
                Ok(_) => {}
                // One list that can't be read must not keep every removed user's rows.
                Err(error) => tracing::warn!(?key, %error, "a block list is passed over"),
            }
        }
        Ok((owners, next))
    }
}
