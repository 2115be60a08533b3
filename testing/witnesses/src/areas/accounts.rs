//! Registration, tokens and what a back end may ask of users.

use anyhow::Result;
use client::RoomId;
use conditions::Condition;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::tables::{ALL_EASEMOB, LEGACY, PRESENT, WINDOWS};
use crate::lab::{App, Lab, password};
use crate::wire::Answer;
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(ALL_EASEMOB, UserAlreadyExists, registered_twice),
    witness!(PRESENT, RegistrationFailed, registered_where_it_is_closed),
    witness!(WINDOWS, LimitExceeded, one_user_too_many),
    witness!(LEGACY, CredentialsWrong, wrong_password),
    witness!(LEGACY, RateLimited, too_many_calls),
    witness!(LEGACY, NotFound, look_up_of_no_room),
    witness!(PRESENT, ServerBusy, more_logins_at_once_than_wait).on_own_server(),
];

async fn register(app: &App, name: &str) -> Result<Answer> {
    app.call("POST", "/users", "", json!({ "username": name, "password": password(name) })).await
}

/// What an SDK is told that registers a user.
async fn sdk_register(app: &App, name: &str) -> Result<client::Result<()>> {
    let (sdk, _events) = app.sdk()?;
    Ok(sdk.register(name, &password(name)).await)
}

async fn registered_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true"]).await?;
    app.users(["alice"]).await?;
    let wire = register(&app, cause.choose("alice", "bobby")).await?;
    let told = sdk_register(&app, cause.choose("alice", "carol")).await?;
    wire.seen(400, "duplicate_unique_property_exists")?.told(told)
}

async fn registered_where_it_is_closed(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("registration.open=false", "registration.open=true")]).await?;
    let wire = register(&app, "alice").await?.seen(401, "registration is not open")?;
    wire.told(sdk_register(&app, "bobby").await?)
}

async fn one_user_too_many(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true", cause.choose("users.limit=1", "users.limit=3")]).await?;
    register(&app, "alice").await?.json()?;
    let wire = register(&app, "bobby").await?.seen(429, "resource_limited")?;
    wire.told(sdk_register(&app, "carol").await?)
}

async fn wrong_password(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let password = cause.choose("wrong".to_owned(), password("alice"));
    let grant = json!({ "grant_type": "password", "username": "alice", "password": password });
    let (sdk, _events) = app.sdk()?;
    let wire = app.call("POST", "/token", "", grant).await?.seen(400, "invalid password")?;
    wire.told(sdk.log_in("alice", &password).await)
}

async fn too_many_calls(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    if cause.is_present() {
        app.set(&["rest.calls_per_second=1"]).await?;
    }
    let mut wire = Outcome::Fine;
    for _ in 0..3 {
        wire = app.call("GET", "/users/alice", &alice.token, Value::Null).await?.seen(429, "reach_limit")?;
        if !matches!(wire, Outcome::Fine) {
            break;
        }
    }
    let mut told = Ok(());
    for _ in 0..3 {
        told = told.and(sdk.contacts_page(10, None).await.map(drop));
    }
    wire.told(told)
}

async fn look_up_of_no_room(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let room = app.room("alice", Value::Null).await?;
    let room = cause.choose("114000000000999", &*room);
    let wire = app.call("GET", &format!("/chatrooms/{room}"), &alice.token, Value::Null).await?;
    wire.seen(404, "do not find this group")?
        .told(app.sdk_of(&alice).await?.room(&RoomId::parse(room)?).await)
}

async fn more_logins_at_once_than_wait(lab: &Lab, cause: Cause) -> Result<Outcome> {
    // One hash at a time, and each a slow one: what comes meanwhile waits, and then no more may.
    let config = "[passwords]\nparallel = 1\npasses = 8\nmemory = \"64MiB\"\n";
    let server = lab.configured_server(config).await?;
    let app = lab.app_on(&server, &[]).await?;
    // Each for another user, of whom none is there: that costs the same, and none of them is too eager.
    let grant =
        |number| json!({ "grant_type": "password", "username": format!("user{number}"), "password": "x" });
    let logins = (0..cause.choose(700, 1)).map(|number| app.call("POST", "/token", "", grant(number)));
    let mut answers = logins.collect::<FuturesUnordered<_>>();
    let mut seen = (Outcome::Fine, Ok(()));
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        if answer.status == 503 {
            seen = (answer.seen(503, "service_unavailable")?, busy_for_the_sdk(&app).await?);
            break;
        }
        // Whoever waited his turn hears what is wrong.
        answer.seen(404, "user not found")?;
    }
    seen.0.told(seen.1)
}

/// What the SDK is told while no more logins may wait. A place may come free for one of a few that come at once, and not
/// for all.
async fn busy_for_the_sdk(app: &App) -> Result<client::Result<()>> {
    let mut logins = FuturesUnordered::new();
    for number in 0..8 {
        let (sdk, events) = app.sdk()?;
        logins.push(async move {
            let told = sdk.log_in(&format!("late{number}"), "x").await;
            drop(events);
            told.map(drop)
        });
    }
    while let Some(told) = logins.next().await {
        if told.as_ref().is_err_and(|error| error.condition() == Condition::ServerBusy) {
            return Ok(told);
        }
    }
    anyhow::bail!("each login of the SDK waited its turn")
}
