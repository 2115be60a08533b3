//! Joins a session with a scripted peer on a virtual clock, for tests: no socket, no task, no real time.

use crate::{Input, Output, Session};
use model::Timestamp;

/// A session under test, its clock and what it has said.
#[derive(Debug)]
pub struct Virtual<S: Session> {
    pub session: S,
    pub now: Timestamp,
    /// Frames and closes not yet looked at, oldest first.
    pub outputs: Vec<Output>,
}

impl<S: Session> Virtual<S> {
    pub fn new(session: S, now: Timestamp) -> Self {
        Self { session, now, outputs: Vec::new() }
    }

    /// Feeds one input, answers every event through `perform` until the session is quiet.
    pub fn input(
        &mut self,
        input: Input<S::Command>,
        mut perform: impl FnMut(S::Event) -> Option<S::Command>,
    ) {
        self.session.handle_input(self.now, input);
        self.settle(&mut perform);
    }

    /// Moves the clock to `to`, firing each deadline on the way at its own time.
    pub fn advance(&mut self, to: Timestamp, mut perform: impl FnMut(S::Event) -> Option<S::Command>) {
        while let Some(deadline) = self.session.poll_timeout().filter(|deadline| *deadline <= to) {
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
            self.settle(&mut perform);
            let next = self.session.poll_timeout();
            assert!(next.is_none_or(|next| next > deadline), "the session asks for the same deadline again");
        }
        self.now = to;
    }

    fn settle(&mut self, perform: &mut impl FnMut(S::Event) -> Option<S::Command>) {
        loop {
            while let Some(output) = self.session.poll_output() {
                self.outputs.push(output);
            }
            let Some(event) = self.session.poll_event() else { return };
            if let Some(command) = perform(event) {
                self.session.handle_input(self.now, Input::Command(command));
            }
        }
    }
}
