//! Logins over the connection, several devices, and forced logouts.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::tables::{AGORA, PRESENT, WINDOWS};
use crate::device::{Line, Refused};
use crate::lab::{App, Lab, User, password};
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(PRESENT, UserNotFound, login_of_nobody),
    witness!(WINDOWS, TokenInvalid, token_of_another_app),
    witness!(WINDOWS, TokenExpired, token_past_its_end),
    witness!(WINDOWS, AppDisabled, app_switched_off),
    witness!(WINDOWS, BoundToOtherDevice, second_device_where_the_first_stays),
    witness!(WINDOWS, TooManyDevices, one_device_too_many),
    witness!(WINDOWS, DeviceChanged, another_device_than_last_time),
    witness!(PRESENT, KickedByNewLogin, second_device_where_the_newest_stays),
    witness!(PRESENT, UserRemoved, deleted_while_connected),
    witness!(WINDOWS, KickedByPasswordChange, password_changed_while_connected),
    witness!(WINDOWS, KickedByDevice, device_forced_off),
    witness!(AGORA, ServerSessionMissing, call_before_the_login)
        .one_sided("the SDK asks nothing before it is let in"),
];

/// What a login is told, on the wire and by the SDK.
async fn log_in(app: &App, user: &User, code: i32, words: &str) -> Result<Outcome> {
    seen(app.try_log_in(user).await?, code, words)?.told(app.sdk_log_in(user, "webim_web_sdk").await?)
}

fn seen(login: Result<Line, Refused>, code: i32, words: &str) -> Result<Outcome> {
    login.map_or_else(|refused| refused.seen(code, words), |_| Ok(Outcome::Fine))
}

async fn login_of_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let user = User { name: cause.choose("nobody", "alice").to_owned(), ..alice };
    log_in(&app, &user, 1, "user not found").await
}

async fn token_of_another_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, other) = (lab.app(&[]).await?, lab.app(&[]).await?);
    let ([alice], [stranger]) = (app.users(["alice"]).await?, other.users(["alice"]).await?);
    log_in(&app, &cause.choose(stranger, alice), 1, "token or password does not match").await
}

async fn token_past_its_end(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let ttl = cause.choose(1, 3600);
    let grant = json!({
        "grant_type": "password", "username": "alice", "password": password("alice"), "ttl": ttl,
    });
    let alice = User { name: "alice".to_owned(), token: app.token(&grant).await? };
    sleep(Duration::from_millis(1_100)).await;
    log_in(&app, &alice, 1, "token expired").await
}

async fn app_switched_off(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    app.set(&[cause.choose("app.enabled=false", "app.enabled=true")]).await?;
    log_in(&app, &alice, 12, "not allowed").await
}

/// What a second device is told while the first is there.
async fn second_device(lab: &Lab, settings: &[&str], code: i32, words: &str) -> Result<Outcome> {
    let app = lab.app(settings).await?;
    let [alice, bob] = app.users(["alice", "bob"]).await?;
    let first = app.try_log_in_on(&alice, "webim_web_a").await?;
    let second = app.try_log_in_on(&alice, "webim_web_b").await?;
    drop(first);
    let _first = app.sdk_of_with(&bob, |builder| builder.device("webim_web_a")).await?;
    seen(second, code, words)?.told(app.sdk_log_in(&bob, "webim_web_b").await?)
}

async fn second_device_where_the_first_stays(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let policy = cause.choose("devices.policy=first_wins", "devices.policy=multi");
    second_device(lab, &[policy], 11, "Another device of this user is online").await
}

async fn one_device_too_many(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let room = cause.choose("devices.per_class=1", "devices.per_class=2");
    second_device(lab, &[room, "devices.when_full=refuse"], 13, "as many devices online").await
}

async fn another_device_than_last_time(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["devices.policy=single", "devices.when_full=refuse"]).await?;
    let [alice, bob] = app.users(["alice", "bob"]).await?;
    drop(app.try_log_in_on(&alice, "webim_web_a").await?);
    app.sdk_log_in(&bob, "webim_web_a").await??;
    let device = cause.choose("webim_web_b", "webim_web_a");
    let wire = seen(app.try_log_in_on(&alice, device).await?, 20, "came from another device")?;
    wire.told(app.sdk_log_in(&bob, device).await?)
}

async fn second_device_where_the_newest_stays(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("devices.policy=single", "devices.policy=multi")]).await?;
    let [alice, bob] = app.users(["alice", "bob"]).await?;
    let (mut line, mut sdk) = (app.log_in(&alice).await?, app.sdk_of(&bob).await?);
    let _second = app.try_log_in_on(&alice, "webim_web_b").await?;
    let _other = app.sdk_of(&bob).await?;
    let wire = line.seen_forced_out(2).await?;
    wire.told(sdk.forced_out(cause.is_present()).await?)
}

/// What the connected devices of alice and carol are told of a call about them, or about bob where that is not the cause.
async fn while_connected(lab: &Lab, cause: Cause, call: (&str, &str, Value), number: i32) -> Result<Outcome> {
    let app: App = lab.app(&[]).await?;
    let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await?;
    let (mut line, _bob) = (app.log_in(&alice).await?, app.log_in(&bob).await?);
    let mut sdk = app.sdk_of_with(&carol, |builder| builder.device("webim_web_verify")).await?;
    let (method, path, body) = call;
    let about: &[&str] = cause.choose(&["alice", "carol"], &["bob"]);
    for user in about {
        app.done(method, &path.replace("USER", user), body.clone()).await?;
    }
    line.seen_forced_out(number).await?.told(sdk.forced_out(cause.is_present()).await?)
}

async fn deleted_while_connected(lab: &Lab, cause: Cause) -> Result<Outcome> {
    while_connected(lab, cause, ("DELETE", "/users/USER", Value::Null), 1).await
}

async fn password_changed_while_connected(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let body = json!({ "newpassword": "another" });
    while_connected(lab, cause, ("PUT", "/users/USER/password", body), 3).await
}

async fn device_forced_off(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = "/users/USER/disconnect/webim_web_verify";
    while_connected(lab, cause, ("DELETE", path, Value::Null), 4).await
}

async fn call_before_the_login(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let mut line = match cause {
        Cause::Present => app.connect(&alice, "webim_web_verify").await?,
        Cause::Absent => app.log_in(&alice).await?,
    };
    line.seen_cut().await
}
