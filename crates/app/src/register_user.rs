//! Registers users.

use std::sync::Arc;

use domain::account::{Register, RegisterRefused, Registrant, decide_batch, decide_register};
use futures_util::future::join_all;
use store::{Account, NewUser, Registered};

use crate::{Error, Tenant, UseCases, random};

impl UseCases {
    /// # Errors
    /// `registration_rate_limited`, `registration_closed`, `user_limit_reached`, `user_name_*`, `password_*`, `nickname_too_long`,
    /// `user_already_exists`, in this order; `server_busy`; faults.
    pub async fn register_user(
        &self,
        app: &Tenant,
        registrant: Registrant,
        command: Register,
    ) -> Result<Arc<Account>, Error> {
        self.register_as(app, registrant, command, false).await
    }

    /// Registers an administrator: a user in whose name back ends speak, and whom nobody blocks.
    ///
    /// # Errors
    /// As [`UseCases::register_user`] for back ends.
    pub async fn register_admin(&self, app: &Tenant, command: Register) -> Result<Arc<Account>, Error> {
        self.register_as(app, Registrant::BackEnd, command, true).await
    }

    async fn register_as(
        &self,
        app: &Tenant,
        registrant: Registrant,
        command: Register,
        admin: bool,
    ) -> Result<Arc<Account>, Error> {
        let settings = &app.value.settings;
        // Before any look-up and any hash. Where registration is closed nobody is told to come back.
        if let Registrant::Anonymous { address: Some(address) } = registrant
            && settings.open_registration
        {
            self.admit_registration(app, address)?;
        }
        // Counting costs two reads; only an app with a limit pays them.
        let users = if settings.users_limit == 0 { 0 } else { self.store.users.count(app.value.id).await? };

        let registration = decide_register(settings, users, registrant, command)?;
        // Hashing costs milliseconds: a taken name is found out before, and decided by the commit after.
        if self.store.users.find(app.value.id, &registration.name).await?.is_some() {
            return Err(RegisterRefused::Exists { name: registration.name }.into());
        }
        let password_hash = self.passwords.hash(&registration.password).await?;

        let new = NewUser {
            name: registration.name.clone(),
            uuid: random::uuid(),
            nickname: registration.nickname,
            password_hash,
            admin,
            at: self.now(),
        };
        match self.store.users.register(app.value.id, new).await? {
            Registered::Created(account) => Ok(account),
            Registered::NameTaken => Err(RegisterRefused::Exists { name: registration.name }.into()),
        }
    }

    /// Registers several users for a back end. Each succeeds or fails alone; answers keep the order and
    /// carry the name as it came.
    ///
    /// # Errors
    /// `batch_too_large`, `user_repeated`: nobody was registered.
    pub async fn register_users(
        &self,
        app: &Tenant,
        commands: Vec<Register>,
    ) -> Result<Vec<(String, Result<Arc<Account>, Error>)>, Error> {
        let commands = decide_batch(commands)?;
        let register = async |command: Register| {
            let name = command.name.clone();
            (name, self.register_user(app, Registrant::BackEnd, command).await)
        };
        Ok(join_all(commands.into_iter().map(register)).await)
    }
}
