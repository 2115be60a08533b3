//! Whether what arrives is what was sent.
//!
//! JMessage's messages carry a CRC-32 (jmessage.md 3.2), this SDK's a SHA-256 under [`DIGEST_KEY`]; of others the length
//! has to do. What is longer than it should be is refused before it fills the device.

use conditions::{Condition, Operation};
use model::content::Attached;
use serde_json::{Map, Value};

use super::LocalFile;
use super::local::Digests;
use crate::{Error, Result};

/// The key of a message under which this SDK writes the SHA-256 of its file, as hexadecimal digits.
pub const DIGEST_KEY: &str = "kith_sha256";

/// What a message says about its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Of its bytes; `None`: unknown.
    pub bytes: Option<u64>,
    pub crc32: Option<u32>,
    /// The message is of a kind that has to carry a CRC-32.
    pub needs_crc32: bool,
    pub sha256: Option<[u8; 32]>,
    /// Bytes that are taken at most where the length is unknown.
    pub bytes_limit: u64,
}

impl Expected {
    /// What a message says: its file, and its keys.
    pub fn of(file: &Attached, ext: &Map<String, Value>, bytes_limit: u64) -> Self {
        Self {
            bytes: (file.bytes > 0).then_some(file.bytes),
            crc32: file.crc32,
            needs_crc32: false,
            sha256: ext.get(DIGEST_KEY).and_then(Value::as_str).and_then(digest),
            bytes_limit,
        }
    }

    /// The key and value that tell the receiver of a file what it is.
    pub fn key_of(file: &LocalFile) -> (&'static str, String) {
        (DIGEST_KEY, file.sha256.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// A download whose bytes pass through.
#[derive(Debug)]
pub struct Download {
    expected: Expected,
    digests: Digests,
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    pub bytes: u64,
    pub sha256: [u8; 32],
}

impl Download {
    /// # Errors
    /// [`Condition::MediaCrcInvalid`] for a message that has to carry a checksum and has none, or 0.
    pub fn new(expected: Expected) -> Result<Self> {
        if expected.needs_crc32 && expected.crc32.unwrap_or(0) == 0 {
            return Err(error(Condition::MediaCrcInvalid));
        }
        Ok(Self { expected, digests: Digests::default() })
    }

    /// The next bytes. Whoever gets an error asks for no more of them.
    ///
    /// # Errors
    /// [`Condition::AttachmentCorrupted`] for more bytes than the file has.
    pub fn add(&mut self, piece: &[u8]) -> Result<()> {
        self.digests.add(piece);
        let limit = self.expected.bytes.unwrap_or(self.expected.bytes_limit);
        if self.digests.bytes > limit { Err(error(Condition::AttachmentCorrupted)) } else { Ok(()) }
    }

    /// All bytes are here. The checksum counts where there is one, else the hash, else the length.
    ///
    /// # Errors
    /// [`Condition::MediaCrcMismatch`], [`Condition::MediaHashMismatch`], [`Condition::AttachmentCorrupted`].
    pub fn finish(self) -> Result<Verified> {
        let (bytes, crc32, sha256) = self.digests.finish();
        let Expected { bytes: length, crc32: checksum, sha256: hash, .. } = self.expected;
        if checksum.is_some_and(|checksum| checksum != 0 && checksum != crc32) {
            return Err(error(Condition::MediaCrcMismatch));
        }
        if hash.is_some_and(|hash| hash != sha256) {
            return Err(error(Condition::MediaHashMismatch));
        }
        if length.is_some_and(|length| length != bytes) {
            return Err(error(Condition::AttachmentCorrupted));
        }
        Ok(Verified { bytes, sha256 })
    }
}

fn error(condition: Condition) -> Error {
    Error::new(condition).with_operation(Operation::FileDownload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorTable;
    use sha2::{Digest as _, Sha256};

    fn download(expected: Expected, bytes: &[u8]) -> Result<Verified> {
        let mut download = Download::new(expected)?;
        for piece in bytes.chunks(3) {
            download.add(piece)?;
        }
        download.finish()
    }

    #[test]
    fn what_arrives_is_compared_with_what_was_sent() {
        let bytes = b"a picture of a cat";
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let plain = Expected { bytes_limit: 1_000, ..Expected::default() };
        let length = Expected { bytes: Some(18), ..plain };
        let crc = Expected { crc32: Some(crc32fast::hash(bytes)), needs_crc32: true, ..length };
        let hash = Expected { sha256: Some(sha256), ..length };
        for expected in [plain, length, crc, hash] {
            assert_eq!(download(expected, bytes).unwrap(), Verified { bytes: 18, sha256 });
        }
        use ErrorTable::{EasemobLegacyIos, JMessageIos};
        let other = b"a picture of a dog";
        for (expected, bytes, table, code) in [
            (Expected { crc32: None, ..crc }, &bytes[..], JMessageIos, 864_003),
            (Expected { crc32: Some(0), ..crc }, bytes, JMessageIos, 864_003),
            (crc, other, JMessageIos, 864_004),
            (crc, other, EasemobLegacyIos, 1013),
            (hash, other, JMessageIos, 864_007),
            (hash, other, EasemobLegacyIos, 1013),
            (length, &other[1..], EasemobLegacyIos, 1013),
            (length, b"much more than the message said", EasemobLegacyIos, 1013),
        ] {
            let error = download(expected, bytes).unwrap_err().in_table(table);
            assert_eq!(error.code(), Some(code), "{error}");
        }
    }

    #[test]
    fn a_file_without_end_is_stopped() {
        let expected = Expected { bytes_limit: 10, ..Expected::default() };
        let error = download(expected, &[0; 100]).unwrap_err();
        assert_eq!(error.condition(), Condition::AttachmentCorrupted);
    }

    #[test]
    fn the_digest_of_a_message_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"bytes").unwrap();
        let file = LocalFile::open(&path, crate::media::MediaKind::File, &crate::media::FileRules::default())
            .unwrap();
        let (key, value) = Expected::key_of(&file);
        let ext: Map<String, Value> = [(key.to_owned(), Value::from(value))].into_iter().collect();
        let attached = Attached {
            at: model::content::Place::Url("https://x/y".to_owned()),
            name: String::new(),
            bytes: 5,
            crc32: None,
            format: String::new(),
        };
        assert_eq!(Expected::of(&attached, &ext, 100).sha256, Some(file.sha256));
        for hostile in ["", "zz", &"é".repeat(32), &"+f".repeat(32)] {
            let ext = [(key.to_owned(), Value::from(hostile))].into_iter().collect();
            assert_eq!(Expected::of(&attached, &ext, 100).sha256, None, "{hostile}");
        }
    }
}
