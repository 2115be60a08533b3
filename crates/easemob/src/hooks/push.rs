//! What a message says about pushes: keys of its extension (easemob-rest.md 3.17), and its words in short.

use domain::hook::MessageType;
use domain::push::{PushHints, TemplateUse};
use easemob_wire::rest::message::ext_json;
use model::Entry;
use serde_json::{Map, Value};

use super::{message_type, stored, texts};

/// Keys that providers are given as they came.
const OPTIONS: [&str; 6] = [
    "em_push_ext",
    "em_apns_ext",
    "em_android_push_ext",
    "em_harmony_push_ext",
    "em_push_template",
    "em_push_filter",
];
/// Users that one message names, at most.
const MENTIONS_LIMIT: usize = 1_000;
/// Words for the places of a template.
const TEMPLATE_WORDS: usize = 32;
/// Characters of a notification.
const PREVIEW_CHARS: usize = 200;

pub(super) fn hints(entry: &Entry) -> PushHints {
    let Some(stored) = stored(entry) else { return PushHints::default() };
    of_ext(&ext_json(&stored.body.ext))
}

fn of_ext(ext: &Map<String, Value>) -> PushHints {
    let is_on = |key: &str| ext.get(key).and_then(Value::as_bool).unwrap_or(false);
    let object = |key: &str| ext.get(key).and_then(Value::as_object);
    let mut hints = PushHints {
        ignored: is_on("em_ignore_notification"),
        forced: is_on("em_force_notification"),
        options: OPTIONS.iter().filter_map(|key| Some(((*key).to_owned(), ext.get(*key)?.clone()))).collect(),
        ..PushHints::default()
    };
    match ext.get("em_at_list") {
        Some(Value::String(all)) => hints.mentions_all = all.eq_ignore_ascii_case("all"),
        Some(list) => hints.mentions = texts_of(Some(list), MENTIONS_LIMIT),
        None => {}
    }
    if let Some(filter) = object("em_push_filter") {
        let names = |key: &str| texts_of(filter.get(key), MENTIONS_LIMIT);
        hints.devices = names("accept_device_id");
        hints.without_devices = names("ignore_device_id");
        hints.notifiers = names("accept_notifier_name");
        hints.without_notifiers = names("ignore_notifier_name");
    }
    // The general text is weaker than the one for all vendors' phones.
    let words = |general: &str, own: &str| {
        let own = object("em_push_ext").and_then(|ext| ext.get(own));
        let general = object("em_apns_ext").and_then(|ext| ext.get(general));
        let words = own.or(general).and_then(Value::as_str)?;
        Some(shortened(words))
    };
    hints.template = object("em_push_template").and_then(|template| {
        let texts = |key: &str| texts_of(template.get(key), TEMPLATE_WORDS);
        Some(TemplateUse {
            name: template.get("name")?.as_str()?.to_owned(),
            title_args: texts("title_args"),
            content_args: texts("content_args"),
        })
    });
    hints.title = words("em_push_title", "title");
    hints.content = words("em_push_content", "content");
    hints
}

fn texts_of(list: Option<&Value>, limit: usize) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).take(limit).map(str::to_owned).collect()
}

pub(super) fn preview(entry: &Entry) -> Option<String> {
    let mut body = stored(entry)?.body;
    Some(match message_type(&body)? {
        MessageType::Text => shortened(texts::texts(&mut body).first()?),
        MessageType::Image => "[image]".to_owned(),
        MessageType::Location => "[location]".to_owned(),
        MessageType::Audio => "[audio]".to_owned(),
        MessageType::Video => "[video]".to_owned(),
        MessageType::File => "[file]".to_owned(),
        MessageType::Custom => "[custom]".to_owned(),
        MessageType::Combined => "[messages]".to_owned(),
        MessageType::Command => return None,
    })
}

fn shortened(words: &str) -> String {
    words.chars().take(PREVIEW_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_key_has_its_effect() {
        let ext = json!({
            "em_ignore_notification": true,
            "em_force_notification": false,
            "em_at_list": ["bob", 7, "carol"],
            "em_push_filter": { "accept_device_id": ["d"], "ignore_notifier_name": ["fcm"] },
            "em_apns_ext": { "em_push_title": "general", "em_push_content": "hello" },
            "em_push_ext": { "title": "own", "custom": { "k": 1 } },
            "other": 1,
        });
        let hints = of_ext(ext.as_object().unwrap());
        assert!(hints.ignored && !hints.forced && !hints.mentions_all);
        assert_eq!(hints.mentions, ["bob", "carol"]);
        assert_eq!((hints.devices, hints.without_notifiers), (vec!["d".to_owned()], vec!["fcm".to_owned()]));
        assert_eq!((hints.title.as_deref(), hints.content.as_deref()), (Some("own"), Some("hello")));
        let options: Vec<&String> = hints.options.keys().collect();
        assert_eq!(options, ["em_apns_ext", "em_push_ext", "em_push_filter"]);
        for all in ["ALL", "all"] {
            assert!(of_ext(json!({ "em_at_list": all }).as_object().unwrap()).mentions_all);
        }
        assert_eq!(of_ext(&Map::new()), PushHints::default());
    }
}
