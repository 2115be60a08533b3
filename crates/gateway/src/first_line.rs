//! A stream whose first request may have characters in its query that have no place there, such as
//! `?ql=select * where timestamp>1`, which old clients write as they are (easemob-rest.md 9). The HTTP parser refuses
//! such a request with an empty answer, so they are percent-encoded before it sees them.
//!
//! Only the query of a connection's first request line is looked at: where a later request begins depends on the bodies
//! before it, which only the parser knows. What no line can have (other spaces, control characters) stays as it is, and is
//! refused. After that line, bytes pass untouched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that the line may have; a longer one passes as it is.
const LINE_BYTES: usize = 8 << 10;

pub(crate) struct FirstLine<T> {
    stream: T,
    state: State,
}

enum State {
    /// The line is not there yet. Holds what came of it, if that was not all at once.
    Waiting(Vec<u8>),
    /// Bytes that were read, and how many of them the reader has.
    Giving(Vec<u8>, usize),
    Passing,
}

impl<T> FirstLine<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, state: State::Waiting(Vec::new()) }
    }

    /// The stream, and what was read of it that no reader has.
    pub(crate) fn into_parts(self) -> (T, Vec<u8>) {
        let rest = match self.state {
            State::Waiting(held) => held,
            State::Giving(bytes, given) => bytes[given..].to_vec(),
            State::Passing => Vec::new(),
        };
        (self.stream, rest)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for FirstLine<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, state } = self.get_mut();
        loop {
            match state {
                State::Passing => return Pin::new(stream).poll_read(cx, buffer),
                State::Giving(bytes, given) => {
                    let count = buffer.remaining().min(bytes.len() - *given);
                    buffer.put_slice(&bytes[*given..*given + count]);
                    *given += count;
                    if *given == bytes.len() {
                        *state = State::Passing;
                    }
                    return Poll::Ready(Ok(()));
                }
                State::Waiting(held) => {
                    let before = buffer.filled().len();
                    ready!(Pin::new(&mut *stream).poll_read(cx, buffer))?;
                    let came = &buffer.filled()[before..];
                    let is_end = came.is_empty();
                    if held.is_empty() {
                        if is_end {
                            return Poll::Ready(Ok(()));
                        }
                        // Nearly always: the whole line, with nothing to mend.
                        if let Some(line) = line_of(came)
                            && mended(line).is_none()
                        {
                            *state = State::Passing;
                            return Poll::Ready(Ok(()));
                        }
                    }
                    held.extend_from_slice(came);
                    buffer.set_filled(before);
                    let line = line_of(held);
                    if line.is_none() && held.len() < LINE_BYTES && !is_end {
                        continue;
                    }
                    let new = line.and_then(|line| Some((line.len(), mended(line)?)));
                    let mut bytes = std::mem::take(held);
                    if let Some((length, new)) = new {
                        bytes.splice(..length, new);
                    }
                    *state = State::Giving(bytes, 0);
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for FirstLine<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The first line without its end; `None`: it is not complete.
fn line_of(bytes: &[u8]) -> Option<&[u8]> {
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        // Parsers skip empty lines at the beginning; no client that is to be helped sends them.
        return Some(&[]);
    }
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = &bytes[..end];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// `METHOD target HTTP/1.x` with the query of its target as it has to be; `None`: it is that already, or it is no such
/// line. The path stays as it is, and so does all that anybody decides by it.
fn mended(line: &[u8]) -> Option<Vec<u8>> {
    let query = line.iter().position(|byte| *byte == b'?')? + 1;
    let version = line.iter().rposition(|byte| *byte == b' ')?;
    let head = &line[..query];
    let spaces = head.iter().filter(|byte| **byte == b' ').count();
    if version < query || spaces != 1 || !matches!(&line[version..], b" HTTP/1.1" | b" HTTP/1.0") {
        return None;
    }
    let asked = &line[query..version];
    if !asked.iter().copied().any(is_misplaced) || asked.iter().any(u8::is_ascii_control) {
        return None;
    }
    let mut new = head.to_vec();
    for byte in asked {
        if is_misplaced(*byte) {
            new.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            new.push(*byte);
        }
    }
    new.extend_from_slice(&line[version..]);
    Some(new)
}

/// What the parser takes for no part of a query. It takes all others that can be printed, and those of UTF-8.
fn is_misplaced(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn mend(line: &str) -> String {
        let new = mended(line.as_bytes()).unwrap_or_else(|| line.as_bytes().to_vec());
        String::from_utf8(new).unwrap()
    }

    #[test]
    fn a_query_is_mended_and_nothing_else() {
        for (line, expected) in [
            (
                "GET /o/a/chatmessages?ql=select * where timestamp>1&limit=2 HTTP/1.1",
                "GET /o/a/chatmessages?ql=select%20*%20where%20timestamp%3E1&limit=2 HTTP/1.1",
            ),
            (r#"GET /?a="<b>"|{c}'你 HTTP/1.0"#, r#"GET /?a=%22%3Cb%3E%22|{c}'你 HTTP/1.0"#),
            // As it has to be.
            ("GET /?a=%3C%20 HTTP/1.1", "GET /?a=%3C%20 HTTP/1.1"),
            ("GET /<a> HTTP/1.1", "GET /<a> HTTP/1.1"),
            // No request line, or one that can be read in two ways.
            ("GET /a b?c=<d HTTP/1.1", "GET /a b?c=<d HTTP/1.1"),
            ("GET /?a=<b", "GET /?a=<b"),
            ("GET /?a=<b HTTP/2.0", "GET /?a=<b HTTP/2.0"),
            ("GET /?a=<\rb HTTP/1.1", "GET /?a=<\rb HTTP/1.1"),
            ("PRI * HTTP/2.0", "PRI * HTTP/2.0"),
        ] {
            assert_eq!(mend(line), expected);
        }
    }

    async fn read(bytes: &[u8], at_once: usize) -> Vec<u8> {
        let (mut sender, receiver) = tokio::io::duplex(at_once);
        let mut all = Vec::new();
        let send = async {
            sender.write_all(bytes).await.unwrap();
            drop(sender);
        };
        let mut receiver = FirstLine::new(receiver);
        let ((), read) = tokio::join!(send, receiver.read_to_end(&mut all));
        read.unwrap();
        all
    }

    #[tokio::test]
    async fn only_the_first_line_is_mended_however_it_comes() {
        let sent = b"GET /?a=<b HTTP/1.1\r\nhost: <kith>\r\n\r\nGET /?a=<b HTTP/1.1\r\n\r\n";
        let expected = b"GET /?a=%3Cb HTTP/1.1\r\nhost: <kith>\r\n\r\nGET /?a=<b HTTP/1.1\r\n\r\n";
        for at_once in [1, 2, 7, 16, 1_000] {
            assert_eq!(read(sent, at_once).await, expected, "{at_once}");
        }
    }

    #[tokio::test]
    async fn what_is_no_line_passes() {
        let long = [b"GET /?a=<".to_vec(), vec![b'a'; LINE_BYTES], b" HTTP/1.1\r\n".to_vec()].concat();
        for sent in [&b""[..], b"GET /?a=<b", b"\r\n\r\n", b"\x16\x03\x01", &long] {
            assert_eq!(read(sent, 100).await, sent);
        }
    }
}
