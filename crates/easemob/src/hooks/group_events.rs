//! What an app's own server is told of groups and chat rooms, in each of the vendor's two forms (easemob-rest.md 5.5,
//! 5.6). Which of them a rule wants is `domain::hook::EventFormat`.

use domain::app::App;
use domain::group::Group;
use domain::hook::{Entrance, EventFormat, PlaceChange, PlaceNotice, Rule};
use easemob_wire::pb::muc_body::Operation;
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use model::{GroupChange, GroupKind, GroupNews, MessageId, Username};
use serde_json::{Map, Value, json};

use super::report::{By, jid, signed};
use crate::msync::news::group_body;
use crate::rest::NO_END;

/// What happened.
pub(super) struct About<'a> {
    pub(super) news: &'a GroupNews,
    /// The group as it is now.
    pub(super) group: Option<&'a Group>,
    pub(super) entrance: Entrance,
    /// Who was brought in by the same deed.
    pub(super) added: &'a [String],
}

impl<'a> About<'a> {
    pub(super) fn of(news: &'a GroupNews) -> Self {
        Self { news, group: None, entrance: Entrance::default(), added: &[] }
    }
}

/// `chat_type: "muc"`, one report for each who came or went. Threads have no such events.
pub(super) fn muc(app: &App, rule: &Rule, by: &By<'_>, news: &GroupNews) -> Vec<Value> {
    let mut reports = Vec::new();
    // Told by the news of the applicant and of the one who is muted.
    let is_passed =
        matches!(news.change, GroupChange::ApplicationHandled { .. } | GroupChange::Silenced { .. });
    if news.kind == GroupKind::Thread || is_passed {
        return reports;
    }
    for news in each(news) {
        if let GroupChange::Left { users, .. } = &news.change
            && users.iter().any(|user| user == by.name)
        {
            reports.push(muc_report(app, rule, by, &news, Some(Operation::Leave), reports.len()));
        }
        reports.push(muc_report(app, rule, by, &news, None, reports.len()));
    }
    reports
}

/// The same, told of one user at a time.
fn each(news: &GroupNews) -> Vec<GroupNews> {
    let with = |change| GroupNews { change, ..news.clone() };
    match &news.change {
        GroupChange::Joined { users, member_count, note, approved } => {
            let joined = |user: &String| {
                let (users, note) = (vec![user.clone()], note.clone());
                with(GroupChange::Joined { users, member_count: *member_count, note, approved: *approved })
            };
            users.iter().map(joined).collect()
        }
        GroupChange::Left { users, member_count, new_owner, blocked } => {
            let left = |user: &String| {
                let (users, new_owner) = (vec![user.clone()], new_owner.clone());
                let (member_count, blocked) = (*member_count, *blocked);
                with(GroupChange::Left { users, member_count, new_owner, blocked })
            };
            users.iter().map(left).collect()
        }
        _ => vec![news.clone()],
    }
}

fn muc_report(
    app: &App,
    rule: &Rule,
    by: &By<'_>,
    news: &GroupNews,
    operation: Option<Operation>,
    part: usize,
) -> Value {
    let body = group_body(app.key.as_str(), by.name, news);
    let group = jid(app, &news.group, GROUP_DOMAIN);
    let user = |name: &str| jid(app, name, USER_DOMAIN);
    let author = body.from.as_ref().map_or(by.name, |from| from.name());
    let from = if author == by.name { by.jid(app) } else { user(author) };
    let to = body.to.first().map_or_else(|| group.clone(), |to| user(to.name()));
    let mut payload = json!({
        "muc_id": group,
        "reason": body.reason(),
        "is_chatroom": body.is_chatroom(),
        "operation": operation_name(operation.unwrap_or_else(|| body.operation())),
        "status": { "description": "", "error_code": "ok" },
    });
    let ext = body.event_info.as_ref().and_then(|info| info.ext.clone()).or(body.ext);
    if let Some(ext) = ext {
        payload["event_info"] = json!({ "ext": ext, "type": "event_none" });
    }
    let mut report = signed(app, rule, by.id, part, by.at);
    report["eventType"] = "chat".into();
    report["chat_type"] = "muc".into();
    report["msg_id"] = by.id.to_string().into();
    report["group_id"] = news.group.as_str().into();
    report["from"] = from.into();
    report["to"] = to.into();
    report["payload"] = payload;
    report
}

fn operation_name(operation: Operation) -> String {
    match operation {
        // The vendor's spelling (easemob-rest.md 5.5).
        Operation::AssignOwner => "assing_owner".to_owned(),
        operation => operation.as_str_name().to_ascii_lowercase(),
    }
}

/// `event: "group_op_event"`. Requests and invitations have no such event; the entrance that follows has. Those who are in
/// a group from its beginning came in besides.
pub(super) fn group_op(app: &App, rule: &Rule, by: &By<'_>, about: &About<'_>) -> Vec<Value> {
    let news = about.news;
    let kind = match news.kind {
        GroupKind::Group => "GROUP",
        GroupKind::Room => "CHATROOM",
        GroupKind::Thread => return Vec::new(),
    };
    let Some((operation, payload)) = operation(app, by, about) else { return Vec::new() };
    let mut report = op_report(app, rule, by, (kind, &news.group), operation, payload);
    if let GroupChange::Joined { member_count, .. } | GroupChange::Left { member_count, .. } = &news.change {
        report["member_count"] = (*member_count).into();
    }
    let mut reports = vec![report];
    if matches!(news.change, GroupChange::Created) && !about.added.is_empty() {
        let payload = json!({ "member": about.added, "type": "DIRECT" });
        let mut joined = op_report(app, rule, by, (kind, &news.group), "JOIN", payload);
        if let Some(group) = about.group {
            joined["member_count"] = group.member_count.into();
        }
        let call = signed(app, rule, by.id, 1, by.at);
        for key in ["callId", "security"] {
            joined[key] = call[key].clone();
        }
        reports.push(joined);
    }
    reports
}

/// `place`: its type and id.
fn op_report(
    app: &App,
    rule: &Rule,
    by: &By<'_>,
    (kind, id): (&str, &str),
    operation: &str,
    payload: Value,
) -> Value {
    let mut report = signed(app, rule, by.id, 0, by.at);
    report["event"] = "group_op_event".into();
    report["id"] = id.into();
    report["type"] = kind.into();
    report["operation"] = operation.into();
    let is_back_end = by.name == Username::BACK_END && !by.is_user;
    report["operator"] = if is_back_end { "@ppAdmin" } else { by.name }.into();
    report["payload"] = payload;
    report
}

/// What no client hears of. The first form knows some of it.
pub(super) fn of_place(app: &App, rule: &Rule, notice: &PlaceNotice) -> Option<Value> {
    let by = By {
        id: MessageId(notice.id),
        at: notice.at,
        name: &notice.actor,
        is_user: notice.is_user,
        resource: None,
    };
    let format = rule.post_send().map(|post| post.format).unwrap_or_default();
    let kind = match notice.kind {
        GroupKind::Group => "GROUP",
        GroupKind::Room => "CHATROOM",
        GroupKind::Thread => return None,
    };
    let group = jid(app, &notice.place, GROUP_DOMAIN);
    let in_the_first_form = match &notice.change {
        PlaceChange::Blocked { user } => Some((Operation::Ban, jid(app, user, USER_DOMAIN))),
        PlaceChange::Shielded { shielded: true } => Some((Operation::Block, group.clone())),
        PlaceChange::Shielded { shielded: false } => Some((Operation::Unblock, group.clone())),
        PlaceChange::Disabled { .. } | PlaceChange::SuperAdmin { .. } => None,
    };
    let (operation, payload) = match (&notice.change, format) {
        (_, EventFormat::Muc) => {
            let (operation, to) = in_the_first_form?;
            let mut report = signed(app, rule, by.id, 0, by.at);
            report["eventType"] = "chat".into();
            report["chat_type"] = "muc".into();
            report["msg_id"] = by.id.to_string().into();
            report["group_id"] = notice.place.as_str().into();
            report["from"] = by.jid(app).into();
            report["to"] = to.into();
            report["payload"] = json!({
                "muc_id": group,
                "reason": "",
                "is_chatroom": notice.kind == GroupKind::Room,
                "operation": operation_name(operation),
                "status": { "description": "", "error_code": "ok" },
            });
            return Some(report);
        }
        (PlaceChange::Shielded { shielded }, EventFormat::GroupOp) => {
            ("SHIELD", json!({ "type": if *shielded { "ADD" } else { "REMOVE" } }))
        }
        (PlaceChange::Blocked { user }, EventFormat::GroupOp) => {
            ("BLOCK", json!({ "type": "ADD", "member": [user], "expire_timestamp": NO_END }))
        }
        (PlaceChange::Disabled { disabled }, EventFormat::GroupOp) => {
            ("UPDATE", json!({ "type": "DISABLE", "disable": disabled }))
        }
        (PlaceChange::SuperAdmin { user, may }, EventFormat::GroupOp) => {
            let change = if *may { "ADD" } else { "REMOVE" };
            ("ROOM_SUPER_ADMIN", json!({ "type": change, "admin": [user] }))
        }
    };
    Some(op_report(app, rule, &by, (kind, &notice.place), operation, payload))
}

fn operation(app: &App, by: &By<'_>, about: &About<'_>) -> Option<(&'static str, Value)> {
    let change = |kind: &str, key: &str, value: Value| json!({ "type": kind, key: value });
    Some(match &about.news.change {
        GroupChange::Created => ("CREATE", created(app, about)),
        GroupChange::Destroyed => ("DELETE", json!({})),
        GroupChange::Joined { users, note, .. } => {
            let kind = match about.entrance {
                Entrance::Direct => "DIRECT",
                Entrance::Invited => "INVITE",
                Entrance::Applied => "APPLY",
            };
            let mut payload = json!({ "member": users, "type": kind });
            if !note.is_empty() {
                payload["options"] = json!({ "ext": note });
            }
            ("JOIN", payload)
        }
        GroupChange::Left { users, blocked, .. } => {
            let quit = users.iter().any(|user| user == by.name);
            let kind = if *blocked {
                "BLOCK"
            } else if quit {
                "QUIT"
            } else {
                "KICK"
            };
            ("LEAVE", json!({ "member": users, "type": kind }))
        }
        GroupChange::Muted { user, until } => {
            let until = until.unwrap_or(NO_END);
            ("MUTE", json!({ "member": [user], "type": "ADD", "expire_timestamp": until }))
        }
        GroupChange::Unmuted { user } => ("MUTE", json!({ "member": [user], "type": "REMOVE" })),
        GroupChange::AllMuted => ("UPDATE", change("MUTE", "mute", true.into())),
        GroupChange::AllUnmuted => ("UPDATE", change("MUTE", "mute", false.into())),
        GroupChange::OwnerChanged { owner, previous } => {
            let previous = if previous.is_empty() { by.name } else { previous };
            ("UPDATE", json!({ "type": "OWNER", "owner": previous, "new_owner": owner }))
        }
        GroupChange::Updated { settings } => {
            let mut info = about.group.map(|group| whole_info(app, group)).unwrap_or_default();
            info.extend(changed_info(settings));
            ("UPDATE", change("INFO", "info", info.into()))
        }
        GroupChange::AnnouncementChanged { text } => {
            ("UPDATE", change("ANNOUNCEMENT", "announcement", text.as_str().into()))
        }
        GroupChange::AnnouncementDeleted => ("UPDATE", json!({ "type": "ANNOUNCEMENT" })),
        GroupChange::AdminAdded { user } => ("ADMIN", json!({ "type": "ADD", "admin": [user] })),
        GroupChange::AdminRemoved { user } => ("ADMIN", json!({ "type": "REMOVE", "admin": [user] })),
        GroupChange::AllowListAdded { user } => ("WHITE", json!({ "type": "ADD", "member": [user] })),
        GroupChange::AllowListRemoved { user } => ("WHITE", json!({ "type": "REMOVE", "member": [user] })),
        GroupChange::Unblocked { user } => ("BLOCK", json!({ "type": "REMOVE", "member": [user] })),
        // Ids alone; the first form says more of a file.
        GroupChange::FileShared { file, .. } => {
            ("SHARE_FILE", json!({ "type": "ADD", "share_file": [file] }))
        }
        GroupChange::FileRemoved { file } => {
            ("SHARE_FILE", json!({ "type": "REMOVE", "share_file": [file] }))
        }
        GroupChange::Applied { .. }
        | GroupChange::ApplicationHandled { .. }
        | GroupChange::Silenced { .. }
        | GroupChange::ApplicationAccepted { .. }
        | GroupChange::ApplicationDeclined { .. }
        | GroupChange::Invited { .. }
        | GroupChange::InvitationAccepted
        | GroupChange::InvitationDeclined { .. }
        | GroupChange::Removed { .. }
        | GroupChange::Added { .. }
        | GroupChange::AttributesSet { .. }
        | GroupChange::AttributesRemoved { .. }
        | GroupChange::MemberAttributesSet { .. } => return None,
    })
}

/// Who leads it, and its settings.
fn created(app: &App, about: &About<'_>) -> Value {
    let Some(group) = about.group else { return json!({ "role": {}, "member": [], "info": {} }) };
    let mut roles = Map::from_iter([(group.owner.name.to_string(), Value::from("owner"))]);
    roles.extend(group.admins.iter().map(|admin| (admin.name.to_string(), Value::from("admin"))));
    json!({ "role": roles, "member": about.added, "info": whole_info(app, group) })
}

/// All settings of a group, mostly as texts.
fn whole_info(app: &App, group: &Group) -> Map<String, Value> {
    let info = json!({
        "owner": format!("{}_{}", app.key, group.owner.name),
        "created": group.created.0,
        "custom": group.custom,
        "description": group.description,
        "mute": group.mute_all,
        "avatar": group.avatar,
        "title": group.name,
        "max_users": group.max_users,
        "invite_need_confirm": group.invite_need_confirm,
        "public": group.public,
        "allow_user_invites": group.allow_invites,
        "disabled": group.disabled,
        "last_modified": group.modified.0,
    });
    let mut info = info.as_object().map(texts).unwrap_or_default();
    // No text, as the vendor has it; for ever, which a group's mute is.
    info.insert("mute_duration".to_owned(), json!(-1));
    info
}

/// Changed settings under the names that a whole group's have.
fn changed_info(settings: &Map<String, Value>) -> Map<String, Value> {
    let mut info = texts(settings);
    for (name, shown) in [("name", "title"), ("allow_invites", "allow_user_invites")] {
        if let Some(value) = info.remove(name) {
            info.insert(shown.to_owned(), value);
        }
    }
    info
}

fn texts(settings: &Map<String, Value>) -> Map<String, Value> {
    let text = |value: &Value| match value {
        Value::String(text) => Value::String(text.clone()),
        value => Value::String(value.to_string()),
    };
    settings.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}
