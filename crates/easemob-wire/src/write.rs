//! Writes protobuf fields, and says beforehand how long they get, so that a frame is one allocation.
//!
//! `*_len` counts the tag too. Empty texts are absent fields, as the vendor's encoder has it.

use bytes::{BufMut, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::pb::m_sync::{Command, Version};

const VARINT: u32 = 0;
const DELIMITED: u32 = 2;

fn tag_len(number: u32) -> usize {
    encoded_len_varint(u64::from(number << 3))
}

pub(crate) fn varint_len(number: u32, value: u64) -> usize {
    tag_len(number) + encoded_len_varint(value)
}

pub(crate) fn put_varint(out: &mut impl BufMut, number: u32, value: u64) {
    encode_varint(u64::from(number << 3 | VARINT), out);
    encode_varint(value, out);
}

/// A field with a length: a text, bytes or a message of `length` bytes.
pub(crate) fn delimited_len(number: u32, length: usize) -> usize {
    tag_len(number) + encoded_len_varint(length as u64) + length
}

/// The tag and the length; the value is the caller's to write.
pub(crate) fn put_delimited(out: &mut impl BufMut, number: u32, length: usize) {
    encode_varint(u64::from(number << 3 | DELIMITED), out);
    encode_varint(length as u64, out);
}

pub(crate) fn text_len(number: u32, text: &str) -> usize {
    if text.is_empty() { 0 } else { delimited_len(number, text.len()) }
}

pub(crate) fn put_text(out: &mut impl BufMut, number: u32, text: &str) {
    if !text.is_empty() {
        put_delimited(out, number, text.len());
        out.put_slice(text.as_bytes());
    }
}

/// Begins a frame whose payload will have `payload_len` bytes.
pub(crate) fn frame(command: Command, payload_len: usize) -> BytesMut {
    let length = varint_len(1, 0) + varint_len(8, command as u64) + delimited_len(9, payload_len);
    let mut out = BytesMut::with_capacity(length);
    put_varint(&mut out, 1, Version::MsyncV1 as u64);
    put_varint(&mut out, 8, command as u64);
    put_delimited(&mut out, 9, payload_len);
    out
}
