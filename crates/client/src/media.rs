//! Files of messages: what may be sent, how far a transfer is, and whether what arrived is what was sent.
//!
//! Nothing here opens a connection. The shell reads a [`LocalFile`]'s pieces into a request, or feeds the pieces of an
//! answer to a [`Download`], and hands on what [`Transfer`] says. A file is what its bytes are, whatever its name ends in.
//!
//! To read on: `format` for how bytes are told apart, `local` for files before they are sent, `transfer` for progress,
//! cancel and failures, `download` for the checks of what arrives, `thumbnail` for smaller pictures.

mod download;
mod format;
mod local;
mod thumbnail;
mod transfer;

pub use download::{DIGEST_KEY, Download, Expected, Verified};
pub use format::{Family, Format};
pub use local::{FileRules, LocalFile, MediaKind, PIECE_BYTES, Pieces, place_of, remove};
pub use thumbnail::{Thumbnail, make_thumbnail, thumbnail};
pub use transfer::{Direction, Transfer, TransferEvent, TransferFault, Via};
