//! The app's end of the event stream.

use tokio::sync::mpsc;

use crate::Event;

/// Everything that the app is told, in order.
///
/// Bounded: an app that does not read it is sent no further messages by the server until it does; they wait there. An
/// app that only sends may drop it.
#[derive(Debug)]
pub struct Events {
    pub(super) receiver: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; `None` after the client was closed. What a call that was given up would have returned comes with
    /// the next one.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// The next event, if one is there.
    pub fn try_next(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }
}

impl futures_util::Stream for Events {
    type Item = Event;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Event>> {
        self.receiver.poll_recv(context)
    }
}
