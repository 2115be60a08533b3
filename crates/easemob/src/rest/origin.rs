//! Where clients reach this server, for the URLs in answers.

use std::fmt;
use std::str::FromStr;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use super::Options;

/// Scheme, host and port: `https://chat.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    authority: Authority,
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError {
    text: String,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no origin like https://chat.example.com or http://10.0.0.5:8080", self.text)
    }
}

impl std::error::Error for OriginError {}

impl Origin {
    /// The operator's word, else the request's `Host` header. A forged header changes nothing but the answer
    /// to whoever forged it.
    pub(crate) fn of_request(options: &Options, parts: &Parts) -> Self {
        if let Some(origin) = &options.public_origin {
            return origin.clone();
        }
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let https = match header("x-forwarded-proto") {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
            _ => options.tls,
        };
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = host.and_then(authority).or_else(|| parts.uri.authority().cloned());
        Self { https, authority: authority.unwrap_or_else(|| Authority::from_static("localhost")) }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host; an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    pub(crate) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.https { 443 } else { 80 })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let refused = || OriginError { text: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(refused)?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(refused()),
        };
        let authority = authority(rest.trim_end_matches('/')).ok_or_else(refused)?;
        Ok(Self { https, authority })
    }
}

/// A host and a port: `chat.example.com:6717`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAndPort(Authority);

/// A text that is no host with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAndPortError {
    text: String,
}

impl fmt::Display for HostAndPortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no host with a port like chat.example.com:6717", self.text)
    }
}

impl std::error::Error for HostAndPortError {}

impl HostAndPort {
    /// The host; an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host()
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port_u16().expect("it was not read without one")
    }
}

impl fmt::Display for HostAndPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HostAndPort {
    type Err = HostAndPortError;

    fn from_str(text: &str) -> Result<Self, HostAndPortError> {
        let authority = authority(text).filter(|authority| authority.port_u16().is_some());
        authority.map(Self).ok_or_else(|| HostAndPortError { text: text.to_owned() })
    }
}

/// A host with or without a port, and nothing else.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let plain = !text.contains('@') && !authority.host().is_empty();
    // `host:` and `host:70000` parse, and have no port.
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    (plain && has_port == authority.port_u16().is_some()).then_some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(headers: &[(&str, &str)], options: &Options) -> String {
        let mut request = http::Request::get("/demo/kith/users");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Origin::of_request(options, &request.body(()).unwrap().into_parts().0).to_string()
    }

    #[test]
    fn the_host_header_says_where_the_client_reached_us() {
        let options = Options::default();
        assert_eq!(seen(&[("host", "127.0.0.1:8080")], &options), "http://127.0.0.1:8080");
        assert_eq!(seen(&[("host", "[::1]:8080")], &options), "http://[::1]:8080");
        let proxied = [("host", "chat.example.com"), ("x-forwarded-proto", "https")];
        assert_eq!(seen(&proxied, &options), "https://chat.example.com");
        for host in ["user@evil", "a b", "", "host:70000", "host:", "a/b"] {
            assert_eq!(seen(&[("host", host)], &options), "http://localhost", "{host:?}");
        }
    }

    #[test]
    fn the_operators_word_counts_more() {
        let origin: Origin = "https://chat.example.com:8443/".parse().unwrap();
        assert_eq!((origin.scheme(), origin.host(), origin.port()), ("https", "chat.example.com", 8443));
        let options = Options { public_origin: Some(origin), ..Options::default() };
        assert_eq!(seen(&[("host", "10.0.0.5")], &options), "https://chat.example.com:8443");
    }

    #[test]
    fn a_host_needs_its_port_where_both_are_asked_for() {
        let address: HostAndPort = "[fd00::1]:6717".parse().unwrap();
        assert_eq!((address.host(), address.port()), ("[fd00::1]", 6717));
        for text in
            ["", "chat.example.com", "[fd00::1]", "a:", "a:70000", ":1", "https://a:1", "u@a:1", "a:1/b"]
        {
            assert!(text.parse::<HostAndPort>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["", "chat.example.com", "ftp://a", "https://", "https://a/b", "https://u:p@a"] {
            assert!(text.parse::<Origin>().is_err(), "{text:?}");
        }
    }
}
