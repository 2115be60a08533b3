//! What connections cost: memory while idle, processor time to log in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use fixtures::{Device, MsyncClient};
use tokio::time::sleep;

use crate::subject::Subject;

/// Logins under way at the same time.
const PARALLEL: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);
/// For the allocator and the kernel to settle.
const SETTLE: Duration = Duration::from_secs(3);

/// Bytes of resident memory that one connected, silent device adds.
pub(crate) async fn idle(subject: &Subject, connections: usize) -> Result<f64> {
    // What the first ones cost once (pools, caches, threads) is not the connections' doing.
    let first = open(subject, 0, PARALLEL).await?;
    sleep(SETTLE).await;
    let before = subject.figures()?.resident_bytes;
    let clients = open(subject, PARALLEL, connections).await?;
    sleep(SETTLE).await;
    let after = subject.figures()?.resident_bytes;
    drop((first, clients));
    Ok(after.saturating_sub(before) as f64 / connections as f64)
}

async fn open(subject: &Subject, skip: usize, count: usize) -> Result<Vec<MsyncClient>> {
    let mut clients = Vec::with_capacity(count);
    for number in skip..skip + count {
        let mut client = MsyncClient::log_in(subject.address, device(subject, number)).await?;
        client.unread().await?;
        client.next().await?;
        clients.push(client);
    }
    Ok(clients)
}

/// The n-th device: users take turns, each gets a further device when all have one.
fn device(subject: &Subject, number: usize) -> Device {
    let users = subject.devices.len();
    let user = &subject.devices[number % users];
    Device { resource: format!("{}_{}", user.resource, number / users), ..user.clone() }
}

/// Logins per second of server processor time: connect, upgrade, log in, close.
pub(crate) async fn logins(subject: &Subject, seconds: u64) -> Result<f64> {
    let count = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for worker in 0..PARALLEL {
        let (count, stop) = (Arc::clone(&count), Arc::clone(&stop));
        let devices: Vec<Device> = subject.devices.iter().skip(worker).step_by(PARALLEL).cloned().collect();
        let address = subject.address;
        tasks.push(tokio::spawn(async move {
            for device in devices.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                MsyncClient::log_in(address, device.clone()).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), anyhow::Error>(())
        }));
    }
    sleep(WARM_UP).await;
    let (done, cpu) = (count.load(Ordering::Relaxed), subject.figures()?.cpu_seconds);
    sleep(Duration::from_secs(seconds)).await;
    let (done_after, cpu_after) = (count.load(Ordering::Relaxed), subject.figures()?.cpu_seconds);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok((done_after - done) as f64 / (cpu_after - cpu))
}
