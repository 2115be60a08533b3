// Generated from catalog/ by `cargo xtask codegen`. Do not edit.

use crate::{Condition, MsyncAnswer};

/// Sorted by condition.
pub(crate) static LOGIN: [MsyncAnswer; 22] = [
    MsyncAnswer { condition: Some(Condition::AppDisabled), code: 12, reason: "Service operation not allowed", web_type: 57, agora_type: 57, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::AppNotFound), code: 4, reason: "Could not find application for {org}/{app}", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ArgumentMissing), code: 3, reason: "{name} is missing", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::AuthenticationFailed), code: 1, reason: "Sorry, token or password does not match login info", web_type: 28, agora_type: 28, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::BoundToOtherDevice), code: 11, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::CommandUnknown), code: 9, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ConnectionLimitReached), code: 7, reason: "Sorry, the app online count limit", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::CredentialsMissing), code: 1, reason: "Sorry, token or password does not match login info", web_type: 28, agora_type: 28, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::CredentialsWrong), code: 1, reason: "Sorry, token or password does not match login info", web_type: 28, agora_type: 28, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::DailyUserLimitReached), code: 7, reason: "Sorry, the app day live count limit", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::DeviceChanged), code: 20, reason: "{meaning}", web_type: 220, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::FrameMalformed), code: 10, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MonthlyUserLimitReached), code: 7, reason: "Sorry, the app month live count limit", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::OnlineLimitReached), code: 7, reason: "Sorry, the app online count limit", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::RegistrationRateLimited), code: 1, reason: "Sorry, user register rate limit", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ServiceNotEnabled), code: 12, reason: "Service operation not allowed", web_type: 57, agora_type: 57, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::TokenExpired), code: 1, reason: "Sorry, token expired", web_type: 56, agora_type: 56, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::TooManyDevices), code: 13, reason: "{meaning}", web_type: 214, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserBanned), code: 2, reason: "user not activated", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserLimitReached), code: 1, reason: "Sorry, user register limit", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserNotFound), code: 1, reason: "Sorry, user not found", web_type: 204, agora_type: 204, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserRemoved), code: 1, reason: "Sorry, user not found", web_type: 204, agora_type: 204, close_unanswered: false },
];

/// In the order of `Kind`.
pub(crate) static LOGIN_BY_KIND: [MsyncAnswer; 11] = [
    MsyncAnswer { condition: None, code: 0, reason: "", web_type: 0, agora_type: 0, close_unanswered: false },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: None, code: 2, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: None, code: 7, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: None, code: 14, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
    MsyncAnswer { condition: None, code: 1, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: true },
    MsyncAnswer { condition: None, code: 1, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: true },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: None, code: 2, reason: "{meaning}", web_type: 2, agora_type: 2, close_unanswered: false },
];

/// Sorted by condition.
pub(crate) static SEND: [MsyncAnswer; 44] = [
    MsyncAnswer { condition: Some(Condition::BlockedByChatroom), code: 1, reason: "can not join this group, reason: user {user} is in the blacklist", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::BlockedByGroup), code: 1, reason: "can not join this group, reason: user {user} is in the blacklist", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::BlockedByRecipient), code: 1, reason: "blocked", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::BlockedByWebhook), code: 19, reason: "{reason}", web_type: 502, agora_type: 502, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ChatroomFull), code: 1, reason: "group member list is full!", web_type: 704, agora_type: 704, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ChatroomIdInvalid), code: 1, reason: "group ID illegal, please check it", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ChatroomNotFound), code: 1, reason: "grpID {room} does not exist!", web_type: 705, agora_type: 705, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ChatroomQuotaExceeded), code: 1, reason: "user {user} has joined too many chatrooms!", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::CommandUnknown), code: 9, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::DirectedLimitExceeded), code: 1, reason: "limit directed users", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::EditDisabled), code: 1, reason: "Sorry, edit is not available", web_type: 505, agora_type: 505, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::EditLimitReached), code: 1, reason: "Sorry, edit limit reached", web_type: 50, agora_type: 50, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::EditNotPermitted), code: 1, reason: "Sorry, You do not have permission", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::EditUnsupportedType), code: 1, reason: "Sorry, format is incorrect", web_type: 1303, agora_type: 1303, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::FrameMalformed), code: 10, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::GroupDisabled), code: 1, reason: "group is disabled", web_type: 608, agora_type: 608, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::GroupIdInvalid), code: 1, reason: "group ID illegal, please check it", web_type: -3, agora_type: -3, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::GroupNotFound), code: 1, reason: "group not found", web_type: 605, agora_type: 605, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::GroupReceiptNotPermitted), code: 1, reason: "group ack msg permission denied", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::GroupReceiptRateLimited), code: 1, reason: "limit send group ack msg", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::GroupReceiptsDisabled), code: 1, reason: "group ack not open", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MessageContentRejected), code: 7, reason: "sensitive words", web_type: 501, agora_type: 501, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MessageEditFailed), code: 1, reason: "Sorry, edit fail", web_type: 1304, agora_type: 1304, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MessageExpired), code: 1, reason: "the message has expired", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MessageModerated), code: 1, reason: "{\"error_type\":\"moderation\"}", web_type: 508, agora_type: 508, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MessageNotFound), code: 1, reason: "Sorry, message does not exist", web_type: 1302, agora_type: 1302, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MessageTooLarge), code: 7, reason: "Sorry, data is too large", web_type: 511, agora_type: 511, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MutedGlobally), code: 7, reason: "user is mute", web_type: 219, agora_type: 219, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::MutedInConversation), code: 15, reason: "{meaning}", web_type: 507, agora_type: 507, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::NotFriends), code: 1, reason: "nonroster", web_type: 221, agora_type: 221, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::NotInAllowlist), code: 1, reason: "not in group or chatroom white list", web_type: 506, agora_type: 506, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::NotInChatroom), code: 1, reason: "not in group or chatroom", web_type: 602, agora_type: 602, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::NotInGroup), code: 1, reason: "not in group or chatroom", web_type: 602, agora_type: 602, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::PermissionDenied), code: 1, reason: "Sorry, You do not have permission", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::RateLimited), code: 7, reason: "traffic limit", web_type: 509, agora_type: 509, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::RecallDisabled), code: 1, reason: "message recall disabled", web_type: 505, agora_type: 505, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::RecallNotPermitted), code: 1, reason: "no permission to recall message", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::RecallWindowPassed), code: 1, reason: "exceed recall time limit", web_type: 504, agora_type: 504, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::RoamingDisabled), code: 1, reason: "roaming is not open", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::ServiceNotEnabled), code: 1, reason: "Sorry, edit is not available", web_type: 505, agora_type: 505, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserBanned), code: 1, reason: "blocked", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserNotFound), code: 1, reason: "username {user} doesn't exist!", web_type: 204, agora_type: 204, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::WebhookDenied), code: 19, reason: "custom logic denied", web_type: 502, agora_type: 502, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::WebhookFailed), code: 19, reason: "custom internal error", web_type: 502, agora_type: 502, close_unanswered: false },
];

/// In the order of `Kind`.
pub(crate) static SEND_BY_KIND: [MsyncAnswer; 11] = [
    MsyncAnswer { condition: None, code: 0, reason: "", web_type: 0, agora_type: 0, close_unanswered: false },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: None, code: 2, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: None, code: 1, reason: "Sorry, You do not have permission", web_type: 603, agora_type: 603, close_unanswered: false },
    MsyncAnswer { condition: None, code: 1, reason: "Sorry, message does not exist", web_type: 1302, agora_type: 1302, close_unanswered: false },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: None, code: 14, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: None, code: 1, reason: "{meaning}", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: None, code: 1, reason: "{meaning}", web_type: 503, agora_type: 503, close_unanswered: false },
    MsyncAnswer { condition: None, code: 4, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
    MsyncAnswer { condition: None, code: 2, reason: "{meaning}", web_type: 604, agora_type: 604, close_unanswered: false },
];

/// Sorted by condition.
pub(crate) static LOGOUT: [MsyncAnswer; 7] = [
    MsyncAnswer { condition: Some(Condition::AppDisabled), code: 4, reason: "{meaning}", web_type: 217, agora_type: 217, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::KickedByDevice), code: 4, reason: "{meaning}", web_type: 217, agora_type: 217, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::KickedByNewLogin), code: 2, reason: "{reason}", web_type: 206, agora_type: 206, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::KickedByPasswordChange), code: 3, reason: "{meaning}", web_type: 216, agora_type: 216, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::TokenRevoked), code: 4, reason: "{meaning}", web_type: 217, agora_type: 217, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserBanned), code: 4, reason: "{meaning}", web_type: 217, agora_type: 217, close_unanswered: false },
    MsyncAnswer { condition: Some(Condition::UserRemoved), code: 1, reason: "{meaning}", web_type: 207, agora_type: 207, close_unanswered: false },
];
