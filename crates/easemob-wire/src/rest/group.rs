//! Request bodies about groups (easemob-rest.md 3.12; msync.md 3.2). Several generations of names for one field are taken.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::{BodyError, parse, text, typed};

/// The fields of a group in `POST /chatgroups` and `PUT /chatgroups/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFields {
    pub id: Option<String>,
    pub owner: Option<String>,
    pub new_owner: Option<String>,
    pub members: Vec<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub avatar: Option<String>,
    pub custom: Option<String>,
    pub public: Option<bool>,
    pub members_only: Option<bool>,
    pub allow_invites: Option<bool>,
    pub invite_need_confirm: Option<bool>,
    pub max_users: Option<u64>,
    /// The names of all other fields that have a value.
    pub others: Vec<String>,
}

impl GroupFields {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut raw: BTreeMap<String, Option<&RawValue>> = parse(body)?;
        // The size of a group is a plan's word (easemob-rest.md 3.12), and means nothing here.
        raw.remove("scale");
        let mut take = |names: [&str; 3]| {
            let values = names.map(|name| raw.remove(name).flatten());
            values.into_iter().flatten().next()
        };
        let mut fields = Self {
            id: text("groupid", take(["groupid", "", ""]))?,
            owner: text("owner", take(["owner", "", ""]))?,
            new_owner: text("newowner", take(["newowner", "", ""]))?,
            members: typed("members", "a list of texts", take(["members", "", ""]))?.unwrap_or_default(),
            name: text("groupname", take(["groupname", "name", ""]))?,
            description: text("description", take(["description", "desc", ""]))?,
            avatar: text("avatar", take(["avatar", "", ""]))?,
            custom: text("custom", take(["custom", "", ""]))?,
            public: flag("public", take(["public", "", ""]))?,
            members_only: flag("membersonly", take(["membersonly", "members_only", "approval"]))?,
            allow_invites: flag("allowinvites", take(["allowinvites", "allow_invites", ""]))?,
            invite_need_confirm: flag(
                "invite_need_confirm",
                take(["invite_need_confirm", "need_verify", ""]),
            )?,
            max_users: number("maxusers", take(["maxusers", "", ""]))?,
            others: Vec::new(),
        };
        fields.others = raw.into_iter().filter_map(|(name, value)| value.map(|_| name)).collect();
        Ok(fields)
    }
}

/// `{usernames, mute_duration}`: who is muted, for how many milliseconds; a negative number has no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMute {
    pub usernames: Vec<String>,
    pub duration_ms: i64,
}

impl GroupMute {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            usernames: Option<&'a RawValue>,
            #[serde(borrow)]
            mute_duration: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            usernames: typed("usernames", "a list of texts", raw.usernames)?.unwrap_or_default(),
            duration_ms: number("mute_duration", raw.mute_duration)?.unwrap_or(-1),
        })
    }
}

/// The answer to an application or invitation, and an application's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupAnswer {
    pub applicant: Option<String>,
    pub invitee: Option<String>,
    pub accepts: bool,
    pub message: Option<String>,
    pub reason: Option<String>,
}

impl GroupAnswer {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            applicant: Option<&'a RawValue>,
            #[serde(borrow)]
            invitee: Option<&'a RawValue>,
            #[serde(borrow, rename = "verifyResult")]
            verify_result: Option<&'a RawValue>,
            #[serde(borrow)]
            message: Option<&'a RawValue>,
            #[serde(borrow)]
            reason: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            applicant: text("applicant", raw.applicant)?,
            invitee: text("invitee", raw.invitee)?,
            accepts: flag("verifyResult", raw.verify_result)?.unwrap_or(false),
            message: text("message", raw.message)?,
            reason: text("reason", raw.reason)?,
        })
    }
}

/// `{newadmin}` and `{announcement}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupText {
    pub new_admin: Option<String>,
    pub announcement: Option<String>,
}

impl GroupText {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            newadmin: Option<&'a RawValue>,
            #[serde(borrow)]
            announcement: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            new_admin: text("newadmin", raw.newadmin)?,
            announcement: text("announcement", raw.announcement)?,
        })
    }
}

/// `{metaData}` of one member, and `{targets, properties}` for reading several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAttributes {
    pub attributes: BTreeMap<String, String>,
    pub targets: Vec<String>,
    pub properties: Vec<String>,
}

impl MemberAttributes {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow, rename = "metaData")]
            attributes: Option<&'a RawValue>,
            #[serde(borrow)]
            targets: Option<&'a RawValue>,
            #[serde(borrow)]
            properties: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            attributes: typed("metaData", "an object of texts", raw.attributes)?.unwrap_or_default(),
            targets: typed("targets", "a list of texts", raw.targets)?.unwrap_or_default(),
            properties: typed("properties", "a list of texts", raw.properties)?.unwrap_or_default(),
        })
    }
}

/// `[{username, metadata}]`: the attributes of several members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeBatch {
    pub members: Vec<(String, BTreeMap<String, String>)>,
}

impl AttributeBatch {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw {
            username: String,
            metadata: BTreeMap<String, String>,
        }
        let raw: Vec<Raw> =
            serde_json::from_slice(body).map_err(|error| BodyError::Json(error.to_string()))?;
        Ok(Self { members: raw.into_iter().map(|member| (member.username, member.metadata)).collect() })
    }
}

/// The fields of a thread in `POST /thread`, `PUT /thread/{id}` and `POST /thread/message`. Ids come as texts and as
/// numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadFields {
    pub name: Option<String>,
    pub group: Option<String>,
    pub message: Option<String>,
    pub owner: Option<String>,
    pub threads: Vec<String>,
}

impl ThreadFields {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            name: Option<&'a RawValue>,
            #[serde(borrow)]
            group_id: Option<&'a RawValue>,
            #[serde(borrow)]
            msg_id: Option<&'a RawValue>,
            #[serde(borrow)]
            owner: Option<&'a RawValue>,
            #[serde(borrow, rename = "threadIds")]
            threads: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            name: text("name", raw.name)?,
            group: id("group_id", raw.group_id)?,
            message: id("msg_id", raw.msg_id)?,
            owner: text("owner", raw.owner)?,
            threads: typed("threadIds", "a list of texts", raw.threads)?.unwrap_or_default(),
        })
    }
}

/// A text, or a whole number as one.
fn id(field: &'static str, raw: Option<&RawValue>) -> Result<Option<String>, BodyError> {
    match raw.map(RawValue::get) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(digits.to_owned())),
        _ => text(field, raw),
    }
}

/// Clients send booleans and their names as texts.
pub(super) fn flag(field: &'static str, raw: Option<&RawValue>) -> Result<Option<bool>, BodyError> {
    match raw.map(RawValue::get) {
        Some("\"true\"") => Ok(Some(true)),
        Some("\"false\"") => Ok(Some(false)),
        _ => typed(field, "true or false", raw),
    }
}

/// Clients send numbers and numeric texts.
pub(super) fn number<T: FromStr>(
    field: &'static str,
    raw: Option<&RawValue>,
) -> Result<Option<T>, BodyError> {
    let Some(digits) = raw.map(|raw| raw.get().trim_matches('"')) else { return Ok(None) };
    let expected = "a whole number";
    digits.parse().map(Some).map_err(|_| BodyError::WrongType { field, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generations_names_are_taken() {
        let web = br#"{"owner":"a","groupname":"G","desc":"d","members":["b"],"public":true,"approval":false,
            "allowinvites":true,"invite_need_confirm":false,"maxusers":300,"custom":"{}","avatar":null}"#;
        let java = br#"{"owner":"a","name":"G","description":"d","members":["b"],"public":"true","members_only":false,
            "allow_invites":true,"need_verify":false,"maxusers":"300","custom":"{}","scale":"large"}"#;
        let fields = GroupFields::parse(web).unwrap();
        assert_eq!(fields, GroupFields::parse(java).unwrap());
        assert_eq!((fields.max_users, fields.members_only, fields.others), (Some(300), Some(false), vec![]));
        let unknown = GroupFields::parse(br#"{"groupname":"G","colour":"red","void":null}"#).unwrap();
        assert_eq!(unknown.others, ["colour"]);
        for wrong in ["-1", "\"many\"", "1.5", "true"] {
            let body = format!(r#"{{"maxusers":{wrong}}}"#);
            assert!(GroupFields::parse(body.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_of_threads_are_texts_or_numbers() {
        let fields = ThreadFields::parse(br#"{"name":"T","group_id":7,"msg_id":"8","owner":"a"}"#).unwrap();
        assert_eq!((fields.group.as_deref(), fields.message.as_deref()), (Some("7"), Some("8")));
        let fields = ThreadFields::parse(br#"{"threadIds":["1","2"],"msg_id":null}"#).unwrap();
        assert_eq!((fields.threads.len(), fields.message), (2, None));
        assert!(ThreadFields::parse(br#"{"group_id":[]}"#).is_err());
        assert!(ThreadFields::parse(br#"{"msg_id":1.5}"#).is_err());
    }

    #[test]
    fn a_mute_without_an_end_is_a_negative_number_or_none() {
        let mute = |body: &str| GroupMute::parse(body.as_bytes()).unwrap().duration_ms;
        assert_eq!(mute(r#"{"usernames":["a"],"mute_duration":1000}"#), 1000);
        assert_eq!(mute(r#"{"usernames":["a"],"mute_duration":-1}"#), -1);
        assert_eq!(mute(r#"{"usernames":["a"],"mute_duration":"60000"}"#), 60_000);
        assert_eq!(mute(r#"{"usernames":["a"]}"#), -1);
    }
}
