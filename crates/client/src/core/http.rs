//! REST requests and answers as values; the shell carries them.

use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to carry.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Method,
    /// Below the app's base `{rest_url}/{org}/{app}`; begins with `/` and may hold a query.
    pub path: String,
    /// For the header `Authorization: Bearer …`.
    pub token: Option<String>,
    /// JSON; empty: none.
    pub body: Bytes,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the token nor the body, which may hold a password.
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// What came back, whatever the status.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// `x-kith-condition`.
    pub condition: Option<String>,
    /// `x-kith-trace`.
    pub trace: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

impl std::fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the body: that of the token route is a secret.
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("condition", &self.condition)
            .field("trace", &self.trace)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why nothing came back, from a request or from a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// This device has no network.
    NoNetwork,
    /// Nobody answers at that address, or it has no name.
    Unreachable,
    /// Somebody is there, and the connection could not be used: TLS, an upgrade that was refused.
    NoConnection,
    /// No answer in time.
    TimedOut,
    /// The connection ended before the answer did.
    Interrupted,
    /// The answer is larger than the SDK takes, or no HTTP.
    Malformed,
    /// The answers lead from one address to the next without an end.
    Redirects,
}

impl Failure {
    /// What an app is told.
    pub fn condition(self) -> Condition {
        match self {
            Self::NoNetwork => Condition::NetworkUnavailable,
            Self::Unreachable => Condition::ServerUnreachable,
            Self::NoConnection | Self::Interrupted => Condition::ConnectionFailed,
            Self::TimedOut => Condition::RequestTimeout,
            Self::Malformed => Condition::ResponseMalformed,
            Self::Redirects => Condition::UrlInvalid,
        }
    }
}
