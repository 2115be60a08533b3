//! Files on the device, looked at before anything is sent.
//!
//! Reads whole files; call it on a thread that may wait, or let [`LocalFile::look`] find one.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use conditions::{Condition, Operation};
use model::content::{Attached, Place, Said, Size};
use sha2::{Digest as _, Sha256};

use super::format::HEAD_BYTES;
use super::{Family, Format, thumbnail};
use crate::{Error, Result};

/// Bytes that are read and sent at once.
pub const PIECE_BYTES: usize = 64 << 10;
/// The largest file that the vendors' SDKs send (easemob-rest.md 3.11); an operator may permit less.
const FILE_BYTES_LIMIT: u64 = 10 << 20;
/// Bytes of a name; more is cut off.
const NAME_BYTES: usize = 255;

/// What a file is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    Image,
    Voice,
    Video,
    File,
}

/// What an app permits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRules {
    pub bytes_limit: u64,
    /// The only formats; `None`: all.
    pub formats: Option<Vec<Format>>,
}

impl Default for FileRules {
    fn default() -> Self {
        Self { bytes_limit: FILE_BYTES_LIMIT, formats: None }
    }
}

/// A file that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    pub path: PathBuf,
    /// How the receiver sees it called.
    pub name: String,
    pub kind: MediaKind,
    pub format: Format,
    pub bytes: u64,
    pub crc32: u32,
    pub sha256: [u8; 32],
    /// Of a picture.
    pub size: Option<Size>,
}

impl LocalFile {
    /// Looks at a file that is to be sent. Order: is it there, is it a file and readable, has it bytes, not too many, is
    /// its format permitted, is it what it is sent as.
    ///
    /// # Errors
    /// [`Condition::AttachmentNotFound`], [`Condition::FileInvalid`], [`Condition::UploadFileEmpty`],
    /// [`Condition::FileTooLarge`], [`Condition::FileTypeUnsupported`], [`Condition::ImageContentFailed`] for a picture
    /// that is none or damaged.
    pub fn open(path: &Path, kind: MediaKind, rules: &FileRules) -> Result<Self> {
        let name = shown_name(path);
        let error =
            |condition| Error::new(condition).with_operation(Operation::FileUpload).with_detail(name.clone());
        let mut file = File::open(path).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => error(Condition::AttachmentNotFound),
            _ => error(Condition::FileInvalid),
        })?;
        let metadata = file.metadata().map_err(|_| error(Condition::FileInvalid))?;
        if !metadata.is_file() {
            return Err(error(Condition::FileInvalid));
        }
        if metadata.len() == 0 {
            return Err(error(Condition::UploadFileEmpty));
        }
        if metadata.len() > rules.bytes_limit {
            return Err(error(Condition::FileTooLarge));
        }
        let mut digests = Digests::default();
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = file.read(&mut piece).map_err(|_| error(Condition::FileInvalid))?;
            if count == 0 {
                break;
            }
            let missing = HEAD_BYTES.saturating_sub(head.len()).min(count);
            head.extend_from_slice(&piece[..missing]);
            digests.add(&piece[..count]);
            if digests.bytes > rules.bytes_limit {
                return Err(error(Condition::FileTooLarge));
            }
        }
        let format = Format::of(&head);
        if rules.formats.as_ref().is_some_and(|formats| !formats.contains(&format)) {
            return Err(error(Condition::FileTypeUnsupported));
        }
        let size = match (kind, format.family()) {
            (MediaKind::Image, Family::Image) => {
                Some(picture_size(path, format).ok_or_else(|| error(Condition::ImageContentFailed))?)
            }
            (MediaKind::Image, _) => return Err(error(Condition::ImageContentFailed)),
            (MediaKind::Voice, Family::Audio) | (MediaKind::Video, Family::Video) | (MediaKind::File, _) => {
                None
            }
            (MediaKind::Voice | MediaKind::Video, _) => return Err(error(Condition::FileInvalid)),
        };
        let (bytes, crc32, sha256) = digests.finish();
        Ok(Self { path: path.to_owned(), name, kind, format, bytes, crc32, sha256, size: size.flatten() })
    }

    /// As [`LocalFile::open`], on a thread that may wait: for a task of an async runtime.
    ///
    /// # Errors
    /// As [`LocalFile::open`]; [`Condition::RequestAborted`] when the runtime ends first.
    pub async fn look(path: &Path, kind: MediaKind, rules: &FileRules) -> Result<Self> {
        let (path, rules) = (path.to_owned(), rules.clone());
        let looked = tokio::task::spawn_blocking(move || Self::open(&path, kind, &rules)).await;
        looked.map_err(|_| Error::new(Condition::RequestAborted).with_operation(Operation::FileUpload))?
    }

    /// The bytes, for an upload.
    ///
    /// # Errors
    /// [`Condition::UploadFileEmpty`] if the file is gone meanwhile, [`Condition::FileInvalid`] if it cannot be read.
    pub fn pieces(&self) -> Result<Pieces> {
        let file = File::open(&self.path).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => self.error(Condition::UploadFileEmpty),
            _ => self.error(Condition::FileInvalid),
        })?;
        Ok(Pieces { file, digests: Digests::default(), expected: self.clone() })
    }

    fn error(&self, condition: Condition) -> Error {
        Error::new(condition).with_operation(Operation::FileUpload).with_detail(self.name.clone())
    }
}

/// The bytes of a file, piece by piece. What changes while it is read is not sent as if it were whole.
#[derive(Debug)]
pub struct Pieces {
    file: File,
    digests: Digests,
    expected: LocalFile,
}

impl Pieces {
    /// The next piece, at most [`PIECE_BYTES`]; `None` at the end.
    ///
    /// # Errors
    /// [`Condition::FileInvalid`] if it cannot be read, or is another than the one that was looked at.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>> {
        let mut piece = vec![0; PIECE_BYTES];
        let count = self.file.read(&mut piece).map_err(|_| self.expected.error(Condition::FileInvalid))?;
        if count == 0 {
            let (bytes, crc32, _) = std::mem::take(&mut self.digests).finish();
            let is_same = bytes == self.expected.bytes && crc32 == self.expected.crc32;
            return if is_same { Ok(None) } else { Err(self.expected.error(Condition::FileInvalid)) };
        }
        piece.truncate(count);
        self.digests.add(&piece);
        if self.digests.bytes > self.expected.bytes {
            return Err(self.expected.error(Condition::FileInvalid));
        }
        Ok(Some(piece.into()))
    }
}

/// What tells one file from another, counted as its bytes pass.
#[derive(Debug, Default)]
pub(super) struct Digests {
    pub(super) bytes: u64,
    crc32: crc32fast::Hasher,
    sha256: Sha256,
}

impl Digests {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.crc32.update(piece);
        self.sha256.update(piece);
    }

    pub(super) fn finish(self) -> (u64, u32, [u8; 32]) {
        (self.bytes, self.crc32.finalize(), self.sha256.finalize().into())
    }
}

/// `None`: not readable. A format that is not decoded here is taken as it is.
fn picture_size(path: &Path, format: Format) -> Option<Option<Size>> {
    match format {
        Format::Jpeg | Format::Png | Format::Gif | Format::WebP => {
            let (width, height) = thumbnail::dimensions(path)?;
            Some(Some(Size { width, height }))
        }
        _ => Some(None),
    }
}

fn shown_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let end = name.floor_char_boundary(NAME_BYTES);
    name[..end].chars().filter(|character| !character.is_control()).collect()
}

/// The file of a message that has one.
///
/// # Errors
/// [`Condition::NotAMediaMessage`] for a text and the like, [`Condition::MediaResourceMissing`] for a message whose file
/// is nowhere.
pub fn place_of(said: &Said) -> Result<&Attached> {
    let file = match said {
        Said::Image { file, .. } | Said::Voice { file, .. } | Said::Video { file, .. } | Said::File(file) => {
            file
        }
        Said::Text(_)
        | Said::Location { .. }
        | Said::Custom { .. }
        | Said::Command { .. }
        | Said::Other { .. } => {
            return Err(Error::new(Condition::NotAMediaMessage).with_operation(Operation::FileDownload));
        }
    };
    match &file.at {
        Place::Url(url) if url.is_empty() => {
            Err(Error::new(Condition::MediaResourceMissing).with_operation(Operation::FileDownload))
        }
        Place::Url(_) | Place::Kept { .. } => Ok(file),
    }
}

/// Deletes a file that the SDK made on the device, such as what a cancelled download left. One that is gone is no error.
///
/// # Errors
/// [`Condition::FileDeleteFailed`].
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            Err(Error::new(Condition::FileDeleteFailed).with_detail(shown_name(path)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorTable;
    use image::{DynamicImage, ImageFormat};

    fn opened(bytes: &[u8], kind: MediaKind, rules: &FileRules) -> Result<LocalFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cat.jpg");
        std::fs::write(&path, bytes).unwrap();
        LocalFile::open(&path, kind, rules)
    }

    fn png() -> Vec<u8> {
        let mut out = std::io::Cursor::new(Vec::new());
        DynamicImage::new_rgb8(30, 20).write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_picture_is_what_its_bytes_are() {
        let file = opened(&png(), MediaKind::Image, &FileRules::default()).unwrap();
        assert_eq!((file.format, file.size), (Format::Png, Some(Size { width: 30, height: 20 })));
        assert_eq!(file.name, "cat.jpg");
        assert_eq!((file.bytes, file.crc32), (png().len() as u64, crc32fast::hash(&png())));
        assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(png())));
    }

    /// One row each: what is wrong with the file, what it is called, and the codes of the documents.
    #[test]
    fn files_that_cannot_be_sent_are_told_apart() {
        use ErrorTable::{AgoraIos, Easemob, EasemobLegacyIos, JMessageAndroid, JMessageIos};
        let any = FileRules::default();
        let refused = |bytes: &[u8], kind, rules: &FileRules| opened(bytes, kind, rules).unwrap_err();
        let whole = png();
        let small = FileRules { bytes_limit: 10, formats: None };
        let pictures = FileRules { formats: Some(vec![Format::Png]), ..any.clone() };
        let folder = tempfile::tempdir().unwrap();
        let gone = LocalFile::open(&folder.path().join("gone"), MediaKind::File, &any).unwrap_err();
        let directory = LocalFile::open(folder.path(), MediaKind::File, &any).unwrap_err();
        let rows = [
            (gone.clone(), Condition::AttachmentNotFound, EasemobLegacyIos, Some(1012)),
            (gone, Condition::AttachmentNotFound, JMessageAndroid, Some(871_309)),
            (directory, Condition::FileInvalid, Easemob, Some(401)),
            (refused(b"", MediaKind::File, &any), Condition::UploadFileEmpty, JMessageIos, Some(864_005)),
            (refused(b"", MediaKind::File, &any), Condition::UploadFileEmpty, Easemob, Some(401)),
            (refused(&whole, MediaKind::Image, &small), Condition::FileTooLarge, AgoraIos, None),
            (
                refused(b"text", MediaKind::File, &pictures),
                Condition::FileTypeUnsupported,
                EasemobLegacyIos,
                Some(1016),
            ),
            (
                refused(b"no picture", MediaKind::Image, &any),
                Condition::ImageContentFailed,
                JMessageAndroid,
                Some(871_312),
            ),
            (
                refused(&whole[..20], MediaKind::Image, &any),
                Condition::ImageContentFailed,
                JMessageAndroid,
                Some(871_312),
            ),
            (refused(&whole, MediaKind::Voice, &any), Condition::FileInvalid, Easemob, Some(401)),
            (refused(&whole, MediaKind::Video, &any), Condition::FileInvalid, Easemob, Some(401)),
        ];
        for (error, condition, table, code) in rows {
            assert_eq!(error.condition(), condition);
            if code.is_some() {
                assert_eq!(error.in_table(table).code(), code, "{condition} in {table:?}");
            }
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_sent_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        std::fs::write(&path, vec![7; PIECE_BYTES + 5]).unwrap();
        let file = LocalFile::open(&path, MediaKind::File, &FileRules::default()).unwrap();
        let read = |file: &LocalFile| -> Result<usize> {
            let mut pieces = file.pieces()?;
            let mut total = 0;
            while let Some(piece) = pieces.next_piece()? {
                total += piece.len();
            }
            Ok(total)
        };
        assert_eq!(read(&file).unwrap(), PIECE_BYTES + 5);
        for other in [vec![7; PIECE_BYTES], vec![7; PIECE_BYTES + 6], vec![8; PIECE_BYTES + 5]] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(read(&file).unwrap_err().condition(), Condition::FileInvalid);
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&file).unwrap_err().condition(), Condition::UploadFileEmpty);
    }

    #[test]
    fn only_messages_with_a_file_have_one() {
        let condition = |said: &Said| place_of(said).map(|file| file.name.clone()).map_err(|e| e.condition());
        let file = |at| {
            let name = "a".to_owned();
            Said::File(Attached { at, name, bytes: 1, crc32: None, format: String::new() })
        };
        assert_eq!(condition(&Said::Text("hi".to_owned())), Err(Condition::NotAMediaMessage));
        assert_eq!(condition(&file(Place::Url(String::new()))), Err(Condition::MediaResourceMissing));
        assert_eq!(condition(&file(Place::Url("https://x/y".to_owned()))), Ok("a".to_owned()));
    }

    #[test]
    fn a_file_that_cannot_be_deleted_is_told() {
        let folder = tempfile::tempdir().unwrap();
        remove(&folder.path().join("never there")).unwrap();
        let error = remove(folder.path()).unwrap_err();
        assert_eq!(error.in_table(ErrorTable::Easemob).code(), Some(404));
    }
}
