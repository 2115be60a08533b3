//! Request bodies about messages after they were sent: history, conversation lists, reactions, pins, edits, reports
//! (msync.md 3.2, easemob-rest.md 3.9 and 3.15).

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::request::{BodyError, given, parse, text, typed};

/// `POST /users/{user}/messageroaming`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryRequest {
    /// `name@domain`; the domain tells users from groups.
    pub queue: String,
    /// Where the last page ended; `None` for the first one.
    pub start: Option<u64>,
    pub pull_number: Option<u64>,
    pub is_positive: bool,
    /// Types of messages; none: all.
    pub types: Vec<String>,
    /// Milliseconds since 1970.
    pub start_time: Option<u64>,
    pub end_time: Option<u64>,
    /// The sender.
    pub user_id: Option<String>,
}

impl HistoryRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            queue: Option<&'a RawValue>,
            #[serde(borrow)]
            start: Option<&'a RawValue>,
            #[serde(borrow)]
            pull_number: Option<&'a RawValue>,
            #[serde(borrow)]
            is_positive: Option<&'a RawValue>,
            #[serde(borrow, rename = "msgType")]
            msg_type: Option<&'a RawValue>,
            #[serde(borrow, rename = "startTime")]
            start_time: Option<&'a RawValue>,
            #[serde(borrow, rename = "endTime")]
            end_time: Option<&'a RawValue>,
            #[serde(borrow, rename = "userId")]
            user_id: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        let types = text("msgType", raw.msg_type)?.unwrap_or_default();
        Ok(Self {
            queue: text("queue", raw.queue)?.unwrap_or_default(),
            start: number("start", raw.start)?,
            pull_number: number("pull_number", raw.pull_number)?,
            is_positive: typed("is_positive", "true or false", raw.is_positive)?.unwrap_or_default(),
            types: types
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            start_time: number("startTime", raw.start_time)?,
            end_time: number("endTime", raw.end_time)?,
            user_id: text("userId", raw.user_id)?.filter(|name| given(name).is_some()),
        })
    }
}

/// A whole number, also as text; `-1` and what clients write for nothing is none.
fn number(field: &'static str, raw: Option<&RawValue>) -> Result<Option<u64>, BodyError> {
    let Some(raw) = raw else { return Ok(None) };
    let wrong = || BodyError::WrongType { field, expected: "a whole number" };
    let value: Value = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    let digits = match &value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(wrong()),
    };
    match digits.as_str() {
        "-1" => Ok(None),
        digits if given(digits).is_none() => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| wrong()),
    }
}

/// A conversation in a body: under `to`, or `channel` in the oldest form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedConversation {
    pub to: Option<String>,
    /// `chat`, `groupChat`, `groupchat` or `chatroom`.
    pub kind: Option<String>,
    /// Whether its history goes with it.
    pub delete_roam: Option<bool>,
    pub message: Option<String>,
}

impl NamedConversation {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            to: Option<&'a RawValue>,
            #[serde(borrow)]
            channel: Option<&'a RawValue>,
            #[serde(borrow, rename = "type")]
            kind: Option<&'a RawValue>,
            #[serde(borrow)]
            delete_roam: Option<&'a RawValue>,
            #[serde(borrow)]
            pin_msg_id: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            to: filled(text("to", raw.to)?.or(text("channel", raw.channel)?)),
            kind: filled(text("type", raw.kind)?),
            delete_roam: typed("delete_roam", "true or false", raw.delete_roam)?,
            message: filled(id("pin_msg_id", raw.pin_msg_id)?),
        })
    }
}

/// An id, which some clients send as a number.
fn id(field: &'static str, raw: Option<&RawValue>) -> Result<Option<String>, BodyError> {
    match raw {
        Some(raw) if raw.get().starts_with(|digit: char| digit.is_ascii_digit()) => {
            Ok(Some(raw.get().to_owned()))
        }
        raw => text(field, raw),
    }
}

/// `{mark, targets}`: setting or taking away a mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkRequest {
    pub mark: Option<String>,
    /// Name and kind.
    pub targets: Vec<(String, String)>,
}

impl MarkRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            mark: Option<&'a RawValue>,
            #[serde(borrow)]
            targets: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Target {
            #[serde(default)]
            to: String,
            #[serde(default, rename = "type")]
            kind: String,
        }
        let raw: Raw<'_> = parse(body)?;
        let targets: Vec<Target> =
            typed("targets", "a list of conversations", raw.targets)?.unwrap_or_default();
        Ok(Self {
            mark: text("mark", raw.mark)?.filter(|mark| !mark.is_empty()),
            targets: targets.into_iter().map(|target| (target.to, target.kind)).collect(),
        })
    }
}

/// `{msgId, message}`: a reaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReactionRequest {
    pub message: Option<String>,
    pub reaction: Option<String>,
}

impl ReactionRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow, rename = "msgId")]
            msg_id: Option<&'a RawValue>,
            #[serde(borrow)]
            message: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self { message: id("msgId", raw.msg_id)?, reaction: text("message", raw.message)? })
    }
}

/// `{username, reportType, reportReason}`: the user stands in the path too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportRequest {
    pub kind: String,
    pub reason: String,
}

impl ReportRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow, rename = "reportType")]
            report_type: Option<&'a RawValue>,
            #[serde(borrow, rename = "reportReason")]
            report_reason: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            kind: text("reportType", raw.report_type)?.unwrap_or_default(),
            reason: text("reportReason", raw.report_reason)?.unwrap_or_default(),
        })
    }
}

/// `PUT /messages/rewrite/{id}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RewriteRequest {
    /// In whose name.
    pub user: Option<String>,
    /// `{type, …}` with the keys of the type's body.
    pub new_msg: Option<Map<String, Value>>,
    pub new_ext: Option<Map<String, Value>>,
    /// Whether the new keys join the old ones, or take their place.
    pub is_combine_ext: bool,
}

impl RewriteRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            user: Option<&'a RawValue>,
            #[serde(borrow)]
            new_msg: Option<&'a RawValue>,
            #[serde(borrow)]
            new_ext: Option<&'a RawValue>,
            #[serde(borrow)]
            is_combine_ext: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = parse(body)?;
        Ok(Self {
            user: text("user", raw.user)?.filter(|user| !user.is_empty()),
            new_msg: typed("new_msg", "an object", raw.new_msg)?,
            new_ext: typed("new_ext", "an object", raw.new_ext)?,
            is_combine_ext: typed("is_combine_ext", "true or false", raw.is_combine_ext)?.unwrap_or(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_ask_for_history() {
        let new = br#"{"queue":"bob@easemob.com","start":-1,"pull_number":20,"is_positive":true,"msgType":"txt, img",
            "end":-1,"startTime":7,"endTime":"9","userId":"undefined"}"#;
        let expected = HistoryRequest {
            queue: "bob@easemob.com".into(),
            start: None,
            pull_number: Some(20),
            is_positive: true,
            types: vec!["txt".into(), "img".into()],
            start_time: Some(7),
            end_time: Some(9),
            user_id: None,
        };
        assert_eq!(HistoryRequest::parse(new).unwrap(), expected);
        let old = HistoryRequest::parse(br#"{"queue":"bob@easemob.com","start":"77","end":-1}"#).unwrap();
        assert_eq!((old.start, old.is_positive, old.types.len()), (Some(77), false, 0));
        for wrong in [&br#"{"start":{}}"#[..], br#"{"start":"x"}"#, br#"{"start":1.5}"#, br#"{"start":-2}"#] {
            assert!(HistoryRequest::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn conversations_are_named_in_either_way() {
        let named =
            NamedConversation::parse(br#"{"channel":"bob","type":"chat","delete_roam":false}"#).unwrap();
        assert_eq!((named.to.as_deref(), named.delete_roam), (Some("bob"), Some(false)));
        let named = NamedConversation::parse(br#"{"to":"bob","type":"","pin_msg_id":12}"#).unwrap();
        assert_eq!((named.kind, named.message.as_deref()), (None, Some("12")));
        let marks =
            MarkRequest::parse(br#"{"mark":"mark_3","targets":[{"to":"bob","type":"chat"}]}"#).unwrap();
        assert_eq!(marks.targets, [("bob".to_owned(), "chat".to_owned())]);
        assert!(MarkRequest::parse(br#"{"targets":["bob"]}"#).is_err());
    }

    #[test]
    fn a_rewrite_joins_the_extension_unless_told_otherwise() {
        let rewrite = RewriteRequest::parse(br#"{"new_msg":{"type":"txt","msg":"v2"}}"#).unwrap();
        assert!(rewrite.is_combine_ext && rewrite.new_ext.is_none());
        assert!(RewriteRequest::parse(br#"{"new_msg":[]}"#).is_err());
    }
}
