//! Registration, tokens and what a back end may ask of users.

use anyhow::Result;
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
    witness!(LEGACY, NotFound, look_up_of_nobody),
    witness!(PRESENT, ServerBusy, more_logins_at_once_than_wait).on_own_server(),
];

async fn register(app: &App, name: &str) -> Result<Answer> {
    app.call("POST", "/users", "", json!({ "username": name, "password": password(name) })).await
}

async fn registered_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true"]).await?;
    app.users(["alice"]).await?;
    let answer = register(&app, cause.choose("alice", "bob")).await?;
    answer.seen(400, "duplicate_unique_property_exists")
}

async fn registered_where_it_is_closed(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("registration.open=false", "registration.open=true")]).await?;
    register(&app, "alice").await?.seen(401, "registration is not open")
}

async fn one_user_too_many(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true", cause.choose("users.limit=1", "users.limit=2")]).await?;
    register(&app, "alice").await?.json()?;
    register(&app, "bob").await?.seen(429, "resource_limited")
}

async fn wrong_password(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let password = cause.choose("wrong".to_owned(), password("alice"));
    let grant = json!({ "grant_type": "password", "username": "alice", "password": password });
    app.call("POST", "/token", "", grant).await?.seen(400, "invalid password")
}

async fn too_many_calls(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    if cause.is_present() {
        app.set(&["rest.calls_per_second=1"]).await?;
    }
    for _ in 0..3 {
        let answer = app.back_end("GET", "/users/alice", Value::Null).await?;
        if !answer.is_fine() {
            return answer.seen(429, "reach_limit");
        }
    }
    Ok(Outcome::Fine)
}

async fn look_up_of_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let path = format!("/users/{}", cause.choose("nobody", "alice"));
    let answer = app.back_end("GET", &path, Value::Null).await?;
    answer.seen(404, "service_resource_not_found")
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
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        if answer.status == 503 {
            return answer.seen(503, "service_unavailable");
        }
        // Whoever waited his turn hears what is wrong.
        answer.seen(404, "user not found")?;
    }
    Ok(Outcome::Fine)
}
