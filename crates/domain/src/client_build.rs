//! Which builds of an app's client it takes: of which platforms, and under which package names.
//!
//! A client says itself what it is, so this keeps mistakes out, not strangers: a build variant with a suffix, a key that
//! was copied into another project.

use conditions::Condition;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::app::Settings;
use crate::refused::Refusal;

/// Longest name of a package, in bytes, and most of them in a setting.
const PACKAGE_BYTES: usize = 255;
const PACKAGES: usize = 32;

/// Where a client runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientPlatform {
    Android,
    Ios,
    Web,
    Windows,
}

impl ClientPlatform {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Android, "android"), (Self::Ios, "ios"), (Self::Web, "web"), (Self::Windows, "windows")];

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(platform, _)| *platform == self).map_or("", |(_, name)| name)
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(platform, _)| *platform)
    }
}

/// Platforms that an app is for; none named: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platforms(Vec<ClientPlatform>);

impl Platforms {
    /// Names with commas between them; nothing is all.
    pub fn parse(text: &str) -> Option<Self> {
        names(text).map(ClientPlatform::parse).collect::<Option<_>>().map(Self)
    }

    pub fn show(&self) -> String {
        self.0.iter().map(|platform| platform.as_str()).collect::<Vec<_>>().join(",")
    }
}

/// Package names (application ids) of an app's Android builds; none named: any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packages(Vec<String>);

impl Packages {
    /// Names with commas between them; nothing is any.
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &&str| {
            let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            name.len() <= PACKAGE_BYTES && name.bytes().all(is_of_names)
        };
        let all: Vec<String> =
            names(text).map(|name| is_name(&name).then(|| name.to_owned())).collect::<Option<_>>()?;
        (all.len() <= PACKAGES).then_some(Self(all))
    }

    pub fn show(&self) -> String {
        self.0.join(",")
    }
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Why a build is not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BuildRefused {
    #[error("the app is not for this platform (clients.platforms)")]
    Platform,
    #[error("the app has no Android build of this package name (clients.packages)")]
    Package,
}

impl Refusal for BuildRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Platform => Condition::PlatformMismatch,
            Self::Package => Condition::PackageMismatch,
        }
    }
}

/// Whether an app takes a build. Order: its platform, then the package of an Android build.
///
/// # Errors
/// [`BuildRefused`].
pub fn check(settings: &Settings, platform: ClientPlatform, package: &str) -> Result<(), BuildRefused> {
    let (platforms, packages) = (&settings.client_platforms.0, &settings.client_packages.0);
    if !platforms.is_empty() && !platforms.contains(&platform) {
        return Err(BuildRefused::Platform);
    }
    let is_known = packages.is_empty() || packages.iter().any(|known| known == package);
    if platform == ClientPlatform::Android && !is_known { Err(BuildRefused::Package) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_takes_the_builds_that_it_names_and_all_if_it_names_none() {
        use ClientPlatform::{Android, Ios};
        let mut settings = Settings::default();
        assert_eq!(check(&settings, Android, "any.thing"), Ok(()));
        settings.set("clients.platforms", "android, web").unwrap();
        settings.set("clients.packages", "com.example.app,com.example.app.debug").unwrap();
        assert_eq!(check(&settings, Ios, "com.example.app"), Err(BuildRefused::Platform));
        assert_eq!(check(&settings, Android, "com.example.app.debug"), Ok(()));
        assert_eq!(check(&settings, Android, "com.example.other"), Err(BuildRefused::Package));
        settings.set("clients.platforms", "").unwrap();
        assert_eq!(check(&settings, Ios, "a bundle id is not asked for"), Ok(()));
        assert_eq!(settings.client_packages.show(), "com.example.app,com.example.app.debug");
        for (name, wrong) in [("clients.platforms", "amiga"), ("clients.packages", "two words")] {
            assert!(settings.set(name, wrong).is_err(), "{wrong}");
        }
    }
}
