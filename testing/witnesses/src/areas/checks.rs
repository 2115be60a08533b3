//! What the SDK refuses on the device, in the form that each vendor's apps know.

use client::checks::{Checks, DisplayStyle, Fetch, Fetches, avatar, conversation, group_id, not_in_rooms};
use client::{Content, Conversation, Said};
use conditions::Table;
use serde_json::Map;

use super::tables::{LEGACY, PRESENT, WINDOWS};
use crate::run::face_of;
use crate::witness::{Outcome, Witness};

const ANDROID: &[Table] = &[Table::JmessageAndroid];
const IOS: &[Table] = &[Table::JmessageIos];

/// A witness that asks the checks of its table's face.
macro_rules! check {
    ($tables:expr, $condition:ident, |$checks:ident, $cause:ident| $result:expr) => {
        Witness {
            tables: $tables,
            condition: ::conditions::Condition::$condition,
            operation: None,
            needs_own_server: false,
            one_sided: None,
            needs_names: None,
            run: |_, $cause| {
                Box::pin(async move {
                    let $checks = Checks::of(face_of($tables[0]));
                    Ok(Outcome::of($result))
                })
            },
            path: || concat!(module_path!(), "::WITNESSES"),
        }
    };
}

/// What needs no vendor's limits.
macro_rules! rule {
    ($tables:expr, $condition:ident, |$cause:ident| $result:expr) => {
        check!($tables, $condition, |_checks, $cause| $result)
    };
}

pub(super) const WITNESSES: &[Witness] = &[
    check!(LEGACY, UserNameInvalid, |checks, cause| checks.user_name(cause.choose("a b", "anna"))),
    check!(PRESENT, UserNameInvalid, |checks, cause| checks.user_name(cause.choose("", "anna"))),
    check!(IOS, UserNameInvalid, |checks, cause| checks.user_name(cause.choose("abc", "anna"))),
    check!(ANDROID, UserNameInvalid, |checks, cause| checks.user_name(cause.choose("_", "anna"))),
    check!(LEGACY, UserNameEmpty, |checks, cause| checks.user_name(cause.choose("", "anna"))),
    check!(LEGACY, UserNameNotAscii, |checks, cause| checks.user_name(cause.choose("小明", "anna"))),
    check!(WINDOWS, UserNameTooLong, |checks, cause| checks.user_name(&"a".repeat(cause.choose(65, 64)))),
    check!(PRESENT, PasswordInvalid, |checks, cause| checks.password(cause.choose("", "secret"))),
    check!(IOS, PasswordInvalid, |checks, cause| checks.password(cause.choose("123", "secret"))),
    check!(ANDROID, PasswordInvalid, |checks, cause| {
        checks.password(&"x".repeat(cause.choose(129, 128)))
    }),
    check!(ANDROID, DisplayNameInvalid, |checks, cause| {
        checks.display_name(cause.choose("two\nlines", "one line"))
    }),
    check!(ANDROID, InputInvalid, |checks, cause| checks.input(&"x".repeat(cause.choose(300, 30)))),
    check!(ANDROID, MessageTooLarge, |checks, cause| {
        checks.content(&Content::text("字".repeat(cause.choose(1_366, 1_000))))
    }),
    check!(LEGACY, MessageEmpty, |checks, cause| checks.content(&Content::text(cause.choose("", "hi")))),
    check!(IOS, MessageEmpty, |checks, cause| checks.content(&Content::text(cause.choose("", "hi")))),
    check!(IOS, MessageContentInvalid, |checks, cause| {
        let latitude = cause.choose(91.0, 31.0);
        let said = Said::Location { latitude, longitude: 121.0, label: String::new(), scale: None };
        checks.content(&Content { said, ext: Map::new() })
    }),
    check!(IOS, BatchTooLarge, |checks, cause| checks.users(&vec!["anna"; cause.choose(501, 500)])),
    check!(IOS, GroupFieldsInvalid, |checks, cause| {
        checks.group_fields(Some(cause.choose("", "Friends")), None)
    }),
    rule!(ANDROID, AvatarNotSet, |cause| avatar(cause.choose(None, Some("https://example.com/face")))),
    rule!(LEGACY, GroupIdEmpty, |cause| group_id(cause.choose("", "114"))),
    rule!(PRESENT, GroupIdInvalid, |cause| group_id(cause.choose("", "114"))),
    rule!(IOS, GroupIdInvalid, |cause| group_id(cause.choose("a b", "114"))),
    rule!(PRESENT, ChatroomIdInvalid, |cause| conversation("chatRoom", cause.choose("", "114"))),
    rule!(IOS, ConversationTypeUnknown, |cause| conversation(cause.choose("club", "single"), "anna")),
    rule!(IOS, ConversationUserInvalid, |cause| conversation("single", cause.choose("", "anna"))),
    rule!(IOS, ConversationGroupInvalid, |cause| conversation("group", cause.choose("", "114"))),
    rule!(IOS, ChatroomUnsupported, |cause| {
        not_in_rooms(&cause.choose(Conversation::room("7")?, Conversation::group("7")?))
    }),
    rule!(LEGACY, PushOptionInvalid, |cause| DisplayStyle::of(cause.choose(2, 1))),
    rule!(LEGACY, OperationInFlight, |cause| {
        let mut fetches = Fetches::default();
        fetches.begin(Fetch::Groups)?;
        if !cause.is_present() {
            fetches.end(Fetch::Groups, true);
        }
        fetches.begin(Fetch::Groups)
    }),
    rule!(LEGACY, ContactFetchInProgress, |cause| {
        let mut fetches = Fetches::default();
        fetches.begin(Fetch::Contacts)?;
        if !cause.is_present() {
            fetches.end(Fetch::Contacts, true);
        }
        fetches.begin(Fetch::Contacts)
    }),
    rule!(LEGACY, ContactsAlreadyFetched, |cause| {
        let mut fetches = Fetches::default();
        fetches.begin(Fetch::FirstContacts)?;
        fetches.end(Fetch::FirstContacts, cause.is_present());
        fetches.begin(Fetch::FirstContacts)
    }),
];
