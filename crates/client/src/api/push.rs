//! When the user is woken: push settings, and the token of the device's push service (msync.md 3.2).

use std::time::Duration;

use conditions::{Condition, Operation};
use model::Timestamp;
use serde_json::{Value, json};

use super::{call, number, part};
use crate::core::Method;
use crate::{Client, Conversation, Error, Result};

/// Who wakes devices. Which of them there are is the platform's and the build's to say:
/// [`crate::Builder::push_services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PushService {
    Apns,
    Fcm,
    Honor,
    Huawei,
    Meizu,
    Oppo,
    Vivo,
    Xiaomi,
}

/// Which messages wake the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushLevel {
    All,
    /// Those that name the user.
    Mentions,
    None,
}

impl PushLevel {
    fn word(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Mentions => "AT",
            Self::None => "NONE",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::All, Self::Mentions, Self::None].into_iter().find(|level| level.word() == word)
    }
}

/// What is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// `None`: as for everything else.
    pub level: Option<PushLevel>,
    /// Nothing wakes the user until then.
    pub silent_until: Option<Timestamp>,
    /// Nor each day in this time, such as `22:00-07:00`; empty: always.
    pub silent_hours: String,
}

impl Client {
    /// Sets which messages wake the user: of a conversation, or of all of them.
    ///
    /// # Errors
    /// [`Condition::PushOptionInvalid`] for a room, and what the server has against it.
    pub async fn set_push_level(&self, of: Option<&Conversation>, level: PushLevel) -> Result<()> {
        self.set_push(of, json!({ "type": level.word() })).await
    }

    /// Lets nothing wake the user for so long.
    ///
    /// # Errors
    /// As [`Client::set_push_level`].
    pub async fn silence_push(&self, of: Option<&Conversation>, time: Duration) -> Result<()> {
        let duration = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.set_push(of, json!({ "ignoreDuration": duration })).await
    }

    /// Lets nothing wake the user each day in this time, such as `22:00-07:00`.
    ///
    /// # Errors
    /// [`Condition::PushOptionInvalid`] for a text that is no such time, and what the server has against it.
    pub async fn set_silent_hours(&self, hours: &str) -> Result<()> {
        let is_time = |time: &str| {
            let parts =
                time.split_once(':').and_then(|(h, m)| Some((h.parse::<u8>().ok()?, m.parse::<u8>().ok()?)));
            parts.is_some_and(|(hour, minute)| hour <= 24 && minute < 60)
        };
        if !hours.split_once('-').is_some_and(|(from, to)| is_time(from) && is_time(to)) {
            return self.told(Err(invalid(hours)));
        }
        self.set_push(None, json!({ "ignoreInterval": hours })).await
    }

    /// What is set: for a conversation, or for all of them.
    ///
    /// # Errors
    /// As [`Client::set_push_level`].
    pub async fn push_options(&self, of: Option<&Conversation>) -> Result<PushOptions> {
        let path = self.told(push_path(of))?;
        let answer = self.call(call(Operation::PushSetting, Method::Get, path)).await?;
        let data = &answer["data"];
        Ok(PushOptions {
            level: data["type"].as_str().and_then(PushLevel::parse),
            silent_until: number(&data["ignoreDuration"]).filter(|until| *until > 0).map(Timestamp),
            silent_hours: data["ignoreInterval"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Binds the token that the device's push service gave, under the name of the app's certificate; an empty token
    /// unbinds it.
    ///
    /// # Errors
    /// [`Condition::PushUnsupported`] for a service that is not among [`crate::Builder::push_services`];
    /// [`Condition::PushBindFailed`] and its cases.
    pub async fn bind_push(&self, service: PushService, certificate: &str, token: &str) -> Result<()> {
        if !self.push_services().contains(&service) {
            let error = Error::new(Condition::PushUnsupported).with_operation(Operation::PushBinding);
            return self.told(Err(error.with_detail(format!("this build has no {service:?}"))));
        }
        let body = json!({ "device_id": self.device().as_str(), "device_token": token, "notifier_name": certificate });
        self.call(call(Operation::PushBinding, Method::Put, "/users/{me}").with(body)).await.map(drop)
    }

    async fn set_push(&self, of: Option<&Conversation>, body: Value) -> Result<()> {
        let path = format!("{}?resource={{device}}", self.told(push_path(of))?);
        self.call(call(Operation::PushSetting, Method::Put, path).with(body)).await.map(drop)
    }
}

fn push_path(of: Option<&Conversation>) -> Result<String> {
    Ok(match of {
        None => "/users/{me}/notification/user/{me}".to_owned(),
        Some(Conversation::User(peer)) => format!("/users/{{me}}/notification/user/{peer}"),
        Some(Conversation::Group(group)) => {
            format!("/users/{{me}}/notification/chatgroup/{}", part(group.as_str()))
        }
        // Rooms wake nobody.
        Some(Conversation::Room(room)) => return Err(invalid(room.as_str())),
    })
}

fn invalid(detail: &str) -> Error {
    Error::new(Condition::PushOptionInvalid)
        .with_operation(Operation::PushSetting)
        .with_detail(crate::ids::shortened(detail))
}
