//! A stream on which the refusals of the HTTP parser get words. It answers what it cannot read, before any of our code has
//! seen a request, with a status and nothing else; people then have nothing to look for, and clients that read a body in
//! JSON fail on its absence.
//!
//! Such an answer is recognised by what it is: it ends the connection, has no body, and says nothing of itself. No answer
//! of ours does.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use conditions::Condition;
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem::Problem;
use crate::registry::Registry;

pub(crate) struct Refusals<T> {
    stream: T,
    registry: Arc<Registry>,
    /// What is said instead, as far as it is not written yet.
    words: Bytes,
}

impl<T> Refusals<T> {
    pub(crate) fn new(stream: T, registry: Arc<Registry>) -> Self {
        Self { stream, registry, words: Bytes::new() }
    }

    pub(crate) fn into_inner(self) -> T {
        self.stream
    }

    /// True if the bytes are an empty refusal; then the words for it are to be written.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let Some(problem) = refused(bytes) else { return false };
        self.words = problem.render_last(self.registry.next_trace()).into();
        true
    }
}

impl<T: AsyncWrite + Unpin> Refusals<T> {
    fn poll_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.words.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.words))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.words.advance(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Refusals<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Refusals<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_words(cx))?;
        if self.takes(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_words(cx))?;
        if let [bytes] = slices
            && self.takes(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_words(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_words(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What an empty refusal of the parser is about.
fn refused(bytes: &[u8]) -> Option<Problem> {
    // Most of what is written is no head of such an answer, and seen to be none here.
    let rest = bytes.strip_prefix(b"HTTP/1.1 4").or_else(|| bytes.strip_prefix(b"HTTP/1.0 4"))?;
    let head = str::from_utf8(rest.strip_suffix(b"\r\n\r\n")?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?;
    let mut is_last = false;
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        match name {
            "connection" if value == "close" => is_last = true,
            "content-length" if value == "0" => {}
            "date" => {}
            _ => return None,
        }
    }
    let (status, description) = match status.get(..2)? {
        "00" => (
            StatusCode::BAD_REQUEST,
            "this is no HTTP request: its first line or a header can't be read; \
             write spaces and control characters in a URL as %20 and the like",
        ),
        "14" => (StatusCode::URI_TOO_LONG, "the URL is too long"),
        "31" => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the first line and the headers may have 16 KiB and 100 headers",
        ),
        _ => return None,
    };
    is_last.then_some(Problem {
        status,
        condition: Condition::ArgumentInvalid,
        error: "invalid_request",
        description,
        retry_after: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_refusal_that_ends_the_connection_gets_words() {
        let status = |answer: &str| refused(answer.as_bytes()).map(|problem| problem.status.as_u16());
        let date = "date: Sat, 21 Nov 2026 22:05:22 GMT\r\n";
        let last = "connection: close\r\ncontent-length: 0\r\n";
        assert_eq!(status(&format!("HTTP/1.1 400 Bad Request\r\n{last}{date}\r\n")), Some(400));
        assert_eq!(status(&format!("HTTP/1.0 414 URI Too Long\r\n{last}\r\n")), Some(414));
        assert_eq!(status(&format!("HTTP/1.1 431 Request Header Fields Too Large\r\n{last}\r\n")), Some(431));
        for answer in [
            format!("HTTP/1.1 404 Not Found\r\n{last}\r\n"),
            format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n{date}\r\n"),
            format!("HTTP/1.1 400 Bad Request\r\nx-kith-condition: body_malformed\r\n{last}\r\n"),
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\n".to_owned(),
            format!("HTTP/1.1 400 Bad Request\r\n{last}\r\n{{}}"),
            "HTTP/1.1 4\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(status(&answer), None, "{answer}");
        }
    }
}
