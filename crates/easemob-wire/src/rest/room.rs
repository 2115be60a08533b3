//! Request bodies about chat rooms (easemob-rest.md 3.14; msync.md 3.2).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::group::number;
use super::request::{BodyError, parse, text, typed};

/// The fields of a room in `POST /chatrooms` and `PUT /chatrooms/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomFields {
    pub id: Option<String>,
    pub owner: Option<String>,
    pub new_owner: Option<String>,
    pub members: Vec<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub custom: Option<String>,
    pub max_users: Option<u64>,
    /// The names of all other fields that have a value.
    pub others: Vec<String>,
}

impl RoomFields {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut raw: BTreeMap<String, Option<&RawValue>> = parse(body)?;
        // Sent by the vendor's back-end SDK, and without a meaning in rooms.
        raw.remove("need_verify");
        let mut take = |names: &[&str]| {
            let values: Vec<Option<&RawValue>> =
                names.iter().map(|name| raw.remove(*name).flatten()).collect();
            values.into_iter().flatten().next()
        };
        let mut fields = Self {
            id: text("chatroomid", take(&["chatroomid"]))?,
            owner: text("owner", take(&["owner"]))?,
            new_owner: text("newowner", take(&["newowner"]))?,
            members: typed("members", "a list of texts", take(&["members"]))?.unwrap_or_default(),
            name: text("name", take(&["name", "groupname"]))?,
            description: text("description", take(&["description"]))?,
            custom: text("custom", take(&["custom"]))?,
            max_users: number("maxusers", take(&["maxusers"]))?,
            others: Vec::new(),
        };
        fields.others = raw.into_iter().filter_map(|(name, value)| value.map(|_| name)).collect();
        Ok(fields)
    }
}

/// `{tag, mute_duration}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomTagMute {
    pub tag: Option<String>,
    /// 0: no longer; -1: without an end.
    pub seconds: Option<i64>,
}

impl RoomTagMute {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut raw: BTreeMap<String, Option<&RawValue>> = parse(body)?;
        let seconds = raw.remove("mute_duration").flatten();
        Ok(Self {
            tag: text("tag", raw.remove("tag").flatten())?,
            seconds: number("mute_duration", seconds)?,
        })
    }
}

/// `{tags}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomTags {
    pub tags: Vec<String>,
}

impl RoomTags {
    /// # Errors
    /// [`BodyError`], also for a body without tags: an empty list takes them all away.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut raw: BTreeMap<String, Option<&RawValue>> = parse(body)?;
        let tags = typed("tags", "a list of texts", raw.remove("tags").flatten())?;
        let tags = tags.ok_or(BodyError::WrongType { field: "tags", expected: "a list of texts" })?;
        Ok(Self { tags })
    }
}

/// `{metaData, autoDelete}` or `{keys}`: attributes of a room to set, to take away or to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomAttributesBody {
    pub values: Option<BTreeMap<String, String>>,
    /// They stay when their author leaves.
    pub stays: bool,
    pub keys: Option<Vec<String>>,
}

impl RoomAttributesBody {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut raw: BTreeMap<String, Option<&RawValue>> = parse(body)?;
        let mut take = |name: &str| raw.remove(name).flatten();
        let stays = match text("autoDelete", take("autoDelete"))?.as_deref() {
            None | Some("DELETE") => false,
            Some("NO_DELETE") => true,
            Some(_) => {
                return Err(BodyError::WrongType { field: "autoDelete", expected: "DELETE or NO_DELETE" });
            }
        };
        Ok(Self {
            values: typed("metaData", "an object of texts", take("metaData"))?,
            stays,
            keys: typed("keys", "a list of texts", take("keys"))?,
        })
    }
}

/// `{superadmin}`: who may make rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomMaker {
    pub name: Option<String>,
}

impl RoomMaker {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut raw: BTreeMap<String, Option<&RawValue>> = parse(body)?;
        Ok(Self { name: text("superadmin", raw.remove("superadmin").flatten())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_with_their_author_unless_the_caller_says_otherwise() {
        let parse = |body: &str| RoomAttributesBody::parse(body.as_bytes());
        let set = parse(r#"{"metaData":{"k":"v"},"notificationExt":"x"}"#).unwrap();
        assert_eq!((set.values.unwrap()["k"].as_str(), set.stays, set.keys), ("v", false, None));
        assert!(parse(r#"{"metaData":{"k":"v"},"autoDelete":"NO_DELETE"}"#).unwrap().stays);
        assert_eq!(parse(r#"{"keys":["a"]}"#).unwrap().keys, Some(vec!["a".to_owned()]));
        for wrong in [r#"{"autoDelete":"MAYBE"}"#, r#"{"metaData":{"k":1}}"#, r#"{"keys":"a"}"#, "[]"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rooms_name_has_two_names_and_its_size_may_be_a_text() {
        let fields = |body: &str| RoomFields::parse(body.as_bytes());
        let web = fields(r#"{"name":"L","description":"d","maxusers":"300","members":["b"],"owner":null}"#)
            .unwrap();
        assert_eq!((web.name.as_deref(), web.max_users, web.others), (Some("L"), Some(300), vec![]));
        let changed = fields(r#"{"groupname":"L","colour":"red","need_verify":false,"void":null}"#).unwrap();
        assert_eq!((changed.name.as_deref(), changed.others), (Some("L"), vec!["colour".to_owned()]));
        for wrong in ["-1", "\"many\"", "1.5", "true"] {
            assert!(fields(&format!(r#"{{"maxusers":{wrong}}}"#)).is_err(), "{wrong}");
        }
    }
}
