//! What is served: method, path, who may call, what is read, and the function that answers. Each family has its
//! table at the top of its file, written with [`routes!`]; [`all`] is all of them.
//!
//! The columns are those of easemob-rest.md 3.1 and msync.md 3.2. Whether each row holds for each kind of
//! caller is tested against a table written independently (`tests/authorisation.rs`).

use std::future::Future;
use std::pin::Pin;

use conditions::Operation;
use http::Method;

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;

/// A row of the table.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Below `/{org}/{app}`.
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    pub(crate) reads: Reads,
    /// Selects the row of the catalogue among those of one condition.
    pub(crate) operation: Operation,
    pub(crate) run: fn(Call) -> Running,
}

pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Anybody; a token that comes along is the route's to look at.
    Anybody,
    /// Anybody without a token, or the app's back end with its own.
    AnybodyOrBackEnd,
    /// The app's back end.
    BackEnd,
    /// The back end, or the user whom the path names.
    BackEndOrOwner,
    /// The user whom the path names.
    Owner,
    /// The back end, or any user of the app.
    Member,
}

/// What a route reads besides its path and query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Nothing: a body is skipped.
    Nothing,
    /// A body in JSON.
    Json,
    /// A form, or whatever a client calls it.
    Form,
    /// A body of any size, which the route reads as it comes.
    Stream,
}

/// The tables of all families, a line each, so that two who add one do not meet.
static FAMILIES: &[&[Route]] = &[
    super::token::ROUTES,
    super::users::ROUTES,
    super::sessions::ROUTES,
    super::messages::ROUTES,
    super::streams::ROUTES,
    super::imports::ROUTES,
    super::favourites::ROUTES,
    super::contacts::ROUTES,
    super::blocks::ROUTES,
    super::presence::ROUTES,
    super::attributes::ROUTES,
    super::mutes::ROUTES,
    super::recalls::ROUTES,
    super::offline::ROUTES,
    super::rooms::ROUTES,
    super::room_makers::ROUTES,
    super::room_attributes::ROUTES,
    super::room_tags::ROUTES,
    super::history_files::ROUTES,
    super::old_history::ROUTES,
    super::files::ROUTES,
    super::history::ROUTES,
    super::conversations::ROUTES,
    super::reactions::ROUTES,
    super::pins::ROUTES,
    super::rewrite::ROUTES,
    super::groups::ROUTES,
    super::group_members::ROUTES,
    super::shared_files::ROUTES,
    super::threads::ROUTES,
    super::callbacks::ROUTES,
    super::keywords::ROUTES,
    super::moderation::ROUTES,
    super::push::ROUTES,
    super::push_templates::ROUTES,
];

/// Everything that is served.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    FAMILIES.iter().copied().flatten()
}

/// A family's table: a line a route, `METHOD "path" who reads operation => handler;`.
macro_rules! routes {
    ($($method:ident $path:literal $who:ident $reads:ident $operation:ident => $handler:path;)+) => {
        /// What this family serves.
        pub(super) static ROUTES: &[$crate::rest::routes::Route] = &[$($crate::rest::routes::Route {
            method: http::Method::$method,
            path: $path,
            who: $crate::rest::routes::Who::$who,
            reads: $crate::rest::routes::Reads::$reads,
            operation: conditions::Operation::$operation,
            run: |call| Box::pin($handler(call)),
        },)+];
    };
}
pub(crate) use routes;
