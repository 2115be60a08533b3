//! Runs `kith` in a temporary folder.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder and the commands on it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `kith ARGUMENTS --data DIR`, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_without_data(arguments);
        command.arg("--data").arg(self.data());
        command
    }

    /// The same where the folder is another one, or none.
    pub(crate) fn command_without_data(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        command.args(arguments).current_dir(self.folder.path());
        // Whatever the developer has set.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KITH_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Starts `kith serve` on a free port and waits for its first line.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        self.serve_at("127.0.0.1:0", arguments)
    }

    /// The same where a server was before.
    pub(crate) fn serve_at(&self, address: &str, arguments: &[&str]) -> Serving {
        let mut command = self.command(&["serve", "--ready-json", "--http", address]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut log = String::new();
            child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
            panic!("the server ended before it was ready: {log}");
        }
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        let log = Log::of(child.stderr.take().unwrap());
        Serving { child, ready, log }
    }
}

/// What a command left.
pub(crate) struct Ran(Output);

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self(output)
    }

    pub(crate) fn status(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// Standard output as JSON, after success.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status(), 0, "{}", self.err());
        serde_json::from_str(&self.out()).unwrap()
    }

    /// Standard output, after success.
    pub(crate) fn text(&self) -> String {
        assert_eq!(self.status(), 0, "{}", self.err());
        self.out()
    }

    /// Expects an exit status and words on standard error.
    pub(crate) fn refused(&self, status: i32, words: &[&str]) {
        let err = self.err();
        assert_eq!(self.status(), status, "{err}");
        for word in words {
            assert!(err.contains(word), "no {word:?} in: {err}");
        }
    }
}

/// A server in another process; killed when dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) ready: Value,
    log: Log,
}

impl Serving {
    pub(crate) fn address(&self) -> String {
        self.ready["http"].as_str().unwrap().to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the log has so many lines with these words. Signals that come before the last one was taken are one
    /// signal: who sends several waits in between.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "waits for another process")]
    pub(crate) fn until_logged(&self, words: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log.text();
            if log.lines().filter(|line| line.contains(words)).count() >= count {
                return;
            }
            assert!(Instant::now() < deadline, "{words:?} is not there {count} times: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end: the exit status, the rest of standard output, and the log.
    #[expect(clippy::disallowed_methods, reason = "waits for another process")]
    pub(crate) fn wait(mut self) -> (Option<i32>, String, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (status.code(), out, self.log.whole())
    }

    /// Ends it like a power cut.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What a server writes on standard error, read as it comes.
struct Log {
    lines: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Log {
    fn of(stderr: ChildStderr) -> Self {
        let lines = Arc::new(Mutex::new(String::new()));
        let read = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                *read.lock().unwrap() += &(line.unwrap() + "\n");
            }
        });
        Self { lines, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap().clone()
    }

    /// All of it, once the server has ended.
    fn whole(&mut self) -> String {
        self.reader.take().expect("it is asked for once").join().unwrap();
        self.text()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A failed test leaves no server behind; after its end this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
