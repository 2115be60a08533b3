//! Retracts a message in the name of its sender, who hears what does not hold.

use bytes::Bytes;
use domain::post::{TakeBack, decide_retract};
use model::{Dialect, MessageId};
use store::Account;

use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// Takes a user's own message back, once and in time, and tells every device.
    ///
    /// # Errors
    /// Those of [`decide_retract`]; faults.
    pub async fn retract_message(
        &self,
        app: &Tenant,
        user: &Account,
        subject: MessageId,
        dialect: Dialect,
    ) -> Result<(), Error> {
        let found = self.find_message(app, subject).await?;
        let message = found.as_ref().map(|(_, _, entry)| entry);

        decide_retract(&app.value.settings, subject, message, user.user.uid, self.now())?;

        let target = message.map(|message| message.target_name.to_string()).unwrap_or_default();
        let command = TakeBack { subject, target, force: true, syncs_author: true, dialect };
        self.take_back(app, user.user.name.as_str(), &command, &Bytes::new()).await
    }
}
