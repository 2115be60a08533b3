//! What is served: method, path, what is read, and the function that answers. Each family has its table at the top of its
//! file, written with [`routes!`]; [`find`] looks a request up in all of them.

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
    /// From the version on; `{name}` stands for any part.
    pub(crate) path: &'static str,
    pub(crate) reads: Reads,
    /// Selects the row of the catalogue among those of one condition.
    pub(crate) operation: Operation,
    pub(crate) run: fn(Call) -> Running,
}

pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// What a route reads besides its path and query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Nothing: a body is skipped.
    Nothing,
    /// A body in JSON, whatever the method.
    Json,
    /// A body of any size, which the route reads as it comes.
    Stream,
}

/// The tables of all families. Where two rows fit a path, the first one counts.
static FAMILIES: &[&[Route]] = &[
    super::users::ROUTES,
    super::relations::ROUTES,
    super::groups::ROUTES,
    super::rooms::ROUTES,
    super::cross::ROUTES,
    super::messages::ROUTES,
    super::words::ROUTES,
    super::history::ROUTES,
    super::resources::ROUTES,
    super::statistics::ROUTES,
];

/// Everything that is served.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    FAMILIES.iter().copied().flatten()
}

/// What was found for a request.
pub(crate) enum Found {
    Route(&'static Route),
    /// The path is in the table, with other methods.
    WrongMethod,
    /// The path is not in the table.
    Unknown,
}

/// Looks a request up.
pub(crate) fn find(method: &Method, parts: &[String]) -> Found {
    // HEAD is GET without its body, which the listener leaves out.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let mut is_known = false;
    for route in all().filter(|route| fits(route.path, parts)) {
        if route.method == *method {
            return Found::Route(route);
        }
        is_known = true;
    }
    if is_known { Found::WrongMethod } else { Found::Unknown }
}

fn fits(pattern: &str, parts: &[String]) -> bool {
    let mut pieces = pattern.split('/').skip(1);
    let fit = parts.iter().all(|part| pieces.next().is_some_and(|piece| is_place(piece) || piece == part));
    fit && pieces.next().is_none()
}

fn is_place(piece: &str) -> bool {
    piece.starts_with('{')
}

/// What a path has in the places of its pattern.
pub(crate) fn names(pattern: &'static str, parts: Vec<String>) -> Vec<(&'static str, String)> {
    let pieces = pattern.split('/').skip(1);
    let named = pieces.zip(parts).filter(|(piece, _)| is_place(piece));
    named.map(|(piece, part)| (piece.trim_matches(['{', '}']), part)).collect()
}

/// A family's table: a line a route, `METHOD "path" reads operation => handler;`.
macro_rules! routes {
    ($($method:ident $path:literal $reads:ident $operation:ident => $handler:path;)+) => {
        /// What this family serves.
        pub(super) static ROUTES: &[$crate::rest::routes::Route] = &[$($crate::rest::routes::Route {
            method: http::Method::$method,
            path: $path,
            reads: $crate::rest::routes::Reads::$reads,
            operation: conditions::Operation::$operation,
            run: |call| Box::pin($handler(call)),
        },)+];
    };
}
pub(crate) use routes;
