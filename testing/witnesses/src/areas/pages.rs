//! What JMessage's web pages are answered on their connections.
//!
//! The protocol of that vendor's mobile SDKs is not public; its web SDK has the same server behind it and other numbers
//! (jmessage.md 2.7). The web number is what stands on the wire here, and the condition beside it is the row.

use anyhow::{Context, Result};
use conditions::{Operation, Table};
use serde_json::{Value, json};

use crate::lab::{App, Lab, password};
use crate::page::{Page, md5, page_login};
use crate::witness::{Cause, Outcome, Witness, witness};

const SERVER: &[Table] = &[Table::JmessageServer];

/// Of requests that the SDK does not make.
const PAGE: &str = "the SDK does not speak the protocol of these pages";

pub(super) const WITNESSES: &[Witness] = &[
    witness!(SERVER, AppKeyMissing, said_no_app).one_sided(PAGE),
    witness!(SERVER, AppNotRegistered, said_an_unknown_app).one_sided(PAGE),
    witness!(SERVER, SenderNeverLoggedIn, asked_before_any_login).one_sided(PAGE),
    witness!(SERVER, SenderLoggedOut, asked_after_another_login).one_sided(PAGE),
    witness!(SERVER, UserIdNotFound, asked_as_a_user_who_is_no_more).one_sided(PAGE),
    witness!(SERVER, AppMismatch, wrote_to_another_app).one_sided(PAGE),
    witness!(SERVER, PasswordWrong, changed_the_password_with_a_wrong_one).one_sided(PAGE),
    witness!(SERVER, UserNotFound, Login, logged_in_as_nobody).one_sided(PAGE),
    witness!(SERVER, CredentialsWrong, Login, logged_in_with_a_wrong_password).one_sided(PAGE),
    witness!(SERVER, RecipientNotFound, Send, wrote_to_nobody).one_sided(PAGE),
    witness!(SERVER, GroupNotFound, Send, wrote_to_no_group).one_sided(PAGE),
    witness!(SERVER, SenderNotInGroup, Send, wrote_to_a_group_of_others).one_sided(PAGE),
    witness!(SERVER, PermissionDenied, Send, wrote_as_an_administrator).one_sided(PAGE),
    witness!(SERVER, BlockedByRecipient, Send, wrote_to_who_blocks_the_writer).one_sided(PAGE),
    witness!(SERVER, PermissionDenied, GroupCreate, made_a_group_where_users_make_none).one_sided(PAGE),
    witness!(SERVER, GroupQuotaExceeded, GroupCreate, made_one_group_too_many).one_sided(PAGE),
    witness!(SERVER, NotInGroup, GroupExit, left_a_group_of_others).one_sided(PAGE),
    witness!(SERVER, NotInGroup, GroupUpdate, renamed_a_group_of_others).one_sided(PAGE),
    witness!(SERVER, NotInGroup, MemberAdd, added_to_a_group_of_others).one_sided(PAGE),
    witness!(SERVER, PermissionDenied, MemberAdd, added_where_members_may_not).one_sided(PAGE),
    witness!(SERVER, MemberNotRegistered, MemberAdd, added_nobody_who_is_there).one_sided(PAGE),
    witness!(SERVER, MemberNotAddable, MemberAdd, added_who_blocks_the_adder).one_sided(PAGE),
    witness!(SERVER, MemberRepeated, MemberAdd, added_a_member).one_sided(PAGE),
    witness!(SERVER, GroupFull, MemberAdd, added_to_a_full_group).one_sided(PAGE),
    witness!(SERVER, MemberGroupQuotaExceeded, MemberAdd, added_who_is_in_many_groups).one_sided(PAGE),
    witness!(SERVER, NotInGroup, MemberRemove, removed_from_a_group_of_others).one_sided(PAGE),
    witness!(SERVER, PermissionDenied, MemberRemove, removed_as_a_member).one_sided(PAGE),
    witness!(SERVER, MemberNotRegistered, MemberRemove, removed_nobody_who_is_there).one_sided(PAGE),
    witness!(SERVER, MemberNotRemovable, MemberRemove, removed_the_owner).one_sided(PAGE),
    witness!(SERVER, MemberRepeated, MemberRemove, removed_somebody_twice).one_sided(PAGE),
    witness!(SERVER, TargetNotMember, MemberRemove, removed_who_is_not_in).one_sided(PAGE),
    witness!(SERVER, MemberListEmpty, BlockAdd, blocked_nobody).one_sided(PAGE),
    witness!(SERVER, MemberNotRegistered, BlockAdd, blocked_nobody_who_is_there).one_sided(PAGE),
    witness!(SERVER, MemberNotBlockable, BlockAdd, blocked_oneself).one_sided(PAGE),
    witness!(SERVER, MemberListEmpty, BlockRemove, unblocked_nobody).one_sided(PAGE),
];

/// An app with alice, bobby and carol.
async fn people(lab: &Lab) -> Result<App> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice", "bobby", "carol"]).await?;
    Ok(app)
}

fn text(to: &str) -> Value {
    json!({ "target_id": to, "content": {
        "version": 1, "target_type": "single", "target_id": to, "msg_type": "text", "msg_body": { "text": "hi" },
    } })
}

fn text_to_group(gid: &Value) -> Value {
    json!({ "target_gid": gid, "content": {
        "version": 1, "target_type": "group", "target_id": gid.to_string(), "msg_type": "text",
        "msg_body": { "text": "hi" },
    } })
}

/// alice's group with bobby in it: her page, and the group's number.
async fn team(app: &App) -> Result<(Page, Value)> {
    let mut alice = app.page_of("alice").await?;
    let group = json!({ "group_name": "Team", "is_limit": false });
    let gid = alice.ask("create_group", group).await?.done()?["gid"].clone();
    add(app, &gid, "bobby").await?;
    Ok((alice, gid))
}

/// The back end adds somebody to a group.
async fn add(app: &App, gid: &Value, name: &str) -> Result<()> {
    let answer = app.jmessage("POST", &format!("/v2/groups/{gid}/addMembers"), json!([name])).await?;
    anyhow::ensure!(answer.is_fine(), "{}", answer.body);
    Ok(())
}

/// Members of a group as requests name them.
fn of_group(gid: &Value, names: &[&str]) -> Value {
    json!({ "gid": gid, "member_usernames": users(names) })
}

fn users(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "username": name })).collect()
}

async fn said_no_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let mut init = app.page_init()?;
    init["appkey"] = cause.choose("", &*app.jmessage_key).into();
    app.silent_page().await?.ask("c_init", init).await?.seen(None, 882_003)
}

async fn said_an_unknown_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let mut init = app.page_init()?;
    init["appkey"] = cause.choose("0123456789abcdef01234567", &*app.jmessage_key).into();
    app.silent_page().await?.ask("c_init", init).await?.seen(None, 880_101)
}

async fn asked_before_any_login(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice"]).await?;
    let mut page = if cause.is_present() { app.page().await? } else { app.page_of("alice").await? };
    page.ask("get_groups_list", json!({})).await?.seen(None, 882_004)
}

async fn asked_after_another_login(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let mut first = app.page_of("alice").await?;
    let _second = app.page_of(cause.choose("alice", "bobby")).await?;
    if cause.is_present() {
        first.hears("event_notification").await?;
    }
    first.ask("s_across_single_text", text("bobby")).await?.seen(None, 882_004)
}

async fn asked_as_a_user_who_is_no_more(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let mut alice = app.page_of("alice").await?;
    let path = format!("/v1/users/{}", cause.choose("alice", "carol"));
    app.jmessage("DELETE", &path, Value::Null).await?;
    if cause.is_present() {
        alice.hears("event_notification").await?;
    }
    alice.ask("s_across_single_text", text("bobby")).await?.seen(None, 880_103)
}

async fn wrote_to_another_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let (app, other) = (people(lab).await?, lab.app(&[]).await?);
    let mut message = text("bobby");
    message["content"]["target_appkey"] = cause.choose(&*other.jmessage_key, &*app.jmessage_key).into();
    app.page_of("alice").await?.ask("s_across_single_text", message).await?.seen(None, 882_004)
}

async fn changed_the_password_with_a_wrong_one(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice"]).await?;
    let old = cause.choose(md5("wrong"), md5(&password("alice")));
    let change = json!({ "old_pwd": old, "new_pwd": md5("another") });
    app.page_of("alice").await?.ask("update_user_pwd", change).await?.seen(None, 880_104)
}

async fn logged_in_as_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice"]).await?;
    let login = page_login(cause.choose("nobody", "alice"), &password("alice"));
    app.page().await?.ask("login", login).await?.seen(Some(Operation::Login), 880_103)
}

async fn logged_in_with_a_wrong_password(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice"]).await?;
    let login = page_login("alice", &cause.choose("wrong".to_owned(), password("alice")));
    app.page().await?.ask("login", login).await?.seen(Some(Operation::Login), 880_104)
}

async fn wrote_to_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let message = text(cause.choose("nobody", "bobby"));
    let mut alice = app.page_of("alice").await?;
    alice.ask("s_across_single_text", message).await?.seen(Some(Operation::Send), 880_203)
}

async fn wrote_to_no_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (mut alice, gid) = team(&app).await?;
    let message = text_to_group(&cause.choose(json!(114_000_000_000_999_u64), gid));
    alice.ask("send_group_msg", message).await?.seen(Some(Operation::Send), 880_204)
}

async fn wrote_to_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (_alice, gid) = team(&app).await?;
    let mut page = app.page_of(cause.choose("carol", "bobby")).await?;
    page.ask("send_group_msg", text_to_group(&gid)).await?.seen(Some(Operation::Send), 880_205)
}

async fn wrote_as_an_administrator(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let mut message = text("bobby");
    message["content"]["from_type"] = cause.choose("admin", "user").into();
    let mut alice = app.page_of("alice").await?;
    alice.ask("s_across_single_text", message).await?.seen(Some(Operation::Send), 882_004)
}

async fn wrote_to_who_blocks_the_writer(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let blocked = json!([cause.choose("alice", "carol")]);
    anyhow::ensure!(app.jmessage("PUT", "/v1/users/bobby/blacklist", blocked).await?.is_fine());
    let mut alice = app.page_of("alice").await?;
    alice.ask("s_across_single_text", text("bobby")).await?.seen(Some(Operation::Send), 880_207)
}

async fn made_a_group_where_users_make_none(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("groups.by_users=false", "groups.by_users=true")]).await?;
    app.page_users(&["alice"]).await?;
    let group = json!({ "group_name": "Team", "is_limit": false });
    let mut alice = app.page_of("alice").await?;
    alice.ask("create_group", group).await?.seen(Some(Operation::GroupCreate), 880_402)
}

async fn made_one_group_too_many(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("groups.joined_limit=1", "groups.joined_limit=2")]).await?;
    app.page_users(&["alice"]).await?;
    let group = |name: &str| json!({ "group_name": name, "is_limit": false });
    let mut alice = app.page_of("alice").await?;
    alice.ask("create_group", group("Team")).await?.done()?;
    alice.ask("create_group", group("Other")).await?.seen(Some(Operation::GroupCreate), 880_403)
}

/// A request about alice's group, by carol, who is not in it; without the cause by alice.
async fn from_outside(
    lab: &Lab,
    cause: Cause,
    request: (&str, fn(&Value) -> Value),
    operation: Operation,
    code: i64,
) -> Result<Outcome> {
    let app = people(lab).await?;
    let (mut alice, gid) = team(&app).await?;
    let mut carol = app.page_of("carol").await?;
    let (name, data) = request;
    cause.choose(&mut carol, &mut alice).ask(name, data(&gid)).await?.seen(Some(operation), code)
}

async fn left_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (_alice, gid) = team(&app).await?;
    let mut page = app.page_of(cause.choose("carol", "bobby")).await?;
    page.ask("exit_group", json!({ "gid": gid })).await?.seen(Some(Operation::GroupExit), 880_502)
}

async fn renamed_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let rename = ("update_group_info", (|gid| json!({ "gid": gid, "group_name": "Other" })) as fn(&_) -> _);
    from_outside(lab, cause, rename, Operation::GroupUpdate, 882_004).await
}

async fn added_to_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    app.page_users(&["doris"]).await?;
    let (mut alice, gid) = team(&app).await?;
    let mut carol = app.page_of("carol").await?;
    let page = cause.choose(&mut carol, &mut alice);
    let answer = page.ask("add_across_group_member", of_group(&gid, &["doris"])).await?;
    answer.seen(Some(Operation::MemberAdd), 880_603)
}

/// A group of alice's with bobby in it that Easemob's calls make, for what this vendor's can't ask for.
async fn group(app: &App, more: Value) -> Result<Value> {
    let mut body = json!({ "public": false, "allowinvites": true });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let id = app.group("alice", &["bobby"], body).await?;
    Ok(id.parse::<u64>().context("a generated id is a number")?.into())
}

async fn added_where_members_may_not(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let gid = group(&app, json!({ "allowinvites": cause.choose(false, true) })).await?;
    let mut bobby = app.page_of("bobby").await?;
    let answer = bobby.ask("add_across_group_member", of_group(&gid, &["carol"])).await?;
    answer.seen(Some(Operation::MemberAdd), 880_604)
}

/// alice adds users to her group with bobby in it.
async fn added(app: &App, names: &[&str], code: i64) -> Result<Outcome> {
    let (mut alice, gid) = team(app).await?;
    let answer = alice.ask("add_across_group_member", of_group(&gid, names)).await?;
    answer.seen(Some(Operation::MemberAdd), code)
}

async fn added_nobody_who_is_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    added(&people(lab).await?, &[cause.choose("nobody", "carol")], 882_002).await
}

async fn added_who_blocks_the_adder(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let blocked = json!([cause.choose("alice", "bobby")]);
    anyhow::ensure!(app.jmessage("PUT", "/v1/users/carol/blacklist", blocked).await?.is_fine());
    added(&app, &["carol"], 880_606).await
}

async fn added_a_member(lab: &Lab, cause: Cause) -> Result<Outcome> {
    added(&people(lab).await?, &[cause.choose("bobby", "carol")], 880_607).await
}

async fn added_to_a_full_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let gid = group(&app, json!({ "maxusers": cause.choose(2, 3) })).await?;
    let mut alice = app.page_of("alice").await?;
    let answer = alice.ask("add_across_group_member", of_group(&gid, &["carol"])).await?;
    answer.seen(Some(Operation::MemberAdd), 880_608)
}

async fn added_who_is_in_many_groups(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let own = json!({ "group_name": "Own", "is_limit": false });
    app.page_of("carol").await?.ask("create_group", own).await?.done()?;
    app.set(&[cause.choose("groups.joined_limit=1", "groups.joined_limit=2")]).await?;
    added(&app, &["carol"], 880_609).await
}

async fn removed_from_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let remove = ("del_across_group_member", (|gid| of_group(gid, &["bobby"])) as fn(&_) -> _);
    from_outside(lab, cause, remove, Operation::MemberRemove, 882_004).await
}

/// Somebody removes users from alice's group with bobby and carol in it, of whom bobby may be an admin.
async fn removed(lab: &Lab, by: &str, is_admin: bool, names: &[&str], code: i64) -> Result<Outcome> {
    let app = people(lab).await?;
    app.page_users(&["doris"]).await?;
    let (mut alice, gid) = team(&app).await?;
    add(&app, &gid, "carol").await?;
    if is_admin {
        alice.ask("add_group_keeper", of_group(&gid, &["bobby"])).await?.done()?;
    }
    let mut other;
    let page = if by == "alice" {
        &mut alice
    } else {
        other = app.page_of(by).await?;
        &mut other
    };
    let answer = page.ask("del_across_group_member", of_group(&gid, names)).await?;
    answer.seen(Some(Operation::MemberRemove), code)
}

async fn removed_as_a_member(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "bobby", !cause.is_present(), &["carol"], 880_704).await
}

async fn removed_nobody_who_is_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "alice", false, &[cause.choose("nobody", "bobby")], 882_002).await
}

async fn removed_the_owner(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "bobby", true, &[cause.choose("alice", "carol")], 880_705).await
}

async fn removed_somebody_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "alice", false, &["bobby", cause.choose("bobby", "carol")], 882_002).await
}

async fn removed_who_is_not_in(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "alice", false, &[cause.choose("doris", "bobby")], 880_703).await
}

/// alice blocks users.
async fn blocked(lab: &Lab, names: &[&str], code: i64) -> Result<Outcome> {
    let app = people(lab).await?;
    let mut alice = app.page_of("alice").await?;
    let answer = alice.ask("add_black_list", json!({ "member_usernames": users(names) })).await?;
    answer.seen(Some(Operation::BlockAdd), code)
}

async fn blocked_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    blocked(lab, cause.choose(&[], &["bobby"]), 882_003).await
}

async fn blocked_nobody_who_is_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    blocked(lab, &[cause.choose("nobody", "bobby")], 882_002).await
}

async fn blocked_oneself(lab: &Lab, cause: Cause) -> Result<Outcome> {
    blocked(lab, &[cause.choose("alice", "bobby")], 880_903).await
}

async fn unblocked_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    anyhow::ensure!(app.jmessage("PUT", "/v1/users/alice/blacklist", json!(["bobby"])).await?.is_fine());
    let names: &[&str] = cause.choose(&[], &["bobby"]);
    let mut alice = app.page_of("alice").await?;
    let answer = alice.ask("del_black_list", json!({ "member_usernames": users(names) })).await?;
    answer.seen(Some(Operation::BlockRemove), 882_003)
}
