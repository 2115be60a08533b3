//! Chat rooms: who comes and goes, by himself and by his absence.
//!
//! A room is a group of another kind: what is done to it and in it goes through the line of groups ([`crate::groups`]).
//! But who is in it is a lease in memory ([`Leases`]), so that coming and going writes nothing: the others hear of it
//! while they are there, and nothing waits for who is away.

mod attributes;
mod before;
mod create;
mod leases;
mod load;
mod makers;
mod tags;

use std::sync::Arc;

use conditions::Condition;
use domain::group::{
    Candidate, Change, Group, GroupRefused, Member, Person, Write, decide_enter, decide_leave_but_owner,
    decide_remove_admin, in_room, is_heard, stays_away,
};
use domain::message::{Priority, Sender};
use model::{
    AppId, ConversationId, Delivery, Entrance, Event, GroupChange, GroupId, GroupKind, GroupNews, Hint,
    MessageId, News, Seq, Timestamp, Uid, limits,
};
use store::{FollowedFeed, Listing, StoredGroup};

use crate::event_log::{ActingDevice, UserNews};
use crate::groups::{By, Decided, GroupPage, GroupRef};
use crate::{Error, TRIES, Tenant, UseCases};

pub use attributes::ChangeRoomAttributes;
use leases::Taken;
pub(crate) use leases::{Ended, Leases};
pub(crate) use load::Loads;

/// A user wants into a room.
#[derive(Clone, Debug)]
pub struct EnterRoom {
    pub sender: Sender,
    /// The public id, as written.
    pub room: String,
    /// What he says about himself to those who are there; cut to [`limits::ROOM_NOTE_CHARS`].
    pub note: String,
    /// He leaves all other rooms.
    pub leaves_others: bool,
    /// He did so before, on this connection: if he is there still, it is refused.
    pub again: bool,
}

/// What somebody who is in learns of the room and of himself.
#[derive(Clone, Debug)]
pub struct Entered {
    pub id: MessageId,
    pub at: Timestamp,
    /// As it is now, with as many members as are there.
    pub room: Group,
    pub member: Member,
    /// The last of what was said before; what comes after it is told to him as it happens.
    pub said_before: Seq,
}

/// Who did something in a room, as the others are told.
struct Author<'a> {
    person: &'a Person,
    device: Option<ActingDevice>,
}

impl UseCases {
    /// A user enters a room by himself, with all his connections. Who is in it already is told so.
    ///
    /// # Errors
    /// `chatroom_not_found`, `already_in_chatroom` where [`EnterRoom::again`] says so, those of [`decide_enter`] in the words of rooms, `server_busy`; faults.
    pub async fn enter_room(&self, app: &Tenant, command: &EnterRoom) -> Result<Entered, Error> {
        let (id, sender) = (app.value.id, &command.sender);
        let person = Person { uid: sender.uid, name: sender.name.clone() };
        for _ in 0..TRIES {
            let stored = self.stored_group(app, GroupRef::room(&command.room)).await?;
            let room = &stored.group;
            let is_blocked = self.store.groups.are_blocked(id, room.id, &[person.uid]).await?[0];
            let candidate = Candidate {
                person: person.clone(),
                member: self.leases.member(id, room.id, person.uid),
                is_blocked,
                joined_groups: self.leases.rooms_of(id, person.uid).len() as u64,
            };
            decide_enter(&app.value.settings, room, &candidate).map_err(refused)?;

            let marked = self.store.groups.member(id, room.id, person.uid).await?;
            let now = self.now();
            let member = marked.map_or_else(
                || Member::new(person.name.clone(), now),
                |marked| Member { since: now, ..marked.member.clone() },
            );
            let entrance_id = self.ids.next(now).await?;
            // Before he is in, so that nothing said from then on is before it.
            let said_before = self.store.feeds.head(id, room.feed()).await?;
            let taken =
                self.leases.take(id, room.id, person.uid, member.clone(), room.max_users as usize, false);
            match taken {
                Taken::Held if command.again => {
                    let (user, group) = (person.name.to_string(), room.public_id.to_string());
                    return Err(refused(GroupRefused::AlreadyMember { user, group }));
                }
                Taken::New | Taken::Held => {}
                Taken::RoomFull => return Err(refused(GroupRefused::Full)),
                Taken::NodeFull => return Err(Error::plain(Condition::ServerBusy)),
            }
            // Whoever was blocked or removed meanwhile, or is in a room that is gone, had no lease to be ended.
            let after = self.store.groups.get(id, room.id).await?;
            if after.is_none_or(|after| after.version != stored.version) {
                if taken == Taken::New {
                    self.leases.end(id, room.id, person.uid);
                }
                continue;
            }
            let conversation = room.conversation();
            let entrance = Some(Entrance { room: room.public_id.clone(), after: said_before });
            let uid = person.uid;
            self.bus.publish(Hint::Membership { app: id, uid, conversation, follows: true, entrance });
            let room = Group { member_count: self.leases.count(id, room.id), ..room.clone() };
            if taken == Taken::New {
                let note = command.note.chars().take(limits::ROOM_NOTE_CHARS).collect();
                let users = vec![person.name.to_string()];
                let joined =
                    GroupChange::Joined { users, member_count: room.member_count, note, approved: false };
                let author = Author { person: &person, device: device_of(sender) };
                // He is in: who heard of a failure now would come again, and be told that he is there already.
                if let Err(error) = self.tell_room(id, &room, &author, joined, Some(person.uid)).await {
                    tracing::warn!(%error, "a chat room is not told of somebody who came");
                }
            }
            if command.leaves_others {
                self.leave_other_rooms(app, sender, room.id).await?;
            }
            let member = self.leases.member(id, room.id, person.uid).unwrap_or(member);
            return Ok(Entered { id: entrance_id, at: now, room, member, said_before });
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// As [`UseCases::leave_room`], for callers whose rooms their owners do not leave, and nobody twice.
    ///
    /// # Errors
    /// As there, those of [`decide_leave_but_owner`], and `not_in_chatroom`.
    pub async fn leave_room_but_owner(
        &self,
        app: &Tenant,
        sender: &Sender,
        room: &str,
    ) -> Result<(MessageId, Timestamp), Error> {
        let stored = self.stored_group(app, GroupRef::room(room)).await?;
        decide_leave_but_owner(&stored.group, sender.uid).map_err(refused)?;
        if !self.rooms_of(app.value.id, sender.uid).contains(&stored.group.conversation()) {
            let (user, group) = (sender.name.to_string(), stored.group.public_id.to_string());
            return Err(refused(GroupRefused::NotMember { user, group }));
        }
        self.leave_room(app, sender, room).await
    }

    /// A user leaves a room by himself. Who is not in it has left.
    ///
    /// # Errors
    /// `chatroom_not_found`; faults.
    pub async fn leave_room(
        &self,
        app: &Tenant,
        sender: &Sender,
        room: &str,
    ) -> Result<(MessageId, Timestamp), Error> {
        let stored = self.stored_group(app, GroupRef::room(room)).await?;
        self.part_from_room(app.value.id, &stored.group, sender.uid, device_of(sender)).await?;
        let now = self.now();
        Ok((self.ids.next(now).await?, now))
    }

    /// What rooms still have of a user who was removed: his own end, in the others he is no admin, and not there.
    ///
    /// # Errors
    /// Faults; what is done stays done, and is not done again.
    pub(crate) async fn leave_all_rooms(&self, app: &Tenant, uid: Uid) -> Result<(), Error> {
        const AT_ONCE: usize = 64;
        let (id, by) = (app.value.id, By::back_end());
        let mut before = None;
        // There is no index by owner: rooms are few beside users, and removals are rare.
        loop {
            let page = self.list_groups(app, Listing::Rooms, before, AT_ONCE).await?;
            for stored in &page.groups {
                let room = GroupRef::room(stored.group.public_id.as_str());
                let done = if stored.group.owner.uid == uid {
                    self.destroy_group(app, &by, room).await
                } else if stored.group.admins.iter().any(|admin| admin.uid == uid) {
                    self.drop_room_admin(app, &by, room, uid).await
                } else {
                    continue;
                };
                match done {
                    Err(error) if error.condition() == Condition::ChatroomNotFound => {}
                    done => done?,
                }
            }
            match page.next {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        for room in self.leases.rooms_of(id, uid) {
            if let Some(stored) = self.store.groups.get(id, room).await? {
                self.part_from_room(id, &stored.group, uid, None).await?;
            }
        }
        Ok(())
    }

    async fn drop_room_admin(
        &self,
        app: &Tenant,
        by: &By,
        room: GroupRef<'_>,
        uid: Uid,
    ) -> Result<(), Error> {
        self.change_group(app, by, room, move |stored, actor, now| async move {
            let room = &stored.group;
            let Some(admin) = room.admins.iter().find(|admin| admin.uid == uid) else {
                return Ok(Decided::Nothing(()));
            };
            Ok(Decided::change(decide_remove_admin(room, &actor, admin, now)?, ()))
        })
        .await
    }

    async fn leave_other_rooms(&self, app: &Tenant, sender: &Sender, entered: GroupId) -> Result<(), Error> {
        let id = app.value.id;
        for room in self.leases.rooms_of(id, sender.uid) {
            if room != entered
                && let Some(stored) = self.store.groups.get(id, room).await?
            {
                self.part_from_room(id, &stored.group, sender.uid, device_of(sender)).await?;
            }
        }
        Ok(())
    }

    /// Ends a lease and tells those who stay.
    async fn part_from_room(
        &self,
        app: AppId,
        room: &Group,
        uid: Uid,
        device: Option<ActingDevice>,
    ) -> Result<(), Error> {
        self.unfollow(app, uid, room.conversation());
        let Some(Ended { member, left, had_attributes }) = self.leases.end(app, room.id, uid) else {
            return Ok(());
        };
        // Whoever entered again between the two follows it again.
        self.unfollow(app, uid, room.conversation());
        let person = Person { uid, name: member.name };
        let users = vec![person.name.to_string()];
        let left = GroupChange::Left { users, member_count: left, new_owner: None, blocked: false };
        self.tell_room(app, room, &Author { person: &person, device }, left, None).await?;
        if had_attributes {
            self.drop_attributes(app, room.id, &person).await?;
        }
        Ok(())
    }

    /// Tells those who are in a room now, and nobody later.
    async fn tell_room(
        &self,
        app: AppId,
        room: &Group,
        by: &Author<'_>,
        change: GroupChange,
        hidden_from: Option<Uid>,
    ) -> Result<(), Error> {
        let told = GroupNews {
            group: room.public_id.to_string(),
            kind: GroupKind::Room,
            name: String::new(),
            parent: None,
            change,
        };
        let news = News::Group(told.clone());
        let payload = Event::new(news.clone()).hidden_from(hidden_from).encode();
        let Author { person, device } = by;
        let by = (person.uid, &person.name);
        let news = UserNews { to: person.uid, by, device: device.as_ref(), target: &room.public_id, news };
        let mut entry = self.news_entry(news, self.now()).await?;
        entry.payload = payload;
        self.note_room(app, &entry, &told).await;
        let delivery = Delivery::new(app, room.feed(), Seq::ZERO, entry);
        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
        Ok(())
    }

    /// The rooms that a user is in, which his connections follow.
    pub fn rooms_of(&self, app: AppId, uid: Uid) -> Vec<ConversationId> {
        self.leases.rooms_of(app, uid).into_iter().map(ConversationId::Room).collect()
    }

    /// The rooms that a user is in, each with its end, where it begins for a connection that comes now.
    ///
    /// # Errors
    /// Faults.
    pub async fn room_places(&self, app: AppId, uid: Uid) -> Result<Vec<FollowedFeed>, Error> {
        let mut places = Vec::new();
        for id in self.leases.rooms_of(app, uid) {
            let Some(stored) = self.store.groups.get(app, id).await? else { continue };
            let feed = stored.group.feed();
            let position = self.store.feeds.head(app, feed).await?;
            places.push(FollowedFeed { feed, position, peer: Some(stored.group.public_id.clone()) });
        }
        Ok(places)
    }

    /// Whether a message reaches anybody: in a room in which more is said than may be, the less important give way.
    pub(crate) fn is_heard_in_room(
        &self,
        app: &Tenant,
        conversation: ConversationId,
        priority: Priority,
        now: Timestamp,
    ) -> bool {
        let limit = app.value.settings.room_messages_per_second;
        match conversation {
            ConversationId::Room(room) if limit != 0 => {
                let is_heard = |said| is_heard(limit, said, priority);
                let is_heard = self.room_loads.say(app.value.id, room, now, is_heard);
                if !is_heard {
                    metrics::counter!("kith_room_messages_dropped_total").increment(1);
                }
                is_heard
            }
            _ => true,
        }
    }

    /// The last connection of a user may have ended.
    pub(crate) fn away_from_rooms(&self, app: AppId, uid: Uid) {
        if self.online.connections(app, uid).is_empty() {
            self.leases.away(app, uid, self.now());
        }
    }

    /// Ends the leases of those who are gone for too long. Owner, admins and allow-listed members keep theirs.
    ///
    /// # Errors
    /// Faults; whose turn it was then keeps his place until he goes again.
    pub async fn end_leases(&self) -> Result<(), Error> {
        for (app, uid, rooms) in self.leases.over(self.now()) {
            for room in rooms {
                let Some(member) = self.leases.member(app, room, uid) else { continue };
                let Some(stored) = self.store.groups.get(app, room).await? else {
                    self.leases.end(app, room, uid);
                    continue;
                };
                if stays_away(&stored.group, uid, &member) {
                    self.leases.keep(app, room, uid);
                } else if self.online.connections(app, uid).is_empty() {
                    self.part_from_room(app, &stored.group, uid, None).await?;
                }
            }
        }
        Ok(())
    }

    /// A room with as many members as are there.
    pub(crate) fn with_count(&self, app: &Tenant, stored: &StoredGroup) -> Arc<StoredGroup> {
        let member_count = self.leases.count(app.value.id, stored.group.id);
        let group = Group { member_count, ..stored.group.clone() };
        Arc::new(StoredGroup { group, version: stored.version })
    }

    /// Where a room begins for those who come in by a change that is about to be written.
    pub(crate) async fn entrance(&self, app: AppId, change: &Change) -> Result<Option<Entrance>, Error> {
        let room = &change.group;
        if room.kind != GroupKind::Room || change.joins().next().is_none() {
            return Ok(None);
        }
        let after = self.store.feeds.head(app, room.feed()).await?;
        Ok(Some(Entrance { room: room.public_id.clone(), after }))
    }

    /// Those who come into a room by a change, as they were left when they were there last.
    pub(crate) async fn flags_of_those_who_come(
        &self,
        app: AppId,
        change: &Change,
    ) -> Result<Vec<(Uid, Member)>, Error> {
        let mut coming = Vec::new();
        if change.group.kind != GroupKind::Room {
            return Ok(coming);
        }
        for write in &change.writes {
            if let Write::Join(person, _) = write {
                let marked = self.store.groups.member(app, change.group.id, person.uid).await?;
                let since = change.group.modified;
                let member = marked.map_or_else(
                    || Member::new(person.name.clone(), since),
                    |marked| Member { since, ..marked.member.clone() },
                );
                coming.push((person.uid, member));
            }
        }
        Ok(coming)
    }

    /// What a change that is written does to the leases of its room; gives those who leave attributes behind.
    pub(crate) fn change_leases(
        &self,
        app: AppId,
        change: &Change,
        coming: Vec<(Uid, Member)>,
    ) -> Vec<Person> {
        let (room, mut authors) = (&change.group, Vec::new());
        if room.kind != GroupKind::Room {
            return authors;
        }
        for (uid, member) in coming {
            let is_away = self.online.connections(app, uid).is_empty();
            self.leases.take(app, room.id, uid, member, room.max_users as usize, is_away);
        }
        for write in &change.writes {
            match write {
                Write::Leave(uid) => {
                    let ended = self.leases.end(app, room.id, *uid).filter(|ended| ended.had_attributes);
                    authors.extend(ended.map(|ended| Person { uid: *uid, name: ended.member.name }));
                }
                Write::Member(uid, member) => self.leases.change(app, room.id, *uid, member),
                _ => {}
            }
        }
        authors
    }

    /// Tells those who are in a destroyed room, and ends their leases.
    pub(crate) async fn close_room(&self, app: &Tenant, by: &By, room: &Group) {
        let id = app.value.id;
        let back_end = Person { uid: Uid::BACK_END, name: model::Username::back_end() };
        let person = by.person().unwrap_or(back_end);
        let author = Author { person: &person, device: by.device.clone() };
        if let Err(error) = self.tell_room(id, room, &author, GroupChange::Destroyed, None).await {
            tracing::warn!(%error, "a chat room is gone, and those who were there are not told");
        }
        for uid in self.leases.close(id, room.id) {
            self.unfollow(id, uid, room.conversation());
        }
    }

    /// The rooms of the app, the youngest first.
    ///
    /// # Errors
    /// Faults.
    pub async fn list_rooms(
        &self,
        app: &Tenant,
        before: Option<GroupId>,
        limit: usize,
    ) -> Result<GroupPage, Error> {
        let mut page = self.list_groups(app, Listing::Rooms, before, limit).await?;
        page.groups.iter_mut().for_each(|stored| *stored = self.with_count(app, stored));
        Ok(page)
    }

    /// The rooms that a user is in, the latest first.
    ///
    /// # Errors
    /// Faults.
    pub async fn joined_rooms(&self, app: &Tenant, uid: Uid) -> Result<Vec<Arc<StoredGroup>>, Error> {
        let id = app.value.id;
        let mut rooms = Vec::new();
        for room in self.leases.rooms_of(id, uid).into_iter().rev() {
            let stored = self.store.groups.get(id, room).await?;
            rooms.extend(stored.map(|stored| self.with_count(app, &stored)));
        }
        Ok(rooms)
    }
}

/// A failure of the line of groups, as it is called in a room.
pub(crate) fn of_room(error: Error) -> Error {
    match error {
        Error::Refused(refused) => Error::Refused(in_room(refused)),
        fault => fault,
    }
}

fn refused(refused: GroupRefused) -> Error {
    of_room(refused.into())
}

fn device_of(sender: &Sender) -> Option<ActingDevice> {
    let resource = sender.resource.clone()?;
    Some(ActingDevice { number: sender.device, resource })
}
