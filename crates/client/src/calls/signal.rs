//! Signals as command messages.
//!
//! A signal is one text of JSON under one key of the command, since the protocol's own keys hold no lists. Numbers that are
//! ids travel as text: other languages read JSON numbers as floating point. Who sent it is the message's word, not the
//! signal's.

use std::collections::BTreeSet;

use domain::call::{CALL_LEGS, CALL_MEMBERS, CallId, Leg, Medium, Signal, SignalKind};
use model::content::{Content, Said};
use model::{Resource, Timestamp, Username};
use serde_json::{Map, Value, json};

/// The action of command messages that are signals of calls.
pub const CALL_ACTION: &str = "kith_call";
/// The key of the command that holds the signal.
const SIGNAL_KEY: &str = "signal";
/// Bytes of a signal: an honest one with all its legs has fewer.
const SIGNAL_BYTES: usize = 96 << 10;

/// Whether a content is a signal between phones, and nothing to show or keep.
pub fn is_signal(content: &Content) -> bool {
    matches!(&content.said, Said::Command { action, .. } if action == CALL_ACTION)
}

pub(super) fn content(signal: &Signal) -> Content {
    let legs = |legs: &BTreeSet<Leg>| -> Value {
        legs.iter()
            .map(|leg| json!([leg.user.as_str(), leg.device.as_str(), leg.since.0.to_string()]))
            .collect()
    };
    let inviting: Value = signal.inviting.iter().map(Username::as_str).collect();
    let signal = json!({
        "kind": signal.kind.as_str(),
        "call": signal.call.0.to_string(),
        "medium": signal.medium.as_str(),
        "device": signal.from.device.as_str(),
        "since": signal.from.since.0.to_string(),
        "to_device": signal.to_device.as_ref().map(Resource::as_str),
        "at": signal.at.0.to_string(),
        "inviting": inviting,
        "joined": legs(&signal.joined),
        "left": legs(&signal.left),
    });
    let mut values = Map::new();
    values.insert(SIGNAL_KEY.to_owned(), Value::String(signal.to_string()));
    Content { said: Said::Command { action: CALL_ACTION.to_owned(), values }, ext: Map::new() }
}

/// The signal in a message; `None` for any other message, and for what no device of ours says.
pub(super) fn parse(from: &Username, content: &Content) -> Option<Signal> {
    let Said::Command { action, values } = &content.said else { return None };
    let text = values.get(SIGNAL_KEY)?.as_str()?;
    if action != CALL_ACTION || text.len() > SIGNAL_BYTES {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let word = |key: &str| value.get(key).and_then(Value::as_str);
    let leg = |device: &str, since: &str| -> Option<Leg> {
        Some(Leg {
            user: from.clone(),
            device: Resource::parse(device).ok()?,
            since: Timestamp(since.parse().ok()?),
        })
    };
    let to_device = match value.get("to_device") {
        None | Some(Value::Null) => None,
        Some(device) => Some(Resource::parse(device.as_str()?).ok()?),
    };
    Some(Signal {
        kind: SignalKind::parse(word("kind")?)?,
        call: CallId(word("call")?.parse().ok()?),
        medium: Medium::parse(word("medium")?)?,
        from: leg(word("device")?, word("since")?)?,
        to_device,
        at: Timestamp(word("at")?.parse().ok()?),
        inviting: users(value.get("inviting")?)?,
        joined: legs(value.get("joined")?)?,
        left: legs(value.get("left")?)?,
    })
}

fn users(value: &Value) -> Option<BTreeSet<Username>> {
    let users = value.as_array().filter(|users| users.len() <= CALL_MEMBERS)?;
    users.iter().map(|user| Username::parse(user.as_str()?).ok()).collect()
}

fn legs(value: &Value) -> Option<BTreeSet<Leg>> {
    let legs = value.as_array().filter(|legs| legs.len() <= CALL_LEGS)?;
    legs.iter()
        .map(|leg| {
            let [user, device, since] = leg.as_array()?.as_slice() else { return None };
            Some(Leg {
                user: Username::parse(user.as_str()?).ok()?,
                device: Resource::parse(device.as_str()?).ok()?,
                since: Timestamp(since.as_str()?.parse().ok()?),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Username {
        Username::parse(name).unwrap()
    }

    fn signal() -> Signal {
        let leg = |name: &str, since| Leg {
            user: user(name),
            device: Resource::parse("phone").unwrap(),
            since: Timestamp(since),
        };
        Signal {
            kind: SignalKind::Members,
            call: CallId(u64::MAX),
            medium: Medium::Video,
            from: leg("li", 1),
            to_device: Some(Resource::parse("desk").unwrap()),
            at: Timestamp(9),
            inviting: BTreeSet::from([user("wu")]),
            joined: BTreeSet::from([leg("li", 1), leg("han", 2)]),
            left: BTreeSet::from([leg("han", 2)]),
        }
    }

    #[test]
    fn a_signal_is_read_as_it_was_said() {
        for kind in SignalKind::ALL {
            let said = Signal { kind, ..signal() };
            assert_eq!(parse(&user("li"), &content(&said)), Some(said));
        }
        let to_all = Signal { to_device: None, ..signal() };
        assert_eq!(parse(&user("li"), &content(&to_all)), Some(to_all));
    }

    #[test]
    fn whoever_sends_it_is_whom_the_message_names() {
        assert_eq!(parse(&user("eve"), &content(&signal())).unwrap().from.user, user("eve"));
    }

    #[test]
    fn other_commands_and_broken_signals_are_no_signals() {
        let of = |action: &str, text: &str| {
            let values = [(SIGNAL_KEY.to_owned(), Value::from(text))].into_iter().collect();
            parse(
                &user("li"),
                &Content { said: Said::Command { action: action.to_owned(), values }, ext: Map::new() },
            )
        };
        let Said::Command { values, .. } = content(&signal()).said else { unreachable!("it is a command") };
        let good = values[SIGNAL_KEY].as_str().unwrap().to_owned();
        assert!(of(CALL_ACTION, &good).is_some());
        assert_eq!(of("other", &good), None);
        assert_eq!(parse(&user("li"), &Content::text("hello")), None);
        let many = format!("[{}]", vec!["[\"a\",\"b\",\"1\"]"; CALL_LEGS + 1].join(","));
        for bad in [
            String::new(),
            "[]".to_owned(),
            good.replace("members", "shout"),
            good.replace("video", "smell"),
            good.replace("\"9\"", "-1"),
            good.replace("han", "h n"),
            good.replace("\"inviting\":[\"wu\"]", "\"inviting\":7"),
            good.replace("\"left\":[[\"han\",\"phone\",\"2\"]]", &format!("\"left\":{many}")),
            format!("{good}{}", " ".repeat(SIGNAL_BYTES)),
        ] {
            assert_eq!(of(CALL_ACTION, &bad), None, "{bad:.80}");
        }
    }
}
