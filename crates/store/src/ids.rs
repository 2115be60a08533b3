//! The reservation of message ids: a node writes down how far it may go before it gives an id out, so that
//! no id comes twice after a crash with a clock that stepped back.

use std::sync::Arc;

use kv::{Batch, CellKey, Kv, Space};
use model::MessageId;

use crate::{StoreError, keys};

#[derive(Debug)]
pub struct IdReservation {
    kv: Arc<dyn Kv>,
}

impl IdReservation {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// How far ids of this node were reserved before; the first start says 0.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn reserved(&self, node: u8) -> Result<MessageId, StoreError> {
        let Some(value) = self.kv.get(CellKey::main(keys::id_reservation(node))).await? else {
            return Ok(MessageId(0));
        };
        let bytes: [u8; 8] = value[..]
            .try_into()
            .map_err(|_| StoreError::Damaged { what: "id reservation", detail: "its length".to_owned() })?;
        Ok(MessageId(u64::from_be_bytes(bytes)))
    }

    /// Writes down that ids of this node may be given out up to `up_to`.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn reserve(&self, node: u8, up_to: MessageId) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(Space::Main, keys::id_reservation(node), up_to.0.to_be_bytes().as_slice());
        self.kv.commit(batch).await?;
        Ok(())
    }
}
