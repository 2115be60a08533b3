//! Thumbnails: made when first asked for, kept beside the file. Whoever uploads a picture chooses what a decoder
//! sees, so that runs in few threads, with a bound for pixels, memory and inflation, over four kinds of pictures.
//!
//! What can't be made smaller, or is more than the bounds allow, is its own thumbnail.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use conditions::Condition;
use domain::app::ThumbnailScale;
use domain::attachment::{OWN_THUMBNAIL_BYTES, ReadRefused, ThumbnailBox};
use futures_util::TryStreamExt as _;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, ImageResult, Limits};
use store::{BlobId, Piece, StoredFile, Thumbnail, Writing};
use tokio::sync::{Mutex, Semaphore};

use crate::blobs::BlobKey;
use crate::upload_file::WRITING_LIMIT;
use crate::{Error, Rendition, TRIES, Tenant, UseCases, random};

/// Pictures decoded at the same time.
const AT_ONCE: usize = 2;
/// Pictures of more than this many pixels are decoded one after the other.
const LARGE_PIXELS: u64 = 16_000_000;
/// Requests that may wait; one more is answered with "busy".
const WAITING: usize = 64;
/// Files of more bytes are their own thumbnails.
const FILE_BYTES_LIMIT: u64 = 32 << 20;
/// Pixels of a picture (reliability.md row 30).
const PIXELS_LIMIT: u64 = 64_000_000;
/// Memory of one decoder.
const DECODER_BYTES_LIMIT: u64 = 256 << 20;
/// A picture above this size in memory may not be more than [`INFLATION_LIMIT`] times its file: a screenshot of
/// one colour is that, but small.
const INFLATED_BYTES_FREE: u64 = 32 << 20;
const INFLATION_LIMIT: u64 = 100;
const JPEG_QUALITY: u8 = 80;
/// Files share these turns, so that a thumbnail that many ask for at once is made once.
const TURNS: usize = 64;

#[derive(Debug)]
pub(crate) struct Thumbnails {
    permits: Arc<Semaphore>,
    large: Arc<Mutex<()>>,
    waiting: AtomicUsize,
    turns: [Mutex<()>; TURNS],
}

impl Default for Thumbnails {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            large: Arc::default(),
            waiting: AtomicUsize::new(0),
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

/// One who waits for a thumbnail.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Thumbnails {
    /// # Errors
    /// `server_busy`.
    fn wait(&self) -> Result<Waiting<'_>, Error> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(&self.waiting);
        if before < WAITING { Ok(waiting) } else { Err(Error::plain(Condition::ServerBusy)) }
    }
}

/// A thumbnail and its type.
#[derive(Debug)]
struct Made {
    bytes: Vec<u8>,
    media_type: &'static str,
}

impl UseCases {
    /// A file's thumbnail.
    ///
    /// # Errors
    /// `file_not_found` for what is no picture; `server_busy` when too many are asked for; faults.
    pub async fn thumbnail(&self, app: &Tenant, file: &StoredFile) -> Result<Rendition, Error> {
        if !file.attachment.media_type.starts_with("image/") {
            return Err(ReadRefused::NotFound.into());
        }
        if let Some(known) = known(file) {
            return known;
        }
        let _waiting = self.thumbnails.wait()?;
        self.make_thumbnail(app, file).await
    }

    async fn make_thumbnail(&self, app: &Tenant, file: &StoredFile) -> Result<Rendition, Error> {
        let turn = usize::try_from(file.attachment.id.0 % TURNS as u128).expect("it is below 64");
        let _turn = self.thumbnails.turns[turn].lock().await;
        for _ in 0..TRIES {
            let found = self.store.attachments.find(app.value.id, file.attachment.id).await?;
            let file = found.filter(|file| !file.gone).ok_or(ReadRefused::NotFound)?;
            if let Some(known) = known(&file) {
                return known;
            }
            let made = self.decode(app, &file).await?;
            let (thumbnail, writing) = match made {
                None => (Thumbnail::Own, None),
                Some(made) => {
                    let (piece, writing) = self.keep(app, &made.bytes).await?;
                    let media_type = made.media_type.to_owned();
                    (Thumbnail::Made { piece, media_type }, Some(writing))
                }
            };
            if self.store.attachments.set_thumbnail(app.value.id, &file, thumbnail.clone(), writing).await? {
                return Rendition::of(&file).map(|whole| rendition(whole, &thumbnail));
            }
            if let Some(writing) = writing {
                self.discard(app, writing.blob).await;
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    async fn decode(&self, app: &Tenant, file: &StoredFile) -> Result<Option<Made>, Error> {
        if file.attachment.length > FILE_BYTES_LIMIT {
            return Ok(None);
        }
        let permit = Arc::clone(&self.thumbnails.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let whole = Rendition::of(file)?;
        let mut bytes = Vec::with_capacity(usize::try_from(whole.length).unwrap_or_default());
        let mut content = self.read_rendition(app, &whole, 0..whole.length).await?;
        while let Some(piece) = content.try_next().await? {
            bytes.extend_from_slice(&piece);
        }
        let large = match size(&bytes) {
            None => return Ok(None),
            Some(pixels) if pixels > LARGE_PIXELS => {
                Some(Arc::clone(&self.thumbnails.large).lock_owned().await)
            }
            Some(_) => None,
        };
        let (asked, scale) = (file.attachment.thumbnail, app.value.settings.files_thumbnail_scale);
        // The permits go along: a caller who hangs up does not make room before the thread has.
        let made = tokio::task::spawn_blocking(move || {
            let made = make(&bytes, asked, scale);
            drop((permit, large));
            made
        });
        match made.await {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(cause)) => {
                tracing::debug!(%cause, "a picture can't be decoded");
                Ok(None)
            }
            Err(cause) => {
                tracing::error!(%cause, "a decoder of pictures panicked");
                Ok(None)
            }
        }
    }

    async fn keep(&self, app: &Tenant, bytes: &[u8]) -> Result<(Piece, Writing), Error> {
        let blob = BlobId(u128::from_be_bytes(random::bytes()));
        let writing = Writing { blob, due: self.now().plus(WRITING_LIMIT) };
        self.store.attachments.begin_blob(app.value.id, writing).await?;
        let mut writer = self.ports.blobs.create(BlobKey { app: app.value.id, blob }).await?;
        writer.write(Bytes::copy_from_slice(bytes)).await?;
        writer.finish().await?;
        Ok((Piece { blob, length: bytes.len() as u64 }, writing))
    }
}

/// What is known without looking at the picture.
fn known(file: &StoredFile) -> Option<Result<Rendition, Error>> {
    let thumbnail = match &file.thumbnail {
        Some(thumbnail) => thumbnail,
        None if file.attachment.length <= OWN_THUMBNAIL_BYTES => &Thumbnail::Own,
        None => return None,
    };
    Some(Rendition::of(file).map(|whole| rendition(whole, thumbnail)))
}

fn rendition(whole: Rendition, thumbnail: &Thumbnail) -> Rendition {
    match thumbnail {
        Thumbnail::Own => whole,
        Thumbnail::Made { piece, media_type } => Rendition {
            length: piece.length,
            media_type: media_type.clone(),
            inline: true,
            tag: format!("{}-t", whole.tag),
            pieces: vec![*piece],
            ..whole
        },
    }
}

fn reader(bytes: &[u8]) -> Option<ImageReader<Cursor<&[u8]>>> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_LIMIT);
    reader.limits(limits);
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
    reader.format().is_some_and(|format| formats.contains(&format)).then_some(reader)
}

/// Width and height that a picture says it has; its first bytes are enough.
pub(crate) fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    reader(bytes)?.into_dimensions().ok()
}

/// The pixels that a picture says it has; `None` for none, and for more than is decoded.
fn size(bytes: &[u8]) -> Option<u64> {
    let decoder = reader(bytes)?.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let inflated = decoder.total_bytes();
    let bomb = inflated > INFLATED_BYTES_FREE && inflated / INFLATION_LIMIT > bytes.len() as u64;
    (pixels <= PIXELS_LIMIT && inflated <= DECODER_BYTES_LIMIT && !bomb).then_some(pixels)
}

/// `None`: the picture is not larger than its thumbnail would be.
fn make(bytes: &[u8], asked: ThumbnailBox, scale: ThumbnailScale) -> ImageResult<Option<Made>> {
    let Some(reader) = reader(bytes) else { return Ok(None) };
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // Cameras write down how they were held; the size asked for is about what people see.
    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let fitted = if turned {
        asked.fit(height, width, scale).map(|(high, wide)| (wide, high))
    } else {
        asked.fit(width, height, scale)
    };
    let Some((wide, high)) = fitted else { return Ok(None) };
    let mut small = DynamicImage::from_decoder(decoder)?.thumbnail_exact(wide, high);
    small.apply_orientation(orientation);

    let mut out = Cursor::new(Vec::new());
    let media_type = if small.color().has_alpha() {
        small.into_rgba8().write_to(&mut out, ImageFormat::Png)?;
        "image/png"
    } else {
        small.into_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY))?;
        "image/jpeg"
    };
    Ok(Some(Made { bytes: out.into_inner(), media_type }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    const BOX: ThumbnailBox = ThumbnailBox { width: 170, height: 170 };

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn picture(width: u32, height: u32) -> DynamicImage {
        let pixel = |x: u32, y: u32| Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 128]);
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
    }

    fn thumbnail(bytes: &[u8]) -> Option<(u32, u32, &'static str)> {
        size(bytes)?;
        let made = make(bytes, BOX, ThumbnailScale::LongSide).ok()??;
        let read = image::load_from_memory(&made.bytes).unwrap();
        Some((read.width(), read.height(), made.media_type))
    }

    #[test]
    fn each_kind_of_picture_gets_a_smaller_one() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let bytes = encoded(&picture(680, 340), format);
            assert_eq!(thumbnail(&bytes), Some((170, 85, "image/jpeg")), "{format:?}");
        }
        let gif = encoded(&picture(680, 340), ImageFormat::Gif);
        assert_eq!(thumbnail(&gif), Some((170, 85, "image/png")));
        let clear = RgbaImage::from_pixel(400, 400, Rgba([1, 2, 3, 0]));
        let bytes = encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png);
        assert_eq!(thumbnail(&bytes), Some((170, 170, "image/png")), "it stays see-through");
    }

    #[test]
    fn a_small_picture_is_never_made_larger() {
        assert_eq!(thumbnail(&encoded(&picture(170, 100), ImageFormat::Png)), None);
    }

    /// What a camera held upright writes: the sensor's 400x200, to be turned by 90 degrees.
    #[test]
    fn a_picture_is_turned_as_the_camera_was() {
        let plain = encoded(&picture(400, 200), ImageFormat::Jpeg);
        let exif: &[u8] = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let turned = [&plain[..2], &[0xff, 0xe1], &length, exif, &plain[2..]].concat();
        assert_eq!(thumbnail(&plain), Some((170, 85, "image/jpeg")));
        assert_eq!(thumbnail(&turned), Some((85, 170, "image/jpeg")));
    }

    /// A PNG that says it has these dimensions, with hardly any data.
    fn claimed_png(width: u32, height: u32) -> Vec<u8> {
        let mut png = encoded(&picture(1, 1), ImageFormat::Png);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = !0_u32;
        for byte in &png[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        png[29..33].copy_from_slice(&(!crc).to_be_bytes());
        png
    }

    #[test]
    fn a_bomb_is_not_decoded() {
        assert_eq!(size(&claimed_png(1, 1)), Some(1));
        for (width, height) in [(65_535, 65_535), (8001, 8001), (4000, 4000), (u32::MAX, u32::MAX), (0, 0)] {
            assert_eq!(thumbnail(&claimed_png(width, height)), None, "{width}x{height}");
        }
        // 48 million pixels of one colour, for real: 144 MB of memory out of a few hundred KB.
        let flat = DynamicImage::ImageRgb8(RgbImage::from_pixel(8000, 6000, Rgb([9, 9, 9])));
        let bytes = encoded(&flat, ImageFormat::Png);
        assert!(bytes.len() < 1_000_000, "{}", bytes.len());
        assert_eq!(size(&bytes), None);
    }

    #[test]
    fn damaged_and_foreign_bytes_are_no_pictures() {
        let whole = encoded(&picture(300, 300), ImageFormat::Png);
        for bytes in [&[], b"<svg/>".as_slice(), b"\x89PNG\r\n\x1a\n", &whole[..whole.len() / 2], &[0; 4096]]
        {
            assert_eq!(thumbnail(bytes), None, "{} bytes", bytes.len());
        }
        for format in [b"BM".as_slice(), b"II*\0", b"\0\0\x01\0", b"#?RADIANCE\n", b"P6 9 9 255\n"] {
            assert!(reader(&[format, &[0; 100]].concat()).is_none());
        }
    }
}
