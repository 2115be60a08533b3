//! What users set for pushes: bound devices, quiet times, language, and how they are read.

use std::sync::Arc;

use conditions::Condition;
use domain::Refusal as _;
use domain::account::decide_nickname;
use domain::push::{
    Bind, PushChange, PushProfile, PushRefused, Silence, SilenceChange, SilenceOf, decide_bind,
    decide_language, decide_push_change, decide_silence,
};
use model::{ConversationKind, GroupKind, News, SilenceNews};
use store::{Account, PushRecord, Written};

use crate::event_log::ActingDevice;
use crate::{Error, TRIES, Tenant, UseCases};

/// What a quiet time is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceTarget<'a> {
    Everything,
    User(&'a str),
    Group(&'a str),
}

/// Names that one call gives to users' pushes.
const NICKNAMES_LIMIT: usize = 50;

impl UseCases {
    /// A user and what he set.
    ///
    /// # Errors
    /// `service_not_enabled`, `user_not_found`; faults.
    pub async fn push_profile(&self, app: &Tenant, user: &str) -> Result<(Arc<Account>, PushProfile), Error> {
        check_enabled(app)?;
        let account = self.get_user(app, user).await?;
        let mut stored = self.store.pushes.get(app.value.id, &[account.user.uid]).await?;
        Ok((account, stored.pop().unwrap_or_default().profile))
    }

    /// Binds a device to a token, or unbinds it.
    ///
    /// # Errors
    /// As [`UseCases::push_profile`], and those of [`decide_bind`].
    pub async fn bind_push(
        &self,
        app: &Tenant,
        user: &str,
        bind: &Bind,
    ) -> Result<(Arc<Account>, PushProfile), Error> {
        let notifiers = app.value.push_notifiers();
        self.change_profile(app, user, |profile| decide_bind(profile, bind, &notifiers)).await
    }

    /// Changes the old settings.
    ///
    /// # Errors
    /// As [`UseCases::push_profile`], and those of [`decide_push_change`].
    pub async fn change_push(
        &self,
        app: &Tenant,
        user: &str,
        change: &PushChange,
    ) -> Result<(Arc<Account>, PushProfile), Error> {
        self.change_profile(app, user, |profile| decide_push_change(profile, change)).await
    }

    /// Sets the language of pushes.
    ///
    /// # Errors
    /// As [`UseCases::push_profile`], and those of [`decide_language`].
    pub async fn set_push_language(&self, app: &Tenant, user: &str, language: &str) -> Result<(), Error> {
        self.change_profile(app, user, |profile| decide_language(profile, language)).await.map(drop)
    }

    /// Gives names for pushes, all or none.
    ///
    /// # Errors
    /// `service_not_enabled`, `argument_missing`, `batch_too_large`, `nickname_too_long`, `user_not_found`; faults.
    pub async fn set_push_nicknames(&self, app: &Tenant, names: &[(String, String)]) -> Result<(), Error> {
        check_enabled(app)?;
        if names.is_empty() {
            return Err(Error::refused(Condition::ArgumentMissing, vec![("name", "username".to_owned())]));
        }
        if names.len() > NICKNAMES_LIMIT {
            let facts = vec![("size", names.len().to_string()), ("limit", NICKNAMES_LIMIT.to_string())];
            return Err(Error::refused(Condition::BatchTooLarge, facts));
        }
        for (user, nickname) in names {
            decide_nickname(Some(nickname)).map_err(|refused| {
                let facts = vec![("user", domain::account::printable(user))];
                Error::refused(refused.condition(), facts)
            })?;
            self.get_user(app, user).await?;
        }
        for (user, nickname) in names {
            self.set_nickname(app, user, nickname).await?;
        }
        Ok(())
    }

    /// Changes when and by what a user is woken, and tells his other devices.
    ///
    /// # Errors
    /// As [`UseCases::push_profile`]; `user_not_found` and `group_not_found` for what it is for; those of
    /// [`decide_silence`].
    pub async fn set_silence(
        &self,
        app: &Tenant,
        user: &str,
        target: SilenceTarget<'_>,
        change: &SilenceChange,
        device: Option<&ActingDevice>,
    ) -> Result<Silence, Error> {
        check_enabled(app)?;
        let app_id = app.value.id;
        let target = self.silence_of(app, target).await?;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let uid = account.user.uid;
            let stored = self.store.pushes.get(app_id, &[uid]).await?.pop().unwrap_or_default();
            let now = self.now();

            let of = target.as_ref().map(|(of, name)| (*of, name.as_str()));
            let profile = decide_silence(&stored.profile, of, change, now)?;
            let silence = of.map_or(profile.silence, |(of, _)| profile.silence_of(of));

            let conversation = target.as_ref().map(|(of, name)| match of {
                SilenceOf::User(_) => (ConversationKind::Single, name.clone()),
                SilenceOf::Group(_) => (ConversationKind::Group, name.clone()),
            });
            let news = News::Silence(SilenceNews {
                conversation,
                level: silence.level.name().to_owned(),
                until: silence.until,
                interval: silence.interval.map(|interval| interval.to_string()),
                is_set: silence.is_set(now),
            });
            let events = vec![self.own_event(&account.user, device, news, now).await?];
            match self.store.pushes.write(app_id, &account, &stored, &profile, &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(silence);
                }
                Written::FactsMoved => self.store.users.forget(app_id, uid),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// What a user set for everything or a conversation. Somebody or something that is not there has no settings.
    ///
    /// # Errors
    /// As [`UseCases::push_profile`]; faults.
    pub async fn silences(
        &self,
        app: &Tenant,
        user: &str,
        targets: &[SilenceTarget<'_>],
    ) -> Result<Vec<Silence>, Error> {
        let (_, profile) = self.push_profile(app, user).await?;
        let mut silences = Vec::with_capacity(targets.len());
        for target in targets {
            silences.push(match self.silence_of(app, *target).await {
                Ok(None) => profile.silence,
                Ok(Some((of, _))) => profile.silence_of(of),
                Err(error) if error.condition().kind().is_fault() => return Err(error),
                Err(_) => Silence::default(),
            });
        }
        Ok(silences)
    }

    /// What was decided for a user's devices, the latest first.
    ///
    /// # Errors
    /// `user_not_found`; faults.
    pub async fn push_records(
        &self,
        app: &Tenant,
        user: &str,
        limit: usize,
    ) -> Result<Vec<PushRecord>, Error> {
        let account = self.get_user(app, user).await?;
        Ok(self.store.pushes.records(app.value.id, account.user.uid, limit).await?)
    }

    async fn silence_of(
        &self,
        app: &Tenant,
        target: SilenceTarget<'_>,
    ) -> Result<Option<(SilenceOf, String)>, Error> {
        Ok(match target {
            SilenceTarget::Everything => None,
            SilenceTarget::User(name) => {
                let peer = self.get_user(app, name).await?;
                Some((SilenceOf::User(peer.user.uid.0), peer.user.name.to_string()))
            }
            SilenceTarget::Group(name) => {
                let group = self.find_any_group(app, name).await?;
                let group = group.filter(|stored| stored.group.kind != GroupKind::Room);
                let group = group.ok_or_else(|| {
                    let name = domain::account::printable(name);
                    Error::refused(Condition::GroupNotFound, vec![("group", name)])
                })?;
                Some((SilenceOf::group(group.group.id), group.group.public_id.to_string()))
            }
        })
    }

    pub(crate) async fn change_profile(
        &self,
        app: &Tenant,
        user: &str,
        decide: impl Fn(&PushProfile) -> Result<PushProfile, PushRefused>,
    ) -> Result<(Arc<Account>, PushProfile), Error> {
        check_enabled(app)?;
        let app_id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let uid = account.user.uid;
            let stored = self.store.pushes.get(app_id, &[uid]).await?.pop().unwrap_or_default();

            let profile = decide(&stored.profile)?;

            if profile == stored.profile {
                return Ok((account, profile));
            }
            match self.store.pushes.write(app_id, &account, &stored, &profile, &[]).await? {
                Written::Done(_) => return Ok((account, profile)),
                Written::FactsMoved => self.store.users.forget(app_id, uid),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }
}

pub(crate) fn check_enabled(app: &Tenant) -> Result<(), Error> {
    if app.value.settings.push_enabled {
        return Ok(());
    }
    Err(Error::refused(Condition::ServiceNotEnabled, vec![("feature", "push".to_owned())]))
}
