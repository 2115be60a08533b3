//! The id of an uploaded file.

use std::fmt;
use std::str::FromStr;

/// The id of an attachment: 128 random bits, written as a UUID. Nobody can guess one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u128);

/// A text that is no file id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFileId;

impl fmt::Display for NoFileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no UUID")
    }
}

impl std::error::Error for NoFileId {}

impl FromStr for FileId {
    type Err = NoFileId;

    /// Takes a UUID with its dashes, in any case.
    fn from_str(text: &str) -> Result<Self, NoFileId> {
        let bytes = text.as_bytes();
        let mut number = 0_u128;
        if bytes.len() != 36 {
            return Err(NoFileId);
        }
        for (place, byte) in bytes.iter().enumerate() {
            let digit = match (place, byte) {
                (8 | 13 | 18 | 23, b'-') => continue,
                (8 | 13 | 18 | 23, _) => return Err(NoFileId),
                _ => char::from(*byte).to_digit(16).ok_or(NoFileId)?,
            };
            number = number << 4 | u128::from(digit);
        }
        Ok(Self(number))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
        write!(f, "{a}-{b}-{c}-{}-{}", &digits[16..20], &digits[20..])
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_a_uuid_and_read_back() {
        let id = FileId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.to_string(), "01234567-89ab-cdef-0011-223344556677");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
    }

    #[test]
    fn what_is_no_uuid_is_no_id() {
        for text in [
            "",
            "..",
            "../../../../../../../../../../etc/pw",
            "0123456789abcdef0011223344556677",
            "01234567-89ab-cdef-0011-22334455667",
            "01234567-89ab-cdef-0011-2233445566778",
            "01234567-89ab-cdef-0011-22334455667g",
            "01234567-89ab-cdef-0011+223344556677",
            "+1234567-89ab-cdef-0011-223344556677",
            "０1234567-89ab-cdef-0011-2233445566",
        ] {
            assert!(text.parse::<FileId>().is_err(), "{text:?}");
        }
    }
}
