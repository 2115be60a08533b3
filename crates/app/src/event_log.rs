//! Entries of events, as the use cases about people and conversations make them.

use std::sync::Arc;

use domain::account::User;
use model::{
    Delivery, DeviceNumber, Dialect, Entry, EntryKind, Event, Feed, Hint, HistoryRule, News, Resource, Seq,
    Timestamp, Uid, Username,
};

use crate::{Error, Tenant, UseCases};

/// The device that a call over REST names as its own, so that it is not told what it did itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingDevice {
    pub number: DeviceNumber,
    pub resource: Resource,
}

/// An event for one user.
pub(crate) struct UserNews<'a> {
    pub(crate) to: Uid,
    pub(crate) by: (Uid, &'a Username),
    /// The device that did it, if it is the author's.
    pub(crate) device: Option<&'a ActingDevice>,
    pub(crate) target: &'a Username,
    pub(crate) news: News,
}

impl UseCases {
    /// The device of a name that a caller gave.
    ///
    /// # Errors
    /// Faults.
    pub async fn acting_device(
        &self,
        app: &Tenant,
        user: &User,
        resource: Option<&str>,
    ) -> Result<Option<ActingDevice>, Error> {
        let Some(resource) = resource.and_then(|resource| Resource::parse(resource).ok()) else {
            return Ok(None);
        };
        let stored = self.store.devices.get(app.value.id, user.uid).await?;
        let number = stored.devices.by_resource(&resource).map(|device| device.number);
        Ok(number.map(|number| ActingDevice { number, resource }))
    }

    /// The entry of an event, and the log that it belongs in.
    pub(crate) async fn event_entry(
        &self,
        news: UserNews<'_>,
        at: Timestamp,
    ) -> Result<(Feed, Entry), Error> {
        Ok((Feed::Events(news.to), self.news_entry(news, at).await?))
    }

    /// The entry of an event, whatever the log that it belongs in.
    pub(crate) async fn news_entry(&self, news: UserNews<'_>, at: Timestamp) -> Result<Entry, Error> {
        Ok(Entry {
            id: self.ids.next(at).await?,
            kind: EntryKind::Event,
            dialect: Dialect::Kith,
            at,
            sender: news.by.0,
            sender_device: news.device.map_or(DeviceNumber::NONE, |device| device.number),
            sender_connection: None,
            sender_name: news.by.1.clone(),
            sender_resource: news.device.map(|device| device.resource.clone()),
            target_name: news.target.clone(),
            target_resource: None,
            only_for: Vec::new(),
            subject: None,
            wants_receipts: false,
            readers: None,
            history: HistoryRule::default(),
            environment: None,
            payload: Event::new(news.news).encode(),
        })
    }

    /// Tells the live sessions of entries that were written.
    pub(crate) fn tell_events(&self, app: &Tenant, events: Vec<(Feed, Entry)>, sequences: &[Seq]) {
        for ((feed, entry), seq) in events.into_iter().zip(sequences) {
            let delivery = Delivery::new(app.value.id, feed, *seq, entry);
            self.bus.publish(Hint::Delivery(Arc::new(delivery)));
        }
    }
}
