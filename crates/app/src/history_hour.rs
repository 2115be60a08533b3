//! What was said in an app during one hour, for its back end: read from the arrival log, piece by piece.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::hour::{Hour, HourLink, decide_hour};
use model::{Entry, EntryKind, Feed, Seq};
use store::{Arrived, is_past};

use crate::{Error, Tenant, UseCases};

/// Entries of one piece.
const PIECE: usize = 128;

/// Reads an hour to its end. Holds no more than one piece and the notes of some commits.
pub struct HourReader {
    use_cases: Arc<UseCases>,
    app: Tenant,
    hour: Hour,
    /// How far the arrival log is read; `None` before the first look.
    position: Option<u64>,
    is_past: bool,
    /// Found, and to be read.
    found: VecDeque<Arrived>,
}

impl std::fmt::Debug for HourReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HourReader").field("hour", &self.hour).finish_non_exhaustive()
    }
}

impl UseCases {
    /// A link to an hour that can be had.
    ///
    /// # Errors
    /// Those of [`Hour::parse`] and [`decide_hour`].
    pub fn link_hour(&self, app: &Tenant, hour: &str) -> Result<HourLink, Error> {
        let (hour, now) = (Hour::parse(hour)?, self.now());
        decide_hour(&app.value.settings, hour, now)?;
        Ok(HourLink::new(app.value.id, &app.value.secrets.token_key, hour, now))
    }

    /// What a link leads to; `None` for one that is not ours, or over.
    pub fn open_hour(self: &Arc<Self>, app: &Tenant, hour: &str, link: &HourLink) -> Option<HourReader> {
        let hour = Hour::parse(hour).ok()?;
        let is_good = link.is_good(app.value.id, &app.value.secrets.token_key, hour, self.now());
        is_good.then(|| HourReader {
            use_cases: Arc::clone(self),
            app: Arc::clone(app),
            hour,
            position: None,
            is_past: false,
            found: VecDeque::new(),
        })
    }
}

impl HourReader {
    /// The next messages and commands, in the order in which they were stored; what was taken back is left out. None: the
    /// hour is over.
    ///
    /// # Errors
    /// Faults.
    pub async fn next(&mut self) -> Result<Vec<(Feed, Entry)>, Error> {
        loop {
            while self.found.is_empty() && !self.is_past {
                self.look().await?;
            }
            if self.found.is_empty() {
                return Ok(Vec::new());
            }
            let (app, feeds) = (self.app.value.id, &self.use_cases.store.feeds);
            let mut piece = Vec::with_capacity(PIECE.min(self.found.len()));
            for Arrived { id, feed, seq, .. } in self.found.drain(..PIECE.min(self.found.len())) {
                let entry = feeds.page(app, feed, Seq(seq.0.saturating_sub(1)), 1).await?.pop();
                piece.extend(
                    entry
                        .filter(|(at, entry)| {
                            *at == seq
                                && entry.id == id
                                && is_said(entry.kind)
                                && !entry.history.is_imported
                                && self.hour.contains(entry.at)
                        })
                        .map(|(_, entry)| (feed, entry)),
                );
            }
            if !piece.is_empty() {
                return Ok(piece);
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let (app, arrivals) = (self.app.value.id, &self.use_cases.store.arrivals);
        let position = match self.position {
            Some(position) => position,
            None => arrivals.position_before(app, self.hour.first_id()).await?,
        };
        let groups = arrivals.after(app, position).await?;
        let arrived = || groups.iter().flat_map(|(_, group)| group);
        self.is_past = groups.is_empty() || arrived().all(|arrived| is_past(arrived.id, self.hour.last_id()));
        self.found.extend(arrived().filter(|arrived| {
            is_said(arrived.kind) && self.hour.may_hold(arrived.id, arrived.is_drawn_before)
        }));
        self.position = groups.last().map(|(position, _)| *position);
        Ok(())
    }
}

fn is_said(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Message | EntryKind::Command)
}
