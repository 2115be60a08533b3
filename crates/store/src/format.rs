//! The format cell: refuses data of a newer build in words.

use kv::{Batch, CellKey, Expect, Kv, KvError, Space};

use crate::{StoreError, keys};

/// The format that this build writes. Steps between formats get a number each, here.
const FORMAT: &str = "kith 1";

pub(crate) async fn check_or_write(kv: &dyn Kv) -> Result<(), StoreError> {
    let cell = CellKey::main(keys::format());
    match kv.get(cell.clone()).await? {
        Some(found) if found == FORMAT.as_bytes() => Ok(()),
        Some(found) => {
            Err(StoreError::Format { found: String::from_utf8_lossy(&found).into_owned(), known: FORMAT })
        }
        None => {
            let mut batch = Batch::new();
            batch.check(cell.clone(), Expect::Absent);
            batch.put(Space::Main, cell.key, FORMAT.as_bytes());
            match kv.commit(batch).await {
                // Another node opened the empty database at the same moment.
                Ok(_) | Err(KvError::CheckFailed { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::MemoryKv;

    #[tokio::test]
    async fn newer_data_is_refused_in_words() {
        let kv = MemoryKv::new();
        check_or_write(&kv).await.unwrap();
        check_or_write(&kv).await.unwrap();
        let mut batch = Batch::new();
        batch.put(Space::Main, keys::format(), b"kith 2".as_slice());
        kv.commit(batch).await.unwrap();
        let error = check_or_write(&kv).await.unwrap_err();
        assert_eq!(error.to_string(), "the data was written by kith 2; this build reads kith 1");
    }
}
