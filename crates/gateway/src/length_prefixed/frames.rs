//! The framing without I/O: a length of four bytes, the highest first, then so many bytes of a frame.

use bytes::{BufMut, Bytes, BytesMut};

const LENGTH_BYTES: usize = 4;

/// The peer claims a frame that is larger than any that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooBig;

/// Decodes the first frame and moves `bytes` behind it; `None` when it is not whole yet. A length that is not allowed is
/// refused before its frame has to be read.
pub(super) fn decode(bytes: &mut &[u8], bytes_limit: usize) -> Option<Result<Bytes, TooBig>> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > bytes_limit {
        return Some(Err(TooBig));
    }
    let (frame, rest) = rest.split_at_checked(length)?;
    let frame = Bytes::copy_from_slice(frame);
    *bytes = rest;
    Some(Ok(frame))
}

/// Appends a frame.
pub(super) fn encode(out: &mut BytesMut, frame: &[u8]) {
    let length = u32::try_from(frame.len()).expect("what a session says is far below 4 GiB");
    out.reserve(LENGTH_BYTES + frame.len());
    out.put_u32(length);
    out.put_slice(frame);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::properties::{Framing, same_wherever_it_is_cut};

    fn decode_all(limit: usize, bytes: &mut &[u8]) -> Result<Vec<Vec<u8>>, TooBig> {
        let mut frames = Vec::new();
        while let Some(frame) = decode(bytes, limit) {
            frames.push(frame?.to_vec());
        }
        Ok(frames)
    }

    #[test]
    fn a_length_of_four_bytes_stands_before_each_frame() {
        let mut out = BytesMut::new();
        encode(&mut out, b"one");
        encode(&mut out, &[7; 300]);
        assert_eq!(out[..11], *b"\0\0\0\x03one\0\0\x01\x2c");
        assert_eq!(decode_all(300, &mut &out[..]), Ok(vec![b"one".to_vec(), vec![7; 300]]));
    }

    #[test]
    fn size_is_limited_before_the_frame_is_read() {
        assert_eq!(decode(&mut &b"\0\0\x03\xe9"[..], 1_000), Some(Err(TooBig)));
        assert_eq!(decode(&mut &b"\xff\xff\xff\xff"[..], 1_000), Some(Err(TooBig)));
        assert_eq!(decode(&mut &b"\0\0\x03\xe8"[..], 1_000), None, "the largest one is waited for");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut rest = &bytes[..];
            if let Ok(frames) = decode_all(100, &mut rest) {
                let mut again = BytesMut::new();
                frames.iter().for_each(|frame| encode(&mut again, frame));
                again.extend_from_slice(rest);
                prop_assert_eq!(&again[..], &bytes[..], "nothing is lost, nothing is added");
            }
        }

        #[test]
        fn any_stream_says_the_same_wherever_it_is_cut(
            lengths in prop::collection::vec(0..120_u32, 0..6),
            filler in any::<u8>(),
            cuts in any::<[usize; 2]>(),
        ) {
            let frame = |length: &u32| [&length.to_be_bytes()[..], &vec![filler; *length as usize]].concat();
            let stream: Vec<u8> = lengths.iter().flat_map(frame).collect();
            let framing = Framing { begin: || (), next: |(): &mut (), bytes: &mut &[u8]| decode(bytes, 100) };
            same_wherever_it_is_cut(&stream, cuts, &framing);
        }

        #[test]
        fn frames_come_through_wherever_the_stream_is_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4),
            cut in 0_usize..1_200,
        ) {
            let mut stream = BytesMut::new();
            frames.iter().for_each(|frame| encode(&mut stream, frame));
            let cut = cut % stream.len();
            let mut bytes = &stream[..cut];
            let mut decoded = decode_all(300, &mut bytes).unwrap();
            let unread = [bytes, &stream[cut..]].concat();
            let mut bytes = &unread[..];
            decoded.extend(decode_all(300, &mut bytes).unwrap());
            prop_assert_eq!(decoded, frames);
            prop_assert!(bytes.is_empty());
        }
    }
}
