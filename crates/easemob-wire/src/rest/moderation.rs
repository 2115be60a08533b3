//! The body that asks for an export of moderation records (easemob-rest.md 3.18; the vendor's Java library).

use serde_json::{Map, Value};

use super::request::{BodyError, parse};

/// `{dateFrom, dateTo, targetType, msgType, moderationResult, providerResult}`; times in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportRequest {
    pub from: Option<u64>,
    pub to: Option<u64>,
    /// `chat`, `groupchat`, `chatroom`.
    pub target_type: Option<String>,
    /// `txt`, `img`, `video`, `audio` and the other types of messages.
    pub message_type: Option<String>,
    /// `PASS`, `REJECT`, `EXCHANGE`, `RECALL`.
    pub moderation_result: Option<String>,
    /// `PASS`, `REVIEWED`, `REJECT`, `UNKNOWN`.
    pub provider_result: Option<String>,
}

impl ExportRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields: Map<String, Value> = parse(body)?;
        Ok(Self {
            from: time(&fields, "dateFrom")?,
            to: time(&fields, "dateTo")?,
            target_type: text(&fields, "targetType")?,
            message_type: text(&fields, "msgType")?,
            moderation_result: text(&fields, "moderationResult")?,
            provider_result: text(&fields, "providerResult")?,
        })
    }
}

fn time(fields: &Map<String, Value>, field: &'static str) -> Result<Option<u64>, BodyError> {
    let number = match fields.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    number.map(Some).ok_or(BodyError::WrongType { field, expected: "milliseconds since 1970" })
}

fn text(fields: &Map<String, Value>, field: &'static str) -> Result<Option<String>, BodyError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(BodyError::WrongType { field, expected: "a text" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_or_null_is_not_asked_for() {
        let body = br#"{"dateFrom":1646602048000,"dateTo":"1646666948000","targetType":null,"msgType":""}"#;
        let expected = ExportRequest {
            from: Some(1_646_602_048_000),
            to: Some(1_646_666_948_000),
            ..Default::default()
        };
        assert_eq!(ExportRequest::parse(body), Ok(expected));
        for body in
            [r#"{"dateFrom":-1}"#, r#"{"dateTo":"now"}"#, r#"{"dateTo":[]}"#, r#"{"msgType":7}"#, "[]"]
        {
            assert!(ExportRequest::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
