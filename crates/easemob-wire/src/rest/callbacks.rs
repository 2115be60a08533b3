//! The body that has kept reports sent again (easemob-rest.md 3.19).

use serde_json::{Map, Value};

use super::request::{BodyError, parse};

/// `{date, retry, targetUrl}`. `retry` is how often the caller has asked before; the server counts for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryRequest {
    /// `yyyyMMddHHmm`; numbers are taken for their digits.
    pub date: Option<String>,
    pub target_url: Option<String>,
}

impl RetryRequest {
    /// # Errors
    /// [`BodyError`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let fields: Map<String, Value> = parse(body)?;
        let date = match fields.get("date") {
            Some(Value::Number(digits)) => Some(digits.to_string()),
            _ => text(&fields, "date")?,
        };
        match fields.get("retry") {
            None | Some(Value::Null) => {}
            Some(Value::Number(count)) if count.is_u64() => {}
            Some(Value::String(count)) if count.is_empty() || count.parse::<u64>().is_ok() => {}
            Some(_) => return Err(BodyError::WrongType { field: "retry", expected: "a number" }),
        }
        Ok(Self { date, target_url: text(&fields, "targetUrl")? })
    }
}

fn text(fields: &Map<String, Value>, field: &'static str) -> Result<Option<String>, BodyError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
        Some(_) => Err(BodyError::WrongType { field, expected: "a text" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_a_text_or_its_digits_and_an_empty_target_is_none() {
        let body = br#"{"date":202108272230,"retry":"0","targetUrl":""}"#;
        let date = Some("202108272230".to_owned());
        assert_eq!(RetryRequest::parse(body), Ok(RetryRequest { date, target_url: None }));
        assert_eq!(RetryRequest::parse(b"{}"), Ok(RetryRequest::default()));
    }

    #[test]
    fn wrong_types_are_named() {
        for (body, field) in
            [(r#"{"date":[]}"#, "date"), (r#"{"retry":-1}"#, "retry"), (r#"{"targetUrl":7}"#, "targetUrl")]
        {
            let wrong = RetryRequest::parse(body.as_bytes());
            assert!(
                matches!(wrong, Err(BodyError::WrongType { field: named, .. }) if named == field),
                "{body}"
            );
        }
    }
}
