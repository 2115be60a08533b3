//! What a file is by its first bytes, and which kinds an app's owner does not want uploaded (easemob-rest.md 8.2, 406).
//! Names and declared types are the uploader's word; the bytes are what the receiver's machine will look at.

use serde::{Deserialize, Serialize};

use crate::app::Settings;
use crate::attachment::UploadRefused;

/// Bytes that tell the kinds apart.
pub const HEAD_BYTES: usize = 64;

/// A kind of content that can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// Programs and scripts of any system.
    Executable,
    /// Packed files, which hide what is in them; today's office documents and apps for phones are such.
    Archive,
    /// Pages and drawings that a browser would run scripts of.
    Markup,
    Pdf,
}

impl ContentKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Executable, "executable"),
        (Self::Archive, "archive"),
        (Self::Markup, "markup"),
        (Self::Pdf, "pdf"),
    ];

    /// The kind of a file that begins so; `None`: none of these.
    pub fn of(head: &[u8]) -> Option<Self> {
        const MAGIC: &[(&[u8], ContentKind)] = &[
            (b"MZ", ContentKind::Executable),
            (b"\x7fELF", ContentKind::Executable),
            (b"#!", ContentKind::Executable),
            // Mach-O in both orders and widths; the last is Java's too.
            (b"\xfe\xed\xfa\xce", ContentKind::Executable),
            (b"\xfe\xed\xfa\xcf", ContentKind::Executable),
            (b"\xce\xfa\xed\xfe", ContentKind::Executable),
            (b"\xcf\xfa\xed\xfe", ContentKind::Executable),
            (b"\xca\xfe\xba\xbe", ContentKind::Executable),
            (b"PK\x03\x04", ContentKind::Archive),
            (b"PK\x05\x06", ContentKind::Archive),
            (b"\x1f\x8b", ContentKind::Archive),
            (b"BZh", ContentKind::Archive),
            (b"Rar!\x1a\x07", ContentKind::Archive),
            (b"7z\xbc\xaf\x27\x1c", ContentKind::Archive),
            (b"\xfd7zXZ\x00", ContentKind::Archive),
            (b"\x28\xb5\x2f\xfd", ContentKind::Archive),
            (b"%PDF-", ContentKind::Pdf),
        ];
        let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
        known.or_else(|| is_markup(head).then_some(Self::Markup))
    }
}

/// Browsers look behind blanks and a byte order mark, in any case.
fn is_markup(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    let tags: [&[u8]; 9] =
        [b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<svg", b"<?xml", b"<iframe", b"<!--"];
    tags.iter().any(|tag| text.starts_with(tag))
}

/// Kinds that an app does not take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedContent(Vec<ContentKind>);

impl RefusedContent {
    /// Names with commas between them; nothing is none.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = |name: &str| {
            ContentKind::ALL.iter().find(|(_, known)| *known == name.trim()).map(|(kind, _)| *kind)
        };
        let mut kinds = Vec::new();
        for name in text.split(',').filter(|name| !name.trim().is_empty()) {
            let kind = kind(name)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Some(Self(kinds))
    }

    /// As [`RefusedContent::parse`] reads it.
    pub fn show(&self) -> String {
        let names = ContentKind::ALL.iter().filter(|(kind, _)| self.0.contains(kind)).map(|(_, name)| *name);
        names.collect::<Vec<_>>().join(",")
    }
}

/// Looks at the first bytes of a file whose bytes have arrived.
///
/// # Errors
/// [`UploadRefused::Content`].
pub fn check_content(settings: &Settings, head: &[u8]) -> Result<(), UploadRefused> {
    match ContentKind::of(head) {
        Some(kind) if settings.files_refused_content.0.contains(&kind) => {
            Err(UploadRefused::Content { kind })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (head, kind) in [
            (&b"MZ\x90\x00"[..], Some(ContentKind::Executable)),
            (b"\x7fELF\x02\x01", Some(ContentKind::Executable)),
            (b"#!/bin/sh\n", Some(ContentKind::Executable)),
            (b"PK\x03\x04\x14", Some(ContentKind::Archive)),
            (b"\x1f\x8b\x08", Some(ContentKind::Archive)),
            (b"\xef\xbb\xbf \n<!DOCTYPE html>", Some(ContentKind::Markup)),
            (b"<SVG onload=alert(1)>", Some(ContentKind::Markup)),
            (b"%PDF-1.7", Some(ContentKind::Pdf)),
            (b"\x89PNG\r\n\x1a\n", None),
            (b"1 < 2", None),
            (b"", None),
        ] {
            assert_eq!(ContentKind::of(head), kind, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn only_what_the_owner_names_is_refused() {
        let mut settings = Settings::default();
        assert_eq!(check_content(&settings, b"MZ"), Ok(()));
        settings.set("files.refused_content", "archive, executable,archive").unwrap();
        assert_eq!(settings.files_refused_content.show(), "executable,archive");
        let refused = UploadRefused::Content { kind: ContentKind::Executable };
        assert_eq!(check_content(&settings, b"MZ"), Err(refused));
        assert_eq!(check_content(&settings, b"%PDF-1.7"), Ok(()));
        settings.set("files.refused_content", "films").unwrap_err();
        settings.set("files.refused_content", "").unwrap();
        assert_eq!(check_content(&settings, b"MZ"), Ok(()));
    }
}
