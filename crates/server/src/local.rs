//! The admin API on a data folder that no server uses: commands open it, call, and close it.
//!
//! Nothing happens but what is called: the folder may be a copy, whose webhooks and pushes were sent long ago.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::admin::{self, Admin};
use crate::foundation::Foundation;
use crate::status::Status;
use crate::{Config, FolderError, StartError};

/// An opened data folder.
pub struct Local {
    foundation: Foundation,
    routes: Router,
}

impl Local {
    /// Takes the data folder, which is made when `create` says so.
    ///
    /// # Errors
    /// A server or another command uses it; it does not exist; it can't be used.
    pub async fn open(config: &Config, create: bool) -> Result<Self, StartError> {
        if !create && !config.data.is_dir() {
            return Err(FolderError::Missing { folder: config.data.clone() }.into());
        }
        let foundation = Foundation::open(config, false).await?;
        let status = Arc::new(Status::new(config.storage.engine.as_str(), None));
        let routes = admin::routes(Admin { use_cases: Arc::clone(&foundation.use_cases), status });
        Ok(Self { foundation, routes })
    }

    /// Calls a route of the admin API, whose path begins after `/admin/v1`. Answers like the server.
    pub async fn call(&self, method: Method, path: &str, body: Bytes) -> (StatusCode, Bytes) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body));
        let Ok(request) = request else { return (StatusCode::BAD_REQUEST, Bytes::new()) };
        let Ok(answer) = self.routes.clone().oneshot(request).await;
        let status = answer.status();
        let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        (status, body.unwrap_or_default())
    }

    /// Writes everything down and gives the folder back.
    pub async fn close(self) {
        self.foundation.close().await;
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("folder", &self.foundation.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_on_a_copy_calls_nobody_and_sweeps_nothing() {
        let root = tempfile::tempdir().unwrap();
        let config = Config { data: root.path().join("copy"), ..Config::default() };
        let local = Local::open(&config, true).await.unwrap();
        assert!(!local.foundation.works());
        local.close().await;
        let mut server = Foundation::open(&config, false).await.unwrap();
        server.start_jobs();
        assert!(server.works(), "a server does");
        server.close().await;
    }
}
