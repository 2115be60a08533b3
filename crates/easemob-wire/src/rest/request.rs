//! Request bodies. Tolerant: unknown fields are skipped without being kept, `null` is absent, and what is missing is
//! `None`, since each route has its own words for that. A field of a wrong type is an error that names it.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use thiserror::Error;

/// A body that can't be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BodyError {
    /// The reason is the parser's, with line and column.
    #[error("the body is no JSON object: {0}")]
    Json(String),
    #[error("the field {field} must be {expected}")]
    WrongType { field: &'static str, expected: &'static str },
}

/// `POST /token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// A token for the app's back end.
    ClientCredentials {
        client_id: Option<String>,
        client_secret: Option<String>,
        ttl_seconds: Option<u64>,
    },
    Password {
        username: Option<String>,
        password: Option<String>,
        ttl_seconds: Option<u64>,
    },
    /// A user's token without the password, asked for with an app token.
    Inherit {
        username: Option<String>,
        auto_create_user: bool,
        ttl_seconds: Option<u64>,
    },
    /// An app token for an app token of Agora's.
    Agora,
    /// Another `grant_type`; empty when there is none.
    Other {
        grant_type: String,
    },
}

impl TokenRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            grant_type: Option<&'a RawValue>,
            #[serde(borrow)]
            client_id: Option<&'a RawValue>,
            #[serde(borrow)]
            client_secret: Option<&'a RawValue>,
            #[serde(borrow)]
            username: Option<&'a RawValue>,
            #[serde(borrow)]
            password: Option<&'a RawValue>,
            #[serde(borrow, rename = "autoCreateUser")]
            auto_create_user: Option<&'a RawValue>,
            #[serde(borrow)]
            ttl: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        let ttl_seconds = seconds("ttl", raw.ttl)?;
        let grant_type = text("grant_type", raw.grant_type)?.unwrap_or_default();
        Ok(match grant_type.as_str() {
            "client_credentials" => Self::ClientCredentials {
                client_id: text("client_id", raw.client_id)?,
                client_secret: text("client_secret", raw.client_secret)?,
                ttl_seconds,
            },
            "password" => Self::Password {
                username: text("username", raw.username)?,
                password: text("password", raw.password)?,
                ttl_seconds,
            },
            "inherit" => Self::Inherit {
                username: text("username", raw.username)?,
                auto_create_user: typed("autoCreateUser", "true or false", raw.auto_create_user)?
                    .unwrap_or(false),
                ttl_seconds,
            },
            "agora" => Self::Agora,
            _ => Self::Other { grant_type },
        })
    }
}

/// One account of `POST /users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    pub username: Option<String>,
    pub password: Option<String>,
    pub nickname: Option<String>,
}

/// `POST /users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Register {
    One(NewUser),
    /// As many as came: the limit is the route's, and its error names the number.
    Many(Vec<NewUser>),
}

impl Register {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        if body.trim_ascii_start().starts_with(b"[") {
            let users: Vec<&RawValue> = serde_json::from_slice(body).map_err(json)?;
            users
                .iter()
                .map(|user| NewUser::parse(user.get().as_bytes()))
                .collect::<Result<_, _>>()
                .map(Self::Many)
        } else {
            NewUser::parse(body).map(Self::One)
        }
    }
}

impl NewUser {
    fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            username: Option<&'a RawValue>,
            #[serde(borrow)]
            password: Option<&'a RawValue>,
            #[serde(borrow)]
            nickname: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            username: text("username", raw.username)?,
            password: text("password", raw.password)?,
            nickname: text("nickname", raw.nickname)?,
        })
    }
}

/// `PUT /users/{username}/password`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordChange {
    pub new_password: Option<String>,
    /// Sent by clients that change their own.
    pub old_password: Option<String>,
}

impl PasswordChange {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            newpassword: Option<&'a RawValue>,
            #[serde(borrow)]
            oldpassword: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            new_password: text("newpassword", raw.newpassword)?,
            old_password: text("oldpassword", raw.oldpassword)?,
        })
    }
}

/// `POST /users/batch/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusBatch {
    pub usernames: Vec<String>,
}

impl StatusBatch {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            usernames: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self { usernames: typed("usernames", "a list of texts", raw.usernames)?.unwrap_or_default() })
    }
}

/// `PUT /users/{user}/chatfiles/lifetime`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLifetimes {
    pub lifetime: Option<String>,
    pub chatfile_ids: Vec<String>,
}

impl FileLifetimes {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            lifetime: Option<&'a RawValue>,
            #[serde(borrow)]
            chatfile_ids: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            lifetime: text("lifetime", raw.lifetime)?,
            chatfile_ids: typed("chatfile_ids", "a list of texts", raw.chatfile_ids)?.unwrap_or_default(),
        })
    }
}

/// A value of a query string, or `None` for what clients write when they have none (msync.md 3.1).
pub fn given(value: &str) -> Option<&str> {
    match value {
        "" | "undefined" | "null" => None,
        value => Some(value),
    }
}

pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    // serde would take an array for the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        let reason = serde_json::from_slice::<IgnoredAny>(body)
            .map_or_else(|error| error.to_string(), |_| "it is no object".to_owned());
        return Err(BodyError::Json(reason));
    }
    serde_json::from_slice(body).map_err(json)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn json(error: serde_json::Error) -> BodyError {
    BodyError::Json(error.to_string())
}

pub(super) fn text(field: &'static str, raw: Option<&RawValue>) -> Result<Option<String>, BodyError> {
    typed(field, "a text", raw)
}

/// Clients send numbers and numeric texts (easemob-rest.md 2.1).
fn seconds(field: &'static str, raw: Option<&RawValue>) -> Result<Option<u64>, BodyError> {
    let Some(raw) = raw else { return Ok(None) };
    let expected = "a number of seconds";
    let digits = if raw.get().starts_with('"') {
        typed::<String>(field, expected, Some(raw))?.unwrap_or_default()
    } else {
        raw.get().to_owned()
    };
    digits.parse().map(Some).map_err(|_| BodyError::WrongType { field, expected })
}

pub(super) fn typed<T: DeserializeOwned>(
    field: &'static str,
    expected: &'static str,
    raw: Option<&RawValue>,
) -> Result<Option<T>, BodyError> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|_| BodyError::WrongType { field, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_client_logs_in_with_a_password() {
        let body =
            br#"{"grant_type":"password","username":"alice","password":"pw","timestamp":1795220913258}"#;
        assert_eq!(
            TokenRequest::parse(body),
            Ok(TokenRequest::Password {
                username: Some("alice".into()),
                password: Some("pw".into()),
                ttl_seconds: None
            })
        );
    }

    #[test]
    fn a_life_may_be_a_number_or_digits_in_a_text() {
        for (ttl, seconds) in [("3600", Some(3600)), ("\"3600\"", Some(3600)), ("0", Some(0)), ("null", None)]
        {
            let body = format!(r#"{{"grant_type":"client_credentials","client_id":"id","ttl":{ttl}}}"#);
            assert_eq!(
                TokenRequest::parse(body.as_bytes()),
                Ok(TokenRequest::ClientCredentials {
                    client_id: Some("id".into()),
                    client_secret: None,
                    ttl_seconds: seconds
                }),
                "{ttl}"
            );
        }
    }

    #[test]
    fn a_wrong_type_is_named() {
        let wrong = |field, expected| Err(BodyError::WrongType { field, expected });
        let parse = |body: &str| TokenRequest::parse(body.as_bytes());
        assert_eq!(parse(r#"{"grant_type":"password","username":7}"#), wrong("username", "a text"));
        assert_eq!(parse(r#"{"grant_type":["password"]}"#), wrong("grant_type", "a text"));
        for ttl in ["-1", "1.5", "\"soon\"", "[]", "\"\"", "99999999999999999999"] {
            let body = format!(r#"{{"grant_type":"password","ttl":{ttl}}}"#);
            assert_eq!(parse(&body), wrong("ttl", "a number of seconds"), "{ttl}");
        }
        assert_eq!(
            parse(r#"{"grant_type":"inherit","username":"a","autoCreateUser":"yes"}"#),
            wrong("autoCreateUser", "true or false")
        );
        assert_eq!(
            StatusBatch::parse(br#"{"usernames":"alice"}"#),
            Err(BodyError::WrongType { field: "usernames", expected: "a list of texts" })
        );
    }

    #[test]
    fn registrations_are_one_or_many() {
        let alice = NewUser { username: Some("alice".into()), password: Some("pw".into()), nickname: None };
        let one = r#"{"username":"alice","password":"pw","nickname":null,"unknown":{"deep":[1]}}"#;
        assert_eq!(Register::parse(one.as_bytes()), Ok(Register::One(alice.clone())));
        let many = format!(" [{one}]");
        assert_eq!(Register::parse(many.as_bytes()), Ok(Register::Many(vec![alice])));
    }

    #[test]
    fn what_is_no_json_object_is_refused_with_the_place() {
        for (body, place) in [
            ("", "line 1 column 0"),
            ("x", "line 1 column 1"),
            ("{\"username\":", "line 1 column 12"),
            ("{\"username\":\"a\",\"username\":\"b\"}", "line 1 column 26"),
            ("\"text\"", "no object"),
            ("[[\"alice\",\"pw\",null]]", "no object"),
            ("[7]", "no object"),
        ] {
            let result = Register::parse(body.as_bytes());
            let Err(BodyError::Json(reason)) = &result else { panic!("{body:?} gave {result:?}") };
            assert!(reason.contains(place), "{body:?}: {reason}");
        }
        assert!(PasswordChange::parse(b"\xff").is_err());
    }

    #[test]
    fn what_clients_write_for_nothing_is_nothing() {
        assert_eq!(["", "undefined", "null"].map(given), [None; 3]);
        assert_eq!(given("cursor"), Some("cursor"));
    }
}
