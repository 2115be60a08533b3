//! Groups: who may what, and what a group has room for.

use anyhow::Result;
use client::{GroupId, NewGroup, username};
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
    witness!(LEGACY, LimitExceeded, invited_to_a_full_group),
    witness!(WINDOWS, GroupNotFound, members_of_no_group),
    witness!(LEGACY, GroupApplicationInvalid, answered_an_application_that_nobody_made),
    witness!(LEGACY, GroupJoinNeedsApproval, came_into_a_group_that_takes_applications),
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

/// Two groups of alice's that are alike: what is done on the wire to one of them, the SDK does to the other.
async fn groups(app: &App, members: &[&str], more: Value) -> Result<(String, GroupId)> {
    let first = app.group("alice", members, more.clone()).await?;
    let second = app.group("alice", members, more).await?;
    Ok((first, GroupId::parse(&second)?))
}

async fn apply(app: &App, group: &str, user: &User) -> Result<Answer> {
    app.call("POST", &format!("/chatgroups/{group}/apply"), &user.token, json!({ "message": "hi" })).await
}

async fn joined_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, carol]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], Value::Null).await?;
    let by = cause.choose(&bob, &carol);
    let wire = apply(&app, &group, by).await?.seen(403, "already in group")?;
    wire.told(app.sdk_of(by).await?.join_group(&other, "hi").await)
}

/// What somebody is told who says something in a group, on the wire and by the SDK.
async fn said(app: &App, by: &User, group: &str, code: i32, words: &str) -> Result<Outcome> {
    let wire = app.log_in(by).await?.say_in_group(group, "hi").await?.seen(code, words)?;
    wire.told(app.sdk_of(by).await?.say_in_group(group, "hi").await?)
}

async fn said_without_being_in(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, carol]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    said(&app, cause.choose(&carol, &bob), &group, 1, "not in group or chatroom").await
}

async fn member_appoints_an_admin(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], Value::Null).await?;
    let by = cause.choose(&bob, &alice);
    let path = format!("/chatgroups/{group}/admin");
    let wire = app.call("POST", &path, &by.token, json!({ "newadmin": "bob" })).await?;
    let told = app.sdk_of(by).await?.set_group_admin(&other, &username("bob")?, true).await;
    wire.seen(403, "no permission")?.told(told)
}

async fn member_removes_a_member(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, bob, _]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob", "carol"], Value::Null).await?;
    let by = cause.choose(&bob, &alice);
    let path = format!("/chatgroups/{group}/users/carol");
    let wire = app.call("DELETE", &path, &by.token, Value::Null).await?.seen(403, "no permission")?;
    wire.told(app.sdk_of(by).await?.remove_members(&other, &[username("carol")?]).await)
}

async fn stranger_removed(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], Value::Null).await?;
    let whom = cause.choose("carol", "bob");
    let path = format!("/chatgroups/{group}/users/{whom}");
    let wire = app.call("DELETE", &path, &alice.token, Value::Null).await?;
    let told = app.sdk_of(&alice).await?.remove_members(&other, &[username(whom)?]).await;
    wire.seen(403, "are not members of this group")?.told(told)
}

async fn joined_a_full_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, _, carol]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], json!({ "maxusers": cause.choose(2, 3) })).await?;
    let wire = apply(&app, &group, &carol).await?.seen(403, "group member list is full")?;
    wire.told(app.sdk_of(&carol).await?.join_group(&other, "hi").await)
}

async fn invited_to_a_full_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], json!({ "maxusers": cause.choose(2, 3) })).await?;
    let (path, body) = (format!("/chatgroups/{group}/invite"), json!({ "usernames": ["carol"] }));
    let wire = app.call("POST", &path, &alice.token, body).await?.seen(403, "group member list is full")?;
    wire.told(app.sdk_of(&alice).await?.invite_to_group(&other, &[username("carol")?]).await)
}

async fn members_of_no_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    let group = cause.choose("114000000000999", &group);
    let path = format!("/chatgroups/{group}/users");
    let wire = app.call("GET", &path, &bob.token, Value::Null).await?.seen(404, "do not find this group")?;
    wire.told(app.sdk_of(&bob).await?.group_members(&GroupId::parse(group)?, 10, None).await)
}

async fn answered_an_application_that_nobody_made(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, _, carol]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], json!({ "membersonly": true })).await?;
    if !cause.is_present() {
        for group in [&*group, other.as_str()] {
            apply(&app, group, &carol).await?.json()?;
        }
    }
    let path = format!("/chatgroups/{group}/apply_verify");
    let answer = json!({ "applicant": "carol", "verifyResult": true });
    let wire = app.call("POST", &path, &alice.token, answer).await?.seen(404, "no open application")?;
    wire.told(app.sdk_of(&alice).await?.answer_application(&other, &username("carol")?, true).await)
}

async fn came_into_a_group_that_takes_applications(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, _, carol]) = people(lab).await?;
    let (group, other) = groups(&app, &["bob"], json!({ "membersonly": cause.is_present() })).await?;
    let path = format!("/chatgroups/{group}/users/carol");
    let wire = app.call("POST", &path, &carol.token, Value::Null).await?;
    let told = app.sdk_of(&carol).await?.come_into_group(&other).await;
    wire.seen(403, "takes members on application")?.told(told)
}

async fn id_taken_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [alice, ..]) = people(lab).await?;
    if cause.is_present() {
        app.group("alice", &[], json!({ "groupid": "team" })).await?;
        app.group("alice", &[], json!({ "groupid": "other" })).await?;
    }
    let again = json!({ "groupid": "team", "groupname": "Team", "public": true, "owner": "alice" });
    let wire = app.call("POST", "/chatgroups", &alice.token, again).await?.seen(400, "already exists")?;
    let new = NewGroup { id: Some(GroupId::parse("other")?), ..NewGroup::named("Other") };
    wire.told(app.sdk_of(&alice).await?.create_group(&new).await)
}

async fn muted_member_speaks(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob", "carol"], Value::Null).await?;
    let mute = json!({ "usernames": [cause.choose("bob", "carol")], "mute_duration": 60_000 });
    app.done("POST", &format!("/chatgroups/{group}/mute"), mute).await?;
    said(&app, &bob, &group, 15, "is muted in this group").await
}

async fn member_speaks_while_all_are_muted(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, [_, bob, _]) = people(lab).await?;
    let group = app.group("alice", &["bob"], Value::Null).await?;
    app.done("POST", &format!("/chatgroups/{group}/ban"), Value::Null).await?;
    if !cause.is_present() {
        app.done("POST", &format!("/chatgroups/{group}/white/users/bob"), Value::Null).await?;
    }
    said(&app, &bob, &group, 1, "not in group or chatroom white list").await
}
