//! The sections of the configuration: every key with its type, default and meaning, once.
//!
//! The macro makes a struct for `serde`, the defaults, and the lines from which the example file and the
//! names of the environment variables come.

use std::path::PathBuf;

use gateway::Network;
use serde::Deserialize;

use super::value::{DatabaseUrl, List, Listen, PublicAddress, PublicOrigin, Secret, Show, Size, Span};

/// A key of a section, for the example file and for comparing two configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// As TOML; `None` when it is not set.
    pub(crate) value: Option<String>,
    /// A value for the example when there is no default.
    pub(crate) example: Option<&'static str>,
    pub(crate) meaning: &'static str,
}

macro_rules! sections {
    ($(
        #[doc = $title:literal]
        $section:ident($section_name:literal) {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr $(, like $example:literal)?;)+
        }
    )+) => {$(
        #[doc = $title]
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $section {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $section {
            /// As it stands in the file.
            pub(crate) const NAME: &'static str = $section_name;
            pub(crate) const TITLE: &'static str = $title.trim_ascii();

            pub(crate) fn lines(&self) -> Vec<Line> {
                vec![$(Line {
                    name: stringify!($field),
                    value: self.$field.show(),
                    example: None$(.or(Some($example)))?,
                    meaning: concat!($($doc, "\n"),+),
                },)+]
            }
        }
    )+};
}

sections! {
    /// The port for REST, WebSocket, health, metrics and the admin API.
    Http("http") {
        /// Where to listen. Port 0 takes a free one. `kith serve --demo` listens on 127.0.0.1 only,
        /// unless this is set.
        address: Listen = Listen(([0, 0, 0, 0], 8080).into());
        /// Paths on which clients open their WebSocket.
        websocket_paths: List<String> = List(vec!["/ws".to_owned(), "/websocket".to_owned()]);
        /// Where clients reach this server, for the URLs in its answers. Without it: as their requests say,
        /// which is right unless a proxy changes the host.
        public_origin: Option<PublicOrigin> = None, like "\"https://chat.example.com\"";
        /// Proxies whose `X-Forwarded-For` is believed: addresses or networks like "10.0.0.0/8". Over TCP they can't
        /// name their clients, whose connections are not counted then.
        trusted_proxies: List<Network> = List::default();
        /// Who may read `/metrics`: "local" is requests from this machine, and from elsewhere those with the
        /// admin token; "token" is the admin token only, for a proxy on this machine that says nothing of the
        /// addresses it serves; "open" is everybody.
        metrics: MetricsAccess = MetricsAccess::Local;
        /// Connections that the kernel keeps until they are accepted.
        backlog: u32 = 4096;
    }

    /// The port for native SDKs: MSYNC over TCP, without WebSocket.
    Tcp("tcp") {
        /// Whether it is there.
        enabled: bool = true;
        /// Where to listen. Without it: on port 6717 of the address of HTTP, or on a free port when HTTP takes one.
        address: Option<Listen> = None, like "\"0.0.0.0:6717\"";
        /// Where clients reach this port, for the answer to `/easemob/server.json`. Without it: on the host that
        /// `http.public_origin` or their request names, and the port where it listens.
        public_address: Option<PublicAddress> = None, like "\"chat.example.com:6717\"";
    }

    /// TLS for both ports. Without files they speak plainly, for a proxy in front.
    Tls("tls") {
        /// Certificate chain, leaf first, as PEM. Read again when it changes.
        certificate: Option<PathBuf> = None, like "\"/etc/kith/fullchain.pem\"";
        /// Its private key, as PEM.
        key: Option<PathBuf> = None, like "\"/etc/kith/privkey.pem\"";
        /// How often the two files are looked at.
        check_every: Span = Span::seconds(5);
    }

    /// Where messages and accounts are kept.
    Storage("storage") {
        /// "fjall": embedded, in the data folder. "postgres": in a PostgreSQL database, which one server
        /// at a time may use. "memory": nothing outlives the process, for tests.
        engine: Engine = Engine::Fjall;
        /// Where that database is.
        postgres_url: Option<DatabaseUrl> = None, like "\"postgres://kith:secret@localhost/kith\"";
        /// fjall: memory for cached blocks of the tables on disk.
        cache: Size = Size::mebibytes(64);
        /// fjall: free disk space below which writes are refused (storage_full), before the disk is
        /// really full. Without it: 256 MiB, or 2 % of a file system smaller than 12.5 GiB.
        free_space_floor: Option<Size> = None, like "\"256MiB\"";
        /// Writes that may wait; one more is answered with server_busy.
        queue_jobs: usize = 16_384;
        /// Bytes that the waiting writes may have together.
        queue_bytes: Size = Size::mebibytes(64);
        /// Reads that go to disk or to the database at the same time; more wait.
        readers: usize = 8;
    }

    /// Where the bytes of files are kept. With the storage engine "memory" that is in memory, whatever stands here.
    Files("files") {
        /// "folder": in a folder. "s3": in a bucket of Amazon S3 or of a service that speaks the same.
        store: FileStore = FileStore::Folder;
        /// folder: which. Without it: `files` in the data folder. The floor of storage.free_space_floor
        /// counts for its disk too.
        folder: Option<PathBuf> = None, like "\"/srv/kith/files\"";
        /// s3: the bucket.
        s3_bucket: Option<String> = None, like "\"kith-files\"";
        /// s3: its region. Services that have none take any.
        s3_region: String = "us-east-1".to_owned();
        /// s3: the address of the service. Without it: Amazon's.
        s3_endpoint: Option<String> = None, like "\"http://127.0.0.1:9000\"";
        /// s3: the id of the key that may read, write and delete in the bucket.
        s3_access_key: Option<String> = None, like "\"AKIAIOSFODNN7EXAMPLE\"";
        /// s3: the key's secret.
        s3_secret_key: Option<Secret> = None, like "\"secret\"";
        /// s3: in front of every name, to share a bucket with others.
        s3_prefix: String = String::new();
    }

    /// Bounds for clients, so that nobody can make the server grow without end.
    Limits("limits") {
        /// Connections of one user.
        user_connections: usize = 64;
        /// Sockets of one address, those of REST included. Offices and mobile networks share addresses; an
        /// IPv6 network of 64 bits is one.
        address_connections: usize = 16_384;
        /// Pages connected without a WebSocket, by polling, at the same time. They count as
        /// connections of their address too.
        polled_connections: usize = 16_384;
        /// The same of one address.
        polled_address_connections: usize = 1024;
        /// Sockets whose handshake is under way. More wait in the kernel's queue.
        handshakes: usize = 8192;
        /// Time from accepting a socket to its upgrade or first request, TLS included.
        handshake: Span = Span::seconds(10);
        /// Time for a request's head, and for the next request on a kept connection.
        header: Span = Span::seconds(5);
        /// Time for a whole request, its body included.
        request: Span = Span::seconds(60);
        /// Time for a whole request that uploads files.
        upload: Span = Span::seconds(300);
        /// Time until a connection for messages belongs to a user.
        login: Span = Span::seconds(10);
        /// How long a client may say nothing at all. Clients send a heartbeat every 30 s to 90 s, so it
        /// must be above 90 s.
        idle: Span = Span::seconds(120);
        /// Bytes of a REST request's body.
        body: Size = Size::mebibytes(1);
        /// Bytes of one frame from a client.
        message: Size = Size::mebibytes(1);
        /// Bytes that may wait for a client that does not read, before it is cut off.
        write_buffer: Size = Size(256 << 10);
        /// How long a client may take nothing of what waits for it.
        write_stall: Span = Span::seconds(10);
    }

    /// How passwords are hashed (argon2id). Changes apply to passwords set from then on.
    Passwords("passwords") {
        /// Memory of one hash.
        memory: Size = Size::mebibytes(4);
        /// Passes over that memory.
        passes: u32 = 3;
        /// Hashes at the same time. Without it: half as many as processors.
        parallel: Option<usize> = None, like "2";
    }

    /// Logs, on standard error. SIGHUP reads the level again.
    Log("log") {
        /// error, warn, info, debug or trace; or by module, like "info,gateway=debug".
        level: String = "info".to_owned();
        /// "text", or "json" for one object a line.
        format: LogFormat = LogFormat::Text;
    }

    /// How the server ends after SIGTERM or SIGINT. SIGHUP reads this section again.
    Shutdown("shutdown") {
        /// For so long `/readyz` says no while everything is served as before, so that a balancer can send new clients
        /// elsewhere; then the stop begins. As long as it takes the balancer to notice.
        delay: Span = Span::seconds(0);
        /// Clients are told to reconnect over this time, so that they do not all come back at once.
        spread: Span = Span::seconds(2);
        /// After the delay the whole stop takes no longer; what is left then is cut.
        limit: Span = Span::seconds(10);
    }
}

/// A storage engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Fjall,
    Postgres,
    Memory,
}

impl Engine {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fjall => "fjall",
            Self::Postgres => "postgres",
            Self::Memory => "memory",
        }
    }
}

/// Who may read metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsAccess {
    /// This machine, and whoever has the admin token.
    Local,
    /// Whoever has the admin token.
    Token,
    Open,
}

/// A place for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStore {
    Folder,
    S3,
}

/// The form of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

impl FileStore {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::S3 => "s3",
        }
    }
}

impl Show for Engine {
    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.as_str()))
    }
}

impl Show for MetricsAccess {
    fn show(&self) -> Option<String> {
        let name = match self {
            Self::Local => "local",
            Self::Token => "token",
            Self::Open => "open",
        };
        Some(format!("\"{name}\""))
    }
}

impl Show for FileStore {
    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.as_str()))
    }
}

impl Show for LogFormat {
    fn show(&self) -> Option<String> {
        let name = match self {
            Self::Text => "text",
            Self::Json => "json",
        };
        Some(format!("\"{name}\""))
    }
}
