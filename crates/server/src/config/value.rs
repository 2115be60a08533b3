//! Values as operators write them: durations and sizes with a unit, lists, files.
//!
//! Each reads itself from TOML or from the text of a variable, and writes itself as TOML for the example.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use easemob::rest::{HostAndPort, HostAndPortError, Origin, OriginError};
use gateway::Network;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value that can be shown as TOML; `None` when it is not set.
pub(crate) trait Show {
    fn show(&self) -> Option<String>;
}

/// A duration: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

const SPAN_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Span {
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = read_with_unit(text, &SPAN_UNITS);
        let millis = millis.ok_or_else(|| {
            format!("{text:?} is no duration; write a number with a unit, like \"250ms\", \"10s\" or \"5m\"")
        })?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        write_with_unit(f, millis, &SPAN_UNITS, "s")
    }
}

/// A number of bytes: a whole number and `B`, `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    /// As a length in memory. What does not fit is as good as no limit.
    pub(crate) fn length(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = read_with_unit(text, &SIZE_UNITS);
        let bytes = bytes.ok_or_else(|| {
            format!("{text:?} is no size; write a number with a unit, like \"512B\", \"64KiB\" or \"1GiB\"")
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_with_unit(f, self.0, &SIZE_UNITS, "B")
    }
}

fn read_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn write_with_unit(
    f: &mut fmt::Formatter<'_>,
    value: u64,
    units: &[(&str, u64)],
    unit_of_zero: &str,
) -> fmt::Result {
    let fits = units.iter().find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    match fits {
        Some((name, factor)) => write!(f, "{}{name}", value / factor),
        None => write!(f, "{value}{unit_of_zero}"),
    }
}

/// A list: a TOML array, or texts with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(std::marker::PhantomData<T>);

        impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| item.parse().map_err(E::custom)).collect::<Result<_, E>>().map(List)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element::<String>()? {
                    list.push(item.parse().map_err(A::Error::custom)?);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_any(Items(std::marker::PhantomData))
    }
}

/// An address to listen on, `127.0.0.1:8080` or `[::]:8080`. Port 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("{text:?} is no address; write IP:PORT, like \"127.0.0.1:8080\" or \"[::]:8080\"")
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The server's own origin, `https://chat.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin(pub Origin);

impl FromStr for PublicOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A host and a port for clients, `chat.example.com:6717`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAddress(pub HostAndPort);

impl FromStr for PublicAddress {
    type Err = HostAndPortError;

    fn from_str(text: &str) -> Result<Self, HostAndPortError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a database is, with its password: kept out of logs by its `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub String);

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// A secret, kept out of logs by its `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Types that are read from a text.
macro_rules! from_text {
    ($($type:ty: $expects:literal),+ $(,)?) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expects)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl Show for $type {
            fn show(&self) -> Option<String> {
                Some(quoted(&self.to_string()))
            }
        }
    )+};
}
from_text! {
    Span: "a duration with a unit, like \"10s\"",
    Size: "a size with a unit, like \"64MiB\"",
    PublicOrigin: "an origin, like \"https://chat.example.com\"",
    PublicAddress: "a host and a port, like \"chat.example.com:6717\"",
    DatabaseUrl: "the address of a database, like \"postgres://kith@localhost/kith\"",
    Secret: "a text",
    Listen: "an address, like \"127.0.0.1:8080\"",
}

macro_rules! shown_bare {
    ($($type:ty),+) => {$(
        impl Show for $type {
            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )+};
}
shown_bare!(bool, u32, u64, usize);

impl Show for String {
    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl Show for PathBuf {
    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Show::show)
    }
}

impl Show for List<String> {
    fn show(&self) -> Option<String> {
        Some(array(self.0.iter().map(String::clone)))
    }
}

impl Show for List<Network> {
    fn show(&self) -> Option<String> {
        Some(array(self.0.iter().map(|network| format!("{network:?}"))))
    }
}

fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

fn quoted(text: &str) -> String {
    // JSON's escapes are a subset of those of a TOML basic string.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_shown_with_their_unit() {
        for text in ["250ms", "10s", "2m", "1h", "7d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("90 s".parse::<Span>().unwrap(), Span::seconds(90));
        assert_eq!("0s".parse::<Span>().unwrap().to_string(), "0s");
        for text in ["512B", "64KiB", "3MiB", "2GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_has_no_unit_or_does_not_fit_is_refused() {
        for text in ["", "10", "s", "-1s", "1.5s", "1 week", "99999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text:?} was accepted");
        }
        for text in ["64", "64MB", "1e3KiB", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?} was accepted");
        }
    }
}
