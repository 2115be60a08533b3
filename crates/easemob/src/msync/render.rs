//! Puts entries, refusals and forced logouts into frames. Knows the vendor's forms, decides nothing.

use bytes::Bytes;
use conditions::{Condition, MsyncAnswer, MsyncScope, msync_answer};
use easemob_wire::downlink::{ErrorCode, KickOperation, Page, Status, encode_kick, encode_meta, encode_page};
use easemob_wire::{EVENT_QUEUE, JidRef};
use model::{Delivery, Entry, Feed, MessageId, Seq, Timestamp};
use session::clock::live_key;

use super::event::{Member, Refusal};

/// Shared renderings of a delivery ([`model::RENDER_SLOTS`]): what the peer sees, and what the sender's
/// other devices see. They differ in the queue only.
const PEER_SLOT: usize = 0;
const SENDER_SLOT: usize = 1;

/// The name of the queue that an entry stands in, as one user sees it.
pub(crate) fn queue_name<'a>(member: &Member, feed: Feed, entry: &'a Entry) -> &'a str {
    match feed {
        Feed::Events(_) => EVENT_QUEUE,
        Feed::Conversation(_) if entry.sender == member.uid => entry.target_name.as_str(),
        Feed::Conversation(_) => entry.sender_name.as_str(),
    }
}

/// A new entry as a frame of its own. All who see it in the same queue get the same bytes.
pub(crate) fn push(member: &Member, delivery: &Delivery) -> Bytes {
    let entry = &delivery.entry;
    let slot = if entry.sender == member.uid { SENDER_SLOT } else { PEER_SLOT };
    delivery.rendered(slot, || {
        let app_key = member.app_key.as_str();
        encode_page(&Page {
            queue: JidRef::user(app_key, queue_name(member, delivery.feed, entry)),
            metas: &[meta(app_key, entry)],
            next_key: (delivery.seq != Seq::ZERO).then(|| live_key(delivery.seq)),
            timestamp_ms: entry.at.0,
        })
    })
}

/// An entry as an element of a page.
pub(crate) fn meta(app_key: &str, entry: &Entry) -> Bytes {
    let resource = entry.sender_resource.as_ref().map_or("", |resource| resource.as_str());
    let from = JidRef::device(app_key, entry.sender_name.as_str(), resource);
    let only = entry.target_resource.as_ref().map_or("", |resource| resource.as_str());
    let to = JidRef::device(app_key, entry.target_name.as_str(), only);
    encode_meta(entry.id.0, from, to, entry.at.0, &entry.payload)
}

/// A refusal as the vendor's status, with our own fields beside it. `with` gets it.
pub(crate) fn with_status<T>(
    scope: MsyncScope,
    refusal: &Refusal,
    with: impl FnOnce(&Status<'_>, &'static MsyncAnswer) -> T,
) -> T {
    let answer = msync_answer(scope, refusal.condition);
    let arguments: Vec<(&str, &str)> =
        refusal.arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reason = answer.describe(refusal.condition, &arguments);
    let status = Status {
        code: ErrorCode::try_from(answer.code).unwrap_or(ErrorCode::Fail),
        reason: &reason,
        condition: refusal.condition.as_str(),
        trace: &refusal.trace,
        retry_after_ms: refusal.retry_after_ms,
    };
    with(&status, answer)
}

/// The frame after which a client stays away; `None` when it may come back at once.
pub(crate) fn kick(
    app_key: &str,
    user: &str,
    condition: Condition,
    notice: &str,
    now: Timestamp,
) -> Option<Bytes> {
    let answer = conditions::msync_logout(condition)?;
    let operation = KickOperation::try_from(answer.code).ok()?;
    let reason = answer.describe(condition, &[("reason", notice)]);
    // Clients ignore an id that they have seen. Node 31 gives out none of its own.
    let id = MessageId::of_tick(MessageId::tick_of(now), 31);
    Some(encode_kick(id.0, JidRef::user(app_key, user), operation, &reason, now.0))
}
