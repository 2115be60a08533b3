//! Administrators and users: register, get, list, change, remove, who is online (jmessage.md 1.3).

use app::{Error, Tenant, UseCases};
use conditions::{Condition, Operation};
use domain::account::{Register, Registrant};
use domain::device::Device;
use futures_util::{StreamExt as _, stream};
use model::{Dialect, SettingNews};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::{self, Failure};
use super::fields::{Fields, check_password, check_username, some_names, within};
use super::profile::{self, Profile};
use super::routes::routes;

routes! {
    POST "/v1/admins" Json UserRegister => register_admin;
    GET "/v1/admins" Nothing UserList => admins;
    POST "/v1/users" Json UserRegister => register;
    GET "/v1/users" Nothing UserList => list;
    DELETE "/v1/users" Json UserDelete => delete_many;
    POST "/v1/users/userstat" Json UserStatus => states;
    POST "/v2/users/statuser" Json UserStatus => states_of_any;
    GET "/v1/users/{user}" Nothing UserGet => get;
    PUT "/v1/users/{user}" Json UserUpdate => update;
    DELETE "/v1/users/{user}" Nothing UserDelete => delete;
    PUT "/v1/users/{user}/password" Json UserPassword => change_password;
    GET "/v1/users/{user}/userstat" Nothing UserStatus => state;
    PUT "/v1/users/{user}/forbidden" Nothing UserActivate => forbid;
}

/// Users of one call (jmessage.md 1.2).
const REGISTERED: usize = 500;
const DELETED: usize = 100;
const ASKED: usize = 500;
/// Users in a page.
const PAGE: usize = 500;
/// Registrations of one call that are under way at the same time.
const AT_ONCE: usize = 16;

/// `POST /v1/admins`: an object. One client writes a list with that one in it.
async fn register_admin(call: Call) -> Result<Answer, Failure> {
    let body = match call.body.as_array() {
        Some(list) if list.len() == 1 => &list[0],
        Some(_) => return Err(invalid("body").into()),
        None => &call.body,
    };
    let (command, profile) = registration(Fields::of(body)?)?;
    let name = command.name.clone();
    call.use_cases().register_admin(&call.tenant, command).await?;
    introduce(call.use_cases(), &call.tenant, &name, &profile).await?;
    Ok(Answer::Made)
}

/// `GET /v1/admins`
async fn admins(call: Call) -> Result<Answer, Failure> {
    let (start, count) = call.query.page(PAGE)?;
    let (total, admins) = call.use_cases().list_admins(&call.tenant, start, count).await?;
    let users: Vec<Value> = admins.iter().map(|account| profile::shown_admin(account)).collect();
    Ok(Answer::Found(json!({ "total": total, "start": start, "count": users.len(), "users": users })))
}

/// `POST /v1/users`: each user for himself, in the order of the call.
async fn register(call: Call) -> Result<Answer, Failure> {
    let users = call.body.as_array().ok_or_else(|| invalid("body"))?;
    within(users.len(), REGISTERED)?;
    if users.is_empty() {
        return Err(missing("body").into());
    }
    let call = &call;
    // Owned, since a future over borrowed items can't be told to be one for every lifetime.
    let registered = users.clone().into_iter().map(|user| async move {
        let name = user.get("username").and_then(Value::as_str).unwrap_or_default().to_owned();
        let outcome = register_one(call, &user).await;
        (name, outcome)
    });
    let outcomes: Vec<_> = stream::iter(registered).buffered(AT_ONCE).collect().await;

    let nobody = outcomes.iter().all(|(_, outcome)| outcome.is_err());
    let mut answers = Vec::with_capacity(outcomes.len());
    for (name, outcome) in outcomes {
        answers.push(match outcome {
            Ok(()) => json!({ "username": name }),
            // The back end is to try again.
            Err(error) if nobody && error.condition().kind().is_fault() => return Err(error.into()),
            Err(error) => {
                let (_, error) = failure::said(error.condition(), Some(Operation::UserRegisterBatch));
                json!({ "username": domain::account::printable(&name), "error": error })
            }
        });
    }
    Ok(Answer::Created(Value::Array(answers)))
}

async fn register_one(call: &Call, user: &Value) -> Result<(), Error> {
    let (command, profile) = registration(Fields::of(user)?)?;
    let name = command.name.clone();
    call.use_cases().register_user(&call.tenant, Registrant::BackEnd, command).await?;
    introduce(call.use_cases(), &call.tenant, &name, &profile).await
}

/// A user as a call has him.
fn registration(fields: Fields<'_>) -> Result<(Register, Profile), Error> {
    let (name, password) = (fields.needed("username")?, fields.needed("password")?);
    check_username(name)?;
    check_password(password)?;
    let profile = Profile::read(fields)?;
    let nickname = profile.nickname.clone();
    let command = Register {
        name: name.to_owned(),
        password: password.to_owned(),
        nickname,
        dialect: Dialect::JMessage,
    };
    Ok((command, profile))
}

/// Writes down what a new user tells of himself.
async fn introduce(use_cases: &UseCases, app: &Tenant, name: &str, profile: &Profile) -> Result<(), Error> {
    if profile.is_empty() { Ok(()) } else { profile.write(use_cases, app, name).await }
}

/// `GET /v1/users`
async fn list(call: Call) -> Result<Answer, Failure> {
    let (start, count) = call.query.page(PAGE)?;
    let (use_cases, app) = (call.use_cases(), &call.tenant);
    let total = use_cases.count_users(app).await?;
    let accounts = use_cases.users_from(app, start, count).await?;
    let users = profile::shown(use_cases, app, &accounts).await?;
    Ok(Answer::Found(json!({ "total": total, "start": start, "count": users.len(), "users": users })))
}

/// `GET /v1/users/{user}`
async fn get(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let mut shown = profile::shown(call.use_cases(), &call.tenant, &[account]).await?;
    Ok(Answer::Found(Value::Object(shown.remove(0))))
}

/// `PUT /v1/users/{user}`
async fn update(call: Call) -> Result<Answer, Failure> {
    let profile = Profile::read(Fields::of(&call.body)?)?;
    if profile.is_empty() {
        return Err(missing("body").into());
    }
    profile.write(call.use_cases(), &call.tenant, call.user()).await?;
    call.tell(SettingNews::Profile).await?;
    Ok(Answer::Done)
}

/// `PUT /v1/users/{user}/password`
async fn change_password(call: Call) -> Result<Answer, Failure> {
    let password = Fields::of(&call.body)?.needed("new_password")?;
    check_password(password)?;
    call.use_cases().change_password(&call.tenant, call.user(), password).await?;
    Ok(Answer::Done)
}

/// `DELETE /v1/users/{user}`
async fn delete(call: Call) -> Result<Answer, Failure> {
    call.use_cases().delete_user(&call.tenant, call.user()).await?;
    Ok(Answer::Done)
}

/// `DELETE /v1/users`: nobody, unless all of them are there.
async fn delete_many(call: Call) -> Result<Answer, Failure> {
    let names = some_names(&call.body, DELETED)?;
    for name in &names {
        call.use_cases().get_user(&call.tenant, name).await?;
    }
    for name in &names {
        match call.use_cases().delete_user(&call.tenant, name).await {
            Ok(_) => {}
            // He stands in the list twice, or somebody else was faster.
            Err(error) if error.condition() == Condition::UserNotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Answer::Done)
}

/// `PUT /v1/users/{user}/forbidden?disable=`
async fn forbid(call: Call) -> Result<Answer, Failure> {
    if call.query.flag("disable")? {
        call.use_cases().deactivate_user(&call.tenant, call.user()).await?;
    } else {
        call.use_cases().activate_user(&call.tenant, call.user()).await?;
    }
    Ok(Answer::Done)
}

/// `GET /v1/users/{user}/userstat`
async fn state(call: Call) -> Result<Answer, Failure> {
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let devices = call.use_cases().known_devices(&call.tenant, &account).await?;
    let login = devices.iter().any(|(device, _)| !device.displaced);
    let online = devices.iter().any(|(_, is_live)| *is_live);
    Ok(Answer::Found(json!({ "login": login, "online": online })))
}

/// `POST /v1/users/userstat`
async fn states(call: Call) -> Result<Answer, Failure> {
    let mut states = Vec::new();
    for name in some_names(&call.body, ASKED)? {
        let account = call.use_cases().get_user(&call.tenant, &name).await?;
        let devices = call.use_cases().known_devices(&call.tenant, &account).await?;
        states.push(json!({ "username": name, "devices": shown_devices(&devices) }));
    }
    Ok(Answer::Found(Value::Array(states)))
}

/// `POST /v2/users/statuser`: the same, and whether there is such a user.
async fn states_of_any(call: Call) -> Result<Answer, Failure> {
    let mut states = Vec::new();
    for name in some_names(&call.body, ASKED)? {
        states.push(match call.use_cases().find_user(&call.tenant, &name).await? {
            Some(account) => {
                let devices = call.use_cases().known_devices(&call.tenant, &account).await?;
                json!({ "username": name, "devices": shown_devices(&devices), "statuscode": 0 })
            }
            None => {
                let username = domain::account::printable(&name);
                json!({ "username": username, "devices": [], "statuscode": 1, "statusmsg": "no_exist" })
            }
        });
    }
    Ok(Answer::Found(Value::Array(states)))
}

fn shown_devices(devices: &[(Device, bool)]) -> Vec<Value> {
    let shown = devices.iter().map(|(device, is_live)| {
        let platform = profile::platform(&device.class);
        json!({ "login": !device.displaced, "online": is_live, "platform": platform })
    });
    shown.collect()
}
