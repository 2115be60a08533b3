//! What was added to messages after they were sent: edits, reactions, pins.
//!
//! A message is changed in its place; the places of the notices are kept, so that a recall empties them too. All of it
//! is checked against a recall at the same moment, and against the facts that the decision rests on.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use domain::pin::PinnedMessage;
use domain::reaction::{Reacted, Reaction};
use kv::{Batch, CellKey, Kv, KvError, Scan, Space, Template, ValueHash};
use model::{AppId, ClientMessageId, Entry, Feed, MessageId, Seq, Timestamp, Uid, Username};
use serde::{Deserialize, Serialize};

use crate::arrivals::note;
use crate::rows::{expect, from_json, to_json};
use crate::{Facts, Feeds, Sent, StoreError, Written, keys};

/// Version of the row of edits, its first byte.
const EDITS_VERSION: u8 = 1;

/// Where the notices of a message's edits stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredEdits {
    pub places: Vec<Seq>,
    pub(crate) version: Option<ValueHash>,
}

/// A message's reactions, with the version that a change is checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredReactions {
    pub list: Vec<Reaction>,
    version: Option<ValueHash>,
}

/// A conversation's pinned messages, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPins {
    pub list: Vec<PinnedMessage>,
    version: Option<ValueHash>,
}

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditWritten {
    Done(Seq),
    /// The same edit was stored before; this is the first answer.
    Repeat(Sent),
    /// The message was changed or recalled since it was read, or something else that the decision rests on changed.
    FactsMoved,
}

#[derive(Serialize, Deserialize)]
struct ReactionRow {
    id: u64,
    text: String,
    count: u32,
    first: Vec<u64>,
    created: u64,
    updated: u64,
}

#[derive(Serialize, Deserialize)]
struct PinRow {
    message: u64,
    seq: u64,
    at: u64,
    by: String,
}

#[derive(Debug)]
pub struct Extras {
    kv: Arc<dyn Kv>,
    feeds: Arc<Feeds>,
}

impl Extras {
    pub(crate) fn new(kv: Arc<dyn Kv>, feeds: Arc<Feeds>) -> Self {
        Self { kv, feeds }
    }

    /// Where the notices of a message's edits stand.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn edits(&self, app: AppId, feed: Feed, message: MessageId) -> Result<StoredEdits, StoreError> {
        edit_notices(&*self.kv, &CellKey::main(keys::edits(app, feed, message))).await
    }

    /// Replaces a message and appends the notice, in one commit that is held against the facts. With a client's id a repeat gets the first answer.
    ///
    /// # Errors
    /// Engine faults.
    #[expect(clippy::too_many_arguments, reason = "what is written, and what it is held against")]
    pub async fn write_edit(
        &self,
        app: AppId,
        feed: Feed,
        (place, message): (Seq, &Entry),
        stored: &StoredEdits,
        notice: &Entry,
        client: Option<(ClientMessageId, u64)>,
        facts: &Facts,
    ) -> Result<EditWritten, StoreError> {
        let mut batch = Batch::new();
        facts.check(&mut batch);
        self.feeds.check_not_recalled(&mut batch, app, feed, message.id, notice.at);
        let cell = CellKey::main(keys::edits(app, feed, message.id));
        let last_fact = batch.check(cell.clone(), expect(stored.version));
        let log = keys::feed_log(app, feed);
        batch.rewrite(log.clone(), place.0, message.encode());
        let slot = batch.append(log, notice.encode());
        batch.note(keys::arrivals(app), note(feed, notice, slot));
        let mut row = Template::new().bytes(&[EDITS_VERSION]);
        for place in &stored.places {
            row = row.bytes(&place.0.to_be_bytes());
        }
        batch.put(Space::Main, cell.key, row.slot(slot));
        let dedupe = client.map(|(client, digest)| {
            let key = keys::dedupe(app, notice.sender, feed, client, digest);
            (self.feeds.remember_answer(&mut batch, &key, notice, slot), key)
        });
        match self.feeds.append_then(app, &[feed], batch, |_| ()).await {
            Ok(sequences) => Ok(EditWritten::Done(sequences[0])),
            Err(KvError::CheckFailed { check }) if check > last_fact => {
                let (periods, key) = dedupe.expect("only the checks of a client's id come after the facts");
                let first = self.feeds.first_answer(&periods, &key).await?;
                Ok(first.map_or(EditWritten::FactsMoved, EditWritten::Repeat))
            }
            Err(KvError::CheckFailed { .. }) => Ok(EditWritten::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// The reactions of messages, in their order.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn reactions(
        &self,
        app: AppId,
        messages: &[(Feed, MessageId)],
    ) -> Result<Vec<StoredReactions>, StoreError> {
        let cell = |(feed, message): &(Feed, MessageId)| CellKey::main(keys::reactions(app, *feed, *message));
        let cells: Vec<CellKey> = messages.iter().map(cell).collect();
        let rows = self.kv.get_many(&cells).await?;
        let decode = |row: Option<Bytes>| match row {
            None => Ok(StoredReactions::default()),
            Some(row) => {
                let list: Vec<ReactionRow> = from_json("reactions", &row)?;
                let list = list.into_iter().map(Reaction::from).collect();
                Ok(StoredReactions { list, version: Some(ValueHash::of(&row)) })
            }
        };
        rows.into_iter().map(decode).collect()
    }

    /// The places of a user among those who have reactions; `None`: he has it not. Each is named by feed, message and its own
    /// id, in whose order the places come.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn own_reactions(
        &self,
        app: AppId,
        uid: Uid,
        reactions: &[(Feed, MessageId, MessageId)],
    ) -> Result<Vec<Option<u64>>, StoreError> {
        const AT_ONCE: usize = 1_000;
        let mut places = Vec::with_capacity(reactions.len());
        for part in reactions.chunks(AT_ONCE) {
            let cell = |(feed, message, reaction): &(Feed, MessageId, MessageId)| {
                CellKey::main(keys::reaction_of(app, *feed, *message, *reaction, uid))
            };
            let cells: Vec<CellKey> = part.iter().map(cell).collect();
            for row in self.kv.get_many(&cells).await? {
                places.push(row.map(|row| number(&row)).transpose()?);
            }
        }
        Ok(places)
    }

    /// Who has a reaction, with their places, in the order in which they reacted, after a place.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn reaction_users(
        &self,
        app: AppId,
        (feed, message, reaction): (Feed, MessageId, MessageId),
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Uid)>, StoreError> {
        let prefix = keys::reaction_users(app, feed, message, reaction);
        let mut scan = Scan::prefix(Space::Main, prefix.clone(), limit);
        scan.from = keys::reaction_at(app, feed, message, reaction, after.saturating_add(1));
        let rows = self.kv.scan(scan).await?;
        rows.iter().map(|(key, row)| Ok((number(&key[prefix.len()..])?, Uid(number(row)?)))).collect()
    }

    /// Replaces a message's reactions and appends the event, in one commit that is held against the facts. `place`: where the
    /// user stands among those who have the reaction, if he takes it back; he who adds it gets the event's id.
    ///
    ///
    /// # Errors
    /// Engine faults.
    #[expect(clippy::too_many_arguments, reason = "what is written, and what it is held against")]
    pub async fn write_reactions(
        &self,
        app: AppId,
        (feed, message): (Feed, MessageId),
        stored: &StoredReactions,
        reacted: &Reacted,
        place: Option<u64>,
        event: &Entry,
        facts: &Facts,
    ) -> Result<Written, StoreError> {
        let mut batch = Batch::new();
        facts.check(&mut batch);
        self.feeds.check_not_recalled(&mut batch, app, feed, message, event.at);
        let cell = CellKey::main(keys::reactions(app, feed, message));
        batch.check(cell.clone(), expect(stored.version));
        if reacted.reactions.is_empty() {
            batch.delete(cell);
        } else {
            let rows: Vec<ReactionRow> = reacted.reactions.iter().map(ReactionRow::from).collect();
            batch.put(Space::Main, cell.key, to_json(&rows));
        }
        let own = keys::reaction_of(app, feed, message, reacted.changed, event.sender);
        let at = |place| keys::reaction_at(app, feed, message, reacted.changed, place);
        if let Some(place) = place {
            batch.delete(CellKey::main(own));
            batch.delete(CellKey::main(at(place)));
        } else {
            batch.put(Space::Main, own, event.id.0.to_be_bytes().as_slice());
            batch.put(Space::Main, at(event.id.0), event.sender.0.to_be_bytes().as_slice());
        }
        self.append_event(app, feed, batch, event).await
    }

    /// The pinned messages of a conversation.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn pins(&self, app: AppId, feed: Feed) -> Result<StoredPins, StoreError> {
        let Some(row) = self.kv.get(CellKey::main(keys::pins(app, feed))).await? else {
            return Ok(StoredPins::default());
        };
        let list: Vec<PinRow> = from_json("pins", &row)?;
        let pin = |row: PinRow| {
            let damaged = |_| StoreError::Damaged { what: "pins", detail: "a name".to_owned() };
            let by = Username::parse(&row.by).map_err(damaged)?;
            let (message, seq, at) = (MessageId(row.message), Seq(row.seq), Timestamp(row.at));
            Ok(PinnedMessage { message, seq, at, by })
        };
        let list = list.into_iter().map(pin).collect::<Result<_, StoreError>>()?;
        Ok(StoredPins { list, version: Some(ValueHash::of(&row)) })
    }

    /// Replaces a conversation's pinned messages and appends the event, in one commit that is held against the facts.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn write_pins(
        &self,
        app: AppId,
        feed: Feed,
        stored: &StoredPins,
        pins: &[PinnedMessage],
        event: &Entry,
        facts: &Facts,
    ) -> Result<Written, StoreError> {
        let mut batch = Batch::new();
        facts.check(&mut batch);
        let cell = CellKey::main(keys::pins(app, feed));
        batch.check(cell.clone(), expect(stored.version));
        if pins.is_empty() {
            batch.delete(cell);
        } else {
            let row = |pin: &PinnedMessage| PinRow {
                message: pin.message.0,
                seq: pin.seq.0,
                at: pin.at.0,
                by: pin.by.to_string(),
            };
            batch.put(Space::Main, cell.key, to_json(&pins.iter().map(row).collect::<Vec<_>>()));
        }
        self.append_event(app, feed, batch, event).await
    }

    async fn append_event(
        &self,
        app: AppId,
        feed: Feed,
        mut batch: Batch,
        event: &Entry,
    ) -> Result<Written, StoreError> {
        let slot = batch.append(keys::feed_log(app, feed), event.encode());
        batch.note(keys::arrivals(app), note(feed, event, slot));
        match self.feeds.append_then(app, &[feed], batch, |_| ()).await {
            Ok(sequences) => Ok(Written::Done(sequences.into_vec())),
            Err(KvError::CheckFailed { .. }) => Ok(Written::FactsMoved),
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) async fn edit_notices(kv: &dyn Kv, cell: &CellKey) -> Result<StoredEdits, StoreError> {
    let Some(mut row) = kv.get(cell.clone()).await? else { return Ok(StoredEdits::default()) };
    let version = Some(ValueHash::of(&row));
    if row.is_empty() || row.get_u8() != EDITS_VERSION || !row.len().is_multiple_of(8) {
        return Err(StoreError::Damaged { what: "edits", detail: "version or length".to_owned() });
    }
    let places = (0..row.len() / 8).map(|_| Seq(row.get_u64())).collect();
    Ok(StoredEdits { places, version })
}

fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    let damaged = |_| StoreError::Damaged { what: "reaction", detail: "its length".to_owned() };
    bytes.try_into().map(u64::from_be_bytes).map_err(damaged)
}

impl From<ReactionRow> for Reaction {
    fn from(row: ReactionRow) -> Self {
        Self {
            id: MessageId(row.id),
            text: row.text,
            count: row.count,
            first: row.first.into_iter().map(Uid).collect(),
            created: Timestamp(row.created),
            updated: Timestamp(row.updated),
        }
    }
}

impl From<&Reaction> for ReactionRow {
    fn from(reaction: &Reaction) -> Self {
        Self {
            id: reaction.id.0,
            text: reaction.text.clone(),
            count: reaction.count,
            first: reaction.first.iter().map(|uid| uid.0).collect(),
            created: reaction.created.0,
            updated: reaction.updated.0,
        }
    }
}
