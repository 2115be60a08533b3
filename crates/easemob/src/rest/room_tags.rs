//! Tags of those who are in a chat room, and mutes of all who have one (easemob-rest.md 3.14).

use std::time::Duration;

use domain::group::FOR_EVER;
use easemob_wire::rest::{RoomTagMute, RoomTags};
use serde_json::json;

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::groups::data;
use super::routes::routes;

routes! {
    PUT "/chatrooms/{room}/tag/mute" BackEnd Json RoomTag => mute;
    PUT "/chatrooms/{room}/users/{member}/tag" BackEnd Json RoomTag => set;
    GET "/chatrooms/{room}/users/{member}/tag" BackEnd Nothing RoomTag => get;
}

/// `PUT /chatrooms/{room}/tag/mute`: for so many seconds; 0 ends it, -1 has no end.
pub(crate) async fn mute(call: Call) -> Result<Answer, Failure> {
    let body = call.parse(RoomTagMute::parse)?;
    let tag = body.tag.filter(|tag| !tag.is_empty()).ok_or_else(|| missing("tag"))?;
    let until = match body.seconds.ok_or_else(|| missing("mute_duration"))? {
        0 => None,
        -1 => Some(FOR_EVER),
        seconds => {
            let seconds = u64::try_from(seconds).map_err(|_| invalid("mute_duration"))?;
            Some(call.use_cases().now().plus(Duration::from_secs(seconds)))
        }
    };
    call.use_cases().mute_room_tag(&call.tenant, call.place(), &tag, until).await?;
    Ok(data(&call, json!({ "result": true })))
}

/// `PUT /chatrooms/{room}/users/{member}/tag`: in the place of those that he has.
pub(crate) async fn set(call: Call) -> Result<Answer, Failure> {
    let tags = call.parse(RoomTags::parse)?.tags;
    call.use_cases().set_room_tags(&call.tenant, call.place(), call.names.get("member"), &tags).await?;
    Ok(data(&call, json!({ "result": true })))
}

/// `GET /chatrooms/{room}/users/{member}/tag`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let tags = call.use_cases().room_tags(&call.tenant, call.place(), call.names.get("member")).await?;
    Ok(data(&call, json!(tags)))
}
