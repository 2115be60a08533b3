//! A form with files as a request's body: read as it comes, with a bound for what is no file and for how long nothing
//! may come. What the dialects' uploads have in common.
//!
//! It knows no route and no field: which parts there are to be is for the dialect, as is what it answers to a body that
//! is no form. The bytes of a form are `form-wire`'s.

use std::time::Duration;

use app::Error;
use bytes::Bytes;
use conditions::Condition;
use form_wire::{FormEvent, Multipart, MultipartError};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

pub use form_wire::PartHead;

/// Bytes of all parts that are read as fields or passed over.
const FIELDS_BYTES_LIMIT: usize = 64 << 10;
/// What is still read, and how long, of a body that was refused: a client that is cut off in the middle of its
/// sending does not look for an answer.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// A form that is being received.
#[derive(Debug)]
pub struct Form<B> {
    parser: Multipart,
    body: B,
    is_over: bool,
    fields_bytes: usize,
    stall_limit: Duration,
    announced: u64,
}

impl<B: BodyExt<Data = Bytes> + Unpin> Form<B> {
    /// `stall_limit` is how long the sender may send nothing. `None`: the body is no form.
    pub fn new(headers: &HeaderMap, body: B, stall_limit: Duration) -> Option<Self> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let parser = header(CONTENT_TYPE).and_then(Multipart::new)?;
        let length: u64 = header(CONTENT_LENGTH).and_then(|text| text.parse().ok()).unwrap_or(0);
        let announced = length.saturating_sub(FIELDS_BYTES_LIMIT as u64);
        Some(Self { parser, body, is_over: false, fields_bytes: 0, stall_limit, announced })
    }

    /// Bytes that the file in it may have, by what the request announced; 0 when it did not.
    pub fn announced(&self) -> u64 {
        self.announced
    }

    /// The head of the next part, after what is left of the one before; `None` at the end.
    ///
    /// # Errors
    /// `body_malformed`, `body_too_large`, `request_body_timeout`.
    pub async fn next_part(&mut self) -> Result<Option<PartHead>, Error> {
        loop {
            match self.next().await? {
                FormEvent::Part(head) => return Ok(Some(head)),
                FormEvent::Content(bytes) => self.count(bytes.len())?,
                FormEvent::PartEnd => {}
                FormEvent::End => return Ok(None),
            }
        }
    }

    /// The next bytes of the part; `None` at its end.
    ///
    /// # Errors
    /// As [`Form::next_part`].
    pub async fn content(&mut self) -> Result<Option<Bytes>, Error> {
        match self.next().await? {
            FormEvent::Content(bytes) => Ok(Some(bytes)),
            // A content ends with its own event; behind the last part there is none.
            FormEvent::PartEnd | FormEvent::Part(_) | FormEvent::End => Ok(None),
        }
    }

    /// The value of the part as a field.
    ///
    /// # Errors
    /// As [`Form::next_part`].
    pub async fn field(&mut self) -> Result<String, Error> {
        let mut value = Vec::new();
        while let Some(bytes) = self.content().await? {
            self.count(bytes.len())?;
            value.extend_from_slice(&bytes);
        }
        Ok(String::from_utf8_lossy(&value).trim().to_owned())
    }

    /// Reads on without looking, so that the refusal reaches the sender.
    pub async fn drain(self) {
        if !self.is_over {
            drain(self.body).await;
        }
    }

    async fn next(&mut self) -> Result<FormEvent, Error> {
        loop {
            if let Some(event) = self.parser.next_event().map_err(malformed)? {
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
                    return Err(malformed(MultipartError::Truncated));
                }
                None => {
                    self.is_over = true;
                    self.parser.finish().map_err(malformed)?;
                    return Ok(FormEvent::End);
                }
            }
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        self.fields_bytes += bytes;
        if self.fields_bytes <= FIELDS_BYTES_LIMIT {
            return Ok(());
        }
        let limit = FIELDS_BYTES_LIMIT.to_string();
        Err(Error::refused(Condition::BodyTooLarge, vec![("limit", limit)]))
    }
}

/// Reads a body that was refused as it is, so that the refusal reaches the sender.
pub async fn drain(mut body: impl BodyExt<Data = Bytes> + Unpin) {
    let end = Instant::now() + DRAIN_LIMIT;
    let mut drained = 0;
    while drained < DRAIN_BYTES {
        match timeout_at(end, body.frame()).await {
            Ok(Some(Ok(frame))) => drained += frame.data_ref().map_or(0, Bytes::len),
            Ok(None | Some(Err(_))) | Err(_) => return,
        }
    }
}

fn malformed(error: MultipartError) -> Error {
    Error::refused(Condition::BodyMalformed, vec![("detail", error.to_string())])
}
