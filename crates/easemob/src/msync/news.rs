//! Events of the house as the vendor's clients read them: bodies of groups and rooms (msync.md 2.15), contacts
//! (2.16), and JSON (2.17, see [`notices`]). Knows the vendor's numbers, decides nothing.

use bytes::Bytes;
use easemob_wire::downlink::{EventBody, encode_event};
use easemob_wire::pb::muc_body::{self, Operation as Muc};
use easemob_wire::pb::roster_body::{self, Operation as Roster};
use easemob_wire::pb::{Jid, MucBody, RosterBody};
use easemob_wire::{GROUP_DOMAIN, USER_DOMAIN};
use model::{ContactChange, ContactNews, Entry, Event, GroupChange, GroupKind, GroupNews, News, Presence};
use serde_json::{Map, Value, json};

use super::notices;

/// The part of a meta that holds an event.
pub(crate) fn remainder(app_key: &str, entry: &Entry, event: &Event) -> Bytes {
    let actor = entry.sender_name.as_str();
    match &event.news {
        News::Group(news) => encode_event(EventBody::Muc(&group_body(app_key, actor, news))),
        News::Contact(news) => encode_event(EventBody::Roster(&roster_body(app_key, actor, news))),
        // Written without blanks and with all control characters escaped.
        News::Presence(news) => {
            let shown: Vec<Presence> = news.iter().map(|news| news.presence.clone()).collect();
            presence(&shown)
        }
        News::Conversation(news) => {
            encode_event(EventBody::Notify(&notices::conversation(entry, news).to_string()))
        }
        News::Thread(news) => encode_event(EventBody::Notify(&notices::thread(entry, news).to_string())),
        News::Silence(news) => encode_event(EventBody::Notify(&notices::silence(entry, news).to_string())),
        // Told to devices of another dialect only.
        News::Setting(_) => Bytes::new(),
        News::HistoryCleared => encode_event(EventBody::Notify(&notices::history_cleared(entry).to_string())),
    }
}

/// What is shown of users, as the part of a meta.
pub(crate) fn presence(presences: &[Presence]) -> Bytes {
    encode_event(EventBody::Notify(&notices::presence(presences).to_string()))
}

/// Whether the vendor's clients are told of an event at all.
pub(crate) fn has_words(event: &Event) -> bool {
    let News::Group(news) = &event.news else { return true };
    !matches!(news.change, GroupChange::ApplicationHandled { .. } | GroupChange::Silenced { .. })
}

pub(crate) fn group_body(app_key: &str, actor: &str, news: &GroupNews) -> MucBody {
    let user = |name: &str| address(app_key, name, USER_DOMAIN);
    let mut body = MucBody {
        muc_id: Some(address(app_key, &news.group, GROUP_DOMAIN)),
        from: Some(user(actor)),
        is_chatroom: Some(news.kind == GroupKind::Room),
        is_thread: (news.kind == GroupKind::Thread).then_some(true),
        muc_parent_id: news.parent.as_ref().map(|parent| address(app_key, parent, GROUP_DOMAIN)),
        muc_name: (!news.name.is_empty()).then(|| news.name.clone()),
        status: Some(muc_body::Status {
            error_code: Some(muc_body::status::ErrorCode::Ok.into()),
            ..Default::default()
        }),
        ..MucBody::default()
    };
    let is_thread = news.kind == GroupKind::Thread;
    let to = |body: &mut MucBody, name: &str| body.to = vec![user(name)];
    let operation = match &news.change {
        GroupChange::Created if is_thread => Muc::ThreadCreate,
        GroupChange::Destroyed if is_thread => Muc::ThreadDestroy,
        GroupChange::Joined { .. } if is_thread => Muc::ThreadJoin,
        GroupChange::Left { .. } if is_thread => Muc::ThreadLeave,
        GroupChange::Updated { .. } if is_thread => Muc::ThreadUpdate,
        GroupChange::Removed { user } if is_thread => {
            to(&mut body, user);
            Muc::ThreadKick
        }
        GroupChange::Created => Muc::Create,
        GroupChange::Destroyed => Muc::Destroy,
        GroupChange::Applied { reason, user: wanted, .. } => {
            // It is the applicant who is answered.
            if let Some(wanted) = wanted {
                body.from = Some(user(wanted));
            }
            body.reason = Some(reason.clone());
            Muc::Apply
        }
        // Told to pages of the other dialect only ([`has_words`]).
        GroupChange::ApplicationHandled { user, .. } | GroupChange::ApplicationAccepted { user } => {
            to(&mut body, user);
            Muc::ApplyAccept
        }
        GroupChange::ApplicationDeclined { user, reason } => {
            to(&mut body, user);
            body.reason = Some(reason.clone());
            Muc::ApplyDecline
        }
        GroupChange::Invited { user, reason } => {
            to(&mut body, user);
            body.reason = Some(reason.clone());
            Muc::Invite
        }
        GroupChange::InvitationAccepted => Muc::InviteAccept,
        GroupChange::InvitationDeclined { reason } => {
            body.reason = Some(reason.clone());
            Muc::InviteDecline
        }
        GroupChange::Removed { user } => {
            to(&mut body, user);
            Muc::Kick
        }
        GroupChange::Unblocked { user } => {
            to(&mut body, user);
            Muc::Allow
        }
        GroupChange::Added { user } => {
            to(&mut body, user);
            Muc::DirectJoined
        }
        GroupChange::Updated { settings } => {
            body.event_info = Some(event_info(&Value::Object(settings.clone())));
            Muc::Update
        }
        GroupChange::Joined { users, member_count, note, .. } => {
            body.ext = (!note.is_empty()).then(|| note.clone());
            crowd(&mut body, app_key, users, *member_count);
            Muc::Presence
        }
        GroupChange::Left { users, member_count, .. } => {
            crowd(&mut body, app_key, users, *member_count);
            Muc::Absence
        }
        GroupChange::OwnerChanged { owner, .. } => {
            to(&mut body, owner);
            Muc::AssignOwner
        }
        GroupChange::AdminAdded { user } => {
            to(&mut body, user);
            Muc::AddAdmin
        }
        GroupChange::AdminRemoved { user } => {
            to(&mut body, user);
            Muc::RemoveAdmin
        }
        GroupChange::Muted { user, until } => {
            to(&mut body, user);
            body.ext = Some(json!({ "user_mute_time": until.map_or(-1, i128::from) }).to_string());
            Muc::AddMute
        }
        GroupChange::Unmuted { user } => {
            to(&mut body, user);
            Muc::RemoveMute
        }
        // Told to pages of the other dialect only ([`has_words`]).
        GroupChange::Silenced { user, .. } => {
            to(&mut body, user);
            Muc::AddMute
        }
        GroupChange::AllMuted => Muc::BanGroup,
        GroupChange::AllUnmuted => Muc::RemoveBanGroup,
        GroupChange::AllowListAdded { user } => {
            to(&mut body, user);
            Muc::AddUserWhiteList
        }
        GroupChange::AllowListRemoved { user } => {
            to(&mut body, user);
            Muc::RemoveUserWhiteList
        }
        GroupChange::AnnouncementChanged { text } => {
            body.reason = Some(text.clone());
            Muc::UpdateAnnouncement
        }
        GroupChange::AnnouncementDeleted => Muc::DeleteAnnouncement,
        GroupChange::FileShared { file, name, bytes } => {
            let data = json!({ "file_id": file, "file_name": name, "file_owner": actor, "file_size": bytes });
            body.reason = Some(json!({ "data": data }).to_string());
            Muc::UploadFile
        }
        GroupChange::FileRemoved { file } => {
            body.reason = Some(file.clone());
            Muc::DeleteFile
        }
        GroupChange::AttributesSet { attributes } => {
            let keys: Vec<&String> = attributes.keys().collect();
            body.event_info = Some(event_info(&json!({
                "properties": attributes,
                "result": { "successKeys": keys, "errorKeys": {} },
            })));
            Muc::SetMetadata
        }
        GroupChange::AttributesRemoved { keys } => {
            let properties: Map<String, Value> =
                keys.iter().map(|key| (key.clone(), Value::String(String::new()))).collect();
            body.event_info = Some(event_info(&json!({
                "properties": properties,
                "result": { "successKeys": keys, "errorKeys": {} },
            })));
            Muc::DeleteMetadata
        }
        GroupChange::MemberAttributesSet { user, attributes } => {
            to(&mut body, user);
            body.event_info = Some(event_info(&json!({ "username": user, "properties": attributes })));
            Muc::GroupMemberMetadataUpdate
        }
    };
    body.operation = Some(operation.into());
    body
}

/// Those who came or went: one stands as the body's author, several in a list of their own.
fn crowd(body: &mut MucBody, app_key: &str, users: &[String], member_count: u32) {
    match users {
        [user] => body.from = Some(address(app_key, user, USER_DOMAIN)),
        users => body.members = users.to_vec(),
    }
    body.muc_member_count = Some(i32::try_from(member_count).unwrap_or(i32::MAX));
}

fn event_info(ext: &Value) -> muc_body::EventInfo {
    muc_body::EventInfo {
        event_type: Some(muc_body::event_info::EventType::EventNone.into()),
        ext: Some(ext.to_string()),
    }
}

pub(crate) fn roster_body(app_key: &str, actor: &str, news: &ContactNews) -> RosterBody {
    let (operation, reason) = match &news.change {
        ContactChange::Asked { reason } => (Roster::Add, reason.as_str()),
        ContactChange::Accepted => (Roster::RemoteAccept, ""),
        ContactChange::Declined { reason } => (Roster::RemoteDecline, reason.as_str()),
        ContactChange::Added => (Roster::Accept, ""),
        ContactChange::Removed => (Roster::Remove, ""),
        ContactChange::Blocked => (Roster::Ban, ""),
        ContactChange::Unblocked => (Roster::Allow, ""),
    };
    RosterBody {
        operation: Some(operation.into()),
        status: Some(roster_body::Status {
            error_code: Some(roster_body::status::ErrorCode::Ok.into()),
            description: None,
        }),
        from: Some(address(app_key, actor, USER_DOMAIN)),
        to: vec![address(app_key, &news.peer, USER_DOMAIN)],
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        ..RosterBody::default()
    }
}

fn address(app_key: &str, name: &str, domain: &str) -> Jid {
    Jid {
        app_key: Some(app_key.to_owned()),
        name: Some(name.to_owned()),
        domain: Some(domain.to_owned()),
        client_resource: None,
    }
}
