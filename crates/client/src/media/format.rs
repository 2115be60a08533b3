//! What a file is by its first bytes. Names and declared types are somebody's word.

/// First bytes that tell the formats apart.
pub(super) const HEAD_BYTES: usize = 64;

/// A format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Heif,
    Amr,
    Mp3,
    Aac,
    M4a,
    Wav,
    Ogg,
    Flac,
    Mp4,
    QuickTime,
    Matroska,
    Avi,
    Pdf,
    Zip,
    /// Anything else.
    Other,
}

/// What a format is shown or played as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Image,
    Audio,
    Video,
    Other,
}

impl Format {
    /// The format of a file that begins so; 64 bytes are enough.
    pub fn of(head: &[u8]) -> Self {
        const MAGIC: &[(&[u8], Format)] = &[
            (b"\xff\xd8\xff", Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"GIF87a", Format::Gif),
            (b"GIF89a", Format::Gif),
            (b"BM", Format::Bmp),
            (b"II*\0", Format::Tiff),
            (b"MM\0*", Format::Tiff),
            (b"#!AMR", Format::Amr),
            (b"ID3", Format::Mp3),
            (b"OggS", Format::Ogg),
            (b"fLaC", Format::Flac),
            (b"\x1a\x45\xdf\xa3", Format::Matroska),
            (b"%PDF-", Format::Pdf),
            (b"PK\x03\x04", Format::Zip),
        ];
        if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return *format;
        }
        match (head.get(..4), head.get(8..12)) {
            (Some(b"RIFF"), Some(b"WEBP")) => Self::WebP,
            (Some(b"RIFF"), Some(b"WAVE")) => Self::Wav,
            (Some(b"RIFF"), Some(b"AVI ")) => Self::Avi,
            _ if head.get(4..8) == Some(b"ftyp") => Self::of_brand(head.get(8..12).unwrap_or_default()),
            _ => Self::of_frame(head),
        }
    }

    /// The boxes of ISO/IEC 14496-12 hold pictures, sound and films; the brand tells which.
    fn of_brand(brand: &[u8]) -> Self {
        match brand {
            b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" => Self::Heif,
            b"M4A " | b"M4B " => Self::M4a,
            b"qt  " => Self::QuickTime,
            _ => Self::Mp4,
        }
    }

    /// Sound without a header begins with a frame: eleven bits set, then the layer (ADTS has none).
    fn of_frame(head: &[u8]) -> Self {
        match head {
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Self::Aac,
            [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => Self::Mp3,
            _ => Self::Other,
        }
    }

    /// What it is shown or played as.
    pub fn family(self) -> Family {
        match self {
            Self::Jpeg | Self::Png | Self::Gif | Self::WebP | Self::Bmp | Self::Tiff | Self::Heif => {
                Family::Image
            }
            Self::Amr | Self::Mp3 | Self::Aac | Self::M4a | Self::Wav | Self::Ogg | Self::Flac => {
                Family::Audio
            }
            Self::Mp4 | Self::QuickTime | Self::Matroska | Self::Avi => Family::Video,
            Self::Pdf | Self::Zip | Self::Other => Family::Other,
        }
    }

    /// The media type that an upload declares.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Heif => "image/heif",
            Self::Amr => "audio/amr",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::M4a => "audio/mp4",
            Self::Wav => "audio/wav",
            Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::Matroska => "video/x-matroska",
            Self::Avi => "video/x-msvideo",
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Other => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        for (head, format, family) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], Format::Jpeg, Family::Image),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Format::Png, Family::Image),
            (b"GIF89a", Format::Gif, Family::Image),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Format::WebP, Family::Image),
            (b"\0\0\0\x18ftypheic", Format::Heif, Family::Image),
            (b"#!AMR\n", Format::Amr, Family::Audio),
            (b"ID3\x04", Format::Mp3, Family::Audio),
            (b"\xff\xfb\x90\x64", Format::Mp3, Family::Audio),
            (b"\xff\xf1\x50\x80", Format::Aac, Family::Audio),
            (b"RIFF\x24\0\0\0WAVEfmt ", Format::Wav, Family::Audio),
            (b"\0\0\0\x18ftypM4A ", Format::M4a, Family::Audio),
            (b"OggS\0\x02", Format::Ogg, Family::Audio),
            (b"\0\0\0\x18ftypmp42", Format::Mp4, Family::Video),
            (b"\0\0\0\x14ftypqt  ", Format::QuickTime, Family::Video),
            (b"\x1a\x45\xdf\xa3", Format::Matroska, Family::Video),
            (b"%PDF-1.7", Format::Pdf, Family::Other),
            (b"PK\x03\x04", Format::Zip, Family::Other),
            (b"MZ\x90\0", Format::Other, Family::Other),
            (b"RIFF", Format::Other, Family::Other),
            (b"\xff", Format::Other, Family::Other),
            (b"", Format::Other, Family::Other),
        ] {
            assert_eq!(Format::of(head), format, "{}", head.escape_ascii());
            assert_eq!(format.family(), family);
        }
    }
}
