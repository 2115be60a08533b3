//! Reports: a user tells those who run the app about a message.

use conditions::Condition;
use domain::report::{Report, ReportAccepted, decide_report};
use model::MessageId;
use store::StoredReport;

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Keeps a report. Who reports a message again has reported it.
    ///
    /// # Errors
    /// `user_not_found`, those of [`decide_report`]; faults.
    pub async fn report_message(
        &self,
        app: &Tenant,
        user: &str,
        message: MessageId,
        report: Report,
    ) -> Result<(), Error> {
        let (account, app_id) = (self.get_user(app, user).await?, app.value.id);
        for _ in 0..TRIES {
            let found = self.find_message_of(app, account.user.uid, message).await?;
            let entry = found.as_ref().map(|(_, _, entry)| entry);
            let now = self.now();
            let stored = self.store.reports.before(app_id, account.user.uid, message, now).await?;

            if decide_report(&app.value.settings, &report, entry, stored.before)? == ReportAccepted::Repeat {
                return Ok(());
            }
            let entry = entry.expect("a report of no message is refused");

            let report = StoredReport {
                message: message.0,
                at: now.0,
                reporter: account.user.name.to_string(),
                sender: entry.sender_name.to_string(),
                target: entry.target_name.to_string(),
                kind: report.kind.clone(),
                reason: report.reason.clone(),
            };
            if self.store.reports.append(app_id, stored, &report).await? {
                metrics::counter!("kith_message_reports_total").increment(1);
                return Ok(());
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Reports after a number, the oldest first, each with its own.
    ///
    /// # Errors
    /// Faults.
    pub async fn list_reports(
        &self,
        app: &Tenant,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, StoredReport)>, Error> {
        Ok(self.store.reports.after(app.value.id, after, limit).await?)
    }
}
