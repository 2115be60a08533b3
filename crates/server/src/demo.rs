//! The demonstration: one app that anybody may register in, and two users who can talk at once.

use std::sync::Arc;

use app::{CreateApp, Error, Tenant, UseCases};
use conditions::Condition;
use domain::account::{Register, Registrant};
use domain::app::Settings;
use model::{AppKey, Dialect};

use crate::AppCredentials;

const ORG: &str = "demo";
const APP: &str = "kith";
/// Names with their passwords. No secrets: the app's registration is open, and it listens on loopback.
const USERS: [(&str, &str); 2] = [("alice", "alice-demo"), ("bob", "bob-demo")];

/// What somebody needs to try the server.
#[derive(Clone, Debug)]
pub struct Demo {
    pub app: AppCredentials,
    pub users: Vec<DemoUser>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoUser {
    pub name: &'static str,
    pub password: &'static str,
}

/// # Errors
/// Faults of storage.
pub(crate) async fn prepare(use_cases: &Arc<UseCases>) -> Result<Demo, Error> {
    let app = find_or_create(use_cases).await?;
    for (name, password) in USERS {
        let register = Register {
            name: name.to_owned(),
            password: password.to_owned(),
            nickname: None,
            dialect: Dialect::Kith,
        };
        match use_cases.register_user(&app, Registrant::BackEnd, register).await {
            Ok(_) => {}
            Err(error) if error.condition() == Condition::UserAlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Demo {
        app: AppCredentials::of(&app),
        users: USERS.iter().map(|(name, password)| DemoUser { name, password }).collect(),
    })
}

async fn find_or_create(use_cases: &Arc<UseCases>) -> Result<Tenant, Error> {
    let key = AppKey::new(ORG, APP).expect("both parts are legal");
    if let Some(app) = use_cases.find_app(&key) {
        return use_cases.open_jmessage(&app.value.key).await;
    }
    let settings = Settings { open_registration: true, ..Settings::default() };
    use_cases.create_app(CreateApp { key, settings, jmessage: true }).await
}
