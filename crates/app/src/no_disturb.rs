//! Do-not-disturb: what a user has set, and changes of it.

use conditions::Condition;
use domain::no_disturb::{NamedGroup, NamedUser, NoDisturb, NoDisturbChange, Scope, decide_no_disturb};
use model::GroupKind;

use crate::{Error, TRIES, Tenant, UseCases};

/// A change as it came: names of users, ids of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetNoDisturb {
    pub add_users: Vec<String>,
    pub remove_users: Vec<String>,
    pub add_groups: Vec<String>,
    pub remove_groups: Vec<String>,
    pub global: Option<bool>,
}

impl UseCases {
    /// What a user has set.
    ///
    /// # Errors
    /// `user_not_found`; faults.
    pub async fn no_disturb(&self, app: &Tenant, user: &str) -> Result<NoDisturb, Error> {
        let account = self.get_user(app, user).await?;
        Ok(self.store.no_disturb.get(app.value.id, account.user.uid).await?.settings)
    }

    /// Changes it, all or nothing. A refusal comes with what it is about, since vendors have numbers for each; `None` for
    /// one that is about the call as a whole.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_no_disturb`]; faults.
    pub async fn set_no_disturb(
        &self,
        app: &Tenant,
        user: &str,
        command: &SetNoDisturb,
    ) -> Result<(), (Error, Option<Scope>)> {
        let whole = |error: Error| (error, None);
        let id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await.map_err(whole)?;
            let uid = account.user.uid;
            let change = NoDisturbChange {
                add_users: self.named_users(app, &command.add_users).await.map_err(whole)?,
                remove_users: self.named_users(app, &command.remove_users).await.map_err(whole)?,
                add_groups: self.named_groups(app, uid, &command.add_groups).await.map_err(whole)?,
                remove_groups: self.named_groups(app, uid, &command.remove_groups).await.map_err(whole)?,
                global: command.global,
            };
            let fault = |error: store::StoreError| whole(error.into());
            let stored = self.store.no_disturb.get(id, uid).await.map_err(fault)?;

            let decided = decide_no_disturb(&stored.settings, &change);
            let next = decided.map_err(|refused| {
                let scope = refused.scope();
                (Error::from(refused), Some(scope))
            })?;

            if self.store.no_disturb.write(id, &account, &stored, &next).await.map_err(fault)? {
                return Ok(());
            }
            self.store.users.forget(id, uid);
        }
        Err(whole(Error::plain(Condition::WriteConflict)))
    }

    async fn named_users(&self, app: &Tenant, names: &[String]) -> Result<Vec<NamedUser>, Error> {
        let numbers = self.numbers_of(app, names).await?;
        Ok(names.iter().cloned().zip(numbers).collect())
    }

    async fn named_groups(
        &self,
        app: &Tenant,
        uid: model::Uid,
        names: &[String],
    ) -> Result<Vec<NamedGroup>, Error> {
        let mut named = Vec::with_capacity(names.len());
        for name in names {
            let found = self.find_any_group(app, name).await?;
            let found = found.filter(|found| found.group.kind == GroupKind::Group);
            let is_member = match &found {
                Some(found) => self.member(app, &found.group, uid).await?.is_some(),
                None => false,
            };
            named.push(NamedGroup { name: name.clone(), id: found.map(|found| found.group.id), is_member });
        }
        Ok(named)
    }
}
