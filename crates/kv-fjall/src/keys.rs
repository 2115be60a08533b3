//! How the engine names its keyspaces and encodes the keys and values that it adds to the caller's bytes.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `cells` | the cell's key | the cell's value |
//! | `period-<n>` | the cell's key | the cell's value; one keyspace a period, dropped whole |
//! | `logs` | length of the log's name (u16) ++ name ++ sequence (u64) | the entry |
//! | `heads` | the log's name | [`LogState`], only for logs that were trimmed |
//! | `meta` | [`COMMIT_KEY`] | number of the last commit group (u64), after accepted data loss ++ [`BEGINS_ANEW`] |
//! | `meta` | [`FORMAT_KEY`] | [`FORMAT_VERSION`] (u16) |
//!
//! All numbers are big-endian. The length in front of a log's name keeps one log's range free of another's.

pub(crate) const CELLS: &str = "cells";
pub(crate) const LOGS: &str = "logs";
pub(crate) const HEADS: &str = "heads";
pub(crate) const META: &str = "meta";

/// First item of every journal record, so that a journal can be checked before it is replayed.
pub(crate) const COMMIT_KEY: &[u8] = b"kith-commit";
pub(crate) const FORMAT_KEY: &[u8] = b"kith-format";
/// Version of everything in this table.
pub(crate) const FORMAT_VERSION: u16 = 1;

/// Behind a commit number that need not follow the one before it in the journal.
pub(crate) const BEGINS_ANEW: &[u8] = b"anew";

/// The number in a value of [`COMMIT_KEY`].
pub(crate) fn commit_number(value: &[u8]) -> Option<u64> {
    let (number, rest) = value.split_first_chunk()?;
    (rest.is_empty() || rest == BEGINS_ANEW).then(|| u64::from_be_bytes(*number))
}

const PERIOD_PREFIX: &str = "period-";

/// Name of the keyspace that holds a period's cells.
pub(crate) fn period_name(period: u32) -> String {
    format!("{PERIOD_PREFIX}{period}")
}

/// The period of a keyspace, `None` for the fixed ones.
pub(crate) fn period_of(keyspace_name: &str) -> Option<u32> {
    keyspace_name.strip_prefix(PERIOD_PREFIX)?.parse().ok()
}

/// Key of a log's entry.
pub(crate) fn log_key(log: &[u8], sequence: u64) -> Vec<u8> {
    let length = u16::try_from(log.len()).expect("log names are limited to 512 bytes by the contract");
    let mut key = Vec::with_capacity(2 + log.len() + 8);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(log);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// The sequence at the end of an entry's key.
pub(crate) fn sequence_of(log_key: &[u8]) -> Option<u64> {
    log_key.last_chunk().map(|sequence| u64::from_be_bytes(*sequence))
}

/// Which entries a log has: those above `trimmed`, up to and including `head`, without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogState {
    /// Last sequence given out.
    pub(crate) head: u64,
    /// Entries up to and including this one were trimmed.
    pub(crate) trimmed: u64,
}

impl LogState {
    pub(crate) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.head.to_be_bytes());
        bytes[8..].copy_from_slice(&self.trimmed.to_be_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, trimmed) = bytes.split_first_chunk::<8>()?;
        let trimmed = <[u8; 8]>::try_from(trimmed).ok()?;
        Some(Self { head: u64::from_be_bytes(*head), trimmed: u64::from_be_bytes(trimmed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_log_lie_together_and_in_order() {
        let mut keys = [log_key(b"a", 2), log_key(b"a", 300), log_key(b"aa", 1), log_key(b"b", 1)];
        let sorted = keys.clone();
        keys.reverse();
        keys.sort();
        assert_eq!(keys, [&sorted[0], &sorted[1], &sorted[3], &sorted[2]].map(Clone::clone));
        assert_eq!(sequence_of(&log_key(b"a", 300)), Some(300));
    }

    #[test]
    fn periods_are_found_by_keyspace_name() {
        assert_eq!(period_of(&period_name(20_777)), Some(20_777));
        assert_eq!(period_of(CELLS), None);
    }
}
