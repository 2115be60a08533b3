//! Threads: begun, joined, left, renamed, ended; and what becomes of them when their group changes.
//!
//! A thread goes through the line of groups ([`crate::groups`]), with its group beside it: the rules ask who somebody is in
//! the group. Sends and reads look at the group too, so a thread that somebody has not left yet is closed to him as soon as
//! he is out of its group.

mod lists;
mod spoken;

use std::sync::Arc;

use conditions::Condition;
use domain::group::{
    Group, GroupRefused, NewThread, Person, ThreadCandidate, ThreadRefused, decide_create_thread,
    decide_end_thread, decide_join_thread, decide_leave_thread, decide_remove_from_thread,
    decide_rename_thread, drop_from_thread,
};
use futures_util::future::BoxFuture;
use model::{AppId, GroupId, GroupKind, GroupNews, MessageId, Uid, limits};
use store::{Account, StoredGroup, Threads};

use crate::groups::{By, Decided, GroupRef, Outcome};
use crate::{Error, TRIES, Tenant, UseCases};

pub use lists::{ThreadPage, ThreadQuery};
pub use spoken::SeenThread;
pub(crate) use spoken::{Tallies, ThreadCounts};

/// Threads of a group that are looked at in one go.
const AT_ONCE: usize = 256;

/// Somebody wants a thread.
#[derive(Clone, Copy, Debug)]
pub struct CreateThread<'a> {
    /// The group, as written.
    pub group: &'a str,
    pub owner: &'a str,
    pub name: &'a str,
    pub message: MessageId,
}

impl UseCases {
    /// Begins a thread about a message.
    ///
    /// # Errors
    /// `group_not_found`, `member_not_registered`; those of [`decide_create_thread`]; faults.
    pub async fn create_thread(
        &self,
        app: &Tenant,
        by: &By,
        command: CreateThread<'_>,
    ) -> Result<Group, Error> {
        let CreateThread { group, owner, name, message } = command;
        let (id, settings) = (app.value.id, &app.value.settings);
        domain::group::check_threads(settings)?;
        for _ in 0..TRIES {
            let found = self.find_any_group(app, group).await?;
            let Some(parent) = found else { return Err(GroupRef::from(group).not_found()) };
            let account = self.accounts(app, &[owner.to_owned()]).await?.remove(0);
            let person = Person::from(&account.user);
            let actor = self.actor(app, by, &parent.group).await?;
            let about = (parent.group.id, message);
            let is_taken = self.store.groups.threads_about(id, &[about]).await?[0].is_some();
            let found = self.find_in_conversations(app, message).await?;
            let found = found.as_ref().map(|(conversation, _, entry)| (*conversation, entry));
            let view = NewThread {
                settings,
                threads: self.count_threads(app).await?,
                parent: &parent.group,
                by: &actor,
                owner: &person,
                is_member: self.member(app, &parent.group, person.uid).await?.is_some(),
                joined: self.joined_threads_up_to_limit(app, person.uid).await?,
                found,
                is_taken,
            };
            let now = self.now();
            let number = self.ids.next(now).await?;

            let change = decide_create_thread(view, name, message, number, now)?;

            let accounts = [Arc::clone(&account)];
            if self.write_change_in(app, by, (None, Some(&parent)), &change, &accounts).await? {
                self.thread_tallies.add(id, 1);
                return Ok(change.group);
            }
            self.store.groups.forget(id, parent.group.id, person.uid);
            self.store.users.forget(id, person.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// A member of a group comes into one of its threads.
    ///
    /// # Errors
    /// `thread_not_found`; those of [`decide_join_thread`]; faults.
    pub async fn join_thread(
        &self,
        app: &Tenant,
        by: &By,
        thread: &str,
        names: &[String],
    ) -> Result<Arc<StoredGroup>, Error> {
        batch(names.len())?;
        self.change_thread(app, by, thread, move |stored, parent| async move {
            let (thread, parent) = (&stored.group, &parent.group);
            let accounts = self.accounts(app, names).await?;
            let actor = self.actor(app, by, parent).await?;
            let mut candidates = Vec::with_capacity(accounts.len());
            for account in &accounts {
                let uid = account.user.uid;
                candidates.push(ThreadCandidate {
                    person: Person::from(&account.user),
                    in_group: self.member(app, parent, uid).await?.is_some(),
                    in_thread: self.member(app, thread, uid).await?.is_some(),
                    joined: self.joined_threads_up_to_limit(app, uid).await?,
                });
            }
            let settings = &app.value.settings;
            let change = decide_join_thread(settings, thread, parent, &actor, &candidates, self.now())?;
            let is_new = |account: &Arc<Account>| change.joins().any(|uid| uid == account.user.uid);
            let accounts: Vec<Arc<Account>> = accounts.into_iter().filter(is_new).collect();
            Ok(Decided::with(change, accounts, ()))
        })
        .await?;
        self.stored_group(app, GroupRef::thread(thread)).await
    }

    /// A member leaves a thread.
    ///
    /// # Errors
    /// `thread_not_found`; those of [`decide_leave_thread`]; faults.
    pub async fn leave_thread(&self, app: &Tenant, by: &By, thread: &str, name: &str) -> Result<(), Error> {
        self.change_thread(app, by, thread, move |stored, _| async move {
            let group = &stored.group;
            let target = self.target(app, group, name).await?;
            let member = self.member(app, group, target.user.uid).await?;
            let person = Person::from(&target.user);
            Ok(Decided::change(decide_leave_thread(group, &person, member.as_ref(), self.now())?, ()))
        })
        .await
    }

    /// Removes members from a thread, each for himself.
    ///
    /// # Errors
    /// `batch_too_large`, `thread_not_found`; each user's outcome is his own ([`decide_remove_from_thread`]).
    pub async fn remove_from_thread(
        &self,
        app: &Tenant,
        by: &By,
        thread: &str,
        names: &[String],
    ) -> Result<Vec<Outcome>, Error> {
        batch(names.len())?;
        self.for_each(app, GroupRef::thread(thread), names, move |name| async move {
            let name = name.as_str();
            self.change_thread(app, by, thread, move |stored, parent| async move {
                let (group, parent) = (&stored.group, &parent.group);
                let actor = self.actor(app, by, parent).await?;
                let target = self.target(app, group, name).await?;
                let member = self.member(app, group, target.user.uid).await?;
                let (settings, person) = (&app.value.settings, Person::from(&target.user));
                let member = member.as_ref();
                let change =
                    decide_remove_from_thread(settings, group, parent, &actor, &person, member, self.now())?;
                Ok(Decided::change(change, ()))
            })
            .await
        })
        .await
    }

    /// # Errors
    /// `thread_not_found`; those of [`decide_rename_thread`]; faults.
    pub async fn rename_thread(&self, app: &Tenant, by: &By, thread: &str, name: &str) -> Result<(), Error> {
        self.change_thread(app, by, thread, move |stored, parent| async move {
            let (thread, parent) = (&stored.group, &parent.group);
            let actor = self.actor(app, by, parent).await?;
            let settings = &app.value.settings;
            let change = decide_rename_thread(settings, thread, parent, &actor, name, self.now())?;
            Ok(Decided::change(change, ()))
        })
        .await
    }

    /// Ends a thread and tells the members of its group.
    ///
    /// # Errors
    /// `thread_not_found`; those of [`decide_end_thread`]; faults.
    pub async fn end_thread(&self, app: &Tenant, by: &By, thread: &str) -> Result<(), Error> {
        let (id, settings) = (app.value.id, &app.value.settings);
        domain::group::check_threads(settings)?;
        let turn = self.group_turns.take(id, thread).await;
        for _ in 0..TRIES {
            let stored = self.stored_group(app, GroupRef::thread(thread)).await?;
            let parent = self.parent_of(id, &stored.group).await?;
            let actor = self.actor(app, by, &parent.group).await?;
            let change = decide_end_thread(settings, &stored.group, &parent.group, &actor)?;
            let told = self.change_entries(id, by, &change).await?;
            if self.destroy_thread(id, by, &stored, told).await? {
                // As for a group: its rows go without the turn, which others share.
                drop(turn);
                self.bury_at_once(id, stored.group.id).await;
                return Ok(());
            }
            self.store.groups.forget(id, stored.group.id, Uid::BACK_END);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// `false`: the thread moved.
    async fn destroy_thread(
        &self,
        app: AppId,
        by: &By,
        stored: &StoredGroup,
        told: Vec<(model::Feed, model::Entry)>,
    ) -> Result<bool, Error> {
        let thread = &stored.group;
        let news = GroupNews {
            group: thread.public_id.to_string(),
            kind: GroupKind::Thread,
            name: String::new(),
            parent: None,
            change: model::GroupChange::Destroyed,
        };
        let farewell = self.group_entry(by, &thread.public_id, news).await?;
        let Some(sequences) = self.store.groups.destroy(app, stored, &farewell, &told).await? else {
            return Ok(false);
        };
        self.thread_tallies.add(app, -1);
        self.publish(app, told, &sequences);
        Ok(true)
    }

    /// Ends the threads of a group that was destroyed. Nobody is told: there is no group to tell it in.
    pub(crate) fn end_threads_of(&self, app: AppId, group: GroupId) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.end_each_thread_of(app, group))
    }

    async fn end_each_thread_of(&self, app: AppId, group: GroupId) -> Result<(), Error> {
        loop {
            let threads = self.store.groups.threads(app, Threads::Of(group), None, false, AT_ONCE).await?;
            if threads.is_empty() {
                return Ok(());
            }
            for thread in threads {
                for attempt in 0..=TRIES {
                    let Some(stored) = self.store.groups.get(app, thread).await? else { break };
                    if self.destroy_thread(app, &By::back_end(), &stored, Vec::new()).await? {
                        break;
                    }
                    self.store.groups.forget(app, thread, Uid::BACK_END);
                    if attempt == TRIES {
                        return Err(Error::plain(Condition::WriteConflict));
                    }
                }
                self.bury(app, thread).await?;
            }
        }
    }

    /// Takes somebody who is out of a group out of its threads.
    pub(crate) async fn leave_threads_of(&self, app: &Tenant, group: GroupId, uid: Uid) -> Result<(), Error> {
        let (id, groups) = (app.value.id, &self.store.groups);
        if groups.threads(id, Threads::Of(group), None, false, 1).await?.is_empty() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let joined = groups.threads(id, Threads::Joined(uid), after, false, AT_ONCE).await?;
            let Some(last) = joined.last() else { return Ok(()) };
            after = Some(*last);
            for thread in joined {
                let Some(stored) = groups.get(id, thread).await? else { continue };
                if stored.group.parent == Some(group) {
                    self.drop_from_thread(app, &stored.group, uid).await?;
                }
            }
        }
    }

    /// A member is out of a thread for a reason that he knows.
    pub(crate) fn drop_from_thread<'a>(
        &'a self,
        app: &'a Tenant,
        thread: &'a Group,
        uid: Uid,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.drop_member_of_thread(app, thread, uid))
    }

    async fn drop_member_of_thread(&self, app: &Tenant, thread: &Group, uid: Uid) -> Result<(), Error> {
        let by = By::back_end();
        let thread = GroupRef::thread(thread.public_id.as_str());
        // In the turn of the group that he leaves.
        let dropped = self.change_out_of_turn(app, &by, thread, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(member) = self.member(app, group, uid).await? else { return Ok(Decided::Nothing(())) };
            let person = Person { uid, name: member.name };
            Ok(Decided::change(drop_from_thread(group, &person, now), ()))
        });
        match dropped.await {
            Err(error) if error.condition() == Condition::ThreadNotFound => Ok(()),
            done => done,
        }
    }

    /// The group of a thread.
    ///
    /// # Errors
    /// `thread_not_found`: the group is gone, and the thread goes; faults.
    pub(crate) async fn parent_of(&self, app: AppId, thread: &Group) -> Result<Arc<StoredGroup>, Error> {
        let parent = match thread.parent {
            Some(parent) => self.store.groups.get(app, parent).await?,
            None => None,
        };
        parent.ok_or_else(|| ThreadRefused::NotFound { thread: thread.public_id.to_string() }.into())
    }

    async fn change_thread<T, F>(
        &self,
        app: &Tenant,
        by: &By,
        thread: &str,
        decide: impl Fn(Arc<StoredGroup>, Arc<StoredGroup>) -> F + Send + Sync,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Decided<T>, Error>> + Send,
    {
        domain::group::check_threads(&app.value.settings)?;
        let (id, decide) = (app.value.id, &decide);
        self.change_group(app, by, GroupRef::thread(thread), move |stored, _, _| async move {
            let parent = self.parent_of(id, &stored.group).await?;
            decide(stored, parent).await
        })
        .await
    }

    /// How many threads a user is in, as far as the app's limit makes it matter.
    async fn joined_threads_up_to_limit(&self, app: &Tenant, uid: Uid) -> Result<u64, Error> {
        self.count_joined(app, uid, GroupKind::Thread, app.value.settings.threads_joined_limit).await
    }

    /// How many threads the app has, as far as its limit makes it matter.
    async fn count_threads(&self, app: &Tenant) -> Result<u64, Error> {
        let limit = usize::try_from(app.value.settings.threads_limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Ok(0);
        }
        if let Some(count) = self.thread_tallies.get(app.value.id) {
            return Ok(count);
        }
        let count = self.store.groups.count(app.value.id, store::Listing::Threads, limit).await? as u64;
        Ok(self.thread_tallies.begin(app.value.id, count))
    }
}

fn batch(size: usize) -> Result<(), Error> {
    match size {
        0 => Err(GroupRefused::NobodyNamed.into()),
        size if size > limits::THREAD_BATCH => {
            Err(ThreadRefused::BatchTooLarge { size, limit: limits::THREAD_BATCH }.into())
        }
        _ => Ok(()),
    }
}
