//! Messages between two: who may send, and how much.

use std::time::Duration;

use anyhow::Result;
use client::{Conversation, Event, MessageId};
use easemob_wire::pb;
use easemob_wire::pb::message_body::{Content, MessageConfig, Type};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::tables::{PRESENT, WINDOWS};
use crate::lab::{App, Lab, User};
use crate::listener;
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(WINDOWS, UserBanned, banned_user_logs_in),
    witness!(WINDOWS, MutedGlobally, muted_user_writes),
    witness!(WINDOWS, NotFriends, stranger_writes),
    witness!(WINDOWS, UserRateLimited, writes_too_fast),
    witness!(WINDOWS, MessageTrafficLimited, app_writes_too_fast)
        .needs_names("one user's limit is told by the same code and text"),
    witness!(WINDOWS, ServiceNotEnabled, reaction_where_they_are_off),
    witness!(PRESENT, MessageContentRejected, word_that_the_app_forbids),
    witness!(PRESENT, MessageInvalid, message_without_a_body),
    witness!(WINDOWS, RecallWindowPassed, recalled_too_late),
    witness!(WINDOWS, MessageExpired, acknowledged_too_late),
    witness!(WINDOWS, BlockedByWebhook, message_that_the_apps_server_refuses),
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
    let wire = match app.try_log_in(&alice).await? {
        Ok(mut alice) => alice.say("bob", "hi").await?.seen(1, "blocked")?,
        Err(refusal) => refusal.seen(2, "user not activated")?,
    };
    wire.told(app.sdk_log_in(&alice, "phone").await?)
}

/// What alice is told who says something to bob, on the wire and by the SDK.
async fn said(app: &App, alice: &User, text: &str, code: i32, words: &str) -> Result<Outcome> {
    let wire = app.log_in(alice).await?.say("bob", text).await?.seen(code, words)?;
    wire.told(app.sdk_of(alice).await?.say("bob", text).await?)
}

async fn muted_user_writes(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &[]).await?;
    app.done("POST", "/mutes", json!({ "username": "alice", cause.choose("chat", "groupchat"): 60 })).await?;
    said(&app, &alice, "hi", 7, "user is mute").await
}

async fn stranger_writes(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &["message.contacts_only=true"]).await?;
    if !cause.is_present() {
        app.done("POST", "/users/alice/contacts/users/bob", Value::Null).await?;
    }
    said(&app, &alice, "hi", 1, "nonroster").await
}

/// What is said to whoever writes three times at once: on the wire alice, by the SDK carol.
async fn said_fast(lab: &Lab, setting: &str) -> Result<Outcome> {
    let (app, [alice, _, carol]) = people(lab, &[setting]).await?;
    let sdk = app.sdk_of(&carol).await?;
    let mut alice = app.log_in(&alice).await?;
    let wire = alice.say_fast("bob", 3).await?.seen(7, "traffic limit")?;
    let said = tokio::try_join!(sdk.say("bob", "1"), sdk.say("bob", "2"), sdk.say("bob", "3"))?;
    wire.told(said.0.and(said.1).and(said.2))
}

async fn writes_too_fast(lab: &Lab, cause: Cause) -> Result<Outcome> {
    said_fast(lab, cause.choose("message.per_second=1", "message.per_second=100")).await
}

async fn app_writes_too_fast(lab: &Lab, cause: Cause) -> Result<Outcome> {
    said_fast(lab, cause.choose("message.app_per_second=1", "message.app_per_second=100")).await
}

async fn reaction_where_they_are_off(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) =
        people(lab, &[cause.choose("reactions.enabled=false", "reactions.enabled=true")]).await?;
    let id = app.log_in(&alice).await?.say("bob", "hi").await?.id()?;
    let body = json!({ "msgId": id.to_string(), "message": "like" });
    let wire = app.call("POST", "/reaction/user/bob", &bob.token, body).await?;
    let wire = wire.seen(400, "is not open reaction service")?;
    wire.told(app.sdk_of(&bob).await?.react(MessageId(id), "fun").await)
}

async fn word_that_the_app_forbids(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &[]).await?;
    let list = json!({ "name": "rude", "scope": "ALL", "disposition": "REJECT", "textContexts": ["casino"] });
    app.done("POST", "/moderation/text/list", list).await?;
    let text = cause.choose("the casino", "hi");
    said(&app, &alice, text, 7, "sensitive words").await
}

fn text_body(text: &str) -> pb::MessageBody {
    let content = Content { r#type: Some(0), text: Some(text.to_owned()), ..Content::default() };
    pb::MessageBody { r#type: Some(Type::Chat.into()), contents: vec![content], ..Default::default() }
}

async fn message_without_a_body(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &[]).await?;
    let mut body = text_body("hi");
    if cause.is_present() {
        body.contents.clear();
    }
    let wire = app.log_in(&alice).await?.say_body("bob", &body).await?;
    let sdk = app.sdk_of(&alice).await?;
    wire.seen(4, "cannot be sent as it is")?.told(sdk.say("bob", cause.choose("", "hi")).await?)
}

async fn recalled_too_late(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let window = cause.choose("recall.window_seconds=1", "recall.window_seconds=60");
    let (app, [alice, ..]) = people(lab, &[window]).await?;
    let (sdk, mut alice) = (app.sdk_of(&alice).await?, app.log_in(&alice).await?);
    let message = alice.say("bob", "hi").await?.id()?;
    let other = sdk.say("bob", "hi").await??.id;
    sleep(Duration::from_millis(1_200)).await;
    let wire = alice.recall("bob", message).await?.seen(1, "exceed recall time limit")?;
    wire.told(sdk.recall(other, Conversation::user("bob")?).await)
}

async fn acknowledged_too_late(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let time = cause.choose("group.receipt_seconds=1", "group.receipt_seconds=60");
    let (app, [alice, bob, _]) = people(lab, &[time]).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    let mut reader = app.sdk_of(&bob).await?;
    let (mut alice, mut bob) = (app.log_in(&alice).await?, app.log_in(&bob).await?);
    let config = Some(MessageConfig { allow_group_ack: Some(true) });
    let kind = Some(Type::Groupchat.into());
    let asks = pb::MessageBody { r#type: kind, msg_config: config, ..text_body("read this") };
    let message = alice.say_body_in_group(&group, &asks).await?.id()?;
    let heard = reader.hears(|event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    });
    let heard = heard.await?;
    sleep(Duration::from_millis(2_200)).await;
    let read = pb::MessageBody {
        r#type: Some(Type::ReadAck.into()),
        contents: vec![Content::default()],
        ack_message_id: Some(message),
        msg_config: config,
        ..Default::default()
    };
    let told = reader.read(&heard).await;
    bob.say_body_in_group(&group, &read).await?.seen(1, "the message has expired")?.told(told)
}

async fn message_that_the_apps_server_refuses(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab, &["webhook.private_targets=true"]).await?;
    let answer = cause.choose(r#"{"valid":false,"code":"no ads"}"#, r#"{"valid":true}"#);
    let address = listener::answers_always(answer).await?;
    let rule = json!({
        "name": "censor", "url": format!("http://{address}/"), "pre_send": { "report": true },
    });
    app.webhook(&rule).await?;
    said(&app, &alice, "hi", 19, "no ads").await
}
