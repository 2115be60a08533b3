//! Accounts, logins and the ends of connections.

use axum::body::Body;
use easemob_wire::client::encode_unread;
use http::Request;
use kv::KvError;
use serde_json::{Value, json};

use super::Witness;
use super::bench::{Bench, ended, rest};
use crate::msync::house::LoginForm;

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        row: "limit_exceeded",
        sees: "429 resource_limited: You have exceeded the limit of the community edition,Please upgrade to the enterprise edition [user_limit_reached]",
        run: |bench, cause| {
            if cause {
                bench.set("users.limit", "3");
            }
            register(bench, "dave")
        },
    },
    Witness {
        row: "user_already_exists",
        sees: "400 duplicate_unique_property_exists: Application UUID Entity user requires that property named username be unique, value of alice exists [user_already_exists]",
        run: |bench, cause| {
            let uuid = bench.house.tenant().value.uuid.clone();
            register(bench, if cause { "alice" } else { "dave" }).replace(&uuid, "UUID")
        },
    },
    Witness {
        row: "user_argument_invalid",
        sees: "400 illegal_argument: username no name is not legal [user_name_invalid]",
        run: |bench, cause| register(bench, if cause { "no name" } else { "dave" }),
    },
    Witness {
        row: "registration_failed",
        sees: "401 unauthorized: registration is not open, please contact the app admin [registration_closed]",
        run: |bench, cause| {
            if cause {
                bench.set("registration.open", "false");
            }
            register(bench, "dave")
        },
    },
    Witness {
        row: "credentials_wrong",
        sees: "400 invalid_grant: invalid password [credentials_wrong]",
        run: |bench, cause| {
            let password = if cause { "wrong" } else { "pw" };
            let grant = json!({ "grant_type": "password", "username": "alice", "password": password });
            bench.anybody("POST", "/token", grant)
        },
    },
    Witness {
        row: "user_not_found",
        sees: "login 1 Sorry, user not found [user_not_found]",
        run: |bench, cause| {
            let token = bench.house.token("alice", None);
            let user = if cause { "nobody" } else { "alice" };
            bench.try_login(LoginForm { user, token: &token, ..LoginForm::default() })
        },
    },
    Witness {
        row: "not_found",
        sees: "404 service_resource_not_found: Service resource not found [user_not_found]",
        run: |bench, cause| {
            let path = if cause { "/users/nobody" } else { "/users/alice" };
            bench.back_end("GET", path, Value::Null)
        },
    },
    Witness {
        row: "token_invalid",
        sees: "login 1 Sorry, token or password does not match login info [token_invalid]",
        run: |bench, cause| {
            let elsewhere = Bench::new();
            let from = if cause { &elsewhere } else { bench };
            let token = from.house.token("alice", None);
            bench.try_login(LoginForm { token: &token, ..LoginForm::default() })
        },
    },
    Witness {
        row: "authentication_failed",
        sees: "login 1 Sorry, token or password does not match login info [token_malformed]",
        run: |bench, cause| {
            let token = bench.house.token("alice", None);
            let token = if cause { &token[..20] } else { &token };
            bench.try_login(LoginForm { token, ..LoginForm::default() })
        },
    },
    Witness {
        row: "token_expired",
        sees: "login 1 Sorry, token expired [token_expired]",
        run: |bench, cause| {
            let token = bench.house.token("alice", Some(10));
            if cause {
                bench.house.pass(10_000);
            }
            bench.try_login(LoginForm { token: &token, ..LoginForm::default() })
        },
    },
    Witness {
        row: "app_disabled",
        sees: "login 12 Service operation not allowed [app_disabled]",
        run: |bench, cause| {
            let token = bench.house.token("alice", None);
            if cause {
                bench.set("app.enabled", "false");
            }
            bench.try_login(LoginForm { token: &token, ..LoginForm::default() })
        },
    },
    Witness {
        row: "bound_to_other_device",
        sees: "login 11 Another device of this user is online and keeps its place. [bound_to_other_device]",
        run: |bench, cause| {
            if cause {
                bench.set("devices.policy", "first_wins");
            }
            second_device(bench)
        },
    },
    Witness {
        row: "too_many_devices",
        sees: "login 13 The user has as many devices online as the app allows. [too_many_devices]",
        run: |bench, cause| {
            bench.set("devices.per_class", "1");
            if cause {
                bench.set("devices.when_full", "refuse");
            }
            second_device(bench)
        },
    },
    Witness {
        row: "device_changed",
        sees: "login 20 The last login came from another device, and this app does not let a new one take over silently. [device_changed]",
        run: |bench, cause| {
            bench.set("devices.policy", "single");
            if cause {
                bench.set("devices.when_full", "refuse");
            }
            let mut first = bench.log_in("alice", "webim_web_a");
            first.drop_socket();
            let token = bench.house.token("alice", None);
            bench.try_login(LoginForm { resource: "webim_web_b", token: &token, ..LoginForm::default() })
        },
    },
    Witness {
        row: "kicked_by_new_login",
        sees: "kick 2 [kicked_by_new_login]",
        run: |bench, cause| {
            if cause {
                bench.set("devices.policy", "single");
            }
            let mut first = bench.log_in("alice", "webim_web_a");
            let _second = bench.log_in("alice", "webim_web_b");
            ended(bench, &mut first)
        },
    },
    Witness {
        row: "user_removed",
        sees: "kick 1 [user_removed]",
        run: |bench, cause| while_connected(bench, cause, "DELETE", "/users/alice", Value::Null),
    },
    Witness {
        row: "kicked_by_password_change",
        sees: "kick 3 [kicked_by_password_change]",
        run: |bench, cause| {
            let body = json!({ "newpassword": "new" });
            while_connected(bench, cause, "PUT", "/users/alice/password", body)
        },
    },
    Witness {
        row: "kicked_by_device",
        sees: "kick 4 [kicked_by_device]",
        run: |bench, cause| {
            while_connected(bench, cause, "DELETE", "/users/alice/disconnect/webim_web_a", Value::Null)
        },
    },
    Witness {
        row: "server_session_missing",
        sees: "close [server_session_missing]",
        run: |bench, cause| {
            let mut client = if cause { bench.house.connect() } else { bench.log_in("alice", "webim_web_a") };
            client.frame(encode_unread());
            ended(bench, &mut client)
        },
    },
    Witness {
        row: "server_busy",
        sees: "503 service_unavailable: Server is busy, please try again later. [server_busy]",
        run: |bench, cause| with_fault(bench, cause, KvError::Busy),
    },
    Witness {
        row: "general_failure",
        sees: "500 web_application: Internal server error [internal_error]",
        run: |bench, cause| {
            with_fault(
                bench,
                cause,
                KvError::Invalid { detail: "a batch that breaks the contract".to_owned() },
            )
        },
    },
    Witness {
        row: "permission_failure",
        sees: "401 auth_bad_access_token: Unable to authenticate due to corrupt access token [token_wrong_kind]",
        run: |bench, cause| {
            let message = json!({ "to": ["bob"], "type": "txt", "body": { "msg": "hi" } });
            if cause {
                bench.user("alice", "POST", "/messages/users", message)
            } else {
                bench.back_end("POST", "/messages/users", message)
            }
        },
    },
    Witness {
        row: "rate_limited",
        sees: "429 reach_limit: This request has reached api limit [rate_limited]",
        run: |bench, cause| {
            if cause {
                bench.set("rest.calls_per_second", "1");
            }
            bench.back_end("GET", "/users/alice", Value::Null);
            bench.back_end("GET", "/users/alice", Value::Null)
        },
    },
    Witness {
        row: "contact_add_failed",
        sees: "400 illegal_argument: The contact was not added. [contact_add_failed]",
        run: |bench, cause| {
            let peer = if cause { "alice" } else { "bob" };
            bench.user("alice", "POST", "/users/alice/contacts/apply", json!({ "usernames": [peer] }))
        },
    },
    Witness {
        row: "contact_remove_failed",
        sees: "404 service_resource_not_found: The named user is not on the contact list. [contact_not_found]",
        run: |bench, cause| {
            if !cause {
                bench.back_end("POST", "/users/alice/contacts/users/bob", Value::Null);
            }
            bench.user("alice", "DELETE", "/users/alice/contacts/users/bob", Value::Null)
        },
    },
    Witness {
        row: "file_too_large",
        sees: "413 file exceeding maximum limit: the file size exceeds the maximum limit. [file_too_large]",
        run: |bench, cause| {
            if cause {
                bench.set("files.bytes_limit", "10");
            }
            upload(bench, "twenty bytes of text")
        },
    },
    Witness {
        row: "file_content_rejected",
        sees: "400 illegal_argument: content improper [file_content_rejected]",
        run: |bench, cause| {
            bench.set("files.refused_content", "executable");
            upload(bench, if cause { "MZ and a program" } else { "a text" })
        },
    },
];

fn register(bench: &Bench, name: &str) -> String {
    bench.anybody("POST", "/users", json!({ "username": name, "password": "pw" }))
}

/// Logs a second device of alice's in, while the first is there.
fn second_device(bench: &Bench) -> String {
    let _first = bench.log_in("alice", "webim_web_a");
    let token = bench.house.token("alice", None);
    bench.try_login(LoginForm { resource: "webim_web_b", token: &token, ..LoginForm::default() })
}

/// What a connected device of alice's is told of a call, which is about bob where it is not the cause.
fn while_connected(bench: &Bench, cause: bool, method: &str, path: &str, body: Value) -> String {
    let mut alice = bench.log_in("alice", "webim_web_a");
    let path = if cause { path.to_owned() } else { path.replace("alice", "bob") };
    bench.back_end(method, &path, body);
    ended(bench, &mut alice)
}

/// A call that needs storage, which fails.
fn with_fault(bench: &Bench, cause: bool, fault: KvError) -> String {
    let token = bench.app_token();
    if cause {
        *bench.house.kv.fails.lock() = Some(fault);
    }
    let request = Request::builder().method("DELETE").uri("/org/app/users/carol");
    let request = request.header("authorization", format!("Bearer {token}"));
    rest(bench.send(request.body(Body::empty()).unwrap()))
}

fn upload(bench: &Bench, content: &str) -> String {
    let head = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"";
    let body = format!("{head}\r\n\r\n{content}\r\n--b--\r\n");
    let token = bench.house.token("alice", None);
    let request = Request::post("/org/app/chatfiles")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "multipart/form-data; boundary=b");
    rest(bench.send(request.body(Body::from(body)).unwrap()))
}
