//! Groups: the line that every change of one takes, and what verbs share.
//!
//! A change reads the group and what its rule asks for, decides, writes everything in one commit that is held against
//! the group's row, and tells. Changes of one group come one after the other on a node, so that they rarely meet; the
//! check on the row keeps them right among nodes.

mod create;
mod destroy;
mod files;
mod lists;
mod members;
mod online;
mod receipts;
mod requests;
mod roles;
mod settings;
mod strict;

use std::sync::Arc;

use ahash::AHashSet;
use conditions::Condition;
use domain::group::{
    Actor, Candidate, Change, Group, GroupRefused, Member, Person, ThreadRefused, To, Write,
};
use model::{
    AppId, ConversationId, Delivery, Entry, Feed, GroupKind, GroupNews, Hint, News, Seq, Timestamp, Uid,
    Username,
};
use store::{Account, Facts, StoredGroup};

use crate::event_log::{ActingDevice, UserNews};
use crate::rooms::of_room;
use crate::{Error, TRIES, Tenant, UseCases};

pub use lists::{GroupPage, MemberPage, Ranked};
pub use members::Outcome;
pub use receipts::ReaderPage;

/// A group or room as a caller names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRef<'a> {
    /// What it has to be: a room is no group to calls about groups, nor the other way round.
    pub kind: GroupKind,
    /// The public id, as written.
    pub id: &'a str,
}

impl<'a> GroupRef<'a> {
    pub fn room(id: &'a str) -> Self {
        Self { kind: GroupKind::Room, id }
    }

    pub(crate) fn not_found(self) -> Error {
        let name = domain::account::printable(self.id);
        match self.kind {
            GroupKind::Thread => ThreadRefused::NotFound { thread: name }.into(),
            GroupKind::Group | GroupKind::Room => self.say(GroupRefused::NotFound { group: name }.into()),
        }
    }

    pub fn thread(id: &'a str) -> Self {
        Self { kind: GroupKind::Thread, id }
    }

    /// A failure in the words of what was meant.
    fn say(self, error: Error) -> Error {
        if self.kind == GroupKind::Room { of_room(error) } else { error }
    }
}

impl<'a> From<&'a str> for GroupRef<'a> {
    fn from(id: &'a str) -> Self {
        Self { kind: GroupKind::Group, id }
    }
}

impl<'a> From<&'a String> for GroupRef<'a> {
    fn from(id: &'a String) -> Self {
        Self::from(id.as_str())
    }
}

/// Who asks for something, and from which of his devices.
#[derive(Clone, Debug)]
pub struct By {
    /// `None`: the app's back end.
    pub account: Option<Arc<Account>>,
    pub device: Option<ActingDevice>,
}

impl By {
    /// The app's back end.
    pub fn back_end() -> Self {
        Self { account: None, device: None }
    }

    /// Whoever asks, as somebody who may be told.
    pub(crate) fn person(&self) -> Option<Person> {
        self.account.as_ref().map(|account| Person::from(&account.user))
    }
}

impl UseCases {
    /// The group or room that a caller named; a room with as many members as are there.
    ///
    /// # Errors
    /// `group_not_found`, also for a room or thread where a group was meant; `chatroom_not_found`; faults.
    pub(crate) async fn stored_group(
        &self,
        app: &Tenant,
        group: impl Into<GroupRef<'_>>,
    ) -> Result<Arc<StoredGroup>, Error> {
        let group = group.into();
        let found = self.find_any_group(app, group.id).await?;
        let Some(found) = found.filter(|found| found.group.kind == group.kind) else {
            return Err(group.not_found());
        };
        Ok(if group.kind == GroupKind::Room { self.with_count(app, &found) } else { found })
    }

    /// The group, room or thread of a public id as a caller wrote it, if there is one.
    ///
    /// # Errors
    /// Faults.
    pub async fn find_any_group(&self, app: &Tenant, group: &str) -> Result<Option<Arc<StoredGroup>>, Error> {
        let Ok(public_id) = Username::parse(group) else { return Ok(None) };
        Ok(self.store.groups.find(app.value.id, &public_id).await?)
    }

    /// Who asks, as the rules of one group see him.
    pub(crate) async fn actor(&self, app: &Tenant, by: &By, group: &Group) -> Result<Actor, Error> {
        let Some(person) = by.person() else { return Ok(Actor::BackEnd) };
        let member = self.member(app, group, person.uid).await?;
        Ok(Actor::User { person, is_member: member.is_some() })
    }

    pub(crate) async fn member(
        &self,
        app: &Tenant,
        group: &Group,
        uid: Uid,
    ) -> Result<Option<Member>, Error> {
        if group.kind == GroupKind::Room {
            return Ok(self.leases.member(app.value.id, group.id, uid));
        }
        let stored = self.store.groups.member(app.value.id, group.id, uid).await?;
        Ok(stored.map(|stored| stored.member.clone()))
    }

    /// What the rules ask about users who may come in.
    pub(crate) async fn candidates(
        &self,
        app: &Tenant,
        group: &Group,
        accounts: &[Arc<Account>],
    ) -> Result<Vec<Candidate>, Error> {
        let id = app.value.id;
        let uids: Vec<Uid> = accounts.iter().map(|account| account.user.uid).collect();
        let blocked = self.store.groups.are_blocked(id, group.id, &uids).await?;
        let mut candidates = Vec::with_capacity(accounts.len());
        for (account, is_blocked) in accounts.iter().zip(blocked) {
            candidates.push(Candidate {
                person: Person::from(&account.user),
                member: self.member(app, group, account.user.uid).await?,
                is_blocked,
                joined_groups: match group.kind {
                    GroupKind::Room => self.leases.rooms_of(id, account.user.uid).len() as u64,
                    _ => self.joined_up_to_limit(app, account.user.uid).await?,
                },
            });
        }
        Ok(candidates)
    }

    /// How many groups a user is in, as far as the app's limit makes it matter.
    pub(crate) async fn joined_up_to_limit(&self, app: &Tenant, uid: Uid) -> Result<u64, Error> {
        self.count_joined(app, uid, GroupKind::Group, app.value.settings.groups_joined_limit).await
    }

    /// How many groups or threads a user is in, counted up to `limit`; 0 where there is none.
    pub(crate) async fn count_joined(
        &self,
        app: &Tenant,
        uid: Uid,
        kind: GroupKind,
        limit: u64,
    ) -> Result<u64, Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Ok(0);
        }
        Ok(self.store.groups.joined_count(app.value.id, uid, kind, limit).await? as u64)
    }

    /// The accounts of users who are to come in.
    pub(crate) async fn accounts(&self, app: &Tenant, names: &[String]) -> Result<Vec<Arc<Account>>, Error> {
        let (mut accounts, mut known) =
            (Vec::with_capacity(names.len()), AHashSet::with_capacity(names.len()));
        for name in names {
            let Some(account) = self.find_user(app, name).await? else {
                let user = domain::account::printable(name);
                return Err(GroupRefused::UserNotFound { user }.into());
            };
            if known.insert(account.user.uid) {
                accounts.push(account);
            }
        }
        Ok(accounts)
    }

    /// A user to whom something is done in a group. Who is no user of the app is no member of it.
    pub(crate) async fn target(
        &self,
        app: &Tenant,
        group: &Group,
        name: &str,
    ) -> Result<Arc<Account>, Error> {
        self.find_user(app, name).await?.ok_or_else(|| {
            let (user, group) = (domain::account::printable(name), group.public_id.to_string());
            GroupRefused::TargetNotMember { user, group }.into()
        })
    }

    /// The line of every change: reads the group, decides, writes, tells. `decide` gives the change with the accounts of
    /// those who come in, on which it rests too; or what to answer, where nothing is to be changed.
    pub(crate) async fn change_group<T, F>(
        &self,
        app: &Tenant,
        by: &By,
        group: impl Into<GroupRef<'_>>,
        decide: impl Fn(Arc<StoredGroup>, Actor, Timestamp) -> F + Sync,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Decided<T>, Error>> + Send,
    {
        let group = group.into();
        // For as long as the change takes.
        let _turn = self.group_turns.take(app.value.id, group.id).await;
        self.change_out_of_turn(app, by, group, decide).await
    }

    /// As [`UseCases::change_group`], for whoever changes another group meanwhile: groups share their turns, so who has one
    /// may not wait for a second. Where two meet here, one decides again.
    pub(crate) async fn change_out_of_turn<T, F>(
        &self,
        app: &Tenant,
        by: &By,
        group: GroupRef<'_>,
        decide: impl Fn(Arc<StoredGroup>, Actor, Timestamp) -> F + Sync,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Decided<T>, Error>> + Send,
    {
        let id = app.value.id;
        for _ in 0..TRIES {
            let stored = self.stored_group(app, group).await?;
            let actor = self.actor(app, by, &stored.group).await?;

            let decided = decide(Arc::clone(&stored), actor, self.now()).await;
            let (change, accounts, answer) = match decided.map_err(|error| group.say(error))? {
                Decided::Change(change, accounts, answer) => (change, accounts, answer),
                Decided::Nothing(answer) => return Ok(answer),
            };

            if self.write_change(app, by, Some(&stored), &change, &accounts).await? {
                return Ok(answer);
            }
            let members = change.writes.iter().filter_map(|write| match write {
                domain::group::Write::Member(uid, _) | domain::group::Write::Leave(uid) => Some(*uid),
                _ => None,
            });
            members
                .chain(by.person().map(|person| person.uid))
                .for_each(|uid| self.store.groups.forget(id, stored.group.id, uid));
            accounts.iter().for_each(|account| self.store.users.forget(id, account.user.uid));
            self.store.groups.forget(id, stored.group.id, Uid::BACK_END);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Writes a change and tells of it; `false` when what it rests on moved.
    pub(crate) async fn write_change(
        &self,
        app: &Tenant,
        by: &By,
        before: Option<&StoredGroup>,
        change: &Change,
        accounts: &[Arc<Account>],
    ) -> Result<bool, Error> {
        self.write_change_in(app, by, (before, None), change, accounts).await
    }

    /// As [`UseCases::write_change`], of a group as it was and, for a new thread, the group that it is in.
    pub(crate) async fn write_change_in(
        &self,
        app: &Tenant,
        by: &By,
        (before, parent): (Option<&StoredGroup>, Option<&StoredGroup>),
        change: &Change,
        accounts: &[Arc<Account>],
    ) -> Result<bool, Error> {
        let (id, conversation) = (app.value.id, change.group.conversation());
        let mut facts = Facts::default();
        for group in before.into_iter().chain(parent) {
            facts = facts.group(id, group);
        }
        for account in accounts {
            facts = facts.account(id, account);
        }
        let entries = self.change_entries(id, by, change).await?;
        let notice = match &change.noted {
            Some(noted) => {
                let place = (change.group.kind, change.group.public_id.to_string());
                self.place_notice(app, by, place, noted.clone()).await?
            }
            None => None,
        };
        let is_thread = change.group.kind == GroupKind::Thread;
        // Who comes into a thread is delivered what comes after this.
        let mut last =
            if is_thread { self.store.feeds.head(id, change.group.feed()).await? } else { Seq::ZERO };
        let flags = self.flags_of_those_who_come(id, change).await?;
        let leaves: Vec<Uid> = change.leaves().collect();
        let entrance = self.entrance(id, change).await?;
        let follow = |uid, follows| {
            let entrance = entrance.clone().filter(|_| follows);
            self.bus.publish(Hint::Membership { app: id, uid, conversation, follows, entrance });
        };
        // Before the commit, so that nothing said after it reaches them.
        leaves.iter().for_each(|uid| follow(*uid, false));
        let before_group = before.map(|before| &before.group);
        let written =
            self.store.groups.apply(id, &facts, before_group, change, &entries, notice.as_deref()).await;

        let sequences = match written {
            Ok(Some(sequences)) => sequences,
            // Perhaps it is written all the same. They follow nothing until they look their groups up again.
            Err(error) if error.is_in_doubt() => return Err(error.into()),
            Ok(None) => {
                leaves.iter().for_each(|uid| follow(*uid, true));
                return Ok(false);
            }
            Err(error) => {
                leaves.iter().for_each(|uid| follow(*uid, true));
                return Err(error.into());
            }
        };
        let authors = self.change_leases(id, change, flags);
        // A session that looked its groups up meanwhile has seen the membership.
        leaves.iter().for_each(|uid| follow(*uid, false));
        let joins: Vec<Uid> = change.joins().collect();
        joins.iter().for_each(|uid| follow(*uid, true));
        for ((feed, _), seq) in entries.iter().zip(&sequences) {
            if *feed == change.group.feed() {
                last = *seq;
            }
        }
        self.publish(id, entries, &sequences);
        // It is written: a fault from here on is no failure of the change, which its caller would make twice.
        if !joins.is_empty() && change.group.kind != GroupKind::Room {
            let told = self.tell_what_came_between(id, change.group.feed(), last).await;
            if let Err(error) = told {
                tracing::warn!(%error, "members who came in hear of what was said meanwhile when they connect again");
            }
        }
        for author in authors {
            if let Err(error) = self.drop_attributes(id, change.group.id, &author).await {
                tracing::warn!(%error, "attributes of somebody who left a chat room are kept, and shown to nobody");
            }
        }
        self.leave_threads(app, change).await;
        Ok(true)
    }

    /// Who left a group leaves its threads. Those where that fails are closed to him all the same.
    async fn leave_threads(&self, app: &Tenant, change: &Change) {
        if change.group.kind != GroupKind::Group {
            return;
        }
        for write in &change.writes {
            if let Write::Leave(uid) = write
                && let Err(error) = self.leave_threads_of(app, change.group.id, *uid).await
            {
                tracing::warn!(%error, "somebody who left a group is left in some of its threads");
            }
        }
    }

    /// Tells of entries that were written.
    pub(crate) fn publish(&self, app: AppId, entries: Vec<(Feed, Entry)>, sequences: &[Seq]) {
        for ((feed, entry), seq) in entries.into_iter().zip(sequences) {
            self.bus.publish(Hint::Delivery(Arc::new(Delivery::new(app, feed, *seq, entry))));
        }
    }

    /// What was said in a group after new members were written down and before their sessions followed it.
    async fn tell_what_came_between(&self, app: AppId, feed: Feed, joined: Seq) -> Result<(), Error> {
        const AT_ONCE: usize = 8;
        if self.store.feeds.head(app, feed).await? > joined {
            for (seq, entry) in self.store.feeds.page(app, feed, joined, AT_ONCE).await? {
                self.bus.publish(Hint::Delivery(Arc::new(Delivery::new(app, feed, seq, entry))));
            }
        }
        Ok(())
    }

    pub(crate) async fn change_entries(
        &self,
        app: AppId,
        by: &By,
        change: &Change,
    ) -> Result<Vec<(Feed, Entry)>, Error> {
        let group = &change.group;
        let parent = match group.kind {
            GroupKind::Thread => Some(self.parent_of(app, group).await?),
            GroupKind::Group | GroupKind::Room => None,
        };
        let parent = parent.as_ref().map(|parent| &parent.group);
        let mut entries = Vec::with_capacity(change.news.len());
        for told in &change.news {
            let (feed, target_name, name) = match &told.to {
                To::Members => (group.feed(), &group.public_id, String::new()),
                To::Parent => {
                    entries.extend(self.thread_entry(app, by, (group, parent), &told.change).await?);
                    continue;
                }
                To::User(person) => (Feed::Events(person.uid), &person.name, group.name.clone()),
            };
            let news = GroupNews {
                group: group.public_id.to_string(),
                kind: group.kind,
                name,
                parent: parent.map(|parent| parent.public_id.to_string()),
                change: told.change.clone(),
            };
            entries.push((feed, self.group_entry(by, target_name, news).await?));
        }
        Ok(entries)
    }

    /// News of a group as an entry, said by whoever caused it.
    pub(crate) async fn group_entry(
        &self,
        by: &By,
        target: &Username,
        news: GroupNews,
    ) -> Result<Entry, Error> {
        self.entry_by(by, target, News::Group(news)).await
    }

    /// News as an entry, said by whoever caused them.
    pub(crate) async fn entry_by(&self, by: &By, target: &Username, news: News) -> Result<Entry, Error> {
        let back_end = Username::back_end();
        let by_name = by.account.as_ref().map_or(&back_end, |account| &account.user.name);
        let uid = by.account.as_ref().map_or(Uid::BACK_END, |account| account.user.uid);
        let device = by.device.as_ref();
        self.news_entry(UserNews { to: uid, by: (uid, by_name), device, target, news }, self.now()).await
    }

    /// Says that a user's sessions follow a conversation no longer.
    pub(crate) fn unfollow(&self, app: AppId, uid: Uid, conversation: ConversationId) {
        let entrance = None;
        self.bus.publish(Hint::Membership { app, uid, conversation, follows: false, entrance });
    }
}

/// What a rule came to.
pub(crate) enum Decided<T> {
    Change(Box<Change>, Vec<Arc<Account>>, T),
    Nothing(T),
}

impl<T> Decided<T> {
    pub(crate) fn change(change: Change, answer: T) -> Self {
        Self::with(change, Vec::new(), answer)
    }

    /// A change that rests on these accounts too.
    pub(crate) fn with(change: Change, accounts: Vec<Arc<Account>>, answer: T) -> Self {
        Self::Change(Box::new(change), accounts, answer)
    }

    /// A change, where there is one.
    pub(crate) fn maybe(change: Option<Change>, answer: T) -> Self {
        match change {
            Some(change) => Self::change(change, answer),
            None => Self::Nothing(answer),
        }
    }
}
