//! Friends and the blacklist.

use conditions::Condition;
use jmessage_wire::rules;
use serde_json::Value;

use super::super::event::Object;
use super::super::failure::Failure;
use super::{Asked, Done, object, users};

/// What `from_type` says: an invitation, or the answer to one.
const INVITES: u64 = 1;
const ANSWERS: u64 = 2;

/// An invitation; or the answer to one, which is yes by the word `yes` only: any other is a no, in these words.
pub(crate) async fn ask_or_answer(asked: Asked<'_>) -> Done {
    let peer = asked.user("target_name", "appkey")?;
    let why = asked.given("why")?.unwrap_or_default();
    let (use_cases, tenant, own) = (asked.use_cases(), asked.caller.tenant, asked.name());
    let device = asked.device();
    let device = Some(&device);
    // The SDK for mini programs leaves it out of invitations.
    let from_type = match asked.data.get("from_type") {
        None | Some(Value::Null) => INVITES,
        Some(_) => asked.number("from_type")?,
    };
    match from_type {
        INVITES => use_cases.ask_contact(tenant, own, peer, why, device).await?,
        ANSWERS if why == "yes" => use_cases.accept_contact(tenant, own, peer, device).await?,
        ANSWERS => use_cases.decline_contact(tenant, own, peer, why, device).await?,
        _ => return Err(Failure::argument("from_type")),
    }
    Ok(Object::new())
}

pub(crate) async fn remove(asked: Asked<'_>) -> Done {
    let peer = asked.user("target_name", "appkey")?;
    asked.use_cases().remove_contact(asked.caller.tenant, asked.name(), peer, Some(&asked.device())).await?;
    Ok(Object::new())
}

pub(crate) async fn note(asked: Asked<'_>) -> Done {
    let peer = asked.user("target_name", "appkey")?;
    let name = asked.given("memo_name")?.unwrap_or_default();
    let others = asked.given("memo_others")?;
    if !rules::is_note_name(name) || others.is_some_and(|others| others.len() > rules::TEXT_BYTES) {
        return Err(Failure::plain(Condition::ContactNoteInvalid));
    }
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    use_cases.note_contact_fully(tenant, asked.name(), peer, Some(name), others).await?;
    Ok(Object::new())
}

pub(crate) async fn list(asked: Asked<'_>) -> Done {
    let contacts = asked.use_cases().all_contacts(asked.caller.tenant, asked.name()).await?;
    let names: Vec<&str> = contacts.iter().map(|(name, _)| name.as_str()).collect();
    let accounts = asked.accounts(&names).await?;
    let mut list = users::shown(asked, &accounts).await?;
    for (one, account) in list.iter_mut().zip(&accounts) {
        let contact = contacts.iter().find(|(name, _)| *name == account.user.name);
        let noted = contact.map(|(_, contact)| (contact.remark.clone(), contact.others.clone()));
        let (name, others) = noted.unwrap_or_default();
        one["memo_name"] = name.unwrap_or_default().into();
        one["memo_others"] = others.unwrap_or_default().into();
    }
    Ok(object([("friend_list", list.into())]))
}

pub(crate) async fn block(asked: Asked<'_>) -> Done {
    let names = asked.users("member_usernames")?;
    asked.use_cases().check_may_block(asked.caller.tenant, true)?;
    let device = asked.device();
    asked.use_cases().block_new_users(asked.caller.tenant, asked.name(), &names, Some(&device)).await?;
    Ok(Object::new())
}

pub(crate) async fn unblock(asked: Asked<'_>) -> Done {
    let names = asked.users("member_usernames")?;
    let device = asked.device();
    asked.use_cases().unblock_listed_users(asked.caller.tenant, asked.name(), &names, Some(&device)).await?;
    Ok(Object::new())
}

pub(crate) async fn list_blocked(asked: Asked<'_>) -> Done {
    let blocked = asked.use_cases().list_blocked(asked.caller.tenant, asked.name()).await?;
    let names: Vec<&str> = blocked.iter().map(model::Username::as_str).collect();
    let accounts = asked.accounts(&names).await?;
    let list: Vec<Value> = users::shown(asked, &accounts).await?;
    Ok(object([("black_list", list.into())]))
}
