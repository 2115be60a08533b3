//! Reports: a user tells those who run the app about a message.

use domain::report::{Report, decide_report};
use model::MessageId;
use store::StoredReport;

use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// # Errors
    /// `user_not_found`, those of [`decide_report`]; faults.
    pub async fn report_message(
        &self,
        app: &Tenant,
        user: &str,
        message: MessageId,
        report: Report,
    ) -> Result<(), Error> {
        let account = self.get_user(app, user).await?;
        let found = self.find_message_of(app, account.user.uid, message).await?;
        let entry = found.as_ref().map(|(_, _, entry)| entry);

        decide_report(&app.value.settings, &report, entry)?;
        let entry = entry.expect("a report of no message is refused");

        let report = StoredReport {
            message: message.0,
            at: self.now().0,
            reporter: account.user.name.to_string(),
            sender: entry.sender_name.to_string(),
            target: entry.target_name.to_string(),
            kind: report.kind,
            reason: report.reason,
        };
        self.store.reports.append(app.value.id, &report).await?;
        metrics::counter!("kith_message_reports_total").increment(1);
        Ok(())
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
