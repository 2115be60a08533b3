//! Answers: the full envelope, the token's own, and the error's. Keys stand in the documented order; what is absent is
//! left out, since clients test for presence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The full envelope, "E1" in easemob-rest.md 1.1. Each route fills what the vendor's does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Mostly the method in lower case; some routes have words of their own.
    pub action: String,
    /// The app's UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The route below the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The whole URL. Some clients look for the route's name in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities: Option<Vec<User>>,
    /// `entities` of the routes that list something else than accounts; the two exclude each other.
    #[serde(rename = "entities", skip_serializing_if = "Option::is_none")]
    pub other_entities: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Milliseconds since 1970.
    pub timestamp: u64,
    /// Milliseconds spent.
    pub duration: u64,
    /// `ok`, on the routes that have nothing else to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Items on all pages together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<usize>,
    /// Where the next page begins; absent on the last one, on which clients stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The cursor of lists of threads stands in here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Value>,
    /// The query said back; every value is a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, Vec<String>>>,
}

/// An account as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub uuid: String,
    /// Always `user`.
    #[serde(rename = "type", default = "user_type")]
    pub entity_type: String,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub created: u64,
    #[serde(default)]
    pub modified: u64,
    pub username: String,
    #[serde(default)]
    pub activated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
}

fn user_type() -> String {
    "user".to_owned()
}

/// `POST /token`: an app's token names the application, a user's the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    pub access_token: String,
    /// Seconds from now.
    pub expires_in: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// The body of every answer above 399 (easemob-rest.md 1.2): clients of all ages read `error` and
/// `error_description`, and hang on bodies that are no JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    pub error: String,
    /// A class name of the vendor's server; some clients tell errors apart by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    #[serde(default)]
    pub timestamp: u64,
    #[serde(default)]
    pub duration: u64,
    #[serde(default)]
    pub error_description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// The description once more, for presence: there the web SDKs look for it under this name (msync.md 3.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    fn alice() -> User {
        User {
            uuid: "u-1".into(),
            entity_type: user_type(),
            created: 1,
            modified: 2,
            username: "alice".into(),
            activated: true,
            nickname: None,
        }
    }

    #[test]
    fn the_full_envelope_has_the_documented_keys_in_the_documented_order() {
        let envelope = Envelope {
            action: "get".into(),
            application: Some("a-1".into()),
            application_name: Some("app".into()),
            organization: Some("org".into()),
            path: Some("/users".into()),
            uri: Some("https://host/org/app/users".into()),
            entities: Some(vec![alice()]),
            other_entities: None,
            data: Some(serde_json::json!([])),
            timestamp: 1_542_361_730_243,
            duration: 0,
            status: None,
            count: Some(1),
            total: None,
            cursor: Some("next".into()),
            properties: None,
            params: Some([("limit".to_owned(), vec!["2".to_owned()])].into()),
        };
        assert_eq!(
            json(&envelope),
            concat!(
                r#"{"action":"get","application":"a-1","applicationName":"app","organization":"org","#,
                r#""path":"/users","uri":"https://host/org/app/users","#,
                r#""entities":[{"uuid":"u-1","type":"user","created":1,"modified":2,"username":"alice","activated":true}],"#,
                r#""data":[],"timestamp":1542361730243,"duration":0,"count":1,"cursor":"next","params":{"limit":["2"]}}"#
            )
        );
    }

    #[test]
    fn what_is_absent_is_left_out() {
        let envelope = Envelope { action: "set user password".into(), timestamp: 5, ..Default::default() };
        assert_eq!(json(&envelope), r#"{"action":"set user password","timestamp":5,"duration":0}"#);
        let answer = TokenAnswer {
            access_token: "YWMt".into(),
            expires_in: 60,
            application: None,
            user: Some(User { nickname: Some("Al".into()), ..alice() }),
        };
        let text = json(&answer);
        assert!(
            text.starts_with(r#"{"access_token":"YWMt","expires_in":60,"user":{"uuid":"u-1","#),
            "{text}"
        );
        assert!(text.ends_with(r#""nickname":"Al"}}"#), "{text}");
        assert_eq!(serde_json::from_str::<TokenAnswer>(&text).unwrap(), answer);
    }

    #[test]
    fn the_error_envelope_is_the_documented_one() {
        let mut error = ErrorAnswer {
            error: "service_resource_not_found".into(),
            exception: Some("UserNotFoundException".into()),
            timestamp: 1_709_867_821_788,
            duration: 0,
            error_description: "Service resource not found".into(),
            error_code: Some(14_007),
            result: None,
        };
        assert_eq!(
            json(&error),
            concat!(
                r#"{"error":"service_resource_not_found","exception":"UserNotFoundException","#,
                r#""timestamp":1709867821788,"duration":0,"error_description":"Service resource not found","error_code":14007}"#
            )
        );
        (error.exception, error.error_code) = (None, None);
        assert!(!json(&error).contains("exception") && !json(&error).contains("error_code"));
        assert!(!json(&error).contains("result"));
    }
}
