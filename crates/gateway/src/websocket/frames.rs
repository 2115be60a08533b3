//! The framing of RFC 6455 section 5 without I/O: bytes to messages and back, for a server.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut, Bytes, BytesMut};

/// Largest payload of a control frame (RFC 6455 5.5).
const CONTROL_BYTES_LIMIT: usize = 125;

const PROTOCOL_ERROR: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const NOT_UTF8: u16 = 1007;
const TOO_BIG: u16 = 1009;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// In which form messages go over a socket, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Bytes, or bytes as Base64 in text: the client's first message says which. Hosts of small programs (Alipay,
    /// DingTalk) hand their program's bytes over as Base64 and let them stand in text frames.
    Undecided,
    Bytes,
    Base64,
    /// Text for what it is. Whether it is UTF-8 is left to who reads it.
    Text,
}

/// What a frame came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A whole message.
    Message(Bytes),
    /// A part of a message.
    Fragment,
    Ping(Bytes),
    Pong,
    Close {
        code: Option<u16>,
    },
}

/// The peer broke a rule: the code and reason to close with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

fn violation<T>(code: u16, reason: &'static str) -> Result<T, Violation> {
    Err(Violation { code, reason })
}

/// Reads a client's frames.
#[derive(Debug)]
pub(super) struct Decoder {
    form: Form,
    bytes_limit: usize,
    fragments_limit: usize,
    /// The message that is being put together.
    parts: Option<Box<Parts>>,
}

#[derive(Debug, Default)]
struct Parts {
    bytes: Vec<u8>,
    count: usize,
}

struct Header {
    is_final: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Of the header itself.
    header_bytes: usize,
    payload_bytes: usize,
}

impl Decoder {
    pub(super) fn new(bytes_limit: usize, fragments_limit: usize) -> Self {
        Self { form: Form::Undecided, bytes_limit, fragments_limit, parts: None }
    }

    /// The same for messages of text.
    pub(super) fn of_text(self) -> Self {
        Self { form: Form::Text, ..self }
    }

    /// The form in which the client is answered.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Decodes the first frame and moves `bytes` behind it; `None` when it is not whole yet. A length
    /// that is not allowed is refused before its payload has to be read.
    pub(super) fn decode(&mut self, bytes: &mut &[u8]) -> Result<Option<Decoded>, Violation> {
        let Some(header) = self.header(bytes)? else { return Ok(None) };
        let Some(payload) = bytes.get(header.header_bytes..header.header_bytes + header.payload_bytes) else {
            return Ok(None);
        };
        *bytes = &bytes[header.header_bytes + header.payload_bytes..];
        self.frame(&header, payload).map(Some)
    }

    fn frame(&mut self, header: &Header, payload: &[u8]) -> Result<Decoded, Violation> {
        let unmasked = || {
            let mut payload = payload.to_vec();
            apply_mask(&mut payload, header.mask);
            payload
        };
        if self.form == Form::Undecided {
            match header.opcode {
                Opcode::Text => self.form = Form::Base64,
                Opcode::Binary => self.form = Form::Bytes,
                Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {}
            }
        }
        match header.opcode {
            Opcode::Ping => Ok(Decoded::Ping(unmasked().into())),
            Opcode::Pong => Ok(Decoded::Pong),
            Opcode::Close => close(&unmasked()),
            Opcode::Text | Opcode::Binary if self.parts.is_some() => {
                violation(PROTOCOL_ERROR, "a message began inside another")
            }
            Opcode::Text | Opcode::Binary if header.is_final => self.message(unmasked()),
            Opcode::Text | Opcode::Binary => {
                self.parts = Some(Box::new(Parts { bytes: unmasked(), count: 1 }));
                Ok(Decoded::Fragment)
            }
            Opcode::Continuation => {
                let Some(parts) = &mut self.parts else {
                    return violation(PROTOCOL_ERROR, "a continuation without a message");
                };
                if parts.count >= self.fragments_limit {
                    return violation(TOO_BIG, "the message has too many fragments");
                }
                parts.count += 1;
                let start = parts.bytes.len();
                parts.bytes.extend_from_slice(payload);
                apply_mask(&mut parts.bytes[start..], header.mask);
                if !header.is_final {
                    return Ok(Decoded::Fragment);
                }
                let bytes = self.parts.take().map(|parts| parts.bytes).unwrap_or_default();
                self.message(bytes)
            }
        }
    }

    /// A whole message, out of its form.
    fn message(&self, payload: Vec<u8>) -> Result<Decoded, Violation> {
        if self.form != Form::Base64 {
            return Ok(Decoded::Message(payload.into()));
        }
        match BASE64_STANDARD.decode(payload) {
            Ok(bytes) => Ok(Decoded::Message(bytes.into())),
            Err(_) => violation(NOT_UTF8, "text is understood here only as Base64 of a message"),
        }
    }

    /// How many bytes the frames of one message may carry.
    fn payload_limit(&self, opcode: Opcode) -> usize {
        match (self.form, opcode) {
            (Form::Base64, _) | (Form::Undecided, Opcode::Text) => {
                self.bytes_limit.div_ceil(3).saturating_mul(4)
            }
            _ => self.bytes_limit,
        }
    }

    fn header(&self, bytes: &[u8]) -> Result<Option<Header>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return violation(PROTOCOL_ERROR, "a reserved bit is set");
        }
        let is_final = first & 0x80 != 0;
        let opcode = match first & 0x0F {
            0x0 => Opcode::Continuation,
            0x1 if self.form == Form::Bytes => {
                return violation(UNSUPPORTED, "the first message was binary, and so must the others be");
            }
            0x1 => Opcode::Text,
            0x2 if matches!(self.form, Form::Text | Form::Base64) => {
                return violation(UNSUPPORTED, "binary is not understood here, send text messages");
            }
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return violation(PROTOCOL_ERROR, "an unknown kind of frame"),
        };
        if second & 0x80 == 0 {
            return violation(PROTOCOL_ERROR, "a client's frame must be masked");
        }
        let (length, rest) = match second & 0x7F {
            126 => match rest.split_first_chunk::<2>() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            length => (u64::from(length), rest),
        };
        if matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong)
            && (!is_final || length > CONTROL_BYTES_LIMIT as u64)
        {
            return violation(PROTOCOL_ERROR, "a control frame must be whole and short");
        }
        let waiting = self.parts.as_ref().map_or(0, |parts| parts.bytes.len());
        let room = self.payload_limit(opcode).saturating_sub(waiting).max(CONTROL_BYTES_LIMIT) as u64;
        if length > room {
            return violation(TOO_BIG, "the message is too big");
        }
        let Some((mask, payload)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        Ok(Some(Header {
            is_final,
            opcode,
            mask: *mask,
            header_bytes: bytes.len() - payload.len(),
            // Below the limit, which is a usize.
            payload_bytes: length as usize,
        }))
    }
}

fn close(payload: &[u8]) -> Result<Decoded, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(Decoded::Close { code: None }),
            _ => violation(PROTOCOL_ERROR, "half a close code"),
        };
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 7.4 and the registry that it founded; 1004-1006 and 1015 must not be sent.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return violation(PROTOCOL_ERROR, "an invalid close code");
    }
    if std::str::from_utf8(reason).is_err() {
        return violation(NOT_UTF8, "a close reason must be UTF-8");
    }
    Ok(Decoded::Close { code: Some(code) })
}

/// RFC 6455 5.3, eight bytes at a time.
fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, tail) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends a message in the form that its reader understands.
pub(super) fn encode_message(out: &mut BytesMut, form: Form, message: &[u8]) {
    match form {
        Form::Undecided | Form::Bytes => encode(out, Opcode::Binary, message),
        Form::Text => encode(out, Opcode::Text, message),
        Form::Base64 => encode(out, Opcode::Text, BASE64_STANDARD.encode(message).as_bytes()),
    }
}

/// Appends a server's frame: whole and unmasked.
pub(super) fn encode(out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
    out.reserve(10 + payload.len());
    out.put_u8(0x80 | opcode as u8);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.put_u8(length),
        (_, Ok(length)) => {
            out.put_u8(126);
            out.put_u16(length);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(payload.len() as u64);
        }
    }
    out.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::properties::{Framing, same_wherever_it_is_cut};

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = BytesMut::new();
        encode(&mut frame, Opcode::Binary, payload);
        let header = frame.len() - payload.len();
        let mut out = frame[..header].to_vec();
        out[0] = first;
        out[1] |= 0x80;
        out.extend_from_slice(&MASK);
        out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn decode_all(limit: usize, bytes: &[u8]) -> Result<Vec<Decoded>, Violation> {
        let mut decoder = Decoder::new(limit, 4);
        let mut rest = bytes;
        let mut decoded = Vec::new();
        while let Some(next) = decoder.decode(&mut rest)? {
            decoded.push(next);
        }
        Ok(decoded)
    }

    fn code(bytes: &[u8]) -> u16 {
        decode_all(1000, bytes).expect_err("the frame was accepted").code
    }

    #[test]
    fn the_example_of_the_standard_is_understood() {
        // RFC 6455 5.7, "a single-frame masked text message", as binary.
        let bytes = [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(decode_all(100, &bytes), Ok(vec![Decoded::Message(Bytes::from_static(b"Hello"))]));
    }

    #[test]
    fn fragments_become_one_message_with_control_frames_between() {
        let bytes = [
            client(0x02, b"one "),
            client(0x89, b"ping"),
            client(0x00, b"two "),
            client(0x8A, b""),
            client(0x80, b"three"),
        ]
        .concat();
        let message = Decoded::Message(Bytes::from_static(b"one two three"));
        let ping = Decoded::Ping(Bytes::from_static(b"ping"));
        assert_eq!(
            decode_all(100, &bytes),
            Ok(vec![Decoded::Fragment, ping, Decoded::Fragment, Decoded::Pong, message])
        );
    }

    #[test]
    fn broken_framing_is_a_protocol_error() {
        assert_eq!(code(&[0x82, 0x01, 0x00]), 1002, "unmasked");
        assert_eq!(code(&client(0xC2, b"")), 1002, "a reserved bit");
        assert_eq!(code(&client(0x83, b"")), 1002, "a reserved data opcode");
        assert_eq!(code(&client(0x8B, b"")), 1002, "a reserved control opcode");
        assert_eq!(code(&client(0x80, b"")), 1002, "a continuation of nothing");
        assert_eq!(code(&[client(0x02, b"a"), client(0x82, b"b")].concat()), 1002, "a message in a message");
        assert_eq!(code(&client(0x09, b"")), 1002, "a ping in parts");
        assert_eq!(code(&client(0x89, &[0; 126])), 1002, "a long ping");
        assert_eq!(code(&client(0x88, &[3])), 1002, "half a close code");
        assert_eq!(code(&client(0x88, &1005_u16.to_be_bytes())), 1002, "a code that is never sent");
        assert_eq!(code(&client(0x88, &[3, 232, 0xFF])), 1007, "a reason that is no UTF-8");
        assert_eq!(code(&client(0x81, b"no Base64!")), 1007, "text that is no Base64");
        assert_eq!(code(&[client(0x82, b"a"), client(0x81, b"YQ==")].concat()), 1003, "text after bytes");
        assert_eq!(code(&[client(0x81, b"YQ=="), client(0x82, b"a")].concat()), 1003, "bytes after text");
    }

    #[test]
    fn a_client_that_begins_in_base64_is_read_and_answered_so() {
        let mut decoder = Decoder::new(6, 4);
        let stream = [client(0x89, b""), client(0x01, b"SGV"), client(0x80, b"sbG8=")].concat();
        let mut rest = &stream[..];
        let mut decoded = Vec::new();
        while let Some(next) = decoder.decode(&mut rest).unwrap() {
            decoded.push(next);
        }
        let hello = Decoded::Message(Bytes::from_static(b"Hello"));
        assert_eq!(decoded, [Decoded::Ping(Bytes::new()), Decoded::Fragment, hello]);
        let mut out = BytesMut::new();
        encode_message(&mut out, decoder.form(), b"Hello");
        assert_eq!(&out[..], b"\x81\x08SGVsbG8=");
    }

    #[test]
    fn base64_may_be_as_long_as_its_bytes_need() {
        let text = |length: usize| BASE64_STANDARD.encode(vec![0; length]).into_bytes();
        assert!(decode_all(999, &client(0x81, &text(999))).is_ok());
        assert_eq!(code(&client(0x81, &text(1003))), 1009);
    }

    #[test]
    fn size_is_limited_before_the_payload_is_read() {
        let mut header = client(0x82, &[0; 1001]);
        header.truncate(4);
        assert_eq!(code(&header), 1009);
        assert_eq!(code(&[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), 1009);
        assert_eq!(code(&[client(0x02, &[0; 600]), client(0x80, &[0; 600])].concat()), 1009, "in parts");
        assert!(decode_all(1000, &client(0x82, &[0; 1000])).is_ok());
    }

    #[test]
    fn fragments_are_counted_even_when_empty() {
        let parts = [client(0x02, b""), client(0x00, b""), client(0x00, b""), client(0x00, b"")].concat();
        assert_eq!(decode_all(1000, &parts).map(|decoded| decoded.len()), Ok(4));
        assert_eq!(code(&[parts, client(0x00, b"")].concat()), 1009);
    }

    #[test]
    fn server_frames_use_the_shortest_length() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut out = BytesMut::new();
            encode(&mut out, Opcode::Binary, &vec![0; length]);
            assert_eq!(out.len(), header + length);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_all(100, &bytes);
        }

        #[test]
        fn any_stream_says_the_same_wherever_it_is_cut(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..140)), 0..6),
            cuts in any::<[usize; 2]>(),
        ) {
            // Mostly frames that exist: the reserved bits are seldom set.
            let first = |first: &u8| if first.is_multiple_of(8) { *first } else { first & 0x8F };
            let stream: Vec<u8> = frames.iter().flat_map(|(byte, payload)| client(first(byte), payload)).collect();
            let framing = Framing {
                begin: || Decoder::new(250, 4),
                next: |decoder: &mut Decoder, bytes: &mut &[u8]| decoder.decode(bytes).transpose(),
            };
            same_wherever_it_is_cut(&stream, cuts, &framing);
        }

        #[test]
        fn messages_come_through_wherever_the_stream_is_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4),
            cut in 0_usize..1000,
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| client(0x82, payload)).collect();
            let cut = cut % stream.len();
            let mut decoder = Decoder::new(1000, 4);
            let mut messages = Vec::new();
            let mut unread = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                unread.extend_from_slice(part);
                let mut bytes = &unread[..];
                while let Some(Decoded::Message(message)) = decoder.decode(&mut bytes).unwrap() {
                    messages.push(message.to_vec());
                }
                unread = bytes.to_vec();
            }
            prop_assert_eq!(messages, payloads);
            prop_assert!(unread.is_empty());
        }
    }
}
