//! The form of a note entry: the notes of one commit group, each behind its length.

use bytes::{Buf, Bytes};

/// One note of an entry.
pub type NoteEntry = Bytes;

/// Appends one note to an entry under construction.
pub fn encode_note(entry: &mut Vec<u8>, note: &[u8]) {
    let length = u32::try_from(note.len()).expect("a note is below VALUE_BYTES_LIMIT");
    entry.extend_from_slice(&length.to_be_bytes());
    entry.extend_from_slice(note);
}

/// The notes of one entry, in commit order. Stops at the first torn one; an engine never stores such an entry.
pub fn notes(mut entry: Bytes) -> impl Iterator<Item = NoteEntry> {
    std::iter::from_fn(move || {
        if entry.remaining() < 4 {
            return None;
        }
        let length = entry.get_u32() as usize;
        (length <= entry.remaining()).then(|| entry.split_to(length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_in_order() {
        let mut entry = Vec::new();
        encode_note(&mut entry, b"one");
        encode_note(&mut entry, b"");
        encode_note(&mut entry, b"three");
        let read: Vec<NoteEntry> = notes(entry.into()).collect();
        assert_eq!(read, [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn a_torn_entry_ends_the_list() {
        assert_eq!(notes(Bytes::from_static(b"\0\0\0\x09abc")).count(), 0);
    }
}
