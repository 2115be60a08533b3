//! Forms with files (`multipart/form-data`, RFC 7578), read as they come: bytes go in piece by piece, and come out as
//! heads and contents of parts. What is kept in between is one head or one delimiter, never a file.
//!
//! Own code, since a reader that pulls its source empties whatever that has ready into its buffer, which for a fast
//! sender in front of a slow disk is the file.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use thiserror::Error;

/// Bytes of a part's head. Browsers write some 150, and a file's name in it.
const HEAD_BYTES_LIMIT: usize = 8 << 10;
/// Bytes of blanks behind a delimiter, and of what stands before the first one.
const FILLING_BYTES_LIMIT: usize = 1 << 10;
/// Parts of a form; the API's have four.
const PARTS_LIMIT: usize = 32;
/// Bytes of a boundary (RFC 2046 5.1.1).
const BOUNDARY_BYTES: std::ops::RangeInclusive<usize> = 1..=70;

/// Why bytes are no form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MultipartError {
    #[error("the head of a part has more than {HEAD_BYTES_LIMIT} bytes")]
    HeadTooLarge,
    #[error("there are more than {PARTS_LIMIT} parts")]
    TooManyParts,
    #[error("something else stands where a boundary is expected")]
    NoBoundary,
    #[error("the form ended before its last boundary")]
    Truncated,
}

/// What comes next in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormEvent {
    Part(PartHead),
    /// Bytes of the part; not empty.
    Content(Bytes),
    PartEnd,
    /// The last boundary came. What follows is skipped.
    End,
}

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name. Empty when it has none.
    pub name: String,
    pub file_name: Option<String>,
    pub media_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Preamble,
    BehindBoundary,
    Head,
    Content,
    End,
}

/// A form that is being read.
#[derive(Debug)]
pub struct Multipart {
    /// `\r\n--` and the boundary.
    delimiter: memmem::Finder<'static>,
    place: Place,
    buffer: BytesMut,
    skipped: usize,
    parts: usize,
}

impl Multipart {
    /// By a request's `Content-Type`; `None` when that is no form, or names no boundary.
    pub fn new(content_type: &str) -> Option<Self> {
        let (media_type, rest) = content_type.split_once(';')?;
        if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        // The last: to one that its user wrote, as the vendor's sample does, curl adds its own.
        let boundary = parameters(rest.as_bytes(), "boundary").last()?;
        if !BOUNDARY_BYTES.contains(&boundary.len()) {
            return None;
        }
        let delimiter = [b"\r\n--".as_slice(), &boundary].concat();
        Some(Self {
            delimiter: memmem::Finder::new(&delimiter).into_owned(),
            place: Place::Preamble,
            // The first boundary may stand at the very beginning.
            buffer: BytesMut::from(b"\r\n".as_slice()),
            skipped: 0,
            parts: 0,
        })
    }

    /// Takes the next bytes. Memory stays bounded as long as [`Multipart::next_event`] is called until it gives nothing.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.place != Place::End {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// What the bytes so far hold; `None` when more are needed.
    ///
    /// # Errors
    /// [`MultipartError`]; the form is of no use then.
    pub fn next_event(&mut self) -> Result<Option<FormEvent>, MultipartError> {
        loop {
            match self.place {
                Place::Preamble => match self.delimiter.find(&self.buffer) {
                    Some(at) => {
                        self.skip(at)?;
                        self.pass_delimiter();
                    }
                    None => {
                        let sure = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
                        self.skip(sure)?;
                        return Ok(None);
                    }
                },
                Place::BehindBoundary => match self.behind_boundary()? {
                    Some(Place::End) => {
                        self.place = Place::End;
                        self.buffer = BytesMut::new();
                        return Ok(Some(FormEvent::End));
                    }
                    Some(place) => self.place = place,
                    None => return Ok(None),
                },
                Place::Head => {
                    let Some(head) = self.head()? else { return Ok(None) };
                    self.place = Place::Content;
                    return Ok(Some(FormEvent::Part(head)));
                }
                Place::Content => match self.delimiter.find(&self.buffer) {
                    Some(0) => {
                        self.pass_delimiter();
                        return Ok(Some(FormEvent::PartEnd));
                    }
                    Some(at) => return Ok(Some(FormEvent::Content(self.buffer.split_to(at).freeze()))),
                    None => {
                        let sure = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
                        if sure == 0 {
                            return Ok(None);
                        }
                        return Ok(Some(FormEvent::Content(self.buffer.split_to(sure).freeze())));
                    }
                },
                Place::End => return Ok(None),
            }
        }
    }

    /// Says whether the form may end here.
    ///
    /// # Errors
    /// [`MultipartError::Truncated`].
    pub fn finish(&self) -> Result<(), MultipartError> {
        if self.place == Place::End { Ok(()) } else { Err(MultipartError::Truncated) }
    }

    fn pass_delimiter(&mut self) {
        let length = self.delimiter.needle().len();
        let _ = self.buffer.split_to(length);
        self.place = Place::BehindBoundary;
        self.skipped = 0;
    }

    fn skip(&mut self, count: usize) -> Result<(), MultipartError> {
        self.skipped += count;
        if self.skipped > FILLING_BYTES_LIMIT {
            return Err(MultipartError::NoBoundary);
        }
        let _ = self.buffer.split_to(count);
        Ok(())
    }

    /// `--` for the end, or blanks and a line's end for a part.
    fn behind_boundary(&mut self) -> Result<Option<Place>, MultipartError> {
        if self.skipped == 0 && self.buffer.starts_with(b"--") {
            return Ok(Some(Place::End));
        }
        let blanks = self.buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.skip(blanks)?;
        match self.buffer.as_ref() {
            [b'\r', b'\n', ..] => {
                // The head's first line ends it when it is empty, so its line's end stays.
                self.parts += 1;
                if self.parts > PARTS_LIMIT {
                    Err(MultipartError::TooManyParts)
                } else {
                    Ok(Some(Place::Head))
                }
            }
            [] | [b'\r' | b'-'] => Ok(None),
            _ => Err(MultipartError::NoBoundary),
        }
    }

    fn head(&mut self) -> Result<Option<PartHead>, MultipartError> {
        let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            return if self.buffer.len() > HEAD_BYTES_LIMIT {
                Err(MultipartError::HeadTooLarge)
            } else {
                Ok(None)
            };
        };
        if end > HEAD_BYTES_LIMIT {
            return Err(MultipartError::HeadTooLarge);
        }
        let lines = self.buffer.split_to(end);
        let _ = self.buffer.split_to(4);
        // What an empty content begins with is the delimiter's own line's end.
        let mut head = PartHead::default();
        for line in lines.as_ref().split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-type") {
                head.media_type = Some(String::from_utf8_lossy(value).into_owned());
            } else if name.eq_ignore_ascii_case(b"content-disposition") {
                read_disposition(value, &mut head);
            }
        }
        Ok(Some(head))
    }
}

fn read_disposition(value: &[u8], head: &mut PartHead) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Some(semicolon) = value.iter().position(|byte| *byte == b';') else { return };
    let parameters = &value[semicolon + 1..];
    if let Some(name) = parameter(parameters, "name") {
        head.name = text(&name);
    }
    let plain = parameter(parameters, "filename").map(|name| text(&as_browsers_escape(&name)));
    let extended = parameter(parameters, "filename*").and_then(|name| {
        let encoded = text(&name);
        let (_, encoded) = encoded.split_once("''")?;
        Some(text(&percent_decoded(encoded.as_bytes(), |_| true)))
    });
    head.file_name = extended.or(plain);
}

/// The value of a parameter in `; a=b; c="d"`.
fn parameter(rest: &[u8], wanted: &str) -> Option<Vec<u8>> {
    parameters(rest, wanted).next()
}

/// All values that a header gives one parameter.
fn parameters<'a>(mut rest: &'a [u8], wanted: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_ascii_start();
            let equals = rest.iter().position(|byte| matches!(byte, b'=' | b';'))?;
            let name = rest[..equals].trim_ascii();
            if rest[equals] == b';' {
                rest = &rest[equals + 1..];
                continue;
            }
            rest = rest[equals + 1..].trim_ascii_start();
            let value;
            (value, rest) = match rest.split_first() {
                Some((b'"', quoted)) => quoted_value(quoted),
                _ => {
                    let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
                    (rest[..end].trim_ascii().to_vec(), &rest[end..])
                }
            };
            let semicolon = rest.iter().position(|byte| *byte == b';');
            rest = semicolon.map_or(&[], |semicolon| &rest[semicolon + 1..]);
            if name.eq_ignore_ascii_case(wanted.as_bytes()) {
                return Some(value);
            }
        }
    })
}

/// Up to the closing quotation mark; a backslash is one only before a quotation mark or a backslash.
fn quoted_value(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    loop {
        match rest {
            [] => return (value, rest),
            [b'"', after @ ..] => return (value, after),
            [b'\\', escaped @ (b'"' | b'\\'), after @ ..] => {
                value.push(*escaped);
                rest = after;
            }
            [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
        }
    }
}

/// Browsers escape three characters of a file's name, and no others.
fn as_browsers_escape(name: &[u8]) -> Vec<u8> {
    percent_decoded(name, |byte| matches!(byte, b'"' | b'\r' | b'\n'))
}

fn percent_decoded(mut rest: &[u8], decodes: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(rest.len());
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let [byte, after @ ..] = rest {
        if let (b'%', [high, low, behind @ ..]) = (*byte, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
            && decodes(high << 4 | low)
        {
            out.push(high << 4 | low);
            rest = behind;
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=XyZ";

    /// All events, with contents joined, when the bytes come in pieces of `step`.
    fn events(bytes: &[u8], step: usize) -> Result<Vec<FormEvent>, MultipartError> {
        let mut form = Multipart::new(TYPE).unwrap();
        let mut events = Vec::new();
        for piece in bytes.chunks(step.max(1)) {
            form.feed(piece);
            while let Some(event) = form.next_event()? {
                match (events.last_mut(), event) {
                    (Some(FormEvent::Content(before)), FormEvent::Content(more)) => {
                        assert!(!more.is_empty());
                        *before = [&before[..], &more[..]].concat().into();
                    }
                    (_, event) => events.push(event),
                }
            }
            assert!(form.buffer.len() <= HEAD_BYTES_LIMIT + step, "it keeps {}", form.buffer.len());
        }
        form.finish()?;
        Ok(events)
    }

    fn head(name: &str, file_name: Option<&str>, media_type: Option<&str>) -> FormEvent {
        FormEvent::Part(PartHead {
            name: name.to_owned(),
            file_name: file_name.map(str::to_owned),
            media_type: media_type.map(str::to_owned),
        })
    }

    #[test]
    fn a_browsers_form_is_read_in_pieces_of_any_size() {
        let form = b"--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.png\"\r\n\
            Content-Type: image/png\r\n\r\n\x89PNG\r\n--XyQ\r\n-\r\n--XyZ\r\n\
            Content-Disposition: form-data; name=\"thumbnail-width\"\r\n\r\n90\r\n--XyZ\r\n\
            content-disposition: form-data; name=empty\r\n\r\n\r\n--XyZ--\r\nand more";
        let expected = [
            head("file", Some("a \"b\".png"), Some("image/png")),
            FormEvent::Content(Bytes::from_static(b"\x89PNG\r\n--XyQ\r\n-")),
            FormEvent::PartEnd,
            head("thumbnail-width", None, None),
            FormEvent::Content(Bytes::from_static(b"90")),
            FormEvent::PartEnd,
            head("empty", None, None),
            FormEvent::PartEnd,
            FormEvent::End,
        ];
        for step in 1..form.len() {
            assert_eq!(events(form, step).unwrap(), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn preambles_blanks_and_parts_without_a_head_are_taken() {
        let form = b"hello\r\n--XyZ \t\r\n\r\nab\r\n--XyZ--";
        let expected = [
            head("", None, None),
            FormEvent::Content(Bytes::from_static(b"ab")),
            FormEvent::PartEnd,
            FormEvent::End,
        ];
        assert_eq!(events(form, 3).unwrap(), expected);
        assert_eq!(events(b"--XyZ--", 1).unwrap(), [FormEvent::End]);
    }

    #[test]
    fn what_is_no_form_is_refused_early() {
        let many = b"--XyZ\r\n\r\n\r\n".repeat(PARTS_LIMIT + 1);
        let long_head = [b"--XyZ\r\nX: ".as_slice(), &vec![b'x'; 1 << 20]].concat();
        let long_but_ended =
            [b"--XyZ\r\nX: ".as_slice(), &vec![b'x'; HEAD_BYTES_LIMIT], b"\r\n\r\n"].concat();
        for (bytes, error) in [
            (b"".to_vec(), MultipartError::Truncated),
            (b"--XyZ\r\n\r\nabc".to_vec(), MultipartError::Truncated),
            (b"--XyZ\r\n\r\nabc\r\n--XyZ".to_vec(), MultipartError::Truncated),
            (b"--XyZ\r\n\r\nabc\r\n--XyZ-".to_vec(), MultipartError::Truncated),
            (b"--XyZabc".to_vec(), MultipartError::NoBoundary),
            (b"--XyZ-x".to_vec(), MultipartError::NoBoundary),
            (vec![b'x'; 1 << 20], MultipartError::NoBoundary),
            ([b"--XyZ".as_slice(), &vec![b' '; 1 << 20]].concat(), MultipartError::NoBoundary),
            (many, MultipartError::TooManyParts),
            (long_head, MultipartError::HeadTooLarge),
            (long_but_ended, MultipartError::HeadTooLarge),
        ] {
            for step in [1, 7, 4096] {
                assert_eq!(events(&bytes, step), Err(error), "{} bytes in pieces of {step}", bytes.len());
            }
        }
    }

    #[test]
    fn the_boundary_comes_from_the_header() {
        for (header, fits) in [
            ("multipart/form-data; boundary=a", true),
            ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"", true),
            ("multipart/form-data", false),
            ("multipart/form-data; boundary=", false),
            ("multipart/form-data; boundary=\"", false),
            ("multipart/mixed; boundary=a", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(Multipart::new(header).is_some(), fits, "{header}");
        }
        assert!(Multipart::new(&format!("multipart/form-data; boundary={}", "b".repeat(71))).is_none());
    }

    #[test]
    fn of_two_boundaries_the_last_holds() {
        let mut form = Multipart::new("multipart/form-data; boundary=---Web; boundary=\"XyZ\"").unwrap();
        form.feed(b"--XyZ\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n--XyZ--");
        assert!(matches!(form.next_event(), Ok(Some(FormEvent::Part(_)))));
    }

    #[test]
    fn file_names_are_read_as_clients_write_them() {
        for (written, read) in [
            (r#"form-data; name="file"; filename="猫.png""#, Some("猫.png")),
            (r#"form-data; name="file"; filename="a\"b\\c.png""#, Some(r#"a"b\c.png"#)),
            (r#"form-data; name="file"; filename="C:\temp\x.png""#, Some(r"C:\temp\x.png")),
            (r#"form-data; name="file"; filename="100%.png""#, Some("100%.png")),
            (r#"form-data; name="file"; filename="a%0D%0Ab""#, Some("a\r\nb")),
            (r#"form-data; name="file"; filename=plain.txt"#, Some("plain.txt")),
            (r#"form-data; name="file"; filename="x"; filename*=UTF-8''%E7%8C%AB.png"#, Some("猫.png")),
            (r#"form-data; name="file"; filename="; name=evil""#, Some("; name=evil")),
            (r#"form-data; name="file""#, None),
        ] {
            let form = format!("--XyZ\r\nContent-Disposition: {written}\r\n\r\n\r\n--XyZ--");
            assert_eq!(events(form.as_bytes(), 100).unwrap()[0], head("file", read, None), "{written}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail_otherwise_or_keep_more(bytes: Vec<u8>, step in 1_usize..50) {
            let _ = events(&bytes, step);
            let _ = events(&[b"--XyZ\r\n".as_slice(), &bytes].concat(), step);
        }

        #[test]
        fn a_content_comes_back(content: Vec<u8>, step in 1_usize..50) {
            prop_assume!(memmem::find(&content, b"\r\n--XyZ").is_none());
            let form = [b"--XyZ\r\n\r\n".as_slice(), &content, b"\r\n--XyZ--"].concat();
            let mut expected = vec![head("", None, None)];
            if !content.is_empty() {
                expected.push(FormEvent::Content(content.into()));
            }
            expected.extend([FormEvent::PartEnd, FormEvent::End]);
            prop_assert_eq!(events(&form, step), Ok(expected));
        }
    }
}
