//! User attributes, a cell a user, and how many bytes those of all users have together.
//!
//! The sum stands in several cells, each for some of the users, so that users who change their attributes at the same
//! moment seldom wait for each other. It is exact: a part changes in the commit that changes the attributes.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use domain::attributes::{Attributes, size_of};
use kv::{Batch, CellKey, Expect, Kv, KvError, Scan, Space, ValueHash};
use model::{AppId, Uid};

use crate::inboxes::retry;
use crate::rows::{from_json, to_json};
use crate::{Account, StoreError, keys};

/// Parts of the sum.
const PARTS: u64 = 64;
const VERSION: u8 = 1;

/// A user's attributes, and the version that a change is checked against.
#[derive(Clone, Debug, Default)]
pub struct StoredAttributes {
    pub attributes: Attributes,
    version: Option<ValueHash>,
}

#[derive(Debug)]
pub struct AttributeBook {
    kv: Arc<dyn Kv>,
}

impl AttributeBook {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// Users' attributes, in their order; none for those who never had any.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn get(&self, app: AppId, uids: &[Uid]) -> Result<Vec<StoredAttributes>, StoreError> {
        let cells: Vec<CellKey> =
            uids.iter().map(|uid| CellKey::main(keys::user_attributes(app, *uid))).collect();
        self.kv.get_many(&cells).await?.iter().map(|row| decode(row.as_ref())).collect()
    }

    /// Bytes that the attributes of all users have together.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn total(&self, app: AppId) -> Result<u64, StoreError> {
        let parts = Scan::prefix(Space::Main, keys::attribute_sums(app), kv::READ_LIMIT);
        self.kv.scan(parts).await?.into_iter().map(|(_, part)| decode_sum(Some(part))).sum()
    }

    /// Replaces a user's attributes; `false` when they changed since `stored` was read, or his account went.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn write(
        &self,
        app: AppId,
        account: &Account,
        stored: &StoredAttributes,
        attributes: &Attributes,
    ) -> Result<bool, StoreError> {
        let uid = account.user.uid;
        let account = (CellKey::main(keys::user(app, uid)), Expect::Hash(account.version));
        replace(&*self.kv, app, uid, Some(account), stored, attributes).await
    }
}

/// Takes a removed user's attributes away.
pub(crate) async fn sweep(kv: &dyn Kv, app: AppId, uid: Uid) -> Result<(), StoreError> {
    retry("a removed user's attributes", || async {
        let stored = decode(kv.get(CellKey::main(keys::user_attributes(app, uid))).await?.as_ref())?;
        let written = replace(kv, app, uid, None, &stored, &Attributes::new()).await?;
        Ok(written.then_some(()))
    })
    .await
}

async fn replace(
    kv: &dyn Kv,
    app: AppId,
    uid: Uid,
    account: Option<(CellKey, Expect)>,
    stored: &StoredAttributes,
    attributes: &Attributes,
) -> Result<bool, StoreError> {
    if stored.attributes == *attributes {
        return Ok(true);
    }
    let cell = CellKey::main(keys::user_attributes(app, uid));
    let sum = CellKey::main(keys::attribute_sum(app, u8::try_from(uid.0 % PARTS).expect("64 parts")));
    retry("the size of all attributes", || async {
        let part = kv.get(sum.clone()).await?;
        let bytes = decode_sum(part.clone())?.saturating_sub(size_of(&stored.attributes));
        let mut batch = Batch::new();
        if let Some((account, expect)) = &account {
            batch.check(account.clone(), *expect);
        }
        batch.check(cell.clone(), stored.version.map_or(Expect::Absent, Expect::Hash));
        let last =
            batch.check(sum.clone(), part.map_or(Expect::Absent, |part| Expect::Hash(ValueHash::of(&part))));
        if attributes.is_empty() {
            batch.delete(cell.clone());
        } else {
            batch.put(Space::Main, cell.key.clone(), to_json(attributes));
        }
        batch.put(Space::Main, sum.key.clone(), encode_sum(bytes + size_of(attributes)));
        match kv.commit(batch).await {
            Ok(_) => Ok(Some(true)),
            // Another user of the same part.
            Err(KvError::CheckFailed { check }) if check == last => Ok(None),
            Err(KvError::CheckFailed { .. }) => Ok(Some(false)),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

fn decode(row: Option<&Bytes>) -> Result<StoredAttributes, StoreError> {
    let Some(row) = row else { return Ok(StoredAttributes::default()) };
    let attributes = from_json("user attributes", row)?;
    Ok(StoredAttributes { attributes, version: Some(ValueHash::of(row)) })
}

fn encode_sum(bytes: u64) -> Vec<u8> {
    let mut part = Vec::with_capacity(9);
    part.put_u8(VERSION);
    part.put_u64(bytes);
    part
}

fn decode_sum(part: Option<Bytes>) -> Result<u64, StoreError> {
    let Some(mut part) = part else { return Ok(0) };
    if part.len() != 9 || part.get_u8() != VERSION {
        return Err(StoreError::Damaged {
            what: "size of attributes",
            detail: "version or length".to_owned(),
        });
    }
    Ok(part.get_u64())
}
