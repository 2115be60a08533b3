//! Logins over the connection, several devices, and forced logouts.

use std::time::Duration;

use anyhow::Result;
use conditions::Condition;
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
    witness!(AGORA, ServerSessionMissing, call_before_the_login),
];

fn seen(login: Result<Line, Refused>, code: i32, words: &str) -> Result<Outcome> {
    login.map_or_else(|refused| refused.seen(code, words), |_| Ok(Outcome::Fine))
}

async fn login_of_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let user = User { name: cause.choose("nobody", "alice").to_owned(), ..alice };
    seen(app.try_log_in(&user).await?, 1, "user not found")
}

async fn token_of_another_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, other) = (lab.app(&[]).await?, lab.app(&[]).await?);
    let ([alice], [stranger]) = (app.users(["alice"]).await?, other.users(["alice"]).await?);
    let user = cause.choose(stranger, alice);
    seen(app.try_log_in(&user).await?, 1, "token or password does not match")
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
    seen(app.try_log_in(&alice).await?, 1, "token expired")
}

async fn app_switched_off(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    app.set(&[cause.choose("app.enabled=false", "app.enabled=true")]).await?;
    seen(app.try_log_in(&alice).await?, 12, "not allowed")
}

/// What a second device is told while the first is there.
async fn second_device(lab: &Lab, settings: &[&str], code: i32, words: &str) -> Result<Outcome> {
    let app = lab.app(settings).await?;
    let [alice] = app.users(["alice"]).await?;
    let first = app.try_log_in_on(&alice, "webim_web_a").await?;
    let second = app.try_log_in_on(&alice, "webim_web_b").await?;
    drop(first);
    seen(second, code, words)
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
    let [alice] = app.users(["alice"]).await?;
    drop(app.try_log_in_on(&alice, "webim_web_a").await?);
    let device = cause.choose("webim_web_b", "webim_web_a");
    seen(app.try_log_in_on(&alice, device).await?, 20, "came from another device")
}

async fn second_device_where_the_newest_stays(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("devices.policy=single", "devices.policy=multi")]).await?;
    let [alice] = app.users(["alice"]).await?;
    let mut first = app.log_in(&alice).await?;
    let _second = app.try_log_in_on(&alice, "webim_web_b").await?;
    first.seen_forced_out(2, Condition::KickedByNewLogin).await
}

/// What alice's connected device is told of a call about her, or about bob where that is not the cause.
async fn while_connected(
    lab: &Lab,
    cause: Cause,
    call: (&str, &str, Value),
    (number, condition): (i32, Condition),
) -> Result<Outcome> {
    let app: App = lab.app(&[]).await?;
    let [alice, bob] = app.users(["alice", "bob"]).await?;
    let (mut alice, _bob) = (app.log_in(&alice).await?, app.log_in(&bob).await?);
    let (method, path, body) = call;
    app.done(method, &path.replace("USER", cause.choose("alice", "bob")), body).await?;
    alice.seen_forced_out(number, condition).await
}

async fn deleted_while_connected(lab: &Lab, cause: Cause) -> Result<Outcome> {
    while_connected(lab, cause, ("DELETE", "/users/USER", Value::Null), (1, Condition::UserRemoved)).await
}

async fn password_changed_while_connected(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let body = json!({ "newpassword": "another" });
    while_connected(lab, cause, ("PUT", "/users/USER/password", body), (3, Condition::KickedByPasswordChange))
        .await
}

async fn device_forced_off(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let path = "/users/USER/disconnect/webim_web_verify";
    while_connected(lab, cause, ("DELETE", path, Value::Null), (4, Condition::KickedByDevice)).await
}

async fn call_before_the_login(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let mut line = match cause {
        Cause::Present => app.connect(&alice, "webim_web_verify").await?,
        Cause::Absent => app.log_in(&alice).await?,
    };
    line.seen_cut(Condition::ServerSessionMissing).await
}
