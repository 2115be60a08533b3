//! What Easemob's dialect looks up: every condition has an answer, and the ones that clients compare are exact.

use conditions::{Condition, Kind, MsyncScope, Operation, Table, msync_answer, msync_logout, rest_answer};

/// The web SDKs never settle a send that is refused with code 7 and any other text.
const REASONS_WITH_CODE_7: [&str; 4] =
    ["sensitive words", "user is mute", "traffic limit", "Sorry, data is too large"];

#[test]
fn every_condition_has_a_rest_answer_for_every_operation() {
    for condition in Condition::ALL {
        for operation in [None].into_iter().chain(Operation::ALL.map(Some)) {
            let answer = rest_answer(condition, operation);
            let error = (400..600).contains(&answer.status);
            // One entry of a batch fails inside an answer that is a success.
            let inside_a_batch = operation == Some(Operation::UserRegisterBatch);
            assert!(error || inside_a_batch || condition == Condition::Success, "{condition} {operation:?}");
            assert!(!error || !answer.error.is_empty(), "{condition} {operation:?}");
            let text = answer.describe(condition, &[]);
            assert!(!text.contains("{meaning}") && !text.contains("{user}"), "{condition}: {text}");
        }
    }
}

#[test]
fn the_status_agrees_with_the_kind() {
    for condition in Condition::ALL {
        let status = rest_answer(condition, None).status;
        match condition.kind() {
            Kind::Unauthenticated => assert!([400, 401].contains(&status), "{condition}: {status}"),
            Kind::Unavailable | Kind::Internal => {
                assert!((408..600).contains(&status), "{condition}: {status}");
            }
            Kind::Success => assert_eq!(status, 200),
            _ => assert!((400..600).contains(&status) && status != 500, "{condition}: {status}"),
        }
    }
}

#[test]
fn the_token_endpoint_answers_as_documented() {
    let text = |condition, operation| {
        let answer = rest_answer(condition, Some(operation));
        (
            answer.status,
            answer.error,
            answer.describe(condition, &[("user", "li"), ("path", "o/a/token"), ("org", "o"), ("app", "a")]),
        )
    };
    use Condition as C;
    use Operation as O;
    for (condition, operation, status, error, description) in [
        (C::ClientIdMissing, O::Token, 400, "illegal_argument", "client_id must be provided."),
        (C::ClientSecretMissing, O::Token, 400, "illegal_argument", "client_secret must be provided"),
        (C::ClientIdWrong, O::Token, 400, "invalid_grant", "client_id does not match"),
        (C::ClientSecretWrong, O::Token, 400, "invalid_grant", "client_secret does not match"),
        (C::PasswordWrong, O::TokenPassword, 400, "invalid_grant", "invalid password"),
        (C::CredentialsWrong, O::TokenPassword, 400, "invalid_grant", "invalid password"),
        (C::UserBanned, O::TokenPassword, 400, "invalid_grant", "user not activated"),
        (C::UserNameInvalid, O::TokenInherit, 400, "illegal_argument", "username [li] is not legal"),
        (C::UserNameTooLong, O::TokenInherit, 400, "illegal_argument", "USERNAME_TOO_LONG"),
        (C::TokenExpired, O::TokenInherit, 401, "unauthorized", "Unable to authenticate (OAuth)"),
        (C::CredentialsMissing, O::TokenInherit, 401, "unauthorized", "Unable to authenticate (OAuth)"),
        (
            C::TokenWrongKind,
            O::TokenInherit,
            401,
            "auth_bad_access_token",
            "Unable to authenticate due to corrupt access token",
        ),
        (
            C::TokenForeign,
            O::TokenInherit,
            401,
            "auth_bad_access_token",
            "Unable to authenticate due to corrupt access token",
        ),
        (C::UserNotFound, O::TokenPassword, 404, "invalid_grant", "user not found"),
        (C::UserNotFound, O::TokenInherit, 404, "entity_not_found", "User null not found"),
        (
            C::AppNotFound,
            O::Token,
            404,
            "organization_application_not_found",
            "Could not find application for o/a from URI: o/a/token",
        ),
        (
            C::ConcurrentOperation,
            O::TokenInherit,
            409,
            "concurrent_operation_error",
            "concurrency create app user failed",
        ),
        (
            C::UserLimitReached,
            O::TokenInherit,
            429,
            "resource_limited",
            "You have exceeded the limit of the community edition,Please upgrade to the enterprise edition",
        ),
    ] {
        assert_eq!(
            text(condition, operation),
            (status, error, description.to_owned()),
            "{condition} {operation}"
        );
    }
}

#[test]
fn a_missing_user_carries_the_exception_that_the_web_sdk_looks_for() {
    let answer = rest_answer(Condition::UserNotFound, Some(Operation::UserGet));
    assert_eq!((answer.status, answer.error), (404, "service_resource_not_found"));
    assert_eq!(answer.exception, Some("UserNotFoundException"));
}

#[test]
fn a_closer_condition_answers_like_its_broader_one_where_it_has_no_row() {
    let busy = rest_answer(Condition::ServerBusy, None);
    for condition in [Condition::StorageFull, Condition::DataLost, Condition::ServerDraining] {
        assert!(std::ptr::eq(rest_answer(condition, None), busy), "{condition}");
    }
    assert_eq!(msync_answer(MsyncScope::Login, Condition::TokenForeign).web_type, 28);
}

#[test]
fn a_refused_send_never_leaves_the_web_sdk_waiting() {
    for condition in Condition::ALL {
        let answer = msync_answer(MsyncScope::Send, condition);
        if answer.code == 7 {
            assert!(REASONS_WITH_CODE_7.contains(&answer.reason), "{condition}: {}", answer.reason);
        }
        assert_eq!(answer.code == 0, condition == Condition::Success, "{condition}");
    }
}

#[test]
fn a_refused_login_says_what_the_sdk_knows() {
    for (condition, code, reason, web_type) in [
        (Condition::TokenExpired, 1, "Sorry, token expired", 56),
        (Condition::CredentialsWrong, 1, "Sorry, token or password does not match login info", 28),
        (Condition::TokenUserMismatch, 1, "Sorry, token or password does not match login info", 28),
        (Condition::UserNotFound, 1, "Sorry, user not found", 204),
        (Condition::UserLimitReached, 1, "Sorry, user register limit", 50),
        (Condition::OnlineLimitReached, 7, "Sorry, the app online count limit", 50),
    ] {
        let answer = msync_answer(MsyncScope::Login, condition);
        let found = (answer.code, answer.describe(condition, &[]), answer.web_type);
        assert_eq!(found, (code, reason.to_owned(), web_type), "{condition}");
    }
    assert_eq!(msync_answer(MsyncScope::Login, Condition::TooManyDevices).code, 13);
    assert_eq!(msync_answer(MsyncScope::Login, Condition::DeviceChanged).code, 20);
    assert_eq!(msync_answer(MsyncScope::Login, Condition::AppDisabled).code, 12);
}

#[test]
fn what_passes_by_itself_closes_the_login_so_that_the_sdk_tries_again() {
    for condition in Condition::ALL {
        let answer = msync_answer(MsyncScope::Login, condition);
        let passes = answer.condition.is_none() && condition.kind().is_fault();
        assert_eq!(answer.close_unanswered, passes, "{condition}");
    }
    assert!(msync_answer(MsyncScope::Login, Condition::StorageUnavailable).close_unanswered);
}

#[test]
fn a_forced_logout_is_told_for_what_must_not_reconnect_only() {
    let operation = |condition| msync_logout(condition).map(|answer| answer.code);
    assert_eq!(operation(Condition::UserRemoved), Some(1));
    assert_eq!(operation(Condition::KickedByNewLogin), Some(2));
    assert_eq!(operation(Condition::KickedByPasswordChange), Some(3));
    assert_eq!(operation(Condition::KickedByDevice), Some(4));
    assert_eq!(operation(Condition::SlowReader), None);
    assert_eq!(operation(Condition::ServerDraining), None);
}

#[test]
fn the_types_in_the_answers_are_types_that_the_web_sdk_has() {
    for condition in Condition::ALL {
        for answer in [msync_answer(MsyncScope::Login, condition), msync_answer(MsyncScope::Send, condition)]
        {
            let known = Table::EasemobWeb.row_of_code(answer.web_type).is_some();
            assert!(known, "{condition}: type {}", answer.web_type);
        }
    }
}
