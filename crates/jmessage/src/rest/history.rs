//! What was said, for back ends: of the app, a user, a group or a room, by pages and by cursors (jmessage.md 1.3).

use app::{By, Error, GroupRef, SaidPosition};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::said::{Place, Span};
use jmessage_wire::message::{Envelope, Message, TargetType};
use model::{ConversationId, Dialect, Entry, EntryKind, Feed, GroupId, Timestamp, Uid};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::china_time;
use super::failure::Failure;
use super::groups::group_id;
use super::routes::routes;

routes! {
    GET "/v2/messages" Nothing Request => of_app;
    GET "/v2/users/{user}/messages" Nothing Request => of_user;
    GET "/v2/groups/{group}/messages" Nothing Request => of_group;
    GET "/v2/chatrooms/{group}/messages" Nothing Request => of_room;
    GET "/v1/messages" Nothing Request => page_of_app;
    GET "/v1/users/{user}/messages" Nothing Request => page_of_user;
}

/// Messages in a page.
const PAGE: usize = 1_000;
/// How long a cursor is good.
const CURSOR_MS: u64 = 120_000;
/// How far the first version looks back when no times are named: as long as the vendor keeps history.
const KEPT_MS: u64 = 60 * 24 * 60 * 60 * 1_000;

/// `GET /v2/messages`
async fn of_app(call: Call) -> Result<Answer, Failure> {
    answer(&call, Place::App).await
}

/// `GET /v2/users/{user}/messages`
async fn of_user(call: Call) -> Result<Answer, Failure> {
    let place = place_of_user(&call).await?;
    answer(&call, place).await
}

async fn place_of_user(call: &Call) -> Result<Place, Error> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    Ok(Place::SingleChatsOf(account.user.uid))
}

/// `GET /v2/groups/{group}/messages`
async fn of_group(call: Call) -> Result<Answer, Failure> {
    let id = group_id(&call)?;
    let (group, _) = call.use_cases().get_group(&call.tenant, &By::back_end(), id).await?;
    answer(&call, Place::Group(group.group.id)).await
}

/// `GET /v2/chatrooms/{group}/messages`
async fn of_room(call: Call) -> Result<Answer, Failure> {
    let id = GroupRef::room(group_id(&call)?);
    let (room, _) = call.use_cases().get_group(&call.tenant, &By::back_end(), id).await?;
    answer(&call, Place::Room(room.group.id)).await
}

/// What a client goes on with. It says nothing that its holder could not ask for, so it is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    place: Place,
    span: Span,
    position: SaidPosition,
    count: usize,
    total: u64,
    issued: Timestamp,
}

/// Numbers of a cursor.
const NUMBERS: usize = 9;

impl Cursor {
    fn write(self) -> String {
        let (kind, id) = match self.place {
            Place::App => (0, 0),
            Place::SingleChatsOf(uid) => (1, uid.0),
            Place::Group(group) => (2, group.0),
            Place::Room(room) => (3, room.0),
        };
        let numbers: [u64; NUMBERS] = [
            kind,
            id,
            self.span.begin.0,
            self.span.end.0,
            self.position.after.unwrap_or_default(),
            self.position.notes as u64,
            self.count as u64,
            self.total,
            self.issued.0,
        ];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut numbers = [0; NUMBERS];
        if bytes.len() != NUMBERS * 8 {
            return None;
        }
        for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
            *number = u64::from_be_bytes(bytes.try_into().ok()?);
        }
        let [kind, id, begin, end, after, notes, count, total, issued] = numbers;
        let place = match kind {
            0 => Place::App,
            1 => Place::SingleChatsOf(Uid(id)),
            2 => Place::Group(GroupId(id)),
            3 => Place::Room(GroupId(id)),
            _ => return None,
        };
        Some(Self {
            place,
            span: Span::new(Timestamp(begin), Timestamp(end)).ok()?,
            position: SaidPosition { after: Some(after), notes: usize::try_from(notes).ok()? },
            count: usize::try_from(count).ok().filter(|count| (1..=PAGE).contains(count))?,
            total,
            issued: Timestamp(issued),
        })
    }
}

/// A page of the second version: by a cursor, or the first of a span.
async fn answer(call: &Call, place: Place) -> Result<Answer, Failure> {
    let now = call.use_cases().now();
    let cursor = match call.query.get("cursor") {
        Some(text) => {
            let known = Cursor::read(text).filter(|cursor| cursor.place == place);
            let in_time = |cursor: &Cursor| now.0.saturating_sub(cursor.issued.0) <= CURSOR_MS;
            known.filter(in_time).ok_or_else(|| invalid("cursor"))?
        }
        None => {
            let count = call.query.number("count", 1..=PAGE)?.ok_or_else(|| missing("count"))?;
            let (begin, end) = (time(call, "begin_time")?, time(call, "end_time")?);
            let begin = begin.ok_or_else(|| missing("begin_time"))?;
            let span = Span::new(begin, end.ok_or_else(|| missing("end_time"))?).map_err(Error::from)?;
            let total = call.use_cases().count_said(&call.tenant, place, span).await?;
            Cursor { place, span, position: SaidPosition::default(), count, total, issued: now }
        }
    };
    let (span, from) = (cursor.span, cursor.position);
    let page = call.use_cases().said(&call.tenant, place, span, from, cursor.count).await?;
    let messages = shown(call, &page.messages);
    let mut answer = json!({ "total": cursor.total, "count": messages.len(), "messages": messages });
    if let Some(position) = page.next {
        answer["cursor"] = Cursor { position, issued: now, ..cursor }.write().into();
    }
    Ok(Answer::Found(answer))
}

fn time(call: &Call, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = call.query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    // A client that writes a blank as it is has it read as what separates.
    china_time::parse(text).map(Some).ok_or_else(|| invalid(name))
}

/// `GET /v1/messages`
async fn page_of_app(call: Call) -> Result<Answer, Failure> {
    page(&call, Place::App).await
}

/// `GET /v1/users/{user}/messages`
async fn page_of_user(call: Call) -> Result<Answer, Failure> {
    let place = place_of_user(&call).await?;
    page(&call, place).await
}

/// A page of the first version, by its place in the list.
async fn page(call: &Call, place: Place) -> Result<Answer, Failure> {
    let (start, count) = call.query.page(PAGE)?;
    let now = call.use_cases().now();
    let span = match (time(call, "begin_time")?, time(call, "end_time")?) {
        (Some(begin), Some(end)) => Span::new(begin, end).map_err(Error::from)?,
        (None, None) => Span { begin: Timestamp(now.0.saturating_sub(KEPT_MS)), end: now },
        (None, Some(_)) => return Err(missing("begin_time").into()),
        (Some(_), None) => return Err(missing("end_time").into()),
    };
    let total = call.use_cases().count_said(&call.tenant, place, span).await?;
    let (mut passed, mut position) = (0, SaidPosition::default());
    let messages = loop {
        let left = start - passed;
        let limit = if left == 0 { count } else { left.min(PAGE) };
        let read = call.use_cases().said(&call.tenant, place, span, position, limit).await?;
        if left == 0 {
            break read.messages;
        }
        passed += read.messages.len();
        match read.next {
            Some(next) => position = next,
            None => break Vec::new(),
        }
    };
    let messages = shown(call, &messages);
    Ok(Answer::Found(
        json!({ "total": total, "start": start, "count": messages.len(), "messages": messages }),
    ))
}

/// Messages as the API shows them, by the times at which they were said.
fn shown(call: &Call, messages: &[(Feed, Entry)]) -> Vec<Value> {
    let mut messages: Vec<&(Feed, Entry)> = messages.iter().collect();
    messages.sort_by_key(|(_, entry)| entry.id);
    messages.into_iter().filter_map(|(feed, entry)| row(call, *feed, entry)).collect()
}

fn row(call: &Call, feed: Feed, entry: &Entry) -> Option<Value> {
    let is_recalled = entry.kind == EntryKind::Recalled;
    let message = match entry.dialect {
        _ if is_recalled => Message::recalled(),
        Dialect::JMessage => Message::decode(&entry.payload)?,
        Dialect::Easemob | Dialect::Kith => Message::of(&call.use_cases().contents().content(entry)?),
    };
    let (target_type, target_id) = match feed {
        Feed::Conversation(ConversationId::Single { .. }) => {
            (TargetType::Single, entry.target_name.to_string())
        }
        Feed::Conversation(ConversationId::Group(_)) => (TargetType::Group, entry.target_name.to_string()),
        Feed::Conversation(ConversationId::Room(_)) => (TargetType::Room, entry.target_name.to_string()),
        Feed::Events(_) => return None,
    };
    let envelope = Envelope {
        target_type,
        target_id: &target_id,
        from_id: entry.sender_name.as_str(),
        appkey: call.app_key(),
        at: entry.at.0 / 1_000,
    };
    let mut row = message.shown(&envelope);
    if is_recalled {
        row["kith_recalled"] = true.into();
    }
    row["msgid"] = entry.id.0.into();
    row["msg_level"] = 0.into();
    row["msg_ctime"] = entry.at.0.into();
    if !message.from_name.is_empty() {
        row["set_from_name"] = 1.into();
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let cursor = Cursor {
            place: Place::Room(GroupId(9)),
            span: Span { begin: Timestamp(1_000), end: Timestamp(2_000) },
            position: SaidPosition { after: Some(7), notes: 3 },
            count: 10,
            total: 90,
            issued: Timestamp(5),
        };
        assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
        for text in ["", "x", "AAAA", &"A".repeat(96), &"_".repeat(96)] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
    }
}
