//! Reading threads: one, lists of them, their members, their last messages.

use std::sync::Arc;

use domain::group::{Group, GroupRefused, ThreadRefused, check_threads, decide_look_at_threads};
use model::{Entry, GroupId, GroupKind, Uid, Username};
use store::{StoredGroup, Threads};

use crate::groups::{By, GroupRef};
use crate::{Error, Tenant, UseCases};

/// Groups and threads of a user that one call looks through.
const LOOKED_AT: usize = 10_000;
const READ_AT_ONCE: usize = 256;

/// A page of a list of threads.
#[derive(Clone, Copy, Debug)]
pub struct ThreadQuery {
    pub after: Option<GroupId>,
    pub youngest_first: bool,
    pub limit: usize,
}

/// Threads, each with its group's public id.
#[derive(Clone, Debug)]
pub struct ThreadPage {
    pub threads: Vec<(Arc<StoredGroup>, Username)>,
    /// Where the list goes on; `None` where nothing came.
    pub next: Option<GroupId>,
}

impl UseCases {
    /// A thread with its group's public id, for who is in the group.
    ///
    /// # Errors
    /// `thread_not_found`; those of [`decide_look_at_threads`]; faults.
    pub async fn get_thread(
        &self,
        app: &Tenant,
        by: &By,
        thread: &str,
    ) -> Result<(Arc<StoredGroup>, Username), Error> {
        check_threads(&app.value.settings)?;
        let stored = self.stored_group(app, GroupRef::thread(thread)).await?;
        let parent = self.parent_of(app.value.id, &stored.group).await?;
        let actor = self.actor(app, by, &parent.group).await?;
        decide_look_at_threads(&app.value.settings, &parent.group, &actor)?;
        Ok((stored, parent.group.public_id.clone()))
    }

    /// The thread of a name, with its group's public id; `None`: the name is no thread's.
    ///
    /// # Errors
    /// Faults.
    pub async fn thread_named(
        &self,
        app: &Tenant,
        name: &str,
    ) -> Result<Option<(Arc<StoredGroup>, Username)>, Error> {
        let found = self.find_any_group(app, name).await?;
        let Some(found) = found.filter(|found| found.group.kind == GroupKind::Thread) else {
            return Ok(None);
        };
        let parent = self.parent_of(app.value.id, &found.group).await;
        Ok(parent.ok().map(|parent| (found, parent.group.public_id.clone())))
    }

    /// All threads of the app, for its back end.
    ///
    /// # Errors
    /// `service_not_enabled`; faults.
    pub async fn all_threads(&self, app: &Tenant, query: ThreadQuery) -> Result<ThreadPage, Error> {
        check_threads(&app.value.settings)?;
        self.threads_page(app, Threads::All, query, |_| true).await
    }

    /// The threads of a group; those of them that a user is in, if one is named.
    ///
    /// # Errors
    /// `group_not_found`; those of [`decide_look_at_threads`]; faults.
    pub async fn threads_of_group(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        member: Option<Uid>,
        query: ThreadQuery,
    ) -> Result<ThreadPage, Error> {
        check_threads(&app.value.settings)?;
        let stored = self.stored_group(app, group).await?;
        let actor = self.actor(app, by, &stored.group).await?;
        decide_look_at_threads(&app.value.settings, &stored.group, &actor)?;
        let id = stored.group.id;
        match member {
            None => self.threads_page(app, Threads::Of(id), query, |_| true).await,
            Some(uid) => {
                let is_here = move |thread: &Group| thread.parent == Some(id);
                self.threads_page(app, Threads::Joined(uid), query, is_here).await
            }
        }
    }

    /// The threads that a user is in.
    ///
    /// # Errors
    /// `service_not_enabled`; faults.
    pub async fn threads_of_user(
        &self,
        app: &Tenant,
        uid: Uid,
        query: ThreadQuery,
    ) -> Result<ThreadPage, Error> {
        check_threads(&app.value.settings)?;
        self.threads_page(app, Threads::Joined(uid), query, |_| true).await
    }

    async fn threads_page(
        &self,
        app: &Tenant,
        listed: Threads,
        query: ThreadQuery,
        is_shown: impl Fn(&Group) -> bool,
    ) -> Result<ThreadPage, Error> {
        let (id, groups) = (app.value.id, &self.store.groups);
        let mut page = ThreadPage { threads: Vec::new(), next: query.after };
        let mut looked_at = 0;
        while page.threads.len() < query.limit && looked_at < LOOKED_AT {
            let read = groups.threads(id, listed, page.next, query.youngest_first, READ_AT_ONCE).await?;
            looked_at += read.len();
            let is_end = read.len() < READ_AT_ONCE;
            for thread in read {
                if page.threads.len() == query.limit {
                    return Ok(page);
                }
                page.next = Some(thread);
                // One that ended in between is left out.
                let Some(stored) = groups.get(id, thread).await? else { continue };
                if stored.group.kind == GroupKind::Thread
                    && is_shown(&stored.group)
                    && let Ok(parent) = self.parent_of(id, &stored.group).await
                {
                    page.threads.push((stored, parent.group.public_id.clone()));
                }
            }
            if is_end {
                break;
            }
        }
        Ok(page)
    }

    /// Members of a thread in the order of their numbers, after `after`, for who is in its group.
    ///
    /// # Errors
    /// As [`UseCases::get_thread`].
    pub async fn thread_members(
        &self,
        app: &Tenant,
        by: &By,
        thread: &str,
        after: Option<Uid>,
        limit: usize,
    ) -> Result<Vec<(Uid, Username)>, Error> {
        let (stored, _) = self.get_thread(app, by, thread).await?;
        let members = self.store.groups.members(app.value.id, stored.group.id, after, limit).await?;
        Ok(members.into_iter().map(|(uid, member)| (uid, member.name)).collect())
    }

    /// The last messages of threads, in their order. What is no thread of a group that the caller is in is left out.
    ///
    /// # Errors
    /// `batch_too_large`, `service_not_enabled`; faults.
    pub async fn last_of_threads(
        &self,
        app: &Tenant,
        by: &By,
        threads: &[String],
    ) -> Result<Vec<(Username, Option<Entry>)>, Error> {
        check_threads(&app.value.settings)?;
        let limit = model::limits::THREADS_PAGE;
        if threads.len() > limit {
            return Err(ThreadRefused::BatchTooLarge { size: threads.len(), limit }.into());
        }
        let mut last = Vec::with_capacity(threads.len());
        for thread in threads {
            match self.get_thread(app, by, thread).await {
                Ok((stored, _)) => {
                    let entry = self.last_in_thread(app.value.id, &stored.group).await?;
                    last.push((stored.group.public_id.clone(), entry));
                }
                Err(error @ Error::Fault(_)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(last)
    }

    /// A user who is named by a call about his own threads.
    ///
    /// # Errors
    /// `member_not_registered`; faults.
    pub async fn thread_user(&self, app: &Tenant, name: &str) -> Result<Uid, Error> {
        let found = self.find_user(app, name).await?;
        let user = || domain::account::printable(name);
        Ok(found.ok_or_else(|| GroupRefused::UserNotFound { user: user() })?.user.uid)
    }
}
