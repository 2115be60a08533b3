//! Who may call the admin API, and read metrics from elsewhere: whoever has the token of the data folder, and no
//! web page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use conditions::Condition;
use http::HeaderMap;
use http::header::{AUTHORIZATION, ORIGIN};
use subtle::ConstantTimeEq as _;

use crate::problem::Problem;

pub(crate) struct Guard {
    token: String,
}

impl Guard {
    pub(crate) fn new(token: String) -> Self {
        Self { token }
    }

    /// # Errors
    /// `admin_origin_refused`, `admin_token_wrong`.
    pub(crate) fn decide(&self, headers: &HeaderMap) -> Result<(), Problem> {
        // A browser adds it, so a page can't drive the server even when it got hold of a token.
        if headers.contains_key(ORIGIN) {
            return Err(Problem::plain(Condition::AdminOriginRefused));
        }
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        // The length of the token is no secret, its bytes are.
        let fits = bearer.is_some_and(|bearer| bearer.as_bytes().ct_eq(self.token.as_bytes()).into());
        if fits { Ok(()) } else { Err(Problem::plain(Condition::AdminTokenWrong)) }
    }
}

pub(crate) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.decide(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
