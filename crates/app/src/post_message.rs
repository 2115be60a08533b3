//! Sends a message of the app's back end to users: under any name, to any number of them.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use conditions::Condition;
use domain::post::{Author, Post, decide_author, decide_post};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use model::{Delivery, Feed, Hint, MessageId, Seq};
use store::{Account, Written};

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
    /// `argument_invalid` for the author's name, `message_too_large`; faults, after which some may have got it.
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
        let recipients = recipients.into_iter().filter(|name| known.insert(name.to_ascii_lowercase()));
        let (author, compose) = (&author, &*compose);
        let sends = recipients.map(|name| async move {
            let id = self.post_to(app, author, &name, post, compose).await?;
            Ok::<_, Error>((name, id))
        });
        stream::iter(sends).buffered(AT_ONCE).try_collect().await
    }

    /// Whom a back end speaks for: a user if there is one of the name.
    pub(crate) async fn author(&self, app: &Tenant, name: &str) -> Result<PostAuthor, Error> {
        decide_author(name)?;
        Ok(match self.find_user(app, name).await? {
            Some(account) => PostAuthor::User(account),
            None => PostAuthor::Name(name.to_owned()),
        })
    }

    async fn post_to(
        &self,
        app: &Tenant,
        author: &PostAuthor,
        recipient: &str,
        post: &Post,
        compose: &Compose,
    ) -> Result<MessageId, Error> {
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let now = self.now();
            let id = self.ids.next(now).await?;
            let Some(recipient) = self.find_user(app, recipient).await? else { return Ok(id) };
            let author = author.current(self, app).await?;

            let speaks = author.as_author();
            let payload = compose(speaks.name(), recipient.user.name.as_str());
            let settings = &app.value.settings;
            let accepted = decide_post(settings, post, &speaks, &recipient.user, payload, now, id)?;

            let feed = Feed::Conversation(accepted.conversation);
            let tell = |seq| {
                let delivery = Delivery::new(app_id, feed, seq, accepted.entry.clone());
                self.bus.publish(Hint::Delivery(Arc::new(delivery)));
            };
            if accepted.online_only {
                tell(Seq::ZERO);
                return Ok(id);
            }
            match self.store.feeds.append_post(app_id, &accepted, author.account(), &recipient).await? {
                Written::Done(sequences) => {
                    tell(sequences[0]);
                    return Ok(id);
                }
                Written::FactsMoved => {
                    self.forget(app, author.account().unwrap_or(&recipient), &recipient);
                }
            }
        }
        Err(Error::plain(Condition::WriteConflict))
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
    async fn current(&self, use_cases: &UseCases, app: &Tenant) -> Result<Self, Error> {
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

    pub(crate) fn account(&self) -> Option<&Account> {
        match self {
            Self::User(account) => Some(account),
            Self::Name(_) => None,
        }
    }
}
