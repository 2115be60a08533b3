//! Makes, changes and removes an app's webhooks.

use conditions::Condition;
use domain::hook::{Rule, RuleRefused, RuleSpec, Secret, decide_rule};
use model::AppKey;
use store::HookPosition;

use crate::{Error, TRIES, Tenant, UseCases, random};

impl UseCases {
    /// Adds a rule with a fresh secret. It tells what comes from now on.
    ///
    /// # Errors
    /// `app_not_found`; [`RuleRefused`]'s; faults.
    pub async fn add_hook(&self, key: &AppKey, spec: RuleSpec) -> Result<Rule, Error> {
        let rule = Rule { id: random::hex::<8>(), secret: Secret(random::hex::<16>()), spec };
        for _ in 0..TRIES {
            let app = self.app_of(key)?;
            decide_rule(&app.value.hooks, &rule.spec, None)?;

            let hooks = app.value.hooks.iter().cloned().chain([rule.clone()]).collect();
            let begins = self.begin(&app, None, &rule).await?;
            let begins = begins.map(|position| (rule.id.as_str(), position));
            if self.store.apps.set_hooks(&app, hooks, begins, None).await?.is_some() {
                return Ok(rule);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Changes a rule, which keeps its secret and, while it stays on, its place.
    ///
    /// # Errors
    /// As [`UseCases::add_hook`].
    pub async fn change_hook(&self, key: &AppKey, name: &str, spec: RuleSpec) -> Result<Rule, Error> {
        for _ in 0..TRIES {
            let app = self.app_of(key)?;
            let old = find(&app, name)?;
            decide_rule(&app.value.hooks, &spec, Some(name))?;

            let rule = Rule { spec: spec.clone(), ..old.clone() };
            let begins = self.begin(&app, Some(old), &rule).await?;
            let begins = begins.map(|position| (rule.id.as_str(), position));
            let replaced = |hook: &Rule| if hook.id == rule.id { rule.clone() } else { hook.clone() };
            let hooks = app.value.hooks.iter().map(replaced).collect();
            if self.store.apps.set_hooks(&app, hooks, begins, None).await?.is_some() {
                return Ok(rule);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Removes a rule. What it has not told is not told any more.
    ///
    /// # Errors
    /// As [`UseCases::add_hook`].
    pub async fn remove_hook(&self, key: &AppKey, name: &str) -> Result<Rule, Error> {
        for _ in 0..TRIES {
            let app = self.app_of(key)?;
            let rule = find(&app, name)?.clone();
            let hooks = app.value.hooks.iter().filter(|hook| hook.id != rule.id).cloned().collect();
            if self.store.apps.set_hooks(&app, hooks, None, Some(&rule.id)).await?.is_some() {
                return Ok(rule);
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    pub(crate) fn app_of(&self, key: &AppKey) -> Result<Tenant, Error> {
        self.find_app(key).ok_or_else(|| Error::plain(Condition::AppNotFound))
    }

    /// Where a rule begins that is switched on by this; `None` for one that is not, or was on before. What happened
    /// while a rule was off is not told.
    async fn begin(
        &self,
        app: &Tenant,
        old: Option<&Rule>,
        new: &Rule,
    ) -> Result<Option<HookPosition>, Error> {
        let was_on = old.is_some_and(Rule::follows_arrivals);
        if was_on || !new.follows_arrivals() {
            return Ok(None);
        }
        Ok(Some(self.store.hooks.heads(app.value.id).await?))
    }
}

fn find<'a>(app: &'a Tenant, name: &str) -> Result<&'a Rule, Error> {
    let found = app.value.hooks.iter().find(|hook| hook.spec.name == name);
    found.ok_or_else(|| RuleRefused::NotFound { name: name.to_owned() }.into())
}
