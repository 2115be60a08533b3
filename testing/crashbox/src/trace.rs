//! Reads what `strace -f -ttt -yy -xx` wrote: which call began and ended where, on what, with which bytes.
//!
//! The order of lines is the order of events: strace stops a thread at the beginning and at the end of a call, and
//! writes its line before the thread goes on. So when a line for the end of a flush stands above the line for the
//! beginning of a write, the flush was over before the write began.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};

/// One system call of any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The file's path or the socket's addresses behind its first argument.
    pub(crate) target: String,
    /// The bytes that it really read or wrote.
    pub(crate) data: Vec<u8>,
    pub(crate) result: i64,
    /// Number of the line where it began, and where it ended.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

/// # Errors
/// When strings were cut off, or the trace has another form.
pub(crate) fn parse(text: &str) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let (thread, rest) = line.split_once(' ').context("a line without thread")?;
        let (_time, event) = rest.trim_start().split_once(' ').context("a line without time")?;
        if let Some(begin) = event.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (number, begin));
        } else if let Some(resumed) = event.strip_prefix("<... ") {
            // A call that was under way when strace was attached has no beginning.
            if let Some((begun, begin)) = unfinished.remove(thread) {
                let (_, end) = resumed.split_once(" resumed>").context("a resumed call of another form")?;
                calls.extend(call(&format!("{begin}{end}"), begun, number)?);
            }
        } else if !event.starts_with(['+', '-']) {
            calls.extend(call(event, number, number)?);
        }
    }
    Ok(calls)
}

/// `None` for a call that never returned.
fn call(event: &str, begun: usize, ended: usize) -> Result<Option<Call>> {
    // Strings are hexadecimal, so this can't stand in one. Short calls are padded in front of it.
    let Some((call, result)) = event.rsplit_once(" = ") else { return Ok(None) };
    let call = call.trim_end().strip_suffix(')').context("a call without end")?;
    let (name, arguments) = call.split_once('(').context("a call without arguments")?;
    let result = result.split(' ').next().unwrap_or_default();
    let result = result.trim_end_matches('?').parse().unwrap_or(-1);
    let target = match arguments.split_once('<') {
        Some((fd, rest)) if fd.bytes().all(|byte| byte.is_ascii_digit()) => decorated(rest)?,
        _ => String::new(),
    };
    let mut data = Vec::new();
    for (index, piece) in arguments.split('"').enumerate() {
        if index % 2 == 1 {
            data.extend(bytes(piece)?);
        } else {
            ensure!(
                !(index > 0 && piece.starts_with("...")),
                "strace cut a string off; it needs a larger -s"
            );
        }
    }
    data.truncate(usize::try_from(result).unwrap_or(0));
    Ok(Some(Call { name: name.to_owned(), target, data, result, begun, ended }))
}

/// What `-yy` says of a descriptor: a path in hexadecimal, or addresses in clear.
fn decorated(rest: &str) -> Result<String> {
    if rest.starts_with("\\x") {
        let path = rest.split('>').next().unwrap_or_default();
        return Ok(String::from_utf8_lossy(&bytes(path)?).into_owned());
    }
    // `TCP:[127.0.0.1:1->127.0.0.1:2]>`
    let end = rest.find("]>").or_else(|| rest.find('>')).context("a descriptor without end")?;
    Ok(rest[..end].to_owned())
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let digits = hex.split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).context("a string that is not hexadecimal")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"71 1795233499.1 recvfrom(15<TCP:[127.0.0.1:1->127.0.0.1:2]>, "\x47\x45", 8192, 0, NULL, NULL) = 2
72 1795233499.2 write(13<\x2f\x61>, "\x01\x02\x03", 3 <unfinished ...>
71 1795233499.3 recvfrom(15<TCP:[127.0.0.1:1->127.0.0.1:2]>,  <unfinished ...>
72 1795233499.4 <... write resumed>)     = 3
72 1795233499.5 fdatasync(13<\x2f\x61>)  = -1 EIO (Input/output error) (INJECTED)
71 1795233499.6 <... recvfrom resumed>"\x41", 8192, 0, NULL, NULL) = 1
71 1795233499.7 writev(15<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="\x01\x02", iov_len=2}, {iov_base="\x03\x04", iov_len=2}], 2) = 3
71 1795233499.8 --- SIGTERM {si_signo=SIGTERM} ---
71 1795233499.9 fsync(13<\x2f\x61>) = ?
71 1795233499.9 +++ exited with 0 +++
"#;

    #[test]
    fn calls_are_read_with_their_places_targets_and_bytes() {
        let calls = parse(TRACE).unwrap();
        let short: Vec<_> =
            calls.iter().map(|call| (call.name.as_str(), call.begun, call.ended, call.result)).collect();
        assert_eq!(
            short,
            [
                ("recvfrom", 0, 0, 2),
                ("write", 1, 3, 3),
                ("fdatasync", 4, 4, -1),
                ("recvfrom", 2, 5, 1),
                ("writev", 6, 6, 3),
                ("fsync", 8, 8, -1),
            ]
        );
        assert_eq!(calls[0].target, "TCP:[127.0.0.1:1->127.0.0.1:2");
        assert_eq!(calls[1].target, "/a");
        assert_eq!(calls[1].data, [1, 2, 3]);
        assert_eq!(calls[3].data, *b"A");
        assert_eq!(calls[4].data, [1, 2, 3], "what the kernel did not take is not written");
    }

    #[test]
    fn a_cut_string_is_an_error() {
        assert!(parse("71 1.1 write(1<\\x2f>, \"\\x01\"..., 9) = 9\n").is_err());
    }
}
