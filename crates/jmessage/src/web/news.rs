//! What happens and is not said by anybody, as section 5 of jmessage.md has it: recalls, receipts, and events of groups and
//! contacts. Knows the vendor's numbers, decides nothing.

use model::{
    ContactChange, ContactNews, ContactPart, ConversationId, DeviceNumber, Entry, EntryKind, Event, Feed,
    GroupChange, GroupKind, GroupNews, News, SettingNews, Uid,
};
use serde_json::{Value, json};

use super::event::{Item, Member, Shown};
use super::perform::WebPerform;
use super::render::{GROUP, SINGLE, number_of};
use crate::rest::profile;

/// Users of one event whose nicknames are looked up; a line that names more is not read.
const NICKNAMES: usize = 50;

/// What a client is told of an entry that is no message; `None`: the vendor has no words for it.
pub(crate) async fn item(
    perform: &WebPerform,
    member: &Member,
    shown: Shown<'_>,
) -> Result<Option<Item>, app::Error> {
    let entry = shown.entry;
    Ok(match entry.kind {
        EntryKind::Recall => recall(member, shown).map(Item::Event),
        EntryKind::ReadReceipt if entry.sender != member.uid => {
            Some(Item::Receipt(receipt(perform, member, entry).await?))
        }
        EntryKind::ConversationRead if entry.sender == member.uid => {
            Some(Item::Event(conversation_read(perform, member, shown).await?))
        }
        EntryKind::Event => match Event::decode(&entry.payload).ok().map(|event| event.news) {
            Some(News::Group(news)) => match group(member, entry, &news) {
                Some(told) => Some(Item::Event(with_picture(perform, member, &news, told).await?)),
                None => None,
            },
            Some(News::Contact(news)) => match contact(member, entry, &news) {
                Some(told) => Some(Item::Event(with_inviter(perform, member, entry, told).await?)),
                None => None,
            },
            _ => None,
        },
        _ => None,
    })
}

/// An event with what all have.
fn event(member: &Member, entry: &Entry, event_type: u16, extra: u16) -> Value {
    json!({
        "event_id": entry.id.0,
        "event_type": event_type,
        "extra": extra,
        "ctime": entry.at.0 / 1000,
        "ctime_ms": entry.at.0,
        "from_username": entry.sender_name.as_str(),
        "from_appkey": member.face.as_str(),
        "from_nickname": "",
        "gid": 0,
        "from_gid": 0,
        "to_usernames": [],
        "to_groups": [],
        "media_id": "",
        "return_code": 0,
        "description": "",
    })
}

fn users(member: &Member, names: &[&str]) -> Value {
    let one = |name: &&str| json!({ "username": name, "appkey": member.face.as_str(), "nickname": "" });
    names.iter().map(one).collect()
}

fn recall(member: &Member, shown: Shown<'_>) -> Option<Value> {
    let entry = shown.entry;
    let subject = entry.subject?;
    let mut told = event(member, entry, 55, 0);
    told["msgid_list"] = json!([subject.0]);
    told["msg_ids"] = json!([subject.0]);
    match shown.feed {
        Feed::Conversation(ConversationId::Group(_) | ConversationId::Room(_)) => {
            told["from_gid"] = number_of(entry.target_name.as_str()).into();
        }
        _ => told["to_usernames"] = users(member, &[entry.target_name.as_str()]),
    }
    Some(told)
}

/// A message was read: how many have not, the smaller number counts.
async fn receipt(perform: &WebPerform, member: &Member, entry: &Entry) -> Result<Value, app::Error> {
    let subject = entry.subject.map_or(0, |subject| subject.0);
    let Some(readers) = entry.readers else {
        return Ok(json!({
            "type": SINGLE,
            "appkey": member.face.as_str(),
            "username": entry.sender_name.as_str(),
            "receipt_msgs": [{ "msg_id": subject, "unread_count": 0, "mtime": entry.at.0 }],
        }));
    };
    let group = entry.target_name.as_str();
    let tenant = perform.use_cases().find_app_by_hex_key(&member.face);
    let members = match tenant {
        Some(tenant) => perform.use_cases().find_any_group(&tenant, group).await?,
        None => None,
    };
    let others = members.map_or(0, |found| found.group.member_count.saturating_sub(1));
    Ok(json!({
        "type": GROUP,
        "gid": number_of(group),
        "receipt_msgs": [{
            "msg_id": subject, "unread_count": others.saturating_sub(readers), "mtime": entry.at.0,
        }],
    }))
}

/// The user read a conversation on another of his devices.
async fn conversation_read(
    perform: &WebPerform,
    member: &Member,
    shown: Shown<'_>,
) -> Result<Value, app::Error> {
    let mut told = event(member, shown.entry, 200, 0);
    // The SDK reads this one as it is; that of a changed note (100/7) is a text of JSON.
    told["description"] = conversation_named(perform, member, shown.entry.target_name.as_str()).await?;
    Ok(told)
}

/// A conversation of the user's, by the name of its other side.
async fn conversation_named(perform: &WebPerform, member: &Member, name: &str) -> Result<Value, app::Error> {
    // A user may have a number for a name, such as that of a telephone.
    let is_group = match perform.use_cases().find_app_by_hex_key(&member.face) {
        Some(tenant) => perform.use_cases().find_any_group(&tenant, name).await?.is_some(),
        None => false,
    };
    Ok(if is_group {
        json!({ "type": GROUP, "gid": number_of(name) })
    } else {
        json!({ "type": SINGLE, "appkey": member.face.as_str(), "username": name })
    })
}

/// An invitation with what its reader shows of who invites.
async fn with_inviter(
    perform: &WebPerform,
    member: &Member,
    entry: &Entry,
    mut told: Value,
) -> Result<Value, app::Error> {
    let tenant = perform.use_cases().find_app_by_hex_key(&member.face);
    if entry.sender != member.uid
        && let Some(tenant) = tenant
        && let Some(account) = perform.use_cases().find_account(&tenant, entry.sender).await?
    {
        let shown = profile::shown(perform.use_cases(), &tenant, &[account]).await?.pop().unwrap_or_default();
        let text = |key: &str| shown.get(key).and_then(Value::as_str).unwrap_or_default();
        told["from_nickname"] = text("nickname").into();
        told["media_id"] = text("avatar").into();
    }
    Ok(told)
}

/// An event of a group with the group's name and picture, and the nicknames of those whom pages name in a line about it.
async fn with_picture(
    perform: &WebPerform,
    member: &Member,
    news: &GroupNews,
    mut told: Value,
) -> Result<Value, app::Error> {
    let use_cases = perform.use_cases();
    let Some(tenant) = use_cases.find_app_by_hex_key(&member.face) else { return Ok(told) };
    if let Some(found) = use_cases.find_any_group(&tenant, &news.group).await? {
        told["media_id"] = found.group.avatar.as_str().into();
        if news.name.is_empty() {
            told["group_name"] = found.group.name.as_str().into();
        }
    }
    let nickname = async |name: &Value| {
        let account = use_cases.find_user(&tenant, name.as_str().unwrap_or_default()).await?;
        Ok::<_, app::Error>(account.and_then(|account| account.user.nickname.clone()).unwrap_or_default())
    };
    told["from_nickname"] = nickname(&told["from_username"]).await?.into();
    if let Some(users) = told["to_usernames"].as_array_mut() {
        for user in users.iter_mut().take(NICKNAMES) {
            user["nickname"] = nickname(&user["username"]).await?.into();
        }
    }
    Ok(told)
}

fn group(member: &Member, entry: &Entry, news: &GroupNews) -> Option<Value> {
    if news.kind != GroupKind::Group {
        return None;
    }
    // What the back end does is nobody's doing: pages ask for users whom an event names.
    let is_by_back_end = entry.sender == Uid::BACK_END;
    let sender = if is_by_back_end { "" } else { entry.sender_name.as_str() };
    let (event_type, extra, names): (u16, u16, Vec<&str>) = match &news.change {
        GroupChange::Created if is_by_back_end => (8, 0, vec![member.name.as_str()]),
        GroupChange::Created => (8, 0, vec![sender]),
        // Pages look at the first name. All are out, so each is told of himself.
        GroupChange::Destroyed => (9, 69, vec![member.name.as_str()]),
        GroupChange::Joined { users, approved, .. } => {
            (10, u16::from(*approved), users.iter().map(String::as_str).collect())
        }
        GroupChange::Added { user } => (10, 0, vec![user]),
        GroupChange::ApplicationAccepted { user } => (10, 1, vec![user]),
        GroupChange::InvitationAccepted => (10, 0, vec![sender]),
        GroupChange::Left { users, .. } if users.iter().all(|user| user == sender) => (9, 0, vec![sender]),
        GroupChange::Left { users, .. } => (11, 0, users.iter().map(String::as_str).collect()),
        GroupChange::Removed { user } => (11, 0, vec![user]),
        GroupChange::Updated { .. } if is_by_back_end => (12, 0, Vec::new()),
        GroupChange::Updated { .. } => (12, 0, vec![sender]),
        // He asks by himself, or a member for him.
        GroupChange::Applied { user: None, .. } => (56, 59, vec![sender]),
        GroupChange::Applied { user: Some(user), .. } => (56, 10, vec![user]),
        GroupChange::ApplicationHandled { user, .. } => (58, 0, vec![user]),
        GroupChange::ApplicationDeclined { user, .. } => (57, 0, vec![user]),
        GroupChange::Silenced { user, silent } => (65, if *silent { 1 } else { 2 }, vec![user]),
        GroupChange::AdminAdded { user } => (80, 1, vec![user]),
        GroupChange::AdminRemoved { user } => (80, 2, vec![user]),
        GroupChange::OwnerChanged { owner, .. } => (82, 0, vec![owner]),
        _ => return None,
    };
    let mut told = event(member, entry, event_type, extra);
    if is_by_back_end {
        told["from_username"] = "".into();
        told["from_appkey"] = "".into();
    }
    told["gid"] = number_of(&news.group).into();
    told["from_gid"] = number_of(&news.group).into();
    told["group_name"] = news.name.as_str().into();
    told["to_usernames"] = users(member, &names);
    match &news.change {
        GroupChange::Applied { reason, number, .. } => {
            told["description"] = reason.as_str().into();
            // By this all who may answer know it.
            if *number != 0 {
                told["event_id"] = (*number).into();
            }
        }
        GroupChange::ApplicationDeclined { reason, .. } => told["description"] = reason.as_str().into(),
        GroupChange::ApplicationHandled { number, .. } => told["from_eventid"] = (*number).into(),
        GroupChange::OwnerChanged { owner, previous } => {
            told["new_owner"] = owner_named(member, owner);
            if !previous.is_empty() {
                told["from_username"] = previous.as_str().into();
                told["from_appkey"] = member.face.as_str().into();
            }
        }
        GroupChange::Left { new_owner: Some(owner), .. } => told["new_owner"] = owner_named(member, owner),
        GroupChange::Destroyed => {
            // Nobody left: the group did.
            told["from_username"] = "".into();
            told["from_appkey"] = "".into();
        }
        _ => {}
    }
    Some(told)
}

fn owner_named(member: &Member, name: &str) -> Value {
    json!({ "username": name, "appkey": member.face.as_str() })
}

/// What is told at once or never: that the back end changed what the user has set. The numbers in `extra` are those of
/// the same change made on another device.
pub(crate) fn setting(member: &Member, entry: &Entry) -> Option<Value> {
    let News::Setting(news) = Event::decode(&entry.payload).ok()?.news else { return None };
    let (event_type, extra) = match &news {
        SettingNews::UsersQuiet { quiet, .. } => (37, if *quiet { 31 } else { 32 }),
        SettingNews::GroupsQuiet { quiet, .. } => (37, if *quiet { 33 } else { 34 }),
        SettingNews::AllQuiet { quiet } => (37, if *quiet { 35 } else { 36 }),
        SettingNews::Shield { shielded, .. } => (39, if *shielded { 1 } else { 2 }),
        SettingNews::Profile => (40, 0),
        SettingNews::Noted { .. } => (100, 7),
    };
    let mut told = event(member, entry, event_type, extra);
    let group = |(id, name): &(String, String)| json!({ "gid": number_of(id), "name": name });
    match &news {
        SettingNews::UsersQuiet { users: names, .. } => {
            told["to_usernames"] = users(member, &names.iter().map(String::as_str).collect::<Vec<_>>());
        }
        SettingNews::GroupsQuiet { groups, .. } => told["to_groups"] = groups.iter().map(group).collect(),
        SettingNews::Shield { group: shielded, .. } => told["to_groups"] = json!([group(shielded)]),
        SettingNews::Noted { user, remark, others } => {
            told["to_usernames"] = users(member, &[user]);
            // The SDK reads it as JSON.
            let memo = [("memo_name", remark), ("memo_others", others)];
            let given = memo.iter().filter_map(|(key, text)| Some((*key, text.as_deref()?)));
            let memo: Value = given.collect::<std::collections::BTreeMap<_, _>>().into_iter().collect();
            told["description"] = memo.to_string().into();
        }
        SettingNews::AllQuiet { .. } | SettingNews::Profile => {}
    }
    Some(told)
}

fn contact(member: &Member, entry: &Entry, news: &ContactNews) -> Option<Value> {
    match news.part {
        // He hears the yes itself.
        Some(ContactPart::Asked) => return None,
        Some(ContactPart::Answered { device }) if device == member.device.0 => return None,
        Some(ContactPart::Answered { .. }) => {
            let mut told = event(member, entry, 100, 5);
            told["from_username"] = member.name.as_str().into();
            told["to_usernames"] = users(member, &[entry.sender_name.as_str()]);
            return Some(told);
        }
        None => {}
    }
    // Done on no device: the back end did it.
    let is_by_back_end = entry.sender_device == DeviceNumber::NONE;
    if entry.sender == member.uid {
        // The user's own doing, told to his other devices.
        let (event_type, extra) = match news.change {
            ContactChange::Blocked if is_by_back_end => (38, 1),
            ContactChange::Unblocked if is_by_back_end => (38, 2),
            ContactChange::Accepted | ContactChange::Added => (100, 5),
            ContactChange::Removed => (100, 6),
            ContactChange::Blocked => (101, 1),
            ContactChange::Unblocked => (101, 2),
            ContactChange::Asked { .. } | ContactChange::Declined { .. } => return None,
        };
        let mut told = event(member, entry, event_type, extra);
        told["to_usernames"] = users(member, &[&news.peer]);
        return Some(told);
    }
    let (event_type, extra, return_code, description) = match &news.change {
        ContactChange::Asked { reason } => (5, 1, 0, reason.as_str()),
        ContactChange::Accepted => (5, 2, 0, ""),
        ContactChange::Declined { reason } => (5, 2, 1, reason.as_str()),
        ContactChange::Added => (7, 0, 0, ""),
        ContactChange::Removed if is_by_back_end => (7, 0, 0, ""),
        ContactChange::Removed => (6, 0, 0, ""),
        ContactChange::Blocked | ContactChange::Unblocked => return None,
    };
    let mut told = event(member, entry, event_type, extra);
    told["to_usernames"] = users(member, &[member.name.as_str()]);
    told["return_code"] = return_code.into();
    told["description"] = description.into();
    Some(told)
}
