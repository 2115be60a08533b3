//! What requests carry, in the forms that the SDK writes it in.

use app::{ActingDevice, By, UseCases};
use conditions::Condition;
use domain::message::Sender;
use serde_json::Value;
use store::Account;

use super::super::failure::Failure;
use super::Asked;

/// Users that one request may name.
const NAMES_LIMIT: usize = 500;

/// A number, also where it is written as a text: the SDK passes on what the page gave it.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl<'a> Asked<'a> {
    pub(super) fn use_cases(self) -> &'a UseCases {
        self.perform.use_cases()
    }

    /// A text that must be there and say something.
    pub(super) fn text(self, key: &str) -> Result<&'a str, Failure> {
        self.given(key)?.filter(|text| !text.is_empty()).ok_or_else(|| Failure::argument(key))
    }

    /// A text that may be absent.
    pub(super) fn given(self, key: &str) -> Result<Option<&'a str>, Failure> {
        match self.data.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::argument(key)),
        }
    }

    pub(super) fn number(self, key: &str) -> Result<u64, Failure> {
        self.data.get(key).and_then(number).ok_or_else(|| Failure::argument(key))
    }

    /// A group or room by its number, as our own ids are written.
    pub(super) fn group(self, key: &str) -> Result<String, Failure> {
        self.number(key).map(|number| number.to_string())
    }

    /// Whether a switch is on, however it is written.
    pub(super) fn is_on(self, key: &str) -> bool {
        match self.data.get(key) {
            Some(Value::Bool(on)) => *on,
            Some(other) => number(other).is_some_and(|number| number != 0),
            None => false,
        }
    }

    /// Users of this app: `[{username, appkey?}]`. A list of none is one too.
    pub(super) fn users(self, key: &str) -> Result<Vec<String>, Failure> {
        let list = self.data.get(key).and_then(Value::as_array).ok_or_else(|| Failure::argument(key))?;
        if list.len() > NAMES_LIMIT {
            return Err(Failure::argument(key));
        }
        let name = |user: &Value| user.get("username").and_then(Value::as_str).map(str::to_owned);
        let names =
            list.iter().map(name).collect::<Option<Vec<_>>>().ok_or_else(|| Failure::argument(key))?;
        for user in list {
            self.is_own_app(user.get("appkey").and_then(Value::as_str).unwrap_or_default())?;
        }
        Ok(names)
    }

    /// Apps of one server do not reach into each other. None named is the own one.
    pub(super) fn is_own_app(self, appkey: &str) -> Result<(), Failure> {
        let is_own = appkey.is_empty() || appkey.eq_ignore_ascii_case(self.caller.member.face.as_str());
        if is_own { Ok(()) } else { Err(Failure::plain(Condition::AppMismatch)) }
    }

    /// A user of this app, whose key may stand beside the name.
    pub(super) fn user(self, name: &str, appkey: &str) -> Result<&'a str, Failure> {
        let (key, user) = (self.given(appkey)?.unwrap_or_default(), self.text(name)?);
        self.is_own_app(key)?;
        Ok(user)
    }

    pub(super) fn name(self) -> &'a str {
        self.caller.member.name.as_str()
    }

    pub(super) fn sender(self) -> Sender {
        self.caller.member.sender()
    }

    /// The connection's device, which is not told what it did itself.
    pub(super) fn device(self) -> ActingDevice {
        let member = self.caller.member;
        ActingDevice { number: member.device, resource: member.resource.clone() }
    }

    /// Who asks, as groups want to know it.
    pub(super) async fn by(self) -> Result<By, Failure> {
        let account = self.use_cases().get_user(self.caller.tenant, self.name()).await?;
        Ok(By { account: Some(account), device: Some(self.device()) })
    }

    /// Accounts of names; who is gone is left out.
    pub(super) async fn accounts(self, names: &[&str]) -> Result<Vec<std::sync::Arc<Account>>, Failure> {
        let mut accounts = Vec::with_capacity(names.len());
        for name in names {
            accounts.extend(self.use_cases().find_user(self.caller.tenant, name).await?);
        }
        Ok(accounts)
    }
}
