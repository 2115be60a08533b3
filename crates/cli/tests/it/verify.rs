//! `kith verify`, as somebody runs it who wants to see an error.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::commands::at_a_terminal;
use crate::kith::{Place, Ran};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
    command.arg("verify").args(arguments);
    command
}

fn verify(arguments: &[&str]) -> Ran {
    Ran::of(command(arguments).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn one_row_is_shown_on_a_server_of_its_own() {
    let ran = verify(&["--row", "easemob-windows:603", "--json"]);
    assert_eq!(ran.err(), "", "a progress bar belongs on a terminal");
    let report = ran.json();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{report}");
    assert_eq!(rows[0]["row"], "easemob-windows:603");
    assert_eq!(rows[0]["symbol"], "GROUP_PERMISSION_DENIED");
    assert_eq!(
        (&rows[0]["verdict"], &rows[0]["seen_by"]),
        (&"met".into(), &"sdk_and_wire".into()),
        "{report}"
    );
    assert_eq!(rows[0]["why"], Value::Null);

    let text = verify(&["--row", "easemob-windows:603", "--plain"]).text();
    assert!(text.contains("GROUP_PERMISSION_DENIED"), "{text}");
    assert!(text.contains("met by the SDK and on the wire") && text.contains("1 rows: 1 met"), "{text}");
}

#[test]
fn a_table_is_picked_by_its_name() {
    let report = verify(&["--table", "easemob-windows", "--row", "0", "--json"]).json();
    assert_eq!(report["rows"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["rows"][0]["verdict"], "lookup_only", "{report}");
    let other = verify(&["--table", "agora-ios", "--row", "easemob-windows:603"]);
    other.refused(1, &["no row of the documents is meant"]);
}

#[test]
fn what_is_no_row_or_table_is_wrong_usage() {
    verify(&["--row", "easemob-windows:99999"])
        .refused(2, &["is no row of the documents", "easemob-windows:603"]);
    verify(&["--table", "easemob"]).refused(2, &["easemob"]);
    verify(&["--server", "http://127.0.0.1:9"]).refused(2, &["--token-file"]);
}

#[test]
fn a_running_server_shows_the_rows_that_do_not_break_it() {
    let place = Place::new();
    let server = place.serve(&[]);
    let url = format!("http://{}", server.address());
    let token = place.data().join("admin-token");
    let given = ["--server", &url, "--token-file", token.to_str().unwrap(), "--json"];
    let rows = ["--row", "easemob-windows:603", "--row", "easemob-windows:302"];
    let ran = verify(&[&given[..], &rows[..]].concat());
    assert_eq!(ran.status(), 3, "{}", ran.err());
    let report: Value = serde_json::from_str(&ran.out()).unwrap();
    let verdict = |code: i64| {
        let rows = report["rows"].as_array().unwrap();
        rows.iter().find(|row| row["code"] == code).unwrap()["verdict"].clone()
    };
    assert_eq!((verdict(603), verdict(302)), ("met".into(), "skipped".into()), "{report}");

    let wrong = place.data().join("wrong-token");
    std::fs::write(&wrong, "wrong").unwrap();
    let ran =
        verify(&["--server", &url, "--token-file", wrong.to_str().unwrap(), "--row", "easemob-windows:603"]);
    assert_eq!(ran.status(), 1, "{}", ran.out());
    assert!(ran.out().contains("FAILED"), "{}", ran.out());
}

#[test]
fn a_terminal_shows_how_far_it_is() {
    let Some(shown) = at_a_terminal(&command(&["--row", "easemob-windows:603"]), &[]) else { return };
    assert!(shown.contains(" of 1 rows, "), "{shown}");
    assert!(shown.contains("1 rows: 1 met"), "{shown}");
}
