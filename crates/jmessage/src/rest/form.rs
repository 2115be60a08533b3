//! A form with one file as a request body: read as it comes.

use std::time::Duration;

use app::Error;
use axum::body::Body;
use bytes::Bytes;
use conditions::Condition;
use form_wire::{FormEvent, Multipart, MultipartError, PartHead};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes of all fields that are no file.
const FIELDS_BYTES_LIMIT: usize = 64 << 10;
/// What is still read, and how long, of a body that was refused: a client that is cut off in the middle of its sending
/// does not look for an answer.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct Form {
    parser: Multipart,
    body: Body,
    is_over: bool,
    stall_limit: Duration,
}

impl Form {
    /// `stall_limit` is how long the sender may send nothing.
    ///
    /// # Errors
    /// `body_malformed` when the body is no form.
    pub(crate) fn new(headers: &HeaderMap, body: Body, stall_limit: Duration) -> Result<Self, Error> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let parser = media_type.and_then(Multipart::new);
        let parser = parser.ok_or_else(|| malformed("the body is no form"))?;
        Ok(Self { parser, body, is_over: false, stall_limit })
    }

    /// The head of the file, whose content follows; fields before it are read over. `None`: there is none.
    ///
    /// # Errors
    /// `body_malformed`, `body_too_large`, `request_body_timeout`.
    pub(crate) async fn file(&mut self) -> Result<Option<PartHead>, Error> {
        let mut passed = 0;
        loop {
            match self.next().await? {
                FormEvent::Part(head) if head.file_name.is_some() || head.name == "filename" => {
                    return Ok(Some(head));
                }
                FormEvent::Content(bytes) => {
                    passed += bytes.len();
                    if passed > FIELDS_BYTES_LIMIT {
                        let limit = vec![("limit", FIELDS_BYTES_LIMIT.to_string())];
                        return Err(Error::refused(Condition::BodyTooLarge, limit));
                    }
                }
                FormEvent::Part(_) | FormEvent::PartEnd => {}
                FormEvent::End => return Ok(None),
            }
        }
    }

    /// The next bytes of the file; `None` at its end.
    ///
    /// # Errors
    /// As [`Form::file`].
    pub(crate) async fn content(&mut self) -> Result<Option<Bytes>, Error> {
        match self.next().await? {
            FormEvent::Content(bytes) => Ok(Some(bytes)),
            FormEvent::PartEnd | FormEvent::Part(_) | FormEvent::End => Ok(None),
        }
    }

    /// Reads on without looking, so that the answer reaches the sender.
    pub(crate) async fn drain(self) {
        if !self.is_over {
            drain(self.body).await;
        }
    }

    async fn next(&mut self) -> Result<FormEvent, Error> {
        let no_form = |error: MultipartError| malformed(&error.to_string());
        loop {
            if let Some(event) = self.parser.next_event().map_err(no_form)? {
                return Ok(event);
            }
            let frame = timeout(self.stall_limit, self.body.frame()).await;
            match frame.map_err(|_| Error::plain(Condition::RequestBodyTimeout))? {
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.parser.feed(bytes);
                    }
                }
                Some(Err(_)) => {
                    self.is_over = true;
                    return Err(no_form(MultipartError::Truncated));
                }
                None => {
                    self.is_over = true;
                    self.parser.finish().map_err(no_form)?;
                    return Ok(FormEvent::End);
                }
            }
        }
    }
}

/// Reads a body that was refused as it is, so that the answer reaches the sender.
pub(crate) async fn drain(mut body: Body) {
    let end = Instant::now() + DRAIN_LIMIT;
    let mut drained = 0;
    while drained < DRAIN_BYTES {
        match timeout_at(end, body.frame()).await {
            Ok(Some(Ok(frame))) => drained += frame.data_ref().map_or(0, Bytes::len),
            Ok(None | Some(Err(_))) | Err(_) => return,
        }
    }
}

fn malformed(detail: &str) -> Error {
    Error::refused(Condition::BodyMalformed, vec![("detail", detail.to_owned())])
}
