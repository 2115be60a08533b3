//! The floor: a server that exchanges the same frames as the official SDK needs, checks nothing and stores
//! nothing. Same runtime, same WebSocket library with the same settings as Kith.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use easemob_wire::downlink::{
    Page, Provision, SendAnswer, Status, encode_meta, encode_page, encode_provision, encode_send_answer,
    encode_unread,
};
use easemob_wire::{GROUP_DOMAIN, JidRef, pb};
use futures_util::{FutureExt, SinkExt, StreamExt};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

/// Frames that wait for one connection.
const WAITING: usize = 64;

/// The connections of each group's members, with the member's name.
type Groups = HashMap<String, Vec<(String, mpsc::Sender<Bytes>)>>;

#[derive(Debug, Default)]
struct Relay {
    connections: Mutex<HashMap<String, mpsc::Sender<Bytes>>>,
    /// Who is in a group, by name, so that a sender can be left out.
    groups: Mutex<Groups>,
    /// Users of a group.
    members: usize,
    ids: AtomicU64,
}

pub(crate) async fn serve(members: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let relay = Arc::new(Relay { members: members.max(1), ..Relay::default() });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let relay = Arc::clone(&relay);
        tokio::spawn(async move {
            // A client that went away ends its connection; nobody else cares.
            let _ = connection(&relay, stream).await;
        });
    }
}

async fn connection(relay: &Relay, stream: TcpStream) -> Result<()> {
    let config = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(4096);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    let (sender, mut waiting) = mpsc::channel(WAITING);
    let mut user = String::new();
    let mut app_key = String::new();
    loop {
        tokio::select! {
            frame = socket.next() => {
                let mut frame = frame.context("the client left")??;
                loop {
                    if let Message::Binary(bytes) = &frame {
                        let envelope = pb::MSync::decode(bytes.clone())?;
                        if let Some(guid) = &envelope.guid {
                            user = guid.name().to_owned();
                            app_key = guid.app_key().to_owned();
                            relay.enter(&user, &sender);
                        }
                        let from = (app_key.as_str(), user.as_str());
                        if let Some(answer) = answer(relay, from, &envelope)? {
                            socket.feed(Message::Binary(answer)).await?;
                        }
                    }
                    match socket.next().now_or_never() {
                        Some(next) => frame = next.context("the client left")??,
                        None => break,
                    }
                }
            }
            Some(push) = waiting.recv() => {
                socket.feed(Message::Binary(push)).await?;
                while let Ok(push) = waiting.try_recv() {
                    socket.feed(Message::Binary(push)).await?;
                }
            }
        }
        flush(&mut socket).await?;
    }
}

async fn flush(socket: &mut WebSocketStream<TcpStream>) -> Result<()> {
    Ok(socket.flush().await?)
}

/// The answer to one frame; a message also goes to its recipient.
fn answer(relay: &Relay, (app_key, user): (&str, &str), envelope: &pb::MSync) -> Result<Option<Bytes>> {
    let payload = envelope.payload.clone().unwrap_or_default();
    match envelope.command() {
        pb::m_sync::Command::Provision => {
            let details = pb::Provision::decode(payload)?;
            let answer = Provision { resource: details.resource(), ..Provision::default() };
            Ok(Some(encode_provision(&answer)))
        }
        pb::m_sync::Command::Unread => Ok(Some(encode_unread(&Status::OK, &[], 1))),
        pb::m_sync::Command::Sync => {
            let sync = pb::CommSyncUl::decode(payload)?;
            match sync.meta {
                Some(meta) if meta.ns() == pb::meta::NameSpace::Chat => {
                    Ok(Some(relay.send(app_key, user, &meta)))
                }
                Some(_) => Ok(None),
                None => {
                    let queue = sync.queue.unwrap_or_default();
                    let queue = JidRef { app_key, name: queue.name(), domain: queue.domain(), resource: "" };
                    let page = Page { queue, metas: &[], next_key: None, timestamp_ms: 1 };
                    Ok(Some(encode_page(&page)))
                }
            }
        }
        _ => Ok(None),
    }
}

impl Relay {
    fn connections(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<Bytes>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user is there from now on; users are numbered, and their number says which group they are in.
    fn enter(&self, user: &str, sender: &mpsc::Sender<Bytes>) {
        self.connections().insert(user.to_owned(), sender.clone());
        let number = user.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<usize>();
        if let Ok(number) = number {
            let group = format!("group{}", number / self.members);
            self.groups().entry(group).or_default().push((user.to_owned(), sender.clone()));
        }
    }

    fn send(&self, app_key: &str, user: &str, meta: &pb::Meta) -> Bytes {
        let id = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
        let to = meta.to.clone().unwrap_or_default();
        let push = |queue: JidRef<'_>| {
            let rest = pb::Meta {
                ns: Some(pb::meta::NameSpace::Chat as i32),
                payload: meta.payload.clone(),
                ..pb::Meta::default()
            };
            let from = JidRef::user(app_key, user);
            let to = JidRef { app_key, name: to.name(), domain: to.domain(), resource: "" };
            let message = encode_meta(id, from, to, 1, &rest.encode_to_vec());
            encode_page(&Page { queue, metas: &[message], next_key: Some(id), timestamp_ms: 1 })
        };
        // A client that does not read misses messages: this is a relay.
        if to.domain() == GROUP_DOMAIN {
            let frame = push(JidRef::group(app_key, to.name()));
            for (member, connection) in self.groups().get(to.name()).into_iter().flatten() {
                if member != user {
                    let _ = connection.try_send(frame.clone());
                }
            }
        } else {
            let connection = self.connections().get(to.name()).cloned();
            if let Some(connection) = connection {
                let _ = connection.try_send(push(JidRef::user(app_key, user)));
            }
        }
        let answer =
            SendAnswer { status: Status::OK, meta_id: meta.id(), server_id: Some(id), timestamp_ms: 1 };
        encode_send_answer(&answer)
    }
}
