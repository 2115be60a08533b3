//! Chat rooms. Entering and leaving goes over the socket: [`Client::enter_room`].

use conditions::Operation;
use model::Username;
use serde_json::{Map, Value, json};

use super::{call, list, malformed, names, number, part, user};
use crate::core::Method;
use crate::{Client, Result, RoomId};

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSummary {
    pub id: RoomId,
    pub name: String,
    pub member_count: u64,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDetails {
    pub id: RoomId,
    pub name: String,
    pub description: String,
    pub owner: Option<Username>,
    pub member_count: u64,
    pub size: u64,
    pub is_all_muted: bool,
}

impl Client {
    /// The rooms of the app, `size` a page, from page 1 on.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn rooms(&self, page: u32, size: u32) -> Result<Vec<RoomSummary>> {
        let operation = Operation::ChatroomGet;
        let path = format!("/chatrooms?pagenum={page}&pagesize={size}");
        let answer = self.call(call(operation, Method::Get, path)).await?;
        let summary = |room: &Value| {
            Ok(RoomSummary {
                id: room_id(&room["id"], operation)?,
                name: room["name"].as_str().unwrap_or_default().to_owned(),
                member_count: number(&room["affiliations_count"]).unwrap_or(0),
            })
        };
        let rooms = list(&answer["data"], operation).and_then(|rooms| rooms.iter().map(summary).collect());
        self.told(rooms)
    }

    /// A room.
    ///
    /// # Errors
    /// [`crate::Condition::ChatroomNotFound`], and what else the server has against it.
    pub async fn room(&self, room: &RoomId) -> Result<RoomDetails> {
        let operation = Operation::ChatroomGet;
        let answer =
            self.call(call(operation, Method::Get, format!("/chatrooms/{}", part(room.as_str())))).await?;
        let details = answer["data"].get(0).ok_or_else(|| malformed(operation)).and_then(|room| {
            Ok(RoomDetails {
                id: room_id(&room["id"], operation)?,
                name: room["name"].as_str().unwrap_or_default().to_owned(),
                description: room["description"].as_str().unwrap_or_default().to_owned(),
                owner: user(&room["owner"], operation).ok(),
                member_count: number(&room["affiliations_count"]).unwrap_or(0),
                size: number(&room["maxusers"]).unwrap_or(0),
                is_all_muted: super::flag(&room["mute"]),
            })
        });
        self.told(details)
    }

    /// Makes somebody in a room an administrator of it, or no longer one.
    ///
    /// # Errors
    /// [`crate::Condition::ChatroomPermissionDenied`], and what else the server has against it.
    pub async fn set_room_admin(&self, room: &RoomId, member: &Username, is_admin: bool) -> Result<()> {
        let path = format!("/chatrooms/{}/admin", part(room.as_str()));
        let call = if is_admin {
            call(Operation::ChatroomUpdate, Method::Post, path).with(json!({ "newadmin": member.as_str() }))
        } else {
            call(Operation::ChatroomUpdate, Method::Delete, format!("{path}/{member}"))
        };
        self.call(call).await.map(drop)
    }

    /// Puts users into a room, who need not ask for it.
    ///
    /// # Errors
    /// [`crate::Condition::AlreadyInChatroom`], [`crate::Condition::ChatroomFull`],
    /// [`crate::Condition::ChatroomPermissionDenied`], and what else the server has against it.
    pub async fn add_to_room(&self, room: &RoomId, users: &[Username]) -> Result<()> {
        self.check_users(Operation::ChatroomJoin, users)?;
        let path = format!("/chatrooms/{}/users", part(room.as_str()));
        let call = call(Operation::ChatroomJoin, Method::Post, path);
        self.call(call.with(json!({ "usernames": names(users) }))).await.map(drop)
    }

    /// Values that stand in a room for all who are in it; without keys: all of them.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn room_attributes(&self, room: &RoomId, keys: &[&str]) -> Result<Map<String, Value>> {
        let operation = Operation::ChatroomAttributes;
        let body = if keys.is_empty() { json!({}) } else { json!({ "keys": keys }) };
        let path = format!("/metadata/chatroom/{}", part(room.as_str()));
        let answer = self.call(call(operation, Method::Post, path).with(body)).await?;
        self.told(answer["data"].as_object().cloned().ok_or_else(|| malformed(operation)))
    }

    /// Sets such values. Those that could not be set are returned with the server's reason.
    ///
    /// # Errors
    /// What the server has against all of it.
    pub async fn set_room_attributes(
        &self,
        room: &RoomId,
        values: &Map<String, Value>,
        until_left: bool,
    ) -> Result<Map<String, Value>> {
        let auto_delete = if until_left { "DELETE" } else { "NO_DELETE" };
        let body = json!({ "metaData": values, "autoDelete": auto_delete });
        let path = format!("/metadata/chatroom/{}/user/{{me}}", part(room.as_str()));
        let answer = self.call(call(Operation::ChatroomAttributes, Method::Put, path).with(body)).await?;
        Ok(answer["data"]["errorKeys"].as_object().cloned().unwrap_or_default())
    }
}

fn room_id(value: &Value, operation: Operation) -> Result<RoomId> {
    let id = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()));
    id.and_then(|id| RoomId::parse(&id).ok()).ok_or_else(|| malformed(operation))
}
