//! `kith serve` from its first line to its exit status.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::kith::Place;

#[test]
fn the_first_line_names_the_port_and_the_apps_and_sigterm_ends_it_cleanly() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let address = server.address();
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
    let apps = server.ready["apps"].as_array().unwrap();
    assert_eq!(apps.len(), 1);
    assert_eq!(apps[0]["appkey"], "demo#kith");
    assert!(apps[0]["client_id"].as_str().unwrap().starts_with("YXA6"));
    assert!(apps[0]["client_secret"].as_str().unwrap().starts_with("YXA6"));
    // Connections are taken at once.
    assert!(get(&address, "/readyz").contains("\"ready\":true"));

    let token = fs::read_to_string(place.data().join("admin-token")).unwrap();
    let secret = apps[0]["client_secret"].as_str().unwrap().to_owned();
    server.signal("TERM");
    let (status, out, log) = server.wait();
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(out, "", "the ready line is the only one");
    assert!(log.contains("listening") && log.contains("drained"), "{log}");
    assert!(!log.contains(token.trim()) && !log.contains(&secret), "a secret in the log: {log}");
    assert!(place.data().join("clean").exists(), "the storage engine's mark of a sound stop");
}

#[test]
fn a_killed_server_starts_again_with_its_apps_and_the_same_demo() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let apps = server.ready["apps"].clone();
    server.kill();
    let server = place.serve(&["--demo"]);
    assert_eq!(server.ready["apps"], apps);
    server.signal("INT");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let server = place.serve(&[]);
    // A session holds the drain up: it never confirms its end.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: kith.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    // A ping that is answered: the session runs, and is not just about to.
    stream.write_all(&[0x89, 0x80, 0, 0, 0, 0]).unwrap();
    stream.read_exact(&mut [0; 2]).unwrap();
    server.signal("TERM");
    server.until_logged("stopping; a second signal ends the process at once", 1);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(130));
}

#[test]
fn a_second_server_on_the_folder_is_refused_with_the_first_ones_pid() {
    let place = Place::new();
    let server = place.serve(&[]);
    let second = place.run(&["serve", "--http", "127.0.0.1:0"]);
    second.refused(1, &[&format!("pid {}", server.pid()), "is used by another kith process"]);
    assert_eq!(second.out(), "");
}

#[test]
fn wrong_usage_and_configuration_end_with_status_two() {
    let place = Place::new();
    place.run(&["serve", "--port", "127.0.0.1:0"]).refused(2, &["--port"]);
    place.run(&["serve", "--http", "8080"]).refused(2, &["http.address (command line)", "127.0.0.1:8080"]);
    let file = place.data().with_extension("toml");
    fs::write(&file, "[limits]\nidle = 120\n").unwrap();
    let file = file.to_str().unwrap();
    place.run(&["serve", "--config", file]).refused(2, &["limits.idle", file, "a duration with a unit"]);
    assert!(!place.data().exists(), "nothing was made before the configuration was read");
}

#[test]
fn sighup_changes_the_log_level_and_says_what_takes_a_restart() {
    let place = Place::new();
    let file = place.data().with_extension("toml");
    fs::write(&file, "[log]\nformat = \"json\"\n").unwrap();
    let server = place.serve(&["--config", file.to_str().unwrap()]);
    let text = "[log]\nformat = \"json\"\nlevel = \"debug\"\n[limits]\nuser_connections = 3\n";
    fs::write(&file, text).unwrap();
    server.signal("HUP");
    server.until_logged("the configuration was read again", 1);
    // A refusal is a debug line.
    get(&server.address(), "/admin/v1/apps");
    fs::write(&file, "[log]\nlevel = \"loudest\"\n").unwrap();
    server.signal("HUP");
    server.until_logged("the configuration was not read again", 1);
    server.signal("TERM");
    let (status, _, log) = server.wait();
    assert_eq!(status, Some(0));
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let has = |words: &str| lines.iter().any(|line| line["message"].as_str().unwrap_or("").contains(words));
    assert!(has("the configuration was read again"), "{log}");
    assert!(log.contains("\"keys\":\"limits.user_connections\""), "{log}");
    assert!(log.contains("admin_token_wrong"), "the new level does not show refusals: {log}");
    assert!(has("the configuration was not read again"), "{log}");
}

#[test]
fn what_waits_for_a_restart_is_named_until_it_is_taken_back() {
    let place = Place::new();
    let file = place.data().with_extension("toml");
    fs::write(&file, "[log]\nformat = \"json\"\n").unwrap();
    let server = place.serve(&["--config", file.to_str().unwrap()]);
    let changed = "[log]\nformat = \"json\"\n[limits]\nuser_connections = 3\n";
    for (read_before, text) in [changed, changed, "[log]\nformat = \"json\"\n"].into_iter().enumerate() {
        fs::write(&file, text).unwrap();
        server.signal("HUP");
        server.until_logged("the configuration was read again", read_before + 1);
    }
    server.signal("TERM");
    let (_, _, log) = server.wait();
    let reloads = log.split("the configuration was read again").skip(1);
    let is_waiting = reloads.map(|after| after.contains("\"keys\":\"limits.user_connections\""));
    assert_eq!(is_waiting.collect::<Vec<_>>(), [true, true, false], "{log}");
}

#[test]
fn a_person_is_shown_how_to_try_it() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--demo", "--http", "127.0.0.1:0"]);
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut part = [0; 4096];
    while !text.contains("Ctrl-C") {
        let read = child.stdout.as_mut().unwrap().read(&mut part).unwrap();
        assert!(read > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    let token = fs::read_to_string(place.data().join("admin-token")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    for words in [
        "demo#kith",
        "alice-demo",
        "bob-demo",
        "isHttpDNS: false",
        "kith chat --user alice --server http://127.0.0.1:",
        "/ws'",
        "Native SDKs  127.0.0.1:",
        "curl",
        "admin-token",
    ] {
        assert!(text.contains(words), "no {words:?} in: {text}");
    }
    assert!(!text.contains(token.trim()), "the admin token was printed");
}

#[test]
fn native_sdks_get_a_port_of_their_own_unless_it_is_off() {
    let place = Place::new();
    let server = place.serve(&[]);
    let tcp = server.ready["tcp"].as_str().unwrap().to_owned();
    assert_ne!(server.ready["tcp"], server.ready["http"]);
    let answer = get(server.ready["http"].as_str().unwrap(), "/easemob/server.json");
    let port = tcp.rsplit_once(':').unwrap().1;
    let hosts = format!(r#"{{"hosts":[{{"domain":"kith.test","port":"{port}"}}]}}"#);
    assert!(answer.contains(&format!(r#""im":{hosts}"#)), "{answer}");
    // What is no frame is ended, what may become one is waited for.
    let mut stream = TcpStream::connect(&tcp).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert_eq!(answer, "");
    drop(server);

    let server = place.serve(&["--tcp", "off"]);
    assert!(server.ready["tcp"].is_null());
    let answer = get(server.ready["http"].as_str().unwrap(), "/easemob/server.json");
    assert!(!answer.contains(r#""im""#) && answer.contains(r#""rest""#), "{answer}");
    place.run(&["serve", "--tcp", "6717"]).refused(2, &["tcp.address (command line)", "127.0.0.1:8080"]);
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: kith.test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn lost_data_is_refused_with_status_three_until_the_loss_is_accepted() {
    let place = Place::new();
    place.run(&["app", "create", "acme#chat"]).text();
    fs::remove_dir_all(place.data().join("fjall")).unwrap();
    let refused = place.run(&["serve", "--http", "127.0.0.1:0"]);
    refused.refused(3, &["--accept-data-loss", "kith explain data_lost"]);
    place.run(&["app", "list"]).refused(3, &["kith explain data_lost"]);

    let server = place.serve(&["--accept-data-loss"]);
    assert_eq!(server.ready["apps"].as_array().unwrap().len(), 0);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    // Accepted once: the next start is an ordinary one.
    place.run(&["app", "list"]).text();
}
