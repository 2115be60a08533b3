//! Push settings and bindings. What providers say of a token comes with the providers.

use serde_json::json;

use super::Witness;
use super::bench::Bench;

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        row: "push_config_failed",
        sees: "400 IllegalArgumentException: parameters is invalid : notification_display_style [push_config_failed]",
        run: |bench, cause| {
            let style = json!({ "notification_display_style": if cause { 2 } else { 1 } });
            bench.user("alice", "PUT", "/users/alice", style)
        },
    },
    Witness {
        row: "push_bind_failed",
        sees: "400 illegal_argument: parameters is invalid : device_id [push_bind_failed]",
        run: |bench, cause| bind(bench, if cause { "" } else { "phone" }, "token"),
    },
    Witness {
        row: "push_registration_failed",
        sees: "400 illegal_argument: parameters is invalid : device_token [push_bind_failed]",
        run: |bench, cause| bind(bench, "phone", &"a".repeat(if cause { 1025 } else { 64 })),
    },
    Witness {
        row: "push_unbind_failed",
        sees: "400 illegal_argument: The push token was not removed. [push_unbind_failed]",
        run: |bench, cause| {
            if !cause {
                bind(bench, "phone", "token");
            }
            bind(bench, "phone", "")
        },
    },
];

fn bind(bench: &Bench, device: &str, token: &str) -> String {
    let binding = json!({ "device_id": device, "notifier_name": "apns", "device_token": token });
    bench.user("alice", "PUT", "/users/alice/push/binding", binding)
}
