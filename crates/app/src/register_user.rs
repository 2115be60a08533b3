//! Registers users.

use std::sync::Arc;

use domain::account::{Register, RegisterRefused, Registrant, decide_batch, decide_register};
use futures_util::future::join_all;
use store::{Account, NewUser, Registered};

use crate::{Error, Password, Tenant, UseCases, random};

/// What a registration is besides its command.
#[derive(Clone, Copy, Debug, Default)]
struct How {
    admin: bool,
    /// The password is its digest.
    is_digest: bool,
}

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
        self.register_as(app, registrant, command, How::default()).await
    }

    /// Registers an administrator: a user in whose name back ends speak, and whom nobody blocks.
    ///
    /// # Errors
    /// As [`UseCases::register_user`] for back ends.
    pub async fn register_admin(&self, app: &Tenant, command: Register) -> Result<Arc<Account>, Error> {
        self.register_as(app, Registrant::BackEnd, command, How { admin: true, ..How::default() }).await
    }

    /// As [`UseCases::register_user`], where the command has not the password but its digest in hexadecimal digits
    /// ([`Password::Digest`]).
    ///
    /// # Errors
    /// As there.
    pub async fn register_by_digest(
        &self,
        app: &Tenant,
        registrant: Registrant,
        command: Register,
    ) -> Result<Arc<Account>, Error> {
        self.register_as(app, registrant, command, How { is_digest: true, ..How::default() }).await
    }

    async fn register_as(
        &self,
        app: &Tenant,
        registrant: Registrant,
        command: Register,
        How { admin, is_digest }: How,
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
        let text = registration.password.as_str();
        let password = if is_digest { Password::Digest(text) } else { Password::Plain(text) };
        let password_hash = self.passwords.hash(password).await?;

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
