//! Accounts: register, read, list, change, delete (easemob-rest.md 3.1).

use app::{Error, UserPage};
use conditions::{Condition, Operation, rest_answer};
use domain::account::{Register as Command, Registrant};
use domain::push::{PushChange, PushProfile};
use easemob_wire::rest::{Envelope, NewUser, PasswordChange, Register, UserUpdate};
use model::{Dialect, Uid, limits};
use serde_json::{Map, Value, json};

use super::answer::{Answer, entity};
use super::auth::Caller;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::push;
use super::routes::routes;

routes! {
    POST "/users" AnybodyOrBackEnd Json UserRegister => register;
    GET "/users" BackEnd Nothing UserList => list;
    DELETE "/users" BackEnd Nothing UserDelete => delete_page;
    GET "/users/{user}" BackEndOrOwner Nothing UserGet => get;
    PUT "/users/{user}" BackEndOrOwner Json UserUpdate => update;
    DELETE "/users/{user}" BackEnd Nothing UserDelete => delete;
    // The vendor's documents disagree about the method. A user changes his own by showing the present one.
    PUT "/users/{user}/password" BackEndOrOwner Json UserPassword => change_password;
    POST "/users/{user}/password" BackEndOrOwner Json UserPassword => change_password;
    POST "/users/{user}/deactivate" BackEnd Nothing UserActivate => deactivate;
    POST "/users/{user}/activate" BackEnd Nothing UserActivate => activate;
}

/// Users in a page when the caller does not say.
const PAGE_DEFAULT: usize = 10;
/// What the vendor says as `path` of answers about one user.
const USERS: &str = "/users";

/// `POST /users`: one by anybody where registration is open, one or many by the back end.
pub(crate) async fn register(call: Call) -> Result<Answer, Failure> {
    match call.parse(Register::parse)? {
        Register::One(user) => register_one(&call, user).await,
        Register::Many(_) if matches!(call.caller, Caller::Nobody) => {
            Err(Error::plain(Condition::CredentialsMissing).into())
        }
        // A list of one is answered like that one.
        Register::Many(mut users) => match users.pop() {
            Some(user) if users.is_empty() => register_one(&call, user).await,
            last => {
                users.extend(last);
                register_many(&call, users).await
            }
        },
    }
}

async fn register_one(call: &Call, user: NewUser) -> Result<Answer, Failure> {
    let registrant = match call.caller {
        Caller::Nobody => Registrant::Anonymous { address: call.address },
        Caller::BackEnd | Caller::User(_) => Registrant::BackEnd,
    };
    let account = call.use_cases().register_user(&call.tenant, registrant, command(user)).await?;
    Ok(Answer::new(&Envelope { entities: Some(vec![entity(&account)]), ..call.full() }))
}

/// Those who could not be registered stand in `data`, with the reason; the call has succeeded all the same. If
/// the server was at fault and nobody could be registered, it is the fault's own answer, so that the back end tries again.
async fn register_many(call: &Call, users: Vec<NewUser>) -> Result<Answer, Failure> {
    let commands = users.into_iter().map(command).collect();
    let outcomes = call.use_cases().register_users(&call.tenant, commands).await?;

    let (mut entities, mut reasons, mut fault) = (Vec::new(), Vec::new(), None);
    for (username, outcome) in outcomes {
        match outcome {
            Ok(account) => entities.push(entity(&account)),
            Err(error) => {
                reasons.push(json!({ "username": username, "registerUserFailReason": reason(&error) }));
                if error.condition().kind().is_fault() {
                    fault = Some(error);
                }
            }
        }
    }
    match fault {
        Some(error) if entities.is_empty() => Err(error.into()),
        _ => Ok(Answer::new(&Envelope {
            entities: Some(entities),
            data: Some(Value::Array(reasons)),
            ..call.full()
        })),
    }
}

fn command(user: NewUser) -> Command {
    Command {
        name: user.username.unwrap_or_default(),
        password: user.password.unwrap_or_default(),
        nickname: user.nickname,
        dialect: Dialect::Easemob,
    }
}

fn reason(error: &Error) -> String {
    let condition = error.condition();
    let batch = rest_answer(condition, Some(Operation::UserRegisterBatch));
    // Only a name that is taken has other words in a batch.
    let row =
        if batch.operation.is_some() { batch } else { rest_answer(condition, Some(Operation::UserRegister)) };
    row.describe(condition, &error.arguments())
}

/// `GET /users/{user}`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    // Where pushes are off there is nothing to show of them.
    let profile = match call.tenant.value.settings.push_enabled {
        true => call.use_cases().push_profile(&call.tenant, call.user()).await?.1,
        false => PushProfile::default(),
    };
    let envelope = Envelope { count: Some(1), ..call.unnamed() };
    Ok(with_keys(envelope, &account, &push::of_account(&profile)))
}

/// `GET /users?limit=&cursor=`, in the order of registration.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let (after, limit) = page(&call)?;
    let page = call.use_cases().list_users(&call.tenant, after, limit).await?;
    let count = Some(page.accounts.len());
    Ok(Answer::new(&Envelope { count, ..with_page(&call, call.unnamed(), &page) }))
}

/// `DELETE /users?limit=&cursor=`, the oldest first.
pub(crate) async fn delete_page(call: Call) -> Result<Answer, Failure> {
    let (after, limit) = page(&call)?;
    let page = call.use_cases().delete_users(&call.tenant, after, limit).await?;
    Ok(Answer::new(&with_page(&call, call.full(), &page)))
}

fn page(call: &Call) -> Result<(Option<Uid>, usize), Error> {
    // A query language of the oldest version. Left out of account it would delete or list the wrong users.
    if call.query.get("ql").is_some() {
        return Err(invalid("ql"));
    }
    let limit = call.query.limit(PAGE_DEFAULT, limits::USERS_PAGE)?;
    let cursor = call.query.get("cursor");
    let after = cursor.map(|cursor| cursor::parse(List::Users, call.tenant.value.id, cursor)).transpose()?;
    Ok((after.map(Uid), limit))
}

fn with_page(call: &Call, envelope: Envelope, page: &UserPage) -> Envelope {
    Envelope {
        entities: Some(page.accounts.iter().map(|account| entity(account)).collect()),
        cursor: page.next.map(|uid| cursor::write(List::Users, call.tenant.value.id, uid.0)),
        params: call.query.params(),
        ..envelope
    }
}

/// `DELETE /users/{user}`
pub(crate) async fn delete(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().delete_user(&call.tenant, call.user()).await?;
    Ok(about(&call, &account))
}

/// `PUT /users/{user}`: the nickname, a push binding, and settings of pushes. What is wrong is found before anything is
/// changed, but for the limits of bindings and settings.
pub(crate) async fn update(call: Call) -> Result<Answer, Failure> {
    let update = call.parse(UserUpdate::parse)?;
    if let Some(field) = update.others.first() {
        return Err(invalid(&domain::account::printable(field)).into());
    }
    let change = PushChange {
        style: update.display_style,
        no_disturbing: update.no_disturbing,
        start: update.no_disturbing_start,
        end: update.no_disturbing_end,
        ignored_groups: update.ignored_groups,
    };
    if update.nickname.is_none() && update.binding.is_empty() && change.is_empty() {
        return Err(missing("nickname").into());
    }
    let (use_cases, user) = (call.use_cases(), call.user());
    let mut account = None;
    let mut keys = Map::new();
    if !change.is_empty() {
        let changed = use_cases.change_push(&call.tenant, user, &change).await;
        let (changed, profile) = changed.map_err(|error| Failure::of(error, Operation::PushSetting))?;
        (account, keys) = (Some(changed), push::of_account(&profile));
    }
    if !update.binding.is_empty() {
        let bound = use_cases.bind_push(&call.tenant, user, &push::bind_of(update.binding)).await;
        let (bound, profile) = bound.map_err(|error| Failure::of(error, Operation::PushBinding))?;
        (account, keys) = (Some(bound), push::of_account(&profile));
        // Who unbinds the last device reads an empty list: the web SDKs promise one.
        keys.insert("pushInfo".to_owned(), push::of_devices(&profile));
    }
    if let Some(nickname) = update.nickname {
        account = Some(use_cases.set_nickname(&call.tenant, user, &nickname).await?);
    }
    let account = account.expect("one of the three was there");
    Ok(with_keys(call.full(), &account, &keys))
}

/// An answer about a user, with what he set for pushes among his keys.
fn with_keys(envelope: Envelope, account: &store::Account, keys: &Map<String, Value>) -> Answer {
    let envelope =
        Envelope { path: Some(USERS.to_owned()), entities: Some(vec![entity(account)]), ..envelope };
    if keys.is_empty() {
        return Answer::new(&envelope);
    }
    let mut answer = json!(envelope);
    if let Some(entity) = answer["entities"][0].as_object_mut() {
        entity.extend(keys.clone());
    }
    Answer::new(&answer)
}

fn about(call: &Call, account: &store::Account) -> Answer {
    Answer::new(&Envelope {
        path: Some(USERS.to_owned()),
        entities: Some(vec![entity(account)]),
        ..call.full()
    })
}

/// `PUT` or `POST /users/{user}/password`. A user who changes his own shows the present one.
pub(crate) async fn change_password(call: Call) -> Result<Answer, Failure> {
    let change = call.parse(PasswordChange::parse)?;
    let (tenant, new) = (&call.tenant, change.new_password.unwrap_or_default());
    match call.acting()? {
        Some(account) => {
            let present = change.old_password.unwrap_or_default();
            call.use_cases().change_own_password(tenant, account, &present, &new, call.address).await?;
        }
        None => {
            call.use_cases().change_password(tenant, call.user(), &new).await?;
        }
    }
    Ok(Answer::new(&call.bare("set user password")))
}

/// `POST /users/{user}/deactivate`
pub(crate) async fn deactivate(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().deactivate_user(&call.tenant, call.user()).await?;
    let entities = Some(vec![entity(&account)]);
    Ok(Answer::new(&Envelope { entities, ..call.bare("Deactivate user") }))
}

/// `POST /users/{user}/activate`
pub(crate) async fn activate(call: Call) -> Result<Answer, Failure> {
    call.use_cases().activate_user(&call.tenant, call.user()).await?;
    Ok(Answer::new(&call.bare("activate user")))
}
