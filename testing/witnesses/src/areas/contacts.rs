//! Contacts at the server.

use anyhow::Result;
use client::username;
use conditions::Table;
use serde_json::{Value, json};

use crate::lab::Lab;
use crate::witness::{Cause, Outcome, Witness, witness};

const TABLES: &[Table] = &[Table::EasemobIosLegacy, Table::JmessageIos];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(TABLES, ContactAddFailed, added_oneself),
    witness!(TABLES, ContactRemoveFailed, removed_a_stranger),
];

async fn added_oneself(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, ..] = app.users(["alice", "bobby", "carol"]).await?;
    let asked = json!({ "usernames": [cause.choose("alice", "bobby")] });
    let wire = app.call("POST", "/users/alice/contacts/apply", &alice.token, asked).await?;
    let whom = username(cause.choose("alice", "carol"))?;
    wire.seen(400, "contact was not added")?.told(app.sdk_of(&alice).await?.ask_contact(&whom, "hi").await)
}

async fn removed_a_stranger(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, ..] = app.users(["alice", "bobby", "carol"]).await?;
    let path = "/users/alice/contacts/users/bobby";
    if !cause.is_present() {
        app.done("POST", path, Value::Null).await?;
        app.done("POST", "/users/alice/contacts/users/carol", Value::Null).await?;
    }
    let wire = app.call("DELETE", path, &alice.token, Value::Null).await?;
    let told = app.sdk_of(&alice).await?.remove_contact(&username("carol")?).await;
    wire.seen(404, "not on the contact list")?.told(told)
}
