//! One-to-one messages: a closed loop for throughput, an open loop for times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use fixtures::{MsyncClient, Push};
use hdrhistogram::Histogram;
use tokio::sync::{Barrier, Mutex};
use tokio::time::{Instant, sleep, sleep_until};

use crate::subject::Subject;

/// Not measured: caches fill, conversations open.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the open loop waits for what is still on its way.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Throughput {
    pub(crate) acknowledged: u64,
    pub(crate) cpu_seconds: f64,
}

/// Each user sends the next message when the last was acknowledged, and acknowledges what arrives.
pub(crate) async fn closed_loop(subject: &Subject, body: usize, seconds: u64) -> Result<Throughput> {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for (mut client, peer) in clients(subject).await? {
        let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        tasks.push(tokio::spawn(async move {
            let text = "x".repeat(body);
            client.send_text(&peer, &text).await?;
            while !stop.load(Ordering::Relaxed) {
                if let Push::Answer { outcome, .. } = client.next().await? {
                    ensure!(outcome.is_ok(), "a message was refused: {outcome:?}");
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    client.send_text(&peer, &text).await?;
                }
            }
            Ok(())
        }));
    }
    sleep(WARM_UP).await;
    let (count, cpu) = (acknowledged.load(Ordering::Relaxed), subject.figures()?.cpu_seconds);
    sleep(Duration::from_secs(seconds)).await;
    let (count_after, cpu_after) = (acknowledged.load(Ordering::Relaxed), subject.figures()?.cpu_seconds);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        // A task that waits for an answer while its peer stopped ends with the measurement.
        if let Ok(outcome) = tokio::time::timeout(SETTLE, task).await {
            outcome??;
        }
    }
    Ok(Throughput { acknowledged: count_after - count, cpu_seconds: cpu_after - cpu })
}

#[derive(Debug)]
pub(crate) struct Times {
    /// Microseconds from the moment that a message was due until it was acknowledged.
    pub(crate) acknowledged: Histogram<u64>,
    /// Until its recipient had it.
    pub(crate) delivered: Histogram<u64>,
}

/// Messages leave when they are due, whatever happened to the ones before, and times count from then on:
/// a server that stalls can't hide it.
pub(crate) async fn open_loop(subject: &Subject, body: usize, seconds: u64, rate: u64) -> Result<Times> {
    let clients = clients(subject).await?;
    let users = clients.len();
    let every = Duration::from_secs_f64(users as f64 / rate.max(1) as f64);
    let begin = Instant::now() + Duration::from_secs(1);
    let end = begin + WARM_UP + Duration::from_secs(seconds);
    let times = Arc::new(Mutex::new(Times { acknowledged: histogram()?, delivered: histogram()? }));
    let everybody = Arc::new(Barrier::new(users));
    let mut tasks = Vec::new();
    for (index, (client, peer)) in clients.into_iter().enumerate() {
        let offset = every.mul_f64(index as f64 / users as f64);
        let schedule = Schedule { begin, first: begin + offset, every, end };
        let (times, everybody) = (Arc::clone(&times), Arc::clone(&everybody));
        tasks.push(tokio::spawn(async move {
            let own = scheduled(client, &peer, body, schedule).await?;
            let mut times = times.lock().await;
            times.acknowledged.add(own.acknowledged)?;
            times.delivered.add(own.delivered)?;
            drop(times);
            everybody.wait().await;
            Ok::<(), anyhow::Error>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Arc::try_unwrap(times).map(Mutex::into_inner).map_err(|_| anyhow::anyhow!("a task still holds the times"))
}

#[derive(Clone, Copy, Debug)]
struct Schedule {
    begin: Instant,
    first: Instant,
    every: Duration,
    end: Instant,
}

async fn scheduled(mut client: MsyncClient, peer: &str, body: usize, schedule: Schedule) -> Result<Times> {
    let mut times = Times { acknowledged: histogram()?, delivered: histogram()? };
    let measured_from = schedule.begin + WARM_UP;
    let mut due = schedule.first;
    let mut due_of = std::collections::HashMap::new();
    loop {
        let sending = due < schedule.end;
        let wake = if sending { due } else { schedule.end + SETTLE };
        tokio::select! {
            biased;
            () = sleep_until(wake) => {
                if !sending {
                    return Ok(times);
                }
                // The text says when it was due, for the recipient, who shares our clock.
                let mut text = format!("{:020}", (due - schedule.begin).as_micros());
                text.extend(std::iter::repeat_n('x', body.saturating_sub(text.len())));
                due_of.insert(client.send_text(peer, &text).await?, due);
                due += schedule.every;
            }
            push = client.next_unanswered() => match push? {
                Push::Answer { client_id, outcome } => {
                    ensure!(outcome.is_ok(), "a message was refused: {outcome:?}");
                    if let Some(due) = due_of.remove(&client_id).filter(|due| *due >= measured_from) {
                        times.acknowledged.record(micros(due.elapsed()))?;
                    }
                }
                Push::Messages { queue, metas, key } => {
                    for text in metas.iter().filter_map(text_of) {
                        let due = schedule.begin + Duration::from_micros(text[..20].parse()?);
                        if due >= measured_from {
                            times.delivered.record(micros(due.elapsed()))?;
                        }
                    }
                    if let Some(key) = key {
                        client.sync(&queue, Some(key)).await?;
                    }
                }
                Push::Notice(queue) => client.sync(&queue, None).await?,
                Push::Unread(_) | Push::Other => {}
            },
        }
    }
}

fn text_of(meta: &easemob_wire::pb::Meta) -> Option<String> {
    use prost::Message as _;
    let body = easemob_wire::pb::MessageBody::decode(meta.payload.clone()?).ok()?;
    body.contents.first().map(|content| content.text().to_owned()).filter(|text| text.len() >= 20)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// Every user logged in, with the one that he writes to.
async fn clients(subject: &Subject) -> Result<Vec<(MsyncClient, String)>> {
    let mut clients = Vec::with_capacity(subject.devices.len());
    for (index, device) in subject.devices.iter().enumerate() {
        let peer = subject.devices[index ^ 1].user.clone();
        let mut client = MsyncClient::log_in(subject.address, device.clone()).await?;
        client.unread().await?;
        clients.push((client, peer));
    }
    Ok(clients)
}
