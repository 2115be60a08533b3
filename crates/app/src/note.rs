//! Writes down what webhooks tell that stands in no feed.

use domain::hook::Notice;

use crate::{Tenant, UseCases};

impl UseCases {
    /// Notes something for the webhooks that want to hear of it; nothing is written where none does. What it is about
    /// goes on if it can't be written.
    pub(crate) async fn note(&self, app: &Tenant, notice: &Notice) {
        if !app.value.hooks.iter().any(|rule| rule.hears(notice.event())) {
            return;
        }
        if let Err(error) = self.store.hooks.note(app.value.id, &notice.encode()).await {
            tracing::warn!(app = %app.value.key, %error, "webhooks will not hear of something");
        }
    }
}
