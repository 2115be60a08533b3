//! Apps that were written for JMessage: which app their key means, and uploads as that vendor has them (jmessage.md 2.6).
//!
//! The session itself speaks the other dialect's protocol; both are the same app at the server. A file is uploaded in two
//! steps: the server is asked for a token, and the store takes one file for it.

use std::time::Duration;

use conditions::{Condition, Operation};
use jmessage_wire::media::{MediaId, MediaKind as Kind};
use model::content::{Attached, Place};
use model::{AppKey, JMessageKey};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::Builder;
use super::builder::socket_of;
use super::http::{self, Http};
use crate::core::{HttpAnswer, HttpRequest, Method, of_answer};
use crate::media::{LocalFile, MediaKind, TransferFault};
use crate::{Error, Result};

/// How long the server may take to say what opens an upload.
const TOKEN_LIMIT: Duration = Duration::from_secs(15);

/// What a build of an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build<'a> {
    /// With its package name (application id).
    Android(&'a str),
    Ios,
    Web,
    Windows,
}

impl Build<'_> {
    fn platform(self) -> &'static str {
        match self {
            Self::Android(_) => "android",
            Self::Ios => "ios",
            Self::Web => "web",
            Self::Windows => "windows",
        }
    }

    fn package(self) -> Option<String> {
        match self {
            Self::Android(package) => Some(package.to_owned()),
            Self::Ios | Self::Web | Self::Windows => None,
        }
    }
}

impl Builder {
    /// For an app that was written for JMessage: the app key is that vendor's, 24 letters and digits, and the server is
    /// asked which app that is and whether it takes this build. `socket_url` counts for nothing then. Files are uploaded
    /// with tokens, as that vendor's clients do. Which table errors speak is still [`Builder::error_table`]'s to say.
    ///
    /// # Errors
    /// [`Condition::AppKeyInvalid`], [`Condition::UrlInvalid`]; of the server [`Condition::AppNotFound`],
    /// [`Condition::PackageMismatch`], [`Condition::PlatformMismatch`] and the like; those of the network.
    pub async fn jmessage(self, build: Build<'_>) -> Result<Self> {
        let table = self.table;
        self.of_jmessage(build).await.map_err(|error| error.in_table(table))
    }

    /// Where the store of files is, for clients of JMessage's (`upload_file` of its web SDK). Without it: the server.
    #[must_use]
    pub fn upload_url(mut self, url: &str) -> Self {
        self.upload_url = Some(url.to_owned());
        self
    }

    async fn of_jmessage(mut self, build: Build<'_>) -> Result<Self> {
        let key: JMessageKey = self.app_key.parse().map_err(|_| Error::new(Condition::AppKeyInvalid))?;
        let url = self.rest_url.trim_end_matches('/').to_owned();
        let socket_url = socket_of(&url)?;
        let body =
            json!({ "appkey": key.as_str(), "platform": build.platform(), "package": build.package() });
        let request = HttpRequest {
            method: Method::Post,
            path: "/v1/devices/build".to_owned(),
            token: None,
            body: body.to_string().into(),
        };
        let answer = Http::new(url.clone(), self.trusted()?)?.carry(request).await;
        let answer =
            answer.map_err(|broken| Error::new(broken.condition()).with_operation(Operation::Login))?;
        if answer.status != 200 {
            return Err(of_answer(&answer, Operation::Login));
        }
        let malformed = || Error::new(Condition::ResponseMalformed).with_operation(Operation::Login);
        let said: Value = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
        let app: AppKey = said["appkey"].as_str().and_then(|app| app.parse().ok()).ok_or_else(malformed)?;
        self.app_key = app.to_string();
        self.socket_url = socket_url;
        self.jmessage = Some(JMessage { key, url });
        Ok(self)
    }
}

/// How that vendor's clients upload.
#[derive(Clone, Debug)]
pub(super) struct JMessage {
    key: JMessageKey,
    /// The server.
    url: String,
}

impl JMessage {
    /// What opens one upload of this user, of so many bytes.
    ///
    /// # Errors
    /// [`TransferFault::NoToken`] without an answer, [`TransferFault::TokenRefused`].
    pub(super) async fn token(
        &self,
        http: &Http,
        token: &str,
        bytes: u64,
    ) -> std::result::Result<String, TransferFault> {
        let request = http.post_at(&format!("{}/v1/devices/uptoken?bytes={bytes}", self.url));
        let request = request.header("x-app-key", self.key.as_str()).bearer_auth(token);
        let whole = async {
            let response = request.send().await.map_err(|_| TransferFault::NoToken)?;
            http::answer(response).await.map_err(|_| TransferFault::NoToken)
        };
        let answer: HttpAnswer =
            tokio::time::timeout(TOKEN_LIMIT, whole).await.unwrap_or(Err(TransferFault::NoToken))?;
        let refused = || TransferFault::TokenRefused { status: answer.status, trace: answer.trace.clone() };
        if answer.status != 200 {
            return Err(refused());
        }
        let said: Value = serde_json::from_slice(&answer.body).map_err(|_| refused())?;
        said["uptoken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned).ok_or_else(refused)
    }

    /// The upload that the token opens, without its body. `at`: where the store is, if it is not the server.
    pub(super) fn request(
        &self,
        http: &Http,
        (user, token): (&str, &str),
        at: Option<&str>,
        file: &LocalFile,
    ) -> RequestBuilder {
        let own = format!("{}/resource", self.url);
        let kind = match file.kind {
            MediaKind::Image => Kind::Image,
            MediaKind::Voice => Kind::Voice,
            MediaKind::Video | MediaKind::File => Kind::File,
        };
        let request = http.post_at(&format!("{}?type={}", at.unwrap_or(&own), kind.name()));
        request.basic_auth(user, Some(token)).header("x-app-key", self.key.as_str())
    }
}

/// What the store made of an upload.
pub(super) fn uploaded(body: &[u8], file: &LocalFile) -> Option<Attached> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let id: MediaId = value["media_id"].as_str()?.parse().ok()?;
    let format = file.name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_owned());
    Some(Attached {
        at: Place::Kept { file: id.file, secret: id.secret },
        name: file.name.clone(),
        bytes: file.bytes,
        crc32: Some(file.crc32),
        format,
    })
}
