//! `kith app` and `kith user`, with a server and without.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kith::Place;

#[test]
fn apps_are_made_and_set_on_the_folder_and_then_served() {
    let place = Place::new();
    place.run(&["app", "list"]).refused(1, &["there is no data folder", "kith serve"]);
    let app = place.run(&["app", "create", "acme#chat", "--open-registration", "--json"]).json();
    assert_eq!(app["appkey"], "acme#chat");
    let set = place.run(&["app", "set", "acme#chat", "recall.window_seconds=5"]).text();
    assert_eq!(set, "recall.window_seconds = 5\n");

    let server = place.serve(&[]);
    assert_eq!(server.ready["apps"][0]["appkey"], "acme#chat");
    assert_eq!(server.ready["apps"][0]["client_id"], app["client_id"]);
    assert_eq!(server.ready["apps"][0]["client_secret"], app["client_secret"]);
    let text = place.run(&["app", "get", "acme#chat"]).text();
    assert!(text.contains("recall.window_seconds = 5  (default 120)"), "{text}");
    assert!(text.contains("registration.open = true  (default false)"), "{text}");
}

#[test]
fn apps_are_made_and_set_at_the_running_server() {
    let place = Place::new();
    let server = place.serve(&[]);
    place.run(&["app", "create", "acme#chat"]).text();
    place.run(&["app", "set", "acme#chat", "devices.policy=single", "users.limit=7"]).text();
    let app = place.run(&["app", "get", "acme#chat", "--json"]).json();
    let settings = app["settings"].as_array().unwrap();
    let value = |name: &str| settings.iter().find(|line| line["name"] == name).unwrap()["value"].clone();
    assert_eq!((value("devices.policy"), value("users.limit")), ("single".into(), "7".into()));
    let list = place.run(&["app", "list"]).text();
    assert!(list.starts_with("acme#chat ") && list.lines().count() == 1, "{list}");
    assert!(app["jmessage_appkey"].is_null(), "{app}");
    let opened = place.run(&["app", "jmessage", "acme#chat", "--json"]).json();
    let key = opened["jmessage_appkey"].as_str().unwrap();
    let text = place.run(&["app", "jmessage", "acme#chat"]).text();
    assert!(key.len() == 24 && text.contains(key), "{opened} {text}");

    // From elsewhere: the address and the token.
    let token = place.data().join("admin-token");
    let other = Place::new();
    let url = format!("http://{}", server.address());
    let list = other.run(&["app", "list", "--server", &url, "--token-file", token.to_str().unwrap()]).text();
    assert!(list.starts_with("acme#chat "), "{list}");
    let wrong = other.data().with_extension("token");
    std::fs::write(&wrong, "0".repeat(64)).unwrap();
    other
        .run(&["app", "list", "--server", &url, "--token-file", wrong.to_str().unwrap()])
        .refused(1, &["wrong token", "kith explain admin_token_wrong", "trace"]);

    // After a kill the note of where the server was is wrong; the folder itself is worked on.
    server.kill();
    assert!(place.data().join("server.json").exists());
    assert!(place.run(&["app", "list"]).text().starts_with("acme#chat "));
}

#[test]
fn refusals_say_what_to_do_and_end_with_status_one() {
    let place = Place::new();
    place.run(&["app", "create", "acme#chat"]).text();
    place.run(&["app", "create", "acme#chat"]).refused(1, &["kith explain already_exists"]);
    place.run(&["app", "get", "acme#other"]).refused(1, &["there is no app acme#other", "app_not_found"]);
    place
        .run(&["app", "set", "acme#chat", "recall.possible=true"])
        .refused(1, &["there is no setting \"recall.possible\"", "argument_invalid"]);
    place.run(&["app", "set", "acme#chat", "users.limit=many"]).refused(1, &["a whole number"]);
}

#[test]
fn wrong_usage_ends_with_status_two() {
    let place = Place::new();
    place.run(&["app", "set", "acme#chat"]).refused(2, &["NAME=VALUE"]);
    place.run(&["app", "set", "acme#chat", "recall.enabled"]).refused(2, &["NAME=VALUE"]);
    place.run(&["app", "get", "a/../b"]).refused(2, &["ORG#APP"]);
    place.run(&["app", "create", "nohash"]).refused(2, &["nohash", "ORG#APP"]);
    place.run(&["user", "list", "a b#c"]).refused(2, &["ORG#APP"]);
    place.run(&["app", "list", "--server", "http://127.0.0.1:1"]).refused(2, &["--token-file"]);
    let https = ["app", "list", "--server", "https://127.0.0.1:1", "--token-file", "/dev/null"];
    place.run(&https).refused(2, &["http://HOST:PORT"]);
    place.run(&["ap"]).refused(2, &["app"]);
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_not_there() {
    let place = Place::new();
    let token = place.data().with_extension("token");
    std::fs::write(&token, "0".repeat(64)).unwrap();
    let nowhere = ["app", "list", "--server", "http://127.0.0.1:1", "--token-file", token.to_str().unwrap()];
    place.run(&nowhere).refused(1, &["127.0.0.1:1", "no connection"]);
}

#[test]
fn users_are_made_listed_and_deleted() {
    let place = Place::new();
    place.run(&["app", "create", "acme#chat"]).text();
    let mut command = place.command(&["user", "create", "acme#chat", "anna", "--nickname", "Anna K."]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"secret-1\n").unwrap();
    assert!(child.wait().unwrap().success());
    place.run(&["user", "create", "acme#chat", "b.en@x", "--password", "secret-2"]).text();

    let list = place.run(&["user", "list", "acme#chat", "--json"]).json();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["anna", "b.en@x"]);
    assert_eq!(list[0]["nickname"], "Anna K.");

    place.run(&["user", "password", "acme#chat", "b.en@x", "--password", "secret-3"]).text();
    place.run(&["user", "delete", "acme#chat", "b.en@x"]).text();
    place.run(&["user", "delete", "acme#chat", "b.en@x"]).refused(1, &["user_not_found"]);
    assert_eq!(place.run(&["user", "list", "acme#chat"]).text().lines().count(), 1);
}

/// Runs a command on a terminal of its own, and answers each prompt with a line. `None`: this system has no
/// `script(1)`.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen to be skipped")]
pub(crate) fn at_a_terminal(command: &Command, answers: &[&str]) -> Option<String> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    let line = format!("tty; timeout --foreground 60 {}", line.join(" "));
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = match script.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: script(1) from Debian's bsdutils does not run: {error}");
            return None;
        }
    };
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = String::new();
    let mut part = [0; 256];
    for (count, answer) in answers.iter().enumerate() {
        while shown.matches(": ").count() <= count {
            let read = screen.read(&mut part).unwrap();
            assert!(read > 0, "it ended without a prompt: {shown}");
            shown += std::str::from_utf8(&part[..read]).unwrap();
        }
        // The prompt stands there a moment before the echo is off, and nobody types that fast.
        let terminal = shown.lines().next().unwrap();
        for _ in 0..1_000 {
            if settings(terminal).contains(" -echo ") {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    screen.read_to_string(&mut shown).unwrap();
    child.wait().unwrap();
    Some(shown)
}

fn settings(terminal: &str) -> String {
    let said = Command::new("stty").args(["-F", terminal, "-a"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}

#[test]
fn a_password_that_is_typed_at_a_terminal_is_not_shown() {
    let place = Place::new();
    place.run(&["app", "create", "acme#chat"]).text();
    let create = place.command(&["user", "create", "acme#chat", "anna"]);
    let Some(shown) = at_a_terminal(&create, &["secret-1", "secret-1"]) else { return };
    assert!(shown.contains("registered anna"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");

    let change = place.command(&["user", "password", "acme#chat", "anna"]);
    let shown = at_a_terminal(&change, &["secret-2", "secret-3"]).unwrap();
    assert!(shown.contains("the two passwords differ") && !shown.contains("changed"), "{shown}");
}

#[test]
fn the_catalogue_is_at_hand_without_a_server() {
    let place = Place::new();
    let explain = std::process::Command::new(env!("CARGO_BIN_EXE_kith")).args(["explain", "810007"]).output();
    assert!(explain.unwrap().status.success());
    let version = std::process::Command::new(env!("CARGO_BIN_EXE_kith")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("kith {}\n", env!("CARGO_PKG_VERSION")));
    assert!(!place.data().exists());
}
