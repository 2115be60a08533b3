//! Attachments: how large a file may be, how long it is kept, who may read it, and as what it is shown.
//!
//! What a sender says about a file (its name, its type) is data that others will see; nothing of it becomes a
//! path, and nothing that a browser would run leaves under its own type. Facts: easemob-rest.md 3.11 and 6.1,
//! msync.md 3.2. Where the bytes lie is `store`'s and `app`'s business.

use std::time::Duration;

use conditions::Condition;
use model::{FileId, GroupId, Timestamp, Uid, limits};
use thiserror::Error;

use crate::Refusal;
use crate::app::{Settings, ThumbnailScale};
use crate::file_content::ContentKind;

/// The smallest part that the web SDKs make of a large file (msync.md 3.2).
const PART_BYTES: u64 = 5 << 20;
/// A thumbnail's sides stay within these pixels, whatever an upload asks for.
const THUMBNAIL_SIDES: std::ops::RangeInclusive<u32> = 16..=1024;
/// No side of a thumbnail gets longer, however thin the picture is.
const THUMBNAIL_LONGEST_SIDE: f64 = 2048.0;
/// An image of at most this many bytes is its own thumbnail (easemob-rest.md 3.11).
pub const OWN_THUMBNAIL_BYTES: u64 = 10 << 10;
/// What a file is when its type is unknown or would be run by somebody.
pub const UNTYPED: &str = "application/octet-stream";

/// A file as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub id: FileId,
    /// `None`: the app's back end.
    pub uploader: Option<Uid>,
    pub name: String,
    /// As the uploader declared it, cleaned by [`media_type`].
    pub media_type: String,
    pub length: u64,
    /// Of the content, or of its parts' digests. Tells caches whether they have the same bytes.
    pub digest: [u8; 32],
    /// Opens the file to everybody who shows it.
    pub secret: String,
    /// Nobody reads it without the secret.
    pub restricted: bool,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
    pub thumbnail: ThumbnailBox,
    /// Where the uploader said that he would send it.
    pub target: Option<UploadTarget>,
    /// The group or room that it is shared in, whose members read it there.
    pub shared_in: Option<GroupId>,
}

/// The conversation that an upload names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadTarget {
    pub kind: TargetKind,
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    User,
    Group,
    Room,
}

impl UploadTarget {
    /// Names of users, groups and rooms are no longer; what is, is no target.
    pub fn new(kind: TargetKind, id: &str) -> Option<Self> {
        (!id.is_empty() && id.len() <= limits::USERNAME_BYTES).then(|| Self { kind, id: id.to_owned() })
    }
}

/// The size of a thumbnail that an upload asks for, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbnailBox {
    pub width: u32,
    pub height: u32,
}

impl ThumbnailBox {
    /// What the upload names, else what the app has; within what is sensible.
    pub fn asked(width: Option<u32>, height: Option<u32>, settings: &Settings) -> Self {
        let usual = u32::try_from(settings.files_thumbnail_pixels).unwrap_or(u32::MAX);
        let side = |asked: Option<u32>| {
            asked
                .filter(|pixels| *pixels > 0)
                .unwrap_or(usual)
                .clamp(*THUMBNAIL_SIDES.start(), *THUMBNAIL_SIDES.end())
        };
        Self { width: side(width), height: side(height) }
    }

    /// The thumbnail's size of a picture; `None` when that would not be smaller than the picture.
    pub fn fit(self, width: u32, height: u32, scale: ThumbnailScale) -> Option<(u32, u32)> {
        let (wide, high) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let (by_width, by_height) = (f64::from(self.width) / wide, f64::from(self.height) / high);
        let factor = match scale {
            ThumbnailScale::LongSide => by_width.min(by_height),
            ThumbnailScale::ShortSide => by_width.max(by_height),
        };
        let factor = factor.min(THUMBNAIL_LONGEST_SIDE / wide.max(high));
        if factor >= 1.0 {
            return None;
        }
        // Below the picture's own side, so the cast loses nothing but the fraction.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let side = |pixels: f64| ((pixels * factor).round() as u32).max(1);
        Some((side(wide), side(high)))
    }
}

/// Bytes that a user, or an app, has stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub bytes: u64,
    pub files: u64,
}

/// What the decision about an upload needs to know.
#[derive(Clone, Copy, Debug)]
pub struct UploadView<'a> {
    pub settings: &'a Settings,
    /// `None`: the app's back end, whose files count for the app only.
    pub of_user: Option<Usage>,
    pub of_app: Usage,
}

/// Why a file is not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UploadRefused {
    #[error("the file has more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the user's files would have more than {limit} bytes")]
    UserFull { limit: u64 },
    #[error("the app's files would have more than {limit} bytes")]
    AppFull { limit: u64 },
    #[error("a user may have {limit} unfinished uploads in parts")]
    TooManyOpen { limit: usize },
    #[error("parts are numbered from 1 to {limit}")]
    PartNumber { limit: u32 },
    #[error("part {number} is missing")]
    PartMissing { number: u32 },
    #[error("by its first bytes the file is one of a kind that the app does not take: {kind:?}")]
    Content { kind: ContentKind },
}

impl Refusal for UploadRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::TooLarge { .. } => Condition::FileTooLarge,
            Self::UserFull { .. } | Self::AppFull { .. } => Condition::FileQuotaExceeded,
            Self::TooManyOpen { .. } => Condition::LimitExceeded,
            Self::PartNumber { .. } | Self::PartMissing { .. } => Condition::FilePartMissing,
            Self::Content { .. } => Condition::FileContentRejected,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLarge { limit } | Self::UserFull { limit } | Self::AppFull { limit } => {
                vec![("limit", limit.to_string())]
            }
            Self::TooManyOpen { limit } => vec![("limit", limit.to_string())],
            Self::PartNumber { .. } | Self::Content { .. } => vec![],
            Self::PartMissing { number } => vec![("part", number.to_string())],
        }
    }
}

/// Whether a file of `length` bytes (so far, or as announced) is taken.
///
/// # Errors
/// [`UploadRefused`]: its size first, since that alone the caller can mend.
pub fn decide_upload(view: &UploadView<'_>, length: u64) -> Result<(), UploadRefused> {
    let settings = view.settings;
    if length > settings.files_bytes_limit {
        return Err(UploadRefused::TooLarge { limit: settings.files_bytes_limit });
    }
    let over = |used: Usage, limit: u64| limit != 0 && used.bytes.saturating_add(length) > limit;
    if view.of_user.is_some_and(|used| over(used, settings.files_user_bytes_limit)) {
        return Err(UploadRefused::UserFull { limit: settings.files_user_bytes_limit });
    }
    if over(view.of_app, settings.files_app_bytes_limit) {
        return Err(UploadRefused::AppFull { limit: settings.files_app_bytes_limit });
    }
    Ok(())
}

/// The size of parts that a client is told to make: as small as the SDKs like them, unless a file of the
/// largest size would then have too many.
pub fn part_bytes(settings: &Settings) -> u64 {
    settings.files_bytes_limit.div_ceil(u64::from(limits::FILE_PARTS)).max(PART_BYTES)
}

/// # Errors
/// [`UploadRefused::PartNumber`].
pub fn check_part_number(number: u32) -> Result<(), UploadRefused> {
    if (1..=limits::FILE_PARTS).contains(&number) {
        Ok(())
    } else {
        Err(UploadRefused::PartNumber { limit: limits::FILE_PARTS })
    }
}

/// The length of a file whose parts came as `(number, bytes)`, in the order of their numbers.
///
/// # Errors
/// [`UploadRefused::PartMissing`] naming the first; without any part that is number 1.
pub fn join_parts(parts: impl IntoIterator<Item = (u32, u64)>) -> Result<u64, UploadRefused> {
    let (mut length, mut last) = (0_u64, 0);
    for (number, bytes) in parts {
        if number != last + 1 {
            return Err(UploadRefused::PartMissing { number: last + 1 });
        }
        (length, last) = (length.saturating_add(bytes), number);
    }
    if last == 0 { Err(UploadRefused::PartMissing { number: 1 }) } else { Ok(length) }
}

/// Who asks for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// No token.
    Nobody,
    BackEnd,
    User(Uid),
}

/// What the reader showed for the file's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownSecret {
    Nothing,
    Right,
    Wrong,
}

/// Why a file is not given out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadRefused {
    #[error("there is no such file")]
    NotFound,
    #[error("the file was kept for its time")]
    Expired { file: FileId },
    #[error("neither a secret nor a token was shown for a restricted file")]
    NothingShown,
    #[error("the secret is not the file's")]
    WrongSecret,
    #[error("no secret was shown for another user's restricted file")]
    NotAllowed,
}

impl Refusal for ReadRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::NotFound => Condition::FileNotFound,
            Self::Expired { .. } => Condition::FileExpired,
            Self::NothingShown => Condition::CredentialsMissing,
            Self::WrongSecret => Condition::ShareSecretWrong,
            Self::NotAllowed => Condition::FileAccessDenied,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Expired { file } => vec![("file", file.to_string())],
            Self::NotFound | Self::NothingShown | Self::WrongSecret | Self::NotAllowed => Vec::new(),
        }
    }
}

/// Whether the secret alone decides, so that nobody needs to look at a token: tags of pictures carry none.
pub fn secret_decides(attachment: &Attachment, shown: ShownSecret) -> bool {
    !attachment.restricted || shown == ShownSecret::Right
}

/// Whether a reader gets a file: an unrestricted one everybody who knows its id; a restricted one with its
/// secret, and without one its uploader and the app's back end.
///
/// # Errors
/// [`ReadRefused`].
pub fn decide_read(
    attachment: &Attachment,
    reader: Reader,
    shown: ShownSecret,
    now: Timestamp,
) -> Result<(), ReadRefused> {
    if attachment.expires.is_some_and(|expires| expires <= now) {
        return Err(ReadRefused::Expired { file: attachment.id });
    }
    if secret_decides(attachment, shown) {
        return Ok(());
    }
    match (reader, shown) {
        (Reader::BackEnd, _) => Ok(()),
        (Reader::User(uid), _) if attachment.uploader == Some(uid) => Ok(()),
        (_, ShownSecret::Wrong) => Err(ReadRefused::WrongSecret),
        (Reader::Nobody, _) => Err(ReadRefused::NothingShown),
        (Reader::User(_), _) => Err(ReadRefused::NotAllowed),
    }
}

/// How long a file is to be kept (easemob-rest.md 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As the app keeps files, from the upload on.
    Default,
    /// The same, from now on.
    Refresh,
    Forever,
}

/// When a file that was uploaded at `created` goes; `None`: never.
pub fn expiry(
    settings: &Settings,
    lifetime: Lifetime,
    created: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let from = match lifetime {
        Lifetime::Default => created,
        Lifetime::Refresh => now,
        Lifetime::Forever => return None,
    };
    let days = settings.files_retention_days;
    (days != 0).then(|| from.plus(Duration::from_secs(days.saturating_mul(24 * 60 * 60))))
}

/// Whether `user` may say how long a file is kept: his own, as long as it is there.
pub fn may_change_lifetime(attachment: &Attachment, user: Uid, now: Timestamp) -> bool {
    attachment.uploader == Some(user) && attachment.expires.is_none_or(|expires| now < expires)
}

/// How browsers get a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation<'a> {
    pub media_type: &'a str,
    /// Shown in the page; otherwise saved.
    pub inline: bool,
}

/// The type that a file leaves under. Four kinds of pictures are shown; other pictures, sound, films, plain
/// text and PDF keep their type and are saved; everything else might be run by somebody and is only bytes.
pub fn presentation(media_type: &str) -> Presentation<'_> {
    match media_type {
        "image/jpeg" | "image/png" | "image/gif" | "image/webp" => Presentation { media_type, inline: true },
        "image/svg+xml" => Presentation { media_type: UNTYPED, inline: false },
        "text/plain" | "application/pdf" => Presentation { media_type, inline: false },
        _ => {
            let family = media_type.split('/').next().unwrap_or_default();
            let passive = matches!(family, "image" | "audio" | "video") && !media_type.ends_with("xml");
            Presentation { media_type: if passive { media_type } else { UNTYPED }, inline: false }
        }
    }
}

/// A declared media type without its parameters, in lower case; [`UNTYPED`] for what is none.
pub fn media_type(declared: &str) -> String {
    const LONGEST: usize = 100;
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let fits = essence.len() <= LONGEST
        && essence.split_once('/').is_some_and(|(family, kind)| token(family) && token(kind));
    if fits { essence } else { UNTYPED.to_owned() }
}

/// The type of the four kinds of pictures that are shown, by their first bytes: parts of a file come without a
/// type, and thumbnails are made of what is there, not of what somebody says.
pub fn picture_type(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// A file's name for people: without control characters, separators of paths, and characters that turn the
/// direction of writing (`exe.gpj` for `jpg.exe`). Never empty, never used as a path.
pub fn file_name(given: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut name = String::new();
    for character in given.chars().filter(|c| !c.is_control() && !turns(*c)) {
        let character = if matches!(character, '/' | '\\') { '_' } else { character };
        if name.len() + character.len_utf8() > limits::FILE_NAME_BYTES {
            break;
        }
        name.push(character);
    }
    let name = name.trim();
    if name.is_empty() || name.chars().all(|c| c == '.') { "file".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    fn attachment(restricted: bool) -> Attachment {
        Attachment {
            id: FileId(1),
            uploader: Some(Uid(7)),
            name: "a".to_owned(),
            media_type: UNTYPED.to_owned(),
            length: 1,
            digest: [0; 32],
            secret: "s".to_owned(),
            restricted,
            created: Timestamp(0),
            expires: Some(Timestamp(DAY_MS)),
            thumbnail: ThumbnailBox { width: 170, height: 170 },
            target: None,
            shared_in: None,
        }
    }

    #[test]
    fn who_reads_what() {
        use ShownSecret::{Nothing, Right, Wrong};
        let (nobody, back_end) = (Reader::Nobody, Reader::BackEnd);
        let (own, other) = (Reader::User(Uid(7)), Reader::User(Uid(8)));
        for (restricted, reader, shown, expected) in [
            (false, nobody, Nothing, Ok(())),
            (false, nobody, Wrong, Ok(())),
            (false, other, Nothing, Ok(())),
            (true, nobody, Right, Ok(())),
            (true, other, Right, Ok(())),
            (true, own, Nothing, Ok(())),
            (true, own, Wrong, Ok(())),
            (true, back_end, Nothing, Ok(())),
            (true, nobody, Nothing, Err(ReadRefused::NothingShown)),
            (true, nobody, Wrong, Err(ReadRefused::WrongSecret)),
            (true, other, Wrong, Err(ReadRefused::WrongSecret)),
            (true, other, Nothing, Err(ReadRefused::NotAllowed)),
        ] {
            let file = attachment(restricted);
            assert_eq!(
                decide_read(&file, reader, shown, Timestamp(5)),
                expected,
                "{restricted} {reader:?} {shown:?}"
            );
            let expired = Err(ReadRefused::Expired { file: FileId(1) });
            assert_eq!(decide_read(&file, reader, shown, Timestamp(DAY_MS)), expired);
        }
    }

    #[test]
    fn a_file_is_as_large_as_the_app_the_user_and_the_files_limit_allow() {
        let used = |bytes| Usage { bytes, files: 1 };
        let view = |settings, of_user, of_app| UploadView { settings, of_user, of_app };
        let open = Settings { files_bytes_limit: 100, ..Settings::default() };
        let limited = Settings { files_user_bytes_limit: 150, files_app_bytes_limit: 500, ..open.clone() };
        for (view, length, expected) in [
            (view(&open, Some(used(u64::MAX)), used(u64::MAX)), 100, Ok(())),
            (view(&open, None, used(0)), 101, Err(UploadRefused::TooLarge { limit: 100 })),
            (view(&limited, Some(used(50)), used(50)), 100, Ok(())),
            (view(&limited, Some(used(51)), used(51)), 100, Err(UploadRefused::UserFull { limit: 150 })),
            (view(&limited, Some(used(0)), used(401)), 100, Err(UploadRefused::AppFull { limit: 500 })),
            (view(&limited, None, used(400)), 100, Ok(())),
            (view(&limited, Some(used(u64::MAX)), used(0)), 1, Err(UploadRefused::UserFull { limit: 150 })),
        ] {
            assert_eq!(decide_upload(&view, length), expected, "{view:?} {length}");
        }
    }

    #[test]
    fn parts_make_a_file_when_none_is_missing() {
        assert_eq!(join_parts([(1, 5), (2, 5), (3, 1)]), Ok(11));
        for (parts, number) in [(vec![], 1), (vec![(2, 5)], 1), (vec![(1, 5), (3, 5)], 2)] {
            assert_eq!(join_parts(parts), Err(UploadRefused::PartMissing { number }));
        }
        assert!(check_part_number(1).is_ok() && check_part_number(limits::FILE_PARTS).is_ok());
        assert!(check_part_number(0).is_err() && check_part_number(limits::FILE_PARTS + 1).is_err());
        let settings = |bytes| Settings { files_bytes_limit: bytes, ..Settings::default() };
        assert_eq!(part_bytes(&settings(10 << 20)), 5 << 20);
        let huge = settings(1 << 40);
        assert!(part_bytes(&huge) * u64::from(limits::FILE_PARTS) >= 1 << 40);
    }

    #[test]
    fn files_stay_unless_the_app_says_how_long() {
        let (keeping, week) =
            (Settings::default(), Settings { files_retention_days: 7, ..Settings::default() });
        let (created, now) = (Timestamp(DAY_MS), Timestamp(3 * DAY_MS));
        let in_days = |days: u64| Some(Timestamp(days * DAY_MS));
        assert_eq!(expiry(&keeping, Lifetime::Default, created, now), None);
        assert_eq!(expiry(&keeping, Lifetime::Refresh, created, now), None);
        assert_eq!(expiry(&week, Lifetime::Default, created, now), in_days(8));
        assert_eq!(expiry(&week, Lifetime::Refresh, created, now), in_days(10));
        assert_eq!(expiry(&week, Lifetime::Forever, created, now), None);
        let file = attachment(false);
        assert!(may_change_lifetime(&file, Uid(7), Timestamp(5)));
        assert!(!may_change_lifetime(&file, Uid(8), Timestamp(5)));
        assert!(!may_change_lifetime(&file, Uid(7), Timestamp(DAY_MS)));
    }

    #[test]
    fn thumbnails_are_scaled_down_and_never_up() {
        use ThumbnailScale::{LongSide, ShortSide};
        let boxed = ThumbnailBox { width: 170, height: 170 };
        for (width, height, scale, expected) in [
            (1700, 850, LongSide, Some((170, 85))),
            (1700, 850, ShortSide, Some((340, 170))),
            (170, 170, LongSide, None),
            (100, 50, LongSide, None),
            (171, 10, ShortSide, None),
            (65_535, 1, LongSide, Some((170, 1))),
            (65_535, 300, ShortSide, Some((2048, 9))),
        ] {
            assert_eq!(boxed.fit(width, height, scale), expected, "{width}x{height} {scale:?}");
        }
        let settings = Settings::default();
        let asked = |width, height| ThumbnailBox::asked(width, height, &settings);
        assert_eq!(asked(None, Some(0)), boxed);
        assert_eq!(asked(Some(1), Some(u32::MAX)), ThumbnailBox { width: 16, height: 1024 });
    }

    #[test]
    fn nothing_that_a_browser_runs_leaves_under_its_own_type() {
        for (declared, sent, inline) in [
            ("image/png", "image/png", true),
            ("IMAGE/JPEG; name=x", "image/jpeg", true),
            ("image/svg+xml", UNTYPED, false),
            ("image/heic", "image/heic", false),
            ("text/html", UNTYPED, false),
            ("text/plain;charset=utf-8", "text/plain", false),
            ("application/javascript", UNTYPED, false),
            ("application/xhtml+xml", UNTYPED, false),
            ("video/mp4", "video/mp4", false),
            ("audio/x+xml", UNTYPED, false),
            ("", UNTYPED, false),
            ("image", UNTYPED, false),
            ("image/png\r\nx: y", UNTYPED, false),
            ("image/p ng", UNTYPED, false),
            ("a/b/c", UNTYPED, false),
        ] {
            let kept = media_type(declared);
            assert_eq!(presentation(&kept), Presentation { media_type: sent, inline }, "{declared:?}");
        }
        assert_eq!(media_type(&format!("image/{}", "x".repeat(200))), UNTYPED);
    }

    #[test]
    fn a_name_is_text_for_people_and_no_path() {
        for (given, kept) in [
            ("cat.png", "cat.png"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("C:\\boot.ini", "C:_boot.ini"),
            ("a\0b\r\nc", "abc"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("  ", "file"),
            ("", "file"),
            ("..", "file"),
            ("小猫.png", "小猫.png"),
        ] {
            assert_eq!(file_name(given), kept, "{given:?}");
        }
        let long = file_name(&"小".repeat(200));
        assert_eq!((long.len(), long.chars().count()), (255, 85));
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        assert_eq!(picture_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(picture_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(picture_type(b"GIF89a...."), Some("image/gif"));
        assert_eq!(picture_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for other in [b"".as_slice(), b"\xff\xd8", b"RIFF\0\0\0\0WAVE", b"<svg", b"GIF88a"] {
            assert_eq!(picture_type(other), None);
        }
    }
}
