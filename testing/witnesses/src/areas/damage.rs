//! Servers with damaged data and with a full disk.

use std::path::Path;

use anyhow::{Result, ensure};
use conditions::{Operation, Table};
use kv::{Batch, Kv as _, READ_LIMIT, Read as _, Scan, Space};
use serde_json::{Value, json};

use super::tables::LEGACY;
use crate::lab::{App, Lab, Server};
use crate::witness::{Cause, Outcome, Witness, witness};

const ANDROID: &[Table] = &[Table::JmessageAndroid];
const SERVER: &[Table] = &[Table::JmessageServer];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(LEGACY, GeneralFailure, asked_of_who_is_damaged).on_own_server(),
    witness!(ANDROID, InternalError, asked_of_who_is_damaged).on_own_server(),
    witness!(SERVER, InternalError, uploads_as_who_is_damaged).on_own_server(),
    witness!(SERVER, SystemError, page_looks_up_who_is_damaged).on_own_server(),
    witness!(SERVER, InternalError, Send, page_writes_to_who_is_damaged).on_own_server(),
    witness!(SERVER, DatabaseSyncError, page_writes_to_a_full_disk).on_own_server(),
];

/// Overwrites what a stopped server knows of a user, as a failing disk would.
async fn damage(data: &Path, user: &str) -> Result<()> {
    let kv = kv_fjall::open(kv_fjall::Options::new(data)).await?;
    let scan =
        Scan { space: Space::Main, from: Vec::new().into(), to: None, limit: READ_LIMIT, reverse: false };
    let cells = kv.scan(scan).await?;
    ensure!(cells.len() < READ_LIMIT, "there is more than one read shows");
    let mut batch = Batch::new();
    let is_about = |value: &[u8]| value.windows(user.len()).any(|part| part == user.as_bytes());
    for (key, value) in cells.into_iter().filter(|(_, value)| is_about(value)) {
        batch.put(Space::Main, &key[..], vec![0xff; value.len()]);
    }
    ensure!(!batch.cells.is_empty(), "nothing stands there of {user}");
    kv.commit(batch).await?;
    kv.close().await;
    Ok(())
}

/// A server with the users alice and carol, and what it knows of carol is damaged; and a token of carol's.
async fn damaged(lab: &Lab, cause: Cause) -> Result<(Server, App, String)> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.page_users(&["alice", "carol"]).await?;
    let carol = app.user("carol").await?.token;
    let server =
        lab.revived(
            server,
            &[],
            async |data| {
                if cause.is_present() { damage(data, "carol").await } else { Ok(()) }
            },
        );
    Ok((server.await?, app, carol))
}

async fn asked_of_who_is_damaged(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (server, app, _) = damaged(lab, cause).await?;
    let alice = app.user("alice").await?;
    let asked = json!({ "usernames": ["carol"] });
    let answer = app.call("POST", "/users/alice/contacts/apply", &alice.token, asked).await?;
    let wire = answer.seen_of(Some(Operation::ContactAdd), 500, "web_application")?;
    let sdk = app.sdk_of(&alice).await?;
    let seen = wire.told(sdk.ask_contact(&client::username("carol")?, "hi").await);
    drop(server);
    seen
}

async fn uploads_as_who_is_damaged(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (server, app, carol) = damaged(lab, cause).await?;
    let answer = app.as_device("/v1/devices/uptoken", Some(&carol), &Value::Null).await?;
    drop(server);
    answer.seen(500, "898000")
}

async fn page_looks_up_who_is_damaged(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (server, app, _) = damaged(lab, cause).await?;
    let asked = json!({ "username": "carol", "appkey": app.jmessage_key });
    let answer = app.page_of("alice").await?.ask("get_across_user_info", asked).await?;
    drop(server);
    answer.seen(None, 882_001)
}

async fn page_writes_to_who_is_damaged(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (server, app, _) = damaged(lab, cause).await?;
    let message = json!({ "target_id": "carol", "content": {
        "version": 1, "target_type": "single", "target_id": "carol", "msg_type": "text",
        "msg_body": { "text": "hi" },
    } });
    let answer = app.page_of("alice").await?.ask("s_across_single_text", message).await?;
    drop(server);
    answer.seen(Some(Operation::Send), 882_001)
}

async fn page_writes_to_a_full_disk(lab: &Lab, cause: Cause) -> Result<Outcome> {
    const ROOM: u64 = 256 << 10;
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &["jmessage.calls_per_minute=0"]).await?;
    app.page_users(&["alice", "carol"]).await?;
    let mut page = app.page_of("alice").await?;
    if cause.is_present() {
        server.limit_files(ROOM)?;
    }
    // What it writes first has room.
    let text = "x".repeat(4_000);
    for _ in 0..2 * ROOM / 4_000 {
        let message = json!({ "target_id": "carol", "content": {
            "version": 1, "target_type": "single", "target_id": "carol", "msg_type": "text",
            "msg_body": { "text": text },
        } });
        if page.ask("s_across_single_text", message).await?.done().is_err() {
            break;
        }
    }
    let answer = page.ask("create_group", json!({ "group_name": "Team", "is_limit": false })).await?;
    drop(server);
    answer.seen(Some(Operation::GroupCreate), 882_005)
}
