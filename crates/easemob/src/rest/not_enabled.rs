//! What is not served yet: families of the API known by their paths, and paths that nobody knows.
//!
//! A family answers as the vendor does when it is off for an app, each in its own words (easemob-rest.md 4.3), to
//! callers who show a valid token. When a family gets its routes, its line here goes.

use app::{Error, Tenant};
use conditions::{Condition, Operation};
use http::request::Parts;

use super::call::{PathNames, RequestLine};
use super::failure::Failure;
use super::routes::Who;
use super::serve::PATH_CHARS_IN_ERRORS;
use super::{Site, auth};

/// A family: `paths` hold one `*` for a segment, and `**` at the end for any rest.
struct Family {
    paths: &'static [&'static str],
    condition: Condition,
    operation: Option<Operation>,
    /// Put into the text of families that have no words of their own.
    feature: &'static str,
    who: Who,
}

/// The first that fits counts.
static FAMILIES: &[Family] = {
    use Operation as Op;
    const OFF: Condition = Condition::ServiceNotEnabled;
    &[
        family(&["/messages/**"], OFF, None, "message"),
        family(&["/chatmessages/**"], OFF, None, "chat message history"),
        family(&["/translate/**"], OFF, Some(Op::Translate), "translate"),
        // The paths of clients, which know a 503 as a busy server.
        family(&["/users/*/translate/**"], OFF, None, "translate"),
        // Stands below /api/sdk, before the app's names.
        family(&["/v1/*/*/speech/**"], OFF, None, "speech"),
        family(&["/chatrooms/**"], OFF, None, "chatroom"),
        family(&["/push/**", "/notification/**"], OFF, None, "push"),
        family(
            &["/moderation/**", "/user/*/moderation/**", "/users/*/token/rtc", "/rtc_mapper/**"],
            OFF,
            None,
            "value-added",
        ),
    ]
};

const fn family(
    paths: &'static [&'static str],
    condition: Condition,
    operation: Option<Operation>,
    feature: &'static str,
) -> Family {
    Family { paths, condition, operation, feature, who: Who::Member }
}

/// Why a path outside the table of routes is refused.
pub(crate) async fn refuse(
    site: &Site,
    tenant: &Tenant,
    names: &PathNames,
    parts: &Parts,
    line: &RequestLine,
) -> Failure {
    let Some(family) = FAMILIES.iter().find(|family| family.paths.iter().any(|path| fits(path, &line.path)))
    else {
        return route_not_found(parts).into();
    };
    if let Err(refused) =
        auth::admit(site, tenant, family.who, auth::bearer(&parts.headers), &names.user).await
    {
        return refused.into();
    }
    let error = Error::refused(family.condition, vec![("feature", family.feature.to_owned())]);
    match family.operation {
        Some(operation) => Failure::of(error, operation),
        None => error.into(),
    }
}

fn route_not_found(parts: &Parts) -> Error {
    let path = parts.uri.path().chars().take(PATH_CHARS_IN_ERRORS).collect();
    Error::refused(Condition::RouteNotFound, vec![("path", path)])
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        if expected == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if expected == segment || (expected == "*" && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_hold_one_segment_or_any_rest() {
        assert!(fits("/chatgroups/**", "/chatgroups"));
        assert!(fits("/chatgroups/**", "/chatgroups/1/users/li"));
        assert!(!fits("/chatgroups/**", "/chatgroups2"));
        assert!(fits("/users/*/rosters", "/users/li/rosters"));
        assert!(!fits("/users/*/rosters", "/users//rosters"));
        assert!(!fits("/users/*/rosters", "/users/li/rosters/x"));
        assert!(!fits("/users/*/rosters", "/users/li"));
    }
}
