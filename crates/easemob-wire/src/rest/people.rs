//! Request bodies about contacts, block lists and presence (easemob-rest.md 3.4 to 3.6; msync.md 3.2).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::{BodyError, parse, text, typed};

/// `{usernames, reason}`: a contact request, with or without words; a list of users otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUsers {
    pub usernames: Vec<String>,
    pub reason: Option<String>,
}

impl NamedUsers {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            usernames: Option<&'a RawValue>,
            #[serde(borrow)]
            reason: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            usernames: typed("usernames", "a list of texts", raw.usernames)?.unwrap_or_default(),
            reason: text("reason", raw.reason)?,
        })
    }
}

/// `{remark}`: the user's own name for a contact. Absent is empty, which takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRemark {
    pub remark: String,
}

impl ContactRemark {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            remark: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self { remark: text("remark", raw.remark)?.unwrap_or_default() })
    }
}

/// `{username, check_list}`: what some users are to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationCheck {
    pub username: Option<String>,
    pub check_list: Vec<String>,
}

impl RelationCheck {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            username: Option<&'a RawValue>,
            #[serde(borrow)]
            check_list: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            username: text("username", raw.username)?.filter(|username| !username.trim().is_empty()),
            check_list: typed("check_list", "a list of texts", raw.check_list)?.unwrap_or_default(),
        })
    }
}

/// `{ext}`: what a user says about himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceExt {
    pub ext: Option<String>,
}

impl PresenceExt {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            ext: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self { ext: text("ext", raw.ext)? })
    }
}

/// `{targets, properties}`: whose attributes, and which; none is all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeQuery {
    pub targets: Vec<String>,
    pub properties: Vec<String>,
}

impl AttributeQuery {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            targets: Option<&'a RawValue>,
            #[serde(borrow)]
            properties: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        let list = |field, raw| Ok(typed(field, "a list of texts", raw)?.unwrap_or_default());
        Ok(Self { targets: list("targets", raw.targets)?, properties: list("properties", raw.properties)? })
    }
}

/// A list of users without an object around it, as the vendor's example has it, or as `users` in one, as its table has
/// it (easemob-rest.md 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserList {
    pub users: Vec<String>,
}

impl UserList {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            users: Option<&'a RawValue>,
        }
        if body.trim_ascii_start().starts_with(b"[") {
            let list: &RawValue =
                serde_json::from_slice(body).map_err(|error| BodyError::Json(error.to_string()))?;
            return Ok(Self { users: typed("users", "a list of texts", Some(list))?.unwrap_or_default() });
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self { users: typed("users", "a list of texts", raw.users)?.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_client_asks_for_a_contact() {
        let asked = NamedUsers::parse(br#"{"usernames":["bob"],"reason":"hi"}"#).unwrap();
        assert_eq!((asked.usernames, asked.reason.as_deref()), (vec!["bob".to_owned()], Some("hi")));
        let bare = NamedUsers::parse(br#"{"usernames":null}"#).unwrap();
        assert_eq!((bare.usernames, bare.reason), (vec![], None));
        let wrong = NamedUsers::parse(br#"{"usernames":"bob"}"#);
        assert_eq!(wrong, Err(BodyError::WrongType { field: "usernames", expected: "a list of texts" }));
    }

    #[test]
    fn users_come_as_a_bare_list_or_in_an_object() {
        let users = |body: &str| UserList::parse(body.as_bytes()).map(|list| list.users);
        assert_eq!(users(r#" ["a","b"]"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(users(r#"{"users":["a"]}"#), Ok(vec!["a".to_owned()]));
        assert_eq!(users("{}"), Ok(vec![]));
        assert_eq!(users("[7]"), Err(BodyError::WrongType { field: "users", expected: "a list of texts" }));
        assert!(matches!(users("[\"a\""), Err(BodyError::Json(_))));
    }

    #[test]
    fn nothing_is_an_empty_remark_and_a_blank_name_is_none() {
        assert_eq!(ContactRemark::parse(br#"{"remark":null}"#).unwrap().remark, "");
        assert_eq!(ContactRemark::parse(br#"{"remark":"Bobby"}"#).unwrap().remark, "Bobby");
        let check = RelationCheck::parse(br#"{"username":" ","check_list":["a"]}"#).unwrap();
        assert_eq!((check.username, check.check_list), (None, vec!["a".to_owned()]));
    }
}
