//! Sets, reads and removes user attributes.

use conditions::Condition;
use domain::attributes::{Attributes, decide_access, decide_read, decide_set};

use crate::{Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Puts attributes among a user's, and gives all that he has then.
    ///
    /// # Errors
    /// Those of [`decide_set`], `user_not_found`; faults.
    pub async fn set_attributes(
        &self,
        app: &Tenant,
        user: &str,
        given: &[(String, String)],
    ) -> Result<Attributes, Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let stored = self.store.attributes.get(id, &[account.user.uid]).await?;
            let total = self.store.attributes.total(id).await?;

            let after = decide_set(&app.value.settings, &stored[0].attributes, given, total)?;

            if self.store.attributes.write(id, &account, &stored[0], &after).await? {
                return Ok(after);
            }
            self.store.users.forget(id, account.user.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Removes a user's attributes, also when there are none, or no such user.
    ///
    /// # Errors
    /// [`domain::attributes::AttributesRefused::Off`]; faults.
    pub async fn remove_attributes(&self, app: &Tenant, user: &str) -> Result<(), Error> {
        let id = app.value.id;
        decide_access(&app.value.settings)?;
        for _ in 0..TRIES {
            let Some(account) = self.find_user(app, user).await? else { return Ok(()) };
            let stored = self.store.attributes.get(id, &[account.user.uid]).await?;
            if self.store.attributes.write(id, &account, &stored[0], &Attributes::new()).await? {
                return Ok(());
            }
            self.store.users.forget(id, account.user.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// The attributes of users, in their order: those named, or all where none are. Whoever is not there has none.
    ///
    /// # Errors
    /// Those of [`decide_read`]; faults.
    pub async fn attributes_of(
        &self,
        app: &Tenant,
        users: &[String],
        names: &[String],
    ) -> Result<Vec<Attributes>, Error> {
        decide_read(&app.value.settings, users.len())?;
        let numbers = self.numbers_of(app, users).await?;
        let known: Vec<_> = numbers.iter().flatten().copied().collect();
        let mut stored = self.store.attributes.get(app.value.id, &known).await?.into_iter();
        let mut of_one = |is_known: bool| {
            let mut attributes = if is_known { stored.next() } else { None }.unwrap_or_default().attributes;
            if !names.is_empty() {
                attributes.retain(|name, _| names.contains(name));
            }
            attributes
        };
        Ok(numbers.iter().map(|number| of_one(number.is_some())).collect())
    }

    /// Bytes that the attributes of all users have together.
    ///
    /// # Errors
    /// [`domain::attributes::AttributesRefused::Off`]; faults.
    pub async fn attribute_bytes(&self, app: &Tenant) -> Result<u64, Error> {
        decide_access(&app.value.settings)?;
        Ok(self.store.attributes.total(app.value.id).await?)
    }
}
