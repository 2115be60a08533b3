//! The whole of a conversation as the server has it, read by a device that never acknowledged anything before.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use easemob_wire::pb;
use fixtures::{Device, MsyncClient, Push};
use prost::Message as _;
use tokio::time::timeout;

/// The bits of a page's key below the sequence of its last entry.
const KEY_SHIFT: u32 = 8;
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) sender: String,
    pub(crate) text: String,
}

/// All entries, oldest first: the first has sequence 1, each one more than the one before.
///
/// # Errors
/// When the server does not answer, or the pages' keys say that sequences are missing.
pub(crate) async fn read(server: SocketAddr, device: &Device, peer: &str) -> Result<Vec<Entry>> {
    let mut client = MsyncClient::log_in(server, device.clone()).await?;
    client.sync(peer, None).await?;
    let mut entries = Vec::new();
    loop {
        let push = timeout(ANSWER_LIMIT, client.next_unanswered()).await;
        match push.context("a page was not answered")?? {
            Push::Messages { queue, metas, key: Some(key) } if queue == peer => {
                for meta in &metas {
                    entries.push(entry(meta)?);
                }
                let (last, count) = (key >> KEY_SHIFT, entries.len());
                ensure!(
                    last == count as u64,
                    "{}: the page ends at sequence {last}, but holds entry {count}",
                    device.user
                );
                client.sync(peer, Some(key)).await?;
            }
            Push::Messages { queue, metas, key: None } if queue == peer => {
                ensure!(metas.is_empty(), "a page of entries has no key");
                return Ok(entries);
            }
            Push::Answer { .. } => bail!("an answer to nothing"),
            Push::Messages { .. } | Push::Unread(_) | Push::Notice(_) | Push::Other => {}
        }
    }
}

fn entry(meta: &pb::Meta) -> Result<Entry> {
    let payload = meta.payload.clone().context("an entry without payload")?;
    let body = pb::MessageBody::decode(payload)?;
    let content = body.contents.first().context("an entry without content")?;
    let sender = body.from.as_ref().context("an entry without sender")?.name().to_owned();
    Ok(Entry { id: meta.id(), sender, text: content.text().to_owned() })
}
