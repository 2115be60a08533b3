//! Versions of client SDKs, as they name themselves, and which of them an app still takes (jmessage.md 2.3).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Parts of a version, at most.
const PARTS: usize = 4;

/// A version such as `2.5.0`; none is below every other. Compared part by part, missing ones count as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SdkVersion([u32; PARTS]);

impl SdkVersion {
    /// `None` for what is no version: up to four numbers with dots between, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; PARTS];
        if text.is_empty() {
            return Some(Self(parts));
        }
        let mut given = text.split('.');
        for (part, text) in parts.iter_mut().zip(&mut given) {
            *part = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        }
        given.next().is_none().then_some(Self(parts))
    }

    /// As it is set; empty for none.
    pub fn show(&self) -> String {
        let Some(last) = self.0.iter().rposition(|part| *part != 0) else { return String::new() };
        let mut shown = self.0[0].to_string();
        for part in &self.0[1..=last.max(2)] {
            let _ = write!(shown, ".{part}");
        }
        shown
    }

    /// Whether a client of this version is one of those that `self` is the oldest of. What names no version that can be
    /// read is older than all.
    pub fn admits(&self, client: Option<&str>) -> bool {
        let client = client.and_then(Self::parse).unwrap_or_default();
        client >= *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let oldest = SdkVersion::parse("2.5").unwrap();
        for (client, expected) in [
            (Some("2.5.0"), true),
            (Some("2.10.0"), true),
            (Some("3"), true),
            (Some("2.4.9"), false),
            (Some("new"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(oldest.admits(client), expected, "{client:?}");
            assert!(SdkVersion::default().admits(client), "{client:?}");
        }
    }

    #[test]
    fn a_version_is_shown_as_it_can_be_set() {
        for (text, shown) in
            [("", ""), ("2.5", "2.5.0"), ("2.6.1", "2.6.1"), ("1.2.3.4", "1.2.3.4"), ("0", "")]
        {
            assert_eq!(SdkVersion::parse(text).unwrap().show(), shown);
            assert_eq!(SdkVersion::parse(shown), SdkVersion::parse(text));
        }
        for text in ["2.", ".1", "a", "1.2.3.4.5", "+1", "99999999999"] {
            assert_eq!(SdkVersion::parse(text), None, "{text}");
        }
    }
}
