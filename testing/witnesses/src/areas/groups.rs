//! Groups: who may what, and what a group has room for.

use anyhow::Result;
use serde_json::{Value, json};

use super::tables::{ALL_EASEMOB, LEGACY, PRESENT, WINDOWS};
use crate::lab::{App, Lab, User};
use crate::wire::Answer;
use crate::witness::{Cause, Outcome, Witness, witness};

pub(super) const WITNESSES: &[Witness] = &[
    witness!(ALL_EASEMOB, AlreadyInGroup, joined_twice),
    witness!(PRESENT, NotInGroup, said_without_being_in),
    witness!(PRESENT, GroupPermissionDenied, member_appoints_an_admin),
    witness!(LEGACY, PermissionDenied, member_removes_a_member),
    witness!(LEGACY, TargetNotMember, stranger_removed),
    witness!(PRESENT, GroupFull, joined_a_full_group),
    witness!(LEGACY, LimitExceeded, added_to_a_full_group),
    witness!(WINDOWS, GroupNotFound, members_of_no_group),
    witness!(LEGACY, GroupApplicationInvalid, answered_an_application_that_nobody_made),
    witness!(LEGACY, AlreadyExists, id_taken_twice),
    witness!(WINDOWS, MutedInConversation, muted_member_speaks),
    witness!(WINDOWS, NotInAllowlist, member_speaks_while_all_are_muted),
];

/// An app with three users.
async fn people(lab: &Lab) -> Result<(App, [User; 3])> {
    let app = lab.app(&[]).await?;
    let users = app.users(["alice", "bob", "carol"]).await?;
    Ok((app, users))
}

async fn apply(app: &App, group: &str, user: &User) -> Result<Answer> {
    app.call("POST", &format!("/chatgroups/{group}/apply"), &user.token, json!({ "message": "hi" })).await
}

async fn joined_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, carol]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    apply(&app, &group, cause.choose(&bob, &carol)).await?.seen(403, "already in group")
}

async fn said_without_being_in(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, carol]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    let mut device = app.log_in(cause.choose(&carol, &bob)).await?;
    device.say_in_group(&group, "hi").await?.seen(1, "not in group or chatroom")
}

async fn member_appoints_an_admin(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    let by = cause.choose(&bob, &alice);
    let path = format!("/chatgroups/{group}/admin");
    app.call("POST", &path, &by.token, json!({ "newadmin": "bob" })).await?.seen(403, "no permission")
}

async fn member_removes_a_member(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob", "carol"], Value::Null).await?;
    let by = cause.choose(&bob, &alice);
    let path = format!("/chatgroups/{group}/users/carol");
    app.call("DELETE", &path, &by.token, Value::Null).await?.seen(403, "no permission")
}

async fn stranger_removed(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    let path = format!("/chatgroups/{group}/users/{}", cause.choose("carol", "bob"));
    app.call("DELETE", &path, &alice.token, Value::Null).await?.seen(403, "are not members of this group")
}

async fn joined_a_full_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, _, carol]) = people(lab).await?;
    let group = app.group("alice", &["bob"], json!({ "maxusers": cause.choose(2, 3) })).await?;
    apply(&app, &group, &carol).await?.seen(403, "group member list is full")
}

async fn added_to_a_full_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, _) = people(lab).await?;
    let group = app.group("alice", &["bob"], json!({ "maxusers": cause.choose(2, 3) })).await?;
    let path = format!("/chatgroups/{group}/users/carol");
    app.back_end("POST", &path, Value::Null).await?.seen(403, "group member list is full")
}

async fn members_of_no_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    let path = format!("/chatgroups/{}/users", cause.choose("114000000000999", &group));
    app.call("GET", &path, &bob.token, Value::Null).await?.seen(404, "does not exist")
}

async fn answered_an_application_that_nobody_made(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, _, carol]) = people(lab).await?;
    let group = app.group("alice", &["bob"], json!({ "membersonly": true })).await?;
    if !cause.is_present() {
        apply(&app, &group, &carol).await?.json()?;
    }
    let path = format!("/chatgroups/{group}/apply_verify");
    let answer = json!({ "applicant": "carol", "verifyResult": true });
    app.call("POST", &path, &alice.token, answer).await?.seen(404, "no open application")
}

async fn id_taken_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, _) = people(lab).await?;
    if cause.is_present() {
        app.group("alice", &[], json!({ "groupid": "team" })).await?;
    }
    let again = json!({ "groupid": "team", "groupname": "Team", "public": true, "owner": "bob" });
    app.back_end("POST", "/chatgroups", again).await?.seen(400, "already exists")
}

async fn muted_member_speaks(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob", "carol"], Value::Null).await?;
    let mute = json!({ "usernames": [cause.choose("bob", "carol")], "mute_duration": 60_000 });
    app.done("POST", &format!("/chatgroups/{group}/mute"), mute).await?;
    app.log_in(&bob).await?.say_in_group(&group, "hi").await?.seen(15, "is muted in this group")
}

async fn member_speaks_while_all_are_muted(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    app.done("POST", &format!("/chatgroups/{group}/ban"), Value::Null).await?;
    if !cause.is_present() {
        app.done("POST", &format!("/chatgroups/{group}/white/users/bob"), Value::Null).await?;
    }
    let mut bob = app.log_in(&bob).await?;
    bob.say_in_group(&group, "hi").await?.seen(1, "not in group or chatroom white list")
}
