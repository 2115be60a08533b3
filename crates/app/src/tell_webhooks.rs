//! Tells apps' own servers what happened, from the arrival log, for each rule by a cursor of its own.
//!
//! At least once: the cursor moves when everything up to it was told or given up, and each call has a key by which a
//! repeat is known. What belongs to one conversation is told in its order, several conversations at a time. A rule that
//! fails holds nobody up but itself (easemob-rest.md 5.3). What is given up is kept for a while, before the cursor moves
//! past it ([`crate::redeliver`]).

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use domain::hook::{
    Breaker, Entrance, EventFormat, EventType, Notice, PostSend, Rule, Slice, UNDELIVERED_LIMIT, Undelivered,
};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use metrics::Gauge;
use model::{
    AppId, AppKey, ConversationChange, ConversationId, ConversationKind, ConversationNews, Entry, EntryKind,
    Event, Feed, GroupChange, GroupKind, GroupNews, News, Seq, Timestamp, Uid,
};
use parking_lot::Mutex;
use store::{Arrived, HookPosition};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ports::{Happening, HookCall};
use crate::send_pushes::run_provider;
use crate::{Error, Tenant, UseCases};

/// How often new rules are looked for, and how long a rule with nothing to tell waits.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a rule waits after a failure that may pass, or a fault of storage.
const PAUSE: Duration = Duration::from_secs(5);
/// Conversations of one rule that are told about at a time.
const AT_ONCE: usize = 8;
/// Reports older than this are given up, whatever the rule says.
const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Runs a task for each rule that tells, or wakes devices, as long as there is the rule. Ends with its future.
pub(crate) async fn run(use_cases: &Arc<UseCases>) {
    let mut tasks = JoinSet::new();
    let mut running: HashSet<(AppId, String)> = HashSet::new();
    loop {
        while let Some(ended) = tasks.try_join_next() {
            if let Ok(rule) = ended {
                running.remove(&rule);
            }
        }
        for app in use_cases.list_apps() {
            for rule in app.value.hooks.iter().filter(|rule| rule.follows_arrivals()) {
                let name = (app.value.id, rule.id.clone());
                if running.insert(name.clone()) {
                    let (use_cases, key) = (Arc::clone(use_cases), app.value.key.clone());
                    tasks.spawn(async move {
                        // Which of the two it is may change; the other ends at once.
                        let telling = async {
                            tell_rule(&use_cases, &key, &name.1).await;
                            run_provider(&use_cases, &key, &name.1).await;
                        };
                        if AssertUnwindSafe(telling).catch_unwind().await.is_err() {
                            metrics::counter!("kith_job_panics_total", "job" => "webhook").increment(1);
                            let rule = &name.1;
                            tracing::error!(app = %key, rule, "a webhook's task panicked; it begins again in some seconds");
                            sleep(PAUSE).await;
                        }
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
    /// Those of them that were given up, until they are kept.
    given_up: Mutex<Vec<Undelivered>>,
    /// When the oldest happened of what is still to be told.
    oldest: Mutex<Option<Timestamp>>,
    lag: Mutex<Option<Lag>>,
}

/// The rule's line of `kith_webhook_lag_seconds`, which says 0 when the rule goes or gets another name.
struct Lag {
    webhook: String,
    gauge: Gauge,
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.gauge.set(0.0);
    }
}

impl Teller {
    fn show_lag(&self, app: &Tenant, rule: &Rule, lag: Duration) {
        let mut shown = self.lag.lock();
        let name = &rule.spec.name;
        if shown.as_ref().is_none_or(|shown| shown.webhook != *name) {
            let app = app.value.key.to_string();
            let gauge = metrics::gauge!("kith_webhook_lag_seconds", "app" => app, "webhook" => name.clone());
            *shown = Some(Lag { webhook: name.clone(), gauge });
        }
        if let Some(shown) = &*shown {
            shown.gauge.set(lag.as_secs_f64());
        }
    }
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

/// An entry that a rule may want to hear of.
struct Came {
    feed: Feed,
    entry: Entry,
    news: Option<News>,
}

impl Came {
    /// Whether it is the same in another log: a receipt has one number in all of them, an event one author and content.
    fn is_the_same(&self, other: &Self) -> bool {
        match (&self.news, &other.news) {
            (Some(news), Some(others)) => {
                self.entry.sender == other.entry.sender && nameless(news) == nameless(others)
            }
            _ => self.entry.id == other.entry.id,
        }
    }
}

/// News without the group's name, which only those are told who may not know it yet.
fn nameless(news: &News) -> News {
    match news.clone() {
        News::Group(group) => News::Group(GroupNews { name: String::new(), ..group }),
        news => news,
    }
}

/// Which rules hear of news; `None`: none.
fn event_of(news: &News) -> Option<EventType> {
    match news {
        News::Group(group) if group.kind == GroupKind::Room => Some(EventType::Room),
        News::Group(_) => Some(EventType::Group),
        News::Contact(_) => Some(EventType::Contact),
        News::Conversation(ConversationNews { change: ConversationChange::Reacted { .. }, .. }) => {
            Some(EventType::Reaction)
        }
        News::Thread(_) => Some(EventType::Thread),
        News::Conversation(_)
        | News::Presence(_)
        | News::HistoryCleared
        | News::Silence(_)
        | News::Setting(_) => None,
    }
}

/// Whether a rule may want an entry of this kind.
fn wants(rule: &Rule, kind: EntryKind) -> bool {
    let events: &[EventType] = match kind {
        EntryKind::Message | EntryKind::Command => &[EventType::Message, EventType::OfflineMessage],
        EntryKind::Recall => &[EventType::Recall],
        EntryKind::Edit => &[EventType::Edit],
        EntryKind::ReadReceipt => &[EventType::Read],
        EntryKind::ConversationRead => &[EventType::ConversationRead],
        EntryKind::Event => {
            &[EventType::Group, EventType::Room, EventType::Contact, EventType::Reaction, EventType::Thread]
        }
        EntryKind::Recalled | EntryKind::DeliveryReceipt | EntryKind::StreamPart => &[],
    };
    events.iter().any(|event| rule.hears(*event))
}

/// Who was brought into the group that `one` tells of, in what was written with it.
fn added(came: &[Came], one: &Came) -> Vec<String> {
    let Some(News::Group(of)) = &one.news else { return Vec::new() };
    let added = |beside: &Came| match &beside.news {
        Some(News::Group(GroupNews { group, change: GroupChange::Added { user }, .. }))
            if *group == of.group =>
        {
            Some(user.clone())
        }
        _ => None,
    };
    came.iter().filter_map(added).collect()
}

/// How those came whom `one` tells of, from what was written with it.
fn entrance(came: &[Came], one: &Came) -> Entrance {
    let Some(News::Group(GroupNews { group, change: GroupChange::Joined { users, .. }, .. })) = &one.news
    else {
        return Entrance::default();
    };
    let by_themselves = users.iter().any(|user| user == one.entry.sender_name.as_str());
    // The back end asks nobody.
    let mut entrance =
        if by_themselves || one.entry.sender == Uid::BACK_END { Entrance::Direct } else { Entrance::Invited };
    for beside in came {
        match &beside.news {
            Some(News::Group(beside)) if beside.group == *group => match &beside.change {
                GroupChange::ApplicationAccepted { user } if users.contains(user) => {
                    entrance = Entrance::Applied;
                }
                GroupChange::InvitationAccepted => entrance = Entrance::Invited,
                _ => {}
            },
            _ => {}
        }
    }
    entrance
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
            let oldest = *teller.oldest.lock();
            teller.show_lag(app, rule, oldest.map_or(Duration::ZERO, |at| self.now().since(at)));
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
            *teller.oldest.lock() = None;
            teller.show_lag(app, rule, Duration::ZERO);
            return Ok(LOOK_EVERY);
        }
        let mut feeds: AHashMap<Option<Feed>, Vec<Report>> = AHashMap::new();
        for (position, group) in &groups {
            for (feed, report) in self.reports(app, rule, post, *position, group).await? {
                feeds.entry(Some(feed)).or_default().push(report);
            }
        }
        for (position, notes) in &notices {
            for (number, note) in notes.iter().enumerate() {
                let Some(notice) = Notice::decode(note)
                    .filter(|notice| rule.hears(notice.event()) && rule.is_of(notice.environment()))
                else {
                    continue;
                };
                let bodies = self.ports.forms.report(&app.value, rule, &Happening::Notice(&notice));
                for (part, body) in bodies.into_iter().enumerate() {
                    let key = format!("{}-n{position}-{number}-{part}", rule.id);
                    feeds.entry(None).or_default().push(Report { key, at: notice.at(), body });
                }
            }
        }
        let oldest = {
            let told = teller.told.lock();
            let untold = feeds.values().flatten().filter(|report| !told.contains(&report.key));
            untold.map(|report| report.at).min()
        };
        *teller.oldest.lock() = oldest;
        teller.show_lag(app, rule, oldest.map_or(Duration::ZERO, |at| self.now().since(at)));

        let mut telling = Vec::with_capacity(feeds.len());
        for reports in feeds.into_values() {
            telling.push(self.tell_in_order(app, rule, post, teller, reports));
        }
        let told: Vec<bool> = stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
        self.keep_given_up(app, rule, teller).await?;
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

    /// Keeps what was given up, as long as there is room. What can't be written stays with the teller.
    async fn keep_given_up(&self, app: &Tenant, rule: &Rule, teller: &Teller) -> Result<(), Error> {
        let given_up = teller.given_up.lock().clone();
        if given_up.is_empty() {
            return Ok(());
        }
        if app.value.settings.webhook_keep_undelivered {
            let slice = Slice::of(self.now());
            let kept = self.store.undelivered.keep(app.value.id, slice, &given_up, UNDELIVERED_LIMIT);
            let dropped = kept.await?;
            if dropped > 0 {
                let name = rule.spec.name.clone();
                metrics::counter!("kith_webhook_reports_dropped_total", "webhook" => name).increment(dropped);
                tracing::warn!(
                    app = %app.value.key, rule = rule.spec.name, dropped,
                    "reports of a webhook are lost: too many are kept, or they are too large to be"
                );
            }
        }
        teller.given_up.lock().clear();
        Ok(())
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

    /// What the rule is told of the entries of one commit group.
    async fn reports(
        &self,
        app: &Tenant,
        rule: &Rule,
        post: &PostSend,
        position: u64,
        group: &[Arrived],
    ) -> Result<Vec<(Feed, Report)>, Error> {
        let mut came = Vec::new();
        for arrived in group.iter().filter(|arrived| wants(rule, arrived.kind)) {
            let before = Seq(arrived.seq.0.saturating_sub(1));
            let page = self.store.feeds.page(app.value.id, arrived.feed, before, 1).await?;
            // One that was recalled meanwhile is not told any more; its recall is.
            let entry =
                page.into_iter().find(|(seq, entry)| *seq == arrived.seq && entry.kind == arrived.kind);
            // Nor is one that was said elsewhere (easemob-rest.md 3.9).
            let entry = entry.filter(|(_, entry)| !entry.history.is_imported);
            let Some((_, entry)) = entry else { continue };
            let news = (entry.kind == EntryKind::Event).then(|| Event::decode(&entry.payload).ok()).flatten();
            came.push(Came { feed: arrived.feed, entry, news: news.map(|event| event.news) });
        }

        let mut reports = Vec::new();
        for (index, one) in came.iter().enumerate() {
            if came[..index].iter().any(|earlier| earlier.is_the_same(one)) {
                continue;
            }
            let mut bodies = Vec::new();
            self.report(app, rule, post, &came, one, &mut bodies).await?;
            for (part, body) in bodies.into_iter().enumerate() {
                let key = format!("{}-{position}-{}-{part}", rule.id, one.entry.id);
                reports.push((one.feed, Report { key, at: one.entry.at, body }));
            }
        }
        Ok(reports)
    }

    async fn report(
        &self,
        app: &Tenant,
        rule: &Rule,
        post: &PostSend,
        came: &[Came],
        one: &Came,
        bodies: &mut Vec<Bytes>,
    ) -> Result<(), Error> {
        let Came { feed, entry, news } = one;
        let kind = ConversationKind::of_feed(*feed);
        let is_said = !matches!(entry.kind, EntryKind::Event);
        if is_said && entry.sender_connection.is_none() && !post.back_end {
            return Ok(());
        }
        if !rule.is_of(self.environment_of(app, entry).as_ref()) {
            return Ok(());
        }
        let message = self.ports.forms.message_type(entry);
        let mut tell = |event, kind, happening: &Happening<'_>| {
            if rule.hears_of(event, kind, message) {
                bodies.extend(self.ports.forms.report(&app.value, rule, happening));
            }
        };
        match (entry.kind, kind, news) {
            (EntryKind::Message | EntryKind::Command, Some(kind), _) => {
                tell(EventType::Message, Some(kind), &Happening::Message { kind, entry });
                if self.is_recipient_away(app.value.id, *feed, entry) {
                    tell(EventType::OfflineMessage, Some(kind), &Happening::OfflineMessage { kind, entry });
                }
            }
            (EntryKind::Recall, ..) => tell(EventType::Recall, kind, &Happening::Recall { kind, entry }),
            (EntryKind::Edit, Some(kind), _) => {
                tell(EventType::Edit, Some(kind), &Happening::Edit { kind, entry });
            }
            (EntryKind::ReadReceipt, ..) => tell(EventType::Read, None, &Happening::Read { entry }),
            (EntryKind::ConversationRead, ..) => {
                tell(EventType::ConversationRead, None, &Happening::ConversationRead { entry });
            }
            (EntryKind::Event, _, Some(news)) => {
                let Some(event) = event_of(news).filter(|event| rule.hears(*event)) else { return Ok(()) };
                let group = match news {
                    News::Group(about) if post.format == EventFormat::GroupOp => {
                        self.find_any_group(app, &about.group).await?
                    }
                    _ => None,
                };
                let group = group.as_ref().map(|stored| &stored.group);
                let entrance = entrance(came, one);
                let added = added(came, one);
                tell(event, kind, &Happening::News { entry, news, group, entrance, added: &added });
            }
            _ => {}
        }
        Ok(())
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
                    metrics::counter!("kith_webhook_reports_given_up_total", "webhook" => name).increment(1);
                    teller.given_up.lock().push(Undelivered {
                        rule: rule.id.clone(),
                        key: report.key.clone(),
                        body: String::from_utf8_lossy(&report.body).into_owned(),
                        at: report.at,
                    });
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
