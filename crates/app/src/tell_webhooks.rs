//! Tells apps' own servers what happened, from the arrival log, for each rule by a cursor of its own.
//!
//! At least once: the cursor moves when everything up to it was told or given up, and each call has a key by which a
//! repeat is known. What belongs to one conversation is told in its order, several conversations at a time. A rule that
//! fails holds nobody up but itself (easemob-rest.md 5.3).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use domain::hook::{Breaker, ConversationKind, EventType, Notice, PostSend, Rule};
use futures_util::{StreamExt as _, stream};
use model::{AppId, AppKey, ConversationId, Entry, EntryKind, Feed, Seq, Timestamp};
use parking_lot::Mutex;
use store::{Arrived, HookPosition};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ports::{Happening, HookCall};
use crate::{Error, Tenant, UseCases};

/// How often new rules are looked for, and how long a rule with nothing to tell waits.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a rule waits after a failure that may pass, or a fault of storage.
const PAUSE: Duration = Duration::from_secs(5);
/// Conversations of one rule that are told about at a time.
const AT_ONCE: usize = 8;
/// Reports older than this are given up, whatever the rule says.
const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Runs a task for each rule that tells, as long as there is the rule. Ends with its future.
pub(crate) async fn run(use_cases: &Arc<UseCases>) {
    let mut tasks = JoinSet::new();
    let mut running: HashSet<(AppId, String)> = HashSet::new();
    loop {
        while let Some(ended) = tasks.try_join_next() {
            if let Ok(rule) = ended {
                running.remove(&rule);
            } else {
                // A rule whose task broke begins anew with the next look.
                running.clear();
                tasks.abort_all();
            }
        }
        for app in use_cases.list_apps() {
            for rule in app.value.hooks.iter().filter(|rule| rule.post_send().is_some()) {
                let name = (app.value.id, rule.id.clone());
                if running.insert(name.clone()) {
                    let (use_cases, key) = (Arc::clone(use_cases), app.value.key.clone());
                    tasks.spawn(async move {
                        tell_rule(&use_cases, &key, &name.1).await;
                        name
                    });
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What a rule remembers while it runs.
#[derive(Default)]
struct Teller {
    breaker: Mutex<Breaker>,
    /// Calls behind the cursor that were answered already.
    told: Mutex<HashSet<String>>,
}

async fn tell_rule(use_cases: &UseCases, key: &AppKey, id: &str) {
    let teller = Teller::default();
    loop {
        let Some(app) = use_cases.find_app(key) else { return };
        let rule = app.value.hooks.iter().find(|rule| rule.id == id);
        let Some((rule, post)) = rule.and_then(|rule| Some((rule, rule.post_send()?))) else { return };
        let wait = match use_cases.tell_next(&app, rule, post, &teller).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(app = %key, rule = rule.spec.name, %error, "a webhook's reports could not be read");
                PAUSE
            }
        };
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

/// One thing to tell.
struct Report {
    key: String,
    at: Timestamp,
    body: Bytes,
}

impl UseCases {
    /// Tells what stands behind the rule's cursor; how long to wait before the next look.
    async fn tell_next(
        &self,
        app: &Tenant,
        rule: &Rule,
        post: &PostSend,
        teller: &Teller,
    ) -> Result<Duration, Error> {
        if let Some(until) = teller.breaker.lock().suspended_until(self.now())
            && post.keep
        {
            return Ok(until.since(self.now()).min(PAUSE));
        }
        let id = app.value.id;
        // A rule that was switched on has a position; without one it is on its way out.
        let Some(from) = self.store.hooks.position(id, &rule.id).await? else { return Ok(LOOK_EVERY) };
        let groups = self.store.arrivals.after(id, from.arrivals).await?;
        let notices = self.store.hooks.notices(id, from.notices).await?;
        let to = HookPosition {
            arrivals: groups.last().map_or(from.arrivals, |(position, _)| *position),
            notices: notices.last().map_or(from.notices, |(position, _)| *position),
        };
        if to == from {
            return Ok(LOOK_EVERY);
        }
        let mut feeds: AHashMap<Option<Feed>, Vec<Report>> = AHashMap::new();
        for (position, group) in &groups {
            for arrived in group {
                let reports = self.reports(app, rule, post, *position, arrived).await?;
                feeds.entry(Some(arrived.feed)).or_default().extend(reports);
            }
        }
        for (position, notes) in &notices {
            for (number, note) in notes.iter().enumerate() {
                let Some(notice) = Notice::decode(note).filter(|notice| rule.hears(notice.event())) else {
                    continue;
                };
                if let Some(body) = self.ports.forms.report(&app.value, rule, &Happening::Notice(&notice)) {
                    let key = format!("{}-n{position}-{number}", rule.id);
                    feeds.entry(None).or_default().push(Report { key, at: notice.at(), body });
                }
            }
        }
        let oldest = feeds.values().flatten().map(|report| report.at).min();
        let lag = oldest.map_or(Duration::ZERO, |at| self.now().since(at));
        let (app_name, name) = (app.value.key.to_string(), rule.spec.name.clone());
        metrics::gauge!("kith_webhook_lag_seconds", "app" => app_name, "webhook" => name)
            .set(lag.as_secs_f64());

        let mut telling = Vec::with_capacity(feeds.len());
        for reports in feeds.into_values() {
            telling.push(self.tell_in_order(app, rule, post, teller, reports));
        }
        let told: Vec<bool> = stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
        let is_done = told.into_iter().all(|done| done);
        if !is_done {
            return Ok(PAUSE);
        }
        if self.store.hooks.advance(id, &rule.id, from, to).await? {
            teller.told.lock().clear();
        }
        if to.notices > from.notices {
            self.trim_notices(app).await?;
        }
        Ok(Duration::ZERO)
    }

    /// Removes the notices that all rules are past. A rule that is off begins at the end of the log.
    async fn trim_notices(&self, app: &Tenant) -> Result<(), Error> {
        let mut up_to = u64::MAX;
        for rule in app.value.hooks.iter().filter(|rule| rule.post_send().is_some()) {
            let Some(position) = self.store.hooks.position(app.value.id, &rule.id).await? else {
                return Ok(());
            };
            up_to = up_to.min(position.notices);
        }
        Ok(self.store.hooks.trim_notices(app.value.id, up_to).await?)
    }

    /// The reports of one entry that the rule wants.
    async fn reports(
        &self,
        app: &Tenant,
        rule: &Rule,
        post: &PostSend,
        position: u64,
        arrived: &Arrived,
    ) -> Result<Vec<Report>, Error> {
        let is_message = matches!(arrived.kind, EntryKind::Message | EntryKind::Command);
        let wanted = if is_message {
            rule.hears(EventType::Message) || rule.hears(EventType::OfflineMessage)
        } else {
            arrived.kind == EntryKind::Recall && rule.hears(EventType::Recall)
        };
        let Some(kind) = ConversationKind::of_feed(arrived.feed).filter(|_| wanted) else {
            return Ok(Vec::new());
        };
        let before = Seq(arrived.seq.0.saturating_sub(1));
        let page = self.store.feeds.page(app.value.id, arrived.feed, before, 1).await?;
        // One that was recalled meanwhile is not told any more; its recall is.
        let entry = page.into_iter().find(|(seq, entry)| *seq == arrived.seq && entry.kind == arrived.kind);
        // Nor is one that was said elsewhere (easemob-rest.md 3.9).
        let entry = entry.filter(|(_, entry)| !entry.history.is_imported);
        let Some((_, entry)) = entry else { return Ok(Vec::new()) };
        if entry.sender_connection.is_none() && !post.back_end {
            return Ok(Vec::new());
        }
        let message = self.ports.forms.message_type(&entry);
        let mut reports = Vec::new();
        let mut tell = |event, happening: &Happening<'_>| {
            if rule.hears_of(event, Some(kind), message)
                && let Some(body) = self.ports.forms.report(&app.value, rule, happening)
            {
                let key = format!("{}-{position}-{}-{}", rule.id, arrived.id, reports.len());
                reports.push(Report { key, at: entry.at, body });
            }
        };
        if is_message {
            tell(EventType::Message, &Happening::Message { kind, entry: &entry });
            if self.is_recipient_away(app.value.id, arrived.feed, &entry) {
                tell(EventType::OfflineMessage, &Happening::OfflineMessage { kind, entry: &entry });
            }
        } else {
            tell(EventType::Recall, &Happening::Recall { entry: &entry });
        }
        Ok(reports)
    }

    fn is_recipient_away(&self, app: AppId, feed: Feed, entry: &Entry) -> bool {
        let Feed::Conversation(ConversationId::Single { low, high }) = feed else { return false };
        let recipient = if low == entry.sender { high } else { low };
        self.online.connections(app, recipient).is_empty()
    }

    /// Whether all were told or given up.
    async fn tell_in_order(
        &self,
        app: &Tenant,
        rule: &Rule,
        post: &PostSend,
        teller: &Teller,
        reports: Vec<Report>,
    ) -> bool {
        for report in reports {
            if teller.told.lock().contains(&report.key) {
                continue;
            }
            let is_old = self.now() > report.at.plus(KEPT);
            match self.tell_once(app, rule, post, teller, &report).await {
                Outcome::Told => {}
                Outcome::MayPass if post.keep && !is_old => return false,
                Outcome::MayPass | Outcome::Lost => {
                    let name = rule.spec.name.clone();
                    metrics::counter!("kith_webhook_reports_lost_total", "webhook" => name).increment(1);
                }
            }
            teller.told.lock().insert(report.key);
        }
        true
    }

    /// Calls, and once more at once if that fails.
    async fn tell_once(
        &self,
        app: &Tenant,
        rule: &Rule,
        post: &PostSend,
        teller: &Teller,
        report: &Report,
    ) -> Outcome {
        let mut outcome = Outcome::Lost;
        for _ in 0..2 {
            if teller.breaker.lock().suspended_until(self.now()).is_some() {
                return if post.keep { Outcome::MayPass } else { Outcome::Lost };
            }
            let call = HookCall {
                url: rule.spec.url.clone(),
                secret: rule.secret.clone(),
                body: report.body.clone(),
                timeout: post.timeout(),
                private_targets: app.value.settings.webhook_private_targets,
                key: report.key.clone(),
                at: self.now(),
            };
            let error = match self.ports.callbacks.tell(call).await {
                Ok(()) => return Outcome::Told,
                Err(error) => error,
            };
            tracing::debug!(app = %app.value.key, rule = rule.spec.name, %error, "a webhook could not be told");
            if let Some(suspended) = teller.breaker.lock().failed(self.now()) {
                let seconds = suspended.as_secs();
                tracing::warn!(app = %app.value.key, rule = rule.spec.name, %error, seconds, "a webhook is suspended");
            }
            outcome = if error.may_pass() { Outcome::MayPass } else { Outcome::Lost };
        }
        outcome
    }
}

enum Outcome {
    Told,
    MayPass,
    Lost,
}
