//! Smaller pictures of pictures.
//!
//! The picture may come from a stranger, so four formats only, with a bound for pixels and memory, as the server has them.
//! Takes up to a second of a processor: call it on a thread that may wait, or let [`make_thumbnail`] find one.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use conditions::{Condition, Operation};
use domain::app::ThumbnailScale;
use domain::attachment::ThumbnailBox;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use model::content::Size;

use crate::{Error, Result};

/// Pixels of a picture that is decoded (reliability.md row 30).
const PIXELS_LIMIT: u64 = 64_000_000;
/// Memory of one decoder.
const DECODER_BYTES_LIMIT: u64 = 256 << 20;
const JPEG_QUALITY: u8 = 80;

/// A smaller picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
    pub size: Size,
}

/// Makes a picture that fits into a square of so many pixels; `None` when the picture is not larger than that.
///
/// # Errors
/// [`Condition::FileConversionFailed`] for what is no picture, is damaged, or has more pixels than are decoded;
/// [`Condition::FileNotFound`].
pub fn thumbnail(path: &Path, pixels: u32) -> Result<Option<Thumbnail>> {
    let failed = || Error::new(Condition::FileConversionFailed).with_operation(Operation::FileUpload);
    if !path.exists() {
        return Err(Error::new(Condition::FileNotFound));
    }
    make(path, pixels.max(1)).ok_or_else(failed)
}

/// As [`thumbnail`], on a thread that may wait: for a task of an async runtime.
///
/// # Errors
/// As [`thumbnail`]; [`Condition::RequestAborted`] when the runtime ends first.
pub async fn make_thumbnail(path: &Path, pixels: u32) -> Result<Option<Thumbnail>> {
    let path = path.to_owned();
    let made = tokio::task::spawn_blocking(move || thumbnail(&path, pixels)).await;
    made.map_err(|_| Error::new(Condition::RequestAborted).with_operation(Operation::FileUpload))?
}

/// Width and height that a picture says it has.
pub(super) fn dimensions(path: &Path) -> Option<(u32, u32)> {
    reader(path)?.into_dimensions().ok()
}

fn reader(path: &Path) -> Option<ImageReader<BufReader<File>>> {
    let file = File::open(path).ok()?;
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_LIMIT);
    reader.limits(limits);
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
    reader.format().is_some_and(|format| formats.contains(&format)).then_some(reader)
}

fn make(path: &Path, pixels: u32) -> Option<Option<Thumbnail>> {
    let mut decoder = reader(path)?.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let is_too_large = u64::from(width) * u64::from(height) > PIXELS_LIMIT;
    if is_too_large || decoder.total_bytes() > DECODER_BYTES_LIMIT {
        return None;
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let square = ThumbnailBox { width: pixels, height: pixels };
    // The square has no upright side, so it does not matter how the camera was held.
    let Some((wide, high)) = square.fit(width, height, ThumbnailScale::LongSide) else {
        return Some(None);
    };
    let mut small = DynamicImage::from_decoder(decoder).ok()?.thumbnail_exact(wide, high);
    small.apply_orientation(orientation);
    let size = Size { width: small.width(), height: small.height() };
    let mut out = Cursor::new(Vec::new());
    let media_type = if small.color().has_alpha() {
        small.into_rgba8().write_to(&mut out, ImageFormat::Png).ok()?;
        "image/png"
    } else {
        let encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
        small.into_rgb8().write_with_encoder(encoder).ok()?;
        "image/jpeg"
    };
    Some(Some(Thumbnail { bytes: out.into_inner(), media_type, size }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorTable;

    fn of(bytes: &[u8], pixels: u32) -> Result<Option<Thumbnail>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        std::fs::write(&path, bytes).unwrap();
        thumbnail(&path, pixels)
    }

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn pictures_become_smaller_and_never_larger() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let made = of(&picture(400, 200, format), 100).unwrap().unwrap();
            assert_eq!((made.size, made.media_type), (Size { width: 100, height: 50 }, "image/jpeg"));
            assert_eq!(image::load_from_memory(&made.bytes).unwrap().width(), 100);
        }
        assert_eq!(of(&picture(80, 40, ImageFormat::Png), 100).unwrap(), None);
    }

    #[test]
    fn what_is_no_picture_cannot_be_made_smaller() {
        let whole = picture(300, 300, ImageFormat::Png);
        let mut huge = whole.clone();
        huge[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
        let crc = crc32fast::hash(&huge[12..29]);
        huge[29..33].copy_from_slice(&crc.to_be_bytes());
        for bytes in [b"".as_slice(), b"a text", &whole[..whole.len() / 2], &huge] {
            let error = of(bytes, 10).unwrap_err();
            assert_eq!(error.in_table(ErrorTable::EasemobLegacyIos).code(), Some(1015));
        }
        let folder = tempfile::tempdir().unwrap();
        let error = thumbnail(&folder.path().join("gone"), 10).unwrap_err();
        assert_eq!(error.condition(), Condition::FileNotFound);
    }
}
