//! The arrival log: what came, in the order of the commits. Messages are found by their ids through it, history files and
//! back-end consumers read it with cursors.
//!
//! One entry holds the notes of one commit group. Ids rise along it, but for what nodes' clocks and the time between
//! drawing an id and committing differ by.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use kv::{Kv, ReadLog, Scan, Slot, Space, Template};
use model::{AppId, Entry, EntryKind, Feed, MessageId, Seq};
use smallvec::SmallVec;

use crate::feeds::ID_SLACK_TICKS;
use crate::{StoreError, keys};

/// Entries of the log read at a time.
const READ_AT_ONCE: usize = 64;
/// Entries of the log that are looked at for one message: of a busy app those of some seconds. What a client asks for may
/// not exist, and the half hour that ids may be apart from their place hold millions.
const LOOKED_AT: usize = 8 * 1024;

/// One thing that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub kind: EntryKind,
    pub id: MessageId,
    pub feed: Feed,
    pub seq: Seq,
    /// Its id is older than it: the whole of a stream has that of its beginning.
    pub is_drawn_before: bool,
}

#[derive(Debug)]
pub struct Arrivals {
    kv: Arc<dyn Kv>,
}

impl Arrivals {
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv }
    }

    /// What came after a position, oldest first: whole commit groups, each with its position in the log. At most some
    /// 64 groups; none: there is nothing after it.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn after(&self, app: AppId, position: u64) -> Result<Vec<(u64, Vec<Arrived>)>, StoreError> {
        let from = position.saturating_add(1);
        let read = ReadLog { log: keys::arrivals(app), from, limit: READ_AT_ONCE, reverse: false };
        let groups = self.kv.read_log(read).await?;
        groups.into_iter().map(|(position, group)| Ok((position, notes(group)?))).collect()
    }

    /// What came before a position, newest first: whole commit groups, as [`Arrivals::after`].
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn before(&self, app: AppId, position: u64) -> Result<Vec<(u64, Vec<Arrived>)>, StoreError> {
        let Some(from @ 1..) = position.checked_sub(1) else { return Ok(Vec::new()) };
        let read = ReadLog { log: keys::arrivals(app), from, limit: READ_AT_ONCE, reverse: true };
        let groups = self.kv.read_log(read).await?;
        groups.into_iter().map(|(position, group)| Ok((position, notes(group)?))).collect()
    }

    /// The position of the last commit group.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn head(&self, app: AppId) -> Result<u64, StoreError> {
        Ok(self.kv.log_head(&keys::arrivals(app)).await?)
    }

    /// A position after which everything stands that has the id or a later one.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn position_before(&self, app: AppId, id: MessageId) -> Result<u64, StoreError> {
        let first = self.first_from(app, id.tick().saturating_sub(ID_SLACK_TICKS)).await?;
        Ok(first.saturating_sub(1))
    }

    /// A position behind which nothing stands that has the id or an earlier one.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn position_behind(&self, app: AppId, id: MessageId) -> Result<u64, StoreError> {
        self.first_from(app, id.tick().saturating_add(ID_SLACK_TICKS)).await
    }

    /// The position of the first commit group with something at a tick or after it; exact where ids rise. Of a group the
    /// latest counts: the whole of a stream has an id from before (`domain::stream`).
    async fn first_from(&self, app: AppId, first: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (1, self.head(app).await?.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let probe = ReadLog { log: keys::arrivals(app), from: middle, limit: 1, reverse: false };
            let tick = match self.kv.read_log(probe).await?.pop() {
                Some((_, group)) => notes(group)?.iter().map(|arrived| arrived.id.tick()).max(),
                None => None,
            };
            match tick {
                Some(tick) if tick < first => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Where the message of an id stands, as long as the log remembers. Recalled messages have their place still. The
    /// whole of a stream has a row of its own for some days; others are looked for from where they should stand outwards,
    /// among some [`LOOKED_AT`] commit groups.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn find_message(&self, app: AppId, id: MessageId) -> Result<Option<Arrived>, StoreError> {
        let is_it = |arrived: &&Arrived| {
            arrived.id == id && matches!(arrived.kind, EntryKind::Message | EntryKind::Command)
        };
        if let Some(found) = self.find_drawn_before(app, id).await? {
            return Ok(Some(found));
        }
        let middle = self.first_from(app, id.tick()).await?;
        let log = keys::arrivals(app);
        let mut ways = [
            Some(ReadLog { log: log.clone(), from: middle, limit: READ_AT_ONCE, reverse: false }),
            (middle > 1).then_some(ReadLog { log, from: middle - 1, limit: READ_AT_ONCE, reverse: true }),
        ];
        let mut looked_at = 0;
        while looked_at < LOOKED_AT && ways.iter().any(Option::is_some) {
            for way in &mut ways {
                let Some(read) = way.take() else { continue };
                let groups = self.kv.read_log(read.clone()).await?;
                let Some((last, _)) = groups.last() else { continue };
                looked_at += groups.len();
                let from = if read.reverse { last - 1 } else { last + 1 };
                let mut is_past = false;
                for (_, group) in groups {
                    let group = notes(group)?;
                    if let Some(found) = group.iter().find(is_it) {
                        return Ok(Some(*found));
                    }
                    let behind = |arrived: &Arrived| match read.reverse {
                        true => self::is_past(id, arrived.id),
                        false => self::is_past(arrived.id, id),
                    };
                    is_past = group.iter().all(behind);
                }
                if !is_past && from > 0 {
                    *way = Some(ReadLog { from, ..read });
                }
            }
        }
        Ok(None)
    }
}

impl Arrivals {
    /// A message whose id was drawn long before it was written, by the row that knows a repeat of it.
    async fn find_drawn_before(&self, app: AppId, id: MessageId) -> Result<Option<Arrived>, StoreError> {
        for period in periods_of_drawn(id) {
            let rows = Scan::prefix(Space::Period(period), keys::once_prefix(app, id), 1);
            let Some((key, mut row)) = self.kv.scan(rows).await?.pop() else { continue };
            let feed = keys::once_feed(&key).filter(|_| row.remaining() >= 8);
            let damaged = || StoreError::Damaged { what: "dedupe row", detail: "its form".to_owned() };
            let (feed, seq) = (feed.ok_or_else(damaged)?, Seq(row.get_u64()));
            return Ok(Some(Arrived { kind: EntryKind::Message, id, feed, seq, is_drawn_before: true }));
        }
        Ok(None)
    }
}

/// Periods in which the row of a message may stand whose id was drawn long before it was written.
pub(crate) fn periods_of_drawn(id: MessageId) -> SmallVec<[u32; 2]> {
    let last = id.at().plus(domain::stream::LIFE + domain::stream::END_TRIED);
    let mut periods = SmallVec::from([id.at(), last].map(keys::period_of));
    periods.dedup();
    periods
}

/// Whether nothing with the id `sought`, or an earlier one, comes any more behind an entry with the id `seen`.
pub fn is_past(seen: MessageId, sought: MessageId) -> bool {
    seen.tick() > sought.tick() + ID_SLACK_TICKS
}

/// The first byte of a note of several entries, which no kind has: behind it each entry's, with its length before it.
const SEVERAL: u8 = 0xFF;

/// The note of the entries of one batch, which has room for one.
pub(crate) fn note_all<'a>(entries: impl IntoIterator<Item = (Feed, &'a Entry, Slot)>) -> Option<Template> {
    let mut entries = entries.into_iter();
    let (feed, entry, slot) = entries.next()?;
    let mut rest = entries.peekable();
    if rest.peek().is_none() {
        return Some(note(feed, entry, slot));
    }
    let mut several = Template::new().bytes(&[SEVERAL]);
    for (feed, entry, slot) in std::iter::once((feed, entry, slot)).chain(rest) {
        let (head, name) = parts(feed, entry);
        let length = u8::try_from(head.len() + size_of::<u64>() + name.len()).expect("a note is short");
        several = several.bytes(&[length]).bytes(&head).slot(slot).bytes(&name);
    }
    Some(several)
}

/// In a note's kind: the id was drawn before. No kind has it.
const DRAWN_BEFORE: u8 = 0x80;

/// The note of one entry: kind, id, sequence, feed.
pub(crate) fn note(feed: Feed, entry: &Entry, slot: Slot) -> Template {
    let (head, name) = parts(feed, entry);
    Template::from(head).slot(slot).bytes(&name)
}

/// The note of an entry whose id was drawn before.
pub(crate) fn note_of_drawn(feed: Feed, entry: &Entry, slot: Slot) -> Template {
    let (mut head, name) = parts(feed, entry);
    head[0] |= DRAWN_BEFORE;
    Template::from(head).slot(slot).bytes(&name)
}

/// What stands before and behind the sequence.
fn parts(feed: Feed, entry: &Entry) -> (Vec<u8>, Vec<u8>) {
    let mut head = Vec::with_capacity(9);
    head.put_u8(entry.kind as u8);
    head.put_u64(entry.id.0);
    let mut name = Vec::with_capacity(17);
    keys::push_feed(&mut name, feed);
    (head, name)
}

fn notes(group: Bytes) -> Result<Vec<Arrived>, StoreError> {
    let damaged = || StoreError::Damaged { what: "arrival note", detail: "its form".to_owned() };
    let read = |mut note: Bytes| {
        if note.remaining() < 18 {
            return Err(damaged());
        }
        let kind = note.get_u8();
        let is_drawn_before = kind & DRAWN_BEFORE != 0;
        let kind = EntryKind::from_byte(kind & !DRAWN_BEFORE).ok_or_else(damaged)?;
        let (id, seq) = (MessageId(note.get_u64()), Seq(note.get_u64()));
        Ok(Arrived { kind, id, seq, feed: keys::feed_of(&note).ok_or_else(damaged)?, is_drawn_before })
    };
    let mut arrived = Vec::new();
    for mut note in kv::notes(group) {
        if note.first() != Some(&SEVERAL) {
            arrived.push(read(note)?);
            continue;
        }
        note.advance(1);
        while note.has_remaining() {
            let length = usize::from(note.get_u8());
            if note.remaining() < length {
                return Err(damaged());
            }
            arrived.push(read(note.split_to(length))?);
        }
    }
    Ok(arrived)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use kv::{Batch, MemoryKv};
    use model::{ConversationId, Dialect, Timestamp, Uid};

    const APP: AppId = AppId(1);

    fn entry(id: MessageId, kind: EntryKind) -> Entry {
        Entry { dialect: Dialect::Easemob, sender: Uid(1), ..Entry::blank(id, kind, Timestamp(1)) }
    }

    async fn arrive(kv: &MemoryKv, feed: Feed, id: MessageId, kind: EntryKind) {
        let entry = entry(id, kind);
        let mut batch = Batch::new();
        let slot = batch.append(keys::feed_log(APP, feed), entry.encode());
        batch.note(keys::arrivals(APP), note(feed, &entry, slot));
        kv.commit(batch).await.unwrap();
    }

    #[tokio::test]
    async fn a_message_is_found_by_its_id_among_many_that_came_out_of_order() {
        let kv = MemoryKv::new();
        let arrivals = Arrivals::new(Arc::new(kv.clone()));
        let feed = |number: u64| Feed::Conversation(ConversationId::single(Uid(1), Uid(2 + number % 3)));
        // A message a minute, every tenth one nine minutes late.
        let ids: Vec<MessageId> = (0..400_u64)
            .map(|number| {
                let late = if number % 10 == 9 { 9 } else { 0 };
                let minute = 1_000 + number - late;
                MessageId::of_tick(minute * 60_000 * MessageId::TICKS_PER_MS + number, 0)
            })
            .collect();
        for (number, id) in (0..).zip(&ids) {
            arrive(&kv, feed(number), *id, EntryKind::Message).await;
        }
        for (number, id) in (0..).zip(&ids) {
            let found = arrivals.find_message(APP, *id).await.unwrap().unwrap();
            assert_eq!((found.id, found.feed), (*id, feed(number)));
        }
        assert_eq!(arrivals.find_message(APP, MessageId(7)).await, Ok(None));
        assert_eq!(arrivals.find_message(APP, MessageId(u64::MAX >> 11)).await, Ok(None));
        let before = arrivals.position_before(APP, ids[200]).await.unwrap();
        assert!((150..200).contains(&before), "{before} skips few and hides none");
    }

    // The app is busy: more came while the stream was said than is looked through for one message.
    #[tokio::test]
    async fn the_whole_of_a_long_stream_is_found_by_the_id_of_its_beginning() {
        let kv = MemoryKv::new();
        let shared: Arc<dyn Kv> = Arc::new(kv.clone());
        let arrivals = Arrivals::new(Arc::clone(&shared));
        let feed = Feed::Conversation(ConversationId::single(Uid(1), Uid(2)));
        let other = Feed::Conversation(ConversationId::single(Uid(1), Uid(3)));
        // Its end falls into the next period of dedupe rows.
        let begun = Timestamp(2_950 * 7 * 24 * 60 * 60 * 1000).minus(Duration::from_secs(60));
        let id = |ms: u64| MessageId::of_tick(MessageId::tick_of(begun) + ms * MessageId::TICKS_PER_MS, 0);
        for number in 1..=2 * LOOKED_AT as u64 {
            arrive(&kv, other, id(number * 100), EntryKind::Message).await;
        }
        let whole =
            Entry { at: begun.plus(Duration::from_secs(29 * 60)), ..entry(id(0), EntryKind::Message) };
        let mut batch = Batch::new();
        let slot = batch.append(keys::feed_log(APP, feed), whole.encode());
        let feeds = crate::Feeds::open(Arc::clone(&shared), Arc::new(crate::writer::Writer::new(shared)))
            .await
            .unwrap();
        feeds.remember_answer(&mut batch, &keys::once(APP, id(0), feed), &whole, slot);
        batch.note(keys::arrivals(APP), note(feed, &whole, slot));
        kv.commit(batch).await.unwrap();

        let found = arrivals.find_message(APP, id(0)).await.unwrap().unwrap();
        assert_eq!((found.id, found.feed, found.seq), (id(0), feed, Seq(1)));
        assert_eq!(arrivals.find_message(APP, id(50)).await, Ok(None));
    }

    #[tokio::test]
    async fn all_entries_of_a_batch_are_noted() {
        let kv = MemoryKv::new();
        let feeds = [
            Feed::Events(Uid(1)),
            Feed::Conversation(ConversationId::single(Uid(1), Uid(2))),
            Feed::Events(Uid(1)),
        ];
        let entries: Vec<Entry> = (5..8).map(|id| entry(MessageId(id), EntryKind::Event)).collect();
        let mut batch = Batch::new();
        let mut noted = Vec::new();
        for (feed, entry) in feeds.into_iter().zip(&entries) {
            noted.push((feed, entry, batch.append(keys::feed_log(APP, feed), entry.encode())));
        }
        batch.note(keys::arrivals(APP), note_all(noted).unwrap());
        kv.commit(batch).await.unwrap();
        arrive(&kv, feeds[0], MessageId(9), EntryKind::Message).await;

        let came = Arrivals::new(Arc::new(kv)).after(APP, 0).await.unwrap();
        let came: Vec<_> = came.into_iter().flat_map(|(_, group)| group).collect();
        let of = |arrived: &Arrived| (arrived.id.0, arrived.feed, arrived.seq.0);
        let expected = [(5, feeds[0], 1), (6, feeds[1], 1), (7, feeds[0], 2), (9, feeds[0], 3)];
        assert_eq!(came.iter().map(of).collect::<Vec<_>>(), expected);
        assert!(notes_of_cut_bytes().is_err());
    }

    fn notes_of_cut_bytes() -> Result<Vec<Arrived>, StoreError> {
        let mut group = Vec::new();
        kv::encode_note(&mut group, &[SEVERAL, 30, 8]);
        notes(group.into())
    }

    #[tokio::test]
    async fn receipts_and_recalls_are_no_messages() {
        let kv = MemoryKv::new();
        let arrivals = Arrivals::new(Arc::new(kv.clone()));
        let feed = Feed::Conversation(ConversationId::single(Uid(1), Uid(2)));
        arrive(&kv, feed, MessageId(5), EntryKind::Recall).await;
        assert_eq!(arrivals.find_message(APP, MessageId(5)).await, Ok(None));
        let came = arrivals.after(APP, 0).await.unwrap();
        assert_eq!(came.len(), 1);
        assert_eq!(came[0].1[0].kind, EntryKind::Recall);
        assert!(arrivals.after(APP, came[0].0).await.unwrap().is_empty());
    }
}
