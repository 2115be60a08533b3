//! Messages between two: who may send, and how much.

use anyhow::Result;
use serde_json::{Value, json};

use super::tables::{PRESENT, WINDOWS};
use crate::lab::{App, Lab, User};
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(WINDOWS, UserBanned, banned_user_logs_in),
    witness!(WINDOWS, MutedGlobally, muted_user_writes),
    witness!(WINDOWS, NotFriends, stranger_writes),
    witness!(WINDOWS, UserRateLimited, writes_too_fast),
    witness!(WINDOWS, MessageTrafficLimited, app_writes_too_fast),
    witness!(WINDOWS, ServiceNotEnabled, reaction_where_they_are_off),
    witness!(PRESENT, MessageContentRejected, word_that_the_app_forbids),
];

async fn people(lab: &Lab, settings: &[&str]) -> Result<(App, [User; 3])> {
    let app = lab.app(settings).await?;
    let users = app.users(["alice", "bob", "carol"]).await?;
    Ok((app, users))
}

async fn banned_user_logs_in(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &[]).await?;
    let path = format!("/users/{}/deactivate", cause.choose("alice", "carol"));
    app.done("POST", &path, Value::Null).await?;
    match app.try_log_in(&alice).await? {
        Ok(mut alice) => alice.say("bob", "hi").await?.seen(1, "blocked"),
        Err(refusal) => refusal.seen(2, "user not activated"),
    }
}

async fn muted_user_writes(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &[]).await?;
    app.done("POST", "/mutes", json!({ "username": "alice", cause.choose("chat", "groupchat"): 60 })).await?;
    app.log_in(&alice).await?.say("bob", "hi").await?.seen(7, "user is mute")
}

async fn stranger_writes(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &["message.contacts_only=true"]).await?;
    if !cause.is_present() {
        app.done("POST", "/users/alice/contacts/users/bob", Value::Null).await?;
    }
    app.log_in(&alice).await?.say("bob", "hi").await?.seen(1, "nonroster")
}

async fn writes_too_fast(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) =
        people(lab, &[cause.choose("message.per_second=1", "message.per_second=100")]).await?;
    let mut alice = app.log_in(&alice).await?;
    alice.say_fast("bob", 3).await?.seen(7, "traffic limit")
}

async fn app_writes_too_fast(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) =
        people(lab, &[cause.choose("message.app_per_second=1", "message.app_per_second=100")]).await?;
    let mut alice = app.log_in(&alice).await?;
    alice.say_fast("bob", 3).await?.seen(7, "traffic limit")
}

async fn reaction_where_they_are_off(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) =
        people(lab, &[cause.choose("reactions.enabled=false", "reactions.enabled=true")]).await?;
    let id = app.log_in(&alice).await?.say("bob", "hi").await?.id()?;
    let body = json!({ "msgId": id.to_string(), "message": "like" });
    app.call("POST", "/reaction/user/bob", &bob.token, body).await?.seen(400, "is not open reaction service")
}

async fn word_that_the_app_forbids(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &[]).await?;
    let list = json!({ "name": "rude", "scope": "ALL", "disposition": "REJECT", "textContexts": ["casino"] });
    app.done("POST", "/moderation/text/list", list).await?;
    let text = cause.choose("the casino", "hi");
    app.log_in(&alice).await?.say("bob", text).await?.seen(7, "sensitive words")
}
