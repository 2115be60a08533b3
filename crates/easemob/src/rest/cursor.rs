//! Cursors of user lists: opaque to clients, strict for us.
//!
//! A cursor is base64url of a kind, a version, a user's number and a checksum over the app and all of it. It is
//! no secret: whoever holds the app's token may see every user. The checksum is there so that a cursor of another
//! list, of another app, or one that was cut or typed, is refused instead of read from some place.

use app::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conditions::Condition;
use model::{AppId, Uid};
use xxhash_rust::xxh3::xxh3_64;

const KIND_USERS: u8 = b'u';
const VERSION: u8 = 1;
const BYTES: usize = 14;

/// The cursor that continues after a user.
pub(crate) fn after_user(app: AppId, uid: Uid) -> String {
    URL_SAFE_NO_PAD.encode(bytes(app, uid))
}

/// The user after whom a cursor continues.
///
/// # Errors
/// `cursor_invalid`.
pub(crate) fn parse_user(app: AppId, cursor: &str) -> Result<Uid, Error> {
    let refused = || Error::plain(Condition::CursorInvalid);
    let mut buffer = [0; BYTES + 2];
    let length = URL_SAFE_NO_PAD.decode_slice(cursor, &mut buffer).map_err(|_| refused())?;
    let uid: [u8; 8] = buffer[2..10].try_into().expect("8 bytes");
    let uid = Uid(u64::from_be_bytes(uid));
    if buffer[..length] == bytes(app, uid) { Ok(uid) } else { Err(refused()) }
}

fn bytes(app: AppId, uid: Uid) -> [u8; BYTES] {
    let mut hashed = Vec::with_capacity(BYTES);
    hashed.extend([KIND_USERS, VERSION]);
    hashed.extend(uid.0.to_be_bytes());
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
        let cursor = after_user(AppId(3), Uid(77));
        assert_eq!(parse_user(AppId(3), &cursor), Ok(Uid(77)));
        let refused = Err(Error::plain(Condition::CursorInvalid));
        assert_eq!(parse_user(AppId(4), &cursor), refused);
        for place in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(parse_user(AppId(3), str::from_utf8(&changed).unwrap()), refused, "{place}");
            assert_eq!(parse_user(AppId(3), &cursor[..place]), refused);
        }
        for text in ["77", "AAAA", "=", "cursor cursor", &"A".repeat(10_000)] {
            assert_eq!(parse_user(AppId(3), text), refused, "{text}");
        }
    }
}
