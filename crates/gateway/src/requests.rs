//! HTTP on a fresh socket: a WebSocket path ends in a driver, everything else in the given service.

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use conditions::Condition;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use session::packets::{Asked, Way};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};
use tower::ServiceExt;
use tracing::debug;

use crate::address::{client_address, is_trusted};
use crate::driver::{Shared, drive};
use crate::listener::{Arrival, Site};
use crate::polling::{self, Asking, Link};
use crate::problem::Problem;
use crate::refusals::Refusals;
use crate::registry::{AddressGuard, Registry};
use crate::request_lines::RequestLines;
use crate::texts::{Stream, TextSessions};
use crate::upgrade;
use crate::websocket::WebSocket;
use crate::write_limit::WriteLimit;
use crate::{ClientAddress, Options};

/// How long the end of a plain connection may take: to be said (TLS), and for the rest of a request that nobody reads.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);
/// For a client that speaks HTTP/2 without having been told that it may.
const HTTP2_REFUSED: Problem = Problem {
    status: StatusCode::HTTP_VERSION_NOT_SUPPORTED,
    condition: Condition::ArgumentInvalid,
    error: "http_version_not_supported",
    description: "this port speaks HTTP/1.1; a proxy in front may speak HTTP/2 with clients",
    retry_after: None,
};
/// When a client may try again that was turned away for a reason that passes.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// A port for HTTP: WebSockets to sessions, other requests to a service.
pub(crate) struct HttpSite<P, S, B> {
    shared: Arc<Shared<P>>,
    service: S,
    http: http1::Builder,
    /// Sessions of a second protocol.
    texts: Option<Arc<dyn TextSessions>>,
    /// True when the listener is to end. Whoever holds a receiver is waited for.
    stop: watch::Receiver<bool>,
    _body: PhantomData<fn() -> B>,
}

impl<P, S, B> HttpSite<P, S, B> {
    pub(crate) fn new(
        shared: Arc<Shared<P>>,
        service: S,
        texts: Option<Arc<dyn TextSessions>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let http = http_settings(shared.options.header_limit);
        Self { shared, service, http, texts, stop, _body: PhantomData }
    }
}

impl<P, S, B> Site for HttpSite<P, S, B>
where
    P: session::Protocol,
    S: HttpService<B>,
    B: HttpBody,
{
    fn options(&self) -> &Options {
        &self.shared.options
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.shared.registry
    }

    fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    async fn greet<T>(self: Arc<Self>, stream: T, arrival: Arrival)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        greet(self, stream, arrival).await;
    }
}

/// The service for requests that are no WebSocket; an `axum::Router` is one.
pub trait HttpService<B>:
    tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<B, S> HttpService<B> for S where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Bodies that such a service may answer with.
pub trait HttpBody:
    Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static
{
}

impl<B> HttpBody for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static
{
}

fn http_settings(header_limit: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(header_limit)
        .max_header_size(16 << 10)
        .max_buf_size(64 << 10);
    http
}

/// The first part of a connection's life: until its upgrade, or its first plain request, which then has
/// a task of its own.
async fn greet<P, S, B, T>(site: Arc<HttpSite<P, S, B>>, stream: T, arrival: Arrival)
where
    P: session::Protocol,
    S: HttpService<B>,
    B: HttpBody,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Arrival { address: socket, admitted, handshake } = arrival;
    let exchange =
        Arc::new(Exchange { socket, state: Mutex::new(State::Waiting), admitted: Mutex::new(admitted) });
    let routes = Routes { site: Arc::clone(&site), exchange: Arc::clone(&exchange) };
    let registry = Arc::clone(&site.shared.registry);
    let stream = WriteLimit::new(stream, site.shared.options.write_stall_limit);
    let stream = RequestLines::new(Refusals::new(stream, registry));
    let mut connection = Box::new(site.http.serve_connection(TokioIo::new(stream), routes));
    let first = poll_fn(|cx| match connection.poll_without_shutdown(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if exchange.is_plain() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match timeout_at(handshake.deadline(), first).await {
        Ok(Some(result)) => finish(&site, *connection, result).await,
        Ok(None) => {
            tokio::spawn(converse(site, connection));
        }
        Err(_) => site.shared.registry.measures.refused_handshake.increment(1),
    }
}

type Connection<P, S, B, T> =
    http1::Connection<TokioIo<RequestLines<Refusals<WriteLimit<T>>>>, Routes<P, S, B>>;

/// Plain requests, one after the other; any of them may still be an upgrade.
async fn converse<P, S, B, T>(site: Arc<HttpSite<P, S, B>>, mut connection: Box<Connection<P, S, B, T>>)
where
    P: session::Protocol,
    S: HttpService<B>,
    B: HttpBody,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stop = site.stop.clone();
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break result,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                Pin::new(&mut *connection).graceful_shutdown();
            }
        }
    };
    finish(&site, *connection, result).await;
}

/// HTTP on this socket is over.
async fn finish<P, S, B, T>(
    site: &HttpSite<P, S, B>,
    connection: Connection<P, S, B, T>,
    result: hyper::Result<()>,
) where
    P: session::Protocol,
    S: HttpService<B>,
    B: HttpBody,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let parts = connection.into_parts();
    let exchange = parts.service.exchange;
    let lines = parts.io.into_inner();
    let is_amid_request = lines.is_amid_request();
    let (stream, rest) = lines.into_parts();
    let mut stream = stream.into_inner().into_inner();
    if let Err(cause) = result {
        // Says which rule was broken, never what was sent.
        debug!(%cause, "a connection ended in the middle of HTTP");
        if matches!(*exchange.state.lock(), State::Waiting) {
            site.shared.registry.measures.refused_handshake.increment(1);
        }
        if cause.is_parse() {
            let farewell = async {
                if cause.is_parse_version_h2() {
                    // The one refusal for which the parser has no answer of its own.
                    let trace = site.shared.registry.next_trace();
                    stream.write_all(&HTTP2_REFUSED.render_last(trace)).await?;
                }
                hang_up(stream).await
            };
            let _ = timeout(SHUTDOWN_LIMIT, farewell).await;
        }
        return;
    }
    let state = std::mem::replace(&mut *exchange.state.lock(), State::Waiting);
    let State::Upgraded { address, admitted, to } = state else {
        if is_amid_request {
            let _ = timeout(SHUTDOWN_LIMIT, hang_up(stream)).await;
        } else {
            let _ = timeout(SHUTDOWN_LIMIT, stream.shutdown()).await;
        }
        return;
    };
    let options = &site.shared.options;
    let read_ahead = [&parts.read_buf[..], &rest].concat();
    let bytes_limit = options.message_bytes_limit;
    let fragments_limit = options.message_fragments_limit;
    let texts = match to {
        Target::First => {
            let registered = site.shared.registry.open(admitted);
            let io = WebSocket::new(stream, &read_ahead, bytes_limit, fragments_limit);
            tokio::spawn(drive(Arc::clone(&site.shared), registered, address, io));
            return;
        }
        Target::Texts(texts, link) => (texts, link),
    };
    let stream: Box<dyn Stream> = Box::new(stream);
    let io = WebSocket::new(stream, &read_ahead, bytes_limit, fragments_limit).of_text();
    match texts {
        (texts, None) => texts.open(site.shared.registry.open(admitted), address, io),
        (texts, Some(link)) => {
            let packets = Arc::clone(&texts.polling().packets);
            tokio::spawn(async move {
                polling::probe(link, packets, Box::new(io)).await;
                // Once it has moved, the connection counts as it did before.
                drop(admitted);
            });
        }
    }
}

/// Ends a connection whose client is still sending what nobody will read. It is read here and dropped: an end with bytes in
/// the way is a reset, which takes the answer from a client that has not read it yet.
async fn hang_up<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T) -> io::Result<u64> {
    stream.shutdown().await?;
    copy(&mut stream, &mut sink()).await
}

/// What one socket's requests leave for its task.
struct Exchange {
    socket: IpAddr,
    state: Mutex<State>,
    /// The socket counted for its address; a WebSocket takes it along.
    admitted: Mutex<Option<AddressGuard>>,
}

enum State {
    /// There was no request yet.
    Waiting,
    Plain,
    Upgraded {
        address: IpAddr,
        admitted: Option<AddressGuard>,
        to: Target,
    },
}

/// Whose sessions a WebSocket is for.
enum Target {
    First,
    /// The second protocol's: for a new connection, or for one that may move there.
    Texts(Arc<dyn TextSessions>, Option<Arc<Link>>),
}

impl Exchange {
    fn is_plain(&self) -> bool {
        matches!(*self.state.lock(), State::Plain)
    }
}

/// Sorts requests. One for each socket.
struct Routes<P, S, B> {
    site: Arc<HttpSite<P, S, B>>,
    exchange: Arc<Exchange>,
}

type Answer<B> = Response<Either<B, Full<Bytes>>>;

impl<P, S, B> hyper::service::Service<Request<Incoming>> for Routes<P, S, B>
where
    P: session::Protocol,
    S: HttpService<B>,
    B: HttpBody,
{
    type Response = Answer<B>;
    type Error = Infallible;
    type Future = Answering<B>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let options = &self.site.shared.options;
        let address = client_address(&options.trusted_proxies, self.exchange.socket, request.headers());
        let path = request.uri().path();
        if let Some(texts) = self.site.texts.as_ref().filter(|texts| texts.serves(path)) {
            return self.call_texts(Arc::clone(texts), request, address);
        }
        if options.websocket_paths.iter().any(|other| other == path) {
            let answer = self.upgrade(&request, address, Target::First);
            let answer = answer.unwrap_or_else(|problem| self.refuse(&problem));
            return Box::pin(ready(Ok(answer)));
        }
        *self.exchange.state.lock() = State::Plain;
        request.extensions_mut().insert(ClientAddress(address));
        let uploads = is_form_with_files(request.headers());
        let limit = if uploads { options.upload_limit } else { options.request_limit };
        let site = Arc::clone(&self.site);
        let service = site.service.clone();
        Box::pin(async move {
            Ok(match timeout(limit, service.oneshot(request)).await {
                Ok(Ok(answer)) => answer.map(Either::Left),
                Ok(Err(never)) => match never {},
                Err(_) => {
                    let problem = Problem {
                        status: StatusCode::REQUEST_TIMEOUT,
                        condition: Condition::RequestBodyTimeout,
                        error: "request_timeout",
                        description: "the request took too long, its body included",
                        retry_after: None,
                    };
                    problem.render(site.shared.registry.next_trace()).map(Either::Right)
                }
            })
        })
    }
}

type Answering<B> = Pin<Box<dyn Future<Output = Result<Answer<B>, Infallible>> + Send>>;

impl<P: session::Protocol, S, B: HttpBody> Routes<P, S, B> {
    /// A path of the second protocol: a socket for a new connection or for one that moves, or a request instead of one.
    fn call_texts(
        &self,
        texts: Arc<dyn TextSessions>,
        request: Request<Incoming>,
        address: IpAddr,
    ) -> Answering<B> {
        let headers = request.headers().clone();
        let at_once = |answer: Answer<B>| {
            let answer = polling::with_origin(&headers, answer);
            Box::pin(ready(Ok(answer))) as Answering<B>
        };
        if request.method() == Method::OPTIONS {
            *self.exchange.state.lock() = State::Plain;
            return at_once(polling::preflight::<Full<Bytes>>().map(Either::Right));
        }
        let asked = texts.polling().packets.asked(request.uri().query().unwrap_or_default());
        let (way, id) = match asked {
            Ok(Asked { way, id }) => (way, id.map(str::to_owned)),
            Err(why) => return at_once(self.refuse(&polling::not_served(why))),
        };
        if way == Way::Socket {
            let link = id.map(|id| texts.polling().find(&id).ok_or_else(polling::unknown)).transpose();
            let answer = link.and_then(|link| self.upgrade(&request, address, Target::Texts(texts, link)));
            return at_once(answer.unwrap_or_else(|problem| self.refuse(&problem)));
        }
        *self.exchange.state.lock() = State::Plain;
        let options = &self.site.shared.options;
        let registry = Arc::clone(&self.site.shared.registry);
        let asking = Asking {
            texts,
            registry: Arc::clone(&registry),
            address,
            stop: self.site.stop.clone(),
            bytes_limit: options.message_bytes_limit,
            time_limit: options.request_limit,
        };
        Box::pin(async move {
            let answer = polling::answer(asking, request, id).await;
            let answer = answer.unwrap_or_else(|problem| {
                registry.measures.refused_upgrade.increment(1);
                problem.render(registry.next_trace())
            });
            Ok(polling::with_origin(&headers, answer.map(Either::Right)))
        })
    }

    fn upgrade(
        &self,
        request: &Request<Incoming>,
        address: IpAddr,
        to: Target,
    ) -> Result<Answer<B>, Problem> {
        let answer = upgrade::accept(request)?.map(Either::Right);
        if *self.site.stop.borrow() {
            return Err(Problem {
                status: StatusCode::SERVICE_UNAVAILABLE,
                condition: Condition::ServerDraining,
                error: "draining",
                description: "this server is being restarted; connect again in a moment",
                retry_after: Some(TRY_AGAIN),
            });
        }
        let mut admitted = self.exchange.admitted.lock().take();
        if admitted.is_none() && is_trusted(&self.site.shared.options.trusted_proxies, self.exchange.socket) {
            admitted = self.site.shared.registry.admit(address);
            if admitted.is_none() {
                self.site.shared.registry.measures.refused_address_limit.increment(1);
                return Err(Problem {
                    status: StatusCode::TOO_MANY_REQUESTS,
                    condition: Condition::ConnectionLimitReached,
                    error: "too_many_connections",
                    description: "too many connections come from this address",
                    retry_after: Some(TRY_AGAIN),
                });
            }
        }
        *self.exchange.state.lock() = State::Upgraded { address, admitted, to };
        Ok(answer)
    }

    fn refuse(&self, problem: &Problem) -> Answer<B> {
        *self.exchange.state.lock() = State::Plain;
        let registry = &self.site.shared.registry;
        registry.measures.refused_upgrade.increment(1);
        problem.render(registry.next_trace()).map(Either::Right)
    }
}

fn is_form_with_files(headers: &HeaderMap) -> bool {
    const FORM: &str = "multipart/form-data";
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.get(..FORM.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(FORM))
}
