//! Has a message looked at before it goes out: for the words of keyword lists, then by the app's own server, where a
//! webhook says so. What a list refuses is not shown to the server; what it replaces, the server sees replaced.
//!
//! Between decision and write. The server is asked once for each of the sender's client ids: a verdict is kept for as long
//! as the line runs again, and for repeats of the same send. An app without lists and rules pays nothing.

use std::sync::Arc;

use bytes::Bytes;
use domain::hook::{Rule, Verdict, decide_answer};
use domain::message::{SendAccepted, SendMessage};
use domain::moderation::{Judge, Moderated, Opinion};
use model::{
    AppId, ClientMessageId, ConversationId, ConversationKind, Entry, Environment, Feed, MessageId, Uid,
};
use quick_cache::sync::Cache;
use store::Sent;

use crate::moderation::Judged;
use crate::ports::HookCall;
use crate::{Error, Tenant, UseCases};

/// Verdicts that are kept. Each may hold a new payload of 5 KB.
const KEPT: usize = 4_096;

/// What there is to know about a message before it is written.
pub(crate) enum Review {
    /// Nobody wants to look at it.
    Unasked,
    /// It was written before, and this is a repeat.
    Repeat(Sent),
    Done(Arc<Reviewed>),
}

/// What was found out about a message, and under which id it was shown.
#[derive(Clone, Debug)]
pub(crate) struct Reviewed {
    pub(crate) id: MessageId,
    pub(crate) verdict: Verdict,
}

/// A send as its sender names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ReviewKey {
    app: AppId,
    sender: Uid,
    conversation: ConversationId,
    client: ClientMessageId,
    digest: u64,
}

/// The verdicts on recent messages.
#[derive(Debug)]
pub(crate) struct Reviews {
    kept: Cache<ReviewKey, Arc<Reviewed>>,
}

impl Default for Reviews {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT) }
    }
}

impl UseCases {
    /// Whether anybody may want to look at a message. Cheap, for the line that every message takes.
    pub(crate) fn is_reviewed(&self, app: &Tenant, accepted: &SendAccepted) -> bool {
        app.value.keyword_changes > 0 || asks_anybody(app, &accepted.entry)
    }

    /// What becomes of a message that may be sent.
    ///
    /// # Errors
    /// `message_content_rejected`; faults.
    pub(crate) async fn review_message(
        &self,
        app: &Tenant,
        command: &SendMessage,
        accepted: &SendAccepted,
    ) -> Result<Review, Error> {
        let kind = ConversationKind::of(accepted.conversation);
        let key = ReviewKey {
            app: app.value.id,
            sender: command.sender.uid,
            conversation: accepted.conversation,
            client: command.client_id,
            digest: command.digest,
        };
        // Before anything is written down about it.
        if self.reviews.kept.peek(&key).is_none()
            && let Some(sent) = self.find_sent(app, command, accepted).await?
        {
            return Ok(Review::Repeat(sent));
        }
        let filtered = self.filter_message(app, kind, &accepted.entry).await?;
        let entry = &accepted.entry;
        let Some(rule) = self.rule_that_asks(app, kind, entry, entry) else {
            let id = accepted.entry.id;
            return Ok(filtered.map_or(Review::Unasked, |payload| {
                Review::Done(Arc::new(Reviewed { id, verdict: Verdict::Replace(payload) }))
            }));
        };
        // Two repeats at the same moment wait for one question.
        let reviewed = self.reviews.kept.get_or_insert_async(&key, async {
            let verdict = self.ask_about(app, rule, kind, entry, filtered).await;
            Ok::<_, Error>(Arc::new(Reviewed { id: entry.id, verdict }))
        });
        Ok(Review::Done(reviewed.await?))
    }

    /// What becomes of a message that was changed after it was sent. `by`: the entry of what its editor did, for its
    /// device; `None`: a back end, whose words alone are looked at.
    ///
    /// # Errors
    /// `message_content_rejected`; faults.
    pub(crate) async fn look_at(
        &self,
        app: &Tenant,
        conversation: ConversationId,
        message: &Entry,
        by: Option<&Entry>,
    ) -> Result<Verdict, Error> {
        let kind = ConversationKind::of(conversation);
        let filtered = self.filter_message(app, kind, message).await?;
        Ok(match by.and_then(|by| self.rule_that_asks(app, kind, message, by)) {
            Some(rule) => self.ask_about(app, rule, kind, message, filtered).await,
            None => filtered.map_or(Verdict::Deliver, Verdict::Replace),
        })
    }

    /// Asks about a message, which the app's lists may have changed.
    async fn ask_about(
        &self,
        app: &Tenant,
        rule: &Rule,
        kind: ConversationKind,
        entry: &Entry,
        filtered: Option<Bytes>,
    ) -> Verdict {
        let Some(payload) = filtered else { return self.ask(app, rule, kind, entry).await };
        let entry = Entry { payload: payload.clone(), ..entry.clone() };
        match self.ask(app, rule, kind, &entry).await {
            Verdict::Deliver => Verdict::Replace(payload),
            other => other,
        }
    }

    async fn find_sent(
        &self,
        app: &Tenant,
        command: &SendMessage,
        accepted: &SendAccepted,
    ) -> Result<Option<Sent>, Error> {
        let feed = Feed::Conversation(accepted.conversation);
        let repeat = (command.client_id, command.digest);
        let (sender, at) = (command.sender.uid, accepted.entry.at);
        Ok(self.store.feeds.find_first_answer(app.value.id, sender, feed, repeat, at).await?)
    }

    /// The first rule that wants to be asked about a message that came as `by`.
    fn rule_that_asks<'a>(
        &self,
        app: &'a Tenant,
        kind: ConversationKind,
        message: &Entry,
        by: &Entry,
    ) -> Option<&'a Rule> {
        if !asks_anybody(app, by) {
            return None;
        }
        let message_type = self.ports.forms.message_type(message)?;
        let environment = self.environment_of(app, message);
        let asking = || app.value.hooks.iter().filter(|rule| rule.asks_about(kind, message_type));
        // Senders name environments as they like: none of their words makes a message one that nobody looks at.
        asking()
            .find(|rule| rule.is_of(environment.as_ref()))
            .or_else(|| asking().find(|rule| rule.is_of(None)))
    }

    /// Which of the app's webhooks a message is for: what was said beside it counts before what stands in it. In an app
    /// whose webhooks know no environments the word is the app's own.
    pub(crate) fn environment_of(&self, app: &Tenant, entry: &Entry) -> Option<Environment> {
        app.value.hooks.iter().find(|rule| rule.spec.environment.is_some())?;
        entry.environment.clone().or_else(|| self.ports.forms.environment(entry))
    }

    async fn ask(&self, app: &Tenant, rule: &Rule, kind: ConversationKind, entry: &Entry) -> Verdict {
        let pre = rule.pre_send().expect("a rule that asks is one of these");
        let call = HookCall {
            url: rule.spec.url.clone(),
            secret: rule.secret.clone(),
            body: self.ports.forms.question(&app.value, rule, kind, entry),
            timeout: pre.timeout(),
            private_targets: app.value.settings.webhook_private_targets,
            key: format!("{}-{}", rule.id, entry.id),
            at: self.now(),
        };
        let answer = match self.ports.pre_send.ask(call).await {
            Ok(reply) => {
                let answer = self.ports.forms.answer(pre, kind, entry, &reply);
                if answer.is_none() {
                    tracing::warn!(app = %app.value.key, rule = rule.spec.name, "a webhook's answer can't be used");
                }
                answer
            }
            Err(error) => {
                tracing::warn!(app = %app.value.key, rule = rule.spec.name, %error, "a webhook was not answered");
                None
            }
        };
        let reason = answer.as_ref().and_then(|answer| answer.reason.clone());
        let is_answered = answer.is_some();
        let verdict = decide_answer(pre, answer);
        let (moderated, opinion) = match &verdict {
            Verdict::Deliver => (Moderated::Passed, Opinion::Good),
            Verdict::Replace(_) => (Moderated::Exchanged, Opinion::Doubtful),
            Verdict::Refuse(_) => (Moderated::Rejected, Opinion::Bad),
        };
        let opinion = if is_answered { opinion } else { Opinion::Unknown };
        let judged = Judged { judge: Judge::Webhook, moderated, opinion, words: Vec::new(), reason };
        Box::pin(self.judged(app, kind, entry, judged)).await;
        verdict
    }
}

/// Whether the app's own server may have to be asked: about what a user's device sent, and to all members of a
/// conversation (easemob-rest.md 5.2).
pub(crate) fn asks_anybody(app: &Tenant, entry: &Entry) -> bool {
    !app.value.hooks.is_empty() && entry.sender_connection.is_some() && entry.only_for.is_empty()
}
