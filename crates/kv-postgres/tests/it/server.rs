//! Throwaway PostgreSQL servers: a shared one with a schema a test, and own ones for tests that stop them.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kv_postgres::{Options, PostgresKv};
use tokio_postgres::{Client, NoTls};

/// A server that a test may stop and start.
pub(crate) struct Server {
    /// Holds the data and the socket, and belongs to whom the server runs as.
    folder: PathBuf,
    programs: PathBuf,
}

/// A schema of its own: an empty database to the engine, and made in a hundredth of the time.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
}

/// A new schema on the shared server, or `None`, said aloud, where PostgreSQL is not installed.
pub(crate) async fn database() -> Option<Database> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    Some(SHARED.get_or_init(Shared::join).as_ref()?.server.database().await)
}

impl Database {
    pub(crate) fn options(&self) -> Options {
        // The machine of a test may be busy with many others; tests of the patience set their own.
        Options { patience: Duration::from_secs(20), exclusive: false, ..Options::new(&self.url) }
    }

    pub(crate) async fn engine(&self) -> PostgresKv {
        kv_postgres::open(self.options()).await.expect("the database opens")
    }

    /// A connection beside the engine's.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test's server is up");
    tokio::spawn(connection);
    client
}

impl Server {
    /// Starts a server with these settings, which goes when this process goes; `None`, said aloud, where
    /// PostgreSQL is not installed.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        let server = Self::prepare(settings)?;
        // The shell reads until this process ends, however it ends.
        #[expect(clippy::zombie_processes, reason = "it ends after this process")]
        let mut watcher = server.stop_after("read _", Stdio::piped());
        std::mem::forget(watcher.stdin.take());
        server.up();
        Some(server)
    }

    fn prepare(settings: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let skipped = format!("SKIPPED {test}: no PostgreSQL (apt-get install postgresql)\n");
            std::io::stderr().write_all(skipped.as_bytes()).expect("standard error takes a line");
            return None;
        };
        let server = Self { folder: empty_folder(), programs };
        server.copy_fresh_data();
        let small = "-c listen_addresses='' -c shared_buffers=32MB -c max_connections=400 -c autovacuum=off \
             -c wal_level=minimal -c max_wal_senders=0";
        let sockets = format!("-c unix_socket_directories={}", shown(&server.folder));
        std::fs::write(server.folder.join("settings"), format!("{small} {sockets} {settings}"))
            .expect("the folder is ours");
        Some(server)
    }

    /// Starts the stopped server.
    pub(crate) fn up(&self) {
        let settings = std::fs::read_to_string(self.folder.join("settings")).expect("written at the start");
        self.control(&["-w", "-t", "60", "-l", &shown(&self.folder.join("log")), "-o", &settings, "start"]);
    }

    /// Stops it at once, as a crash would: connections break, nothing is written out.
    pub(crate) fn crash(&self) {
        self.control(&["-m", "immediate", "-w", "stop"]);
    }

    pub(crate) async fn database(&self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let url = format!("host={} user=postgres dbname=postgres", shown(&self.folder));
        connect(&url).await.batch_execute(&format!("CREATE SCHEMA {name}")).await.expect("a schema is made");
        Database { url: format!("{url} options='-c search_path={name}'") }
    }

    fn control(&self, arguments: &[&str]) {
        let data = shown(&self.folder.join("data"));
        let output = as_postgres(&self.programs.join("pg_ctl"))
            .args(["-D", &data])
            .args(arguments)
            .stdout(Stdio::null())
            .output()
            .expect("pg_ctl runs");
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(output.status.success(), "pg_ctl {arguments:?}: {log}");
    }

    /// A shell that waits by `until`, then stops the server and removes its folder.
    fn stop_after(&self, until: &str, input: Stdio) -> Child {
        let script = format!("{until}; kill -QUIT $(head -1 $0/data/postmaster.pid); sleep 0.2; rm -rf $0");
        Command::new("sh")
            .args(["-c", &script, &shown(&self.folder)])
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh runs")
    }

    /// `initdb` takes longer than a test, so it runs once a build folder and its result is copied.
    fn copy_fresh_data(&self) {
        let kept = build_folder();
        let lock = File::create(kept.join("postgres.lock")).expect("the build folder is ours");
        lock.lock().expect("the lock is waited for");
        let version = shown(&self.programs).replace('/', "_");
        let fresh = kept.join(format!("fresh{version}"));
        let data = self.folder.join("data");
        if !fresh.exists() {
            let made = as_postgres(&self.programs.join("initdb"))
                .args(["-D", &shown(&data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
                .args(["--no-sync", "--wal-segsize=1"])
                .output()
                .expect("initdb runs");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let partial = kept.join("partial");
            copy(&data, &partial);
            std::fs::rename(&partial, &fresh).expect("both are in the build folder");
        } else {
            copy(&fresh, &data);
        }
    }
}

/// The server that all tests of all processes share: nextest runs each test in a process of its own, and a
/// server a test would cost more than the tests.
struct Shared {
    server: Server,
    /// Locked as long as this process lives; nobody's lock left means that the server may go.
    _used: File,
}

impl Shared {
    /// Joins the server that runs, or starts it.
    fn join() -> Option<Self> {
        let programs = programs();
        let kept = build_folder();
        let gate = File::create(kept.join("shared.gate")).expect("the build folder is ours");
        gate.lock().expect("the lock is waited for");
        let users = kept.join("shared.users");
        let used = File::create(&users).expect("the build folder is ours");
        used.lock_shared().expect("the lock is waited for");

        let place = kept.join("shared.place");
        if let (Some(programs), Ok(folder)) = (programs, std::fs::read_to_string(&place)) {
            let server = Server { folder: folder.into(), programs };
            if UnixStream::connect(server.folder.join(".s.PGSQL.5432")).is_ok() {
                return Some(Self { server, _used: used });
            }
        }
        // Nothing here outlives the machine, so this server need not flush.
        let server = Server::prepare("-c fsync=off")?;
        server.up();
        // Looks now and then, so that a moment between two tests does not cost a start.
        let until = format!("exec 9<{}; while sleep 2; do flock -n -x 9 && break; done", shown(&users));
        #[expect(clippy::zombie_processes, reason = "it ends after this process")]
        let _ = server.stop_after(&until, Stdio::null());
        std::fs::write(place, shown(&server.folder)).expect("the build folder is ours");
        Some(Self { server, _used: used })
    }
}

fn build_folder() -> &'static Path {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(kept).expect("the build folder is ours");
    kept
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let done = Command::new("cp").args(["-a", &shown(from), &shown(to)]).status().expect("cp runs");
    assert!(done.success(), "{from:?} is copied");
}

/// In /tmp whatever TMPDIR says: the path of a socket must be short.
fn empty_folder() -> PathBuf {
    let folder =
        tempfile::Builder::new().prefix("kith-pg-").tempdir_in("/tmp").expect("/tmp is there").keep();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    if runs_as_root() {
        let owned = Command::new("chown").args(["postgres:", &shown(&folder)]).status().expect("chown runs");
        assert!(owned.success(), "the packages make the user postgres");
    }
    folder
}

/// The newest installed server.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .filter_map(|folder| Some((folder.parent()?.file_name()?.to_str()?.parse().ok()?, folder)))
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder)
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = if runs_as_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/tmp").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn shown(path: &Path) -> String {
    path.to_str().expect("the paths are plain").to_owned()
}

/// Waits until `holds`, at most 20 seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}, within 20 seconds");
}
