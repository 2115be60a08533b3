//! The app's end of the event stream, and what the actor learns of it: how many events the app has taken.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::Event;
use crate::storage::{Mark, Storage, Write};

/// An event in the channel.
#[derive(Debug)]
pub(super) struct Told {
    /// Whose it is: the number of changes of the user before it.
    pub(super) user: u64,
    pub(super) event: Event,
    /// Whether it is of a delivery. What the shell itself says is none of those that the app has to take.
    pub(super) counts: bool,
    /// Where to write down that the app had it.
    pub(super) mark: Option<(Storage, Mark)>,
}

/// What both ends look at.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Whose events the app may see.
    user: AtomicU64,
    /// Events that the app has done with, of all that were ever put into the channel.
    count: AtomicU64,
    news: Notify,
}

impl Taken {
    /// From now on the events of those before are nobody's.
    pub(super) fn next_user(&self) {
        self.user.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn user(&self) -> u64 {
        self.user.load(Ordering::Acquire)
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Until the count has risen.
    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    fn add(&self, events: u64) {
        self.count.fetch_add(events, Ordering::AcqRel);
        self.news.notify_one();
    }

    fn all(&self) {
        self.count.store(u64::MAX, Ordering::Release);
        self.news.notify_one();
    }
}

/// Everything that the app is told, in order.
///
/// An event counts as taken when the app asks for the one after it, and gets that only when this is written down
/// ([`crate::Builder::data_folder`]); what was not taken is not acknowledged to the server, and comes again after a restart.
/// Bounded: an app that does not read it is sent no further messages by the server until
/// it does; they wait there. An app that only sends may drop it: then everything counts as taken.
pub struct Events {
    receiver: mpsc::Receiver<Told>,
    taken: Arc<Taken>,
    /// Events that came out of the channel since the last word to the actor.
    in_hand: u64,
    /// What is to be written down of them.
    mark: Option<(Storage, Mark)>,
    /// Never locked: it lets handles of the stream be shared.
    marking: Mutex<Option<Marking>>,
}

/// What is being written down.
type Marking = Pin<Box<dyn Future<Output = ()> + Send>>;

// What is being written has no form to show.
impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Events {
    pub(super) fn new(receiver: mpsc::Receiver<Told>, taken: Arc<Taken>) -> Self {
        Self { receiver, taken, in_hand: 0, mark: None, marking: Mutex::default() }
    }

    /// The next event; `None` after the client was closed. What a call that was given up would have returned comes with
    /// the next one. Events of somebody who was logged in before are left out.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some((storage, mark)) = self.mark.take() {
            // If the disk takes nothing, the event comes again after a restart: better than never.
            *self.marking.get_mut() =
                Some(Box::pin(async move { drop(storage.apply(vec![Write::Taken(mark)]).await) }));
        }
        if let Some(marking) = self.marking.get_mut() {
            std::task::ready!(marking.as_mut().poll(context));
            *self.marking.get_mut() = None;
        }
        self.done_with();
        loop {
            let Some(told) = std::task::ready!(self.receiver.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            if let Some(event) = self.received(told) {
                return Poll::Ready(Some(event));
            }
        }
    }

    fn received(&mut self, told: Told) -> Option<Event> {
        self.in_hand += u64::from(told.counts);
        if told.user == self.taken.user() {
            self.mark = told.mark;
            return Some(told.event);
        }
        self.done_with();
        None
    }

    fn done_with(&mut self) {
        if self.in_hand > 0 {
            self.taken.add(std::mem::take(&mut self.in_hand));
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.taken.all();
    }
}

impl futures_util::Stream for Events {
    type Item = Event;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_shell_says_is_no_event_that_was_to_be_taken() {
        let (sender, receiver) = mpsc::channel(4);
        let taken = Arc::new(Taken::default());
        let mut events = Events::new(receiver, Arc::clone(&taken));
        for counts in [false, true, false] {
            sender.send(Told { user: 0, event: Event::Connected, counts, mark: None }).await.unwrap();
        }
        drop(sender);
        let mut counts = Vec::new();
        while events.next().await.is_some() {
            counts.push(taken.count());
        }
        assert_eq!((counts, taken.count()), (vec![0, 0, 1], 1));
    }
}
