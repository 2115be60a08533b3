//! Templates of an app's pushes: made, changed and dropped by its back end, chosen by users.

use conditions::Condition;
use domain::push::{PushRefused, Template, decide_drop_template, decide_own_template, decide_template};

use crate::push_settings::check_enabled;
use crate::{Error, TRIES, Tenant, UseCases};

/// What becomes of a template.
#[derive(Clone, Copy, Debug)]
pub enum TemplateChange<'a> {
    Make {
        title: &'a str,
        content: &'a str,
    },
    /// Of one that is there.
    Change {
        title: &'a str,
        content: &'a str,
    },
    Drop,
}

impl UseCases {
    /// # Errors
    /// `service_not_enabled`, `push_template_not_found`; faults.
    pub async fn push_template(&self, app: &Tenant, name: &str) -> Result<Template, Error> {
        check_enabled(app)?;
        let stored = self.store.pushes.templates(app.value.id).await?;
        let found = stored.templates.into_iter().find(|template| template.name == name);
        found.ok_or_else(|| PushRefused::TemplateNotFound { name: name.to_owned() }.into())
    }

    /// Gives the template as it is then; one that is dropped as it was.
    ///
    /// # Errors
    /// `service_not_enabled`, those of [`decide_template`] and [`decide_drop_template`]; faults.
    pub async fn change_push_template(
        &self,
        app: &Tenant,
        name: &str,
        change: TemplateChange<'_>,
    ) -> Result<Template, Error> {
        check_enabled(app)?;
        for _ in 0..TRIES {
            let stored = self.store.pushes.templates(app.value.id).await?;
            let (held, now) = (&stored.templates, self.now());
            let (templates, template) = match change {
                TemplateChange::Make { title, content } => {
                    decide_template(held, name, (title, content), false, now)?
                }
                TemplateChange::Change { title, content } => {
                    decide_template(held, name, (title, content), true, now)?
                }
                TemplateChange::Drop => decide_drop_template(held, name)?,
            };
            if self.store.pushes.write_templates(app.value.id, &stored, &templates).await? {
                return Ok(template);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Chooses the template that a user's pushes are made by; an empty name is none.
    ///
    /// # Errors
    /// As [`UseCases::push_profile`], and those of [`decide_own_template`].
    pub async fn choose_push_template(&self, app: &Tenant, user: &str, name: &str) -> Result<(), Error> {
        let templates = self.store.pushes.templates(app.value.id).await?.templates;
        self.change_profile(app, user, |profile| decide_own_template(profile, &templates, name))
            .await
            .map(drop)
    }
}
