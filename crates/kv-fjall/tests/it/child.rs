//! This test program run again as another process, which may be killed or traced.
//!
//! The child is the ignored test below; what it does is in the environment. It speaks in lines that begin with
//! `kv:`, the rest of its output is the test runner's.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kv::{CellKey, Kv, KvError};

use crate::support;

const TASK: &str = "KV_CHILD_TASK";
const FOLDER: &str = "KV_CHILD_FOLDER";

/// The child as the parent sees it. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `task` on `folder`; `wrapper` is a command line put in front, such as a tracer's.
    pub(crate) fn start(task: &str, folder: &Path, wrapper: &[&str]) -> Self {
        let program = std::env::current_exe().expect("a program knows its path");
        let mut line: Vec<&str> = wrapper.to_vec();
        let program = program.to_str().expect("the path is text");
        line.extend([program, "--exact", "child::process", "--ignored", "--nocapture"]);
        let mut child = Command::new(line[0])
            .args(&line[1..])
            .env(TASK, task)
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the child starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, output }
    }

    /// The next line, `None` at the end of the output. A line cut off by a kill is no line.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("the output is read");
            let whole = line.strip_suffix('\n')?;
            // The runner prints the test's name without a line end in front of the first line.
            if let Some((_, said)) = whole.split_once("kv:") {
                return Some(said.to_owned());
            }
        }
    }

    pub(crate) fn lines(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// SIGKILL, and what it had said until then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("the child is killed");
        self.child.wait().expect("the child ends");
        self.lines()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other process of kill and flush tests; does nothing by itself"]
async fn process() {
    let (Ok(task), Ok(folder)) = (std::env::var(TASK), std::env::var(FOLDER)) else { return };
    let kv = Arc::new(support::open(Path::new(&folder)).await);
    match task.as_str() {
        "load" => load(kv).await,
        "persist" => persist(kv).await,
        "look early" => look_early(kv).await,
        task => panic!("no task {task}"),
    }
}

fn say(words: &str) {
    // One write a line, so that a kill cuts lines but mixes none.
    let line = format!("kv:{words}\n");
    std::io::stdout().write_all(line.as_bytes()).expect("the parent listens");
}

/// Senders that go on until they are killed, and say what was acknowledged.
async fn load(kv: Arc<dyn Kv>) {
    let senders: Vec<_> = (0..20)
        .map(|sender| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                // Ids are new in each life of the child.
                let life = std::process::id();
                for count in 0.. {
                    let log = format!("log {}", (sender + count) % 7);
                    let id = format!("{life}-{sender}-{count}");
                    support::send_long(&*kv, &log, &id, count * 37 % 2000).await.expect("a message is taken");
                    say(&format!("{log}|{id}"));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a sender goes on until it is killed");
    }
}

/// One message after the other, each tried once, whatever the outcome, until 40 were acknowledged.
async fn persist(kv: Arc<dyn Kv>) {
    let mut acknowledged = 0;
    for count in 0.. {
        let id = format!("message {count}");
        let outcome = match support::send(&*kv, "log", &id).await {
            Ok(_) => "acknowledged",
            Err(KvError::Unknown { .. }) => "unknown",
            Err(KvError::Unavailable { .. }) => "unavailable",
            Err(error) => panic!("{error}"),
        };
        say(&format!("{outcome}|{id}"));
        acknowledged += u32::from(outcome == "acknowledged");
        if acknowledged == 40 {
            break;
        }
        if outcome != "acknowledged" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for id in support::sent(&*kv, "log").await {
        say(&format!("stored|{id}"));
    }
    kv.close().await;
}

/// Reads while a commit is being flushed, and says what it saw until the commit was answered.
async fn look_early(kv: Arc<dyn Kv>) {
    let sender = tokio::spawn({
        let kv = Arc::clone(&kv);
        async move { support::send(&*kv, "log", "slow").await }
    });
    loop {
        // Asked before the look: a commit answered in between may be seen.
        let answered = sender.is_finished();
        let cell = kv.get(CellKey::main(b"log/slow".as_slice())).await.expect("a cell is read");
        let head = kv.log_head(b"log").await.expect("a head is read");
        say(&format!("answered {answered}, cell {}, head {head}", cell.is_some()));
        if answered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sender.await.expect("the sender ends").expect("the message is taken");
}
