//! Rows whose number is about the call rather than about the cause: what the SDK says of one condition where a table has a
//! word of its own for it, and what a table says that has no closer one.

use std::time::Duration;

use anyhow::{Context, Result};
use client::{Client, Conversation, Event, GroupId, NewMessage, PushService, username};
use conditions::{Operation, Table};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::sdk::used_without_a_client;
use super::tables::{LEGACY, PRESENT, WINDOWS};
use crate::lab::{Lab, password};
use crate::listener;
use crate::page::md5;
use crate::witness::{Cause, Outcome, Witness, witness};

const AGORA: &[Table] = &[Table::AgoraIos];
const ANDROID: &[Table] = &[Table::JmessageAndroid];
const IOS: &[Table] = &[Table::JmessageIos];
const JMESSAGE: &[Table] = &[Table::JmessageAndroid, Table::JmessageIos];

/// What only a back end or an administrator asks.
const BACK_END: &str = "the SDK has no such call";

pub(super) const WITNESSES: &[Witness] = &[
    witness!(PRESENT, GeneralFailure, used_without_a_client),
    witness!(AGORA, NotFound, detail_of_no_group),
    witness!(LEGACY, GroupFetchFailed, detail_of_no_group),
    witness!(PRESENT, AuthenticationFailed, logged_in_with_a_wrong_password),
    witness!(PRESENT, UserArgumentInvalid, registered_under_an_illegal_name)
        .one_sided("the SDK refuses such a name itself"),
    witness!(LEGACY, PermissionFailure, users_token_on_a_call_of_the_back_end).one_sided(BACK_END),
    witness!(LEGACY, FeatureNotImplemented, reaction_where_there_are_none),
    witness!(LEGACY, PushRegistrationFailed, token_of_an_impossible_length),
    witness!(WINDOWS, PushUnsupported, service_that_the_build_lacks),
    witness!(WINDOWS, TokenWillExpire, half_of_the_tokens_life),
    witness!(WINDOWS, ServerConfigFailed, server_list_that_does_not_come),
    witness!(IOS, SenderNotInGroup, said_in_a_group_of_others),
    witness!(IOS, MessageNotSendable, sent_what_is_being_sent),
    witness!(IOS, UnknownError, answer_that_nobody_knows),
    witness!(IOS, RequestUnauthorized, renewed_with_a_forged_token),
    witness!(IOS, UserNameCheckFailed, name_that_the_server_refuses)
        .one_sided("the SDK refuses such a name itself"),
    witness!(IOS, PasswordCheckFailed, password_that_the_server_refuses).one_sided(BACK_END),
    witness!(JMESSAGE, ArgumentInvalid, page_of_nothing),
    witness!(ANDROID, ArgumentInvalid, Request, page_after_an_impossible_one),
    witness!(ANDROID, MemberNotFound, invited_nobody_who_is_there),
];

async fn detail_of_no_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let group = app.group("alice", &[], Value::Null).await?;
    let group = cause.choose("114000000000999", &*group);
    let answer = app.call("GET", &format!("/chatgroups/{group}"), &alice.token, Value::Null).await?;
    let wire = answer.seen_of(Some(Operation::GroupGet), 404, "does not exist")?;
    let sdk = app.sdk_of(&alice).await?;
    wire.told(sdk.group(&GroupId::parse(group)?).await)
}

async fn logged_in_with_a_wrong_password(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let secret = cause.choose("wrong".to_owned(), password("alice"));
    let grant = json!({ "grant_type": "password", "username": "alice", "password": secret });
    let wire = app.call("POST", "/token", "", grant).await?.seen(400, "invalid password")?;
    let (sdk, _events) = app.sdk()?;
    wire.told(sdk.log_in("alice", &secret).await)
}

async fn registered_under_an_illegal_name(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true"]).await?;
    let user = json!({ "username": cause.choose("no name", "alice"), "password": "secret" });
    let answer = app.call("POST", "/users", "", user).await?;
    answer.seen_of(Some(Operation::UserRegister), 400, "is not legal")
}

async fn users_token_on_a_call_of_the_back_end(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, _] = app.users(["alice", "bobby"]).await?;
    let message = json!({ "to": ["bobby"], "type": "txt", "body": { "msg": "hi" } });
    let token = cause.choose(&alice.token, &app.token);
    app.call("POST", "/messages/users", token, message).await?.seen(401, "auth_bad_access_token")
}

async fn reaction_where_there_are_none(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("reactions.enabled=false", "reactions.enabled=true")]).await?;
    let [alice, _] = app.users(["alice", "bobby"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    let sent = sdk.say("bobby", "hi").await??;
    Ok(Outcome::of(sdk.react(sent.id, "like").await))
}

async fn token_of_an_impossible_length(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let token = "a".repeat(cause.choose(1_025, 64));
    let binding = json!({ "device_id": "phone", "notifier_name": "certificate", "device_token": token });
    let answer = app.call("PUT", "/users/alice/push/binding", &alice.token, binding).await?;
    let wire = answer.seen_of(Some(Operation::PushBinding), 400, "device_token")?;
    let sdk = app.sdk_of_with(&alice, |builder| builder.push_services(&[PushService::Apns])).await?;
    wire.told(sdk.bind_push(PushService::Apns, "certificate", &token).await)
}

async fn service_that_the_build_lacks(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let has = cause.choose(PushService::Apns, PushService::Fcm);
    let sdk = app.sdk_of_with(&alice, |builder| builder.push_services(&[has])).await?;
    Ok(Outcome::of(sdk.bind_push(PushService::Fcm, "certificate", "token").await))
}

async fn half_of_the_tokens_life(lab: &Lab, cause: Cause) -> Result<Outcome> {
    const LIFE_SECONDS: u64 = 6;
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let ttl = cause.choose(LIFE_SECONDS, 3_600);
    let grant = json!({
        "grant_type": "password", "username": "alice", "password": password("alice"), "ttl": ttl,
    });
    let token = app.token(&grant).await?;
    let (sdk, mut events) = app.sdk()?;
    sdk.log_in_with_token("alice", &token).await?;
    let told = async {
        while let Some(event) = events.next().await {
            match event {
                Event::TokenWillExpire { error, .. } => return Ok(error),
                Event::LoggedOut { error } => return Err(error).context("it ended first"),
                _ => {}
            }
        }
        anyhow::bail!("the client ended without a word")
    };
    match timeout(Duration::from_secs(LIFE_SECONDS), told).await {
        Ok(error) => Ok(Outcome::Failed(error?)),
        Err(_) => Ok(Outcome::Fine),
    }
}

async fn server_list_that_does_not_come(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let nothing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let elsewhere = format!("http://{}", listener::says_always(Some(nothing)).await?);
    let server = cause.choose(elsewhere, app.server.clone());
    let builder = match Client::builder(&app.key, &server, "").discover().await {
        Ok(builder) => builder,
        Err(error) => return Ok(Outcome::Failed(error)),
    };
    let (sdk, _events) = builder.build()?;
    Ok(Outcome::of(sdk.log_in("alice", &password("alice")).await))
}

async fn said_in_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, _] = app.users(["alice", "bobby"]).await?;
    let group = app.group(cause.choose("bobby", "alice"), &[], Value::Null).await?;
    let mut line = app.log_in(&alice).await?;
    let wire = line.say_in_group(&group, "hi").await?.seen(1, "not in group or chatroom")?;
    wire.told(app.sdk_of(&alice).await?.say_in_group(&group, "hi").await?)
}

async fn sent_what_is_being_sent(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, _] = app.users(["alice", "bobby"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    let first = NewMessage::text(Conversation::user("bobby")?, "hi");
    let other = NewMessage::text(Conversation::user("bobby")?, "hi");
    let second = cause.choose(first.clone(), other);
    let (first, second) = tokio::join!(sdk.send(first), sdk.send(second));
    first.context("the first of both")?;
    Ok(Outcome::of(second))
}

async fn answer_that_nobody_knows(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    // A status of the future, with a code of the future.
    let answer = "HTTP/1.1 477 Of The Future\r\ncontent-length: 27\r\n\r\n{\"error\":{\"code\":89999999}}";
    let elsewhere = format!("http://{}", listener::says_always(Some(answer)).await?);
    let (sdk, _events) = app.at(cause.choose(elsewhere, app.server.clone())).sdk()?;
    Ok(Outcome::of(sdk.log_in("alice", &password("alice")).await))
}

async fn renewed_with_a_forged_token(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    // Another letter in the midst of it.
    let mut token = alice.token.clone();
    if cause.is_present() {
        let middle = token.len() / 2;
        let letter = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
        token.replace_range(middle..=middle, letter);
    }
    let answer = app.call("GET", "/sdk/users/alice/token/expires", &token, Value::Null).await?;
    answer.seen(401, "auth_bad_access_token")?.told(sdk.renew_token(&token).await)
}

async fn name_that_the_server_refuses(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true"]).await?;
    let user = json!({ "username": cause.choose("no name", "alice"), "password": md5("secret") });
    let mut page = app.page().await?;
    page.ask("register", user).await?.seen(Some(Operation::UserRegister), 882_003)
}

async fn password_that_the_server_refuses(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let admin = json!({ "username": "chief", "password": cause.choose("abc", "secret") });
    let answer = app.jmessage("POST", "/v1/admins", admin).await?;
    answer.seen_of(Some(Operation::UserRegister), 400, "899003")
}

async fn page_of_nothing(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    Ok(Outcome::of(sdk.contacts_page(cause.choose(0, 10), None).await))
}

async fn page_after_an_impossible_one(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let cursor = cause.choose("bm90aGluZw", "");
    let path = format!("/users/alice/contacts?limit=10&cursor={cursor}");
    let answer = app.call("GET", &path, &alice.token, Value::Null).await?;
    let wire = answer.seen_of(Some(Operation::Request), 400, "cursor")?;
    let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
    wire.told(app.sdk_of(&alice).await?.contacts_page(10, cursor).await)
}

async fn invited_nobody_who_is_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, ..] = app.users(["alice", "bobby", "carol"]).await?;
    let group = app.group("alice", &[], Value::Null).await?;
    // The one who is there is in after the first invitation.
    let invited = |name| json!({ "usernames": [name] });
    let path = format!("/chatgroups/{group}/invite");
    let body = invited(cause.choose("nobody", "bobby"));
    let wire = app.call("POST", &path, &alice.token, body).await?;
    let wire = wire.seen_of(Some(Operation::GroupInvite), 404, "nobody")?;
    let whom = username(cause.choose("nobody", "carol"))?;
    wire.told(app.sdk_of(&alice).await?.invite_to_group(&GroupId::parse(&group)?, &[whom]).await)
}
