//! Creates an app with fresh credentials.

use conditions::Condition;
use domain::app::{AppSecrets, Settings};
use model::AppKey;
use store::NewApp;

use crate::{Error, Tenant, UseCases, random};

/// An app that an operator wants.
#[derive(Clone, Debug)]
pub struct CreateApp {
    pub key: AppKey,
    pub settings: Settings,
}

impl UseCases {
    /// # Errors
    /// `already_exists`; faults.
    pub async fn create_app(&self, command: CreateApp) -> Result<Tenant, Error> {
        let new = NewApp {
            uuid: random::uuid(),
            // The vendor's client ids begin like this; the secret likewise.
            client_id: format!("YXA6{}", random::hex::<12>()),
            secrets: AppSecrets {
                client_secret: format!("YXA6{}", random::hex::<24>()),
                token_key: random::bytes(),
            },
            settings: command.settings,
            created: self.now(),
            key: command.key,
        };
        let created = self.store.apps.create(new).await?;
        created.ok_or_else(|| Error::plain(Condition::AlreadyExists))
    }

    pub fn find_app(&self, key: &AppKey) -> Option<Tenant> {
        self.store.apps.find(key)
    }

    /// All apps, ordered by key.
    pub fn list_apps(&self) -> Vec<Tenant> {
        self.store.apps.list()
    }
}
