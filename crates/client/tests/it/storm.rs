//! Whole clients, with their databases, over a network that breaks, and in processes that die: what was sent arrives, once
//! and in order. A seed (`KITH_SEED=7 cargo nextest run -p client storm`) varies the faults; which connection meets which of them
//! is the scheduler's to say, so that it does not repeat them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::storage::{Page, StorageOptions};
use client::{Client, Conversation, Event, NewMessage, username};
use house::{Dice, Site};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::text_of;

/// What all connections of a storm share.
#[derive(Debug)]
struct Weather {
    dice: Dice,
    calm: AtomicBool,
}

/// A way to the server on which pieces are late, and connections break. What was said before still arrives, after the next
/// connection has begun.
async fn bad_network(to: SocketAddr, weather: Arc<Weather>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let weather = Arc::clone(&weather);
            tokio::spawn(async move {
                let Ok(far) = TcpStream::connect(to).await else { return };
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::select! {
                    () = carry(near_read, far_write, &weather) => {}
                    () = carry(far_read, near_write, &weather) => {}
                }
            });
        }
    });
    address
}

/// Until one of the ends is gone, or the weather breaks it.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    weather: &Weather,
) {
    let mut piece = [0; 512];
    loop {
        let Ok(count @ 1..) = from.read(&mut piece).await else { return };
        let delay = Duration::from_millis(weather.dice.below(15));
        if !weather.calm.load(Ordering::Relaxed) && weather.dice.below(60) == 0 {
            let last = piece[..count].to_vec();
            tokio::spawn(async move {
                tokio::time::sleep(delay * 10).await;
                drop(to.write_all(&last).await);
            });
            return;
        }
        tokio::time::sleep(delay).await;
        if to.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}

/// A device over all its lives.
#[derive(Clone, Debug)]
struct Place {
    folder: PathBuf,
    rest: String,
    socket: String,
}

impl Place {
    async fn log_in(&self, user: &str) -> (Client, client::Events) {
        let builder =
            Client::builder(Site::APP, &self.rest, &self.socket).device("phone").reconnect_limit(None);
        let (client, events) = builder.data_folder(&self.folder).build().unwrap();
        while client.log_in(user, &format!("{user}-demo")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (client, events)
    }
}

/// The writing process: sends what is not in its database yet, in order, and waits for nothing.
async fn write(place: Place, messages: Arc<Vec<NewMessage>>, weather: Arc<Weather>) {
    let (client, mut events) = place.log_in("alice").await;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let storage = client.storage().unwrap();
    let mut sending = tokio::task::JoinSet::new();
    for message in messages.iter() {
        if storage.sent(message.client_id).await.unwrap().is_some() {
            continue;
        }
        // Polled once it is in the line, in this order; what is in the line when the process dies may not be written.
        let mut send = Box::pin({
            let (client, message) = (client.clone(), message.clone());
            async move { client.send(message).await }
        });
        if tokio::time::timeout(Duration::ZERO, &mut send).await.is_err() {
            sending.spawn(send);
        }
        tokio::time::sleep(Duration::from_millis(weather.dice.below(40))).await;
    }
    // Until it dies.
    std::future::pending::<()>().await;
}

/// The reading process.
async fn read(place: Place, told: Arc<Mutex<Vec<String>>>) {
    let (_client, mut events) = place.log_in("bob").await;
    while let Some(event) = events.next().await {
        if let Event::Message(message) = event {
            told.lock().push(text_of(&message).to_owned());
        }
    }
}

const MESSAGES: usize = 60;
const DEATHS: usize = 4;

fn storm(seed: u64) {
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let weather = Arc::new(Weather { dice: Dice::new(seed), calm: AtomicBool::new(false) });
    let site = server.block_on(Site::start());
    let to: SocketAddr = site.rest_url().trim_start_matches("http://").parse().unwrap();
    let network = server.block_on(bad_network(to, Arc::clone(&weather)));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [writer, reader] = [&folders[0], &folders[1]].map(|folder| Place {
        folder: folder.path().to_owned(),
        rest: site.rest_url(),
        socket: format!("ws://{network}/ws"),
    });
    let to_bob = Conversation::user("bob").unwrap();
    let messages = (0..MESSAGES).map(|number| NewMessage::text(to_bob.clone(), number.to_string()));
    let messages: Arc<Vec<NewMessage>> = Arc::new(messages.collect());
    let told = Arc::new(Mutex::new(Vec::new()));
    let expected: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
    let kept = |folder: &PathBuf| {
        let options = StorageOptions::new(folder, &Site::APP.parse().unwrap(), &username("bob").unwrap());
        async move {
            let storage = client::storage::Storage::open(options).await.unwrap();
            let from_alice = Conversation::user("alice").unwrap();
            let mut rows = storage.messages(from_alice, Page::newest(500)).await.unwrap();
            rows.sort_by_key(|row| row.id);
            rows.into_iter().map(|row| row.text).collect::<Vec<_>>()
        }
    };
    for life in 0..=DEATHS {
        let process =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        process.spawn(write(writer.clone(), Arc::clone(&messages), Arc::clone(&weather)));
        process.spawn(read(reader.clone(), Arc::clone(&told)));
        if life < DEATHS {
            std::thread::sleep(Duration::from_millis(400 + weather.dice.below(1_500)));
        } else {
            weather.calm.store(true, Ordering::Relaxed);
            let mut patience = 600;
            while server.block_on(kept(&reader.folder)).len() < MESSAGES {
                patience -= 1;
                assert!(patience > 0, "seed {seed}: {:?}", server.block_on(kept(&reader.folder)));
                std::thread::sleep(Duration::from_millis(100));
            }
            // What comes twice would come now.
            std::thread::sleep(Duration::from_millis(500));
        }
        // Without a farewell: nothing of it runs on.
        process.shutdown_background();
    }
    assert_eq!(server.block_on(kept(&reader.folder)), expected, "seed {seed}");
    let told = told.lock().clone();
    let mut once: Vec<u64> = told.iter().map(|text| text.parse().unwrap()).collect();
    assert!(once.is_sorted(), "seed {seed}: {told:?}");
    once.dedup();
    assert_eq!(once.len(), told.len(), "seed {seed}: {told:?}");
}

#[test]
fn a_storm_with_deaths_loses_nothing_doubles_nothing_and_keeps_the_order() {
    match std::env::var("KITH_SEED") {
        Ok(seed) => storm(seed.parse().expect("a number")),
        Err(_) => storm(1),
    }
}
