//! A request that passed all checks which come before the route's own: what handlers work with.

use std::sync::Arc;

use app::{Error, Tenant, UseCases};
use axum::body::Body;
use conditions::Condition;
use http::HeaderMap;
use model::SettingNews;
use parking_lot::Mutex;
use serde_json::Value;

use super::Site;
use super::query::Query;
use crate::web::page_device;

pub(crate) struct Call {
    pub(crate) site: Arc<Site>,
    pub(crate) tenant: Tenant,
    /// What the path has in its places.
    pub(crate) names: Vec<(&'static str, String)>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    /// `Null` unless the route reads one.
    pub(crate) body: Value,
    /// There for a route that reads the body itself, until it takes it.
    pub(crate) stream: Mutex<Option<Body>>,
}

impl Call {
    pub(crate) fn use_cases(&self) -> &UseCases {
        &self.site.use_cases
    }

    /// What the path has in a place; empty where it has no such place.
    pub(crate) fn name(&self, place: &str) -> &str {
        self.names.iter().find(|(name, _)| *name == place).map_or("", |(_, value)| value)
    }

    /// The app's key, as answers show it.
    pub(crate) fn app_key(&self) -> &str {
        self.tenant.value.jmessage.as_ref().map_or("", |face| face.key.as_str())
    }

    /// Tells the page of the user whom the path names what was changed for him.
    ///
    /// # Errors
    /// Faults.
    pub(crate) async fn tell(&self, news: SettingNews) -> Result<(), Error> {
        self.use_cases().tell_setting(&self.tenant, self.user(), &page_device(), news).await
    }

    /// A group as a page is told of it: its id and name.
    ///
    /// # Errors
    /// Faults.
    pub(crate) async fn group_named(&self, id: &str) -> Result<(String, String), Error> {
        let found = self.use_cases().find_any_group(&self.tenant, id).await?;
        Ok((id.to_owned(), found.map(|found| found.group.name.clone()).unwrap_or_default()))
    }

    /// The user whom the path names, as written.
    pub(crate) fn user(&self) -> &str {
        self.name("user")
    }
}

/// `argument_invalid` for an argument of the call.
pub(crate) fn invalid(name: &str) -> Error {
    Error::refused(Condition::ArgumentInvalid, vec![("name", name.to_owned())])
}

/// `argument_missing` for an argument of the call.
pub(crate) fn missing(name: &str) -> Error {
    Error::refused(Condition::ArgumentMissing, vec![("name", name.to_owned())])
}
