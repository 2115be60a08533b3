//! Tells a user's device that the back end changed what he has set: it shows it, and would show what was before.

use std::sync::Arc;

use model::{Delivery, Entry, Hint, News, Resource, Seq, SettingNews};

use crate::event_log::UserNews;
use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// Tells a user's device of this name, if it is connected. Nothing is stored: a device asks for settings when it comes.
    ///
    /// # Errors
    /// `user_not_found`; faults.
    pub async fn tell_setting(
        &self,
        app: &Tenant,
        user: &str,
        device: &Resource,
        news: SettingNews,
    ) -> Result<(), Error> {
        let account = self.get_user(app, user).await?;
        let (uid, name) = (account.user.uid, &account.user.name);
        let news =
            UserNews { to: uid, by: (uid, name), device: None, target: name, news: News::Setting(news) };
        let (feed, entry) = self.event_entry(news, self.now()).await?;
        let entry = Entry { target_resource: Some(device.clone()), ..entry };
        let delivery = Delivery::new(app.value.id, feed, Seq::ZERO, entry);
        self.bus.publish(Hint::Delivery(Arc::new(delivery)));
        Ok(())
    }
}
