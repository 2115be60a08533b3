//! Which calls share a rate (easemob-rest.md 6.2).

use conditions::Operation;
use domain::rate::CallClass;
use http::Method;

use super::routes::Route;

pub(crate) fn class_of(route: &Route) -> CallClass {
    match (route.operation, &route.method, route.path) {
        (Operation::Token, ..) => CallClass::Token,
        (Operation::UserDelete, _, "/users") => CallClass::UserDeletion,
        (Operation::UserStatus, &Method::POST, _)
        | (_, &Method::GET, "/chatrooms" | "/users/{user}/joined_chatrooms")
        | (
            Operation::Presence
            | Operation::PresenceSubscribe
            | Operation::PresenceQuery
            | Operation::PresenceUnsubscribe
            | Operation::BlockAdd
            | Operation::BlockRemove
            | Operation::ChatroomCreate,
            ..,
        ) => CallClass::LookUp,
        _ => CallClass::Other,
    }
}
