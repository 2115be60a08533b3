//! Deliveries in groups: a few members of each write in a closed loop, all others read and acknowledge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use fixtures::{MsyncClient, Push};
use tokio::time::sleep;

use crate::subject::Subject;

/// Not measured: caches fill, positions are found.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long a reader waits for what does not come any more.
const SETTLE: Duration = Duration::from_secs(2);
/// Members of a group who write.
const WRITERS: usize = 4;

/// Messages that reached a member other than their sender, per second of server processor time.
pub(crate) async fn deliveries(subject: &Subject, members: usize, body: usize, seconds: u64) -> Result<f64> {
    let delivered = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::with_capacity(subject.devices.len());
    for device in &subject.devices {
        let mut client = MsyncClient::log_in(subject.address, device.clone()).await?;
        client.unread().await?;
        // From the answer on the connection follows the groups of its user.
        while !matches!(client.next().await?, Push::Unread(_)) {}
        clients.push(client);
    }
    let mut tasks = Vec::with_capacity(clients.len());
    for (index, mut client) in clients.into_iter().enumerate() {
        let group = subject.groups[index / members].clone();
        let (delivered, stop) = (Arc::clone(&delivered), Arc::clone(&stop));
        let text = (index % members < WRITERS).then(|| "x".repeat(body));
        tasks.push(tokio::spawn(async move {
            if let Some(text) = &text {
                client.send_group_text(&group, text).await?;
            }
            while !stop.load(Ordering::Relaxed) {
                match tokio::time::timeout(SETTLE, client.next()).await {
                    Err(_) => {}
                    Ok(push) => match push? {
                        Push::Answer { outcome, .. } => {
                            ensure!(outcome.is_ok(), "a message was refused: {outcome:?}");
                            let text = text.as_ref().expect("only those who write get answers");
                            client.send_group_text(&group, text).await?;
                        }
                        Push::Messages { metas, .. } => {
                            delivered.fetch_add(metas.len() as u64, Ordering::Relaxed);
                        }
                        Push::Unread(_) | Push::Notice(_) | Push::Other => {}
                    },
                }
            }
            Ok::<(), anyhow::Error>(())
        }));
    }
    sleep(WARM_UP).await;
    let (count, cpu) = (delivered.load(Ordering::Relaxed), subject.figures()?.cpu_seconds);
    sleep(Duration::from_secs(seconds)).await;
    let (count_after, cpu_after) = (delivered.load(Ordering::Relaxed), subject.figures()?.cpu_seconds);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok((count_after - count) as f64 / (cpu_after - cpu))
}
