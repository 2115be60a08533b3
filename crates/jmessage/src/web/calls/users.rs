//! Users, their passwords and conversations, and where files are.

use app::{ListConversations, Listed, Password, ReadFile};
use conditions::Condition;
use domain::account::{Register, Registrant};
use jmessage_wire::media;
use jmessage_wire::rules;
use model::content::Place;
use model::{ConversationKind, Dialect};
use serde_json::{Value, json};
use store::Account;

use super::super::event::Object;
use super::super::failure::Failure;
use super::super::render::{GROUP, SINGLE, number_of};
use super::{Asked, Done, object};
use crate::rest::fields::Fields;
use crate::rest::profile::{self, Profile};

/// Conversations that a list shows.
const CONVERSATIONS: usize = 100;

/// `register`: somebody makes himself a user. The password comes as its MD5.
pub(crate) async fn register(
    use_cases: &app::UseCases,
    tenant: &app::Tenant,
    address: std::net::IpAddr,
    data: &Object,
) -> Result<(), Failure> {
    let text = |key: &str| data.get(key).and_then(Value::as_str).ok_or_else(|| Failure::argument(key));
    let (name, password) = (text("username")?, text("password")?);
    if !rules::is_username(name) {
        return Err(
            app::Error::refused(Condition::UserNameInvalid, vec![("username", name.to_owned())]).into()
        );
    }
    let profile = profile_of(data)?;
    let nickname = profile.nickname.clone().filter(|nickname| !nickname.is_empty());
    let command = Register {
        name: name.to_owned(),
        password: password.to_owned(),
        nickname,
        dialect: Dialect::JMessage,
    };
    let registrant = Registrant::Anonymous { address: Some(address) };
    use_cases.register_by_digest(tenant, registrant, command).await?;
    if !profile.is_empty() {
        profile.write(use_cases, tenant, name).await?;
    }
    Ok(())
}

pub(crate) async fn info(asked: Asked<'_>) -> Done {
    let name = asked.user("username", "appkey")?;
    let account = asked.use_cases().get_user(asked.caller.tenant, name).await?;
    let user = shown(asked, &[account]).await?.pop().unwrap_or_default();
    Ok(object([("user_info", user)]))
}

pub(crate) async fn update(asked: Asked<'_>) -> Done {
    let profile = profile_of(asked.data)?;
    if profile.is_empty() {
        return Err(Failure::argument("nickname"));
    }
    profile.write(asked.use_cases(), asked.caller.tenant, asked.name()).await?;
    Ok(Object::new())
}

/// The web SDK names a file's `media_id` where the REST API says `avatar`.
fn profile_of(data: &Object) -> Result<Profile, Failure> {
    let mut fields = data.clone();
    if let Some(media_id) = fields.remove("media_id") {
        fields.entry("avatar").or_insert(media_id);
    }
    // What the page left out comes as an empty text or nothing at all.
    fields.retain(|_, value| !value.is_null());
    for key in ["gender", "extras"] {
        if fields.get(key).and_then(Value::as_str) == Some("") {
            fields.remove(key);
        }
    }
    Ok(Profile::read(Fields::of(&Value::Object(fields))?)?)
}

pub(crate) async fn change_password(asked: Asked<'_>) -> Done {
    let (old, new) = (asked.text("old_pwd")?, asked.text("new_pwd")?);
    let account = asked.use_cases().get_user(asked.caller.tenant, asked.name()).await?;
    let (old, new) = (Password::Digest(old), Password::Digest(new));
    asked.use_cases().change_own_password(asked.caller.tenant, &account, old, new, None).await?;
    Ok(Object::new())
}

pub(crate) async fn conversations(asked: Asked<'_>) -> Done {
    let listing = ListConversations {
        user: asked.name(),
        listed: Listed::All,
        with_empty: false,
        after: None,
        skip: 0,
        limit: CONVERSATIONS,
    };
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    let page = use_cases.list_conversations(tenant, &listing).await?;
    let mut list = Vec::with_capacity(page.list.len());
    // Pages turn the list round to have the youngest first.
    for listed in page.list.into_iter().rev() {
        let last_said = listed.last.as_ref().map_or(0, |seen| seen.entry.at.0);
        if listed.kind == ConversationKind::Single {
            let Some(account) = use_cases.find_user(tenant, &listed.name).await? else { continue };
            let mut one = shown(asked, std::slice::from_ref(&account)).await?.pop().unwrap_or_default();
            one["type"] = SINGLE.into();
            one["key"] = account.user.uid.0.into();
            // The SDK holds it against `sui_mtime` of the user's messages, and shows it to nobody.
            one["utime"] = account.user.modified.0.into();
            one["mtime"] = last_said.into();
            one["name"] = account.user.name.as_str().into();
            one["unread_msg_count"] = listed.unread.into();
            list.push(one);
        } else if let Some(found) = use_cases.find_any_group(tenant, &listed.name).await? {
            list.push(json!({
                "type": GROUP,
                "key": number_of(&listed.name),
                "utime": found.group.modified.0,
                "name": found.group.name,
                "avatar": found.group.avatar,
                "mtime": last_said,
                "unread_msg_count": listed.unread,
            }));
        }
    }
    Ok(object([("conversations", list.into())]))
}

/// Where the bytes of a file are, for whoever was sent its `media_id`.
pub(crate) async fn resource(asked: Asked<'_>) -> Done {
    let url = match media::place(asked.text("media_id")?) {
        Place::Url(url) if url.starts_with("https://") || url.starts_with("http://") => url,
        Place::Url(_) => return Err(Failure::plain(Condition::AttachmentNotFound)),
        Place::Kept { file, secret } => {
            let secret = secret.as_deref();
            let read = ReadFile { file, secret, bearer: None };
            asked.use_cases().find_file(asked.caller.tenant, read).await?;
            let key = &asked.caller.member.app_key;
            let url = format!("{}/{}/{}/chatfiles/{file}", asked.perform.origin(), key.org(), key.app());
            secret.map_or(url.clone(), |secret| format!("{url}?share-secret={secret}"))
        }
    };
    Ok(object([("url", url.into())]))
}

/// What one upload over HTTP shows.
pub(crate) async fn upload_token(asked: Asked<'_>) -> Done {
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    let account = use_cases.find_user(tenant, asked.name()).await?;
    let account = account.ok_or_else(|| Failure::plain(Condition::UserNotFound))?;
    let token = use_cases.issue_upload_token(tenant, &account).to_string();
    Ok(object([("uptoken", token.into())]))
}

/// Users as lists show them.
pub(super) async fn shown(
    asked: Asked<'_>,
    accounts: &[std::sync::Arc<Account>],
) -> Result<Vec<Value>, Failure> {
    let shown = profile::shown(asked.use_cases(), asked.caller.tenant, accounts).await?;
    let appkey = asked.caller.member.face.as_str();
    let one = |(account, user): (&std::sync::Arc<Account>, Object)| {
        let mut one = json!({
            "nickname": "", "avatar": "", "birthday": "", "gender": 0, "signature": "", "region": "",
            "address": "", "extras": {},
        });
        if let Some(one) = one.as_object_mut() {
            one.extend(user);
        }
        one["uid"] = account.user.uid.0.into();
        one["appkey"] = appkey.into();
        // Clients compare it with that of messages, in seconds.
        one["mtime"] = (account.user.modified.0 / 1000).into();
        one
    };
    Ok(accounts.iter().zip(shown).map(one).collect())
}
