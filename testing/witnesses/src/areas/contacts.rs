//! Contacts at the server.

use anyhow::Result;
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
    let [alice, _] = app.users(["alice", "bob"]).await?;
    let asked = json!({ "usernames": [cause.choose("alice", "bob")] });
    let answer = app.call("POST", "/users/alice/contacts/apply", &alice.token, asked).await?;
    answer.seen(400, "contact was not added")
}

async fn removed_a_stranger(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, _] = app.users(["alice", "bob"]).await?;
    let path = "/users/alice/contacts/users/bob";
    if !cause.is_present() {
        app.done("POST", path, Value::Null).await?;
    }
    let answer = app.call("DELETE", path, &alice.token, Value::Null).await?;
    answer.seen(404, "not on the contact list")
}
