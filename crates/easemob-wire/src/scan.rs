//! Walks over protobuf bytes field by field, without decoding them and without allocating.
//!
//! What one client sends is passed on to others as it came. So the walk must see exactly the fields that *their*
//! decoder will see, and the vendor's (protobuf.js) trusts its input more than the format does:
//! - it reads a known field by its declared type, whatever the wire type says;
//! - it lets a field inside a nested message run past that message's end;
//! - it takes a 32-bit number of six to nine bytes for one of ten.
//!
//! Each of these would let a sender hide a field from us and show it to the receiver. Hence the walk is stricter than
//! the format: known fields have their own wire type, nested messages end where they say, 32-bit numbers have at most
//! five bytes or exactly ten (negative). Groups, which MSYNC does not use, are refused. Knows no field by name: see
//! `shapes` (generated) for what each holds and `uplink` for what they mean.

use std::ops::Range;

use crate::WireError;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Not in our description: a newer SDK's. Its bytes are passed on and never looked into.
    Unknown,
    /// An int32, uint32, bool or enum.
    Varint32,
    /// The same, repeated: packed or not.
    Varint32List,
    Varint64,
    Fixed32,
    Fixed64,
    Text,
    Blob,
    Message(&'static Shape),
}

/// What the fields of a message hold, indexed by field number.
#[derive(Debug)]
pub(crate) struct Shape(pub(crate) &'static [Kind]);

impl Shape {
    fn kind(&self, number: u32) -> Kind {
        self.0.get(number as usize).copied().unwrap_or(Kind::Unknown)
    }
}

/// How many more fields may be read: the bound on what decoding can allocate. Elements of packed lists count.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u32,
    used: u32,
}

impl Budget {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, used: 0 }
    }

    fn spend(&mut self) -> Result<(), WireError> {
        if self.used == self.limit {
            return Err(WireError::TooManyFields { limit: self.limit });
        }
        self.used += 1;
        Ok(())
    }
}

/// One field, as positions in the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    /// The value of a number; 0 for other kinds.
    pub(crate) varint: u64,
    is_delimited: bool,
    start: usize,
    body: usize,
    end: usize,
}

impl Field {
    /// The field with its tag.
    pub(crate) fn whole(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The value: without tag and length.
    pub(crate) fn body(&self) -> Range<usize> {
        self.body..self.end
    }

    /// The value as the int32 or enum that it is.
    pub(crate) fn int32(&self) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "what protobuf says of 32-bit types")]
        {
            self.varint as i32
        }
    }
}

/// The top-level fields of a message.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    shape: &'static Shape,
    budget: Budget,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8], shape: &'static Shape, fields_limit: u32) -> Self {
        Self { bytes, at: 0, shape, budget: Budget::new(fields_limit) }
    }

    /// The next field, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Field>, WireError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        self.budget.spend()?;
        let field = read_field(self.bytes, self.at, self.shape)?;
        self.at = field.end;
        Ok(Some(field))
    }
}

/// Checks a message with everything in it that we know. Ranges of texts that are not UTF-8 are added to `damaged`:
/// a JavaScript client that cuts an emoji in half sends one, and means no harm.
pub(crate) fn check(
    bytes: &[u8],
    shape: &'static Shape,
    budget: &mut Budget,
    damaged: &mut Vec<Range<usize>>,
) -> Result<(), WireError> {
    check_part(bytes, 0..bytes.len(), shape, budget, damaged)
}

// The recursion is as deep as the description is, which does not refer to itself: unknown fields are not entered.
fn check_part(
    bytes: &[u8],
    part: Range<usize>,
    shape: &'static Shape,
    budget: &mut Budget,
    damaged: &mut Vec<Range<usize>>,
) -> Result<(), WireError> {
    let mut at = part.start;
    while at < part.end {
        budget.spend()?;
        let field = read_field(&bytes[..part.end], at, shape)?;
        at = field.end;
        match field.kind {
            Kind::Message(inner) => check_part(bytes, field.body(), inner, budget, damaged)?,
            Kind::Text if std::str::from_utf8(&bytes[field.body()]).is_err() => damaged.push(field.body()),
            Kind::Varint32List if field.is_delimited => check_packed(&bytes[field.body()], budget)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_packed(bytes: &[u8], budget: &mut Budget) -> Result<(), WireError> {
    let mut at = 0;
    while at < bytes.len() {
        budget.spend()?;
        let (value, length) = read_varint(bytes, at)?;
        check_varint32(value, length)?;
        at += length;
    }
    Ok(())
}

/// Makes a text UTF-8 without changing its length: U+FFFD for each three bytes that are none, `?` for what remains.
pub(crate) fn repair(text: &mut [u8]) {
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&text[at..]) {
        let start = at + error.valid_up_to();
        let mut end = start;
        // Runs are taken together: the three bytes of a lone surrogate are three errors.
        while let Err(error) = std::str::from_utf8(&text[end..]) {
            if error.valid_up_to() > 0 {
                break;
            }
            end += error.error_len().unwrap_or(text.len() - end);
        }
        let mut chunks = text[start..end].chunks_exact_mut(3);
        chunks.by_ref().for_each(|chunk| chunk.copy_from_slice("\u{fffd}".as_bytes()));
        chunks.into_remainder().fill(b'?');
        at = end;
    }
}

fn read_field(bytes: &[u8], start: usize, shape: &Shape) -> Result<Field, WireError> {
    let (tag, tag_length) = read_varint(bytes, start)?;
    if tag_length > 5 || tag > u64::from(u32::MAX) || tag < 8 {
        return Err(WireError::FieldNumber);
    }
    let number = u32::try_from(tag >> 3).expect("the tag was compared with u32::MAX");
    let wire_type = (tag & 7) as u8;
    let kind = shape.kind(number);
    let body = start + tag_length;
    let remaining = bytes.len() - body;
    let mut field = Field { number, kind, varint: 0, is_delimited: false, start, body, end: body };
    let length = match (wire_type, kind) {
        (0, Kind::Unknown | Kind::Varint64 | Kind::Varint32 | Kind::Varint32List) => {
            let (value, length) = read_varint(bytes, body)?;
            if matches!(kind, Kind::Varint32 | Kind::Varint32List) {
                check_varint32(value, length)?;
            }
            field.varint = value;
            length
        }
        (1, Kind::Unknown | Kind::Fixed64) => 8,
        (5, Kind::Unknown | Kind::Fixed32) => 4,
        (2, Kind::Unknown | Kind::Text | Kind::Blob | Kind::Message(_) | Kind::Varint32List) => {
            let (length, length_length) = read_varint(bytes, body)?;
            if length_length > 5 {
                return Err(WireError::Varint);
            }
            field.is_delimited = true;
            field.body += length_length;
            field.end = field.body;
            usize::try_from(length).map_err(|_| WireError::Truncated)?
        }
        _ => return Err(WireError::WireType { number, wire_type }),
    };
    if length > remaining - (field.body - body) {
        return Err(WireError::Truncated);
    }
    field.end += length;
    Ok(field)
}

fn check_varint32(value: u64, length: usize) -> Result<(), WireError> {
    let fits = length <= 5 && value <= u64::from(u32::MAX);
    let is_negative = length == 10 && value >= u64::MAX - u64::from(u32::MAX >> 1);
    if fits || is_negative { Ok(()) } else { Err(WireError::Varint) }
}

fn read_varint(bytes: &[u8], at: usize) -> Result<(u64, usize), WireError> {
    let mut value = 0;
    for (index, byte) in bytes[at..].iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return Err(WireError::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(WireError::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: Shape = Shape(&[Kind::Unknown, Kind::Text]);
    static OUTER: Shape = Shape(&[
        Kind::Unknown,
        Kind::Varint32,
        Kind::Message(&INNER),
        Kind::Varint32List,
        Kind::Varint64,
        Kind::Fixed32,
        Kind::Fixed64,
    ]);

    fn checked(bytes: &[u8]) -> Result<usize, WireError> {
        let mut damaged = Vec::new();
        check(bytes, &OUTER, &mut Budget::new(16), &mut damaged).map(|()| damaged.len())
    }

    #[test]
    fn well_formed_fields_are_accepted() {
        for bytes in [
            &[][..],
            &[0x08, 0x01],
            &[0x88, 0x80, 0x00, 0x01],             // a padded tag
            &[0x08, 0x81, 0x80, 0x80, 0x80, 0x00], // a padded number
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], // -1
            &[0x12, 0x03, 0x0a, 0x01, b'a'],
            &[0x18, 0x02],
            &[0x1a, 0x02, 0x02, 0x03],
            &[0x2d, 1, 2, 3, 4],
            &[0x31, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xa2, 0x06, 0x02, 0xff, 0xff], // unknown field 100
        ] {
            assert_eq!(checked(bytes), Ok(0), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_the_vendors_decoder_would_read_otherwise_is_refused() {
        // A known number announced as eight raw bytes: the vendor reads one byte and takes the rest for fields.
        assert_eq!(
            checked(&[0x21, 0, 0x12, 0x03, 0x0a, 0x01, b'a', 0, 0]),
            Err(WireError::WireType { number: 4, wire_type: 1 })
        );
        // A text that runs out of its message.
        assert_eq!(checked(&[0x12, 0x02, 0x0a, 0x02, 0x08, 0x01]), Err(WireError::Truncated));
        // A 32-bit number of six bytes, taken for one of ten.
        assert_eq!(
            checked(&[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x08, 1, 0x08, 1]),
            Err(WireError::Varint)
        );
        // The same as a tag, as a length, and inside a packed list.
        assert_eq!(checked(&[0x88, 0x80, 0x80, 0x80, 0x80, 0, 1]), Err(WireError::FieldNumber));
        assert_eq!(checked(&[0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), Err(WireError::Varint));
        assert_eq!(checked(&[0x1a, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), Err(WireError::Varint));
    }

    #[test]
    fn malformed_fields_are_refused() {
        assert_eq!(checked(&[0x0b, 0x0c]), Err(WireError::WireType { number: 1, wire_type: 3 }));
        assert_eq!(checked(&[0x0f]), Err(WireError::WireType { number: 1, wire_type: 7 }));
        assert_eq!(checked(&[0x00, 0x00]), Err(WireError::FieldNumber));
        assert_eq!(checked(&[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(WireError::Truncated));
        assert_eq!(
            checked(&[0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
            Err(WireError::Varint)
        );
        assert_eq!(checked(&[0x08; 1]), Err(WireError::Truncated));
        assert_eq!(checked(&[0x08, 1].repeat(17)), Err(WireError::TooManyFields { limit: 16 }));
        assert_eq!(
            checked(&[&[0x1a, 20][..], &[1; 20]].concat()),
            Err(WireError::TooManyFields { limit: 16 })
        );
    }

    #[test]
    fn half_an_emoji_becomes_a_replacement_character_of_the_same_length() {
        let mut text = [b"a", &[0xed, 0xa0, 0xbd][..], b"b", &[0xff], "字".as_bytes(), &[0xe5]].concat();
        assert_eq!(checked(&[&[0x12, 12, 0x0a, 10][..], &text].concat()), Ok(1));
        repair(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "a\u{fffd}b?字?");
    }
}
