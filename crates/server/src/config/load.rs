//! Reads a configuration from its sources and says what is wrong with it in words.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use figment::error::Kind;
use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use tracing_subscriber::filter::LevelFilter;

use super::{Config, Engine, FileStore, Span};

const PREFIX: &str = "KITH_";
const ENVIRONMENT: &str = "environment";
const FLAGS: &str = "command line";

/// Variables with our prefix that are no keys: they choose the file, or belong to tools beside the server.
const OTHER_VARIABLES: [&str; 2] = ["KITH_CONFIG", "KITH_TOKEN_FILE"];

/// Clients may be silent for 90 s between heartbeats (msync.md 2.6).
const IDLE_MIN: Duration = Duration::from_secs(90);

/// What a session may have out unacknowledged, and what one page may hold, is 128 KiB each; below twice that readers
/// of a full page would be cut.
const WRITE_BUFFER_MIN: u64 = 256 << 10;
/// The largest frame that the dialect takes.
const MESSAGE_MAX: u64 = 1 << 20;
/// Data folder of a demo.
const DEMO_DATA: &str = "./kith-demo";

/// Where a configuration comes from. The same sources are read again by a reload.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if there is one. It must exist.
    pub file: Option<PathBuf>,
    /// Variables of the environment; only those that begin with `KITH_` matter.
    pub environment: Vec<(String, String)>,
    /// Keys set on the command line, like `("http.address", "127.0.0.1:0")`.
    pub flags: Vec<(&'static str, String)>,
    /// A demo: listens on loopback and keeps its data apart, unless told otherwise. Its users have known passwords, and
    /// must not turn up in a server that others can reach.
    pub demo: bool,
}

/// A configuration that can't be used, one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the sources and checks what they say.
    ///
    /// # Errors
    /// Every problem that was found, each with its key and its source.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(file) = &sources.file {
            if !file.is_file() {
                return Err(one(format!("the configuration file {} does not exist", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let environment = Texts { name: ENVIRONMENT, values: variables(&sources.environment)? };
        let flags =
            sources.flags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<Vec<_>>();
        figment = figment.merge(environment).merge(Texts { name: FLAGS, values: flags });

        let mut config: Self = figment.extract_lossy().map_err(|error| ConfigError {
            problems: error.into_iter().map(|error| describe(&error)).collect(),
        })?;
        if sources.demo && !figment.contains("http.address") {
            config.http.address.0.set_ip(IpAddr::from([127, 0, 0, 1]));
        }
        if sources.demo && !figment.contains("data") {
            config.data = PathBuf::from(DEMO_DATA);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            let (there, missing) =
                if self.tls.key.is_none() { ("certificate", "key") } else { ("key", "certificate") };
            problems.push(format!("tls.{missing}: missing, while tls.{there} is set; TLS needs both"));
        }
        if self.storage.engine == Engine::Postgres && self.storage.postgres_url.is_none() {
            problems.push("storage.postgres_url: missing, while storage.engine is \"postgres\"".to_owned());
        }
        if self.files.store == FileStore::S3 {
            for (key, there) in [
                ("s3_bucket", self.files.s3_bucket.is_some()),
                ("s3_access_key", self.files.s3_access_key.is_some()),
                ("s3_secret_key", self.files.s3_secret_key.is_some()),
            ] {
                if !there {
                    problems.push(format!("files.{key}: missing, while files.store is \"s3\""));
                }
            }
        }
        if self.limits.idle.0 <= IDLE_MIN {
            problems.push(format!(
                "limits.idle: {} is too short; official clients may be silent for 90s between heartbeats",
                self.limits.idle
            ));
        }
        if self.limits.write_buffer.0 < WRITE_BUFFER_MIN {
            problems.push(format!("limits.write_buffer: {} is below 256KiB", self.limits.write_buffer));
        }
        if self.limits.message.0 > MESSAGE_MAX {
            problems.push(format!("limits.message: {} is above 1MiB", self.limits.message));
        }
        for (key, span) in [
            ("tls.check_every", self.tls.check_every),
            ("limits.handshake", self.limits.handshake),
            ("limits.header", self.limits.header),
            ("limits.request", self.limits.request),
            ("limits.upload", self.limits.upload),
            ("limits.login", self.limits.login),
            ("limits.write_stall", self.limits.write_stall),
            ("shutdown.limit", self.shutdown.limit),
        ] {
            if span == Span(Duration::ZERO) {
                problems.push(format!("{key}: must be longer than nothing"));
            }
        }
        for (key, count) in [
            ("http.backlog", u64::from(self.http.backlog)),
            ("storage.queue_jobs", self.storage.queue_jobs as u64),
            ("storage.queue_bytes", self.storage.queue_bytes.0),
            ("storage.readers", self.storage.readers as u64),
            ("limits.user_connections", self.limits.user_connections as u64),
            ("limits.address_connections", self.limits.address_connections as u64),
            ("limits.polled_connections", self.limits.polled_connections as u64),
            ("limits.polled_address_connections", self.limits.polled_address_connections as u64),
            ("limits.handshakes", self.limits.handshakes as u64),
            ("limits.body", self.limits.body.0),
            ("limits.message", self.limits.message.0),
            ("passwords.passes", u64::from(self.passwords.passes)),
            ("passwords.parallel", self.passwords.parallel.map_or(1, |count| count as u64)),
        ] {
            if count == 0 {
                problems.push(format!("{key}: must be at least 1"));
            }
        }
        // argon2 takes 8 KiB and more; over 1 GiB a few logins at once would end the process.
        if !(8 << 10..=1 << 30).contains(&self.passwords.memory.0) {
            problems
                .push(format!("passwords.memory: {} is not between 8KiB and 1GiB", self.passwords.memory));
        }
        for path in &self.http.websocket_paths.0 {
            if !path.starts_with('/') {
                problems.push(format!("http.websocket_paths: {path:?} does not begin with \"/\""));
            }
        }
        for directive in self.log.level.split(',') {
            // The filter itself takes a misspelt level for the name of a module.
            let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
            if level.trim().parse::<LevelFilter>().is_err() {
                problems.push(format!(
                    "log.level: {level:?} is none of off, error, warn, info, debug, trace; write a level, or \
                     levels by module like \"info,gateway=debug\""
                ));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }
}

fn one(problem: String) -> ConfigError {
    ConfigError { problems: vec![problem] }
}

/// The keys that variables set. A variable with our prefix that is no key is a mistake.
fn variables(environment: &[(String, String)]) -> Result<Vec<(String, String)>, ConfigError> {
    let keys: Vec<String> = Config::default().keys().into_iter().map(|(key, _)| key).collect();
    let mut values = Vec::new();
    let mut problems = Vec::new();
    for (variable, value) in environment {
        if !variable.starts_with(PREFIX) || OTHER_VARIABLES.contains(&variable.as_str()) {
            continue;
        }
        match keys.iter().find(|key| variable_of(key) == *variable) {
            Some(key) => values.push((key.clone(), value.clone())),
            None if is_service_link(variable) => {}
            None => problems.push(format!(
                "{variable}: there is no such setting; variables are named like KITH_HTTP_ADDRESS, and \
                 docs/kith.example.toml lists all keys"
            )),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(ConfigError { problems }) }
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "_"))
}

/// Kubernetes gives every pod such variables when a service is called `kith`.
fn is_service_link(variable: &str) -> bool {
    variable == "KITH_PORT" || variable.starts_with("KITH_PORT_") || variable.starts_with("KITH_SERVICE_")
}

/// Keys with texts.
struct Texts {
    name: &'static str,
    values: Vec<(String, String)>,
}

impl Provider for Texts {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let mut sections = Dict::new();
        for (key, text) in &self.values {
            match key.split_once('.') {
                None => {
                    sections.insert(key.clone(), Value::from(text.clone()));
                }
                Some((section, name)) => {
                    let keys = sections.entry(section.to_owned()).or_insert_with(|| Dict::new().into());
                    if let Value::Dict(_, keys) = keys {
                        keys.insert(name.to_owned(), Value::from(text.clone()));
                    }
                }
            }
        }
        Ok(Profile::default().collect(sections))
    }
}

/// One problem, with its key and where it stands.
fn describe(error: &figment::Error) -> String {
    let mut path = error.path.clone();
    let what = match &error.kind {
        Kind::UnknownField(name, known) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            format!("there is no such key; known are {}", known.join(", "))
        }
        Kind::UnknownVariant(name, known) => format!("{name:?} is none of {}", known.join(", ")),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("takes {expected}, not {found}")
        }
        other => other.to_string(),
    };
    let key = path.join(".");
    let source = error.metadata.as_ref().map(|metadata| match (&metadata.source, metadata.name.as_ref()) {
        (Some(Source::File(file)), _) => file.display().to_string(),
        (Some(source), _) => source.to_string(),
        (None, ENVIRONMENT) => variable_of(&key),
        (None, name) => name.to_owned(),
    });
    match (source, key.as_str()) {
        (Some(source), "") => format!("{source}: {what}"),
        (Some(source), key) => format!("{key} ({source}): {what}"),
        (None, key) => format!("{key}: {what}"),
    }
}
