//! Measures the engine: rows per CPU-second, the worst commit, the time to open again after a kill.
//!
//! `cargo run --release -p kv-fjall --example measure [-- FOLDER [ROUNDS]]` runs everything, each case in a process
//! of its own, interleaved, and prints medians. The folder must lie on a real disk. Figures and what they led to
//! are in `docs/storage.md`.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fjall::{KeyspaceCreateOptions, PersistMode};
use kv::{Batch, CellKey, Expect, Kv, Read, ReadLog, Space, Template};
use kv_fjall::{FjallKv, Options};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

const BODY_BYTES: usize = 250;
const CONVERSATIONS: u64 = 1000;
const SENDERS: u64 = 1000;
const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["case", what, rows, messages, folder] => {
            case(what, rows.parse()?, messages.parse()?, Path::new(folder))
        }
        [] => everything(&std::env::temp_dir(), ROUNDS),
        [folder] => everything(Path::new(folder), ROUNDS),
        [folder, rounds] => everything(Path::new(folder), rounds.parse()?),
        _ => Err("see the head of this file".into()),
    }
}

fn everything(parent: &Path, rounds: usize) -> Outcome<()> {
    let cases = [
        ("fjall alone", 2, 100_000),
        ("load", 1, 100_000),
        ("load", 2, 100_000),
        ("load", 3, 100_000),
        ("load", 1, 1_000_000),
        ("load", 2, 1_000_000),
        ("load", 3, 1_000_000),
        ("one by one", 2, 10_000),
        ("reads", 2, 100_000),
    ];
    let mut figures: Vec<Vec<Vec<f64>>> = vec![Vec::new(); cases.len()];
    for round in 0..rounds {
        for (case, figures) in cases.iter().zip(&mut figures) {
            let (what, rows, messages) = *case;
            let folder = parent.join(format!("kv-fjall-measure-{}", std::process::id()));
            let run = |what: &str| -> Outcome<Vec<f64>> {
                let output = Command::new(std::env::current_exe()?)
                    .args(["case", what, &rows.to_string(), &messages.to_string()])
                    .arg(&folder)
                    .output()?;
                let text = String::from_utf8(output.stdout.clone())?;
                let line = text.lines().last().ok_or_else(|| format!("{what} said nothing: {output:?}"))?;
                Ok(line.split_whitespace().filter_map(|figure| figure.parse().ok()).collect())
            };
            let mut figure = run(what)?;
            if what == "load" {
                figure.extend(run("open after a kill")?);
            }
            std::fs::remove_dir_all(&folder)?;
            println!("round {round}: {what}, {rows} rows, {messages} messages: {figure:.1?}");
            figures.push(figure);
        }
    }
    println!();
    for ((what, rows, messages), figures) in cases.iter().zip(&figures) {
        let medians: Vec<f64> = (0..figures[0].len()).map(|column| median(figures, column)).collect();
        println!("median: {what}, {rows} rows a message, {messages} messages: {medians:.1?}");
    }
    println!(
        "load, one by one: CPU µs a row, rows per CPU-second, CPU µs a message, messages per wall second, jobs a \
         group, commit p50 ms, p99 ms, worst ms, MiB on disk; open: ms, CPU ms, ms to read the journals"
    );
    println!("reads: CPU µs a point read and a page of 20 by one reader, a point read by one of 64 readers");
    Ok(())
}

fn median(figures: &[Vec<f64>], column: usize) -> f64 {
    let mut column: Vec<f64> = figures.iter().map(|figure| figure[column]).collect();
    column.sort_by(f64::total_cmp);
    column[column.len() / 2]
}

fn case(what: &str, rows: u64, messages: u64, folder: &Path) -> Outcome<()> {
    if what == "fjall alone" {
        return fjall_alone(rows, messages, folder);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match what {
            "load" => load(rows, messages, SENDERS, folder).await,
            "one by one" => load(rows, messages, 1, folder).await,
            "open after a kill" => open_again(folder).await,
            "reads" => reads(rows, messages, folder).await,
            _ => Err("no such case".into()),
        }
    })
}

/// Senders that each wait for their answer, then a kill.
async fn load(rows: u64, messages: u64, senders: u64, folder: &Path) -> Outcome<()> {
    let kv = Arc::new(kv_fjall::open(Options::new(folder)).await?);
    let start = (Instant::now(), cpu());
    let mut commits = send_all(&kv, rows, messages, senders).await?;
    let (wall, cpu) = (start.0.elapsed().as_secs_f64(), (cpu() - start.1).as_secs_f64());
    commits.sort_unstable();
    let millis = |part: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let index = ((commits.len() - 1) as f64 * part) as usize;
        commits[index].as_secs_f64() * 1e3
    };
    let count = (messages * rows) as f64;
    let groups = kv.log_head(b"arrivals").await? as f64;
    println!(
        "{} {} {} {} {} {} {} {} {}",
        cpu / count * 1e6,
        count / cpu,
        cpu / messages as f64 * 1e6,
        messages as f64 / wall,
        messages as f64 / groups,
        millis(0.5),
        millis(0.99),
        millis(1.0),
        bytes_in(folder)? as f64 / f64::from(1 << 20),
    );
    // As a kill leaves it.
    std::process::abort();
}

async fn send_all(kv: &Arc<FjallKv>, rows: u64, messages: u64, senders: u64) -> Outcome<Vec<Duration>> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..senders)
        .map(|_| {
            let (kv, next) = (Arc::clone(kv), Arc::clone(&next));
            tokio::spawn(async move {
                let mut commits = Vec::new();
                loop {
                    let message = next.fetch_add(1, Ordering::Relaxed);
                    if message >= messages {
                        return Ok::<_, kv::KvError>(commits);
                    }
                    let batch = batch(rows, message);
                    let start = Instant::now();
                    kv.commit(batch).await?;
                    commits.push(start.elapsed());
                }
            })
        })
        .collect();
    let mut commits = Vec::new();
    for task in tasks {
        commits.extend(task.await??);
    }
    Ok(commits)
}

/// What `store` writes for a message: an entry; a row against repeats; with three rows one more cell.
fn batch(rows: u64, message: u64) -> Batch {
    let mut batch = Batch::new();
    let conversation = scatter(message) % CONVERSATIONS;
    let slot = batch.append(name(b"app-1/c/", conversation), vec![message as u8; BODY_BYTES]);
    if rows > 1 {
        let key = name(b"app-1/d/", scatter(message));
        batch.check(CellKey::period(1, key.clone()), Expect::Absent);
        batch.put(Space::Period(1), key, Template::new().bytes(b"12345678").slot(slot));
    }
    if rows > 2 {
        batch.put(Space::Main, name(b"app-1/x/", scatter(message)), Template::new().slot(slot));
    }
    batch.note(b"arrivals".as_slice(), Template::from(name(b"", conversation)).slot(slot));
    batch
}

fn name(prefix: &[u8], number: u64) -> Vec<u8> {
    [prefix, &number.to_be_bytes()].concat()
}

fn scatter(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

async fn open_again(folder: &Path) -> Outcome<()> {
    let start = Instant::now();
    let journals: Vec<PathBuf> = std::fs::read_dir(folder.join("fjall"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    for journal in journals {
        std::fs::read(journal)?;
    }
    let reading = start.elapsed();
    let start = (Instant::now(), cpu());
    let kv = kv_fjall::open(Options::new(folder)).await?;
    let (wall, cpu) = (start.0.elapsed(), cpu() - start.1);
    println!("{} {} {}", wall.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3, reading.as_secs_f64() * 1e3);
    kv.close().await;
    Ok(())
}

async fn reads(rows: u64, messages: u64, folder: &Path) -> Outcome<()> {
    const READS: u64 = 100_000;
    const PAGES: u64 = 20_000;
    const READERS: u64 = 64;
    let kv = Arc::new(kv_fjall::open(Options::new(folder)).await?);
    send_all(&kv, rows, messages, SENDERS).await?;
    let start = cpu();
    for number in 0..READS {
        let key = CellKey::period(1, name(b"app-1/d/", scatter(scatter(number) % messages)));
        assert!(kv.get(key).await?.is_some());
    }
    let points = (cpu() - start).as_secs_f64() / READS as f64 * 1e6;
    let start = cpu();
    for number in 0..PAGES {
        let log = name(b"app-1/c/", scatter(number) % CONVERSATIONS).into();
        let read = ReadLog { log, from: u64::MAX, limit: 20, reverse: true };
        assert_eq!(kv.read_log(read).await?.len(), 20);
    }
    let pages = (cpu() - start).as_secs_f64() / PAGES as f64 * 1e6;
    let start = cpu();
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                for number in 0..READS / READERS {
                    let message = scatter(number * READERS + reader) % messages;
                    let key = CellKey::period(1, name(b"app-1/d/", scatter(message)));
                    assert!(kv.get(key).await.is_ok_and(|value| value.is_some()));
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await?;
    }
    let crowd = (cpu() - start).as_secs_f64() / READS as f64 * 1e6;
    println!("{points} {pages} {crowd}");
    Ok(())
}

/// The floor: the same rows handed to fjall by one thread, in flushed batches of a hundred messages.
fn fjall_alone(rows: u64, messages: u64, folder: &Path) -> Outcome<()> {
    const GROUP: u64 = 100;
    let database = fjall::Database::builder(folder.join("fjall")).worker_threads(2).open()?;
    let logs = database.keyspace("logs", KeyspaceCreateOptions::default)?;
    let cells = database.keyspace("cells", KeyspaceCreateOptions::default)?;
    let start = cpu();
    for group in 0..messages / GROUP {
        let mut batch = database.batch().durability(Some(PersistMode::SyncData));
        for message in group * GROUP..(group + 1) * GROUP {
            let log = name(&name(b"app-1/c/", scatter(message) % CONVERSATIONS), message);
            batch.insert(&logs, log, vec![message as u8; BODY_BYTES]);
            for row in 1..rows {
                batch.insert(&cells, name(b"app-1/d/", scatter(message) + row), vec![0; 16]);
            }
        }
        batch.commit()?;
    }
    let cpu = (cpu() - start).as_secs_f64();
    let count = (messages * rows) as f64;
    println!("{} {} {}", cpu / count * 1e6, count / cpu, cpu / messages as f64 * 1e6);
    Ok(())
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Bytes that files take, holes left out.
fn bytes_in(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            bytes += bytes_in(&entry.path())?;
        } else {
            bytes += std::os::unix::fs::MetadataExt::blocks(&entry.metadata()?) * 512;
        }
    }
    Ok(bytes)
}
