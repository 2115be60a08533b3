//! Streams: messages that a back end says part by part (easemob-rest.md 3.8.4).
//!
//! Checks: from, to, body, seq, ext, type, the rate; then those of the stream.

use std::sync::Arc;

use app::{ComposePiece, Error, StreamParties, StreamTarget};
use bytes::Bytes;
use conditions::Condition;
use domain::message::Priority;
use domain::post::Post;
use domain::rate::PostClass;
use domain::stream::{Ending, Part, Piece, Stage};
use easemob_wire::pb::message_body::Content;
use easemob_wire::pb::message_body::content::Type;
use easemob_wire::rest::message::{
    ChatType, NewMessage, RoomLevel, StreamFailure, StreamMark, StreamStatus, ext,
};
use easemob_wire::rest::{Envelope, StreamBody, StreamRequest};
use model::{Dialect, EntryKind, MessageId, Username};
use serde_json::json;

use super::answer::Answer;
use super::call::{Call, invalid};
use super::failure::Failure;
use super::routes::routes;
use crate::thread_mark;

/// Characters of the name of a stream's style.
const STYLE_CHARS: usize = 32;
/// What a stream is where nothing is said of it.
const PLAIN: &str = "text";

routes! {
    POST "/stream_message/user" BackEnd Json SendStream => to_user;
    POST "/stream_message/chatgroup" BackEnd Json SendStream => to_group;
    // The path as another page of the vendor has it.
    POST "/stream_message/group" BackEnd Json SendStream => to_group;
}

/// `POST /stream_message/user`
pub(crate) async fn to_user(call: Call) -> Result<Answer, Failure> {
    part(call, ChatType::Chat).await
}

/// `POST /stream_message/chatgroup`: a group or thread.
pub(crate) async fn to_group(call: Call) -> Result<Answer, Failure> {
    part(call, ChatType::GroupChat).await
}

/// The id of the message is told with the first part.
async fn part(call: Call, chat_type: ChatType) -> Result<Answer, Failure> {
    let StreamRequest { from, to, body, ext: pairs } = call.parse(StreamRequest::parse)?;
    let author = match from {
        None => Username::BACK_END.to_owned(),
        Some(from) if from.is_empty() => return Err(absent(Condition::StreamSenderMissing, "from").into()),
        Some(from) => from,
    };
    let to = to.filter(|to| !to.is_empty()).ok_or_else(|| absent(Condition::StreamTargetMissing, "to"))?;
    let StreamBody { id, text, number, is_last, finish_reason, style } =
        body.ok_or_else(|| absent(Condition::StreamBodyMissing, "body"))?;
    let number = number.ok_or_else(|| {
        Error::refused(Condition::StreamPartNumberInvalid, vec![("name", "body.seq".to_owned())])
    })?;
    let pairs = pairs
        .ok_or_else(|| Error::refused(Condition::MessageContentInvalid, vec![("name", "ext".to_owned())]))?;
    let style = style.filter(|style| !style.is_empty()).unwrap_or_else(|| PLAIN.to_owned());
    if style.chars().count() > STYLE_CHARS {
        return Err(invalid("body.type").into());
    }
    let reason = finish_reason.map(|reason| i32::try_from(reason).map_err(|_| invalid("body.finishReason")));
    let part = Part { number, text: &text, is_last, reason: reason.transpose()? };
    let use_cases = call.use_cases();
    use_cases.admit_posts(&call.tenant, PostClass::StreamParts, 1)?;

    let target = match chat_type {
        ChatType::Chat => StreamTarget::User(to),
        ChatType::GroupChat | ChatType::ChatRoom => StreamTarget::Group(to),
    };
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        let id = id.parse().map(MessageId).map_err(|_| {
            Error::refused(Condition::StreamNotFound, vec![("message", id.chars().take(32).collect())])
        })?;
        let parties = StreamParties { author, target };
        use_cases.continue_stream(&call.tenant, id, &parties, part).await?;
        return Ok(Answer::new(&call.full()));
    }
    let mark = match &target {
        StreamTarget::Group(name) => thread_mark::of(use_cases, &call.tenant, name).await?,
        StreamTarget::User(_) => None,
    };
    let pairs = ext(&pairs);
    let compose: Arc<ComposePiece> = Arc::new(move |from: &str, to: &str, piece: &Piece<'_>| -> Bytes {
        let content = Content {
            r#type: Some(Type::Text as i32),
            text: Some(piece.text.to_owned()),
            ..Content::default()
        };
        let message = NewMessage {
            chat_type,
            from,
            to,
            content: &content,
            ext: &pairs,
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::default(),
        };
        let payload = message.encode_stream(&stream_mark(&style, piece));
        mark.as_ref().map_or_else(|| payload.clone(), |mark| thread_mark::put(&payload, mark))
    });
    let post = Post {
        kind: EntryKind::Message,
        dialect: Dialect::Easemob,
        online_only: false,
        syncs_author: false,
        wants_receipts: false,
        hidden_from: Vec::new(),
        priority: Priority::Normal,
        stream: None,
        environment: None,
    };
    let parties = StreamParties { author, target };
    let id = use_cases.begin_stream(&call.tenant, parties, post, part, compose).await?;
    let data = Some(json!({ "msgId": id.to_string() }));
    Ok(Answer::new(&Envelope { data, ..call.full() }))
}

/// The vendor has a number for each of them.
fn absent(condition: Condition, name: &str) -> Error {
    Error::refused(condition, vec![("name", name.to_owned())])
}

/// The vendor has numbers for two ways of breaking off; what was too long looks ended.
fn stream_mark<'a>(style: &'a str, piece: &Piece<'_>) -> StreamMark<'a> {
    let (status, finish_reason, failure) = match piece.stage {
        Stage::Begun => (StreamStatus::Begun, None, None),
        Stage::BegunAndEnded(reason) => (StreamStatus::BegunAndEnded, reason, None),
        Stage::GoesOn => (StreamStatus::GoesOn, None, None),
        Stage::Ended(reason) => (StreamStatus::Ended, reason, None),
        Stage::Whole(Ending::Finished(reason)) => (StreamStatus::Whole, reason, None),
        Stage::Whole(Ending::Silent) => (StreamStatus::Whole, None, Some(StreamFailure::Silent)),
        Stage::Whole(Ending::TooOld) => (StreamStatus::Whole, None, Some(StreamFailure::TooOld)),
        Stage::Whole(Ending::TooLong) => (StreamStatus::Whole, None, None),
    };
    StreamMark { style, number: piece.number, status, failure, finish_reason }
}
