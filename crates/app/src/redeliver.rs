//! Sends again what webhooks gave up, when the app's back end asks for that (easemob-rest.md 3.19).
//!
//! Which reports those are is said in `tell_webhooks`, where they are given up.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::hook::{Rule, RuleKind, Slice, SliceState, Undelivered, decide_redelivery};
use futures_util::{StreamExt as _, stream};
use model::{AppId, Timestamp};
use parking_lot::Mutex;

use crate::ports::HookCall;
use crate::{Error, Tenant, UseCases};

/// For how long one call begins to send reports: less than a request may take.
const SPAN: Duration = Duration::from_secs(20);
/// Reports that are sent at a time.
const AT_ONCE: usize = 8;
/// So many failures say that the app's server takes nothing.
const FAILURES_MOST: usize = 16;

/// Slices whose reports are being sent again.
#[derive(Debug, Default)]
pub(crate) struct Redeliveries {
    running: Mutex<HashSet<(AppId, Slice)>>,
}

/// That a slice's reports are being sent, by nobody else.
struct Turn<'a> {
    of: &'a Redeliveries,
    slice: (AppId, Slice),
}

/// What became of one kept report.
enum Sent<'a> {
    /// It need not be kept any more.
    Gone(&'a Undelivered),
    Failed,
    /// The call's time was over, or too many had failed.
    NotBegun,
}

impl Redeliveries {
    fn begin(&self, app: AppId, slice: Slice) -> Option<Turn<'_>> {
        let slice = (app, slice);
        self.running.lock().insert(slice).then_some(Turn { of: self, slice })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.of.running.lock().remove(&self.slice);
    }
}

impl UseCases {
    /// The slices of ten minutes in which reports were given up that are still there, the oldest first.
    ///
    /// # Errors
    /// `service_not_enabled`; faults.
    pub async fn undelivered_slices(&self, app: &Tenant) -> Result<Vec<(Slice, SliceState)>, Error> {
        decide_redelivery(&app.value.settings, None)?;
        let oldest = Slice::oldest(self.now());
        let slices = self.store.undelivered.slices(app.value.id).await?;
        Ok(slices.into_iter().filter(|(slice, _)| *slice >= oldest).collect())
    }

    /// Sends a slice's reports again, to `url` or where their webhooks point; `true`: there were some, and all of them
    /// went through. What did not stays; after 20 seconds, or when many fail, the rest is left for another call. A call
    /// that ended by its time alone is none of the ten tries.
    ///
    /// # Errors
    /// Those of [`decide_redelivery`]; faults.
    pub async fn redeliver(&self, app: &Tenant, slice: Slice, url: Option<&str>) -> Result<bool, Error> {
        decide_redelivery(&app.value.settings, url)?;

        let (id, kept) = (app.value.id, &self.store.undelivered);
        let Some(_turn) = self.redeliveries.begin(id, slice) else { return Ok(false) };
        let is_there = slice >= Slice::oldest(self.now());
        // Counted first: who hangs up in the middle has tried.
        if !is_there || !kept.count_retry(id, slice, SliceState::may_be_redelivered).await? {
            return Ok(false);
        }

        let (failures, ends) = (AtomicUsize::new(0), self.now().plus(SPAN));
        let mut position = None;
        loop {
            let (reports, last) = kept.after(id, slice, position.as_ref()).await?;
            if reports.is_empty() {
                return Ok(failures.load(Ordering::Relaxed) == 0);
            }
            position = last;
            let calls: Vec<_> = reports
                .iter()
                .map(|report| self.send_unless_over(app, report, url, &failures, ends))
                .collect();
            let (mut sent, mut gone, mut is_over) =
                (stream::iter(calls).buffer_unordered(AT_ONCE), vec![], false);
            while let Some(outcome) = sent.next().await {
                match outcome {
                    Sent::Gone(report) => gone.push(report),
                    Sent::Failed => {}
                    Sent::NotBegun => is_over = true,
                }
                if gone.len() >= AT_ONCE {
                    kept.remove(id, slice, &gone).await?;
                    gone.clear();
                }
            }
            kept.remove(id, slice, &gone).await?;
            if is_over {
                if failures.load(Ordering::Relaxed) == 0 {
                    kept.give_retry_back(id, slice).await?;
                }
                return Ok(false);
            }
        }
    }

    async fn send_unless_over<'a>(
        &self,
        app: &Tenant,
        report: &'a Undelivered,
        url: Option<&str>,
        failures: &AtomicUsize,
        ends: Timestamp,
    ) -> Sent<'a> {
        if failures.load(Ordering::Relaxed) >= FAILURES_MOST || self.now() >= ends {
            return Sent::NotBegun;
        }
        if self.send_again(app, report, url).await {
            return Sent::Gone(report);
        }
        failures.fetch_add(1, Ordering::Relaxed);
        Sent::Failed
    }

    /// Whether the report need not be kept any more: it was taken, or its webhook is gone.
    async fn send_again(&self, app: &Tenant, report: &Undelivered, url: Option<&str>) -> bool {
        let rule = app.value.hooks.iter().find(|rule| rule.id == report.rule);
        let Some(Rule { spec, secret, .. }) = rule else { return true };
        let RuleKind::PostSend(post) = &spec.kind else { return true };
        let call = HookCall {
            url: url.unwrap_or(&spec.url).to_owned(),
            secret: secret.clone(),
            body: report.body.clone().into(),
            timeout: post.timeout(),
            private_targets: app.value.settings.webhook_private_targets,
            key: report.key.clone(),
            at: self.now(),
        };
        let outcome = self.ports.callbacks.tell(call).await;
        if let Err(error) = &outcome {
            tracing::debug!(app = %app.value.key, rule = spec.name, %error, "a kept report could not be told");
        }
        outcome.is_ok()
    }
}
