//! Applications and invitations, and their answers.

use domain::group::{
    Answered, Asked, GroupRefused, RequestKind, decide_answer_application, decide_answer_invitation,
    decide_apply, decide_come_in, decide_invite, decide_join,
};

use super::{By, Decided};
use crate::{Error, Tenant, UseCases};

impl UseCases {
    /// A user wants in. `true`: he is; `false`: owner and admins were asked.
    ///
    /// # Errors
    /// Those of [`decide_join`]; faults.
    pub async fn join_group(&self, app: &Tenant, by: &By, group: &str, reason: &str) -> Result<bool, Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(account) = by.account.clone() else { return Err(GroupRefused::RankTooLow.into()) };
            let accounts = vec![account];
            let candidate = self.candidates(app, group, &accounts).await?.remove(0);
            Ok(match decide_join(&app.value.settings, group, &candidate, reason, now)? {
                Asked::Joined(change) => Decided::with(change, accounts, true),
                Asked::Waits(change) => Decided::with(change, accounts, false),
            })
        })
        .await
    }

    /// As [`UseCases::join_group`], refused while an application of the user's waits.
    ///
    /// # Errors
    /// Those of [`decide_apply`]; faults.
    pub async fn apply_to_group(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        reason: &str,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(account) = by.account.clone() else { return Err(GroupRefused::RankTooLow.into()) };
            let (id, uid, accounts) = (app.value.id, account.user.uid, vec![account]);
            let candidate = self.candidates(app, group, &accounts).await?.remove(0);
            let waiting = self.store.groups.request(id, group.id, RequestKind::Application, uid).await?;
            let asked = decide_apply(&app.value.settings, group, &candidate, waiting.as_ref(), reason, now)?;
            let (Asked::Joined(change) | Asked::Waits(change)) = asked;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }

    /// A user comes into an open group.
    ///
    /// # Errors
    /// Those of [`decide_come_in`]; faults.
    pub async fn come_into_group(&self, app: &Tenant, by: &By, group: &str) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let Some(account) = by.account.clone() else { return Err(GroupRefused::RankTooLow.into()) };
            let accounts = vec![account];
            let candidate = self.candidates(app, &stored.group, &accounts).await?.remove(0);
            let change = decide_come_in(&app.value.settings, &stored.group, &candidate, now)?;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }

    /// Answers an application.
    ///
    /// # Errors
    /// Those of [`decide_answer_application`]; faults.
    pub async fn answer_application(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        applicant: &str,
        answer: Answered<'_>,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let accounts = self.accounts(app, &[applicant.to_owned()]).await?;
            let candidate = self.candidates(app, group, &accounts).await?.remove(0);
            let (id, uid) = (app.value.id, candidate.person.uid);
            let request = self.store.groups.request(id, group.id, RequestKind::Application, uid).await?;
            let settings = &app.value.settings;
            let request = request.as_ref();
            let change =
                decide_answer_application(settings, group, &actor, &candidate, request, answer, now)?;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }

    /// Invites one user, or takes him in where nobody has to agree.
    ///
    /// # Errors
    /// `member_not_registered`; those of [`decide_invite`]; faults.
    pub async fn invite_member(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        name: &str,
        reason: &str,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, actor, now| async move {
            let group = &stored.group;
            let accounts = self.accounts(app, &[name.to_owned()]).await?;
            let candidate = self.candidates(app, group, &accounts).await?.remove(0);
            let change = decide_invite(&app.value.settings, group, &actor, &candidate, reason, now)?;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }

    /// Invites several users, each for himself.
    ///
    /// # Errors
    /// As [`UseCases::remove_members`].
    pub async fn invite_members(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        names: &[String],
        reason: &str,
    ) -> Result<Vec<super::Outcome>, Error> {
        self.for_each(app, group.into(), names, move |name| async move {
            self.invite_member(app, by, group, &name, reason).await
        })
        .await
    }

    /// An invited user answers.
    ///
    /// # Errors
    /// Those of [`decide_answer_invitation`]; faults.
    pub async fn answer_invitation(
        &self,
        app: &Tenant,
        by: &By,
        group: &str,
        answer: Answered<'_>,
    ) -> Result<(), Error> {
        self.change_group(app, by, group, move |stored, _, now| async move {
            let group = &stored.group;
            let Some(account) = by.account.clone() else { return Err(GroupRefused::RankTooLow.into()) };
            let accounts = vec![account];
            let candidate = self.candidates(app, group, &accounts).await?.remove(0);
            let (id, uid) = (app.value.id, candidate.person.uid);
            let request = self.store.groups.request(id, group.id, RequestKind::Invitation, uid).await?;
            let settings = &app.value.settings;
            let change =
                decide_answer_invitation(settings, group, &candidate, request.as_ref(), answer, now)?;
            Ok(Decided::with(change, accounts, ()))
        })
        .await
    }
}
