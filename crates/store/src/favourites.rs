//! What users keep for themselves: a row each, and beside them a cell a user with the lines that lists are made of. A change
//! rests on that cell, so that number and rows agree.

use std::sync::Arc;

use domain::favourite::{Favourite, FavouriteLine};
use kv::{Batch, CellKey, Expect, Kv, KvError, Space, ValueHash};
use model::{AppId, Uid};

use crate::inboxes::retry;
use crate::rows::{from_json, to_json};
use crate::{Account, StoreError, keys};

/// The lines of a user's favourites, in the order in which they came, and the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredFavourites {
    pub lines: Vec<FavouriteLine>,
    version: Option<ValueHash>,
}

#[derive(Debug)]
pub struct Favourites {
    kv: Arc<dyn Kv>,
}

impl Favourites {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn lines(&self, app: AppId, uid: Uid) -> Result<StoredFavourites, StoreError> {
        lines(&*self.kv, app, uid).await
    }

    /// The favourites of these ids that are there, in their order.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uid: Uid, ids: &[&str]) -> Result<Vec<Favourite>, StoreError> {
        let cells: Vec<_> = ids.iter().map(|id| CellKey::main(keys::favourite(app, uid, id))).collect();
        let rows = self.kv.get_many(&cells).await?;
        rows.iter().flatten().map(|row| from_json("favourite", row)).collect()
    }

    /// Writes what was decided on `stored`: the lines that are there then, new rows, and the rows of ids that go. `false`:
    /// they changed since, or the account did.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write(
        &self,
        app: AppId,
        account: &Account,
        stored: &StoredFavourites,
        lines: &[FavouriteLine],
        (new, gone): (&[Favourite], &[String]),
    ) -> Result<bool, StoreError> {
        let uid = account.user.uid;
        let mut batch = Batch::new();
        batch.check(CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
        let cell = CellKey::main(keys::favourites(app, uid));
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        if lines.is_empty() {
            batch.delete(cell);
        } else {
            batch.put(Space::Main, cell.key, to_json(&lines));
        }
        for favourite in new {
            batch.put(Space::Main, keys::favourite(app, uid, &favourite.id), to_json(favourite));
        }
        for id in gone {
            batch.delete(CellKey::main(keys::favourite(app, uid, id)));
        }
        match self.kv.commit(batch).await {
            Ok(_) => Ok(true),
            Err(KvError::CheckFailed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Takes a removed user's favourites away.
pub(crate) async fn sweep(kv: &dyn Kv, app: AppId, uid: Uid) -> Result<(), StoreError> {
    retry("a removed user's favourites", || async {
        let stored = lines(kv, app, uid).await?;
        let Some(version) = stored.version else { return Ok(Some(())) };
        let mut batch = Batch::new();
        let cell = CellKey::main(keys::favourites(app, uid));
        batch.check(cell.clone(), Expect::Hash(version));
        batch.delete(cell);
        for line in &stored.lines {
            batch.delete(CellKey::main(keys::favourite(app, uid, &line.id)));
        }
        match kv.commit(batch).await {
            Ok(_) => Ok(Some(())),
            Err(KvError::CheckFailed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

async fn lines(kv: &dyn Kv, app: AppId, uid: Uid) -> Result<StoredFavourites, StoreError> {
    let row = kv.get(CellKey::main(keys::favourites(app, uid))).await?;
    let Some(row) = row else { return Ok(StoredFavourites::default()) };
    Ok(StoredFavourites { lines: from_json("favourites", &row)?, version: Some(ValueHash::of(&row)) })
}
