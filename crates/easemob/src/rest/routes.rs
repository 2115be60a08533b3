//! The table of what is served: method, path, who may call, what is read, and the function that answers.
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
use super::{sessions, token, users};

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
}

pub(crate) static ROUTES: [Route; 18] = {
    use Operation as Op;
    use Reads::{Json, Nothing};
    use Who::{Anybody, AnybodyOrBackEnd, BackEnd, BackEndOrOwner, Owner};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PUT: Method = Method::PUT;
    const DELETE: Method = Method::DELETE;
    [
        // Tokens
        route(POST, "/token", Anybody, Json, Op::Token, |call| Box::pin(token::issue(call))),
        route(GET, "/sdk/users/{user}/token/expires", Owner, Nothing, Op::Token, |call| {
            Box::pin(token::expiry(call))
        }),
        // Accounts
        route(POST, "/users", AnybodyOrBackEnd, Json, Op::UserRegister, |call| {
            Box::pin(users::register(call))
        }),
        route(GET, "/users", BackEnd, Nothing, Op::UserList, |call| Box::pin(users::list(call))),
        route(DELETE, "/users", BackEnd, Nothing, Op::UserDelete, |call| Box::pin(users::delete_page(call))),
        route(GET, "/users/{user}", BackEndOrOwner, Nothing, Op::UserGet, |call| Box::pin(users::get(call))),
        route(PUT, "/users/{user}", BackEndOrOwner, Json, Op::UserUpdate, |call| {
            Box::pin(users::update(call))
        }),
        route(DELETE, "/users/{user}", BackEnd, Nothing, Op::UserDelete, |call| {
            Box::pin(users::delete(call))
        }),
        // The vendor's documents disagree about the method. A user changes his own by showing the present one.
        route(PUT, "/users/{user}/password", BackEndOrOwner, Json, Op::UserPassword, |call| {
            Box::pin(users::change_password(call))
        }),
        route(POST, "/users/{user}/password", BackEndOrOwner, Json, Op::UserPassword, |call| {
            Box::pin(users::change_password(call))
        }),
        route(POST, "/users/{user}/deactivate", BackEnd, Nothing, Op::UserActivate, |call| {
            Box::pin(users::deactivate(call))
        }),
        route(POST, "/users/{user}/activate", BackEnd, Nothing, Op::UserActivate, |call| {
            Box::pin(users::activate(call))
        }),
        // Who is connected, and with what
        route(GET, "/users/{user}/status", BackEnd, Nothing, Op::UserStatus, |call| {
            Box::pin(sessions::status(call))
        }),
        route(POST, "/users/batch/status", BackEnd, Json, Op::UserStatus, |call| {
            Box::pin(sessions::status_of_many(call))
        }),
        route(GET, "/users/{user}/resources", BackEndOrOwner, Nothing, Op::UserStatus, |call| {
            Box::pin(sessions::devices(call))
        }),
        route(GET, "/users/{user}/disconnect", BackEnd, Nothing, Op::UserDisconnect, |call| {
            Box::pin(sessions::disconnect_all(call))
        }),
        // The vendor's Java library sends GET to the path that is documented with DELETE.
        route(
            GET,
            "/users/{user}/disconnect/{resource}",
            BackEndOrOwner,
            Nothing,
            Op::UserDisconnect,
            |call| Box::pin(sessions::disconnect_one(call)),
        ),
        route(
            DELETE,
            "/users/{user}/disconnect/{resource}",
            BackEndOrOwner,
            Nothing,
            Op::UserDisconnect,
            |call| Box::pin(sessions::disconnect_one(call)),
        ),
    ]
};

const fn route(
    method: Method,
    path: &'static str,
    who: Who,
    reads: Reads,
    operation: Operation,
    run: fn(Call) -> Running,
) -> Route {
    Route { method, path, who, reads, operation, run }
}
