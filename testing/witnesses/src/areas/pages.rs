//! What JMessage's web pages are answered on their connections.
//!
//! The protocol of that vendor's mobile SDKs is not public; its web SDK has the same server behind it and other numbers
//! (jmessage.md 2.7). Both stand on the wire: the web number, and
//! beside it the row's own (`kith_code`), which these witnesses read.

use anyhow::{Context, Result};
use client::{Client, Conversation, GroupId, NewGroup, NewMessage, Username, username};
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
    witness!(SERVER, SenderNeverLoggedIn, asked_before_any_login),
    witness!(SERVER, SenderLoggedOut, asked_after_another_login).one_sided(PAGE),
    witness!(SERVER, UserIdNotFound, asked_as_a_user_who_is_no_more).one_sided(PAGE),
    witness!(SERVER, AppMismatch, wrote_to_another_app).one_sided(PAGE),
    witness!(SERVER, PasswordWrong, changed_the_password_with_a_wrong_one),
    witness!(SERVER, UserNotFound, Login, logged_in_as_nobody),
    witness!(SERVER, CredentialsWrong, Login, logged_in_with_a_wrong_password),
    witness!(SERVER, RecipientNotFound, Send, wrote_to_nobody),
    witness!(SERVER, GroupNotFound, Send, wrote_to_no_group),
    witness!(SERVER, SenderNotInGroup, Send, wrote_to_a_group_of_others),
    witness!(SERVER, PermissionDenied, Send, wrote_as_an_administrator).one_sided(PAGE),
    witness!(SERVER, BlockedByRecipient, Send, wrote_to_who_blocks_the_writer),
    witness!(SERVER, PermissionDenied, GroupCreate, made_a_group_where_users_make_none),
    witness!(SERVER, GroupQuotaExceeded, GroupCreate, made_one_group_too_many),
    witness!(SERVER, NotInGroup, GroupExit, left_a_group_of_others),
    witness!(SERVER, NotInGroup, GroupUpdate, renamed_a_group_of_others),
    witness!(SERVER, NotInGroup, MemberAdd, added_to_a_group_of_others)
        .needs_names("of who acts and who is acted on the same words are said"),
    witness!(SERVER, PermissionDenied, MemberAdd, added_where_members_may_not),
    witness!(SERVER, MemberNotRegistered, MemberAdd, added_nobody_who_is_there),
    witness!(SERVER, MemberNotAddable, MemberAdd, added_who_blocks_the_adder)
        .one_sided("the SDK's protocol adds whoever blocks the adder"),
    witness!(SERVER, MemberRepeated, MemberAdd, added_a_member),
    witness!(SERVER, GroupFull, MemberAdd, added_to_a_full_group),
    witness!(SERVER, MemberGroupQuotaExceeded, MemberAdd, added_who_is_in_many_groups),
    witness!(SERVER, NotInGroup, MemberRemove, removed_from_a_group_of_others)
        .needs_names("of who acts and who is acted on the same words are said"),
    witness!(SERVER, PermissionDenied, MemberRemove, removed_as_a_member),
    witness!(SERVER, MemberNotRegistered, MemberRemove, removed_nobody_who_is_there)
        .one_sided("the SDK's protocol says of an unknown user that he is no member"),
    witness!(SERVER, MemberNotRemovable, MemberRemove, removed_the_owner),
    witness!(SERVER, MemberRepeated, MemberRemove, removed_somebody_twice)
        .one_sided("the SDK's protocol takes a name twice for once"),
    witness!(SERVER, TargetNotMember, MemberRemove, removed_who_is_not_in),
    witness!(SERVER, MemberListEmpty, BlockAdd, blocked_nobody),
    witness!(SERVER, MemberNotRegistered, BlockAdd, blocked_nobody_who_is_there),
    witness!(SERVER, MemberNotBlockable, BlockAdd, blocked_oneself)
        .needs_names("the same words are said of all that a user may not do"),
    witness!(SERVER, MemberListEmpty, BlockRemove, unblocked_nobody),
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
    let gid = another_team(app, &mut alice).await?;
    Ok((alice, gid))
}

/// One more such group.
async fn another_team(app: &App, alice: &mut Page) -> Result<Value> {
    let group = json!({ "group_name": "Team", "is_limit": false });
    let gid = alice.ask("create_group", group).await?.done()?["gid"].clone();
    add(app, &gid, "bobby").await?;
    Ok(gid)
}

/// A group's number as the SDK has it.
fn id(gid: &Value) -> Result<GroupId> {
    Ok(GroupId::parse(&gid.to_string())?)
}

/// The SDK with a user logged in whom this vendor's calls registered.
async fn sdk_of(app: &App, user: &str) -> Result<Client> {
    let (sdk, _events) = app.sdk()?;
    sdk.log_in(user, &password(user)).await.context("the SDK's login")?;
    Ok(sdk)
}

fn names(users: &[&str]) -> Result<Vec<Username>> {
    Ok(users.iter().map(|user| username(user)).collect::<client::Result<_>>()?)
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
    let (sdk, _events) = app.sdk()?;
    if !cause.is_present() {
        sdk.log_in("alice", &password("alice")).await?;
    }
    let wire = page.ask("get_groups_list", json!({})).await?.seen(None, 882_004)?;
    wire.told(sdk.joined_groups(0, 10).await)
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
    let app = people(lab).await?;
    let present = |user: &str| cause.choose("wrong".to_owned(), password(user));
    let change = json!({ "old_pwd": md5(&present("alice")), "new_pwd": md5("another") });
    let wire = app.page_of("alice").await?.ask("update_user_pwd", change).await?.seen(None, 880_104)?;
    wire.told(sdk_of(&app, "bobby").await?.change_password(&present("bobby"), "another").await)
}

async fn logged_in_as_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice"]).await?;
    let login = page_login(cause.choose("nobody", "alice"), &password("alice"));
    let wire = app.page().await?.ask("login", login).await?.seen(Some(Operation::Login), 880_103)?;
    let (sdk, _events) = app.sdk()?;
    wire.told(sdk.log_in(cause.choose("nobody", "alice"), &password("alice")).await)
}

async fn logged_in_with_a_wrong_password(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.page_users(&["alice"]).await?;
    let secret = cause.choose("wrong".to_owned(), password("alice"));
    let login = page_login("alice", &secret);
    let wire = app.page().await?.ask("login", login).await?.seen(Some(Operation::Login), 880_104)?;
    let (sdk, _events) = app.sdk()?;
    wire.told(sdk.log_in("alice", &secret).await)
}

async fn wrote_to_nobody(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let message = text(cause.choose("nobody", "bobby"));
    let mut alice = app.page_of("alice").await?;
    let wire = alice.ask("s_across_single_text", message).await?.seen(Some(Operation::Send), 880_203)?;
    let to = Conversation::user(cause.choose("nobody", "bobby"))?;
    wire.told(sdk_of(&app, "alice").await?.send(NewMessage::text(to, "hi")).await)
}

async fn wrote_to_no_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (mut alice, gid) = team(&app).await?;
    let gid = cause.choose(json!(114_000_000_000_999_u64), gid);
    let wire =
        alice.ask("send_group_msg", text_to_group(&gid)).await?.seen(Some(Operation::Send), 880_204)?;
    let message = NewMessage::text(Conversation::Group(id(&gid)?), "hi");
    wire.told(sdk_of(&app, "alice").await?.send(message).await)
}

async fn wrote_to_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (_alice, gid) = team(&app).await?;
    let by = cause.choose("carol", "bobby");
    let answer = app.page_of(by).await?.ask("send_group_msg", text_to_group(&gid)).await?;
    let message = NewMessage::text(Conversation::Group(id(&gid)?), "hi");
    answer.seen(Some(Operation::Send), 880_205)?.told(sdk_of(&app, by).await?.send(message).await)
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
    let answer = alice.ask("s_across_single_text", text("bobby")).await?;
    let message = NewMessage::text(Conversation::user("bobby")?, "hi");
    let told = sdk_of(&app, "alice").await?.send(message).await;
    answer.seen(Some(Operation::Send), 880_207)?.told(told)
}

async fn made_a_group_where_users_make_none(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("groups.by_users=false", "groups.by_users=true")]).await?;
    app.page_users(&["alice"]).await?;
    let group = json!({ "group_name": "Team", "is_limit": false });
    let mut alice = app.page_of("alice").await?;
    let wire = alice.ask("create_group", group).await?.seen(Some(Operation::GroupCreate), 880_402)?;
    wire.told(sdk_of(&app, "alice").await?.create_group(&NewGroup::named("Other")).await)
}

async fn made_one_group_too_many(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("groups.joined_limit=1", "groups.joined_limit=2")]).await?;
    app.page_users(&["alice", "bobby"]).await?;
    let group = |name: &str| json!({ "group_name": name, "is_limit": false });
    let mut alice = app.page_of("alice").await?;
    alice.ask("create_group", group("Team")).await?.done()?;
    let sdk = sdk_of(&app, "bobby").await?;
    sdk.create_group(&NewGroup::named("Team")).await?;
    let answer = alice.ask("create_group", group("Other")).await?;
    let told = sdk.create_group(&NewGroup::named("Other")).await;
    answer.seen(Some(Operation::GroupCreate), 880_403)?.told(told)
}

async fn left_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (mut alice, gid) = team(&app).await?;
    let other = another_team(&app, &mut alice).await?;
    let by = cause.choose("carol", "bobby");
    let answer = app.page_of(by).await?.ask("exit_group", json!({ "gid": gid })).await?;
    let told = sdk_of(&app, by).await?.leave_group(&id(&other)?).await;
    answer.seen(Some(Operation::GroupExit), 880_502)?.told(told)
}

async fn renamed_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let (_alice, gid) = team(&app).await?;
    let by = cause.choose("carol", "alice");
    let rename = json!({ "gid": gid, "group_name": "Other" });
    let answer = app.page_of(by).await?.ask("update_group_info", rename).await?;
    let told = sdk_of(&app, by).await?.update_group(&id(&gid)?, Some("Third"), None).await;
    answer.seen(Some(Operation::GroupUpdate), 882_004)?.told(told)
}

async fn added_to_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    app.page_users(&["doris"]).await?;
    let (mut alice, gid) = team(&app).await?;
    let other = another_team(&app, &mut alice).await?;
    let by = cause.choose("carol", "alice");
    let add = of_group(&gid, &["doris"]);
    let answer = app.page_of(by).await?.ask("add_across_group_member", add).await?;
    let told = sdk_of(&app, by).await?.add_to_group(&id(&other)?, &names(&["doris"])?).await;
    answer.seen(Some(Operation::MemberAdd), 880_603)?.told(told)
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
    let may_not = json!({ "allowinvites": false });
    let (gid, other) = (group(&app, may_not.clone()).await?, group(&app, may_not).await?);
    let by = cause.choose("bobby", "alice");
    let add = of_group(&gid, &["carol"]);
    let answer = app.page_of(by).await?.ask("add_across_group_member", add).await?;
    let told = sdk_of(&app, by).await?.add_to_group(&id(&other)?, &names(&["carol"])?).await;
    answer.seen(Some(Operation::MemberAdd), 880_604)?.told(told)
}

/// alice adds users to groups of hers with bobby in them.
async fn added(app: &App, groups: [Value; 2], users: &[&str], code: i64) -> Result<Outcome> {
    let [gid, other] = groups;
    let mut alice = app.page_of("alice").await?;
    let answer = alice.ask("add_across_group_member", of_group(&gid, users)).await?;
    let told = sdk_of(app, "alice").await?.add_to_group(&id(&other)?, &names(users)?).await;
    answer.seen(Some(Operation::MemberAdd), code)?.told(told)
}

/// Two groups of alice's with bobby in them.
async fn teams(app: &App) -> Result<[Value; 2]> {
    let (mut alice, gid) = team(app).await?;
    Ok([gid, another_team(app, &mut alice).await?])
}

async fn added_nobody_who_is_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    added(&app, teams(&app).await?, &[cause.choose("nobody", "carol")], 882_002).await
}

async fn added_who_blocks_the_adder(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let blocked = json!([cause.choose("alice", "bobby")]);
    anyhow::ensure!(app.jmessage("PUT", "/v1/users/carol/blacklist", blocked).await?.is_fine());
    let (mut alice, gid) = team(&app).await?;
    let answer = alice.ask("add_across_group_member", of_group(&gid, &["carol"])).await?;
    answer.seen(Some(Operation::MemberAdd), 880_606)
}

async fn added_a_member(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    added(&app, teams(&app).await?, &[cause.choose("bobby", "carol")], 880_607).await
}

async fn added_to_a_full_group(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let size = json!({ "maxusers": cause.choose(2, 3) });
    let groups = [group(&app, size.clone()).await?, group(&app, size).await?];
    added(&app, groups, &["carol"], 880_608).await
}

async fn added_who_is_in_many_groups(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = people(lab).await?;
    let own = json!({ "group_name": "Own", "is_limit": false });
    app.page_of("carol").await?.ask("create_group", own).await?.done()?;
    let groups = teams(&app).await?;
    app.set(&[cause.choose("groups.joined_limit=1", "groups.joined_limit=3")]).await?;
    added(&app, groups, &["carol"], 880_609).await
}

async fn removed_from_a_group_of_others(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, cause.choose("doris", "alice"), false, &["bobby"], 882_004).await
}

/// Somebody removes users from groups of alice's with bobby and carol in them, of whom bobby may be an admin.
async fn removed(lab: &Lab, by: &str, is_admin: bool, users: &[&str], code: i64) -> Result<Outcome> {
    let app = people(lab).await?;
    app.page_users(&["doris"]).await?;
    let groups = teams(&app).await?;
    for gid in &groups {
        add(&app, gid, "carol").await?;
        if is_admin {
            let admin = of_group(gid, &["bobby"]);
            app.page_of("alice").await?.ask("add_group_keeper", admin).await?.done()?;
        }
    }
    let answer = app.page_of(by).await?.ask("del_across_group_member", of_group(&groups[0], users)).await?;
    let told = sdk_of(&app, by).await?.remove_members(&id(&groups[1])?, &names(users)?).await;
    answer.seen(Some(Operation::MemberRemove), code)?.told(told)
}

async fn removed_as_a_member(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "bobby", !cause.is_present(), &["carol"], 880_704).await
}

async fn removed_nobody_who_is_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed_on_the_wire(lab, &[cause.choose("nobody", "bobby")]).await
}

/// What alice is told who removes users from her group with bobby and carol in it.
async fn removed_on_the_wire(lab: &Lab, users: &[&str]) -> Result<Outcome> {
    let app = people(lab).await?;
    let (mut alice, gid) = team(&app).await?;
    add(&app, &gid, "carol").await?;
    let answer = alice.ask("del_across_group_member", of_group(&gid, users)).await?;
    answer.seen(Some(Operation::MemberRemove), 882_002)
}

async fn removed_the_owner(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "bobby", true, &[cause.choose("alice", "carol")], 880_705).await
}

async fn removed_somebody_twice(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed_on_the_wire(lab, &["bobby", cause.choose("bobby", "carol")]).await
}

async fn removed_who_is_not_in(lab: &Lab, cause: Cause) -> Result<Outcome> {
    removed(lab, "alice", false, &[cause.choose("doris", "bobby")], 880_703).await
}

/// What a user is told who blocks others.
async fn blocked(lab: &Lab, whom: &[&str], code: i64) -> Result<Outcome> {
    let app = people(lab).await?;
    let block = json!({ "member_usernames": users(whom) });
    let answer = app.page_of("alice").await?.ask("add_black_list", block).await?;
    let sdk = sdk_of(&app, "alice").await?;
    if answer.is_fine() {
        // Nobody is blocked twice.
        sdk.unblock_users(&names(whom)?).await?;
    }
    answer.seen(Some(Operation::BlockAdd), code)?.told(sdk.block_users(&names(whom)?).await)
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
    let whom: &[&str] = cause.choose(&[], &["bobby"]);
    let mut alice = app.page_of("alice").await?;
    let answer = alice.ask("del_black_list", json!({ "member_usernames": users(whom) })).await?;
    let sdk = sdk_of(&app, "alice").await?;
    if answer.is_fine() {
        sdk.block_users(&names(whom)?).await?;
    }
    let told = sdk.unblock_users(&names(whom)?).await;
    answer.seen(Some(Operation::BlockRemove), 882_003)?.told(told)
}
