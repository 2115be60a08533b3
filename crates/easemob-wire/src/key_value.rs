//! Typed values of `KeyValue`, the lists in which apps and servers put their own keys.
//!
//! The mapping is the client's (msync.md 2.9): booleans and integers are varints, other numbers doubles, objects and
//! arrays JSON text.

use crate::pb::KeyValue;
use crate::pb::key_value::{self, ValueType};

/// The value of a `KeyValue`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    /// Text that is JSON: an object or array.
    Json(String),
}

impl Value {
    /// The pair as the official clients write it.
    pub fn with_key(self, key: &str) -> KeyValue {
        let (value_type, value) = match self {
            Self::Bool(value) => (ValueType::Bool, key_value::Value::VarintValue(value.into())),
            Self::Int(value) => (ValueType::Int, key_value::Value::VarintValue(value)),
            Self::Double(value) => (ValueType::Double, key_value::Value::DoubleValue(value)),
            Self::Text(value) => (ValueType::String, key_value::Value::StringValue(value)),
            Self::Json(value) => (ValueType::JsonString, key_value::Value::StringValue(value)),
        };
        KeyValue { key: Some(key.to_owned()), r#type: Some(value_type as i32), value: Some(value) }
    }

    /// Reads a pair's value. `None`: it has none, or one that does not fit its type.
    pub fn of(pair: &KeyValue) -> Option<Self> {
        let value = pair.value.clone()?;
        Some(match (pair.r#type(), value) {
            (ValueType::Bool, key_value::Value::VarintValue(value)) => Self::Bool(value != 0),
            (ValueType::Int | ValueType::Uint | ValueType::Llint, key_value::Value::VarintValue(value)) => {
                Self::Int(value)
            }
            (ValueType::Float, key_value::Value::FloatValue(value)) => Self::Double(value.into()),
            (ValueType::Double, key_value::Value::DoubleValue(value)) => Self::Double(value),
            (ValueType::String, key_value::Value::StringValue(value)) => Self::Text(value),
            (ValueType::JsonString, key_value::Value::StringValue(value)) => Self::Json(value),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in [
            Value::Bool(true),
            Value::Int(-7),
            Value::Double(1.5),
            Value::Text("text".into()),
            Value::Json("{\"a\":[1]}".into()),
        ] {
            assert_eq!(Value::of(&value.clone().with_key("k")), Some(value));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_its_type_is_none() {
        let mut pair = Value::Text("1".into()).with_key("k");
        pair.r#type = Some(ValueType::Int as i32);
        assert_eq!(Value::of(&pair), None);
        pair.value = None;
        assert_eq!(Value::of(&pair), None);
    }
}
