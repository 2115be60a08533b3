//! Cursors of lists: opaque to clients, strict for us.
//!
//! A cursor is base64url of a kind, a version, a number (a user's, a place) and a checksum over the app and all of
//! it. It is no secret: whoever is shown one may see the whole list. The checksum is there so that a cursor of another
//! list, of another app, or one that was cut or typed, is refused instead of read from some place.

use app::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conditions::Condition;
use model::AppId;
use xxhash_rust::xxh3::xxh3_64;

/// The list that a cursor is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum List {
    /// The number is a user's.
    Users = b'u',
    /// The number is a user's.
    Contacts = b'c',
    /// The number is a room's.
    Rooms = b'R',
    /// The number is a user's.
    RoomMembers = b'L',
    /// The number is how many older entries are left.
    Blocked = b'b',
    /// The number is what the last conversation is ordered by.
    Conversations = b'o',
    /// The number is how many are before it.
    Reactions = b'r',
    /// The number is how many are before it.
    Pins = b'p',
    /// The number is a thread's.
    Threads = b't',
    /// The number is a user's.
    ThreadMembers = b'T',
    /// The number is a group's.
    Groups = b'g',
    /// The number is a user's.
    Members = b'm',
    /// The number is a place in the order of receipts.
    Readers = b'k',
    /// The number is how many are before it.
    Silences = b's',
    /// The number is a place in the order in which messages were stored.
    OldHistory = b'h',
}

const VERSION: u8 = 1;
const BYTES: usize = 14;

/// The cursor that continues a list at a number.
pub(crate) fn write(list: List, app: AppId, number: u64) -> String {
    URL_SAFE_NO_PAD.encode(bytes(list, app, number))
}

/// The number at which a cursor continues its list.
///
/// # Errors
/// `cursor_invalid`.
pub(crate) fn parse(list: List, app: AppId, cursor: &str) -> Result<u64, Error> {
    let refused = || Error::plain(Condition::CursorInvalid);
    let mut buffer = [0; BYTES + 2];
    let length = URL_SAFE_NO_PAD.decode_slice(cursor, &mut buffer).map_err(|_| refused())?;
    let number = u64::from_be_bytes(buffer[2..10].try_into().expect("8 bytes"));
    if buffer[..length] == bytes(list, app, number) { Ok(number) } else { Err(refused()) }
}

fn bytes(list: List, app: AppId, number: u64) -> [u8; BYTES] {
    let mut hashed = Vec::with_capacity(BYTES);
    hashed.extend([list as u8, VERSION]);
    hashed.extend(number.to_be_bytes());
    hashed.extend(app.0.to_be_bytes());
    let checksum = xxh3_64(&hashed).to_be_bytes();
    hashed.truncate(10);
    hashed.extend(&checksum[..4]);
    hashed.try_into().expect("2 + 8 + 4 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_app_only() {
        let cursor = write(List::Users, AppId(3), 77);
        assert_eq!(parse(List::Users, AppId(3), &cursor), Ok(77));
        let refused = Err(Error::plain(Condition::CursorInvalid));
        assert_eq!(parse(List::Users, AppId(4), &cursor), refused);
        assert_eq!(parse(List::Contacts, AppId(3), &cursor), refused);
        for place in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(parse(List::Users, AppId(3), str::from_utf8(&changed).unwrap()), refused, "{place}");
            assert_eq!(parse(List::Users, AppId(3), &cursor[..place]), refused);
        }
        for text in ["77", "AAAA", "=", "cursor cursor", &"A".repeat(10_000)] {
            assert_eq!(parse(List::Users, AppId(3), text), refused, "{text}");
        }
    }
}
