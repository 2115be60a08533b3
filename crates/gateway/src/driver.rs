//! Drives one session over one socket: bytes, hints and time in, events performed, frames out.
//!
//! A turn takes in whatever is there, then writes once. Events are performed one at a time in order;
//! while one waits, hints and deadlines go on but the socket is not read, so a client can't pile up work.
//! Nor is it read while the peer does not take what was written. No rule of any protocol is here.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use model::{CloseCause, Timestamp};
use session::{Input, Outcome, Output, Peer, Perform, Protocol, Session};
use tokio::time::{Instant, Sleep, sleep};
use tracing::{debug, error};

use crate::Options;
use crate::frame_io::{FrameIo, Incoming};
use crate::registry::{Registered, Registry};

/// Inputs of one turn; then other connections come first.
const TURN_INPUTS: usize = 64;
/// What may wait in memory within a turn, before it is written without waiting for the turn's end.
const WRITE_THROUGH_BYTES: usize = 64 << 10;

/// Panics of one session that are caught; then it is given up.
const PANICS_LIMIT: u8 = 4;

/// Close codes of RFC 6455 7.4.1.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const INTERNAL_ERROR: u16 = 1011;

/// What all connections of a listener have in common.
pub(crate) struct Shared<P> {
    pub(crate) protocol: Arc<P>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) options: Options,
}

/// The task of one connection. It ends when the socket is gone and the session's last event is performed.
pub(crate) fn drive<P: Protocol>(
    shared: Arc<Shared<P>>,
    registered: Registered,
    address: IpAddr,
    io: impl FrameIo,
) -> impl Future<Output = ()> + Send + 'static {
    let now = Instant::now();
    let peer = Peer { connection: registered.id(), address, registrar: registered.registrar() };
    let session = shared.protocol.accept(shared.options.clock.now(), &peer);
    let mut driver = Driver {
        timer: Box::pin(sleep(shared.options.login_limit)),
        shared,
        registered,
        peer,
        session,
        io,
        performing: None,
        phase: Phase::Open,
        opened: now,
        heard: now,
        stalled: None,
        panics: 0,
        largest_frame_bytes: 0,
        said: None,
    };
    driver.settle(now);
    poll_fn(move |cx| driver.poll(cx))
}

struct Driver<P: Protocol, F> {
    shared: Arc<Shared<P>>,
    registered: Registered,
    peer: Peer,
    session: P::Session,
    io: F,
    performing: Option<Performing<<P::Session as Session>::Command>>,
    phase: Phase,
    opened: Instant,
    /// When the peer last gave a sign of life, or we last began to listen for one.
    heard: Instant,
    stalled: Option<Stall>,
    panics: u8,
    /// Of the frames that wait for the peer, or were written since nothing waited.
    largest_frame_bytes: usize,
    /// When the session last said something.
    said: Option<Instant>,
    /// Never later than the next deadline; often earlier, since frames only move deadlines back.
    timer: Pin<Box<Sleep>>,
}

struct Performing<C> {
    future: Pin<Box<dyn Future<Output = Option<C>> + Send>>,
    since: Instant,
}

/// The peer takes nothing at the moment.
#[derive(Clone, Copy)]
struct Stall {
    since: Instant,
    written_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The session was asked to end, and has not said its farewell yet.
    Leaving {
        until: Instant,
    },
    /// The session's last word is said, and the close follows it after [`FrameIo::LAST_WORD`].
    Parting {
        until: Instant,
        reason: &'static str,
    },
    /// The farewell is said: it is written, then the peer may confirm it.
    Closing {
        until: Instant,
    },
    /// The socket is gone: what the session still wants done is done.
    Gone {
        until: Instant,
    },
}

impl<P: Protocol, F: FrameIo> Driver<P, F> {
    /// A panic of the session or of a use case ends this connection only, and the session all the same: its end
    /// is what takes the user out of those who are online.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Ok(poll) = catch_unwind(AssertUnwindSafe(|| self.turn(cx))) {
                return poll;
            }
            self.registered.measures().panics.increment(1);
            error!(connection = self.peer.connection.number, "a session panicked; its connection is closed");
            self.panics += 1;
            let ended = catch_unwind(AssertUnwindSafe(|| self.end_after_panic(cx)));
            if ended.is_err() || self.panics >= PANICS_LIMIT {
                return Poll::Ready(());
            }
        }
    }

    fn end_after_panic(&mut self, cx: &mut Context<'_>) {
        // What panicked can't be polled again.
        self.performing = None;
        let instant = Instant::now();
        if matches!(self.phase, Phase::Gone { .. }) {
            // An event of the end did: the others are performed.
            return self.settle(instant);
        }
        // The socket may be what panicked, so the farewell is said with the same care.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            self.io.feed_close(INTERNAL_ERROR, "internal error");
            self.io.poll_flush(cx)
        }));
        self.end(instant, false);
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut instant = Instant::now();
        // First what is done, since it may put the hint into the mailbox that those there wait for.
        self.poll_performing(cx, instant);
        let mut has_mail = true;
        for _ in 0..TURN_INPUTS {
            if has_mail && self.take_mail(instant) {
                return Poll::Ready(());
            }
            has_mail = false;
            let busy = self.meet_deadlines(cx, instant)
                || self.poll_performing(cx, instant)
                || self.poll_socket(cx, instant);
            if busy {
                if self.io.waiting_bytes() > WRITE_THROUGH_BYTES {
                    self.flush(cx, instant);
                }
                continue;
            }
            // Before the flush, so that what came meanwhile leaves with the rest.
            has_mail = !self.registered.rest(cx.waker());
            if has_mail || self.flush(cx, instant) {
                continue;
            }
            if matches!(self.phase, Phase::Gone { .. }) && self.performing.is_none() {
                return Poll::Ready(());
            }
            if self.wait(cx, instant).is_pending() {
                return Poll::Pending;
            }
            instant = Instant::now();
        }
        self.flush(cx, instant);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Feeds hints; `true` when the connection has to end now. What comes later wakes the task once it rests.
    fn take_mail(&mut self, instant: Instant) -> bool {
        let mail = self.registered.take_mail();
        let hears = matches!(self.phase, Phase::Open | Phase::Leaving { .. });
        for hint in mail.hints.into_iter().filter(|_| hears) {
            self.input(instant, Input::Hint(hint));
        }
        if let Some(cause) = mail.close {
            self.leave(cause, instant);
        }
        mail.cut
    }

    fn meet_deadlines(&mut self, cx: &mut Context<'_>, instant: Instant) -> bool {
        let options = &self.shared.options;
        let stalled = self.stalled.is_some_and(|stall| instant >= stall.since + options.write_stall_limit);
        match self.phase {
            Phase::Open | Phase::Leaving { .. } if stalled => self.cut_slow_reader(cx, instant),
            Phase::Open if !self.registered.was_bound() && instant >= self.opened + options.login_limit => {
                self.registered.measures().closed_no_login.increment(1);
                self.leave(CloseCause::Idle, instant);
            }
            Phase::Open if self.is_listening() && instant >= self.heard + options.idle_limit => {
                self.registered.measures().closed_idle.increment(1);
                self.leave(CloseCause::Idle, instant);
            }
            Phase::Leaving { until } if instant >= until => {
                self.io.feed_close(GOING_AWAY, "the server ends the connection");
                self.phase = Phase::Closing { until: instant + options.close_limit };
            }
            Phase::Open | Phase::Leaving { .. } => return self.meet_session_deadline(instant),
            Phase::Parting { until, reason } if instant >= until => {
                self.io.feed_close(NORMAL, reason);
                self.closing(instant);
            }
            Phase::Closing { until } if instant >= until => self.end(instant, false),
            Phase::Gone { until } if instant >= until && self.performing.is_some() => {
                self.registered.measures().performs_abandoned.increment(1);
                debug!(connection = self.peer.connection.number, "an event of a gone connection is given up");
                self.performing = None;
                // What the session wants done behind it is done all the same, its logout above all.
                self.phase = Phase::Gone { until: instant + options.finish_limit };
                self.settle(instant);
            }
            Phase::Parting { .. } | Phase::Closing { .. } | Phase::Gone { .. } => return false,
        }
        true
    }

    fn meet_session_deadline(&mut self, instant: Instant) -> bool {
        let Some(deadline) = self.session.poll_timeout() else { return false };
        let now = self.now();
        if deadline > now {
            return false;
        }
        self.session.handle_timeout(now);
        self.settle(instant);
        true
    }

    fn poll_performing(&mut self, cx: &mut Context<'_>, instant: Instant) -> bool {
        let Some(performing) = &mut self.performing else { return false };
        let Poll::Ready(command) = performing.future.as_mut().poll(cx) else { return false };
        self.registered.measures().perform_seconds.record(instant - performing.since);
        self.performing = None;
        // The peer may have spoken while nobody listened.
        self.heard = instant;
        match command {
            Some(command) => self.input(instant, Input::Command(command)),
            None => self.settle(instant),
        }
        true
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>, instant: Instant) -> bool {
        let is_parting = matches!(self.phase, Phase::Parting { .. });
        if !is_parting && (self.phase != Phase::Open || !self.is_listening()) {
            return false;
        }
        let Poll::Ready(incoming) = self.io.poll_incoming(cx) else { return false };
        self.heard = instant;
        match incoming {
            // The session has said its last word.
            Incoming::Frame(_) if is_parting => {}
            Incoming::Frame(frame) => {
                let measures = self.registered.measures();
                measures.frames_received.increment(1);
                measures.bytes_received.increment(frame.len() as u64);
                self.input(instant, Input::Frame(frame));
            }
            Incoming::Alive => {}
            Incoming::Farewell => self.closing(instant),
            Incoming::Gone => self.end(instant, false),
            Incoming::Violation { code, reason } => {
                self.registered.measures().closed_violation.increment(1);
                debug!(connection = self.peer.connection.number, code, reason, "the peer broke the framing");
                self.io.feed_close(code, reason);
                self.closing(instant);
            }
        }
        true
    }

    /// Writes what was said. `true` when that changed something that another look is worth.
    fn flush(&mut self, cx: &mut Context<'_>, instant: Instant) -> bool {
        if matches!(self.phase, Phase::Gone { .. }) {
            return false;
        }
        match self.io.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.largest_frame_bytes = 0;
                if matches!(self.phase, Phase::Closing { .. })
                    && let Poll::Ready(farewell_confirmed) = self.io.poll_end(cx)
                {
                    self.end(instant, farewell_confirmed);
                    return true;
                }
                let was_stalled = self.stalled.take().is_some();
                if was_stalled {
                    self.heard = instant;
                }
                was_stalled
            }
            Poll::Ready(Err(_)) => {
                self.end(instant, false);
                true
            }
            Poll::Pending => {
                let written_bytes = self.io.written_bytes();
                if self.stalled.is_none_or(|stall| stall.written_bytes != written_bytes) {
                    self.stalled = Some(Stall { since: instant, written_bytes });
                }
                // And one frame: a message may be larger than the limit, and must not cut its every reader.
                let limit = self.shared.options.write_buffer_bytes_limit + self.largest_frame_bytes;
                let overflows = self.io.waiting_bytes() > limit;
                let overflows = overflows && matches!(self.phase, Phase::Open | Phase::Leaving { .. });
                if overflows {
                    self.cut_slow_reader(cx, instant);
                }
                overflows
            }
        }
    }

    /// Sleeps until the next deadline. Ready: one may have passed.
    fn wait(&mut self, cx: &mut Context<'_>, instant: Instant) -> Poll<()> {
        let next = self.next_deadline(instant);
        if next < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        self.timer.as_mut().poll(cx)
    }

    fn next_deadline(&self, instant: Instant) -> Instant {
        let options = &self.shared.options;
        let session = || {
            // A day is as good as never: the deadline is asked for again then.
            let day = Duration::from_secs(86_400);
            self.session.poll_timeout().map(|deadline| instant + deadline.since(self.now()).min(day))
        };
        let stall = self.stalled.map(|stall| stall.since + options.write_stall_limit);
        match self.phase {
            Phase::Open => {
                let login = (!self.registered.was_bound()).then(|| self.opened + options.login_limit);
                let idle = self.heard + options.idle_limit;
                // While nobody listens the idle limit does not count, but something else ends that.
                let idle = if self.is_listening() { idle } else { idle.max(instant + options.idle_limit) };
                [session(), stall, login].into_iter().flatten().fold(idle, Instant::min)
            }
            Phase::Leaving { until } => [session(), stall].into_iter().flatten().fold(until, Instant::min),
            Phase::Parting { until, .. } | Phase::Closing { until } | Phase::Gone { until } => until,
        }
    }

    fn is_listening(&self) -> bool {
        self.performing.is_none() && self.stalled.is_none()
    }

    fn input(&mut self, instant: Instant, input: Input<<P::Session as Session>::Command>) {
        let now = self.now();
        self.session.handle_input(now, input);
        self.settle(instant);
    }

    /// Lets the session say and do what it wants, until it wants nothing or an event has to wait.
    fn settle(&mut self, instant: Instant) {
        loop {
            // Nothing can be said on a socket that is gone.
            while !matches!(self.phase, Phase::Gone { .. })
                && let Some(output) = self.session.poll_output()
            {
                self.say(output, instant);
            }
            if self.performing.is_some() {
                return;
            }
            let Some(event) = self.session.poll_event() else { return };
            match self.shared.protocol.perform().perform_now(&self.peer, event) {
                Outcome::Done(None) => {}
                Outcome::Done(Some(command)) => {
                    let now = self.now();
                    self.session.handle_input(now, Input::Command(command));
                }
                Outcome::Later(event) => {
                    let perform = Arc::clone(self.shared.protocol.perform());
                    let peer = self.peer.clone();
                    let future = Box::pin(async move { perform.perform(peer, event).await });
                    self.performing = Some(Performing { future, since: instant });
                }
            }
        }
    }

    fn say(&mut self, output: Output, instant: Instant) {
        if matches!(self.phase, Phase::Parting { .. } | Phase::Closing { .. }) {
            return;
        }
        match output {
            Output::Frame(frame) => {
                let measures = self.registered.measures();
                measures.frames_sent.increment(1);
                measures.bytes_sent.increment(frame.len() as u64);
                self.largest_frame_bytes = self.largest_frame_bytes.max(frame.len());
                self.io.feed(&frame);
                self.said = Some(instant);
            }
            Output::Close { reason } => match self.said.map(|said| said + F::LAST_WORD) {
                Some(until) if until > instant => self.phase = Phase::Parting { until, reason },
                _ => {
                    self.io.feed_close(NORMAL, reason);
                    self.closing(instant);
                }
            },
        }
    }

    /// Asks the session to end.
    fn leave(&mut self, cause: CloseCause, instant: Instant) {
        if self.phase != Phase::Open {
            return;
        }
        match cause {
            CloseCause::Draining => self.registered.measures().closed_draining.increment(1),
            CloseCause::SlowReader => self.registered.measures().closed_slow_reader.increment(1),
            _ => {}
        }
        self.phase = Phase::Leaving { until: instant + self.shared.options.close_limit };
        self.input(instant, Input::Close(cause));
    }

    /// The peer takes nothing: what fits into the system's buffer is all that it will be told.
    fn cut_slow_reader(&mut self, cx: &mut Context<'_>, instant: Instant) {
        debug!(connection = self.peer.connection.number, "the peer does not read; it is cut");
        self.leave(CloseCause::SlowReader, instant);
        let _ = self.io.poll_flush(cx);
        self.end(instant, false);
    }

    fn closing(&mut self, instant: Instant) {
        self.phase = Phase::Closing { until: instant + self.shared.options.close_limit };
    }

    fn end(&mut self, instant: Instant, farewell_confirmed: bool) {
        if matches!(self.phase, Phase::Gone { .. }) {
            return;
        }
        self.phase = Phase::Gone { until: instant + self.shared.options.finish_limit };
        self.input(instant, Input::Gone { farewell_confirmed });
    }

    fn now(&self) -> Timestamp {
        self.shared.options.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::length_prefixed::LengthPrefixed;
    use crate::websocket::WebSocket;
    use crate::{Clock, RegistryLimits};

    /// A protocol of no size, so that what is measured is ours.
    #[derive(Default)]
    struct Silence(Arc<Nothing>);
    struct Silent;
    #[derive(Default)]
    struct Nothing;

    impl Session for Silent {
        type Event = ();
        type Command = ();

        fn handle_input(&mut self, _now: Timestamp, _input: Input<()>) {}
        fn handle_timeout(&mut self, _now: Timestamp) {}
        fn poll_event(&mut self) -> Option<()> {
            None
        }
        fn poll_output(&mut self) -> Option<Output> {
            None
        }
        fn poll_timeout(&self) -> Option<Timestamp> {
            None
        }
    }

    impl Perform<Silent> for Nothing {
        fn perform_now(&self, _peer: &Peer, _event: ()) -> Outcome<Silent> {
            Outcome::Done(None)
        }
        async fn perform(&self, _peer: Peer, _event: ()) -> Option<()> {
            None
        }
    }

    impl Protocol for Silence {
        type Session = Silent;
        type Perform = Nothing;

        fn accept(&self, _now: Timestamp, _peer: &Peer) -> Silent {
            Silent
        }
        fn perform(&self) -> &Arc<Nothing> {
            &self.0
        }
    }

    // architecture.md section 9: at most 6 KiB of memory for an idle connection, all included.
    #[tokio::test]
    async fn the_task_of_an_idle_connection_is_small() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let stream = async || TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        task_is_small(WebSocket::new(stream().await, &[], 1 << 20, 1024));
        task_is_small(LengthPrefixed::new(stream().await, 1 << 20));
    }

    fn task_is_small(io: impl FrameIo) {
        let registry = Arc::new(Registry::new(1, RegistryLimits::default()));
        let options = Options::new(Clock::new(|| Timestamp(0)));
        let registered = registry.open(None);
        let shared = Arc::new(Shared { protocol: Arc::new(Silence::default()), registry, options });
        let task = drive(shared, registered, Ipv4Addr::LOCALHOST.into(), io);
        let bytes = size_of_val(&task);
        assert!(bytes <= 512, "the task has {bytes} bytes without its session");
    }
}
