//! Measurements, run by hand:
//! `cargo nextest run -p kv-postgres --run-ignored only --no-capture speed`.

use std::sync::Arc;
use std::time::Duration;

use kv::{Batch, CellKey, Expect, Kv, Slot, Space, Template, ValueHash};
use tokio::time::Instant;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn durable_messages_a_second() {
    let Some(server) = Server::start("-c fsync=on -c shared_buffers=128MB") else { return };
    let database = server.database().await;
    for senders in [1_u32, 64, 512] {
        let kv = Arc::new(database.engine().await);
        let mut batch = Batch::new();
        batch.put(Space::Main, b"policy".as_slice(), b"open".as_slice());
        kv.commit(batch).await.expect("the batch commits");
        let end = Instant::now() + Duration::from_secs(4);
        let tasks: Vec<_> = (0..senders)
            .map(|sender| {
                let kv = Arc::clone(&kv);
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while Instant::now() < end {
                        let started = Instant::now();
                        kv.commit(message(senders, sender, took.len())).await.expect("it commits");
                        took.push(started.elapsed());
                    }
                    took
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.expect("no panic"));
        }
        took.sort_unstable();
        println!(
            "{senders} senders: {} messages/s, median {:?}, 99 % {:?}, worst {:?}",
            took.len() / 4,
            took[took.len() / 2],
            took[took.len() * 99 / 100],
            took[took.len() - 1],
        );
        kv.close().await;
    }
}

/// Two rows and a note, under one check, as a message is stored.
fn message(senders: u32, sender: u32, number: usize) -> Batch {
    let id = [&senders.to_be_bytes()[..], &sender.to_be_bytes(), &number.to_be_bytes()].concat();
    let mut batch = Batch::new();
    batch.check(CellKey::main("policy"), Expect::Hash(ValueHash::of(b"open")));
    batch.check(CellKey::period(1, id.clone()), Expect::Absent);
    batch.append(format!("conversation {sender}"), vec![b'm'; 300]);
    batch.put(Space::Period(1), id, Template::new().slot(Slot(0)));
    batch.note("arrivals", Template::new().bytes(&sender.to_be_bytes()).slot(Slot(0)));
    batch
}
