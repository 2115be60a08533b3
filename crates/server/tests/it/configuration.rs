//! What an operator writes, and what he is told when it does not fit.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use server::config::{Engine, Span};
use server::{Config, Sources};
use tempfile::TempDir;

struct Given {
    _folder: TempDir,
    sources: Sources,
}

fn given_file(text: &str) -> Given {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kith.toml");
    fs::write(&file, text).unwrap();
    Given { _folder: folder, sources: Sources { file: Some(file), ..Sources::default() } }
}

impl Given {
    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, key: &'static str, value: &str) -> Self {
        self.sources.flags.push((key, value.to_owned()));
        self
    }

    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap()
    }

    /// Loads it and expects one problem that has all the words.
    fn refused(&self, words: &[&str]) {
        let error = Config::load(&self.sources).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    assert_eq!(Config::load(&Sources::default()).unwrap(), Config::default());
    assert_eq!(given_file("").load(), Config::default());
}

#[test]
fn a_variable_overrides_the_file_and_a_flag_overrides_both() {
    let given = given_file("[http]\naddress = \"127.0.0.1:1\"\n[limits]\nidle = \"5m\"\n");
    assert_eq!(given.load().http.address.to_string(), "127.0.0.1:1");
    assert_eq!(given.load().limits.idle, Span(Duration::from_secs(300)));
    let given = given.variable("KITH_HTTP_ADDRESS", "127.0.0.1:2").variable("KITH_LIMITS_HANDSHAKES", "7");
    assert_eq!(given.load().http.address.to_string(), "127.0.0.1:2");
    assert_eq!(given.load().limits.handshakes, 7);
    let given = given.flag("http.address", "127.0.0.1:3");
    assert_eq!(given.load().http.address.to_string(), "127.0.0.1:3");
}

#[test]
fn native_sdks_are_served_beside_http_unless_told_otherwise() {
    let listens = |given: &Given| given.load().tcp_address().map(|address| address.to_string());
    assert_eq!(listens(&given_file("")).as_deref(), Some("0.0.0.0:6717"));
    let local = given_file("[http]\naddress = \"127.0.0.1:9000\"\n");
    assert_eq!(listens(&local).as_deref(), Some("127.0.0.1:6717"));
    // Two servers that take free ports, as tests do, must not meet at a fixed one.
    let free = given_file("[http]\naddress = \"[::1]:0\"\n");
    assert_eq!(listens(&free).as_deref(), Some("[::1]:0"));
    assert_eq!(listens(&free.variable("KITH_TCP_ADDRESS", "0.0.0.0:7000")).as_deref(), Some("0.0.0.0:7000"));
    assert_eq!(listens(&given_file("").variable("KITH_TCP_ENABLED", "false")), None);
    let mut demo = given_file("");
    demo.sources.demo = true;
    assert_eq!(listens(&demo).as_deref(), Some("127.0.0.1:6717"));
    given_file("[tcp]\npublic_address = \"chat.example.com\"\n")
        .refused(&["tcp.public_address", "chat.example.com:6717"]);
}

#[test]
fn every_key_can_be_set_by_a_variable() {
    let given = given_file("")
        .variable("KITH_DATA", "/var/lib/kith")
        .variable("KITH_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
        .variable("KITH_HTTP_WEBSOCKET_PATHS", "/ws")
        .variable("KITH_HTTP_PUBLIC_ORIGIN", "https://chat.example.com")
        .variable("KITH_STORAGE_ENGINE", "memory")
        .variable("KITH_STORAGE_FREE_SPACE_FLOOR", "1GiB")
        .variable("KITH_PASSWORDS_PARALLEL", "3")
        .variable("KITH_LOG_FORMAT", "json");
    let config = given.load();
    assert_eq!(config.data, PathBuf::from("/var/lib/kith"));
    assert_eq!(config.http.trusted_proxies.0.len(), 2);
    assert_eq!(config.http.websocket_paths.0, ["/ws"]);
    assert_eq!(config.http.public_origin.unwrap().to_string(), "https://chat.example.com");
    assert_eq!(config.storage.engine, Engine::Memory);
    assert_eq!(config.storage.free_space_floor.unwrap().0, 1 << 30);
    assert_eq!(config.passwords.parallel, Some(3));
}

#[test]
fn an_error_names_the_key_and_where_it_was_set() {
    given_file("[http]\naddr = \"127.0.0.1:1\"").refused(&[
        "http.addr",
        "kith.toml",
        "no such key",
        "address",
    ]);
    given_file("[https]\naddress = \"127.0.0.1:1\"").refused(&["https", "kith.toml", "no such key", "http"]);
    given_file("[limits]\nidle = 120").refused(&["limits.idle", "kith.toml", "a duration with a unit"]);
    given_file("[limits]\nidle = \"2 minutes\"").refused(&["limits.idle", "no duration", "\"5m\""]);
    given_file("[storage]\ncache = \"64MB\"").refused(&["storage.cache", "no size", "\"64KiB\""]);
    given_file("[storage]\nengine = \"mysql\"").refused(&[
        "storage.engine",
        "mysql",
        "fjall, postgres, memory",
    ]);
    given_file("[http]\naddress = \"8080\"").refused(&["http.address", "127.0.0.1:8080"]);
    given_file("[http]\ntrusted_proxies = [\"10.0.0.0/99\"]")
        .refused(&["http.trusted_proxies", "10.0.0.0/99"]);
    given_file("[limits]\nhandshakes = -1").refused(&["limits.handshakes"]);
    given_file("[http]\naddress = ").refused(&["kith.toml"]);
    given_file("").variable("KITH_LIMITS_IDLE", "120").refused(&["limits.idle (KITH_LIMITS_IDLE)"]);
    given_file("").variable("KITH_HTTP_ADDR", "x").refused(&["KITH_HTTP_ADDR", "no such setting"]);
    given_file("").flag("http.address", "nowhere").refused(&["http.address (command line)", "nowhere"]);
}

#[test]
fn what_cannot_work_is_refused_before_the_start() {
    given_file("[tls]\nkey = \"k.pem\"").refused(&["tls.certificate", "missing"]);
    given_file("[storage]\nengine = \"postgres\"").refused(&["storage.postgres_url", "missing"]);
    given_file("[limits]\nidle = \"60s\"").refused(&["limits.idle", "1m", "90s"]);
    given_file("[limits]\nrequest = \"0s\"").refused(&["limits.request"]);
    given_file("[files]\nstore = \"s3\"\ns3_bucket = \"b\"").refused(&[
        "files.s3_access_key",
        "files.s3_secret_key",
        "missing",
    ]);
    given_file("[storage]\nreaders = 0").refused(&["storage.readers"]);
    given_file("[passwords]\nmemory = \"4GiB\"").refused(&["passwords.memory", "1GiB"]);
    given_file("[log]\nlevel = \"loudest\"").refused(&["log.level", "loudest", "info"]);
    given_file("[log]\nlevel = \"info,gateway=loud\"").refused(&["log.level", "loud"]);
    given_file("[http]\nwebsocket_paths = [\"ws\"]").refused(&["http.websocket_paths", "begin with"]);
    let missing = Sources { file: Some("/nowhere/kith.toml".into()), ..Sources::default() };
    let error = Config::load(&missing).unwrap_err().to_string();
    assert!(error.contains("/nowhere/kith.toml") && error.contains("does not exist"), "{error}");
}

#[test]
fn variables_of_other_owners_are_left_alone() {
    let given = given_file("")
        .variable("KITH_CONFIG", "/etc/kith.toml")
        .variable("KITH_SERVICE_HOST", "10.0.0.1")
        .variable("KITH_PORT_8080_TCP", "tcp://10.0.0.1:8080")
        .variable("PATH", "/bin");
    assert_eq!(given.load(), Config::default());
}

#[test]
fn a_demo_listens_on_loopback_and_keeps_its_data_apart_unless_told_otherwise() {
    let mut given = given_file("");
    given.sources.demo = true;
    assert_eq!(given.load().http.address.to_string(), "127.0.0.1:8080");
    assert_eq!(given.load().data, Path::new("./kith-demo"));
    let given = given.flag("http.address", "0.0.0.0:9000").flag("data", "/srv/kith");
    assert_eq!(given.load().http.address.to_string(), "0.0.0.0:9000");
    assert_eq!(given.load().data, Path::new("/srv/kith"));
}

#[test]
fn buffers_that_would_cut_honest_readers_are_refused() {
    for (key, value) in [("limits.write_buffer", "64KiB"), ("limits.message", "4MiB")] {
        let error = Config::load(&given_file("").flag(key, value).sources).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn two_configurations_differ_by_name() {
    let mut other = Config::default();
    other.log.level = "debug".to_owned();
    other.limits.user_connections = 1;
    assert_eq!(Config::default().differences(&other), ["limits.user_connections", "log.level"]);
}

/// Run with `KITH_WRITE_EXAMPLE=1` after a key changed.
#[test]
fn the_example_file_is_up_to_date_and_means_the_defaults() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kith.example.toml");
    let example = server::config::example();
    if std::env::var_os("KITH_WRITE_EXAMPLE").is_some() {
        fs::write(&file, &example).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == example,
        "docs/kith.example.toml is old: KITH_WRITE_EXAMPLE=1 cargo nextest run -p server example"
    );

    assert_eq!(given_file(&example).load(), Config::default());
    // With the marks taken off, every key is legal.
    let keys = |line: &&str| line.starts_with("# ") && line.contains(" = ");
    let all: Vec<String> = example
        .lines()
        .filter(|line| keys(line) || line.starts_with('['))
        .map(|line| line.trim_start_matches("# ").to_owned())
        .collect();
    assert!(all.len() > 40, "{all:?}");
    let config = given_file(&all.join("\n")).load();
    let differences = Config::default().differences(&config);
    let examples = [
        "http.public_origin",
        "tcp.address",
        "tcp.public_address",
        "tls.certificate",
        "tls.key",
        "storage.postgres_url",
        "storage.free_space_floor",
        "files.folder",
        "files.s3_bucket",
        "files.s3_endpoint",
        "files.s3_access_key",
        "files.s3_secret_key",
        "passwords.parallel",
    ];
    assert_eq!(differences, examples);
}
