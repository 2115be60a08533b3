//! Gives a file out: who may have it, what is sent of it, and its bytes.

use std::ops::Range;

use conditions::Condition;
use domain::attachment::{ReadRefused, Reader, ShownSecret, decide_read, presentation, secret_decides};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use model::{FileId, Timestamp};
use store::{Piece, StoredFile};
use subtle::ConstantTimeEq as _;

use crate::blobs::{BlobError, BlobKey, BlobStream};
use crate::{Error, Identity, Tenant, UseCases};

/// Who asks for which file, and what he shows.
#[derive(Clone, Copy, Debug)]
pub struct ReadFile<'a> {
    pub file: FileId,
    pub secret: Option<&'a str>,
    /// Looked at only where the secret does not decide.
    pub bearer: Option<&'a str>,
}

/// What is sent: a file, or its thumbnail.
#[derive(Clone, Debug)]
pub struct Rendition {
    pub length: u64,
    pub media_type: String,
    /// A browser shows it, instead of saving it.
    pub inline: bool,
    pub name: String,
    /// Another one for other bytes.
    pub tag: String,
    pub expires: Option<Timestamp>,
    pub(crate) pieces: Vec<Piece>,
}

impl UseCases {
    /// A file that the reader may have.
    ///
    /// # Errors
    /// Those of [`decide_read`] and of [`UseCases::authenticate`]; faults.
    pub async fn find_file(&self, app: &Tenant, command: ReadFile<'_>) -> Result<StoredFile, Error> {
        let found = self.store.attachments.find(app.value.id, command.file).await?;
        let file = found.ok_or(ReadRefused::NotFound)?;
        if file.gone {
            return Err(ReadRefused::Expired { file: command.file }.into());
        }
        let shown = match command.secret {
            None => ShownSecret::Nothing,
            Some(shown) => {
                let same: bool = shown.as_bytes().ct_eq(file.attachment.secret.as_bytes()).into();
                if same { ShownSecret::Right } else { ShownSecret::Wrong }
            }
        };
        let reader = match command.bearer {
            Some(bearer) if !secret_decides(&file.attachment, shown) => {
                match self.authenticate(app, bearer).await?.0 {
                    Identity::App => Reader::BackEnd,
                    Identity::User(account) => Reader::User(account.user.uid),
                }
            }
            Some(_) | None => Reader::Nobody,
        };
        decide_read(&file.attachment, reader, shown, self.now())?;
        Ok(file)
    }

    /// A range of what is sent. A store that gives less than it has said ends the stream with an error.
    ///
    /// # Errors
    /// Faults, when the first bytes can't be had.
    pub async fn read_rendition(
        &self,
        app: &Tenant,
        rendition: &Rendition,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<bytes::Bytes, BlobError>>, Error> {
        let length = range.end.saturating_sub(range.start);
        let app_id = app.value.id;
        let mut segments = segments(&rendition.pieces, range).into_iter();
        let Some((first, range)) = segments.next() else { return Ok(stream::empty().boxed()) };
        let first = self.ports.blobs.read(BlobKey { app: app_id, blob: first.blob }, range).await?;
        let blobs = std::sync::Arc::clone(&self.ports.blobs);
        let rest = stream::iter(segments).then(move |(piece, range)| {
            let blobs = std::sync::Arc::clone(&blobs);
            async move { blobs.read(BlobKey { app: app_id, blob: piece.blob }, range).await }
        });
        Ok(exactly(first.chain(rest.try_flatten()).boxed(), length))
    }
}

impl Rendition {
    /// The file itself.
    ///
    /// # Errors
    /// `file_not_found` when its content is gone.
    pub fn of(file: &StoredFile) -> Result<Self, Error> {
        if file.gone {
            return Err(Error::plain(Condition::FileNotFound));
        }
        let attachment = &file.attachment;
        let shown = presentation(&attachment.media_type);
        Ok(Self {
            length: attachment.length,
            media_type: shown.media_type.to_owned(),
            inline: shown.inline,
            name: attachment.name.clone(),
            tag: attachment.digest[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
            expires: attachment.expires,
            pieces: file.pieces.clone(),
        })
    }
}

/// The parts of pieces that a range of the whole covers.
fn segments(pieces: &[Piece], range: Range<u64>) -> Vec<(Piece, Range<u64>)> {
    let mut at = 0_u64;
    let mut segments = Vec::new();
    for piece in pieces {
        let (begin, end) = (at, at.saturating_add(piece.length));
        let covered = range.start.max(begin)..range.end.min(end);
        if covered.start < covered.end {
            segments.push((*piece, covered.start - begin..covered.end - begin));
        }
        at = end;
    }
    segments
}

/// Cuts what is too much, and says so when it is too little.
fn exactly(stream: BlobStream, length: u64) -> BlobStream {
    stream::try_unfold((stream, length), async |(mut stream, missing)| {
        if missing == 0 {
            return Ok(None);
        }
        let Some(mut bytes) = stream.try_next().await? else {
            return Err(BlobError::Unavailable { detail: format!("{missing} bytes of a file are missing") });
        };
        bytes.truncate(usize::try_from(missing).unwrap_or(usize::MAX));
        let missing = missing - bytes.len() as u64;
        Ok(Some((bytes, (stream, missing))))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::BlobId;

    fn piece(blob: u128, length: u64) -> Piece {
        Piece { blob: BlobId(blob), length }
    }

    #[test]
    fn a_range_of_a_file_in_pieces_is_found_in_them() {
        let pieces = [piece(1, 10), piece(2, 0), piece(3, 5)];
        for (range, expected) in [
            (0..15, vec![(piece(1, 10), 0..10), (piece(3, 5), 0..5)]),
            (9..11, vec![(piece(1, 10), 9..10), (piece(3, 5), 0..1)]),
            (12..14, vec![(piece(3, 5), 2..4)]),
            (3..3, vec![]),
        ] {
            assert_eq!(segments(&pieces, range.clone()), expected, "{range:?}");
        }
    }
}
