//! Sending messages for a back end (easemob-rest.md 3.8).
//!
//! Checks come in the order in which the vendor lists their errors: from, to, type, body, users, ext, how many, and last
//! what the message itself needs.

use std::collections::HashMap;
use std::sync::Arc;

use app::{Compose, Error, GroupRef, Receivers};
use bytes::Bytes;
use conditions::Condition;
use domain::message::check_directed;
use domain::post::Post;
use domain::rate::PostClass;
use easemob_wire::pb::KeyValue;
use easemob_wire::pb::message_body::Content;
use easemob_wire::rest::message::{ChatType, MessageError, NewMessage, RoomLevel, content, ext};
use easemob_wire::rest::{Envelope, SendRequest};
use model::{Dialect, EntryKind, Environment, MessageId, Uid, Username, limits};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;
use crate::msync::priority;
use crate::thread_mark;

routes! {
    POST "/messages/users" BackEnd Json Send => to_users;
    POST "/messages/chatgroups" BackEnd Json Send => to_groups;
    POST "/messages/chatgroups/users" BackEnd Json Send => to_members;
    POST "/messages/chatrooms" BackEnd Json Send => to_rooms;
    POST "/messages/chatrooms/users" BackEnd Json Send => to_members_of_room;
    POST "/messages/chatrooms/broadcast" BackEnd Json Broadcast => to_all_rooms;
    // The first generation, which the vendor's Java library still uses.
    POST "/messages" BackEnd Json SendOld => old;
    POST "/messages/broadcast" BackEnd Json Broadcast => to_everybody;
    POST "/messages/users/broadcast" BackEnd Json Broadcast => to_connected;
}

/// What a request asks to say, checked as far as it needs no look at anybody.
pub(super) struct Said {
    from: String,
    to: Vec<String>,
    message_type: String,
    content: Content,
    ext: Vec<KeyValue>,
    request: SendRequest,
}

/// What kind of message a request becomes.
#[derive(Clone, Copy)]
pub(super) struct Kind<'a> {
    chat_type: ChatType,
    /// Who is named in it.
    users: &'a [String],
    /// It goes to all rooms.
    is_broadcast: bool,
}

impl Kind<'_> {
    pub(super) fn of(chat_type: ChatType) -> Self {
        Self { chat_type, users: &[], is_broadcast: false }
    }
}

/// `POST /messages/users`
pub(crate) async fn to_users(call: Call) -> Result<Answer, Failure> {
    let said = Said::of(call.parse(SendRequest::parse)?, limits::POST_USERS)?;
    let sent = said.send_to_users(&call).await?;
    Ok(sent_ids(&call, sent))
}

/// `POST /messages/chatgroups`: groups and threads. The devices of him in whose name it is sent get it too.
pub(crate) async fn to_groups(call: Call) -> Result<Answer, Failure> {
    let said = Said::of(call.parse(SendRequest::parse)?, limits::POST_GROUPS)?;
    let sent = said.send_to_groups(&call, ChatType::GroupChat, None).await?;
    Ok(sent_ids(&call, sent))
}

/// `POST /messages/chatrooms`: to those who are there now.
pub(crate) async fn to_rooms(call: Call) -> Result<Answer, Failure> {
    let said = Said::of(call.parse(SendRequest::parse)?, limits::POST_ROOMS)?;
    let sent = said.send_to_groups(&call, ChatType::ChatRoom, None).await?;
    Ok(sent_ids(&call, sent))
}

/// `POST /messages/chatgroups/users`: to some members of one group.
pub(crate) async fn to_members(call: Call) -> Result<Answer, Failure> {
    directed(call, ChatType::GroupChat, "/messages/chatgroups").await
}

/// `POST /messages/chatrooms/users`: to some who are in one room.
pub(crate) async fn to_members_of_room(call: Call) -> Result<Answer, Failure> {
    directed(call, ChatType::ChatRoom, "/messages/chatrooms").await
}

async fn directed(mut call: Call, chat_type: ChatType, path: &str) -> Result<Answer, Failure> {
    let mut request = call.parse(SendRequest::parse)?;
    let users = std::mem::take(&mut request.users);
    let said = Said::of(request, 1)?;
    if users.is_empty() || users.iter().any(String::is_empty) {
        return Err(missing("users").into());
    }
    // Here these calls count all names, also those of nobody, and say it as they do of `to`.
    if check_directed(users.len()).is_err() {
        return Err(too_many("users", users.len(), limits::DIRECTED_USERS).into());
    }
    let sent = said.send_to_groups(&call, chat_type, Some(&users)).await?;
    // What the vendor says as the path of these answers.
    path.clone_into(&mut call.line.path);
    Ok(sent_ids(&call, sent))
}

/// `POST /messages`, the ids of the messages only with `?useMsgId=true`.
pub(crate) async fn old(call: Call) -> Result<Answer, Failure> {
    let request = old_request(&call)?;
    let target_type = request.target_type.clone();
    let sent = match target_type.as_deref() {
        None => return Err(missing("target_type").into()),
        Some("users") => Said::of_old(request, limits::POST_USERS)?.send_to_users(&call).await?,
        Some("chatgroups") => {
            let said = Said::of_old(request, limits::POST_GROUPS)?;
            said.send_to_groups(&call, ChatType::GroupChat, None).await?
        }
        Some("chatrooms") => {
            let said = Said::of_old(request, limits::POST_ROOMS)?;
            said.send_to_groups(&call, ChatType::ChatRoom, None).await?
        }
        Some(_) => return Err(Error::plain(Condition::ConversationTypeUnknown).into()),
    };
    if call.query.get("useMsgId") == Some("true") {
        return Ok(sent_ids(&call, sent));
    }
    let data = sent.into_iter().map(|(name, _)| (name, "success".into())).collect();
    Ok(Answer::new(&Envelope { data: Some(Value::Object(data)), ..call.full() }))
}

/// `POST /messages/broadcast`
pub(crate) async fn to_everybody(call: Call) -> Result<Answer, Failure> {
    let request = old_request(&call)?;
    match request.target_type.as_deref() {
        Some("users") => broadcast(&call, request, Receivers::Everybody).await,
        Some(_) => Err(Error::plain(Condition::ConversationTypeUnknown).into()),
        None => Err(missing("target_type").into()),
    }
}

/// `POST /messages/users/broadcast`: to those who are there, and nothing is kept for the others.
pub(crate) async fn to_connected(call: Call) -> Result<Answer, Failure> {
    let request = SendRequest { online_only: true, ..old_request(&call)? };
    broadcast(&call, request, Receivers::Connected).await
}

/// `POST /messages/chatrooms/broadcast`: to all rooms in which somebody is.
pub(crate) async fn to_all_rooms(call: Call) -> Result<Answer, Failure> {
    let request = old_request(&call)?;
    broadcast(&call, request, Receivers::Rooms).await
}

/// Broadcasts name no receivers, and their answer has one id, as a number.
async fn broadcast(call: &Call, request: SendRequest, receivers: Receivers) -> Result<Answer, Failure> {
    let request = SendRequest { to: vec![Username::BACK_END.to_owned()], ..request };
    let kind = match receivers {
        Receivers::Rooms => Kind { chat_type: ChatType::ChatRoom, users: &[], is_broadcast: true },
        Receivers::Everybody | Receivers::Connected => Kind::of(ChatType::Chat),
    };
    let (from, _, post, compose) = Said::of_old(request, 1)?.into_post(kind)?;
    let (pause, quota, name) = match receivers {
        Receivers::Everybody => (PostClass::BroadcastPause, PostClass::Broadcasts, "broadcast message"),
        Receivers::Connected => {
            (PostClass::OnlineBroadcastPause, PostClass::OnlineBroadcasts, "online user broadcast")
        }
        Receivers::Rooms => {
            (PostClass::RoomBroadcastsOfMinute, PostClass::RoomBroadcasts, "broadcast message")
        }
    };
    let admit = |class| call.use_cases().admit_posts(&call.tenant, class, 1);
    admit(pause)?;
    admit(quota).map_err(|error| Failure::from(error).with("name", name.to_owned()))?;
    let id = call.use_cases().broadcast(&call.tenant, &from, receivers, &post, compose).await?;
    Ok(Answer::new(&Envelope { data: Some(json!({ "id": id.0 })), ..call.full() }))
}

/// These routes have no words for a field of a wrong type; then the whole body is wrong.
fn old_request(call: &Call) -> Result<SendRequest, Error> {
    call.parse(SendRequest::parse_old).map_err(|error| match error.condition() {
        Condition::ArgumentInvalid => Error::plain(Condition::BodyMalformed),
        _ => error,
    })
}

/// Ids are texts: they may have more digits than a JavaScript number.
fn sent_ids(call: &Call, sent: Vec<(String, MessageId)>) -> Answer {
    let data = sent.into_iter().map(|(name, id)| (name, id.to_string().into())).collect::<Map<_, _>>();
    Answer::new(&Envelope { data: Some(Value::Object(data)), ..call.full() })
}

impl Said {
    fn of(mut request: SendRequest, most: usize) -> Result<Self, Error> {
        let from = author(&mut request)?;
        let to = receivers(&mut request, "to")?;
        let message_type = request.message_type.take().filter(|message_type| !message_type.is_empty());
        let message_type = message_type.ok_or_else(|| missing("type"))?;
        let body = request.body.take().filter(|body| !body.is_empty()).ok_or_else(|| missing("body"))?;
        Self::checked(request, from, to, message_type, &body, most)
    }

    /// Of the first generation, where type and content stand in `msg`.
    fn of_old(mut request: SendRequest, most: usize) -> Result<Self, Error> {
        let to = receivers(&mut request, "target")?;
        let from = author(&mut request)?;
        let body = request.body.take().ok_or_else(|| missing("msg"))?;
        let message_type = request.message_type.take().filter(|message_type| !message_type.is_empty());
        let message_type = message_type.ok_or_else(|| missing("type"))?;
        Self::checked(request, from, to, message_type, &body, most)
    }

    pub(super) fn checked(
        mut request: SendRequest,
        from: String,
        to: Vec<String>,
        message_type: String,
        body: &Map<String, Value>,
        most: usize,
    ) -> Result<Self, Error> {
        let Some(pairs) = request.ext.take() else {
            return Err(Error::refused(Condition::MessageContentInvalid, vec![("name", "ext".to_owned())]));
        };
        if to.len() > most {
            return Err(too_many("to", to.len(), most));
        }
        if request.env.as_deref().is_some_and(|env| Environment::parse(env).is_none()) {
            return Err(invalid("env"));
        }
        let content = content(&message_type, body).map_err(unusable)?;
        Ok(Self { from, to, content, ext: ext(&pairs), message_type, request })
    }

    async fn send_to_users(self, call: &Call) -> Result<Vec<(String, MessageId)>, Error> {
        call.use_cases().admit_posts(&call.tenant, PostClass::Users, self.to.len())?;
        let hidden_from = self.hidden_from(call, limits::POST_USERS).await?;
        let (from, to, post, compose) = self.into_post(Kind::of(ChatType::Chat))?;
        let post = Post { hidden_from, ..post };
        call.use_cases().post_message(&call.tenant, &from, to, &post, compose).await
    }

    async fn send_to_groups(
        self,
        call: &Call,
        chat_type: ChatType,
        users: Option<&[String]>,
    ) -> Result<Vec<(String, MessageId)>, Error> {
        let class = match chat_type {
            ChatType::ChatRoom => PostClass::Rooms,
            ChatType::Chat | ChatType::GroupChat => PostClass::Groups,
        };
        call.use_cases().admit_posts(&call.tenant, class, self.to.len())?;
        let hidden_from = self.hidden_from(call, limits::ROAM_IGNORE_USERS).await?;
        let mut marks = HashMap::new();
        for name in &self.to {
            if let Some(mark) = thread_mark::of(call.use_cases(), &call.tenant, name).await? {
                marks.insert(name.to_ascii_lowercase(), mark);
            }
        }
        let kind = Kind { users: users.unwrap_or_default(), ..Kind::of(chat_type) };
        let (from, to, post, compose) = self.into_post(kind)?;
        let compose: Arc<Compose> = Arc::new(move |from: &str, to: &str| -> Bytes {
            let payload = compose(from, to);
            marks.get(to).map_or_else(|| payload.clone(), |mark| thread_mark::put(&payload, mark))
        });
        let post = Post { hidden_from, ..post };
        let place = |id| match chat_type {
            ChatType::ChatRoom => GroupRef::room(id),
            ChatType::Chat | ChatType::GroupChat => GroupRef::from(id),
        };
        let places: Vec<GroupRef<'_>> = to.iter().map(|id| place(id.as_str())).collect();
        call.use_cases().post_to_groups(&call.tenant, &from, &places, users, &post, compose).await
    }

    /// Who does not find it in his history. Several documents say how many may be named, and differ; none is cut off.
    async fn hidden_from(&self, call: &Call, most: usize) -> Result<Vec<Uid>, Error> {
        let names = &self.request.roam_ignore_users;
        if names.len() > most {
            return Err(too_many("roam_ignore_users", names.len(), most));
        }
        call.use_cases().find_uids(&call.tenant, names).await
    }

    /// As messages of a kind: from, to, and what makes the stored bytes of each.
    pub(super) fn into_post(
        self,
        kind: Kind<'_>,
    ) -> Result<(String, Vec<String>, Post, Arc<Compose>), Error> {
        let Kind { chat_type, users, is_broadcast } = kind;
        let Self { from, to, message_type, content, ext, request } = self;
        let room_level = match request.room_level.as_deref() {
            None => RoomLevel::Normal,
            Some(level) => RoomLevel::parse(level).ok_or_else(|| invalid("chatroom_msg_level"))?,
        };
        let (online_only, wants_receipts) = (request.online_only, request.need_group_ack);
        let post = Post {
            kind: entry_kind(&message_type),
            dialect: Dialect::Easemob,
            online_only,
            syncs_author: request.sync_device,
            wants_receipts,
            hidden_from: Vec::new(),
            priority: priority(room_level),
            stream: None,
            environment: request.env.as_deref().and_then(Environment::parse),
        };
        let directed_users = users.to_vec();
        let compose = move |from: &str, to: &str| -> Bytes {
            let message = NewMessage {
                chat_type,
                from,
                to,
                content: &content,
                ext: &ext,
                wants_receipts: wants_receipts && chat_type == ChatType::GroupChat,
                online_only,
                directed_users: &directed_users,
                room_level,
            };
            if is_broadcast { message.encode_broadcast() } else { message.encode() }
        };
        Ok((from, to, post, Arc::new(compose)))
    }
}

fn too_many(name: &str, size: usize, limit: usize) -> Error {
    let facts = vec![("name", name.to_owned()), ("size", size.to_string()), ("limit", limit.to_string())];
    Error::refused(Condition::BatchTooLarge, facts)
}

/// The sender's name: the back end's own unless another is given.
fn author(request: &mut SendRequest) -> Result<String, Error> {
    match request.from.take() {
        None => Ok(Username::BACK_END.to_owned()),
        Some(from) if from.is_empty() => Err(empty("from")),
        Some(from) => Ok(from),
    }
}

fn receivers(request: &mut SendRequest, name: &'static str) -> Result<Vec<String>, Error> {
    let to = std::mem::take(&mut request.to);
    if to.is_empty() || to.iter().any(String::is_empty) { Err(missing(name)) } else { Ok(to) }
}

fn entry_kind(message_type: &str) -> EntryKind {
    if message_type == "cmd" { EntryKind::Command } else { EntryKind::Message }
}

fn empty(name: &str) -> Error {
    Error::refused(Condition::ArgumentEmpty, vec![("name", name.to_owned())])
}

fn unusable(error: MessageError) -> Error {
    match error {
        MessageError::UnknownType => invalid("type"),
        MessageError::Missing(field) => missing(field),
        MessageError::WrongType(field) => invalid(field),
    }
}
