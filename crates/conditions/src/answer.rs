//! What Easemob's REST API and client protocol answer for a condition. The rows are generated.
//!
//! Texts are templates: `{name}` stands for a fact that the caller knows, `{meaning}` for the condition's own sentence.

use crate::generated::{easemob_msync, easemob_rest};
use crate::{Condition, Operation};

/// An error answer of Easemob's REST API.
#[derive(Debug)]
pub struct RestAnswer {
    /// `None` in the row that serves a whole kind.
    pub condition: Option<Condition>,
    /// `None` if the row serves any operation.
    pub operation: Option<Operation>,
    /// The HTTP status.
    pub status: u16,
    /// `error` of the body.
    pub error: &'static str,
    /// `exception` of the body; left out if `None`.
    pub exception: Option<&'static str>,
    /// Template of `error_description`.
    pub description: &'static str,
    /// `error_code` of the body; left out if `None`.
    pub error_code: Option<u32>,
}

impl RestAnswer {
    /// `error_description`, filled. `condition` is the one that was looked up, not the row's, since the row may belong
    /// to a broader one. A placeholder without argument becomes empty.
    pub fn describe(&self, condition: Condition, args: &[(&str, &str)]) -> String {
        fill(self.description, condition, args)
    }
}

/// The answer to a refused REST call: the row of exactly that operation, else the row for any operation; failing both,
/// the same for the broader conditions in turn; at last the row of the kind.
pub fn rest_answer(condition: Condition, operation: Option<Operation>) -> &'static RestAnswer {
    condition
        .and_broader()
        .find_map(|condition| of(&easemob_rest::ANSWERS, condition, operation))
        .unwrap_or(&easemob_rest::BY_KIND[condition.kind() as usize])
}

/// The same where a user calls and no back end: the web SDKs know some conditions by other words than the vendor's documents
/// for back ends have.
pub fn rest_answer_to_user(condition: Condition, operation: Option<Operation>) -> &'static RestAnswer {
    of(&easemob_rest::TO_USERS, condition, operation).unwrap_or_else(|| rest_answer(condition, operation))
}

/// The answers that name this very condition, the one for any operation first, and those to users last.
pub fn rest_answers(condition: Condition) -> impl Iterator<Item = &'static RestAnswer> {
    let answers = easemob_rest::ANSWERS.iter().chain(&easemob_rest::TO_USERS);
    answers.filter(move |answer| answer.condition == Some(condition))
}

fn of(
    answers: &'static [RestAnswer],
    condition: Condition,
    operation: Option<Operation>,
) -> Option<&'static RestAnswer> {
    exact(answers, condition, operation).or_else(|| exact(answers, condition, None))
}

fn exact(
    answers: &'static [RestAnswer],
    condition: Condition,
    operation: Option<Operation>,
) -> Option<&'static RestAnswer> {
    let index = answers
        .binary_search_by_key(&(Some(condition), operation), |answer| (answer.condition, answer.operation))
        .ok()?;
    Some(&answers[index])
}

/// What an MSYNC status answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MsyncScope {
    /// A provision.
    Login,
    /// A send, a receipt, a recall, an edit.
    Send,
}

/// A status of MSYNC.
#[derive(Debug)]
pub struct MsyncAnswer {
    /// `None` in the row that serves a whole kind.
    pub condition: Option<Condition>,
    /// `Status.errorCode`; for a forced logout `StatisticsBody.operation`.
    pub code: i32,
    /// Template of `reason`, which the SDKs compare letter by letter.
    pub reason: &'static str,
    /// The error type that the easemob-websdk raises.
    pub web_type: i32,
    /// The error type that agora-chat raises.
    pub agora_type: i32,
    /// Close the socket without this answer: the SDK then tries again, while it takes every answer as final.
    pub close_unanswered: bool,
}

impl MsyncAnswer {
    /// `reason`, filled. See [`RestAnswer::describe`].
    pub fn describe(&self, condition: Condition, args: &[(&str, &str)]) -> String {
        fill(self.reason, condition, args)
    }
}

/// The status for a refused login or send: the condition's row, else that of its broader conditions in turn, else the
/// row of its kind.
pub fn msync_answer(scope: MsyncScope, condition: Condition) -> &'static MsyncAnswer {
    let (answers, by_kind): (&'static [MsyncAnswer], _) = match scope {
        MsyncScope::Login => (&easemob_msync::LOGIN, &easemob_msync::LOGIN_BY_KIND),
        MsyncScope::Send => (&easemob_msync::SEND, &easemob_msync::SEND_BY_KIND),
    };
    condition
        .and_broader()
        .find_map(|condition| find(answers, condition))
        .unwrap_or(&by_kind[condition.kind() as usize])
}

/// The forced logout for a condition that ends a session: `code` is `StatisticsBody.operation`. `None` if the SDK may
/// reconnect: close the socket without such a frame.
pub fn msync_logout(condition: Condition) -> Option<&'static MsyncAnswer> {
    find(&easemob_msync::LOGOUT, condition)
}

fn find(answers: &'static [MsyncAnswer], condition: Condition) -> Option<&'static MsyncAnswer> {
    let index = answers.binary_search_by_key(&Some(condition), |answer| answer.condition).ok()?;
    Some(&answers[index])
}

/// Puts the facts into a template. Only lower-case words in braces are placeholders, so JSON stays as it is.
fn fill(template: &str, condition: Condition, args: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let placeholder = after.find('}').map(|end| &after[..end]).filter(|name| is_name(name));
        if let Some(name) = placeholder {
            filled.push_str(value(name, condition, args));
            rest = &after[name.len() + 1..];
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn value<'a>(name: &str, condition: Condition, args: &[(&str, &'a str)]) -> &'a str {
    let given = args.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    given.unwrap_or(if name == "meaning" { condition.meaning() } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_put_in_and_json_is_left_alone() {
        let filled = fill("{\"a\":{user}} [{room}] {", Condition::Success, &[("user", "li{room}")]);
        assert_eq!(filled, "{\"a\":li{room}} [] {");
    }
}
