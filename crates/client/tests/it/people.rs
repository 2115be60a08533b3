//! Contacts, groups, rooms, presence, push options, history and reactions, as an app uses them.

use std::time::Duration;

use client::{
    Condition, ContactChange, Conversation, Event, GroupId, HistoryOrder, MemberRole, MembershipChange,
    NewGroup, NewMessage, PushLevel, PushService, RoomId, Username, username,
};
use house::Site;
use http::Method;
use serde_json::json;

use crate::support::{Device, text_of};

fn bob() -> Username {
    username("bob").unwrap()
}

fn alice() -> Username {
    username("alice").unwrap()
}

fn contact(event: Event) -> Option<(ContactChange, String)> {
    match event {
        Event::Contact(contact) => Some((contact.change, contact.user.to_string())),
        _ => None,
    }
}

fn group_change(event: Event) -> Option<(GroupId, MembershipChange)> {
    match event {
        Event::Group(group) => Some((group.group, group.details.change)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_become_contacts_and_part_again() {
    let site = Site::start().await;
    let mut one = Device::log_in(&site, "alice", "phone").await;
    let mut other = Device::log_in(&site, "bob", "phone").await;
    one.client.ask_contact(&bob(), "hello").await.unwrap();
    assert_eq!(other.until(contact).await, (ContactChange::Invited, "alice".to_owned()));
    other.client.accept_contact(&alice()).await.unwrap();
    let agreed = one.until(contact).await;
    assert!(matches!(agreed.0, ContactChange::Agreed | ContactChange::Added), "{agreed:?}");
    one.client.note_contact(&bob(), "Bobby").await.unwrap();
    let contacts = one.client.contacts().await.unwrap();
    assert_eq!((contacts.len(), contacts[0].user.as_str(), contacts[0].note.as_str()), (1, "bob", "Bobby"));
    let page = one.client.contacts_page(10, None).await.unwrap();
    assert_eq!((page.entries, page.next), (contacts, None));
    one.client.remove_contact(&bob()).await.unwrap();
    let removed = other.until(|event| contact(event).filter(|(change, _)| *change == ContactChange::Removed));
    assert_eq!(removed.await.1, "alice");
    let missing = one.client.ask_contact(&username("nobody").unwrap(), "").await.unwrap_err();
    assert!(missing.trace_id().is_some(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_users_messages_are_refused() {
    let site = Site::start().await;
    let one = Device::log_in(&site, "alice", "phone").await;
    let other = Device::log_in(&site, "bob", "phone").await;
    one.client.block_users(&[bob()]).await.unwrap();
    assert_eq!(one.client.blocked_users().await.unwrap(), [bob()]);
    let to_alice = || NewMessage::text(Conversation::user("alice").unwrap(), "hello");
    let refused = other.client.send(to_alice()).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::BlockedByRecipient);
    one.client.unblock_users(&[bob()]).await.unwrap();
    other.client.send(to_alice()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_talked_in_and_ended() {
    let site = Site::start().await;
    let mut one = Device::log_in(&site, "alice", "phone").await;
    let mut other = Device::log_in(&site, "bob", "phone").await;
    let new = NewGroup { members: vec![bob()], is_public: true, ..NewGroup::named("Friends") };
    let group = one.client.create_group(&new).await.unwrap();
    assert_eq!(other.until(group_change).await, (group.clone(), MembershipChange::Added));

    let to_group = Conversation::Group(group.clone());
    let message = NewMessage { wants_receipts: true, ..NewMessage::text(to_group.clone(), "hello all") };
    let sent = one.client.send(message).await.unwrap();
    let received = other.message().await;
    assert_eq!((received.conversation.clone(), text_of(&received)), (to_group.clone(), "hello all"));
    assert!(received.wants_receipts);
    other.client.read(&received).await.unwrap();
    let read = one.until(|event| match event {
        Event::Read { id, conversation, readers, .. } => Some((id, conversation, readers)),
        _ => None,
    });
    assert_eq!(read.await, (sent.id, to_group.clone(), Some(1)));

    let details = one.client.group(&group).await.unwrap();
    assert_eq!((details.name.as_str(), details.member_count, details.owner), ("Friends", 2, Some(alice())));
    assert!(details.is_public);
    let members = one.client.group_members(&group, 10, None).await.unwrap().entries;
    let roles: Vec<_> = members.iter().map(|member| (member.user.as_str(), member.role)).collect();
    assert!(
        roles.contains(&("alice", MemberRole::Owner)) && roles.contains(&("bob", MemberRole::Member)),
        "{roles:?}"
    );
    assert_eq!(other.client.joined_groups(0, 10).await.unwrap()[0].id, group);
    assert_eq!(one.client.public_groups(10, None).await.unwrap().entries[0].name, "Friends");

    one.client.update_group(&group, Some("Old friends"), None).await.unwrap();
    one.client.announce(&group, "Be kind").await.unwrap();
    assert_eq!(other.client.announcement(&group).await.unwrap(), "Be kind");
    one.client.set_group_admin(&group, &bob(), true).await.unwrap();
    one.client.set_group_admin(&group, &bob(), false).await.unwrap();
    one.client.mute_members(&group, &[bob()], Some(Duration::from_secs(60))).await.unwrap();
    let muted = other.client.send(NewMessage::text(to_group.clone(), "may I?")).await.unwrap_err();
    assert_eq!(muted.condition(), Condition::MutedInConversation);
    one.client.unmute_members(&group, &[bob()]).await.unwrap();
    one.client.mute_group(&group, true).await.unwrap();
    one.client.allow_in_group(&group, &[bob()], true).await.unwrap();
    other.client.send(NewMessage::text(to_group, "on the list")).await.unwrap();
    one.client.allow_in_group(&group, &[bob()], false).await.unwrap();
    one.client.mute_group(&group, false).await.unwrap();
    other.client.shield_group(&group, true).await.unwrap();
    other.client.shield_group(&group, false).await.unwrap();

    let denied = other.client.destroy_group(&group).await.unwrap_err();
    assert!(denied.condition().and_broader().any(|c| c == Condition::GroupPermissionDenied), "{denied:?}");
    let owner = one.client.leave_group(&group).await.unwrap_err();
    assert!(owner.condition().and_broader().any(|c| c == Condition::GroupPermissionDenied), "{owner:?}");
    one.client.remove_members(&group, &[bob()]).await.unwrap();
    let removed = other.until(|event| group_change(event).filter(|(_, c)| *c == MembershipChange::Removed));
    assert_eq!(removed.await.0, group);
    other.client.join_group(&group, "let me in").await.unwrap();
    let applied = one.until(|event| group_change(event).filter(|(_, c)| *c == MembershipChange::Applied));
    assert_eq!(applied.await.0, group);
    one.client.answer_application(&group, &bob(), true).await.unwrap();
    one.client.block_in_group(&group, &[bob()], true).await.unwrap();
    assert_eq!(one.client.blocked_in_group(&group).await.unwrap(), [bob()]);
    one.client.block_in_group(&group, &[bob()], false).await.unwrap();
    one.client.destroy_group(&group).await.unwrap();
    let gone = one.client.group(&group).await.unwrap_err();
    assert_eq!(gone.condition(), Condition::GroupNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_is_asked_and_may_lead_the_group() {
    let site = Site::start().await;
    let one = Device::log_in(&site, "alice", "phone").await;
    let mut other = Device::log_in(&site, "bob", "phone").await;
    let new = NewGroup { asks_invited: true, ..NewGroup::named("Friends") };
    let group = one.client.create_group(&new).await.unwrap();
    one.client.invite_to_group(&group, &[bob()]).await.unwrap();
    assert_eq!(other.until(group_change).await, (group.clone(), MembershipChange::Invited));
    other.client.answer_invitation(&group, true).await.unwrap();
    one.client.hand_over_group(&group, &bob()).await.unwrap();
    one.client.leave_group(&group).await.unwrap();
    assert_eq!(other.client.group(&group).await.unwrap().owner, Some(bob()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_entered_again_after_a_lost_connection() {
    let mut site = Site::start().await;
    let mut one = Device::log_in(&site, "alice", "phone").await;
    let mut other = Device::log_in(&site, "bob", "phone").await;
    let mut rooms = Vec::new();
    for name in ["Lobby", "Bar"] {
        let body = json!({ "name": name, "description": "", "owner": "alice", "maxusers": 10 });
        let made = site.back_end().await.call(Method::POST, "/chatrooms", Some(body)).await.unwrap();
        let room = RoomId::parse(made["data"]["id"].as_str().unwrap()).unwrap();
        one.client.enter_room(room.clone()).await.unwrap();
        other.client.enter_room(room.clone()).await.unwrap();
        rooms.push(room);
    }
    other.client.leave_room(rooms[1].clone()).await.unwrap();
    // Left while the answer to the entry was still to come.
    let (entered, left) =
        tokio::join!(other.client.enter_room(rooms[1].clone()), other.client.leave_room(rooms[1].clone()));
    entered.unwrap();
    left.unwrap();
    site.stop().await;
    for device in [&mut one, &mut other] {
        device.until(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    }
    // It waits in the outbox of a client that is not in the room now.
    let (client, lobby) = (other.client.clone(), Conversation::Room(rooms[0].clone()));
    let waiting = tokio::spawn(async move { client.send(NewMessage::text(lobby, "back")).await });
    site.start_again().await;
    waiting.await.unwrap().unwrap();
    one.client.reached(client::State::Online).await.unwrap();
    let bar = Conversation::Room(rooms[1].clone());
    let outside = other.client.send(NewMessage::text(bar, "left it")).await.unwrap_err();
    assert_eq!(outside.condition(), Condition::NotInChatroom);
    let (client, lobby) = (one.client.clone(), Conversation::Room(rooms[0].clone()));
    client.send(NewMessage::text(lobby, "welcome")).await.unwrap();
    assert_eq!(text_of(&other.message().await), "welcome");

    // One that is gone meanwhile is told of.
    site.stop().await;
    for device in [&mut one, &mut other] {
        device.until(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    }
    site.start_again().await;
    let path = format!("/chatrooms/{}", rooms[0]);
    let gone = site.back_end().await.call(Method::DELETE, &path, None).await;
    drop(gone);
    let lost = other.until(|event| match event {
        Event::RoomLost { room, error } => Some((room, Some(error.condition()))),
        Event::Room(event) if event.details.change == MembershipChange::Destroyed => Some((event.room, None)),
        _ => None,
    });
    let (room, condition) = lost.await;
    assert_eq!(room, rooms[0]);
    assert!(condition.is_none_or(|condition| condition == Condition::ChatroomNotFound), "{condition:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_entered_and_spoken_in() {
    let site = Site::start().await;
    let one = Device::log_in(&site, "alice", "phone").await;
    let mut other = Device::log_in(&site, "bob", "phone").await;
    let body = json!({ "name": "Lobby", "description": "all", "maxusers": 100, "owner": "alice", "members": ["alice"] });
    let made = site.back_end().await.call(Method::POST, "/chatrooms", Some(body)).await.unwrap();
    let room = RoomId::parse(made["data"]["id"].as_str().unwrap()).unwrap();
    one.client.enter_room(room.clone()).await.unwrap();
    let entry = other.client.enter_room(room.clone()).await.unwrap();
    assert_eq!((entry.members, entry.is_all_muted, entry.muted_ms), (2, false, None));
    one.client.send(NewMessage::text(Conversation::Room(room.clone()), "hello room")).await.unwrap();
    let received = other.message().await;
    assert_eq!(
        (received.conversation.clone(), text_of(&received)),
        (Conversation::Room(room.clone()), "hello room")
    );
    assert_eq!(one.client.room(&room).await.unwrap().name, "Lobby");
    assert!(one.client.rooms(1, 10).await.unwrap().iter().any(|known| known.id == room));

    let values = json!({ "topic": "tea" });
    let failed = one.client.set_room_attributes(&room, values.as_object().unwrap(), false).await.unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    let attributes = other.client.room_attributes(&room, &[]).await.unwrap();
    assert_eq!(attributes["topic"], "tea");
    other.client.leave_room(room.clone()).await.unwrap();
    let outside = other.client.send(NewMessage::text(Conversation::Room(room), "still?")).await.unwrap_err();
    assert_eq!(outside.condition(), Condition::NotInChatroom);
    let nowhere = one.client.enter_room(RoomId::parse("999").unwrap()).await.unwrap_err();
    assert_eq!((nowhere.condition(), nowhere.code()), (Condition::ChatroomNotFound, Some(705)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_user_sees_what_it_publishes() {
    let site = Site::start().await;
    let mut one = Device::log_in(&site, "alice", "phone").await;
    let other = Device::log_in(&site, "bob", "phone").await;
    let now = one.client.follow_presence(&[bob()], Duration::from_secs(600)).await.unwrap();
    assert!(now[0].is_online() && now[0].user == bob(), "{now:?}");
    other.client.publish_presence("at tea").await.unwrap();
    let shown = one.until(|event| match event {
        Event::Presence(states) => states.into_iter().find(|state| state.ext == "at tea"),
        _ => None,
    });
    assert_eq!(shown.await.user, bob());
    assert_eq!(one.client.presence(&[bob()]).await.unwrap()[0].ext, "at tea");
    one.client.unfollow_presence(&[bob()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_options_are_kept() {
    let site = Site::start().await;
    let one = Device::log_in(&site, "alice", "phone").await;
    let bob = Conversation::user("bob").unwrap();
    one.client.set_push_level(None, PushLevel::Mentions).await.unwrap();
    one.client.set_push_level(Some(&bob), PushLevel::None).await.unwrap();
    one.client.set_silent_hours("22:00-07:00").await.unwrap();
    one.client.silence_push(Some(&bob), Duration::from_secs(3_600)).await.unwrap();
    let all = one.client.push_options(None).await.unwrap();
    assert_eq!((all.level, all.silent_hours.as_str()), (Some(PushLevel::Mentions), "22:00-07:00"));
    let of_bob = one.client.push_options(Some(&bob)).await.unwrap();
    assert_eq!(of_bob.level, Some(PushLevel::None));
    assert!(of_bob.silent_until.is_some());
    for wrong in ["", "22:00", "25:00-07:00", "22:00-7"] {
        let error = one.client.set_silent_hours(wrong).await.unwrap_err();
        assert_eq!(error.condition(), Condition::PushOptionInvalid, "{wrong:?}");
    }
    let room = Conversation::room("1").unwrap();
    let error = one.client.set_push_level(Some(&room), PushLevel::All).await.unwrap_err();
    assert_eq!(error.condition(), Condition::PushOptionInvalid);
    let error = one.client.bind_push(PushService::Fcm, "certificate", "token").await.unwrap_err();
    assert_eq!((error.condition(), error.code()), (Condition::PushUnsupported, Some(900)));
    one.client.bind_push(PushService::Apns, "certificate", "token").await.unwrap();
    one.client.bind_push(PushService::Apns, "certificate", "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_is_read_page_by_page() {
    let site = Site::start().await;
    let one = Device::log_in(&site, "alice", "phone").await;
    let bob = Conversation::user("bob").unwrap();
    for number in 0..5 {
        one.client.send(NewMessage::text(bob.clone(), number.to_string())).await.unwrap();
    }
    let mut texts = Vec::new();
    let mut after = None;
    loop {
        let page = one.client.history(&bob, HistoryOrder::NewestFirst, 2, after.as_deref()).await.unwrap();
        texts.extend(page.messages.iter().map(|message| text_of(message).to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(texts, ["4", "3", "2", "1", "0"]);
    let oldest = one.client.history(&bob, HistoryOrder::OldestFirst, 10, None).await.unwrap();
    assert_eq!(text_of(&oldest.messages[0]), "0");
    assert_eq!((oldest.messages[0].conversation.clone(), oldest.messages[0].is_own), (bob, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_is_shown_to_the_other_side() {
    let site = Site::start().await;
    let one = Device::log_in(&site, "alice", "phone").await;
    let mut other = Device::log_in(&site, "bob", "phone").await;
    let sent = one.client.send(NewMessage::text(Conversation::user("bob").unwrap(), "hello")).await.unwrap();
    one.client.react(sent.id, "👍").await.unwrap();
    let shown = other.until(|event| match event {
        Event::Reaction { id, conversation, reactions } => Some((id, conversation, reactions)),
        _ => None,
    });
    let (id, conversation, reactions) = shown.await;
    assert_eq!(conversation, Conversation::User(alice()), "where the reader has the message");
    assert_eq!((id, reactions[0].reaction.as_str(), reactions[0].count), (sent.id, "👍", 1));
    let twice = one.client.react(sent.id, "👍").await.unwrap_err();
    assert_eq!(twice.condition(), Condition::ReactionAlreadyExists);
    one.client.unreact(sent.id, "👍").await.unwrap();
}
