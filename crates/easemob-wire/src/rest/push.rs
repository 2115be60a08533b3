//! Bodies of the calls about pushes, and of `PUT /users/{user}`, which sets most of it too (easemob-rest.md 3.1, 3.16).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::BodyError;
use super::group::flag;
use super::request::{parse, text, typed};

/// `PUT /users/{user}/push/binding`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushBinding {
    pub device_id: Option<String>,
    pub device_token: Option<String>,
    pub notifier_name: Option<String>,
}

impl PushBinding {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut fields: Fields<'_> = parse(body)?;
        Self::take(&mut fields)
    }

    fn take(fields: &mut Fields<'_>) -> Result<Self, BodyError> {
        let mut take = |field| text(field, fields.remove(field).flatten());
        Ok(Self {
            device_id: take("device_id")?,
            device_token: take("device_token")?,
            notifier_name: take("notifier_name")?,
        })
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

type Fields<'a> = BTreeMap<String, Option<&'a RawValue>>;

/// `PUT /users/{user}`: any of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserUpdate {
    pub nickname: Option<String>,
    pub binding: PushBinding,
    /// A number, in a text or not.
    pub display_style: Option<u64>,
    pub no_disturbing: Option<bool>,
    pub no_disturbing_start: Option<String>,
    pub no_disturbing_end: Option<String>,
    /// `notification_ignore_{group}`, also in the old form inside `entities`.
    pub ignored_groups: Vec<(String, bool)>,
    /// The names of all other fields that have a value.
    pub others: Vec<String>,
}

const IGNORE: &str = "notification_ignore_";

impl UserUpdate {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut fields: Fields<'_> = parse(body)?;
        let mut update = Self { binding: PushBinding::take(&mut fields)?, ..Self::default() };
        for (field, raw) in fields {
            let Some(raw) = raw else { continue };
            match field.as_str() {
                "nickname" => update.nickname = text("nickname", Some(raw))?,
                "notification_display_style" => {
                    let (field, expected) = ("notification_display_style", "0 or 1");
                    let style = number(raw).ok_or(BodyError::WrongType { field, expected })?;
                    update.display_style = Some(style);
                }
                "notification_no_disturbing" => {
                    update.no_disturbing = flag("notification_no_disturbing", Some(raw))?;
                }
                "notification_no_disturbing_start" => {
                    update.no_disturbing_start = Some(hour("notification_no_disturbing_start", raw)?);
                }
                "notification_no_disturbing_end" => {
                    update.no_disturbing_end = Some(hour("notification_no_disturbing_end", raw)?);
                }
                "entities" => {
                    let list: Vec<BTreeMap<String, Value>> =
                        typed("entities", "a list of objects", Some(raw))?.unwrap_or_default();
                    for (field, value) in list.into_iter().flatten() {
                        match (field.strip_prefix(IGNORE), value.as_bool()) {
                            (Some(group), Some(value)) => {
                                update.ignored_groups.push((group.to_owned(), value));
                            }
                            _ => update.others.push(field),
                        }
                    }
                }
                other => match other.strip_prefix(IGNORE) {
                    Some(group) => {
                        let value = typed("notification_ignore", "true or false", Some(raw))?;
                        update.ignored_groups.push((group.to_owned(), value.unwrap_or_default()));
                    }
                    None => update.others.push(field),
                },
            }
        }
        Ok(update)
    }
}

fn number(raw: &RawValue) -> Option<u64> {
    raw.get().trim_matches('"').parse().ok()
}

/// A whole hour, in a text or not.
fn hour(field: &'static str, raw: &RawValue) -> Result<String, BodyError> {
    match number(raw) {
        Some(hour) => Ok(hour.to_string()),
        None => Ok(text(field, Some(raw))?.unwrap_or_default()),
    }
}

/// `PUT /users/{user}/notification/{kind}/{key}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SilenceUpdate {
    pub level: Option<String>,
    /// Milliseconds.
    pub ignore_duration: Option<u64>,
    /// `HH:MM-HH:MM`.
    pub ignore_interval: Option<String>,
}

impl SilenceUpdate {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields: Fields<'_> = parse(body)?;
        let raw = |field: &str| fields.get(field).copied().flatten();
        let duration = match raw("ignoreDuration") {
            None => None,
            Some(raw) => {
                let (field, expected) = ("ignoreDuration", "a number of milliseconds");
                Some(number(raw).ok_or(BodyError::WrongType { field, expected })?)
            }
        };
        Ok(Self {
            level: text("type", raw("type"))?,
            ignore_duration: duration,
            ignore_interval: text("ignoreInterval", raw("ignoreInterval"))?,
        })
    }
}

/// `PUT /users/{user}/notification/language`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushLanguage {
    pub translation_language: Option<String>,
}

impl PushLanguage {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields: Fields<'_> = parse(body)?;
        let raw = fields.get("translationLanguage").copied().flatten();
        Ok(Self { translation_language: text("translationLanguage", raw)? })
    }
}

/// `POST /notification/template` and `PUT /notification/template/{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushTemplate {
    pub name: Option<String>,
    pub title_pattern: Option<String>,
    pub content_pattern: Option<String>,
}

impl PushTemplate {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields: Fields<'_> = parse(body)?;
        let raw = |field: &str| fields.get(field).copied().flatten();
        Ok(Self {
            name: text("name", raw("name"))?,
            title_pattern: text("title_pattern", raw("title_pattern"))?,
            content_pattern: text("content_pattern", raw("content_pattern"))?,
        })
    }
}

/// `PUT /users/{user}/notification/template`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushTemplateChoice {
    pub template_name: Option<String>,
}

impl PushTemplateChoice {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields: Fields<'_> = parse(body)?;
        let raw = fields.get("templateName").copied().flatten();
        Ok(Self { template_name: text("templateName", raw)? })
    }
}

/// `PUT /push/nickname`: users and their names for pushes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushNicknames(pub Vec<(String, String)>);

impl PushNicknames {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Name {
            username: String,
            push_nickname: String,
        }
        let names: Vec<Name> =
            serde_json::from_slice(body).map_err(|error| BodyError::Json(error.to_string()))?;
        Ok(Self(names.into_iter().map(|name| (name.username, name.push_nickname)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_update_is_sorted_into_its_parts() {
        let body = br#"{"nickname":"Al","device_id":"d","device_token":"t","notifier_name":null,
            "notification_display_style":"1","notification_no_disturbing":true,"notification_no_disturbing_start":22,
            "notification_no_disturbing_end":"7","notification_ignore_7":true,
            "entities":[{"notification_ignore_8":false,"x":1}],"color":1,"none":null}"#;
        let update = UserUpdate::parse(body).unwrap();
        let expected = UserUpdate {
            nickname: Some("Al".to_owned()),
            binding: PushBinding {
                device_id: Some("d".to_owned()),
                device_token: Some("t".to_owned()),
                notifier_name: None,
            },
            display_style: Some(1),
            no_disturbing: Some(true),
            no_disturbing_start: Some("22".to_owned()),
            no_disturbing_end: Some("7".to_owned()),
            ignored_groups: vec![("8".to_owned(), false), ("7".to_owned(), true)],
            others: vec!["color".to_owned(), "x".to_owned()],
        };
        assert_eq!(update, expected);
        for body in [
            r#"{"nickname":["Al"]}"#,
            r#"{"notification_display_style":"much"}"#,
            r#"{"notification_no_disturbing":"yes"}"#,
            r#"{"notification_ignore_7":1}"#,
            r#"{"entities":{}}"#,
        ] {
            assert!(UserUpdate::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn quiet_times_come_as_the_web_client_sends_them() {
        let parse = |body: &str| SilenceUpdate::parse(body.as_bytes());
        let silence = |level: Option<&str>, ignore_duration, interval: Option<&str>| SilenceUpdate {
            level: level.map(str::to_owned),
            ignore_duration,
            ignore_interval: interval.map(str::to_owned),
        };
        assert_eq!(parse(r#"{"type":"AT"}"#), Ok(silence(Some("AT"), None, None)));
        assert_eq!(parse(r#"{"ignoreDuration":60000}"#), Ok(silence(None, Some(60_000), None)));
        assert_eq!(parse(r#"{"ignoreInterval":"8:30-10:15"}"#), Ok(silence(None, None, Some("8:30-10:15"))));
        assert!(parse(r#"{"ignoreDuration":-1}"#).is_err());
        assert!(parse(r#"{"type":7}"#).is_err());
    }

    #[test]
    fn names_come_as_a_list() {
        let names = PushNicknames::parse(br#"[{"username":"a","push_nickname":"A"}]"#).unwrap();
        assert_eq!(names.0, [("a".to_owned(), "A".to_owned())]);
        assert!(PushNicknames::parse(br#"{"username":"a"}"#).is_err());
    }
}
