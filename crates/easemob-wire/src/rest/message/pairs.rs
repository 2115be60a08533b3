//! Extension keys: a JSON object and a list of `KeyValue`, both ways (msync.md 2.9). Nothing is lost on the way: what
//! has no type of its own travels as JSON text.

use serde_json::{Map, Number, Value};

use crate::Value as Pair;
use crate::pb::KeyValue;

/// The pairs of an object, in its order.
pub fn ext(object: &Map<String, Value>) -> Vec<KeyValue> {
    object.iter().map(|(key, value)| pair(value).with_key(key)).collect()
}

fn pair(value: &Value) -> Pair {
    match value {
        Value::Bool(value) => Pair::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Pair::Int(value),
            // Above 2^63: as the client has it, which knows no such integers either.
            None => Pair::Double(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Pair::Text(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => Pair::Json(value.to_string()),
    }
}

/// The object of a list of pairs. Of a key given twice the last one counts; a pair without a value that fits its type
/// is left out.
pub fn ext_json(pairs: &[KeyValue]) -> Map<String, Value> {
    pairs.iter().filter_map(|pair| Some((pair.key().to_owned(), value(pair)?))).collect()
}

/// The pairs as a list of objects with one key each, as `customExts` has them.
pub(super) fn list_json(pairs: &[KeyValue]) -> Value {
    let one = |pair: &KeyValue| Some(Value::Object(Map::from_iter([(pair.key().to_owned(), value(pair)?)])));
    pairs.iter().filter_map(one).collect()
}

fn value(pair: &KeyValue) -> Option<Value> {
    Some(match Pair::of(pair)? {
        Pair::Bool(value) => value.into(),
        Pair::Int(value) => value.into(),
        Pair::Double(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
        Pair::Text(text) => text.into(),
        // What is no JSON after all is shown as the text that it is.
        Pair::Json(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_json_value_comes_back() {
        let object = json!({
            "yes": true, "no": false, "n": -7, "big": 9_007_199_254_740_993_i64, "half": 0.5, "text": "字",
            "empty": "", "null": null, "list": [1, "a", null], "object": { "em_push_title": "t", "deep": [{}] },
            "em_apns_ext": { "em_push_title": "title" }, "em_ignore_notification": true,
        });
        let pairs = ext(object.as_object().unwrap());
        assert_eq!(Value::Object(ext_json(&pairs)), object);
    }

    #[test]
    fn damaged_pairs_are_left_out_and_damaged_json_is_text() {
        let mut nothing = Pair::Int(1).with_key("gone");
        nothing.value = None;
        let pairs =
            [nothing, Pair::Json("{".into()).with_key("text"), Pair::Double(f64::NAN).with_key("nan")];
        assert_eq!(Value::Object(ext_json(&pairs)), json!({ "text": "{", "nan": null }));
    }
}
