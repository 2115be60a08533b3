//! Where a call may go to. An owner's URL must not reach what only this machine can (reliability.md row 32).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// An address that an app's owner must not have called.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{address} is {what}; the setting webhook.private_targets allows such targets")]
pub struct TargetRefused {
    pub address: IpAddr,
    pub what: &'static str,
}

/// Decides whether an address may be called, given whether the app may reach private ones. Multicast and the like
/// nobody may.
///
/// # Errors
/// [`TargetRefused`] with what it is.
pub fn decide_target(address: IpAddr, private_allowed: bool) -> Result<(), TargetRefused> {
    let refused = |what| Err(TargetRefused { address, what });
    match kind(address) {
        Kind::Public => Ok(()),
        Kind::Private(_) if private_allowed => Ok(()),
        Kind::Private(what) | Kind::Unusable(what) => refused(what),
    }
}

enum Kind {
    Public,
    Private(&'static str),
    Unusable(&'static str),
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => embedded_v4(address).map_or_else(|| kind_v6(address), kind_v4),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let [first, second, third, _] = address.octets();
    match (first, second, third) {
        (127, ..) => Kind::Private("a loopback address"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Kind::Private("a private address"),
        // Where clouds keep their metadata.
        (169, 254, _) => Kind::Private("a link-local address"),
        (100, 64..=127, _) => Kind::Private("an address of a provider's inner network"),
        (192, 0, 0 | 2) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            Kind::Private("a reserved address")
        }
        (0, ..) => Kind::Unusable("no address of a host"),
        (224..=239, ..) => Kind::Unusable("a multicast address"),
        (240.., ..) => Kind::Unusable("a reserved address"),
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let first = address.segments()[0];
    match first {
        _ if address.is_loopback() => Kind::Private("a loopback address"),
        _ if address.is_unspecified() => Kind::Unusable("no address of a host"),
        0xfc00..=0xfdff => Kind::Private("a unique local address"),
        0xfe80..=0xfebf => Kind::Private("a link-local address"),
        0xfec0..=0xfeff => Kind::Private("a site-local address"),
        0xff00.. => Kind::Unusable("a multicast address"),
        // Global unicast, but for the part that documentation uses.
        0x2000..=0x3fff if !address.to_string().starts_with("2001:db8:") => Kind::Public,
        _ => Kind::Private("a reserved address"),
    }
}

/// The IPv4 address that an IPv6 one only wraps: mapped, compatible, NAT64 or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let tail = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(tail(12)),
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) != (0, 0) && (high, low) != (0, 1) => Some(tail(12)),
        [0x2002, ..] => Some(tail(2)),
        _ => None,
    }
}

/// Whether a text has the form of a URL that can be called. A user name in it would end up in logs.
pub(super) fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    !authority.is_empty()
        && !authority.contains('@')
        && !authority.starts_with(':')
        && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_called_unless_the_owner_says_so() {
        for (address, strict, lenient) in [
            ("93.184.216.34", true, true),
            ("2606:2800:220:1::1", true, true),
            ("127.0.0.1", false, true),
            ("127.9.9.9", false, true),
            ("10.0.0.1", false, true),
            ("172.15.0.1", true, true),
            ("172.16.0.1", false, true),
            ("172.31.255.255", false, true),
            ("172.32.0.1", true, true),
            ("192.168.1.1", false, true),
            ("169.254.169.254", false, true),
            ("100.64.0.1", false, true),
            ("100.128.0.1", true, true),
            ("192.0.2.1", false, true),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
            ("239.255.255.255", false, false),
            ("255.255.255.255", false, false),
            ("::", false, false),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:8.8.8.8", true, true),
            ("::7f00:1", false, true),
            ("64:ff9b::a9fe:a9fe", false, true),
            ("2002:7f00:1::", false, true),
            ("fc00::1", false, true),
            ("fd12:3456::1", false, true),
            ("fe80::1", false, true),
            ("ff02::1", false, false),
            ("2001:db8::1", false, true),
            ("5f00::1", false, true),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(decide_target(address, false).is_ok(), strict, "{address}");
            assert_eq!(decide_target(address, true).is_ok(), lenient, "{address} allowed");
        }
    }

    #[test]
    fn a_url_has_a_scheme_a_host_and_no_user_name() {
        for (text, expected) in [
            ("http://example.com", true),
            ("https://example.com:8443/a/b?c=d", true),
            ("http://[::1]:8080/", true),
            ("HTTP://example.com", false),
            ("ftp://example.com", false),
            ("http://", false),
            ("http:///path", false),
            ("http://:80/", false),
            ("http://user@example.com/", false),
            ("http://example.com/a b", false),
            ("http://example.com/\r\nx", false),
            ("http://exämple.com/", false),
            ("", false),
        ] {
            assert_eq!(is_url(text), expected, "{text:?}");
        }
    }
}
