//! The configuration: a TOML file, then `KITH_*` variables, then flags; each overrides the one before.
//!
//! No file is needed. Unknown keys are errors, durations and sizes have units, and every error names the
//! key and where it was set (`load`). All keys stand in `sections`; [`example`] writes them down for
//! operators. It knows what may be set, not what is done with it: that is `options`.

mod load;
mod sections;
mod value;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

pub use load::{ConfigError, Sources};
pub use sections::{
    Engine, FileStore, Files, Http, Limits, Log, LogFormat, MetricsAccess, Passwords, Shutdown, Storage, Tcp,
    Tls,
};
pub use value::{DatabaseUrl, List, Listen, PublicAddress, PublicOrigin, Secret, Size, Span};

use sections::Line;
use value::Show as _;

/// Everything an operator can set about a server. Settings of one app are kept with the app instead.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder for everything that must outlive the process.
    pub data: PathBuf,
    pub http: Http,
    pub tcp: Tcp,
    pub tls: Tls,
    pub storage: Storage,
    pub files: Files,
    pub limits: Limits,
    pub passwords: Passwords,
    pub log: Log,
    pub shutdown: Shutdown,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./kith-data"),
            http: Http::default(),
            tcp: Tcp::default(),
            tls: Tls::default(),
            storage: Storage::default(),
            files: Files::default(),
            limits: Limits::default(),
            passwords: Passwords::default(),
            log: Log::default(),
            shutdown: Shutdown::default(),
        }
    }
}

/// Where native SDKs of private deployments are told to connect (`chatPort` in Easemob's documentation).
const TCP_PORT: u16 = 6717;

/// What the example says about `data`.
const DATA: &str = " The folder for everything that must outlive the process: messages, secrets, the admin token.\n \
                    Made with mode 0700 when it does not exist. One server a folder.\n";

/// One section of a configuration.
struct Section {
    /// `""` for the keys before the first section.
    name: &'static str,
    title: &'static str,
    lines: Vec<Line>,
}

impl Config {
    fn described(&self) -> Vec<Section> {
        let data = Line { name: "data", value: self.data.show(), example: None, meaning: DATA };
        macro_rules! described {
            ($($field:ident: $section:ty),+) => {
                vec![
                    Section { name: "", title: "", lines: vec![data] },
                    $(Section {
                        name: <$section>::NAME,
                        title: <$section>::TITLE,
                        lines: self.$field.lines(),
                    },)+
                ]
            };
        }
        described!(
            http: Http,
            tcp: Tcp,
            tls: Tls,
            storage: Storage,
            files: Files,
            limits: Limits,
            passwords: Passwords,
            log: Log,
            shutdown: Shutdown
        )
    }

    /// Where the port for native SDKs listens; `None` when there is none.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        let beside_http = || {
            let http = self.http.address.0;
            SocketAddr::new(http.ip(), if http.port() == 0 { 0 } else { TCP_PORT })
        };
        self.tcp.enabled.then(|| self.tcp.address.map_or_else(beside_http, |address| address.0))
    }

    /// All keys with their values, as `section.key`.
    fn keys(&self) -> Vec<(String, Option<String>)> {
        let mut keys = Vec::new();
        for section in self.described() {
            for line in section.lines {
                let dot = if section.name.is_empty() { "" } else { "." };
                keys.push((format!("{}{dot}{}", section.name, line.name), line.value));
            }
        }
        keys
    }

    /// The keys whose values differ between two configurations.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = self.keys().into_iter().zip(other.keys());
        pairs.filter(|(mine, theirs)| mine.1 != theirs.1).map(|(mine, _)| mine.0).collect()
    }
}

/// The example file: every key with its meaning and default, all commented out.
pub fn example() -> String {
    let mut text = String::from(
        "# Configuration of `kith serve --config FILE`. Every key is optional; what stands here is the\n\
         # default, or an example where there is none. A variable overrides the file: KITH_DATA,\n\
         # KITH_HTTP_ADDRESS, KITH_LOG_LEVEL and so on, lists with commas. A flag overrides both.\n",
    );
    for section in Config::default().described() {
        if !section.name.is_empty() {
            let _ = write!(text, "\n\n# {}\n[{}]\n", section.title, section.name);
        }
        for line in section.lines {
            text.push('\n');
            for sentence in line.meaning.trim_end().lines() {
                let _ = writeln!(text, "#{sentence}");
            }
            let value = line.value.as_deref().or(line.example).unwrap_or_default();
            let _ = writeln!(text, "# {} = {value}", line.name);
        }
    }
    text
}
