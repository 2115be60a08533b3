//! Bodies of the HTTP API.
