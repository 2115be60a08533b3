//! Contacts: requests and answers of users, lists in each version, and what back ends do without asking
//! (easemob-rest.md 3.5, msync.md 3.2).
//!
//! The vendor lists the direct link for user tokens too, guessed from its table of rates. Here it is the back end's:
//! a user who could link himself to anybody would make nothing of requests and of `message.contacts_only`.

use app::{ActingDevice, Error, Page};
use conditions::Condition;
use domain::contact::Contact;
use easemob_wire::rest::{ContactRemark, Envelope, NamedUsers, RelationCheck};
use model::{Uid, Username, limits};
use serde_json::{Value, json};

use super::answer::{Answer, entity};
use super::auth::Caller;
use super::call::{Call, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/users/{user}/contacts/apply" BackEndOrOwner Json ContactAdd => apply;
    POST "/users/{user}/contacts/accept/users/{peer}" BackEndOrOwner Nothing ContactAdd => accept;
    POST "/users/{user}/contacts/decline/users/{peer}" BackEndOrOwner Nothing ContactAdd => decline;
    POST "/users/{user}/contacts/users/{peer}" BackEnd Nothing ContactLink => link;
    POST "/users/{user}/contacts/import" BackEnd Json ContactImport => import;
    DELETE "/users/{user}/contacts/users/{peer}" BackEndOrOwner Nothing ContactRemove => remove;
    DELETE "/contacts/users/{user}" BackEndOrOwner Nothing ContactRemove => remove_all;
    // The web SDKs say `users`, the documents for back ends `user`.
    PUT "/users/{user}/contacts/users/{peer}" BackEndOrOwner Json ContactNote => note;
    PUT "/user/{user}/contacts/users/{peer}" BackEndOrOwner Json ContactNote => note;
    GET "/users/{user}/contacts/users" BackEndOrOwner Nothing Request => list_all;
    GET "/users/{user}/rosters" BackEndOrOwner Nothing Request => list_all;
    GET "/users/{user}/contacts" BackEndOrOwner Nothing Request => list;
    GET "/user/{user}/contacts" BackEndOrOwner Nothing Request => list;
    POST "/contacts/check" Member Json RelationCheck => check;
}

/// Contacts in a page when the caller does not say.
const PAGE_DEFAULT: usize = 10;

/// `POST /users/{user}/contacts/apply`
pub(crate) async fn apply(call: Call) -> Result<Answer, Failure> {
    let NamedUsers { usernames, reason } = call.parse(NamedUsers::parse)?;
    if usernames.is_empty() {
        return Err(missing("usernames").into());
    }
    batch(usernames.len(), limits::CONTACTS_ASKED)?;
    let (device, reason) = (call.acting_device().await?, reason.unwrap_or_default());
    for peer in &usernames {
        let use_cases = call.use_cases();
        use_cases.ask_contact(&call.tenant, call.user(), peer, &reason, device.as_ref()).await?;
    }
    Ok(done(&call))
}

/// `POST /users/{user}/contacts/accept/users/{peer}`
pub(crate) async fn accept(call: Call) -> Result<Answer, Failure> {
    let device = call.acting_device().await?;
    call.use_cases().accept_contact(&call.tenant, call.user(), call.peer(), device.as_ref()).await?;
    Ok(done(&call))
}

/// `POST /users/{user}/contacts/decline/users/{peer}`
pub(crate) async fn decline(call: Call) -> Result<Answer, Failure> {
    let device = call.acting_device().await?;
    call.use_cases().decline_contact(&call.tenant, call.user(), call.peer(), "", device.as_ref()).await?;
    Ok(done(&call))
}

/// `POST /users/{user}/contacts/users/{peer}`: without asking either.
pub(crate) async fn link(call: Call) -> Result<Answer, Failure> {
    let peer = call.use_cases().link_contacts(&call.tenant, call.user(), call.peer()).await?;
    about(&call, &peer).await
}

/// `DELETE /users/{user}/contacts/users/{peer}`, on both lists.
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let peer = match call.acting()? {
        Some(_) => {
            let device = call.acting_device().await?;
            let use_cases = call.use_cases();
            use_cases.remove_contact(&call.tenant, call.user(), call.peer(), device.as_ref()).await?
        }
        None => call.use_cases().unlink_contacts(&call.tenant, call.user(), call.peer()).await?,
    };
    about(&call, &peer).await
}

/// `DELETE /contacts/users/{user}`: everybody.
pub(crate) async fn remove_all(call: Call) -> Result<Answer, Failure> {
    call.use_cases().unlink_all_contacts(&call.tenant, call.user()).await?;
    Ok(done(&call))
}

/// `PUT …/contacts/users/{peer}`: the remark.
pub(crate) async fn note(call: Call) -> Result<Answer, Failure> {
    let remark = call.parse(ContactRemark::parse)?.remark;
    call.use_cases().note_contact(&call.tenant, call.user(), call.peer(), &remark).await?;
    Ok(Answer::new(&Envelope { status: Some("ok"), ..call.full() }))
}

/// `GET /users/{user}/contacts/users`: names, and with `needReturnRemark=true` remarks beside them.
pub(crate) async fn list_all(call: Call) -> Result<Answer, Failure> {
    let contacts = call.use_cases().all_contacts(&call.tenant, call.user()).await?;
    let entities = if wants_remarks(&call) { with_remarks(&call, &contacts) } else { Vec::new() };
    let names = contacts.iter().map(|(name, _)| name.as_str()).collect();
    Ok(Answer::new(&Envelope {
        other_entities: Some(entities),
        data: Some(names),
        count: Some(contacts.len()),
        ..call.full()
    }))
}

/// `GET …/contacts?limit=&cursor=&needReturnRemark=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let limit = page_size(&call, "limit", PAGE_DEFAULT)?;
    let cursor = call.query.get("cursor");
    let after =
        cursor.map(|cursor| cursor::parse(List::Contacts, call.tenant.value.id, cursor)).transpose()?;
    let page = call.use_cases().list_contacts(&call.tenant, call.user(), after.map(Uid), limit).await?;

    let Page { items, next } = page;
    let mut data = json!({ "contacts": with_remarks(&call, &items) });
    if let Some(next) = next {
        data["cursor"] = cursor::write(List::Contacts, call.tenant.value.id, next.0).into();
    }
    Ok(Answer::new(&Envelope {
        entities: Some(Vec::new()),
        data: Some(data),
        count: Some(items.len()),
        params: call.query.params(),
        ..call.full()
    }))
}

/// `POST /contacts/import?isSendNotice=`: each name for itself.
pub(crate) async fn import(call: Call) -> Result<Answer, Failure> {
    let usernames = call.parse(NamedUsers::parse)?.usernames;
    batch(usernames.len(), limits::CONTACTS_IMPORTED)?;
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let (user, silent) = (account.user.name.as_str(), call.query.get("isSendNotice") != Some("true"));

    let mut lists: [Vec<String>; 4] = Default::default();
    for peer in usernames {
        let use_cases = call.use_cases();
        let linked = if silent {
            use_cases.link_contacts_silently(&call.tenant, user, &peer).await
        } else {
            use_cases.link_contacts(&call.tenant, user, &peer).await.map(drop)
        };
        let list = match linked.as_ref().map_err(Error::condition) {
            Ok(()) => 0,
            Err(Condition::UserNotFound) => 1,
            Err(Condition::PeerContactLimitReached) => 2,
            // The importing user's own list is full, or contacts are off: so it is for all the others.
            Err(Condition::ContactLimitReached | Condition::ServiceNotEnabled) => {
                linked?;
                0
            }
            Err(_) => 3,
        };
        lists[list].push(peer);
    }
    let [success, not_there, full, unknown] = lists;
    let data = json!({
        "success": success,
        "NotExistFailed": not_there,
        "maxLimitFailed": full,
        "UnKnowFailed": unknown,
    });
    Ok(Answer::new(&Envelope { status: Some("ok"), data: Some(data), ..call.full() }))
}

/// `POST /contacts/check`: who of some is a contact.
pub(crate) async fn check(call: Call) -> Result<Answer, Failure> {
    let RelationCheck { username, check_list } = checked(&call)?;
    let are = call.use_cases().are_contacts(&call.tenant, &username.unwrap_or_default(), &check_list).await?;
    Ok(relations(&call, &check_list, &are, ["friend", "not_friend"]))
}

/// Reads a relation check; a user asks about himself.
///
/// # Errors
/// `argument_missing`, `batch_too_large`, `permission_denied`.
pub(super) fn checked(call: &Call) -> Result<RelationCheck, Error> {
    let check = call.parse(RelationCheck::parse)?;
    let Some(username) = &check.username else { return Err(missing("username")) };
    if check.check_list.is_empty() {
        return Err(batch_too_large(0, limits::RELATIONS_CHECKED));
    }
    batch(check.check_list.len(), limits::RELATIONS_CHECKED)?;
    if !call.is_about_caller(username) {
        return Err(Error::plain(Condition::PermissionDenied));
    }
    Ok(check)
}

/// What each of some users is to one: the first word for yes, the second for no.
pub(super) fn relations(call: &Call, names: &[String], are: &[bool], words: [&str; 2]) -> Answer {
    let relation = |(name, is): (&String, &bool)| json!({ "username": name, "relation": if *is { words[0] } else { words[1] } });
    let entities = names.iter().zip(are).map(relation).collect();
    Answer::new(&Envelope { other_entities: Some(entities), ..call.full() })
}

/// The size of a page; more than 50 is refused, as the vendor has it for lists of people.
///
/// # Errors
/// `argument_invalid`, `page_size_invalid`.
pub(super) fn page_size(call: &Call, name: &'static str, default: usize) -> Result<usize, Error> {
    let Some(text) = call.query.get(name) else { return Ok(default) };
    match text.parse::<usize>() {
        Ok(size @ 1..=limits::CONTACTS_PAGE) => Ok(size),
        Ok(0) | Err(_) => Err(super::call::invalid(name)),
        Ok(_) => {
            let limit = limits::CONTACTS_PAGE.to_string();
            Err(Error::refused(Condition::PageSizeInvalid, vec![("limit", limit)]))
        }
    }
}

/// An envelope that says that it is done.
pub(super) fn done(call: &Call) -> Answer {
    Answer::new(&Envelope { entities: Some(Vec::new()), ..call.full() })
}

/// The peer as an entity, under the path that the vendor shows for a user's list.
async fn about(call: &Call, peer: &store::Account) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    Ok(Answer::new(&Envelope {
        path: Some(format!("/users/{}/contacts", account.user.uuid)),
        entities: Some(vec![entity(peer)]),
        ..call.full()
    }))
}

fn wants_remarks(call: &Call) -> bool {
    call.query.get("needReturnRemark") == Some("true")
}

fn with_remarks(call: &Call, contacts: &[(Username, Contact)]) -> Vec<Value> {
    let wanted = wants_remarks(call);
    let one = |(name, contact): &(Username, Contact)| json!({ "username": name.as_str(), "remark": contact.remark.as_ref().filter(|_| wanted) });
    contacts.iter().map(one).collect()
}

fn batch(size: usize, limit: usize) -> Result<(), Error> {
    if size <= limit { Ok(()) } else { Err(batch_too_large(size, limit)) }
}

fn batch_too_large(size: usize, limit: usize) -> Error {
    let facts = vec![("size", size.to_string()), ("limit", limit.to_string())];
    Error::refused(Condition::BatchTooLarge, facts)
}

impl Call {
    /// The other user whom the path names.
    pub(super) fn peer(&self) -> &str {
        self.names.get("peer")
    }

    /// The device that the caller says is his, while he speaks for himself.
    ///
    /// # Errors
    /// Faults.
    pub(super) async fn acting_device(&self) -> Result<Option<ActingDevice>, Error> {
        match &self.caller {
            Caller::User(account) => {
                self.use_cases().acting_device(&self.tenant, &account.user, self.query.get("resource")).await
            }
            Caller::BackEnd | Caller::Nobody => Ok(None),
        }
    }

    /// Whether the caller may speak for a user: the back end for all, a user for himself.
    pub(super) fn is_about_caller(&self, username: &str) -> bool {
        match &self.caller {
            Caller::BackEnd => true,
            Caller::User(account) => Username::parse(username).is_ok_and(|name| name == account.user.name),
            Caller::Nobody => false,
        }
    }
}
