//! `media_id`: the name of an uploaded file (jmessage.md 1.3, "Resources").
//!
//! Clients treat it as opaque. Ours holds the file and what opens it, since whoever is sent a `media_id` may read the file,
//! in the other dialect too.

use std::fmt;
use std::str::FromStr;

use model::FileId;
use model::content::Place;

/// What a file was uploaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Voice,
    File,
}

impl MediaKind {
    /// The vendor's word, in the upload's `type` and in a `media_id`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::File => "file",
        }
    }

    /// Reads the vendor's word.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Image, Self::Voice, Self::File].into_iter().find(|kind| kind.name() == name)
    }
}

/// `qiniu/image/j/HEX32.SECRET`; the secret is left out where there is none. Behind it a file's own extension may stand: the
/// SDK takes what follows the last dot for the format of a video that it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaId {
    pub kind: MediaKind,
    pub file: FileId,
    pub secret: Option<String>,
    /// Empty: none. Shown behind a secret only, and if it is a short word.
    pub extension: String,
}

/// A text that is no `media_id` of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no media id")]
pub struct NoMediaId;

/// The longest secret that is read.
const SECRET_BYTES: usize = 64;
/// The longest extension that is shown.
const EXTENSION_BYTES: usize = 8;

fn is_extension(text: &str) -> bool {
    (1..=EXTENSION_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "qiniu/{}/j/{:032X}", self.kind.name(), self.file.0)?;
        match &self.secret {
            Some(secret) if is_extension(&self.extension) => write!(f, ".{secret}.{}", self.extension),
            Some(secret) => write!(f, ".{secret}"),
            None => Ok(()),
        }
    }
}

impl FromStr for MediaId {
    type Err = NoMediaId;

    fn from_str(text: &str) -> Result<Self, NoMediaId> {
        let rest = text.strip_prefix("qiniu/").ok_or(NoMediaId)?;
        let (kind, rest) = rest.split_once("/j/").ok_or(NoMediaId)?;
        let (digits, secret) = match rest.split_once('.') {
            Some((digits, secret)) => (digits, Some(secret)),
            None => (rest, None),
        };
        let (secret, extension) = match secret.and_then(|secret| secret.rsplit_once('.')) {
            Some((secret, extension)) if is_extension(extension) => (Some(secret), extension),
            _ => (secret, ""),
        };
        let is_file = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_secret = |secret: &str| {
            !secret.is_empty()
                && secret.len() <= SECRET_BYTES
                && secret.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !is_file || !secret.is_none_or(is_secret) {
            return Err(NoMediaId);
        }
        Ok(Self {
            kind: MediaKind::parse(kind).ok_or(NoMediaId)?,
            file: FileId(u128::from_str_radix(digits, 16).map_err(|_| NoMediaId)?),
            secret: secret.map(str::to_owned),
            extension: extension.to_owned(),
        })
    }
}

/// Where the bytes of a `media_id` are. One that is not ours is taken for a URL of the sender's own, as the other dialect
/// has them.
pub fn place(media_id: &str) -> Place {
    match media_id.parse() {
        Ok(MediaId { file, secret, .. }) => Place::Kept { file, secret },
        Err(NoMediaId) => Place::Url(media_id.to_owned()),
    }
}

/// The `media_id` of bytes that are there.
pub fn name(kind: MediaKind, place: &Place) -> String {
    match place {
        Place::Kept { file, secret } => {
            MediaId { kind, file: *file, secret: secret.clone(), extension: String::new() }.to_string()
        }
        Place::Url(url) => url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_id_names_a_file_and_what_opens_it() {
        let (kind, secret) = (MediaKind::Image, Some("s-3_T".to_owned()));
        let id = MediaId { kind, file: FileId(0x1f), secret, extension: String::new() };
        assert_eq!(id.to_string(), "qiniu/image/j/0000000000000000000000000000001F.s-3_T");
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        let video = MediaId { extension: "mp4".to_owned(), ..id.clone() };
        assert_eq!(video.to_string(), "qiniu/image/j/0000000000000000000000000000001F.s-3_T.mp4");
        assert_eq!(video.to_string().parse(), Ok(video.clone()));
        assert_eq!(place(&video.to_string()), place(&id.to_string()), "it is the same file");
        for odd in ["", "no word", "much-too-long-a-word"] {
            let odd = MediaId { extension: odd.to_owned(), ..id.clone() };
            assert_eq!(odd.to_string(), id.to_string());
        }
        let open = MediaId { secret: None, kind: MediaKind::Voice, ..id };
        assert_eq!(open.to_string().parse(), Ok(open));
    }

    #[test]
    fn what_is_none_of_ours_is_a_url() {
        for text in [
            "",
            "qiniu/image/j/",
            "qiniu/film/j/0000000000000000000000000000001F",
            "qiniu/image/j/0000000000000000000000000000001F.",
            "qiniu/image/j/+000000000000000000000000000001F",
            "qiniu/image/j/0000000000000000000000000000001F. x",
            "https://cdn.example.com/a.png",
        ] {
            assert_eq!(place(text), Place::Url(text.to_owned()));
        }
    }
}
