//! How rows are written: a version byte, then JSON for what is read seldom, own bytes for what is hot.

use bytes::{Buf, BufMut, Bytes};
use kv::{Expect, KvError, Template, ValueHash};
use model::{DeviceNumber, Seq, Username};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;

use crate::StoreError;

const JSON_VERSION: u8 = 1;
const INBOX_VERSION: u8 = 1;
/// The same row, of a group that its member wants nothing delivered from.
const INBOX_SHIELDED_VERSION: u8 = 2;

/// A value and the version that a write on it is checked against.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    pub value: T,
    pub hash: ValueHash,
}

pub(crate) fn to_json<T: Serialize>(row: &T) -> Vec<u8> {
    let mut bytes = vec![JSON_VERSION];
    serde_json::to_writer(&mut bytes, row).expect("rows have string keys only");
    bytes
}

pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&JSON_VERSION, json)) => serde_json::from_slice(json)
            .map_err(|error| StoreError::Damaged { what, detail: error.to_string() }),
        Some((version, _)) => Err(StoreError::Damaged { what, detail: format!("version {version}") }),
        None => Err(StoreError::Damaged { what, detail: "it is empty".to_owned() }),
    }
}

/// That a cell is as it was read.
pub(crate) fn expect(version: Option<ValueHash>) -> Expect {
    version.map_or(Expect::Absent, Expect::Hash)
}

/// What was written; `None` when a check of the batch did not hold any more.
pub(crate) fn written_unless_moved<T>(outcome: Result<T, KvError>) -> Result<Option<T>, StoreError> {
    match outcome {
        Ok(written) => Ok(Some(written)),
        Err(KvError::CheckFailed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How far a user and his devices are in one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InboxRow {
    /// The furthest position that any device has acknowledged. Where a device without a position of its
    /// own begins: the rows of the others only move together with it (see [`crate::Inboxes`]).
    pub(crate) delivered: Seq,
    /// Read up to here.
    pub(crate) read: Seq,
    pub(crate) positions: SmallVec<[(DeviceNumber, Seq); 2]>,
    /// The peer of a one-to-one conversation; the public id of a group.
    pub(crate) peer: Option<Username>,
    /// Nothing of it is delivered.
    pub(crate) is_shielded: bool,
}

impl InboxRow {
    pub(crate) fn position(&self, device: DeviceNumber) -> Seq {
        self.positions.iter().find(|(number, _)| *number == device).map_or(self.delivered, |(_, seq)| *seq)
    }

    /// The row of a user who follows a group from `position` (8 bytes) on: nothing before it is delivered or unread.
    pub(crate) fn followed(position: Template, group: &Username) -> Template {
        let name = group.as_str().as_bytes();
        let length = u8::try_from(name.len()).expect("names are at most 128 bytes");
        Template::new()
            .bytes(&[INBOX_VERSION])
            .then(position.clone())
            .then(position)
            .bytes(&[0, length])
            .bytes(name)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let peer = self.peer.as_ref().map_or("", Username::as_str);
        let mut out = Vec::with_capacity(19 + self.positions.len() * 12 + peer.len());
        out.put_u8(if self.is_shielded { INBOX_SHIELDED_VERSION } else { INBOX_VERSION });
        out.put_u64(self.delivered.0);
        out.put_u64(self.read.0);
        out.put_u8(u8::try_from(self.positions.len()).expect("a user has at most 32 devices"));
        for (device, seq) in &self.positions {
            out.put_u32(device.0);
            out.put_u64(seq.0);
        }
        out.put_u8(u8::try_from(peer.len()).expect("names are at most 128 bytes"));
        out.put_slice(peer.as_bytes());
        out
    }

    pub(crate) fn decode(mut bytes: Bytes) -> Result<Self, StoreError> {
        let damaged = |detail: &str| StoreError::Damaged { what: "inbox row", detail: detail.to_owned() };
        if bytes.remaining() < 18 {
            return Err(damaged("its length"));
        }
        let is_shielded = match bytes.get_u8() {
            INBOX_VERSION => false,
            INBOX_SHIELDED_VERSION => true,
            _ => return Err(damaged("its version")),
        };
        let delivered = Seq(bytes.get_u64());
        let read = Seq(bytes.get_u64());
        let count = usize::from(bytes.get_u8());
        if bytes.remaining() < count * 12 + 1 {
            return Err(damaged("it ends inside the positions"));
        }
        let positions = (0..count).map(|_| (DeviceNumber(bytes.get_u32()), Seq(bytes.get_u64()))).collect();
        let length = usize::from(bytes.get_u8());
        let peer = match (length, bytes.remaining() == length) {
            (_, false) => return Err(damaged("it ends inside the peer's name")),
            (0, true) => None,
            (_, true) => {
                let text = std::str::from_utf8(&bytes).map_err(|_| damaged("the peer's name"))?;
                Some(Username::parse(text).map_err(|_| damaged("the peer's name"))?)
            }
        };
        Ok(Self { delivered, read, positions, peer, is_shielded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_row_comes_back() {
        let row = InboxRow {
            delivered: Seq(9),
            read: Seq(4),
            positions: [(DeviceNumber(1), Seq(9)), (DeviceNumber(2), Seq(3))].into_iter().collect(),
            peer: Some(Username::parse("bob").unwrap()),
            is_shielded: true,
        };
        assert_eq!(InboxRow::decode(row.encode().into()), Ok(row.clone()));
        assert_eq!(InboxRow::decode(InboxRow::default().encode().into()), Ok(InboxRow::default()));
        assert_eq!((row.position(DeviceNumber(2)), row.position(DeviceNumber(3))), (Seq(3), Seq(9)));
        let group = Username::parse("114000000000000").unwrap();
        let followed = InboxRow::followed(Template::new().slot(kv::Slot(0)), &group).fill(&[7]);
        let expected = InboxRow { delivered: Seq(7), read: Seq(7), peer: Some(group), ..InboxRow::default() };
        assert_eq!(InboxRow::decode(followed), Ok(expected));
        let bytes = Bytes::from(row.encode());
        for length in 0..bytes.len() {
            assert!(InboxRow::decode(bytes.slice(..length)).is_err());
        }
    }
}
