//! Push settings and bindings.

use std::time::Duration;

use anyhow::Result;
use client::PushService;
use serde_json::json;

use super::tables::{PRESENT, WINDOWS};
use crate::lab::{App, Lab, User};
use crate::wire::Answer;
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(WINDOWS, PushConfigFailed, silenced_for_ever),
    witness!(PRESENT, PushBindFailed, token_that_is_too_long),
    witness!(WINDOWS, PushUnbindFailed, unbound_what_was_not_bound),
];

async fn silenced_for_ever(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let time = cause.choose(Duration::MAX, Duration::from_secs(60));
    let silence = json!({ "ignoreDuration": u64::try_from(time.as_millis()).unwrap_or(u64::MAX) });
    let wire = app.call("PUT", "/users/alice/notification/user/alice", &alice.token, silence).await?;
    wire.seen(400, "ignoreDuration")?.told(app.sdk_of(&alice).await?.silence_push(None, time).await)
}

async fn bind(app: &App, user: &User, device: &str, token: &str) -> Result<Answer> {
    let binding = json!({ "device_id": device, "notifier_name": "apns", "device_token": token });
    app.call("PUT", &format!("/users/{}/push/binding", user.name), &user.token, binding).await
}

async fn token_that_is_too_long(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let token = "t".repeat(cause.choose(2_000, 64));
    let wire = bind(&app, &alice, "phone", &token).await?.seen(400, "device_token")?;
    wire.told(app.sdk_of(&alice).await?.bind_push(PushService::Apns, "apns", &token).await)
}

async fn unbound_what_was_not_bound(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    if !cause.is_present() {
        bind(&app, &alice, "phone", "token").await?.json()?;
        sdk.bind_push(PushService::Apns, "apns", "other").await?;
    }
    let wire = bind(&app, &alice, "phone", "").await?.seen(400, "was not removed")?;
    wire.told(sdk.bind_push(PushService::Apns, "apns", "").await)
}
