//! A page of JMessage's web SDK, whose answers are seen as they stand on the wire (jmessage.md 2).

use anyhow::{Context, Result, ensure};
use client::{Error, ErrorTable};
use conditions::{Condition, Operation};
use futures_util::{SinkExt as _, StreamExt as _};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::lab::{App, password};
use crate::witness::Outcome;

/// A connection of a page.
#[derive(Debug)]
pub(crate) struct Page {
    socket: WebSocketStream<TcpStream>,
    /// The number of the last request.
    rid: u64,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply(Value);

impl Reply {
    /// What the run saw of an operation. A refusal must stand on the wire with this number, words, a condition and a
    /// trace id.
    pub(crate) fn seen(&self, operation: Option<Operation>, code: i64) -> Result<Outcome> {
        let text = |name: &str| self.0[name].as_str().unwrap_or_default();
        if self.0["code"] == 0 {
            return Ok(Outcome::Fine);
        }
        ensure!(self.0["code"] == code, "the wire says {}, and not {code}", self.0);
        ensure!(!text("message").is_empty(), "the answer has no words: {}", self.0);
        let condition = Condition::parse(text("kith_condition")).context("the answer names no condition")?;
        ensure!(!text("kith_trace").is_empty(), "the answer has no trace id");
        let error = Error::new(condition).with_detail(text("message")).with_trace_id(text("kith_trace"));
        let error = match operation {
            Some(operation) => error.with_operation(operation),
            None => error,
        };
        // The row's own number stands on the wire too, beside the web SDK's.
        let own = error.clone().in_table(ErrorTable::JMessageServer).code();
        let said = self.0["kith_code"].as_i64();
        ensure!(said == own.map(i64::from), "the wire's number is {said:?}, and the row's {own:?}");
        Ok(Outcome::Refused(error))
    }

    pub(crate) fn is_fine(&self) -> bool {
        self.0["code"] == 0
    }

    /// The body of an answer that has to be fine.
    pub(crate) fn done(self) -> Result<Value> {
        ensure!(self.0["code"] == 0, "the request was refused: {}", self.0);
        Ok(self.0)
    }
}

impl App {
    /// What a page signs to say its app.
    #[expect(clippy::disallowed_methods, reason = "a page signs the time of its own machine")]
    pub(crate) fn page_init(&self) -> Result<Value> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let (appkey, random, time) = (&self.jmessage_key, "0123456789abcdefghij", since.as_millis() as u64);
        let signed =
            format!("appkey={appkey}&timestamp={time}&random_str={random}&key={}", self.jmessage_secret);
        Ok(json!({
            "appkey": appkey, "random_str": random, "timestamp": time, "signature": md5(&signed), "flag": 0,
            "fromPlatForm": "j",
        }))
    }

    /// Connects, and says nothing.
    pub(crate) async fn silent_page(&self) -> Result<Page> {
        let address = self.server.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{address}/socket.io/?EIO=3&transport=websocket");
        let (socket, _) = client_async(url, stream).await?;
        Ok(Page { socket, rid: 0 })
    }

    /// A page that has said its app.
    pub(crate) async fn page(&self) -> Result<Page> {
        let mut page = self.silent_page().await?;
        page.ask("c_init", self.page_init()?).await?.done()?;
        Ok(page)
    }

    /// A page on which a user is logged in.
    pub(crate) async fn page_of(&self, user: &str) -> Result<Page> {
        let mut page = self.page().await?;
        page.ask("login", page_login(user, &password(user))).await?.done()?;
        Ok(page)
    }

    /// Registers users who log in on pages.
    pub(crate) async fn page_users(&self, names: &[&str]) -> Result<()> {
        let user = |name: &&str| json!({ "username": name, "password": password(name) });
        self.jmessage("POST", "/v1/users", names.iter().map(user).collect()).await?.json()?;
        Ok(())
    }
}

/// A login as pages write it.
pub(crate) fn page_login(user: &str, password: &str) -> Value {
    json!({ "username": user, "password": md5(password), "version": "2.6.0" })
}

pub(crate) fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Page {
    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, name: &str, mut data: Value) -> Result<Reply> {
        self.rid += 1;
        let rid = self.rid;
        data["rid"] = rid.into();
        let packet = format!("42{}", json!([name, data]));
        self.socket.send(Message::text(packet)).await?;
        loop {
            let (said, body) = self.next().await?;
            if said != "ack" && body["rid"] == rid {
                return Ok(Reply(body));
            }
        }
    }

    /// Waits until the server tells of something.
    pub(crate) async fn hears(&mut self, name: &str) -> Result<Value> {
        loop {
            let (said, body) = self.next().await?;
            if said == name {
                return Ok(body);
            }
        }
    }

    async fn next(&mut self) -> Result<(String, Value)> {
        loop {
            let Some(message) = self.socket.next().await else { anyhow::bail!("the server hung up") };
            let Message::Text(packet) = message? else { continue };
            if let Some(event) = packet.strip_prefix("42") {
                return serde_json::from_str(event).with_context(|| format!("no event: {event}"));
            }
        }
    }
}
