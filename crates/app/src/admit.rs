//! Admits calls, registrations and messages under the rates that an app's owner set.

use std::net::IpAddr;
use std::time::Duration;

use conditions::Condition;
use conditions::http::retry_after_seconds;
use domain::Refused;
use domain::message::Sender;
use domain::rate::{Allowance, CallClass, PostClass};

use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// Counts a back end's call of those that a minute has, and says how many are left.
    pub fn count_back_end_call(&self, app: &Tenant) -> Allowance {
        let mut minutes = self.back_end_minutes.lock();
        let minute = minutes.entry(app.value.id).or_default();
        minute.take(app.value.settings.jmessage_calls_per_minute, self.now())
    }

    /// Counts a call of the app's API.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub fn admit_call(&self, app: &Tenant, class: CallClass) -> Result<(), Error> {
        let Some(rate) = app.value.settings.call_rate(class) else { return Ok(()) };
        let taken = self.call_rates.take((app.value.id, class), rate, self.now());
        taken.map_err(|wait| limited(Condition::RateLimited, wait))
    }

    /// Counts messages of the app's back end.
    ///
    /// # Errors
    /// `message_send_quota_reached`, `broadcast_quota_reached`, or `rate_limited` for what comes too soon, each with the
    /// time to wait.
    pub fn admit_posts(&self, app: &Tenant, class: PostClass, count: usize) -> Result<(), Error> {
        let Some(rate) = app.value.settings.post_rate(class) else { return Ok(()) };
        let taken = self.post_rates.take_many((app.value.id, class), rate, count as u64, self.now());
        taken.map_err(|wait| match class {
            PostClass::Users | PostClass::Groups | PostClass::Rooms | PostClass::StreamParts => {
                limited(Condition::MessageSendQuotaReached, wait)
            }
            PostClass::Broadcasts | PostClass::OnlineBroadcasts | PostClass::RoomBroadcasts => {
                limited(Condition::BroadcastQuotaReached, wait)
            }
            PostClass::BroadcastPause
            | PostClass::OnlineBroadcastPause
            | PostClass::RoomBroadcastsOfMinute => limited(Condition::RateLimited, wait),
        })
    }

    /// Counts a registration by somebody without a token.
    ///
    /// # Errors
    /// `registration_rate_limited` with the time to wait.
    pub(crate) fn admit_registration(&self, app: &Tenant, address: IpAddr) -> Result<(), Error> {
        let Some(rate) = app.value.settings.registration_rate() else { return Ok(()) };
        let taken = self.registration_rates.take((app.value.id, address.into()), rate, self.now());
        taken.map_err(|wait| limited(Condition::RegistrationRateLimited, wait))
    }

    /// Counts a message, edit or recall of a client's, for its user and then for the app. What back ends send is counted as
    /// their calls.
    ///
    /// # Errors
    /// `user_rate_limited` or `message_traffic_limited`, with the time to wait.
    pub(crate) fn admit_message(&self, app: &Tenant, sender: &Sender) -> Result<(), Error> {
        if sender.connection.is_none() {
            return Ok(());
        }
        let (id, settings, now) = (app.value.id, &app.value.settings, self.now());
        if let Some(rate) = settings.message_rate() {
            let taken = self.message_rates.take((id, sender.uid), rate, now);
            taken.map_err(|wait| limited(Condition::UserRateLimited, wait))?;
        }
        if let Some(rate) = settings.app_message_rate() {
            let taken = self.app_message_rates.take(id, rate, now);
            taken.map_err(|wait| limited(Condition::MessageTrafficLimited, wait))?;
        }
        Ok(())
    }

    /// Counts a request of a user's page.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub fn admit_page_request(&self, app: &Tenant, user: model::Uid) -> Result<(), Error> {
        let Some(rate) = app.value.settings.page_request_rate() else { return Ok(()) };
        let taken = self.page_request_rates.take((app.value.id, user), rate, self.now());
        taken.map_err(|wait| limited(Condition::RateLimited, wait))
    }

    /// Counts a receipt of a client's.
    ///
    /// # Errors
    /// `user_rate_limited` with the time to wait.
    pub(crate) fn admit_receipt(&self, app: &Tenant, sender: &Sender) -> Result<(), Error> {
        let Some(rate) = app.value.settings.receipt_rate() else { return Ok(()) };
        let taken = self.receipt_rates.take((app.value.id, sender.uid), rate, self.now());
        taken.map_err(|wait| limited(Condition::UserRateLimited, wait))
    }
}

fn limited(condition: Condition, wait: Duration) -> Error {
    let seconds = retry_after_seconds(wait).to_string();
    Error::Refused(Refused {
        retry_after: Some(wait),
        arguments: vec![("retry_after", seconds)],
        ..Refused::plain(condition)
    })
}
