//! Push settings and bindings.

use anyhow::Result;
use serde_json::json;

use super::tables::{PRESENT, WINDOWS};
use crate::lab::{App, Lab, User};
use crate::wire::Answer;
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(WINDOWS, PushConfigFailed, style_that_there_is_not),
    witness!(PRESENT, PushBindFailed, binding_without_a_device),
    witness!(WINDOWS, PushUnbindFailed, unbound_what_was_not_bound),
];

async fn style_that_there_is_not(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let style = json!({ "notification_display_style": cause.choose(2, 1) });
    app.call("PUT", "/users/alice", &alice.token, style).await?.seen(400, "notification_display_style")
}

async fn bind(app: &App, user: &User, device: &str, token: &str) -> Result<Answer> {
    let binding = json!({ "device_id": device, "notifier_name": "apns", "device_token": token });
    app.call("PUT", &format!("/users/{}/push/binding", user.name), &user.token, binding).await
}

async fn binding_without_a_device(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    bind(&app, &alice, cause.choose("", "phone"), "token").await?.seen(400, "device_id")
}

async fn unbound_what_was_not_bound(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    if !cause.is_present() {
        bind(&app, &alice, "phone", "token").await?.json()?;
    }
    bind(&app, &alice, "phone", "").await?.seen(400, "was not removed")
}
