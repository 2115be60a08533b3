//! Sends a message of the app's back end to users and groups: under any name, to any number of them.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use conditions::Condition;
use domain::message::SendRefused;
use domain::post::{Author, Post, PostTarget, check_contact, decide_author, decide_post};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use model::ConversationKind;
use model::{Delivery, Feed, GroupKind, Hint, MessageId, Seq, Uid, Username};
use store::{Account, ContactProof, Facts, StoredGroup, Written};

use crate::groups::GroupRef;
use crate::{Error, TRIES, Tenant, UseCases};

/// Recipients that are written to at the same time; the storage engine puts them into one flush.
const AT_ONCE: usize = 64;

/// The stored bytes of a message from one name to another.
pub type Compose = dyn Fn(&str, &str) -> Bytes + Send + Sync;

impl UseCases {
    /// Stores the message for each recipient and tells live sessions. Answers keep the order, and the names as they
    /// came; who is no user gets an id all the same, and nothing else (easemob-rest.md 3.8.1).
    ///
    /// # Errors
    /// `argument_invalid` for the author's name, `not_friends`, `message_too_large`; faults, after which some may have got
    /// it.
    pub async fn post_message(
        &self,
        app: &Tenant,
        author: &str,
        recipients: Vec<String>,
        post: &Post,
        compose: Arc<Compose>,
    ) -> Result<Vec<(String, MessageId)>, Error> {
        let author = self.author(app, author).await?;
        let mut known = HashSet::new();
        let recipients: Vec<String> =
            recipients.into_iter().filter(|name| known.insert(name.to_ascii_lowercase())).collect();
        self.check_contacts(app, &author, &recipients).await?;
        let (author, compose) = (&author, &*compose);
        let sends = recipients.into_iter().map(|name| async move {
            let id = self.post_to(app, author, &name, post, compose).await?;
            Ok::<_, Error>((name, id))
        });
        stream::iter(sends).buffered(AT_ONCE).try_collect().await
    }

    /// Whom a back end speaks for: a user if there is one of the name; else, where a user has the back end's own name, him:
    /// clients know them as one.
    pub(crate) async fn author(&self, app: &Tenant, name: &str) -> Result<PostAuthor, Error> {
        decide_author(name)?;
        if let Some(account) = self.find_user(app, name).await? {
            return Ok(PostAuthor::User(account));
        }
        let is_own = name == Username::BACK_END;
        let own = if is_own { None } else { self.find_user(app, Username::BACK_END).await? };
        Ok(own.map_or_else(|| PostAuthor::Name(name.to_owned()), PostAuthor::User))
    }

    /// Stores the message in each group, thread or room and tells those who are there; whose id nobody knows gets an id all the
    /// same. `directed`: the only members who are meant, if any are named; who is no user is passed over.
    ///
    /// # Errors
    /// `argument_invalid` for the author's name, those of [`decide_post`]; faults, after which some may have got it.
    pub async fn post_to_groups(
        &self,
        app: &Tenant,
        author: &str,
        groups: &[GroupRef<'_>],
        directed: Option<&[String]>,
        post: &Post,
        compose: Arc<Compose>,
    ) -> Result<Vec<(String, MessageId)>, Error> {
        let author = self.author(app, author).await?;
        let directed = match directed {
            None => None,
            Some(names) => {
                let mut users = Vec::with_capacity(names.len());
                for name in names {
                    users.extend(self.find_user(app, name).await?.map(|account| account.user.uid));
                }
                Some(users)
            }
        };
        let mut sent = Vec::with_capacity(groups.len());
        for group in groups {
            let id = self.post_to_group(app, &author, *group, directed.as_deref(), post, &*compose).await?;
            sent.push((group.id.to_owned(), id));
        }
        Ok(sent)
    }

    pub(crate) async fn post_to(
        &self,
        app: &Tenant,
        author: &PostAuthor,
        recipient: &str,
        post: &Post,
        compose: &Compose,
    ) -> Result<MessageId, Error> {
        for _ in 0..TRIES {
            let Some(recipient) = self.find_user(app, recipient).await? else {
                return Ok(self.ids.next(self.now()).await?);
            };
            let author = author.current(self, app).await?;
            let mut facts = author.facts(app).account(app.value.id, &recipient);
            let contact = self.contact_of_author(app, &author, &recipient).await?;
            if let Some(contact) = &contact {
                facts = facts.contact(app.value.id, contact);
            }
            let target = PostTarget::User { user: &recipient.user, are_contacts: contact.is_some() };
            if let Some(id) = self.write_post(app, &author, target, facts, post, compose).await? {
                return Ok(id);
            }
            self.forget(app, author.account().unwrap_or(&recipient), &recipient);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Looks at all recipients before the first gets it, so that a call is refused as a whole.
    async fn check_contacts(
        &self,
        app: &Tenant,
        author: &PostAuthor,
        recipients: &[String],
    ) -> Result<(), Error> {
        let settings = &app.value.settings;
        if !settings.contacts_only || !settings.contacts_only_for_back_end {
            return Ok(());
        }
        for name in recipients {
            let Some(recipient) = self.find_user(app, name).await? else { continue };
            let contact = self.contact_of_author(app, author, &recipient).await?;
            let target = PostTarget::User { user: &recipient.user, are_contacts: contact.is_some() };
            check_contact(settings, &author.as_author(), target)?;
        }
        Ok(())
    }

    /// What shows that the author and the recipient are contacts, where that is asked.
    async fn contact_of_author(
        &self,
        app: &Tenant,
        author: &PostAuthor,
        recipient: &Account,
    ) -> Result<Option<ContactProof>, Error> {
        let settings = &app.value.settings;
        Ok(match author.account() {
            Some(author) if settings.contacts_only && settings.contacts_only_for_back_end => {
                self.store.contacts.proof(app.value.id, author.user.uid, recipient.user.uid).await?
            }
            _ => None,
        })
    }

    pub(crate) async fn post_to_group(
        &self,
        app: &Tenant,
        author: &PostAuthor,
        group: GroupRef<'_>,
        directed: Option<&[Uid]>,
        post: &Post,
        compose: &Compose,
    ) -> Result<MessageId, Error> {
        for _ in 0..TRIES {
            let found = self.find_any_group(app, group.id).await?;
            let is_room = group.kind == GroupKind::Room;
            let is_meant = |found: &Arc<StoredGroup>| (found.group.kind == GroupKind::Room) == is_room;
            let Some(found) = found.filter(is_meant) else {
                return Ok(self.ids.next(self.now()).await?);
            };
            if found.group.kind == GroupKind::Thread
                && self.parent_of(app.value.id, &found.group).await?.group.disabled
            {
                return Err(SendRefused::GroupDisabled.into());
            }
            let author = author.current(self, app).await?;
            let facts = author.facts(app).group(app.value.id, &found);
            let target = PostTarget::Group { group: &found.group, directed };
            if let Some(id) = self.write_post(app, &author, target, facts, post, compose).await? {
                return Ok(id);
            }
            self.store.groups.forget(app.value.id, found.group.id, author.as_author().uid());
            if let Some(account) = author.account() {
                self.store.users.forget(app.value.id, account.user.uid);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Decides, writes and tells; `None`: the facts moved.
    async fn write_post(
        &self,
        app: &Tenant,
        author: &PostAuthor,
        target: PostTarget<'_>,
        facts: Facts,
        post: &Post,
        compose: &Compose,
    ) -> Result<Option<MessageId>, Error> {
        let (app_id, now) = (app.value.id, self.now());
        let id = match post.stream {
            Some(id) => id,
            None => self.ids.next(now).await?,
        };
        let speaks = author.as_author();
        let payload = compose(speaks.name(), target.name().as_str());
        let settings = &app.value.settings;
        let mut accepted = decide_post(settings, post, &speaks, target, payload, now, id)?;
        if !self.is_heard_in_room(app, accepted.conversation, post.priority, now) {
            return Ok(Some(id));
        }
        if settings.keywords_for_back_end {
            let kind = ConversationKind::of(accepted.conversation);
            if let Some(payload) = self.filter_message(app, kind, &accepted.entry).await? {
                accepted.entry.payload = payload;
            }
        }

        let seq = if accepted.online_only {
            Seq::ZERO
        } else {
            match self.store.feeds.append_post(app_id, &accepted, &facts, post.stream.is_some()).await? {
                Written::Done(sequences) => sequences[0],
                Written::FactsMoved => return Ok(None),
            }
        };
        let feed = Feed::Conversation(accepted.conversation);
        let delivery = Arc::new(Delivery::new(app_id, feed, seq, accepted.entry));
        self.bus.publish(Hint::Delivery(Arc::clone(&delivery)));
        if let PostTarget::Group { group, .. } = target
            && group.kind == GroupKind::Thread
            && seq != Seq::ZERO
        {
            self.tell_of_thread(app_id, group, &delivery.entry).await;
        }
        Ok(Some(id))
    }
}

/// Whom a back end speaks for, with what a write rests on.
#[derive(Clone, Debug)]
pub(crate) enum PostAuthor {
    User(Arc<Account>),
    Name(String),
}

impl PostAuthor {
    /// The same, read again: the account may have changed, or be gone, and then its name is nobody's.
    pub(crate) async fn current(&self, use_cases: &UseCases, app: &Tenant) -> Result<Self, Error> {
        let Self::User(account) = self else { return Ok(self.clone()) };
        Ok(match use_cases.store.users.get(app.value.id, account.user.uid).await? {
            Some(account) => Self::User(account),
            None => Self::Name(account.user.name.to_string()),
        })
    }

    pub(crate) fn as_author(&self) -> Author<'_> {
        match self {
            Self::User(account) => Author::User(&account.user),
            Self::Name(name) => Author::Name(name),
        }
    }

    pub(crate) fn facts(&self, app: &Tenant) -> Facts {
        self.account().map_or_else(Facts::default, |account| Facts::default().account(app.value.id, account))
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        match self {
            Self::User(account) => Some(account),
            Self::Name(_) => None,
        }
    }
}
