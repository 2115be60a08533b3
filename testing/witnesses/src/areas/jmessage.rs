//! What JMessage's clients and back ends are answered over HTTP.
//!
//! The document's 898 numbers are those of the service for devices. Where that has no such call, its REST twin says 899 with
//! the same ending and for the same cause (jmessage.md 3), and that is what stands on the wire.

use anyhow::Result;
use client::{Build, Client, ErrorTable, GroupId};
use conditions::{Operation, Table};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::lab::{Lab, password};
use crate::witness::{Cause, Outcome, Witness, witness};

const SERVER: &[Table] = &[Table::JmessageServer];

/// Of what the SDK has no call for.
const BACK_END: &str = "an app's back end makes these calls, and no SDK has them";
const NEVER_SAID: &str = "the SDK never asks like that";

pub(super) const WITNESSES: &[Witness] = &[
    witness!(SERVER, UserAlreadyExists, registered_twice),
    witness!(SERVER, UserNotFound, unknown_user).one_sided(BACK_END),
    witness!(SERVER, ArgumentInvalid, body_that_breaks_the_rules).one_sided(NEVER_SAID),
    witness!(SERVER, GroupNotFound, unknown_group),
    witness!(SERVER, CredentialsMissing, no_credentials).one_sided(NEVER_SAID),
    witness!(SERVER, CredentialsWrong, wrong_token).one_sided(NEVER_SAID),
    witness!(SERVER, AppNotFound, unknown_app).needs_names(super::stores::ONE_NUMBER),
    witness!(SERVER, ServerBusy, more_registrations_at_once_than_wait).one_sided(BACK_END).on_own_server(),
];

fn registration(names: &[&str]) -> Value {
    let user = |name: &&str| json!({ "username": name, "password": password(name) });
    names.iter().map(user).collect()
}

async fn registered_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["registration.open=true"]).await?;
    app.jmessage("POST", "/v1/users", registration(&["alice"])).await?.json()?;
    // Of a list each user has an answer of his own; an admin is registered alone.
    let admin = json!({ "username": cause.choose("alice", "bobby"), "password": "secret" });
    let wire = app.jmessage("POST", "/v1/admins", admin).await?.seen(403, "899001")?;
    let (sdk, _events) = app.sdk()?;
    wire.told(sdk.register(cause.choose("alice", "carol"), "secret").await)
}

async fn unknown_user(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.jmessage("POST", "/v1/users", registration(&["alice"])).await?.json()?;
    let path = format!("/v1/users/{}", cause.choose("nobody", "alice"));
    app.jmessage("GET", &path, Value::Null).await?.seen(403, "899002")
}

async fn body_that_breaks_the_rules(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let build = json!({ "appkey": app.jmessage_key, "platform": cause.choose("amiga", "ios") });
    app.as_device("/v1/devices/build", None, &build).await?.seen(400, "898003")
}

async fn unknown_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.jmessage("POST", "/v1/users", registration(&["alice"])).await?.json()?;
    let group = json!({ "owner_username": "alice", "name": "Friends", "members_username": [] });
    let made = app.jmessage("POST", "/v1/groups/", group).await?.json()?;
    let gid = cause.choose(json!(114_000_000_000_999_u64), made["gid"].clone());
    let wire = app.jmessage("GET", &format!("/v1/groups/{gid}"), Value::Null).await?.seen(403, "899006")?;
    let (sdk, _events) = app.sdk()?;
    sdk.log_in("alice", &password("alice")).await?;
    wire.told(sdk.group(&GroupId::parse(&gid.to_string())?).await)
}

async fn no_credentials(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let token = if cause.is_present() { None } else { Some(&*alice.token) };
    app.as_device("/v1/devices/uptoken", token, &Value::Null).await?.seen(401, "898007")
}

async fn wrong_token(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice] = app.users(["alice"]).await?;
    let token = cause.choose("nonsense", &*alice.token);
    app.as_device("/v1/devices/uptoken", Some(token), &Value::Null).await?.seen(401, "898008")
}

async fn unknown_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let key = cause.choose("0123456789abcdef01234567", &*app.jmessage_key);
    let build = json!({ "appkey": key, "platform": "ios" });
    let wire = app.as_device("/v1/devices/build", None, &build).await?;
    let wire = wire.seen_of(Some(Operation::Login), 401, "898009")?;
    let builder = Client::builder(key, app.met_at(), "").error_table(ErrorTable::JMessageServer);
    wire.told(builder.jmessage(Build::Ios).await)
}

async fn more_registrations_at_once_than_wait(lab: &Lab, cause: Cause) -> Result<Outcome> {
    // One hash at a time, and each a slow one: what comes meanwhile waits, and then no more may.
    let config = "[passwords]\nparallel = 1\npasses = 8\nmemory = \"64MiB\"\n";
    let server = lab.configured_server(config).await?;
    let app = lab.app_on(&server, &["jmessage.calls_per_minute=0"]).await?;
    let admin = |number| json!({ "username": format!("chief{number}"), "password": "secret" });
    let count = cause.choose(700, 1);
    let calls = (0..count).map(|number| app.jmessage("POST", "/v1/admins", admin(number)));
    let mut answers = calls.collect::<FuturesUnordered<_>>();
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        if !answer.is_fine() {
            return answer.seen(500, "899030");
        }
    }
    Ok(Outcome::Fine)
}
