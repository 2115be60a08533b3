//! A stream whose requests may have characters in their target that have no place there, such as
//! `?ql=select * where timestamp>1` or a room's id in angle brackets, which clients without a URL library write as they
//! are (easemob-rest.md 9). The HTTP parser refuses such a request with an empty answer, so they are percent-encoded
//! before it sees them.
//!
//! Where a request begins depends on the bodies before it. That is followed only where nothing can be taken in two ways: a
//! body has its length in one header, or there is none. After a body in pieces, an upgrade, a body that waits to be asked
//! for, or a line longer than any that is read here, bytes pass untouched to the end of the connection. What no line can have
//! (control characters) stays as it is too, and is refused.

use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that a line may have; with a longer one all passes as it is.
const LINE_BYTES: usize = 8 << 10;

pub(crate) struct RequestLines<T> {
    stream: T,
    place: Place,
    /// The beginning of a line whose rest has not come.
    held: Vec<u8>,
    /// Bytes for the reader, and how many of them it has.
    giving: Vec<u8>,
    given: usize,
}

/// Where in the conversation the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a request's first line, or in empty ones before it.
    Line,
    /// In a header, behind one that may have told the length of the body.
    Headers(Option<u64>),
    /// In a body of which so many bytes are to come.
    Body(u64),
    /// Nobody knows: the rest passes.
    Beyond,
}

impl<T> RequestLines<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, place: Place::Line, held: Vec::new(), giving: Vec::new(), given: 0 }
    }

    /// True when the client may have more to say of the request that was read last.
    pub(crate) fn is_amid_request(&self) -> bool {
        self.place != Place::Line || !self.held.is_empty()
    }

    /// The stream, and what was read of it that no reader has.
    pub(crate) fn into_parts(self) -> (T, Vec<u8>) {
        (self.stream, [&self.giving[self.given..], &self.held].concat())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for RequestLines<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, place, held, giving, given } = self.get_mut();
        loop {
            if *given < giving.len() {
                let count = buffer.remaining().min(giving.len() - *given);
                buffer.put_slice(&giving[*given..*given + count]);
                *given += count;
                if *given == giving.len() {
                    (*giving, *given) = (Vec::new(), 0);
                }
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut *stream).poll_read(cx, buffer))?;
            let came = &buffer.filled()[before..];
            if came.is_empty() {
                if held.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                *giving = std::mem::take(held);
                continue;
            }
            let bytes = if held.is_empty() {
                Cow::Borrowed(came)
            } else {
                Cow::Owned([held.as_slice(), came].concat())
            };
            let Followed { length, mended } = follow(place, &bytes);
            // Nearly always: whole lines, with nothing to mend.
            if matches!(bytes, Cow::Borrowed(_)) && length == bytes.len() && mended.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let mut rest = 0;
            for (line, new) in mended {
                giving.extend_from_slice(&bytes[rest..line.start]);
                giving.extend_from_slice(&new);
                rest = line.end;
            }
            giving.extend_from_slice(&bytes[rest..length]);
            *held = bytes[length..].to_vec();
            buffer.set_filled(before);
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for RequestLines<T> {
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

/// What was found in bytes that came.
struct Followed {
    /// How many of them the reader may have; the others begin a line.
    length: usize,
    /// Lines of them, and what they have to be.
    mended: Vec<(Range<usize>, Vec<u8>)>,
}

/// Moves on over whole lines and parts of bodies.
fn follow(place: &mut Place, bytes: &[u8]) -> Followed {
    let mut length = 0;
    let mut mended = Vec::new();
    while length < bytes.len() {
        let rest = &bytes[length..];
        match *place {
            Place::Beyond => length = bytes.len(),
            Place::Body(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                length += here;
                *place = after_headers(Some(left - here as u64));
            }
            Place::Line | Place::Headers(_) => {
                let Some(end) = rest.iter().take(LINE_BYTES).position(|byte| *byte == b'\n') else {
                    if rest.len() < LINE_BYTES {
                        break;
                    }
                    *place = Place::Beyond;
                    continue;
                };
                let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
                if let Place::Headers(body) = *place {
                    *place = after_header(body, line);
                } else if !line.is_empty() {
                    if let Some(new) = mend(line) {
                        mended.push((length..length + line.len(), new));
                    }
                    *place = Place::Headers(None);
                }
                length += end + 1;
            }
        }
    }
    Followed { length, mended }
}

/// Where the byte behind a header stands. `body`: the length of the body, if it is known.
fn after_header(body: Option<u64>, line: &[u8]) -> Place {
    if line.is_empty() {
        return after_headers(body);
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Place::Beyond };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.eq_ignore_ascii_case(b"content-length") {
        let digits = value.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(value).ok()).flatten();
        return match (body, digits.and_then(|digits| digits.parse().ok())) {
            (None, Some(length)) => Place::Headers(Some(length)),
            _ => Place::Beyond,
        };
    }
    let is_unsure = [&b"transfer-encoding"[..], b"upgrade", b"expect"];
    if is_unsure.iter().any(|unsure| name.eq_ignore_ascii_case(unsure)) {
        return Place::Beyond;
    }
    Place::Headers(body)
}

fn after_headers(body: Option<u64>) -> Place {
    match body {
        None | Some(0) => Place::Line,
        Some(left) => Place::Body(left),
    }
}

/// `METHOD target HTTP/1.x` with the target as it has to be; `None`: it is that already, or it is no such line. Between the
/// first space and the last there is nothing but the target, so that no other reading of the line is lost.
fn mend(line: &[u8]) -> Option<Vec<u8>> {
    let begin = line.iter().position(|byte| *byte == b' ')? + 1;
    let end = line.iter().rposition(|byte| *byte == b' ').filter(|end| *end >= begin)?;
    let target = &line[begin..end];
    if !matches!(&line[end..], b" HTTP/1.1" | b" HTTP/1.0")
        || !target.starts_with(b"/")
        || target.ends_with(b" ")
        || target.iter().any(u8::is_ascii_control)
    {
        return None;
    }
    let is_text = str::from_utf8(target).is_ok();
    let mut is_query = false;
    let mut new = line[..begin].to_vec();
    for byte in target {
        is_query |= *byte == b'?';
        if is_misplaced(*byte, is_query) || !is_text && !byte.is_ascii() {
            new.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            new.push(*byte);
        }
    }
    new.extend_from_slice(&line[end..]);
    (new != line).then_some(new)
}

/// What the parser takes for no part of a target, or for its end. It takes all others that can be printed, and those of
/// UTF-8.
fn is_misplaced(byte: u8, is_query: bool) -> bool {
    matches!(byte, b' ' | b'<' | b'>' | b'#') || if is_query { byte == b'"' } else { byte == b'`' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn mended(line: &str) -> String {
        String::from_utf8(mend(line.as_bytes()).unwrap_or_else(|| line.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn a_target_is_mended_and_nothing_else() {
        for (line, expected) in [
            (
                "GET /o/a/chatmessages?ql=select * where timestamp>1&limit=2 HTTP/1.1",
                "GET /o/a/chatmessages?ql=select%20*%20where%20timestamp%3E1&limit=2 HTTP/1.1",
            ),
            (r#"GET /?a="<b>"|{c}'你 HTTP/1.0"#, r#"GET /?a=%22%3Cb%3E%22|{c}'你 HTTP/1.0"#),
            ("GET /o/a/users/a b HTTP/1.1", "GET /o/a/users/a%20b HTTP/1.1"),
            (r#"GET /<a>"{b}"|\^`你?c=`d HTTP/1.1"#, r#"GET /%3Ca%3E"{b}"|\^%60你?c=`d HTTP/1.1"#),
            (
                "GET /easemob/server.json?app_key=a#b HTTP/1.1",
                "GET /easemob/server.json?app_key=a%23b HTTP/1.1",
            ),
            // As it has to be.
            ("GET /%3C?a=%3C%20 HTTP/1.1", "GET /%3C?a=%3C%20 HTTP/1.1"),
            // No request line, or one that can be read in two ways.
            ("GET  /a HTTP/1.1", "GET  /a HTTP/1.1"),
            ("GET /a  HTTP/1.1", "GET /a  HTTP/1.1"),
            ("GET /?a=<b", "GET /?a=<b"),
            ("GET HTTP/1.1", "GET HTTP/1.1"),
            ("GET /?a=<b HTTP/2.0", "GET /?a=<b HTTP/2.0"),
            ("GET /?a=<\rb HTTP/1.1", "GET /?a=<\rb HTTP/1.1"),
            ("PRI * HTTP/2.0", "PRI * HTTP/2.0"),
        ] {
            assert_eq!(mended(line), expected);
        }
        assert_eq!(mend(b"GET /\xff\xe4 HTTP/1.1").unwrap(), b"GET /%FF%E4 HTTP/1.1");
    }

    async fn read(bytes: &[u8], at_once: usize) -> Vec<u8> {
        let (mut sender, receiver) = tokio::io::duplex(at_once);
        let mut all = Vec::new();
        let send = async {
            sender.write_all(bytes).await.unwrap();
            drop(sender);
        };
        let mut receiver = RequestLines::new(receiver);
        let ((), read) = tokio::join!(send, receiver.read_to_end(&mut all));
        read.unwrap();
        all
    }

    async fn is_read(sent: &[u8], expected: &[u8]) {
        for at_once in [1, 2, 7, 16, 1_000] {
            let read = read(sent, at_once).await;
            assert_eq!(str::from_utf8(&read), str::from_utf8(expected), "{at_once} bytes at once");
        }
    }

    #[tokio::test]
    async fn the_line_of_each_request_is_mended_however_it_comes() {
        is_read(
            b"GET /<1> HTTP/1.1\r\nhost: <kith>\r\n\r\n\r\nPOST /<2> HTTP/1.1\nContent-Length: 19 \n\n\
              GET /<3> HTTP/1.1\r\nPUT /<4> HTTP/1.1\r\ncontent-length:0\r\n\r\nGET /<5> HTTP/1.1\r\n\r\n",
            b"GET /%3C1%3E HTTP/1.1\r\nhost: <kith>\r\n\r\n\r\nPOST /%3C2%3E HTTP/1.1\nContent-Length: 19 \n\n\
              GET /<3> HTTP/1.1\r\nPUT /%3C4%3E HTTP/1.1\r\ncontent-length:0\r\n\r\nGET /%3C5%3E HTTP/1.1\r\n\r\n",
        )
        .await;
    }

    #[tokio::test]
    async fn nothing_is_mended_behind_what_can_be_taken_in_two_ways() {
        for header in [
            "transfer-encoding: chunked",
            "Upgrade: websocket",
            "expect: 100-continue",
            "content-length: 1\r\ncontent-length: 1",
            "content-length: +1",
            "content-length: 99999999999999999999",
            "no header",
        ] {
            let sent = format!("GET /<1> HTTP/1.1\r\n{header}\r\n\r\nGET /<2> HTTP/1.1\r\n\r\n");
            is_read(sent.as_bytes(), sent.replacen("<1>", "%3C1%3E", 1).as_bytes()).await;
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
