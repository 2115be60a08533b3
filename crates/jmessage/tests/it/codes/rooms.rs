//! Chat rooms.

use serde_json::{Value, json};

use super::bench::{Bench, web};
use super::{FINE, Witness};
use crate::house::{Client, to_group};

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        codes: &[847_001, 881_501],
        sees: "881501 [not_in_chatroom]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            if !cause {
                enter(&mut anna, room);
            }
            web(&mut anna, "send_room_msg", to_group(room, "hi"))
        },
    },
    Witness {
        codes: &[847_002, 881_502],
        sees: "881502 [muted_in_conversation]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            let path = format!("/v1/chatroom/{room}/forbidden/anna?status={}", u8::from(cause));
            assert_eq!(bench.rest("PUT", &path, Value::Null), FINE);
            web(&mut anna, "send_room_msg", to_group(room, "hi"))
        },
    },
    Witness {
        codes: &[847_003, 881_503],
        sees: "881503 [chatroom_not_found]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            web(&mut anna, "send_room_msg", to_group(if cause { 4711 } else { room }, "hi"))
        },
    },
    Witness {
        codes: &[847_004, 881_504],
        sees: "881504 [message_too_large]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            let text = "x".repeat(if cause { 4_097 } else { 4_000 });
            web(&mut anna, "send_room_msg", to_group(room, &text))
        },
    },
    Witness {
        codes: &[850_001],
        sees: "881503 [chatroom_not_found]",
        run: |bench, cause| of_room(bench, "room_info", cause),
    },
    Witness {
        codes: &[851_004],
        sees: "881503 [chatroom_not_found]",
        run: |bench, cause| of_room(bench, "join_room", cause),
    },
    Witness {
        codes: &[852_002],
        sees: "881503 [chatroom_not_found]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            web(&mut anna, "exit_room", json!({ "id": if cause { 4711 } else { room } }))
        },
    },
    Witness {
        codes: &[851_006, 881_508],
        sees: "881508 [blocked_by_chatroom]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            let (tenant, by) = (bench.house.tenant(), app::By::back_end());
            let (id, names) = (room.to_string(), ["anna".to_owned()]);
            let (use_cases, room_ref) = (&bench.house.use_cases, app::GroupRef::room(&id));
            bench.house.wait(use_cases.block_members(&tenant, &by, room_ref, &names)).unwrap();
            if !cause {
                bench.house.wait(use_cases.unblock_members(&tenant, &by, room_ref, &names)).unwrap();
            }
            web(&mut anna, "join_room", json!({ "id": room }))
        },
    },
    Witness {
        codes: &[851_003, 881_507],
        sees: "881507 [already_in_chatroom]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            if !cause {
                anna.ask("exit_room", json!({ "id": room })).is(0);
                enter(&mut anna, room);
                // A page that comes back, on another connection.
                anna = bench.log_in("anna");
            }
            web(&mut anna, "join_room", json!({ "id": room }))
        },
    },
    Witness {
        codes: &[852_004],
        sees: "882004 [chatroom_owner_cannot_leave]",
        run: |bench, cause| {
            let (mut page, room) = (bench.log_in(if cause { "boss" } else { "anna" }), bench.hall());
            enter(&mut page, room);
            web(&mut page, "exit_room", json!({ "id": room }))
        },
    },
    Witness {
        codes: &[853_001, 899_081],
        sees: "403 899081 chatroom not exist [chatroom_not_found]",
        run: |bench, cause| {
            let room = if cause { 4711 } else { bench.hall() };
            bench.rest("PUT", &format!("/v1/chatroom/{room}"), json!({ "name": "Other" }))
        },
    },
    Witness {
        codes: &[899_082],
        sees: "403 899082 user not in the chatroom [target_not_member]",
        run: |bench, cause| {
            let (mut anna, room) = (bench.log_in("anna"), bench.hall());
            enter(&mut anna, room);
            let name = if cause { "bert" } else { "anna" };
            bench.rest("DELETE", &format!("/v1/chatroom/{room}/members"), json!([name]))
        },
    },
];

fn enter(client: &mut Client<'_>, room: u64) {
    client.ask("join_room", json!({ "id": room })).is(0);
}

/// A request of anna's about a room; with the cause, there is no such room.
fn of_room(bench: &Bench, request: &str, cause: bool) -> String {
    let room = if cause { 4711 } else { bench.hall() };
    web(&mut bench.log_in("anna"), request, json!({ "id": room }))
}
