//! Mutes in the whole app (easemob-rest.md 3.2). What they do is `domain::mute`'s.

use std::time::Duration;

use domain::mute::{MuteKind, MuteLeft, Mutes, SetMute};
use easemob_wire::rest::{Envelope, MuteRequest};
use model::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, invalid};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/mutes" BackEnd Json MuteGlobal => set;
    GET "/mutes" BackEnd Nothing MuteGlobal => list;
    GET "/mutes/{user}" BackEnd Nothing MuteGlobal => get;
}

/// Users in a page, when the caller does not say and at most.
const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 50;
/// The longest mute that has an end, in seconds.
const SECONDS_MOST: u64 = i32::MAX as u64;

/// `POST /mutes`
pub(crate) async fn set(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(MuteRequest::parse)?;
    let mut sets = Vec::new();
    for (kind, seconds) in [
        (MuteKind::Single, request.chat),
        (MuteKind::Groups, request.groupchat),
        (MuteKind::Rooms, request.chatroom),
    ] {
        let set = match seconds {
            Some(-1) => SetMute::ForEver,
            Some(0) => SetMute::Lift,
            Some(seconds) => match u64::try_from(seconds) {
                Ok(seconds) if seconds <= SECONDS_MOST => SetMute::For(Duration::from_secs(seconds)),
                Ok(_) => return Err(invalid(name(kind)).into()),
                // The vendor takes no notice of other negative numbers.
                Err(_) => continue,
            },
            None => continue,
        };
        sets.push((kind, set));
    }
    // Who is not named can't be found.
    let username = request.username.unwrap_or_default();
    call.use_cases().mute_user(&call.tenant, &username, &sets).await?;
    Ok(Answer::new(&Envelope { data: Some(json!({ "result": "ok" })), ..call.full() }))
}

/// `GET /mutes/{user}`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_mutes(&call.tenant, call.user()).await?;
    let now = call.use_cases().now();
    let mut data = Map::new();
    data.insert("userid".to_owned(), format!("{}_{}", call.tenant.value.key, account.user.name).into());
    for kind in MuteKind::ALL {
        data.insert(name(kind).to_owned(), seconds_left(&account.user.mutes, kind, now).into());
    }
    data.insert("unixtime".to_owned(), (now.0 / 1000).into());
    Ok(Answer::new(&Envelope { data: Some(Value::Object(data)), ..call.full() }))
}

/// `GET /mutes?pageNum=&pageSize=`: an entry for each user and kind.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let size = call.query.number("pageSize", 1..=PAGE_MOST)?.unwrap_or(PAGE_DEFAULT);
    let page = call.query.number("pageNum", 1..=usize::MAX)?.unwrap_or(1);
    let skip = (page - 1).saturating_mul(size);
    let now = call.use_cases().now();
    let mut data = Vec::new();
    for account in call.use_cases().muted_users(&call.tenant, skip, size).await? {
        for kind in MuteKind::ALL {
            let left = seconds_left(&account.user.mutes, kind, now);
            if left != 0 {
                data.push(json!({ "username": account.user.name.as_str(), name(kind): left }));
            }
        }
    }
    let data = json!({ "data": data, "unixtime": now.0 / 1000 });
    Ok(Answer::new(&Envelope { data: Some(data), params: call.query.params(), ..call.full() }))
}

fn name(kind: MuteKind) -> &'static str {
    match kind {
        MuteKind::Single => "chat",
        MuteKind::Groups => "groupchat",
        MuteKind::Rooms => "chatroom",
    }
}

/// Begun seconds count; -1 is for ever.
fn seconds_left(mutes: &Mutes, kind: MuteKind, now: Timestamp) -> i64 {
    match mutes.left(kind, now) {
        MuteLeft::Nothing => 0,
        MuteLeft::For(left) => i64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(i64::MAX),
        MuteLeft::ForEver => -1,
    }
}
