//! What a user does not want to be disturbed by: users, groups, everything.

use app::SetNoDisturb;
use serde_json::{Value, json};

use super::super::event::Object;
use super::groups::{joined, shown};
use super::{Asked, Done, object, users};

pub(crate) async fn get(asked: Asked<'_>) -> Done {
    let (use_cases, tenant) = (asked.use_cases(), asked.caller.tenant);
    let set = use_cases.no_disturb(tenant, asked.name()).await?;
    let mut accounts = Vec::with_capacity(set.users.len());
    for uid in &set.users {
        accounts.extend(use_cases.find_account(tenant, *uid).await?);
    }
    let groups: Vec<Value> = joined(asked)
        .await?
        .iter()
        .filter(|stored| set.groups.contains(&stored.group.id))
        .map(|stored| shown(asked, &stored.group))
        .collect();
    let shown = json!({
        "global": u8::from(set.global),
        "users": users::shown(asked, &accounts).await?,
        "groups": groups,
    });
    Ok(object([("no_disturb", shown)]))
}

pub(crate) async fn add_user(asked: Asked<'_>) -> Done {
    let add_users = vec![asked.user("target_name", "appkey")?.to_owned()];
    set(asked, SetNoDisturb { add_users, ..SetNoDisturb::default() }).await
}

pub(crate) async fn remove_user(asked: Asked<'_>) -> Done {
    let remove_users = vec![asked.user("target_name", "appkey")?.to_owned()];
    set(asked, SetNoDisturb { remove_users, ..SetNoDisturb::default() }).await
}

pub(crate) async fn add_group(asked: Asked<'_>) -> Done {
    let add_groups = vec![asked.group("gid")?];
    set(asked, SetNoDisturb { add_groups, ..SetNoDisturb::default() }).await
}

pub(crate) async fn remove_group(asked: Asked<'_>) -> Done {
    let remove_groups = vec![asked.group("gid")?];
    set(asked, SetNoDisturb { remove_groups, ..SetNoDisturb::default() }).await
}

pub(crate) async fn turn_on(asked: Asked<'_>) -> Done {
    set(asked, SetNoDisturb { global: Some(true), ..SetNoDisturb::default() }).await
}

pub(crate) async fn turn_off(asked: Asked<'_>) -> Done {
    set(asked, SetNoDisturb { global: Some(false), ..SetNoDisturb::default() }).await
}

async fn set(asked: Asked<'_>, change: SetNoDisturb) -> Done {
    let set = asked.use_cases().set_no_disturb(asked.caller.tenant, asked.name(), &change).await;
    // Each request is about one of the three, so its own operation says which.
    set.map_err(|(error, _)| error)?;
    Ok(Object::new())
}
