//! What a decision rests on: the policy cells that were read for it, with their versions. The commit that writes what
//! was decided holds them against the state that it finds.

use bytes::Bytes;
use kv::{Batch, CellKey, Expect, ValueHash};
use model::AppId;
use smallvec::SmallVec;

use crate::{Account, ContactProof, StoredGroup, StoredMember, keys};

/// Cells, each once.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    cells: SmallVec<[(Bytes, ValueHash); 3]>,
}

impl Facts {
    #[must_use]
    pub fn account(self, app: AppId, account: &Account) -> Self {
        self.cell(keys::user(app, account.user.uid), account.version)
    }

    #[must_use]
    pub fn group(self, app: AppId, group: &StoredGroup) -> Self {
        self.cell(keys::group(app, group.group.id), group.version)
    }

    #[must_use]
    pub fn member(self, app: AppId, member: &StoredMember) -> Self {
        self.cell(keys::member(app, member.group, member.uid), member.version)
    }

    /// That two users are contacts.
    #[must_use]
    pub fn contact(self, app: AppId, contact: &ContactProof) -> Self {
        self.cell(keys::contact(app, contact.uid, contact.peer), contact.version)
    }

    fn cell(mut self, key: Bytes, version: ValueHash) -> Self {
        if self.cells.iter().all(|(known, _)| *known != key) {
            self.cells.push((key, version));
        }
        self
    }

    /// Adds the checks to a batch, before any other.
    pub(crate) fn check(&self, batch: &mut Batch) {
        for (key, version) in &self.cells {
            batch.check(CellKey::main(key.clone()), Expect::Hash(*version));
        }
    }
}
