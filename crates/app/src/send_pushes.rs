//! Wakes the devices of users who are away, from the arrival log, for each push provider by a cursor of its own.
//!
//! What was decided for each device is written down. A provider that fails is tried once more and then given up: a
//! notification that comes late wakes people for nothing.

use domain::app::App;
use domain::hook::{Breaker, PushRule, Rule};
use domain::push::{
    Binding, GROUP_MEMBERS_LIMIT, Notification, PushHints, PushProfile, PushView, SilenceOf, Skip, Template,
    decide_push, words,
};
use futures_util::{StreamExt as _, stream};
use model::{AppKey, ConversationId, Entry, EntryKind, Feed, GroupId, Seq, Timestamp, Uid, Username};
use parking_lot::Mutex;
use std::time::Duration;
use store::{Arrived, DeviceRecord, HookPosition, PushOutcome, PushRecord};
use tokio::time::sleep;

use crate::ports::PushCall;
use crate::{Error, Tenant, UseCases};

/// How long a provider with nothing to do waits.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long after a fault of storage.
const PAUSE: Duration = Duration::from_secs(5);
/// Calls to one provider at a time.
const AT_ONCE: usize = 16;
/// Members of a group that are looked at together.
const MEMBERS_AT_ONCE: usize = 500;
/// A message that is older, since the server or the provider was away, wakes nobody any more.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Works for one provider as long as it is there and on.
pub(crate) async fn run_provider(use_cases: &UseCases, key: &AppKey, id: &str) {
    let breaker = Mutex::new(Breaker::default());
    loop {
        let Some(app) = use_cases.find_app(key) else { return };
        let rule = app.value.hooks.iter().find(|rule| rule.id == id);
        let Some((rule, push)) = rule.and_then(|rule| Some((rule, rule.push()?))) else { return };
        let wait = match use_cases.push_next(&app, rule, push, &breaker).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(app = %key, rule = rule.spec.name, %error, "what is to be pushed could not be read");
                PAUSE
            }
        };
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

/// A user whom a message is for.
struct Recipient {
    uid: Uid,
    name: Username,
}

/// A message on its way to devices.
struct Woken<'a> {
    entry: &'a Entry,
    conversation: ConversationId,
    hints: PushHints,
    templates: Vec<Template>,
    /// What the message says, in short; `None` where it can't be shown.
    preview: Option<String>,
    sender: String,
}

impl UseCases {
    async fn push_next(
        &self,
        app: &Tenant,
        rule: &Rule,
        push: &PushRule,
        breaker: &Mutex<Breaker>,
    ) -> Result<Duration, Error> {
        let id = app.value.id;
        let Some(from) = self.store.hooks.position(id, &rule.id).await? else { return Ok(LOOK_EVERY) };
        let groups = self.store.arrivals.after(id, from.arrivals).await?;
        let Some((last, _)) = groups.last() else { return Ok(LOOK_EVERY) };
        let to = HookPosition { arrivals: *last, ..from };
        for arrived in groups.iter().flat_map(|(_, group)| group) {
            if arrived.kind == EntryKind::Message {
                self.push_message(app, rule, push, breaker, arrived).await?;
            }
        }
        self.store.hooks.advance(id, &rule.id, from, to).await?;
        Ok(Duration::ZERO)
    }

    async fn push_message(
        &self,
        app: &Tenant,
        rule: &Rule,
        push: &PushRule,
        breaker: &Mutex<Breaker>,
        arrived: &Arrived,
    ) -> Result<(), Error> {
        let Feed::Conversation(conversation) = arrived.feed else { return Ok(()) };
        let before = Seq(arrived.seq.0.saturating_sub(1));
        let page = self.store.feeds.page(app.value.id, arrived.feed, before, 1).await?;
        let found =
            page.into_iter().find(|(seq, entry)| *seq == arrived.seq && entry.kind == EntryKind::Message);
        let Some((_, entry)) = found else { return Ok(()) };
        if self.now() > entry.at.plus(FRESH) {
            return Ok(());
        }
        let woken = Woken {
            hints: self.ports.forms.push_hints(&entry),
            templates: self.store.pushes.templates(app.value.id).await?.templates,
            preview: self.ports.forms.preview(&entry),
            sender: self.shown_name(app, &entry).await?,
            conversation,
            entry: &entry,
        };
        match conversation {
            ConversationId::Single { low, high } => {
                let uid = if low == entry.sender { high } else { low };
                if uid == Uid::BACK_END || uid == entry.sender {
                    return Ok(());
                }
                let recipient = Recipient { uid, name: entry.target_name.clone() };
                self.push_to(app, rule, push, breaker, &woken, vec![recipient]).await
            }
            ConversationId::Group(group) => self.push_to_group(app, rule, push, breaker, &woken, group).await,
            ConversationId::Room(_) => Ok(()),
        }
    }

    /// Nobody is woken by a group of thousands.
    async fn push_to_group(
        &self,
        app: &Tenant,
        rule: &Rule,
        push: &PushRule,
        breaker: &Mutex<Breaker>,
        woken: &Woken<'_>,
        group: GroupId,
    ) -> Result<(), Error> {
        let id = app.value.id;
        let stored = self.store.groups.get(id, group).await?;
        if stored.is_none_or(|stored| stored.group.member_count > GROUP_MEMBERS_LIMIT) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let members = self.store.groups.members(id, group, after, MEMBERS_AT_ONCE).await?;
            let Some((last, _)) = members.last() else { return Ok(()) };
            after = Some(*last);
            let is_meant = |uid: Uid| uid != woken.entry.sender && woken.entry.is_for(uid);
            let recipients = members
                .into_iter()
                .filter(|(uid, member)| is_meant(*uid) && !member.shielded)
                .map(|(uid, member)| Recipient { uid, name: member.name })
                .collect();
            self.push_to(app, rule, push, breaker, woken, recipients).await?;
        }
    }

    async fn push_to(
        &self,
        app: &Tenant,
        rule: &Rule,
        push: &PushRule,
        breaker: &Mutex<Breaker>,
        woken: &Woken<'_>,
        recipients: Vec<Recipient>,
    ) -> Result<(), Error> {
        let id = app.value.id;
        let uids: Vec<Uid> = recipients.iter().map(|recipient| recipient.uid).collect();
        let profiles = self.store.pushes.get(id, &uids).await?;
        let mut waking = Vec::new();
        for (index, (recipient, stored)) in recipients.iter().zip(&profiles).enumerate() {
            let is_undisturbed = match SilenceOf::of(woken.conversation, recipient.uid) {
                Some(of) if !stored.profile.bindings.is_empty() => {
                    self.store.no_disturb.get(id, recipient.uid).await?.settings.is_for(of)
                }
                _ => false,
            };
            for (number, binding) in stored.profile.bindings.iter().enumerate() {
                // Names of devices may hold what a header can't.
                let place = format!("{}-{number}", recipient.uid);
                match is_concern(&app.value, rule, binding) {
                    Concern::None => {}
                    concern => {
                        let is_own = matches!(concern, Concern::Own);
                        let said = (is_undisturbed, is_own);
                        waking.push((index, recipient, &stored.profile, binding, place, said));
                    }
                }
            }
        }
        let calls: Vec<_> = waking
            .into_iter()
            .map(|(index, recipient, profile, binding, place, said)| async move {
                let outcome = match self.decide(app, woken, recipient, profile, binding, said) {
                    Ok(()) => {
                        let notification = notification(app, woken, recipient, profile, binding);
                        self.wake(app, rule, push, breaker, place, notification).await
                    }
                    Err(skip) => PushOutcome::Skipped(skip),
                };
                (index, binding, outcome)
            })
            .collect();
        let mut outcomes: Vec<(usize, &Binding, PushOutcome)> =
            stream::iter(calls).buffered(AT_ONCE).collect().await;
        outcomes.sort_by_key(|(index, ..)| *index);
        let mut records: Vec<(usize, PushRecord)> = Vec::new();
        let group = woken.conversation.group().map(|_| &woken.entry.target_name);
        for (index, binding, outcome) in outcomes {
            if records.last().is_none_or(|(last, _)| *last != index) {
                records.push((index, self.record_of(woken, recipients[index].uid)));
            }
            if let Some((_, record)) = records.last_mut() {
                self.note_push(app, record, &recipients[index].name, group, (binding, &outcome)).await;
                let Binding { device, notifier, .. } = binding.clone();
                record.devices.push(DeviceRecord { device, notifier, outcome });
            }
        }
        let records: Vec<(Uid, PushRecord)> =
            records.into_iter().map(|(index, record)| (recipients[index].uid, record)).collect();
        Ok(self.store.pushes.record(id, &records).await?)
    }

    fn decide(
        &self,
        app: &Tenant,
        woken: &Woken<'_>,
        recipient: &Recipient,
        profile: &PushProfile,
        binding: &Binding,
        (is_undisturbed, is_own): (bool, bool),
    ) -> Result<(), Skip> {
        let at = self.now();
        let of = SilenceOf::of(woken.conversation, recipient.uid).ok_or(Skip::MessageIgnored)?;
        let is_group = matches!(of, SilenceOf::Group(_));
        let view = PushView {
            profile,
            name: recipient.name.as_str(),
            is_online: !self.online.connections(app.value.id, recipient.uid).is_empty(),
            is_undisturbed,
            of,
            group: is_group.then_some(woken.entry.target_name.as_str()),
            hints: &woken.hints,
            minute: minute_of_day(at, app.value.settings.push_utc_offset_minutes),
            at,
        };
        decide_push(view, binding)?;
        if is_own { Ok(()) } else { Err(Skip::NoProvider) }
    }

    /// Calls the provider, and once more if that fails.
    async fn wake(
        &self,
        app: &Tenant,
        rule: &Rule,
        push: &PushRule,
        breaker: &Mutex<Breaker>,
        place: String,
        notification: Notification,
    ) -> PushOutcome {
        let mut words = "the provider failed too often and is suspended".to_owned();
        for _ in 0..2 {
            if breaker.lock().suspended_until(self.now()).is_some() {
                break;
            }
            let call = PushCall {
                url: rule.spec.url.clone(),
                secret: rule.secret.clone(),
                timeout: push.timeout(),
                private_targets: app.value.settings.webhook_private_targets,
                key: format!("{}-{}-{}", rule.id, notification.message, place),
                at: self.now(),
                notification: notification.clone(),
            };
            match self.ports.push.push(call).await {
                Ok(()) => return PushOutcome::Sent,
                Err(error) => {
                    words = error.to_string();
                    if let Some(suspended) = breaker.lock().failed(self.now()) {
                        let seconds = suspended.as_secs();
                        let name = &rule.spec.name;
                        tracing::warn!(app = %app.value.key, rule = name, %error, seconds, "a push provider is suspended");
                    }
                }
            }
        }
        PushOutcome::Failed(words)
    }

    fn record_of(&self, woken: &Woken<'_>, recipient: Uid) -> PushRecord {
        let entry = woken.entry;
        let conversation = match woken.conversation {
            ConversationId::Single { .. } if recipient != entry.sender => entry.sender_name.to_string(),
            _ => entry.target_name.to_string(),
        };
        PushRecord {
            message: entry.id.0,
            at: self.now().0,
            sender: entry.sender_name.to_string(),
            conversation,
            devices: Vec::new(),
        }
    }

    /// The sender's name for pushes, if he has one.
    async fn shown_name(&self, app: &Tenant, entry: &Entry) -> Result<String, Error> {
        let account = match entry.sender {
            Uid::BACK_END => None,
            sender => self.store.users.get(app.value.id, sender).await?,
        };
        let nickname = account.and_then(|account| account.user.nickname.clone());
        Ok(nickname.unwrap_or_else(|| entry.sender_name.to_string()))
    }
}

/// Whether a provider is the one for a device.
enum Concern {
    Own,
    /// Another's.
    None,
    /// No provider is for it; the first one says so.
    Nobodys,
}

fn is_concern(app: &App, rule: &Rule, binding: &Binding) -> Concern {
    let mut providers = app.hooks.iter().filter_map(|rule| Some((rule, rule.push()?)));
    match providers.clone().find(|(_, push)| push.is_for(&binding.notifier)) {
        Some((owner, _)) if owner.id == rule.id => Concern::Own,
        Some(_) => Concern::None,
        None if providers.next().is_some_and(|(first, _)| first.id == rule.id) => Concern::Nobodys,
        None => Concern::None,
    }
}

fn minute_of_day(at: Timestamp, offset_minutes: u64) -> u16 {
    const DAY: u64 = 24 * 60;
    let minutes = (at.0 / 60_000).wrapping_add(offset_minutes) % DAY;
    u16::try_from(minutes).unwrap_or_default()
}

fn notification(
    app: &Tenant,
    woken: &Woken<'_>,
    recipient: &Recipient,
    profile: &PushProfile,
    binding: &Binding,
) -> Notification {
    let Woken { entry, hints, .. } = woken;
    let is_group = woken.conversation.group().is_some();
    let (title, content) = words(&woken.templates, profile, hints, woken.preview.as_deref(), &woken.sender);
    Notification {
        app: app.value.key.to_string(),
        message: entry.id.0.to_string(),
        at: entry.at,
        user: recipient.name.to_string(),
        binding: binding.clone(),
        conversation_kind: if is_group { "group" } else { "single" }.to_owned(),
        conversation: if is_group { entry.target_name.to_string() } else { entry.sender_name.to_string() },
        sender: entry.sender_name.to_string(),
        title,
        content,
        language: profile.language.clone(),
        options: hints.options.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_where_the_app_is() {
        let half_past_four = Timestamp((4 * 60 + 30) * 60_000);
        assert_eq!(minute_of_day(half_past_four, 0), 270);
        assert_eq!(minute_of_day(half_past_four, 480), 750);
        assert_eq!(minute_of_day(half_past_four, 20 * 60), 30);
    }
}
