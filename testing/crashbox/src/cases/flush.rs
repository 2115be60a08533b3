//! Watches the server's system calls: each acknowledgement is written only after a flush of the journal that began
//! behind the message's bytes has returned. SIGKILL can't show that, since the kernel keeps what was written.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use easemob_wire::client::Downlink;
use fixtures::{MsyncClient, Push};
use tokio::time::timeout;

use crate::journal::holds;
use crate::lab::Lab;
use crate::site::Site;
use crate::strace::Strace;
use crate::trace::{Call, parse};

const READS: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];
const WRITES: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];
const ARGUMENTS: [&str; 6] = [
    "-yy",
    "-xx",
    "-s",
    "1048576",
    "-e",
    "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync",
];
const FRAME_BYTES_LIMIT: usize = 1 << 20;
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

pub(super) async fn run(lab: &Lab) -> Result<String> {
    let mut site = Site::found(lab, lab.folder().join("data"), 2, Vec::new()).await?;
    let trace = lab.folder().join("trace");
    // Attached before anybody connects, so that each connection is seen from its first byte.
    let strace = Strace::attach(site.pid()?, &trace, &ARGUMENTS)?;
    let messages = if lab.short { 30 } else { 300 };
    // One more than is looked at: a call's line is written when the call ends, so the last delivery's may be missing.
    let mut sent = talk(&site, messages + 1).await?;
    sent.pop();
    strace.detach()?;
    site.kill()?;
    let seen = Seen::of(&parse(&fs::read_to_string(&trace)?)?)?;
    let mut flushes = 0;
    for Message { text, client_id } in &sent {
        flushes += seen.prove(text, *client_id).with_context(|| format!("message {client_id}"))?;
    }
    Ok(format!(
        "{} acknowledgements and {} deliveries, each written after a flush of the journal that began behind the \
         message's bytes ({flushes} flushes seen in between)",
        sent.len(),
        sent.len()
    ))
}

struct Message {
    text: String,
    client_id: u64,
}

/// One user sends, one message after the other, while the other is there to receive.
async fn talk(site: &Site, messages: usize) -> Result<Vec<Message>> {
    let sender = site.device(0, "webim_web_phone");
    let mut receiver = MsyncClient::log_in(site.address()?, site.device(1, "webim_web_phone")).await?;
    let mut client = MsyncClient::log_in(site.address()?, sender).await?;
    let mut sent = Vec::with_capacity(messages);
    for number in 0..messages {
        let text = format!("flushed before it is acknowledged, number {number:06}");
        let client_id = client.send_text("user1", &text).await?;
        loop {
            match timeout(ANSWER_LIMIT, client.next_unanswered()).await.context("no answer")?? {
                Push::Answer { client_id: answered, outcome } => {
                    ensure!(answered == client_id, "an answer to another message");
                    outcome.map_err(|refusal| anyhow::anyhow!("refused: {refusal}"))?;
                    break;
                }
                _ => continue,
            }
        }
        while !matches!(
            timeout(ANSWER_LIMIT, receiver.next()).await.context("no delivery")??,
            Push::Messages { metas, .. } if !metas.is_empty()
        ) {}
        sent.push(Message { text, client_id });
    }
    Ok(sent)
}

/// What matters of a trace. Places are numbers of lines.
#[derive(Debug, Default)]
struct Seen {
    /// Frames from clients, unmasked, and where their last byte was read.
    requests: Vec<(Vec<u8>, usize)>,
    /// Frames to clients, and where the first byte began to be written.
    answers: Vec<(Bytes, usize)>,
    /// For each journal the bytes that were written to it, and where each write ended.
    journal: HashMap<String, Vec<(Vec<u8>, usize)>>,
    /// Sound flushes: of which file, where begun, where ended.
    flushes: Vec<(String, usize, usize)>,
}

impl Seen {
    fn of(calls: &[Call]) -> Result<Self> {
        let mut seen = Self::default();
        let mut received: HashMap<&str, Stream> = HashMap::new();
        let mut written: HashMap<&str, Stream> = HashMap::new();
        for call in calls {
            let name = call.name.as_str();
            if call.target.ends_with(".jnl") {
                if WRITES.contains(&name) {
                    let writes = seen.journal.entry(call.target.clone()).or_default();
                    writes.push((call.data.clone(), call.ended));
                } else if call.result == 0 {
                    seen.flushes.push((call.target.clone(), call.begun, call.ended));
                }
            } else if call.target.starts_with("TCP") {
                if READS.contains(&name) {
                    received.entry(&call.target).or_default().push(&call.data, call.ended);
                } else if WRITES.contains(&name) {
                    written.entry(&call.target).or_default().push(&call.data, call.begun);
                }
            }
        }
        for stream in received.values() {
            let frames = stream.frames()?.into_iter();
            seen.requests.extend(frames.map(|frame| (frame.payload, frame.last)));
        }
        for stream in written.values() {
            let frames = stream.frames()?.into_iter();
            seen.answers.extend(frames.map(|frame| (Bytes::from(frame.payload), frame.first)));
        }
        Ok(seen)
    }

    /// That a message was in the journal and the journal on disk before anybody was told. Returns how many flushes
    /// were seen between its request and its acknowledgement.
    fn prove(&self, text: &str, client_id: u64) -> Result<usize> {
        let request = self.requests.iter().find(|(frame, _)| holds(frame, text));
        let (_, requested) = *request.context("its request was not seen")?;
        let (journal, stored) = self.stored(text).context("it was not seen in a write to the journal")?;
        ensure!(stored > requested, "it stood in the journal before it was read from the socket");
        let told = self.told(text, client_id)?;
        ensure!(told.len() == 2, "told to {} connections, not to its sender and its recipient", told.len());
        for place in &told {
            let flushed = self
                .flushes
                .iter()
                .any(|(flushed, begun, ended)| *flushed == journal && *begun > stored && ended < place);
            ensure!(
                flushed,
                "told on line {place} of the trace, without a flush of {journal} since line {stored}, where it \
                 was written"
            );
        }
        let acknowledged = told.iter().max().copied().unwrap_or_default();
        Ok(self
            .flushes
            .iter()
            .filter(|(_, begun, ended)| *begun > requested && *ended < acknowledged)
            .count())
    }

    /// The journal that has the text, and where the write that completed it ended.
    fn stored(&self, text: &str) -> Option<(String, usize)> {
        self.journal.iter().find_map(|(journal, writes)| {
            let all: Vec<u8> = writes.iter().flat_map(|(data, _)| data.iter().copied()).collect();
            let end = all.windows(text.len()).position(|window| window == text.as_bytes())? + text.len();
            let mut length = 0;
            let (_, ended) = writes.iter().find(|(data, _)| {
                length += data.len();
                length >= end
            })?;
            Some((journal.clone(), *ended))
        })
    }

    /// Where the acknowledgement and deliveries of a message began to be written.
    fn told(&self, text: &str, client_id: u64) -> Result<Vec<usize>> {
        let mut told = Vec::new();
        for (frame, place) in &self.answers {
            let acknowledges = matches!(
                Downlink::decode(frame, FRAME_BYTES_LIMIT)?,
                Downlink::Sync(sync) if sync.meta_id() == client_id
            );
            if acknowledges || holds(frame, text) {
                told.push(*place);
            }
        }
        Ok(told)
    }
}

/// One direction of a connection: an HTTP head, then WebSocket frames.
#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Where each stretch of bytes ends, and its place in the trace.
    stretches: Vec<(usize, usize)>,
}

struct Frame {
    payload: Vec<u8>,
    /// Places of its first and last byte.
    first: usize,
    last: usize,
}

impl Stream {
    fn push(&mut self, data: &[u8], place: usize) {
        self.bytes.extend_from_slice(data);
        self.stretches.push((self.bytes.len(), place));
    }

    fn place(&self, at: usize) -> usize {
        let stretch = self.stretches.partition_point(|(end, _)| *end <= at);
        self.stretches[stretch].1
    }

    /// The binary frames; none when this was no WebSocket.
    fn frames(&self) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        let end_of_head = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end_of_head) = end_of_head else { return Ok(frames) };
        if !self.bytes[..end_of_head].to_ascii_lowercase().windows(9).any(|window| window == b"websocket") {
            return Ok(frames);
        }
        let mut at = end_of_head + 4;
        while at < self.bytes.len() {
            let first = at;
            let [opening, length, ..] = self.bytes[at..] else { break };
            at += 2;
            let take = |at: &mut usize, count: usize| {
                let taken = self.bytes.get(*at..*at + count);
                *at += count;
                taken
            };
            let long = match length & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let Some(size) = take(&mut at, long) else { break };
            let size = match long {
                0 => usize::from(length & 0x7f),
                _ => size.iter().fold(0, |size, byte| size << 8 | usize::from(*byte)),
            };
            ensure!(size < FRAME_BYTES_LIMIT, "a frame of {size} bytes: the trace was misread");
            let Some(mask) = take(&mut at, if length & 0x80 == 0 { 0 } else { 4 }) else { break };
            let Some(payload) = take(&mut at, size) else { break };
            if opening & 0x0f == 2 {
                let unmasked = |(index, byte): (usize, &u8)| match mask {
                    [] => *byte,
                    mask => byte ^ mask[index % 4],
                };
                let payload = payload.iter().enumerate().map(unmasked).collect();
                frames.push(Frame { payload, first: self.place(first), last: self.place(at - 1) });
            }
        }
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easemob_wire::JidRef;
    use easemob_wire::client::encode_text;
    use easemob_wire::downlink::{Page, encode_meta, encode_page};

    const TEXT: &str = "hello";
    const JOURNAL: &str = "/data/0.jnl";

    fn call(name: &str, target: &str, data: &[u8], begun: usize, ended: usize) -> Call {
        let result = if name == "fdatasync" { 0 } else { i64::try_from(data.len()).unwrap() };
        Call { name: name.to_owned(), target: target.to_owned(), data: data.to_owned(), result, begun, ended }
    }

    fn frame(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut frame = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec();
        let length = u8::try_from(payload.len()).unwrap();
        assert!(length < 126);
        frame.extend([0x82, length | if mask.is_some() { 0x80 } else { 0 }]);
        frame.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
        let mask = mask.unwrap_or_default();
        frame.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
        frame
    }

    /// A message that is read on lines 1 to 3, written on line 4, and told on lines 8 and 9.
    fn seen(flush: Option<Call>) -> Seen {
        let request = frame(&encode_text(7, "li", JidRef::user("a#b", "w"), TEXT), Some([1, 2, 3, 4]));
        let delivery = encode_page(&Page {
            queue: JidRef::user("a#b", "li"),
            metas: &[encode_meta(
                1,
                JidRef::bare("li"),
                JidRef::bare("w"),
                1,
                &[b"\x32\x05", TEXT.as_bytes()].concat(),
            )],
            next_key: Some(256),
            timestamp_ms: 1,
        });
        let answer = {
            use prost::Message as _;
            let body = easemob_wire::pb::CommSyncDl { meta_id: Some(7), ..Default::default() };
            let message = easemob_wire::pb::MSync {
                command: Some(0),
                payload: Some(body.encode_to_vec().into()),
                ..Default::default()
            };
            message.encode_to_vec()
        };
        let mut calls = vec![
            call("recvfrom", "TCP:[1", &request[..50], 1, 1),
            call("recvfrom", "TCP:[1", &request[50..], 2, 3),
            call("write", JOURNAL, b"...hello...", 4, 4),
            call("sendto", "TCP:[1", &frame(&answer, None), 8, 8),
            call("sendto", "TCP:[2", &frame(&delivery, None), 9, 9),
        ];
        calls.extend(flush);
        Seen::of(&calls).unwrap()
    }

    #[test]
    fn a_flush_between_the_write_and_the_acknowledgement_proves_it() {
        let flush = call("fdatasync", JOURNAL, &[], 5, 6);
        assert_eq!(seen(Some(flush)).prove(TEXT, 7).unwrap(), 1);
    }

    #[test]
    fn no_flush_one_too_early_one_too_late_and_one_of_another_file_prove_nothing() {
        let mut failed = call("fdatasync", JOURNAL, &[], 5, 6);
        failed.result = -1;
        for flush in [
            None,
            Some(call("fdatasync", JOURNAL, &[], 3, 6)),
            Some(call("fdatasync", JOURNAL, &[], 5, 8)),
            Some(call("fdatasync", "/data/1.jnl", &[], 5, 6)),
            Some(failed),
        ] {
            let error = seen(flush.clone()).prove(TEXT, 7).unwrap_err().to_string();
            assert!(error.contains("without a flush"), "{flush:?}: {error}");
        }
    }

    #[test]
    fn a_message_that_was_not_seen_is_no_proof() {
        assert!(seen(None).prove("another", 7).is_err());
    }
}
