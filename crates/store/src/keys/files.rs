//! Keys of files. They share the tag `f`; a second letter tells them apart.

use bytes::Bytes;
use model::{AppId, FileId, GroupId, Timestamp, Uid};

use super::key;

pub fn file(app: AppId, file: FileId) -> Bytes {
    of_files(app, b'f', &[&file.0.to_be_bytes()])
}

/// Prefix of all deadlines.
pub fn deadlines(app: AppId) -> Bytes {
    of_files(app, b'k', &[])
}

/// Something that goes at a point in time. `kind` tells ids of files and blobs apart.
pub fn deadline(app: AppId, due: Timestamp, kind: u8, id: u128) -> Bytes {
    of_files(app, b'k', &[&due.0.to_be_bytes(), &[kind], &id.to_be_bytes()])
}

/// When, what kind and which id of a deadline's key.
pub fn deadline_parts(key: &[u8]) -> Option<(Timestamp, u8, u128)> {
    let due = u64::from_be_bytes(key.get(6..14)?.try_into().ok()?);
    let id = u128::from_be_bytes(key.get(15..31)?.try_into().ok()?);
    (key.len() == 31).then_some((Timestamp(due), key[14], id))
}

/// What a user's files take; without one the app's.
pub fn file_usage(app: AppId, user: Option<Uid>) -> Bytes {
    of_files(app, b'b', &[&number_or_zero(user)])
}

/// Prefix of the files that a user uploaded.
pub fn own_files(app: AppId, user: Uid) -> Bytes {
    of_files(app, b'u', &[&user.0.to_be_bytes()])
}

pub fn own_file(app: AppId, user: Uid, file: FileId) -> Bytes {
    of_files(app, b'u', &[&user.0.to_be_bytes(), &file.0.to_be_bytes()])
}

/// The file of such a key.
pub fn own_file_id(key: &[u8]) -> Option<FileId> {
    let (_, file) = key.split_last_chunk()?;
    Some(FileId(u128::from_be_bytes(*file)))
}

/// Prefix of a user's uploads in parts.
pub fn part_uploads(app: AppId, user: Option<Uid>) -> Bytes {
    of_files(app, b'p', &[&number_or_zero(user)])
}

pub fn part_upload(app: AppId, user: Option<Uid>, file: FileId) -> Bytes {
    of_files(app, b'p', &[&number_or_zero(user), &file.0.to_be_bytes()])
}

/// Prefix of an upload's parts.
pub fn parts(app: AppId, file: FileId) -> Bytes {
    of_files(app, b'q', &[&file.0.to_be_bytes()])
}

pub fn part(app: AppId, file: FileId, number: u32) -> Bytes {
    of_files(app, b'q', &[&file.0.to_be_bytes(), &number.to_be_bytes()])
}

/// Prefix of the files shared in a group.
pub fn shared_files(app: AppId, group: GroupId) -> Bytes {
    of_files(app, b's', &[&group.0.to_be_bytes()])
}

pub fn shared_file(app: AppId, group: GroupId, created: Timestamp, file: FileId) -> Bytes {
    of_files(app, b's', &[&group.0.to_be_bytes(), &created.0.to_be_bytes(), &file.0.to_be_bytes()])
}

/// When a shared file came, and its id, of its key.
pub fn shared_file_parts(key: &[u8]) -> Option<(Timestamp, FileId)> {
    let created = u64::from_be_bytes(key.get(14..22)?.try_into().ok()?);
    let file = u128::from_be_bytes(key.get(22..)?.try_into().ok()?);
    Some((Timestamp(created), FileId(file)))
}

/// The number of a part's key.
pub fn part_number(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(22..26)?.try_into().ok()?))
}

/// Uids begin at 1.
fn number_or_zero(user: Option<Uid>) -> [u8; 8] {
    user.map_or(0, |uid| uid.0).to_be_bytes()
}

fn of_files(app: AppId, kind: u8, rest: &[&[u8]]) -> Bytes {
    let mut key = key(app, b'f', 33);
    key.push(kind);
    rest.iter().for_each(|part| key.extend_from_slice(part));
    key.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_files_begins_with_its_app() {
        let (app, id) = (AppId(0x0102_0304), FileId(1));
        for key in [
            file(app, id),
            deadlines(app),
            deadline(app, Timestamp(1), b'f', 1),
            file_usage(app, None),
            part_uploads(app, Some(Uid(1))),
            part_upload(app, None, id),
            parts(app, id),
            part(app, id, 1),
            shared_files(app, GroupId(1)),
            shared_file(app, GroupId(1), Timestamp(1), id),
        ] {
            assert_eq!(key[..5], [1, 2, 3, 4, b'f']);
        }
    }

    #[test]
    fn deadlines_sort_by_time_and_say_what_goes() {
        let key = deadline(AppId(1), Timestamp(7), b'f', 9);
        assert!(key < deadline(AppId(1), Timestamp(8), b'b', 0));
        assert_eq!(deadline_parts(&key), Some((Timestamp(7), b'f', 9)));
        assert_eq!(deadline_parts(&key[..30]), None);
        assert_eq!(part_number(&part(AppId(1), FileId(2), 3)), Some(3));
        let shared = shared_file(AppId(1), GroupId(2), Timestamp(3), FileId(4));
        assert_eq!(shared_file_parts(&shared), Some((Timestamp(3), FileId(4))));
    }
}
