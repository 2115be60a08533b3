//! A socket to which a connection may move: the client looks whether it works, lets its last request end, and moves.

use std::future::poll_fn;
use std::sync::Arc;

use session::packets::{Packets, Step};
use tokio::time::timeout;

use super::PROBE_LIMIT;
use super::link::Link;
use crate::frame_io::{FrameIo, Incoming};
use crate::texts::TextSocket;

/// Listens on the socket until the connection has moved there or the client gives it up; the connection itself goes on
/// in either case.
pub(crate) async fn probe(link: Arc<Link>, packets: Arc<dyn Packets>, mut socket: Box<TextSocket>) {
    // Another socket is being looked at, or the connection is over.
    let Some(claim) = link.claim() else { return };
    let moves = timeout(PROBE_LIMIT, async {
        let mut works = false;
        loop {
            match poll_fn(|cx| socket.poll_incoming(cx)).await {
                Incoming::Frame(packet) => match packets.step(&packet) {
                    Step::Probe(answer) => {
                        socket.feed(&answer);
                        works = true;
                    }
                    Step::Move if works => return true,
                    Step::Move | Step::Other => return false,
                },
                Incoming::Alive => {}
                Incoming::Farewell | Incoming::Gone | Incoming::Violation { .. } => return false,
            }
            if poll_fn(|cx| socket.poll_flush(cx)).await.is_err() {
                return false;
            }
            if works {
                claim.works();
            }
        }
    });
    if moves.await == Ok(true) {
        claim.move_to(socket);
    }
}
