//! Reads a message body as the vendor's web SDK does (protobuf.js), trust and all: a known field by its declared type
//! whatever the wire type says, nested messages that may run over their end, 32-bit numbers of five bytes or ten.
//!
//! Written apart from the crate's scanner, so that the two can be compared: what we accept must look the same here.

/// What the receiver's application would be shown.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) body_type: Option<u32>,
    pub(crate) from: Option<Vec<u8>>,
    pub(crate) to: Option<Vec<u8>>,
    pub(crate) contents: usize,
    pub(crate) has_stream_chunk: bool,
    pub(crate) ext: usize,
    pub(crate) ack_message_id: Option<u64>,
    pub(crate) edit_message_id: Option<u64>,
    pub(crate) meta: Option<Vec<u8>>,
    pub(crate) has_stream: bool,
}

/// `Err`: the vendor's decoder throws.
pub(crate) fn decode(body: &[u8]) -> Result<Seen, &'static str> {
    let mut reader = Reader { bytes: body, at: 0 };
    let mut seen = Seen::default();
    while reader.at < body.len() {
        let tag = reader.uint32()?;
        match tag >> 3 {
            1 => seen.body_type = Some(reader.uint32()?),
            2 => seen.from = Some(reader.jid()?),
            3 => seen.to = Some(reader.jid()?),
            4 => {
                seen.contents += 1;
                seen.has_stream_chunk |= reader.content()?;
            }
            5 => {
                seen.ext += 1;
                reader.key_value()?;
            }
            6 => seen.ack_message_id = Some(reader.uint64()?),
            7 => reader.message(|reader, number, wire_type| match number {
                1 => reader.uint32().map(drop),
                _ => reader.skip_type(wire_type),
            })?,
            8 => reader.bytes().map(drop)?,
            9 => seen.meta = Some(reader.bytes()?),
            11 => seen.edit_message_id = Some(reader.uint64()?),
            12 => reader.uint32().map(drop)?,
            13 => {
                seen.has_stream = true;
                reader.message(|reader, number, wire_type| match number {
                    1 => reader.bytes().map(drop),
                    2 => reader.uint64().map(drop),
                    3..=5 => reader.uint32().map(drop),
                    _ => reader.skip_type(wire_type),
                })?;
            }
            _ => reader.skip_type(tag & 7)?,
        }
    }
    Ok(seen)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// Reads past the message's end when its last field does.
    fn message(
        &mut self,
        mut field: impl FnMut(&mut Self, u32, u32) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let end = self.uint32()? as usize + self.at;
        while self.at < end {
            let tag = self.uint32()?;
            field(self, tag >> 3, tag & 7)?;
        }
        Ok(())
    }

    fn jid(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut name = Vec::new();
        self.message(|reader, number, wire_type| match number {
            2 => reader.bytes().map(|bytes| name = bytes),
            1 | 3 | 4 => reader.bytes().map(drop),
            _ => reader.skip_type(wire_type),
        })?;
        Ok(name)
    }

    fn key_value(&mut self) -> Result<(), &'static str> {
        self.message(|reader, number, wire_type| match number {
            1 | 6 => reader.bytes().map(drop),
            2 => reader.uint32().map(drop),
            3 => reader.uint64().map(drop),
            4 => reader.skip(4),
            5 => reader.skip(8),
            _ => reader.skip_type(wire_type),
        })
    }

    /// Whether it says that it is a chunk of a stream.
    fn content(&mut self) -> Result<bool, &'static str> {
        let mut sub_type = 0;
        self.message(|reader, number, wire_type| match number {
            2 | 5..=8 | 10 | 14..=16 | 19 | 21 | 23 | 24 => reader.bytes().map(drop),
            1 | 9 | 12 | 17 | 25 => reader.uint32().map(drop),
            22 => reader.uint32().map(|value| sub_type = value),
            3 | 4 => reader.skip(8),
            11 | 20 => reader.key_value(),
            13 | 18 => reader.message(|reader, number, wire_type| match number {
                1 | 2 => reader.skip(8),
                _ => reader.skip_type(wire_type),
            }),
            _ => reader.skip_type(wire_type),
        })?;
        Ok(sub_type == 10)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, &'static str> {
        let length = self.uint32()? as usize;
        let start = self.at;
        self.skip(length)?;
        Ok(self.bytes[start..self.at].to_vec())
    }

    fn skip(&mut self, length: usize) -> Result<(), &'static str> {
        if self.at + length > self.bytes.len() {
            return Err("index out of range");
        }
        self.at += length;
        Ok(())
    }

    fn skip_type(&mut self, wire_type: u32) -> Result<(), &'static str> {
        match wire_type {
            0 => loop {
                let byte = *self.bytes.get(self.at).ok_or("index out of range")?;
                self.at += 1;
                if byte < 128 {
                    return Ok(());
                }
            },
            1 => self.skip(8),
            2 => {
                let length = self.uint32()? as usize;
                self.skip(length)
            }
            3 => loop {
                let inner = self.uint32()? & 7;
                if inner == 4 {
                    return Ok(());
                }
                self.skip_type(inner)?;
            },
            5 => self.skip(4),
            _ => Err("invalid wire type"),
        }
    }

    fn uint32(&mut self) -> Result<u32, &'static str> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            // Behind the end JavaScript reads `undefined`, which is 0 as a number and not below 128.
            let byte = self.bytes.get(self.at).copied();
            self.at += 1;
            value |= u32::from(byte.unwrap_or(0) & if shift == 28 { 15 } else { 127 }) << shift;
            if byte.is_some_and(|byte| byte < 128) {
                return Ok(value);
            }
        }
        self.at += 5;
        if self.at > self.bytes.len() { Err("index out of range") } else { Ok(value) }
    }

    fn uint64(&mut self) -> Result<u64, &'static str> {
        let mut value = 0_u64;
        for index in 0..10 {
            let byte = *self.bytes.get(self.at).ok_or("index out of range")?;
            self.at += 1;
            value |= u64::from(byte & 127).checked_shl(7 * index).unwrap_or(0);
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("invalid varint encoding")
    }
}
