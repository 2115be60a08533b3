//! A connection that breaks exactly where the outcome of a commit becomes unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kv::{Batch, CellKey, Committed, Expect, Health, Kv, KvError, Read, Slot, Space, Template};
use kv_postgres::PostgresKv;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::server::{Database, database};

/// Passes bytes between an engine and the server, until a commit passes while it is armed.
struct Proxy {
    cut: Cut,
    armed: AtomicBool,
    cuts: AtomicU32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The commit reaches the server; its answer, and that of the statements before it, is lost.
    AfterTheCommit,
    /// The commit, and the statements before it, do not reach the server.
    BeforeTheCommit,
    /// Nothing but locks was asked for.
    InTheLocks,
}

impl Proxy {
    /// Listens, and returns itself and the address for the engine.
    async fn listen(cut: Cut, database: &Database) -> (Arc<Self>, Database) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (host, rest) = database.url.split_once(' ').expect("the host comes first");
        let socket = format!("{}/.s.PGSQL.5432", host.strip_prefix("host=").expect("the host comes first"));
        let proxy = Arc::new(Self { cut, armed: AtomicBool::new(false), cuts: AtomicU32::new(0) });
        let passing = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("the server listens");
                tokio::spawn(Arc::clone(&passing).pass(client, server));
            }
        });
        (proxy, Database { url: format!("host=127.0.0.1 port={port} {rest}") })
    }

    async fn pass(self: Arc<Self>, mut client: TcpStream, mut server: UnixStream) {
        let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                count = client.read(&mut up) => {
                    let Ok(count @ 1..) = count else { return };
                    let place: &[u8] = if self.cut == Cut::InTheLocks { b"BEGIN" } else { b"COMMIT\0" };
                                        if contains(&up[..count], place) && self.armed.swap(false, Ordering::SeqCst) {
                        self.cuts.fetch_add(1, Ordering::SeqCst);
                        if self.cut == Cut::AfterTheCommit {
                            server.write_all(&up[..count]).await.expect("the server reads");
                            // Its answer shows that it is done; nobody else sees it.
                            let mut answer = Vec::new();
                            while !contains(&answer, b"COMMIT\0") {
                                let count = server.read(&mut down).await.expect("the server answers");
                                answer.extend_from_slice(&down[..count]);
                            }
                        }
                        return;
                    }
                    server.write_all(&up[..count]).await.expect("the server reads");
                }
                count = server.read(&mut down) => {
                    let Ok(count @ 1..) = count else { return };
                    if client.write_all(&down[..count]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn once() -> Batch {
    let mut batch = Batch::new();
    batch.check(CellKey::main("once"), Expect::Absent);
    batch.append("log", b"".as_slice());
    batch.put(Space::Main, b"once".as_slice(), Template::new().slot(Slot(0)));
    batch
}

/// Commits through a proxy that cuts; returns the outcome, and the log's head as another engine sees it.
async fn cut_once(cut: Cut) -> Option<(PostgresKv, Result<Committed, KvError>, u64)> {
    let database = database().await?;
    let (proxy, through) = Proxy::listen(cut, &database).await;
    let kv = through.engine().await;
    kv.commit(Batch::new()).await.expect("the proxy passes everything");
    proxy.armed.store(true, Ordering::SeqCst);
    let outcome = kv.commit(once()).await;
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 1);
    let head = database.engine().await.log_head(b"log").await.expect("a head is read");
    Some((kv, outcome, head))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_unknown_and_there() {
    let Some((kv, outcome, head)) = cut_once(Cut::AfterTheCommit).await else { return };
    assert!(matches!(outcome, Err(KvError::Unknown { .. })), "{outcome:?}");
    assert_eq!(head, 1);
    assert_eq!(kv.commit(once()).await, Err(KvError::CheckFailed { check: 0 }), "a repeat notices");
    assert_eq!(kv.log_head(b"log").await, Ok(1));
    assert_eq!(kv.health(), Health::Serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_does_not_arrive_is_unknown_and_a_repeat_succeeds() {
    let Some((kv, outcome, head)) = cut_once(Cut::BeforeTheCommit).await else { return };
    assert!(matches!(outcome, Err(KvError::Unknown { .. })), "{outcome:?}");
    assert_eq!(head, 0);
    assert_eq!(kv.commit(once()).await.expect("the batch commits").sequences[..], [1]);
    assert_eq!(kv.log_head(b"log").await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_before_anything_is_written_costs_no_error() {
    let Some((_kv, outcome, head)) = cut_once(Cut::InTheLocks).await else { return };
    assert_eq!(outcome.expect("the job is run again").sequences[..], [1]);
    assert_eq!(head, 1);
}
