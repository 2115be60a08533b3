//! Where people's words stand in a message: texts, the values of custom messages, the cover of combined ones.
//! Extension keys are the app's own and are left alone.

use easemob_wire::pb::MessageBody;
use easemob_wire::pb::key_value::Value;
use easemob_wire::pb::message_body::content::Type;

/// All texts, in the order in which [`set`] takes them.
pub(super) fn texts(body: &mut MessageBody) -> Vec<String> {
    let mut texts = Vec::new();
    each(body, &mut |text| texts.push(text.clone()));
    texts
}

/// Puts other texts into their places.
pub(super) fn set(body: &mut MessageBody, new: &[String]) {
    let mut new = new.iter();
    each(body, &mut |text| {
        if let Some(new) = new.next() {
            text.clone_from(new);
        }
    });
}

fn each(body: &mut MessageBody, take: &mut dyn FnMut(&mut String)) {
    for content in &mut body.contents {
        match content.r#type() {
            Type::Text | Type::Combine => {
                let texts = [&mut content.text, &mut content.title, &mut content.summary];
                texts.into_iter().flatten().for_each(&mut *take);
            }
            Type::Custom => {
                for pair in &mut content.custom_exts {
                    if let Some(Value::StringValue(text)) = &mut pair.value {
                        take(text);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easemob_wire::rest::message::content;
    use serde_json::{Value as Json, json};

    fn body(message_type: &str, json: &Json) -> MessageBody {
        let content = content(message_type, json.as_object().unwrap()).unwrap();
        MessageBody { contents: vec![content], ..MessageBody::default() }
    }

    #[test]
    fn what_people_read_is_looked_through_and_nothing_else() {
        for (message_type, json, expected) in [
            ("txt", json!({ "msg": "hi" }), vec!["hi"]),
            (
                "custom",
                json!({ "customEvent": "gift", "customExts": { "a": "one", "n": 3, "b": "two" } }),
                vec!["one", "two"],
            ),
            (
                "txt",
                json!({ "msg": "old", "subType": "sub_combine", "url": "http://h/a", "title": "T", "summary": "S" }),
                vec!["old", "T", "S"],
            ),
            ("file", json!({ "url": "http://h/a", "filename": "name" }), vec![]),
            ("cmd", json!({ "action": "go" }), vec![]),
        ] {
            let mut body = body(message_type, &json);
            assert_eq!(texts(&mut body), expected, "{json}");
            let new: Vec<String> = expected.iter().map(|text| format!("new {text}")).collect();
            set(&mut body, &new);
            assert_eq!(texts(&mut body), new, "{json}");
        }
    }
}
