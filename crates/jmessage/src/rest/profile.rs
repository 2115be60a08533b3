//! What users tell of themselves, as the API takes and shows it.
//!
//! It lies in the user attributes that all dialects have, under the names that Easemob's SDKs give what they know too.

use std::sync::Arc;

use app::{Error, Tenant, UseCases};
use domain::attributes::Attributes;
use model::{DeviceClass, limits};
use serde_json::{Map, Value, json};
use store::Account;

use super::call::invalid;
use super::china_time;
use super::fields::{Fields, TEXT_BYTES};

/// Bytes of `extras` (jmessage.md 1.2).
const EXTRAS_BYTES: usize = 512;
const NICKNAME: &str = "nickname";
const GENDER: &str = "gender";
const BIRTHDAY: &str = "birth";
const EXTRAS: &str = "jmessage_extras";
/// Texts: the name in the API, and that of the attribute.
const TEXTS: [(&str, &str); 4] =
    [("signature", "sign"), ("region", "region"), ("address", "address"), ("avatar", "jmessage_avatar")];

/// What a call says of a user, as attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) nickname: Option<String>,
    attributes: Vec<(String, String)>,
}

impl Profile {
    /// # Errors
    /// `argument_invalid` for what breaks its rule.
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, Error> {
        let mut attributes = Vec::new();
        let mut set = |name: &str, value: String| attributes.push((name.to_owned(), value));
        let nickname = fields.line(NICKNAME)?.map(str::to_owned);
        if let Some(nickname) = &nickname {
            set(NICKNAME, nickname.clone());
        }
        if let Some(birthday) = fields.text("birthday")? {
            if !birthday.is_empty() && !china_time::is_date(birthday) {
                return Err(invalid("birthday"));
            }
            set(BIRTHDAY, birthday.to_owned());
        }
        if let Some(gender) = fields.get(GENDER) {
            // Clients of some languages write texts only.
            let written = gender.as_str().and_then(|text| text.parse().ok());
            let gender = gender.as_u64().or(written).filter(|gender| *gender <= 2);
            let gender = gender.ok_or_else(|| invalid(GENDER))?;
            set(GENDER, gender.to_string());
        }
        for (name, attribute) in TEXTS {
            if let Some(text) = fields.bounded(name, TEXT_BYTES)? {
                set(attribute, text.to_owned());
            }
        }
        if let Some(extras) = fields.get("extras") {
            let text = extras.to_string();
            if !extras.is_object() || text.len() > EXTRAS_BYTES {
                return Err(invalid("extras"));
            }
            set(EXTRAS, text);
        }
        Ok(Self { nickname, attributes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Writes it down for a user who is there.
    ///
    /// # Errors
    /// `user_not_found`, those of [`UseCases::set_attributes`]; faults.
    pub(crate) async fn write(&self, use_cases: &UseCases, app: &Tenant, user: &str) -> Result<(), Error> {
        let account = use_cases.get_user(app, user).await?;
        if !self.attributes.is_empty() {
            use_cases.set_attributes(app, user, &self.attributes).await?;
        }
        // Whatever changes, the account is a younger one after it.
        let nickname = self.nickname.as_ref().or(account.user.nickname.as_ref());
        use_cases.set_nickname(app, user, nickname.map_or("", String::as_str)).await?;
        Ok(())
    }
}

/// Users as the API shows them: what was never set is left out.
///
/// # Errors
/// Faults.
pub(crate) async fn shown(
    use_cases: &UseCases,
    app: &Tenant,
    accounts: &[Arc<Account>],
) -> Result<Vec<Map<String, Value>>, Error> {
    let mut shown = Vec::with_capacity(accounts.len());
    for part in accounts.chunks(limits::ATTRIBUTE_USERS) {
        let names: Vec<String> = part.iter().map(|account| account.user.name.to_string()).collect();
        let attributes = match app.value.settings.attributes_enabled {
            true => use_cases.attributes_of(app, &names, &[]).await?,
            false => vec![Attributes::new(); part.len()],
        };
        shown.extend(part.iter().zip(attributes).map(|(account, attributes)| one(account, &attributes)));
    }
    Ok(shown)
}

fn one(account: &Account, attributes: &Attributes) -> Map<String, Value> {
    let user = &account.user;
    let mut shown = Map::new();
    let given = |name: &str| attributes.get(name).filter(|value| !value.is_empty());
    let mut show = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    show("username", user.name.as_str().into());
    if let Some(nickname) = given(NICKNAME).or(user.nickname.as_ref()) {
        show(NICKNAME, nickname.as_str().into());
    }
    if let Some(birthday) = given(BIRTHDAY) {
        let is_date = china_time::is_date(birthday);
        show("birthday", if is_date { format!("{birthday} 00:00:00") } else { birthday.clone() }.into());
    }
    if let Some(gender) = given(GENDER).and_then(|gender| gender.parse::<u8>().ok()) {
        show(GENDER, gender.into());
    }
    for (name, attribute) in TEXTS {
        if let Some(text) = given(attribute) {
            show(name, text.as_str().into());
        }
    }
    if let Some(extras) = given(EXTRAS).and_then(|extras| serde_json::from_str(extras).ok()) {
        show("extras", extras);
    }
    show("mtime", china_time::format(user.modified).into());
    show("ctime", china_time::format(user.created).into());
    shown
}

/// The vendor's letter for a kind of device.
pub(crate) fn platform(class: &DeviceClass) -> &'static str {
    match class {
        DeviceClass::Android => "a",
        DeviceClass::Ios => "i",
        DeviceClass::Desktop => "w",
        DeviceClass::Web | DeviceClass::Custom(_) => "j",
    }
}

/// An administrator in a list.
pub(crate) fn shown_admin(account: &Account) -> Value {
    let user = &account.user;
    let mut shown = json!({
        "username": user.name.as_str(),
        "mtime": china_time::format(user.modified),
        "ctime": china_time::format(user.created),
    });
    if let Some(nickname) = &user.nickname {
        shown[NICKNAME] = nickname.as_str().into();
    }
    shown
}
