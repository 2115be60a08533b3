//! Each row of the five documents that the SDK meets by itself, and how an app comes to see it.

use conditions::Condition;
use model::content::{Attached, Content, Place, Said};

use super::*;
use crate::{Conversation, Error, Result};

use ErrorTable::{AgoraIos, Easemob, EasemobLegacyIos, JMessageAndroid, JMessageIos};

fn refused<T: std::fmt::Debug>(result: Result<T>) -> Error {
    result.unwrap_err()
}

#[test]
fn each_row_that_is_checked_here_is_seen() {
    let long = "x".repeat(300);
    let many = vec!["anna"; 501];
    let room = Conversation::room("7").unwrap();
    let with = |said| Content { said, ext: serde_json::Map::new() };
    let mut fetching = Fetches::default();
    fetching.begin(Fetch::Contacts).unwrap();
    fetching.begin(Fetch::Groups).unwrap();
    let mut fetched = Fetches::default();
    fetched.begin(Fetch::FirstContacts).unwrap();
    fetched.end(Fetch::FirstContacts, true);

    type Refused = fn(&Checks) -> Error;
    let by_table: [(ErrorTable, i32, Refused); 27] = [
        (EasemobLegacyIos, 1017, |_| refused(url("no address"))),
        (EasemobLegacyIos, 1020, |checks| refused(checks.content(&Content::text("")))),
        (EasemobLegacyIos, 1021, |_| refused(group_id(""))),
        (EasemobLegacyIos, 1026, |checks| refused(checks.user_name("a b"))),
        (EasemobLegacyIos, 1027, |checks| refused(checks.user_name(""))),
        (EasemobLegacyIos, 1028, |checks| refused(checks.user_name("小明"))),
        (EasemobLegacyIos, 1032, |_| refused(DisplayStyle::of(2))),
        (EasemobLegacyIos, 1032, |_| refused(QuietHours::new(22, 24))),
        (Easemob, 101, |checks| refused(checks.user_name(""))),
        (Easemob, 102, |checks| refused(checks.password(""))),
        (Easemob, 105, |checks| refused(checks.user_name(&"a".repeat(65)))),
        (Easemob, 600, |_| refused(group_id(""))),
        (Easemob, 700, |_| refused(conversation("chatRoom", ""))),
        (AgoraIos, 600, |_| refused(group_id("a/b"))),
        (JMessageIos, 863_001, |checks| refused(checks.user_name("abc"))),
        (JMessageIos, 863_002, |checks| refused(checks.password("123"))),
        (JMessageIos, 865_001, |checks| {
            let nowhere =
                Said::Location { latitude: 91.0, longitude: 0.0, label: String::new(), scale: None };
            refused(checks.content(&Content { said: nowhere, ext: serde_json::Map::new() }))
        }),
        (JMessageIos, 865_002, |checks| refused(checks.content(&Content::text("")))),
        (JMessageIos, 866_001, |_| refused(conversation("club", "anna"))),
        (JMessageIos, 866_002, |_| refused(conversation("single", ""))),
        (JMessageIos, 866_003, |_| refused(conversation("group", ""))),
        (JMessageIos, 867_001, |_| refused(group_id("a b"))),
        (JMessageIos, 867_002, |checks| refused(checks.group_fields(Some(""), None))),
        (JMessageAndroid, 871_303, |checks| refused(checks.user_name("_"))),
        (JMessageAndroid, 871_304, |checks| refused(checks.password(&"x".repeat(129)))),
        (JMessageAndroid, 871_305, |checks| refused(checks.display_name("two\nlines"))),
        (JMessageAndroid, 871_311, |_| refused(avatar(None))),
    ];
    for (table, code, refused) in by_table {
        let error = refused(&Checks::of(table)).in_table(table);
        assert_eq!(error.code(), Some(code), "{table:?}: {error}");
    }

    let jmessage = Checks::of(JMessageAndroid);
    let ended = Said::Voice {
        file: Attached {
            at: Place::Url("https://x/y".to_owned()),
            name: String::new(),
            bytes: 1,
            crc32: None,
            format: String::new(),
        },
        seconds: 0,
    };
    let not_uploaded = Said::File(Attached {
        at: Place::Url(String::new()),
        name: String::new(),
        bytes: 1,
        crc32: None,
        format: String::new(),
    });
    for (table, code, error) in [
        (EasemobLegacyIos, 1010, refused(fetching.begin(Fetch::Groups))),
        (EasemobLegacyIos, 1035, refused(fetching.begin(Fetch::FirstContacts))),
        (EasemobLegacyIos, 1036, refused(fetched.begin(Fetch::FirstContacts))),
        (JMessageIos, 863_005, refused(jmessage.users(&many))),
        (JMessageIos, 864_002, refused(jmessage.content(&with(not_uploaded)))),
        (JMessageIos, 865_001, refused(jmessage.content(&with(ended)))),
        (JMessageIos, 868_001, refused(not_in_rooms(&room))),
        (JMessageAndroid, 871_302, refused(jmessage.content(&Content::text("字".repeat(1366))))),
        (JMessageAndroid, 871_306, refused(jmessage.input(&long))),
    ] {
        let error = error.in_table(table);
        assert_eq!(error.code(), Some(code), "{table:?}: {error}");
    }
    for (symbol, error) in [
        ("AgoraErrorInvalidURL", refused(url("ftp://x/"))),
        ("AgoraErrorInvalidUsername", refused(jmessage.user_name(""))),
        ("AgoraErrorInvalidPassword", refused(jmessage.password(""))),
        ("AgoraErrorChatroomInvalidId", refused(conversation("room", ""))),
    ] {
        assert_eq!(error.in_table(AgoraIos).symbol(), symbol);
    }
}

/// The counter-run: the same without its cause.
#[test]
fn what_is_right_passes() {
    for table in ErrorTable::ALL {
        let checks = Checks::of(table);
        checks.user_name("anna").unwrap();
        checks.password("secret").unwrap();
        checks.display_name("Anna 安娜").unwrap();
        checks.input("two\nlines").unwrap();
        checks.content(&Content::text("x".repeat(4096))).unwrap();
        checks.group_fields(None, Some("")).unwrap();
        assert_eq!(checks.users(&["anna", "Anna", "bert"]).unwrap().len(), 2);
        checks.users(&vec!["anna"; USERS_LIMIT]).unwrap();
    }
    Checks::of(Easemob).user_name("a").unwrap();
    url("https://chat.example.com:8443/a?b=c").unwrap();
    assert_eq!(avatar(Some("https://x/y")).unwrap(), "https://x/y");
    assert_eq!(conversation("single", "anna").unwrap(), Conversation::user("anna").unwrap());
    not_in_rooms(&Conversation::group("7").unwrap()).unwrap();
    assert_eq!(QuietHours::new(22, 7).unwrap(), QuietHours { start: 22, end: 7 });
    assert_eq!(DisplayStyle::of(1).unwrap(), DisplayStyle::Summary);
    let mut fetches = Fetches::default();
    for _ in 0..2 {
        fetches.begin(Fetch::Groups).unwrap();
        fetches.end(Fetch::Groups, true);
        fetches.begin(Fetch::FirstContacts).unwrap();
        fetches.end(Fetch::FirstContacts, false);
    }
}

#[test]
fn nothing_and_too_many_are_two_things() {
    let checks = Checks::of(Easemob);
    assert_eq!(refused(checks.users(&[])).condition(), Condition::MemberListEmpty);
    assert_eq!(refused(checks.users(&["a b"])).condition(), Condition::UserNameInvalid);
    assert_eq!(refused(checks.group_fields(None, None)).condition(), Condition::GroupFieldsInvalid);
    assert_eq!(
        refused(checks.content(&Content {
            said: Said::Command { action: String::new(), values: serde_json::Map::new() },
            ext: serde_json::Map::new()
        }))
        .condition(),
        Condition::MessageContentInvalid
    );
}
