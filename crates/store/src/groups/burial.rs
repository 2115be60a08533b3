//! What becomes of a group after its end: its members are told, then its rows go.

use std::sync::Arc;

use kv::{Batch, CellKey, Expect, Scan, Space, ValueHash};
use model::{AppId, ConversationId, Entry, Event, Feed, GroupId, GroupKind, News, Seq, Uid};
use smallvec::SmallVec;

use super::counts::{Step, end_counts};
use super::rows::{encode_member, generated, id_of};
use super::{Groups, Listing, StoredGroup, threads};
use crate::arrivals::note;
use crate::feeds::{Sequences, add_events};
use crate::inboxes::retry;
use crate::rows::written_unless_moved;
use crate::trim::trim_log;
use crate::{Facts, StoreError, keys};

/// Members whom one commit takes out of a destroyed group: each costs three operations.
const BURIED_AT_ONCE: usize = 200;

/// A member who was taken out of a destroyed group, and what he was told. Of a thread's end its group is told instead.
#[derive(Clone, Debug)]
pub struct Buried {
    pub uid: Uid,
    pub told: Option<(Seq, Entry)>,
}

impl Groups {
    /// Takes a group away at once; its members are told and its rows go afterwards ([`Groups::bury`]), also after a
    /// crash. `farewell` is what they are told, in the event log of each; `told` is told with the end itself. `None`: the
    /// group moved.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn destroy(
        &self,
        app: AppId,
        stored: &StoredGroup,
        farewell: &Entry,
        told: &[(Feed, Entry)],
    ) -> Result<Option<Sequences>, StoreError> {
        let group = &stored.group;
        let id = group.id;
        let mut batch = Batch::new();
        Facts::default().group(app, stored).check(&mut batch);
        batch.delete(CellKey::main(keys::group(app, id)));
        for listing in [Listing::Groups, Listing::Public, Listing::Rooms] {
            batch.delete(CellKey::main(keys::listed_group(app, listing, id)));
        }
        if generated(&group.public_id) != Some(id) {
            batch.delete(CellKey::main(keys::name(app, &group.public_id)));
        }
        threads::delete(&mut batch, app, group);
        batch.put(Space::Main, keys::destroyed_group(app, id), farewell.encode());
        let feeds: SmallVec<[Feed; 4]> = told.iter().map(|(feed, _)| *feed).collect();
        add_events(&mut batch, app, told);
        let (by_id, by_name) = (Arc::clone(&self.by_id), Arc::clone(&self.by_name));
        let (turn, name) = (self.by_id.begin(&(app, id)), (app, group.public_id.clone()));
        let written = self.feeds.append_then(app, &feeds, batch, move |_| {
            by_id.end((app, id), &turn, None);
            by_name.forget(&name);
        });
        written_unless_moved(written.await)
    }

    /// Groups that were destroyed and are not buried yet.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn unburied(&self, app: AppId) -> Result<Vec<GroupId>, StoreError> {
        let rows = self.scan(Scan::prefix(Space::Main, keys::destroyed_groups(app), kv::READ_LIMIT)).await?;
        rows.iter().map(|(key, _)| id_of("destroyed group", key)).collect()
    }

    /// Takes the next members out of a destroyed group and tells each; when none is left, everything else that was the
    /// group's goes. Empty: it is done. Two may do it at once: each tells others.
    ///
    /// # Errors
    /// Engine faults, and [`StoreError::Damaged`].
    pub async fn bury(&self, app: AppId, id: GroupId) -> Result<Vec<Buried>, StoreError> {
        // Whoever was faster told some of the members.
        retry("a destroyed group", || self.bury_once(app, id)).await
    }

    /// `None`: somebody else took out one of the members at the same time.
    async fn bury_once(&self, app: AppId, id: GroupId) -> Result<Option<Vec<Buried>>, StoreError> {
        let cell = CellKey::main(keys::destroyed_group(app, id));
        let Some(farewell) = self.kv.get(cell.clone()).await? else { return Ok(Some(Vec::new())) };
        let farewell = Entry::decode(farewell)
            .map_err(|error| StoreError::Damaged { what: "destroyed group", detail: error.to_string() })?;
        let members = self.members(app, id, None, BURIED_AT_ONCE).await?;
        let (kind, conversation) = conversation_of(id, &farewell);
        if members.is_empty() || matches!(conversation, ConversationId::Room(_)) {
            // Who is in a room was told when it closed.
            kv::sweep(&*self.kv, Scan::prefix(Space::Main, keys::members(app, id), 0)).await?;
            self.clear(app, conversation, id).await?;
            let mut batch = Batch::background();
            batch.delete(cell);
            self.kv.commit(batch).await?;
            return Ok(Some(Vec::new()));
        }
        let group_feed = Feed::Conversation(conversation);
        let mut batch = Batch::new();
        let (mut feeds, mut told) = (Vec::new(), Vec::new());
        for (uid, member) in members {
            // Not told twice, should two come here at once.
            let row = CellKey::main(keys::member(app, id, uid));
            batch.check(row.clone(), Expect::Hash(ValueHash::of(&encode_member(&member))));
            batch.delete(row);
            batch.delete(CellKey::main(keys::inbox(app, uid, group_feed)));
            batch.delete(CellKey::main(keys::own_view(app, uid, group_feed)));
            let entry =
                (kind == GroupKind::Group).then(|| Entry { target_name: member.name, ..farewell.clone() });
            if let Some(entry) = &entry {
                let feed = Feed::Events(uid);
                let slot = batch.append(keys::feed_log(app, feed), entry.encode());
                // All are told the same: who reads the arrivals hears of it once a part.
                if feeds.is_empty() {
                    batch.note(keys::arrivals(app), note(feed, entry, slot));
                }
                feeds.push(feed);
            }
            told.push((uid, entry));
        }
        let turns: Vec<_> =
            told.iter().map(|(uid, _)| ((app, id, *uid), self.members.begin(&(app, id, *uid)))).collect();
        let left: Vec<_> = told
            .iter()
            .map(|(uid, _)| ((app, *uid, group_feed), self.inboxes.begin(&(app, *uid, group_feed))))
            .collect();
        let (members, inboxes) = (Arc::clone(&self.members), Arc::clone(&self.inboxes));
        let steps = told.iter().map(|(uid, _)| (*uid, Step::Buried));
        let (counting, joined) = (self.begin_counts(app, kind, steps), Arc::clone(&self.joined));
        let written = self.feeds.append_then(app, &feeds, batch, move |went_through| {
            turns.into_iter().for_each(|(key, turn)| members.end(key, &turn, None));
            left.into_iter().for_each(|(key, turn)| inboxes.end(key, &turn, None));
            end_counts(&joined, counting, went_through);
        });
        let Some(sequences) = written_unless_moved(written.await)? else { return Ok(None) };
        let mut sequences = sequences.into_iter();
        let buried = |(uid, entry): (Uid, Option<Entry>)| Buried {
            uid,
            told: entry.and_then(|entry| Some((sequences.next()?, entry))),
        };
        Ok(Some(told.into_iter().map(buried).collect()))
    }

    async fn clear(&self, app: AppId, conversation: ConversationId, id: GroupId) -> Result<(), StoreError> {
        let feed = Feed::Conversation(conversation);
        let [reactions, edits] = keys::of_messages(app, feed);
        for prefix in [
            keys::group_blocks(app, id),
            keys::group_requests(app, id),
            keys::all_attributes(app, id),
            keys::shared_files(app, id),
            keys::room_attributes(app, id),
            keys::pins(app, feed),
            reactions,
            edits,
        ] {
            kv::sweep(&*self.kv, Scan::prefix(Space::Main, prefix, 0)).await?;
        }
        self.clear_readers(app, id).await?;
        trim_log(&*self.kv, &keys::feed_log(app, feed)).await
    }

    async fn clear_readers(&self, app: AppId, id: GroupId) -> Result<(), StoreError> {
        let prefix = keys::all_readers(app, id);
        loop {
            let first = self.kv.scan(Scan::prefix(Space::Main, prefix.clone(), 1)).await?;
            let Some((key, _)) = first.first() else { return Ok(()) };
            let log = key.slice(..key.len() - 8);
            trim_log(&*self.kv, &log).await?;
            kv::sweep(&*self.kv, Scan::prefix(Space::Main, log, 0)).await?;
        }
    }
}

/// What a destroyed group was, and its conversation.
fn conversation_of(id: GroupId, farewell: &Entry) -> (GroupKind, ConversationId) {
    let kind = match Event::decode(&farewell.payload) {
        Ok(Event { news: News::Group(news), .. }) => news.kind,
        _ => GroupKind::Group,
    };
    match kind {
        GroupKind::Room => (kind, ConversationId::Room(id)),
        GroupKind::Group | GroupKind::Thread => (kind, ConversationId::Group(id)),
    }
}
