//! Apps, credentials, users, logins and the ends of sessions.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, web};
use super::{FINE, Witness};
use crate::house::{md5, single};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        codes: &[899_001],
        sees: "403 899001 User exist [user_already_exists]",
        run: |bench, cause| {
            let name = if cause { "anna" } else { "dora" };
            bench.rest("POST", "/v1/admins/", json!({ "username": name, "password": "secret" }))
        },
    },
    Witness {
        codes: &[898_001, 882_002],
        sees: "882002 [user_already_exists]",
        run: |bench, cause| {
            let name = if cause { "anna" } else { "dora" };
            initialised(bench, "register", json!({ "username": name, "password": md5("secret") }))
        },
    },
    Witness {
        codes: &[880_007],
        sees: "880007 [registration_closed]",
        run: |bench, cause| {
            if cause {
                bench.set("registration.open", "false");
            }
            initialised(bench, "register", json!({ "username": "dora", "password": md5("secret") }))
        },
    },
    Witness {
        codes: &[899_002],
        sees: "403 899002 No such user [user_not_found]",
        run: |bench, cause| {
            bench.rest("GET", if cause { "/v1/users/nobody" } else { "/v1/users/anna" }, Value::Null)
        },
    },
    Witness {
        codes: &[898_002],
        sees: "880103 [user_not_found]",
        run: |bench, cause| {
            let name = if cause { "nobody" } else { "bert" };
            web(&mut bench.log_in("anna"), "get_across_user_info", json!({ "username": name }))
        },
    },
    Witness {
        codes: &[882_002],
        sees: "882002 [user_not_found]",
        run: |bench, cause| {
            let name = if cause { "nobody" } else { "bert" };
            web(&mut bench.log_in("anna"), "add_msg_no_disturb_single", json!({ "target_name": name }))
        },
    },
    Witness {
        codes: &[899_003],
        sees: "400 899003 parameter invalid [argument_invalid]",
        run: |bench, cause| {
            bench.rest("PUT", "/v1/users/anna", json!({ "gender": if cause { 7 } else { 1 } }))
        },
    },
    Witness {
        codes: &[898_003, 882_003],
        sees: "882003 [argument_invalid]",
        run: |bench, cause| {
            let profile = json!({ "gender": if cause { 7 } else { 1 } });
            web(&mut bench.log_in("anna"), "update_user_inf", profile)
        },
    },
    Witness {
        codes: &[898_004],
        sees: "880104 [password_wrong]",
        run: |bench, cause| {
            let old = md5(if cause { "wrong" } else { "secret" });
            let change = json!({ "old_pwd": old, "new_pwd": md5("another") });
            web(&mut bench.log_in("anna"), "update_user_pwd", change)
        },
    },
    Witness {
        codes: &[801_007, 880_110],
        sees: "880110 [sdk_too_old]",
        run: |bench, cause| {
            bench.set("jmessage.oldest_sdk", if cause { "2.6.1" } else { "2.6.0" });
            let login = json!({ "username": "anna", "password": md5("secret"), "version": "2.6.0" });
            initialised(bench, "login", login)
        },
    },
    Witness {
        codes: &[800_017],
        sees: "882005 [rate_limited]",
        run: |bench, cause| {
            bench.set("jmessage.requests_per_second", if cause { "2" } else { "3" });
            let mut anna = bench.log_in("anna");
            for _ in 0..2 {
                anna.ask("get_groups_list", json!({})).is(0);
            }
            web(&mut anna, "get_groups_list", json!({}))
        },
    },
    Witness {
        codes: &[899_007],
        sees: "401 899007 Missing authen info [credentials_missing]",
        run: |bench, cause| {
            let pair = pair(bench);
            bench.rest_as(Some(pair.as_str()).filter(|_| !cause), "GET", "/v1/users", Value::Null)
        },
    },
    Witness {
        codes: &[899_008],
        sees: "401 899008 Basic authentication failed [credentials_wrong]",
        run: |bench, cause| {
            let pair = pair(bench) + if cause { "0" } else { "" };
            bench.rest_as(Some(&pair), "GET", "/v1/users", Value::Null)
        },
    },
    Witness {
        codes: &[899_009],
        sees: "401 899009 Appkey not exit [app_not_found]",
        run: |bench, cause| {
            let pair = pair(bench);
            let secret = pair.split_once(':').unwrap().1;
            let unknown = format!("{}:{secret}", "0".repeat(24));
            bench.rest_as(Some(if cause { &unknown } else { &pair }), "GET", "/v1/users", Value::Null)
        },
    },
    Witness {
        codes: &[800_002],
        sees: "882003 [app_key_missing]",
        run: |bench, cause| {
            init(bench, |init| {
                if cause {
                    init["appkey"] = "".into();
                }
            })
        },
    },
    Witness {
        codes: &[800_003, 880_101],
        sees: "880101 [app_not_registered]",
        run: |bench, cause| {
            init(bench, |init| {
                if cause {
                    init["appkey"] = "0".repeat(24).into();
                }
            })
        },
    },
    Witness {
        codes: &[880_102],
        sees: "880102 [signature_wrong]",
        run: |bench, cause| {
            init(bench, |init| {
                if cause {
                    init["signature"] = md5("another secret").into();
                }
            })
        },
    },
    Witness {
        codes: &[880_106],
        sees: "880106 [signature_expired]",
        run: |bench, cause| {
            init(bench, |_| bench.house.pass(Duration::from_secs(if cause { 601 } else { 599 })))
        },
    },
    Witness {
        codes: &[882_004],
        sees: "882004 [credentials_missing]",
        run: |bench, cause| {
            let mut client = bench.house.connect();
            if !cause {
                client.ask("c_init", bench.house.init()).is(0);
            }
            web(&mut client, "login", login("anna", "secret"))
        },
    },
    Witness {
        codes: &[801_003, 880_103],
        sees: "880103 [user_not_found]",
        run: |bench, cause| {
            initialised(bench, "login", login(if cause { "nobody" } else { "anna" }, "secret"))
        },
    },
    Witness {
        codes: &[801_004, 880_104],
        sees: "880104 [credentials_wrong]",
        run: |bench, cause| {
            initialised(bench, "login", login("anna", if cause { "wrong" } else { "secret" }))
        },
    },
    Witness {
        codes: &[801_006, 880_111],
        sees: "880111 [user_banned]",
        run: |bench, cause| {
            assert_eq!(
                bench.rest("PUT", &format!("/v1/users/anna/forbidden?disable={cause}"), Value::Null),
                FINE
            );
            initialised(bench, "login", login("anna", "secret"))
        },
    },
    Witness {
        codes: &[800_012],
        sees: "882004 [sender_never_logged_in]",
        run: |bench, cause| {
            let mut client = bench.house.connect();
            client.ask("c_init", bench.house.init()).is(0);
            if !cause {
                client.ask("login", login("anna", "secret")).is(0);
            }
            web(&mut client, "get_groups_list", json!({}))
        },
    },
    Witness {
        codes: &[800_013],
        sees: "882004 [sender_logged_out]",
        run: |bench, cause| {
            let mut first = bench.log_in("anna");
            let mut second = bench.log_in(if cause { "anna" } else { "bert" });
            bench.house.settle(&mut [&mut first, &mut second]);
            web(&mut first, "s_across_single_text", single("bert", "hi"))
        },
    },
    Witness {
        codes: &[800_006],
        sees: "880103 [user_id_not_found]",
        run: |bench, cause| {
            let mut anna = bench.log_in("anna");
            let path = if cause { "/v1/users/anna" } else { "/v1/users/carl" };
            assert_eq!(bench.rest("DELETE", path, Value::Null), FINE);
            bench.house.settle(&mut [&mut anna]);
            web(&mut anna, "s_across_single_text", single("bert", "hi"))
        },
    },
    Witness {
        codes: &[800_014, 898_011],
        sees: "882004 [app_mismatch]",
        run: |bench, cause| {
            let mut message = single("bert", "hi");
            let own = bench.house.appkey();
            message["content"]["target_appkey"] = if cause { "0".repeat(24) } else { own }.into();
            web(&mut bench.log_in("anna"), "s_across_single_text", message)
        },
    },
    Witness {
        codes: &[899_020],
        sees: "403 899020 appkey not match [app_mismatch]",
        run: |bench, cause| {
            let appkey = if cause { "0".repeat(24) } else { bench.house.appkey() };
            let friends = json!({ "appkey": appkey, "users": ["bert"] });
            bench.rest("POST", "/v1/cross/users/anna/friends", friends)
        },
    },
    Witness {
        codes: &[808_030],
        sees: "882005 [server_busy]",
        run: |bench, cause| {
            let mut anna = bench.log_in("anna");
            let tenant = bench.house.tenant();
            let account = bench.house.wait(bench.house.use_cases.get_user(&tenant, "anna")).unwrap();
            // As many of her calls as may be under way at the same time, less one without the cause.
            let calls = if cause { 64 } else { 63 };
            let places: Vec<_> = (0..calls)
                .map(|_| bench.house.wait(bench.house.use_cases.begin_request(&tenant, account.user.uid)))
                .collect::<Result<_, _>>()
                .unwrap();
            let seen = web(&mut anna, "get_groups_list", json!({}));
            drop(places);
            seen
        },
    },
    Witness {
        codes: &[800_008],
        sees: "882003 [command_unknown]",
        run: |bench, cause| {
            let request = if cause { "get_groups" } else { "get_groups_list" };
            web(&mut bench.log_in("anna"), request, json!({}))
        },
    },
    Witness {
        codes: &[899_013],
        sees: "400 899013 User list is bigger than 500 [batch_too_large]",
        run: |bench, cause| {
            let count = if cause { 501 } else { 3 };
            let user = |number| json!({ "username": format!("user{number}"), "password": "secret" });
            bench.rest("POST", "/v1/users/", (0..count).map(user).collect())
        },
    },
];

fn pair(bench: &Bench) -> String {
    let face = bench.house.tenant().value.jmessage.clone().unwrap();
    format!("{}:{}", face.key, face.master_secret)
}

pub(super) fn login(name: &str, password: &str) -> Value {
    json!({ "username": name, "password": md5(password) })
}

/// A request of a page that has said its app.
fn initialised(bench: &Bench, request: &str, data: Value) -> String {
    let mut client = bench.house.connect();
    client.ask("c_init", bench.house.init()).is(0);
    web(&mut client, request, data)
}

/// What a page is answered whose signed words are changed on the way.
fn init(bench: &Bench, change: impl FnOnce(&mut Value)) -> String {
    let mut data = bench.house.init();
    change(&mut data);
    web(&mut bench.house.connect(), "c_init", data)
}
