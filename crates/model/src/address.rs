//! Addresses as limits count them.

use std::net::{IpAddr, Ipv6Addr};

/// Those who count as one caller: an IPv4 address, or the /64 network of an IPv6 address, since a single customer
/// has all 2⁶⁴ addresses of one (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl From<IpAddr> for AddressBlock {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> AddressBlock {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn a_customers_network_is_one_caller() {
        assert_eq!(block("2001:db8:1:2::3"), block("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(block("2001:db8:1:2::3"), block("2001:db8:1:3::3"));
        assert_ne!(block("192.0.2.7"), block("192.0.2.8"));
        assert_eq!(block("::ffff:192.0.2.7"), block("192.0.2.7"), "a mapped address is the IPv4 one");
    }
}
