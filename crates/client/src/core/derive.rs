//! Conditions of failures: what the server names, else what its code and text stand for in the catalogue.
//!
//! Kith's server names the condition itself. Another server of the protocol sends only codes and texts, so the
//! catalogue is read backwards: the answers that Kith would give for each condition, and among those that fit the one
//! that fits most letters, then the one that what was asked for tells apart. No vendor's text stands here.

use std::time::Duration;

use bytes::Bytes;
use conditions::{Condition, Kind, MsyncScope, Operation, msync_answer, rest_answers};
use easemob_wire::pb;
use serde_json::Value;

use super::http::HttpAnswer;
use crate::Error;
use crate::ids::shortened;

/// Longest pause that a server may ask for; a larger one is nonsense.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(86_400);

/// The refusal in a status of the socket.
pub(crate) fn of_status(scope: MsyncScope, status: &pb::Status, operation: Operation) -> Error {
    let code = status.error_code.unwrap_or(0);
    let condition = Condition::parse(status.condition())
        .filter(|condition| condition.kind() != Kind::Success)
        .unwrap_or_else(|| condition_of_status(scope, code, status.reason(), operation));
    let error = Error::new(condition).with_operation(operation).with_trace_id(shortened(status.trace()));
    let error = error.with_detail(shortened(status.reason()));
    match status.retry_after_ms {
        Some(wait) => error.with_retry_after(Duration::from_millis(wait).min(RETRY_AFTER_LIMIT)),
        None => error,
    }
}

fn condition_of_status(scope: MsyncScope, code: i32, reason: &str, operation: Operation) -> Condition {
    if let Some(condition) = said_in_full(reason) {
        return condition;
    }
    let is_about_room = |name: &str| name.starts_with("chatroom");
    let fits = Condition::ALL.into_iter().filter_map(|condition| {
        let answer = msync_answer(scope, condition);
        // What a session is let in by is a token, whatever else shares the words for a wrong one.
        let is_token = scope == MsyncScope::Login && condition == Condition::TokenInvalid;
        let is_own = (answer.condition == Some(condition) || is_token) && answer.code == code;
        let letters = if is_own { letters_that_fit(answer.reason, reason)? } else { return None };
        // Groups and rooms share texts; where it was sent tells them apart.
        let is_of_place = condition.as_str().contains("chatroom") == is_about_room(operation.as_str());
        let told_apart = usize::from(is_token) * 2 + usize::from(is_of_place);
        Some((rank(condition, letters * 4 + told_apart), condition))
    });
    let fitting = best(fits).map(|condition| match (scope, condition) {
        // Between users the words for too much are those for one user's too much.
        (MsyncScope::Send, Condition::RateLimited) => Condition::UserRateLimited,
        _ => condition,
    });
    fitting.unwrap_or(match (scope, code) {
        (_, 3) => Condition::ArgumentMissing,
        (_, 4) => Condition::ArgumentInvalid,
        (_, 6) => Condition::TokenExpired,
        (MsyncScope::Login, 1 | 2) | (MsyncScope::Send, 2) => Condition::AuthenticationFailed,
        (MsyncScope::Send, 1) => Condition::ServerError,
        (_, 7) => Condition::PermissionDenied,
        (_, 8) => Condition::ServerBusy,
        (_, 12) => Condition::ServiceNotEnabled,
        (_, 14) => Condition::LimitExceeded,
        (_, 19) => Condition::BlockedByWebhook,
        _ => Condition::UnknownError,
    })
}

/// The refusal in an answer of the REST API that is not 200.
pub(crate) fn of_answer(answer: &HttpAnswer, operation: Operation) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let description =
        ["error_description", "message", "error"].into_iter().find_map(|key| body[key].as_str());
    let named = answer.condition.as_deref().and_then(Condition::parse);
    let condition = named
        .filter(|condition| condition.kind() != Kind::Success)
        .unwrap_or_else(|| condition_of_answer(answer.status, &body, operation));
    let error = Error::new(condition)
        .with_operation(operation)
        .with_detail(shortened(description.unwrap_or_default()))
        .with_trace_id(shortened(answer.trace.as_deref().unwrap_or_default()));
    match answer.retry_after {
        Some(wait) => error.with_retry_after(wait.min(RETRY_AFTER_LIMIT)),
        None => error,
    }
}

/// Kith's own sentence of a condition, which no vendor has words for.
fn said_in_full(text: &str) -> Option<Condition> {
    let mut all = Condition::ALL.into_iter().filter(|condition| condition.kind() != Kind::Success);
    all.find(|condition| condition.meaning() == text)
}

fn condition_of_answer(status: u16, body: &Value, operation: Operation) -> Condition {
    let error = body["error"].as_str().unwrap_or_default();
    let description = body["error_description"].as_str().unwrap_or_default();
    if let Some(condition) = said_in_full(description) {
        return condition;
    }
    // Groups and rooms share texts; what was asked for tells them apart.
    let area = operation.as_str().split('_').next().unwrap_or_default();
    let fits = Condition::ALL.into_iter().flat_map(|condition| {
        let is_of_area = condition.as_str().contains(area);
        let is_of_place = condition.as_str().contains("chatroom") == area.starts_with("chatroom");
        let answers = rest_answers(condition).filter(move |known| known.status == status);
        answers.filter_map(move |known| {
            let letters = letters_that_fit(known.description, description).filter(|letters| *letters > 0)?;
            let is_of_operation = known.operation == Some(operation);
            if known.operation.is_some() && !is_of_operation {
                return None;
            }
            // Of words that mean several things the widest is believed.
            let is_wide = condition == Condition::PermissionDenied;
            let is_of_exception = known.exception.is_some_and(|name| body["exception"] == name);
            let told_apart =
                [is_of_operation, is_of_exception, known.error == error, is_of_place, is_of_area, is_wide];
            let told_apart = told_apart.into_iter().fold(0, |sum, fits| sum * 2 + usize::from(fits));
            Some((rank(condition, letters * 64 + told_apart), condition))
        })
    });
    let fitting = best(fits).map(|condition| match (condition, operation) {
        // He is known by his token; what he shows is the password.
        (Condition::CredentialsWrong, Operation::UserPassword) => Condition::PasswordWrong,
        _ => condition,
    });
    fitting.unwrap_or(match status {
        400 => Condition::ArgumentInvalid,
        401 => Condition::AuthenticationFailed,
        403 => Condition::PermissionDenied,
        404 => Condition::NotFound,
        405 => Condition::MethodNotAllowed,
        408 | 504 => Condition::RequestTimeout,
        409 => Condition::ConcurrentOperation,
        413 => Condition::BodyTooLarge,
        415 => Condition::UnsupportedMediaType,
        429 => Condition::RateLimited,
        502 | 503 => Condition::ServerBusy,
        500..=599 => Condition::ServerFailure,
        // A success that is none, or a redirect to nowhere.
        100..=399 => Condition::ResponseMalformed,
        _ => Condition::UnknownError,
    })
}

/// Why the server ends a session: `StatisticsBody.operation` (msync.md 2.14). `None`: that is not what it says.
pub(crate) fn of_kick(operation: i32) -> Option<Condition> {
    Some(match operation {
        1 => Condition::UserRemoved,
        2 => Condition::KickedByNewLogin,
        3 => Condition::KickedByPasswordChange,
        4 => Condition::KickedByDevice,
        _ => return None,
    })
}

/// The JSON of an answer that went well.
///
/// # Errors
/// [`Condition::ResponseMalformed`], or what the status says.
pub(crate) fn json_of(answer: &HttpAnswer, operation: Operation) -> Result<Value, Error> {
    if answer.status != 200 {
        return Err(of_answer(answer, operation));
    }
    parse(&answer.body).map_err(|error| {
        let error = error.with_operation(operation);
        error.with_trace_id(shortened(answer.trace.as_deref().unwrap_or_default()))
    })
}

fn parse(body: &Bytes) -> Result<Value, Error> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Error::new(Condition::ResponseMalformed).with_detail(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(Error::new(Condition::ResponseMalformed)) }
}

/// More letters count more; then what is no notice, then what is broader.
type Rank = (usize, bool, usize);

fn rank(condition: Condition, letters: usize) -> Rank {
    const DEPTH_LIMIT: usize = 16;
    (letters, condition.kind() != Kind::Notice, DEPTH_LIMIT.saturating_sub(condition.and_broader().count()))
}

/// The best; the first of equals.
fn best(fits: impl Iterator<Item = (Rank, Condition)>) -> Option<Condition> {
    let first = |best: (Rank, Condition), next: (Rank, Condition)| if next.0 > best.0 { next } else { best };
    fits.reduce(first).map(|(_, condition)| condition)
}

/// How many letters of a template stand in a text, in their order, whatever stands in its gaps; `None` if they don't.
/// A template that is one gap fits everything, with no letter.
fn letters_that_fit(template: &str, text: &str) -> Option<usize> {
    let (mut letters, mut rest) = (0, text);
    for piece in pieces(template) {
        let at = rest.find(piece)?;
        rest = &rest[at + piece.len()..];
        letters += piece.len();
    }
    Some(letters)
}

/// The parts of a template between its gaps `{name}`.
fn pieces(template: &str) -> impl Iterator<Item = &str> {
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut start = 0;
    while let Some(open) = rest[start..].find('{').map(|at| at + start) {
        let name = rest[open + 1..].split('}').next().unwrap_or_default();
        if is_name(name) && rest[open + 1 + name.len()..].starts_with('}') {
            pieces.push(&rest[..open]);
            rest = &rest[open + name.len() + 2..];
            start = 0;
        } else {
            start = open + 1;
        }
    }
    pieces.push(rest);
    pieces.into_iter().filter(|piece| !piece.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use conditions::{msync_logout, rest_answer};

    fn status(code: i32, reason: &str) -> pb::Status {
        pb::Status { error_code: Some(code), reason: Some(reason.to_owned()), ..pb::Status::default() }
    }

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer { status, body: Bytes::copy_from_slice(body.as_bytes()), ..HttpAnswer::default() }
    }

    #[test]
    fn what_the_server_names_counts() {
        let named = pb::Status {
            condition: Some("user_rate_limited".into()),
            trace: Some("7f".into()),
            retry_after_ms: Some(1_500),
            ..status(1, "whatever")
        };
        let error = of_status(MsyncScope::Send, &named, Operation::Send);
        assert_eq!(error.condition(), Condition::UserRateLimited);
        assert_eq!((error.trace_id(), error.retry_after()), (Some("7f"), Some(Duration::from_millis(1_500))));
        let named = HttpAnswer { condition: Some("group_full".into()), ..answer(403, "{}") };
        assert_eq!(of_answer(&named, Operation::GroupJoin).condition(), Condition::GroupFull);
    }

    #[test]
    fn a_name_that_nobody_knows_is_no_name() {
        let named = pb::Status { condition: Some("of_the_future".into()), ..status(15, "") };
        let error = of_status(MsyncScope::Send, &named, Operation::Send);
        assert_eq!(error.condition(), Condition::MutedInConversation);
        let success = pb::Status { condition: Some("success".into()), ..status(15, "") };
        let error = of_status(MsyncScope::Send, &success, Operation::Send);
        assert_eq!(error.condition(), Condition::MutedInConversation);
    }

    #[test]
    fn other_servers_are_understood_by_code_and_text() {
        let login = |code, reason| condition_of_status(MsyncScope::Login, code, reason, Operation::Login);
        let send = |code, reason| condition_of_status(MsyncScope::Send, code, reason, Operation::Send);
        let in_room =
            |code, reason| condition_of_status(MsyncScope::Send, code, reason, Operation::ChatroomSend);
        assert_eq!(login(1, "Sorry, token expired"), Condition::TokenExpired);
        assert_eq!(login(1, "Sorry, user not found"), Condition::UserNotFound);
        assert_eq!(login(1, "who knows"), Condition::AuthenticationFailed);
        assert_eq!(login(1, "Sorry, token or password does not match login info"), Condition::TokenInvalid);
        assert_eq!(login(2, "user not activated"), Condition::UserBanned);
        assert_eq!(login(13, "any"), Condition::TooManyDevices);
        assert_eq!(send(1, "blocked"), Condition::BlockedByRecipient);
        assert_eq!(send(1, "group not found"), Condition::GroupNotFound);
        assert_eq!(send(1, "not in group or chatroom"), Condition::NotInGroup);
        assert_eq!(in_room(1, "not in group or chatroom"), Condition::NotInChatroom);
        assert_eq!(send(7, "traffic limit"), Condition::UserRateLimited);
        assert_eq!(send(4, Condition::MessageInvalid.meaning()), Condition::MessageInvalid);
        assert_eq!(send(15, "any"), Condition::MutedInConversation);
        assert_eq!(send(99, ""), Condition::UnknownError);
        let rest = |status, body: &str, operation| of_answer(&answer(status, body), operation).condition();
        let wrong = r#"{"error":"invalid_grant","error_description":"invalid password"}"#;
        assert_eq!(rest(400, wrong, Operation::TokenPassword), Condition::CredentialsWrong);
        assert_eq!(rest(400, wrong, Operation::UserPassword), Condition::PasswordWrong);
        let unknown = r#"{"error":"invalid_grant","error_description":"user not found"}"#;
        assert_eq!(rest(404, unknown, Operation::TokenPassword), Condition::UserNotFound);
        let full = r#"{"error":"x","error_description":"group member list is full!"}"#;
        assert_eq!(rest(403, full, Operation::GroupJoin), Condition::GroupFull);
        let is_in = "can not join this group, reason:user: anna already in group: 7";
        let is_in = serde_json::json!({ "error": "forbidden_op", "error_description": is_in }).to_string();
        assert_eq!(rest(403, &is_in, Operation::GroupJoin), Condition::AlreadyInGroup);
        assert_eq!(rest(403, &is_in, Operation::ChatroomJoin), Condition::AlreadyInChatroom);
        let strangers =
            r#"{"error":"forbidden_op","error_description":"users [anna] are not members of this group!"}"#;
        assert_eq!(rest(403, strangers, Operation::MemberRemove), Condition::TargetNotMember);
        let own = Condition::ContactAddFailed.meaning();
        let own = serde_json::json!({ "error": "illegal_argument", "error_description": own }).to_string();
        assert_eq!(rest(400, &own, Operation::ContactAdd), Condition::ContactAddFailed);
        assert_eq!(rest(404, "<html>", Operation::GroupGet), Condition::NotFound);
        assert_eq!(rest(503, "", Operation::GroupGet), Condition::ServerBusy);
        assert_eq!(rest(301, "", Operation::GroupGet), Condition::ResponseMalformed);
    }

    /// Whatever Kith answers in the vendor's words leads back to a condition that is told in the same words.
    #[test]
    fn the_catalogue_reads_backwards() {
        for scope in [MsyncScope::Login, MsyncScope::Send] {
            for condition in Condition::ALL {
                let sent = msync_answer(scope, condition);
                if sent.condition.is_none() {
                    continue;
                }
                let operation = match scope {
                    MsyncScope::Login => Operation::Login,
                    MsyncScope::Send => Operation::Send,
                };
                let found = condition_of_status(scope, sent.code, &sent.describe(condition, &[]), operation);
                let again = msync_answer(scope, found);
                let letters = |reason: &str| pieces(reason).map(str::len).sum::<usize>();
                assert!(
                    again.code == sent.code && letters(again.reason) >= letters(sent.reason),
                    "{condition} {found}"
                );
            }
        }
        for condition in Condition::ALL {
            let sent = rest_answer(condition, None);
            if sent.condition.is_none() || letters_that_fit(sent.description, "") == Some(0) {
                continue;
            }
            let body = serde_json::json!({ "error": sent.error, "error_description": sent.describe(condition, &[]) });
            let found = condition_of_answer(sent.status, &body, Operation::Request);
            assert_eq!(rest_answer(found, None).status, sent.status, "{condition} {found}");
        }
    }

    #[test]
    fn no_two_conditions_have_the_same_sentence() {
        for condition in Condition::ALL.into_iter().filter(|condition| condition.kind() != Kind::Success) {
            assert_eq!(said_in_full(condition.meaning()), Some(condition));
        }
        assert_eq!(said_in_full(""), None);
    }

    #[test]
    fn each_end_of_a_session_is_known() {
        for operation in 1..=4 {
            let condition = of_kick(operation).expect("known");
            assert_eq!(msync_logout(condition).map(|answer| answer.code), Some(operation), "{condition}");
        }
        assert_eq!(of_kick(0), None);
        assert_eq!(of_kick(99), None);
    }

    #[test]
    fn gaps_of_a_template_take_anything() {
        assert_eq!(letters_that_fit("{meaning}", "anything"), Some(0));
        assert_eq!(letters_that_fit("user [{user}] gone", "user [anna] gone"), Some(12));
        assert_eq!(letters_that_fit("user [{user}] gone", "group gone"), None);
        assert_eq!(letters_that_fit("a {\"x\"} b", "a {\"x\"} b"), Some(9));
    }
}
