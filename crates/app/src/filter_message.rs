//! Looks messages through for the words of the app's keyword lists.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use domain::hook::{KeywordHit, Notice};
use domain::keyword::{Filter, Looked, WordAction, WordsRefused};
use domain::moderation::{Judge, Moderated, Opinion};
use model::{AppId, ConversationKind, Entry};
use parking_lot::Mutex;

use crate::moderation::Judged;
use crate::{Error, Tenant, UseCases};

/// The filters of apps, made once for each change of their lists.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    made: Mutex<AHashMap<AppId, (u64, Arc<Filter>)>>,
    /// Held while one is made: making it twice at a time helps nobody.
    making: tokio::sync::Mutex<()>,
}

impl UseCases {
    /// What goes out instead of a message; `None`: the message as it is. Webhooks that want to hear of words are told.
    ///
    /// # Errors
    /// `message_content_rejected` naming a word; faults.
    pub(crate) async fn filter_message(
        &self,
        app: &Tenant,
        kind: ConversationKind,
        entry: &Entry,
    ) -> Result<Option<Bytes>, Error> {
        if app.value.keyword_changes == 0 {
            return Ok(None);
        }
        let filter = self.filter_of(app).await?;
        if filter.is_empty() {
            return Ok(None);
        }
        let texts = self.ports.forms.texts(entry);
        let (action, words, texts) = match filter.look(kind, &texts) {
            Looked::Clean => {
                self.judged_by_words(app, kind, entry, (Moderated::Passed, Opinion::Good), Vec::new()).await;
                return Ok(None);
            }
            Looked::Pass(words) => (WordAction::Pass, words, None),
            Looked::Replace { words, texts } => (WordAction::Replace, words, Some(texts)),
            Looked::Refuse(words) => (WordAction::Refuse, words, None),
        };
        self.tell_of_words(app, kind, entry, action, &words).await;
        let judged = match action {
            WordAction::Pass => (Moderated::Passed, Opinion::Doubtful),
            WordAction::Replace => (Moderated::Exchanged, Opinion::Doubtful),
            WordAction::Refuse => (Moderated::Rejected, Opinion::Bad),
        };
        self.judged_by_words(app, kind, entry, judged, words.clone()).await;
        if action == WordAction::Refuse {
            return Err(WordsRefused { words }.into());
        }
        Ok(texts.and_then(|texts| self.ports.forms.with_texts(entry, &texts)))
    }

    async fn judged_by_words(
        &self,
        app: &Tenant,
        kind: ConversationKind,
        entry: &Entry,
        (moderated, opinion): (Moderated, Opinion),
        words: Vec<String>,
    ) {
        let judged = Judged { judge: Judge::Keywords, moderated, opinion, words, reason: None };
        Box::pin(self.judged(app, kind, entry, judged)).await;
    }

    async fn tell_of_words(
        &self,
        app: &Tenant,
        kind: ConversationKind,
        entry: &Entry,
        action: WordAction,
        words: &[String],
    ) {
        let hit = KeywordHit {
            message: entry.id.0,
            message_type: self.ports.forms.message_type(entry),
            conversation: kind,
            sender: entry.sender_name.to_string(),
            target: entry.target_name.to_string(),
            action,
            words: words.to_vec(),
            environment: self.environment_of(app, entry),
            at: entry.at,
        };
        self.note(app, &Notice::Keyword(hit)).await;
    }

    async fn filter_of(&self, app: &Tenant) -> Result<Arc<Filter>, Error> {
        let (id, changes) = (app.value.id, app.value.keyword_changes);
        let made = || {
            let made = self.filters.made.lock();
            made.get(&id).filter(|(of, _)| *of == changes).map(|(_, filter)| Arc::clone(filter))
        };
        if let Some(filter) = made() {
            return Ok(filter);
        }
        let _making = self.filters.making.lock().await;
        if let Some(filter) = made() {
            return Ok(filter);
        }
        let mut lists = Vec::new();
        for (number, list) in self.store.keywords.lists(id).await? {
            let words = self.store.keywords.words(id, number).await?;
            lists.push((list, words.into_iter().map(|(_, keyword)| keyword.word).collect()));
        }
        let filter = tokio::task::spawn_blocking(|| Filter::new(lists)).await;
        let filter = Arc::new(filter.map_err(|_| Error::plain(conditions::Condition::InternalError))?);
        self.filters.made.lock().insert(id, (changes, Arc::clone(&filter)));
        Ok(filter)
    }
}
