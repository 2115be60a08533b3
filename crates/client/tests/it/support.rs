//! Clients of a server in this process.

use std::time::Duration;

use client::{Client, ErrorTable, Event, Events, Message, PushService, Said};
use house::Site;

/// Far above what anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client with its events.
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) events: Events,
}

impl Device {
    /// Not logged in.
    pub(crate) fn new(site: &Site, name: &str) -> Self {
        let (client, events) = Client::builder(Site::APP, &site.rest_url(), &site.socket_url())
            .device(name)
            .error_table(ErrorTable::Easemob)
            .acknowledge_delivery(true)
            .push_services(&[PushService::Apns])
            .build()
            .unwrap();
        Self { client, events }
    }

    /// One of the demonstration's users, whose password is said by the name.
    pub(crate) async fn log_in(site: &Site, user: &str, name: &str) -> Self {
        let device = Self::new(site, name);
        device.client.log_in(user, &format!("{user}-demo")).await.unwrap();
        device
    }

    /// The next event that `wanted` takes something of; others are skipped.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.next().await.expect("the client lives");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it comes")
    }

    pub(crate) async fn message(&mut self) -> Message {
        self.until(|event| match event {
            Event::Message(message) => Some(*message),
            _ => None,
        })
        .await
    }
}

pub(crate) fn text_of(message: &Message) -> &str {
    match &message.content.said {
        Said::Text(text) => text,
        other => panic!("no text: {other:?}"),
    }
}
