//! Writes down what webhooks tell that stands in no feed.

use domain::hook::{
    EventType, Notice, PlaceChange, PlaceNotice, PushNotice, PushResult, RoomNotice, SessionChange,
    SessionNotice,
};
use domain::push::{Binding, Skip};
use model::{AppId, DeviceClass, Entry, GroupKind, GroupNews, Resource, Uid, Username};
use store::{PushOutcome, PushRecord};

use crate::{By, Error, Tenant, UseCases};

/// A device as its user's webhooks name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotedDevice<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) name: &'a str,
    pub(crate) class: DeviceClass,
}

impl<'a> NotedDevice<'a> {
    pub(crate) fn of(device: &'a domain::device::Device) -> Self {
        Self { resource: &device.resource, name: &device.name, class: device.class }
    }
}

impl UseCases {
    /// Notes something for the webhooks that want to hear of it; nothing is written where none does. What it is about
    /// goes on if it can't be written.
    pub(crate) async fn note(&self, app: &Tenant, notice: &Notice) {
        if !wants(app, notice.event()) {
            return;
        }
        if let Err(error) = self.store.hooks.note(app.value.id, &notice.encode()).await {
            tracing::warn!(app = %app.value.key, %error, "webhooks will not hear of something");
        }
    }

    /// Notes that a device's connection came or went.
    pub(crate) async fn note_session(
        &self,
        app: &Tenant,
        user: &Username,
        device: NotedDevice<'_>,
        change: SessionChange,
    ) {
        if !wants(app, EventType::Session) {
            return;
        }
        let at = self.now();
        // Without a number nothing is told, as when it can't be written.
        let Ok(id) = self.ids.next(at).await else { return };
        let notice = Notice::Session(SessionNotice {
            id: id.0,
            user: user.to_string(),
            resource: device.resource.to_string(),
            name: device.name.to_owned(),
            class: device.class,
            change,
            at,
        });
        self.note(app, &notice).await;
    }

    /// Notes what became of a message on its way to a device. Of who is there nobody is told: no push was due.
    pub(crate) async fn note_push(
        &self,
        app: &Tenant,
        message: &PushRecord,
        user: &Username,
        group: Option<&Username>,
        (binding, outcome): (&Binding, &PushOutcome),
    ) {
        if !wants(app, EventType::Push) {
            return;
        }
        let result = match outcome {
            PushOutcome::Sent => PushResult::Sent,
            PushOutcome::Skipped(Skip::Online) => return,
            PushOutcome::Skipped(skip) => PushResult::Skipped(*skip),
            PushOutcome::Failed(words) => PushResult::Failed(words.clone()),
        };
        let notice = Notice::Push(PushNotice {
            message: message.message,
            sender: message.sender.clone(),
            user: user.to_string(),
            group: group.map(ToString::to_string),
            binding: binding.clone(),
            result,
            at: self.now(),
        });
        self.note(app, &notice).await;
    }

    /// What webhooks hear of something done to a group or room that no client hears of, to be written with it; `None`
    /// where none wants to. `place`: its public id, empty for all of the kind.
    ///
    /// # Errors
    /// Faults.
    pub(crate) async fn place_notice(
        &self,
        app: &Tenant,
        by: &By,
        (kind, place): (GroupKind, String),
        change: PlaceChange,
    ) -> Result<Option<Vec<u8>>, Error> {
        let event = if kind == GroupKind::Room { EventType::Room } else { EventType::Group };
        if !wants(app, event) {
            return Ok(None);
        }
        let at = self.now();
        let id = self.ids.next(at).await?;
        let person = by.person();
        let is_user = person.is_some();
        let actor = person.map_or_else(|| Username::BACK_END.to_owned(), |person| person.name.to_string());
        let notice = PlaceNotice { id: id.0, actor, is_user, kind, place, change, at };
        Ok(Some(Notice::Place(notice).encode()))
    }

    /// Notes who came into a room or left it.
    pub(crate) async fn note_room(&self, app: AppId, entry: &Entry, news: &GroupNews) {
        let Some(app) = self.store.apps.find_by_id(app).filter(|app| wants(app, EventType::Room)) else {
            return;
        };
        let notice = Notice::Room(RoomNotice {
            id: entry.id.0,
            actor: entry.sender_name.to_string(),
            is_user: entry.sender != Uid::BACK_END,
            resource: entry.sender_resource.as_ref().map(ToString::to_string),
            news: news.clone(),
            at: entry.at,
        });
        self.note(&app, &notice).await;
    }
}

fn wants(app: &Tenant, event: EventType) -> bool {
    app.value.hooks.iter().any(|rule| rule.hears(event))
}
