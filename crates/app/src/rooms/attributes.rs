//! Attributes of chat rooms: read, set, taken away, and gone with who set them.
//!
//! They are stored, while who is in a room is not ([`super::Leases`]). So what was set to go with its author counts only
//! as long as he is in the room without a break; what a restart of the server left of it is nobody's, and the next change
//! clears it away.

use std::collections::BTreeMap;
use std::sync::Arc;

use conditions::Condition;
use domain::group::{AttributeAuthor, ChangeAttributes, Person, Rank, RoomAttributes, decide_attributes};
use model::{AppId, Delivery, Entry, GroupChange, GroupId, GroupKind, GroupNews, Hint, Seq, Uid, Username};
use store::{AttributesChange, StoredGroup};

use super::of_room;
use crate::groups::{By, GroupRef, Outcome};
use crate::{Error, TRIES, Tenant, UseCases};

/// Somebody wants attributes of a room to be others.
#[derive(Clone, Debug)]
pub struct ChangeRoomAttributes {
    /// The public id, as written.
    pub room: String,
    /// Who sets them: the caller, or whom the back end speaks for.
    pub user: String,
    pub change: ChangeAttributes,
    /// Also those that others set.
    pub force: bool,
}

impl UseCases {
    /// Attributes of a room, for those who are in it and the back end. `keys`: only these, as far as they are there; empty: all.
    ///
    /// # Errors
    /// `service_not_enabled`, `chatroom_not_found`, `not_in_chatroom`; faults.
    pub async fn room_attributes(
        &self,
        app: &Tenant,
        by: &By,
        room: &str,
        keys: &[String],
    ) -> Result<BTreeMap<String, String>, Error> {
        enabled(app)?;
        let stored = self.look_into_group(app, by, GroupRef::room(room), Rank::Member).await?;
        let (id, room) = (app.value.id, stored.group.id);
        let mut attributes = self.there(id, room, &self.store.rooms.attributes(id, room).await?);
        attributes.retain(|key, _| keys.is_empty() || keys.contains(key));
        Ok(attributes.into_iter().map(|(key, attribute)| (key, attribute.value)).collect())
    }

    /// Sets attributes of a room or takes them away, each for itself; those who are there are told.
    ///
    /// # Errors
    /// `service_not_enabled`, `chatroom_not_found`; those of [`decide_attributes`]; faults.
    pub async fn change_room_attributes(
        &self,
        app: &Tenant,
        by: &By,
        command: &ChangeRoomAttributes,
    ) -> Result<Vec<Outcome>, Error> {
        enabled(app)?;
        let id = app.value.id;
        let _turn = self.group_turns.take(id, &command.room).await;
        for _ in 0..TRIES {
            let stored = self.stored_group(app, GroupRef::room(&command.room)).await?;
            let room = stored.group.id;
            let account = self.find_user(app, &command.user).await?;
            let person = match &account {
                Some(account) => Person::from(&account.user),
                None => {
                    let name = Username::parse(&command.user).unwrap_or_else(|_| Username::back_end());
                    Person { uid: Uid::BACK_END, name }
                }
            };
            let is_in = self.leases.since(id, room, person.uid).is_some();
            let author = AttributeAuthor { person, is_in, is_back_end: by.account.is_none() };
            let stored_attributes = self.store.rooms.attributes(id, room).await?;
            let present = self.there(id, room, &stored_attributes);

            let (change, force) = (&command.change, command.force);
            let decided = decide_attributes(&stored.group, &author, &present, change, force, self.now())
                .map_err(|refused| of_room(refused.into()))?;

            let mut news = Vec::new();
            if !decided.set.is_empty() {
                let attributes = decided.set.iter();
                let attributes =
                    attributes.map(|(key, set)| (key.clone(), set.value.clone().into())).collect();
                news.push(GroupChange::AttributesSet { attributes });
            }
            if !decided.removed.is_empty() {
                news.push(GroupChange::AttributesRemoved { keys: decided.removed.clone() });
            }
            let outcomes = |decided: domain::group::AttributesDecided| {
                let done = decided.set.into_keys().chain(decided.removed).map(|key| (key, Ok(())));
                let refused = decided.refused.into_iter().map(|(key, refused)| (key, Err(refused.into())));
                done.chain(refused).collect()
            };
            if news.is_empty() {
                return Ok(outcomes(decided));
            }
            let over = stored_attributes.keys();
            let over = over.filter(|key| !present.contains_key(*key) && !decided.set.contains_key(*key));
            let removed = decided.removed.iter().chain(over).cloned().collect();
            let written = AttributesChange { set: decided.set.clone(), removed };
            let said_by = By { account, device: by.device.clone() };
            let said =
                self.write_attributes(id, &stored, &stored_attributes, &written, news, &said_by).await?;
            if !said {
                self.store.groups.forget(id, room, Uid::BACK_END);
                continue;
            }
            let goes = decided.set.values().any(|attribute| attribute.goes_with_author);
            // Whoever left in the meantime could not know of it.
            if goes && !self.leases.mark_attributes(id, room, author.person.uid) {
                self.drop_attributes(id, room, &author.person).await?;
            }
            return Ok(outcomes(decided));
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Takes away what somebody set in a room to go with him, and tells those who stay.
    ///
    /// # Errors
    /// `write_conflict`; faults. What he set is not shown to anybody even so.
    pub(crate) async fn drop_attributes(
        &self,
        app: AppId,
        room: GroupId,
        author: &Person,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some(stored) = self.store.groups.get(app, room).await? else { return Ok(()) };
            let present = self.store.rooms.attributes(app, room).await?;
            let there = self.there(app, room, &present);
            let gone = present
                .iter()
                .filter(|(key, attribute)| attribute.by.uid == author.uid && !there.contains_key(*key));
            let keys: Vec<String> = gone.map(|(key, _)| key.clone()).collect();
            if keys.is_empty() {
                return Ok(());
            }
            let change = AttributesChange { removed: keys.clone(), ..AttributesChange::default() };
            let news = vec![GroupChange::AttributesRemoved { keys }];
            let by = By { account: self.store.users.get(app, author.uid).await?, device: None };
            if self.write_attributes(app, &stored, &present, &change, news, &by).await? {
                return Ok(());
            }
            self.store.groups.forget(app, room, Uid::BACK_END);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Writes and tells; `false`: something moved.
    async fn write_attributes(
        &self,
        app: AppId,
        room: &StoredGroup,
        present: &RoomAttributes,
        change: &AttributesChange,
        news: Vec<GroupChange>,
        by: &By,
    ) -> Result<bool, Error> {
        let group = &room.group;
        let mut entries: Vec<Entry> = Vec::with_capacity(news.len());
        for change in news {
            let news = GroupNews {
                group: group.public_id.to_string(),
                kind: GroupKind::Room,
                name: String::new(),
                parent: None,
                change,
            };
            entries.push(self.group_entry(by, &group.public_id, news).await?);
        }
        let written = self.store.rooms.change_attributes(app, room, present, change, &entries).await?;
        let Some(sequences) = written else { return Ok(false) };
        self.tell_entries(app, group.feed(), entries, &sequences);
        Ok(true)
    }

    fn tell_entries(&self, app: AppId, feed: model::Feed, entries: Vec<Entry>, sequences: &[Seq]) {
        for (entry, seq) in entries.into_iter().zip(sequences) {
            self.bus.publish(Hint::Delivery(Arc::new(Delivery::new(app, feed, *seq, entry))));
        }
    }

    /// Those of a room's attributes that count.
    fn there(&self, app: AppId, room: GroupId, stored: &RoomAttributes) -> RoomAttributes {
        let mut there = stored.clone();
        there.retain(|_, attribute| attribute.is_there(self.leases.since(app, room, attribute.by.uid)));
        there
    }
}

fn enabled(app: &Tenant) -> Result<(), Error> {
    if app.value.settings.room_attributes {
        return Ok(());
    }
    Err(Error::refused(Condition::ServiceNotEnabled, vec![("feature", "chatroom metadata".to_owned())]))
}
