//! Creates an app with fresh credentials.

use conditions::Condition;
use domain::app::{AppSecrets, JMessageFace, Settings};
use model::{AppKey, JMessageKey};
use store::NewApp;

use crate::{Error, TRIES, Tenant, UseCases, random};

/// An app that an operator wants.
#[derive(Clone, Debug)]
pub struct CreateApp {
    pub key: AppKey,
    pub settings: Settings,
    /// JMessage's clients and back ends are served too.
    pub jmessage: bool,
}

/// First parts of paths that are no organisation's.
const RESERVED_ORGS: [&str; 2] = ["v1", "v2"];

impl UseCases {
    /// # Errors
    /// `app_key_invalid` for an organisation that another dialect's paths begin with; `already_exists`; faults.
    pub async fn create_app(&self, command: CreateApp) -> Result<Tenant, Error> {
        // `/v1/…` and `/v2/…` are JMessage's paths.
        if RESERVED_ORGS.contains(&command.key.org()) {
            return Err(Error::plain(Condition::AppKeyInvalid));
        }
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
            jmessage: command.jmessage.then(new_face),
            key: command.key,
        };
        let created = self.store.apps.create(new).await?;
        created.ok_or_else(|| Error::plain(Condition::AlreadyExists))
    }

    pub fn find_app(&self, key: &AppKey) -> Option<Tenant> {
        self.store.apps.find(key)
    }

    /// The app whose setting `agora.app_id` is this.
    pub fn find_app_by_agora_id(&self, id: &str) -> Option<Tenant> {
        self.store.apps.find_agora(id)
    }

    /// The app of a key of hexadecimal digits.
    pub fn find_app_by_hex_key(&self, key: &JMessageKey) -> Option<Tenant> {
        self.store.apps.find_jmessage(key)
    }

    /// Serves JMessage's clients and back ends from now on. An app that does already keeps its key.
    ///
    /// # Errors
    /// `app_not_found`; faults.
    pub async fn open_jmessage(&self, app: &AppKey) -> Result<Tenant, Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            if app.value.jmessage.is_some() {
                return Ok(app);
            }
            if let Some(app) = self.store.apps.set_jmessage(&app, &new_face()).await? {
                return Ok(app);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// All apps, ordered by key.
    pub fn list_apps(&self) -> Vec<Tenant> {
        self.store.apps.list()
    }
}

/// 24 and 24 hexadecimal digits, as the vendor's are.
fn new_face() -> JMessageFace {
    let key = random::hex::<12>().parse().expect("24 hexadecimal digits are a key");
    JMessageFace { key, master_secret: random::hex::<12>() }
}
