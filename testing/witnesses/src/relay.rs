//! A way to a server on which everything is lost that Kith adds to the protocol: the names of conditions, trace ids and
//! pauses in answers, as if another server of the protocol had given them.
//!
//! Knows frames and headers only; what an SDK makes of the rest is the witnesses' to see.

use std::net::Ipv4Addr;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use easemob_wire::pb::m_sync::Command;
use easemob_wire::pb::{self, CommSyncDl, CommUnreadDl, Logout, MSync, Provision};
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

/// Bytes of a request or answer; witnesses' are far smaller.
const BODY_BYTES_LIMIT: usize = 16 << 20;

/// Where it listens until the run ends.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    /// Instead of the server's `http://HOST:PORT`.
    pub(crate) rest: String,
    /// Instead of its `ws://HOST:PORT/ws`.
    pub(crate) socket: String,
}

impl Relay {
    /// Leads to the server at this `http://HOST:PORT`.
    pub(crate) async fn start(server: &str) -> Result<Self> {
        let rest = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addresses = (rest.local_addr()?, socket.local_addr()?);
        let http =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let routes = Router::new().fallback(pass).with_state(To { http, server: server.to_owned() });
        tokio::spawn(async move { axum::serve(rest, routes).await });
        let server = server.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let server = server.clone();
                // A connection that breaks on one side ends on the other.
                tokio::spawn(async move { carry(stream, &server).await });
            }
        });
        Ok(Self { rest: format!("http://{}", addresses.0), socket: format!("ws://{}/ws", addresses.1) })
    }
}

#[derive(Clone, Debug)]
struct To {
    http: reqwest::Client,
    server: String,
}

async fn pass(State(to): State<To>, request: Request) -> Response {
    pass_on(&to, request).await.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

async fn pass_on(to: &To, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = to_bytes(body, BODY_BYTES_LIMIT).await?;
    let asked = to.http.request(head.method, format!("{}{path}", to.server)).headers(ends(head.headers));
    let answer = asked.body(body).send().await?;
    let mut passed = Response::builder().status(answer.status());
    if let Some(headers) = passed.headers_mut() {
        *headers = ends(answer.headers().clone());
    }
    Ok(passed.body(Body::from(answer.bytes().await?))?)
}

/// The headers that are for the other end, without Kith's.
fn ends(mut headers: HeaderMap) -> HeaderMap {
    let is_of_way = |name: &HeaderName| {
        matches!(
            name.as_str(),
            "host" | "connection" | "transfer-encoding" | "content-length" | "retry-after"
        )
    };
    let lost: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_of_way(name) || name.as_str().starts_with("x-kith-"))
        .cloned()
        .collect();
    for name in lost {
        headers.remove(name);
    }
    headers
}

async fn carry(stream: TcpStream, server: &str) -> Result<()> {
    let (mut up, mut down) = accept_async(stream).await?.split();
    let (there, _) = client_async(format!("ws://{server}/ws"), TcpStream::connect(server).await?).await?;
    let (mut to_server, mut from_server) = there.split();
    let asked = async {
        while let Some(message) = down.next().await {
            to_server.send(message?).await?;
        }
        to_server.close().await?;
        anyhow::Ok(())
    };
    let answered = async {
        while let Some(message) = from_server.next().await {
            let message = match message? {
                Message::Binary(frame) => Message::Binary(plain(frame)),
                other => other,
            };
            up.send(message).await?;
        }
        up.close().await?;
        anyhow::Ok(())
    };
    tokio::select! {
        ended = asked => ended,
        ended = answered => ended,
    }
}

/// A frame as another server would have sent it. What can't be read stays as it is.
fn plain(frame: Bytes) -> Bytes {
    let Ok(mut sync) = MSync::decode(frame.clone()) else { return frame };
    let payload = sync.payload.clone().unwrap_or_default();
    let payload = match sync.command() {
        Command::Provision => Provision::decode(payload).map(|mut said| {
            strip(&mut said.status);
            said.encode_to_vec()
        }),
        Command::Sync => CommSyncDl::decode(payload).map(|mut said| {
            strip(&mut said.status);
            said.encode_to_vec()
        }),
        Command::Unread => CommUnreadDl::decode(payload).map(|mut said| {
            strip(&mut said.status);
            said.encode_to_vec()
        }),
        Command::Logout => Logout::decode(payload).map(|mut said| {
            strip(&mut said.status);
            said.encode_to_vec()
        }),
        Command::Notice => return frame,
    };
    let Ok(payload) = payload else { return frame };
    sync.payload = Some(payload.into());
    sync.encode_to_vec().into()
}

fn strip(status: &mut Option<pb::Status>) {
    if let Some(status) = status {
        (status.condition, status.trace, status.retry_after_ms) = (None, None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kith_adds_is_lost_and_the_rest_stays() {
        let status = pb::Status {
            error_code: Some(15),
            reason: Some("muted".to_owned()),
            condition: Some("muted_in_conversation".to_owned()),
            trace: Some("7f".to_owned()),
            retry_after_ms: Some(5),
            ..pb::Status::default()
        };
        let said = CommSyncDl { status: Some(status), meta_id: Some(7), ..CommSyncDl::default() };
        let sync = MSync {
            command: Some(Command::Sync.into()),
            payload: Some(said.encode_to_vec().into()),
            ..MSync::default()
        };
        let passed = MSync::decode(plain(sync.encode_to_vec().into())).unwrap();
        let said = CommSyncDl::decode(passed.payload.unwrap()).unwrap();
        let status = said.status.unwrap();
        assert_eq!(
            (said.meta_id, status.error_code, status.reason.as_deref()),
            (Some(7), Some(15), Some("muted"))
        );
        assert_eq!((status.condition, status.trace, status.retry_after_ms), (None, None, None));
        let nonsense = Bytes::from_static(b"\xff\xff");
        assert_eq!(plain(nonsense.clone()), nonsense);

        let mut headers = HeaderMap::new();
        headers.insert("x-kith-condition", "group_full".parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        assert_eq!(ends(headers).keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["content-type"]);
    }
}
