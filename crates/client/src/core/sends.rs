//! The queue of what is to be sent: in order, repeated with the same number over reconnects until it is answered.
//!
//! Knows frames and deadlines; the connection is `core`'s.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use conditions::{Condition, Operation};

use super::{Reply, Ticket};
use crate::{Conversation, Error, Result, RoomId};

/// What waits or is under way at most; the next one is refused.
pub(super) const WAITING_LIMIT: usize = 1_000;
/// Messages among them: what else is sent, such as receipts, finds place when the app's messages wait in their thousands.
const MESSAGES_LIMIT: usize = 900;
/// Sends without an answer yet. One after the other would cost a round trip each.
const ON_THE_WIRE_LIMIT: usize = 32;
/// How long an answer may take. The official clients wait as long (msync.md 0, item 2).
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Connections that may break around a send before it goes alone: something about it may be what breaks them, and the others
/// must not suffer for it.
const ATTEMPTS_TOGETHER: u8 = 5;
/// Connections on which a send is tried before it is given up, those on which it was alone among them.
const ATTEMPTS_LIMIT: u8 = 10;

/// One send.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) client_id: u64,
    pub(super) ticket: Ticket,
    pub(super) operation: Operation,
    pub(super) frame: Bytes,
    /// Where it goes, if the app is told how far it is.
    pub(super) shown: Option<Conversation>,
    /// What its answer opens.
    pub(super) entering: Option<RoomId>,
    /// What its answer closes, whatever it says.
    pub(super) leaving: Option<RoomId>,
    pub(super) attempts: u8,
    /// When its answer is overdue; `None`: it waits.
    pub(super) overdue: Option<Duration>,
}

impl Pending {
    pub(super) fn refused(self, error: Error) -> (Ticket, Result<Reply>) {
        (self.ticket, Err(error.with_operation(self.operation)))
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Sends {
    queue: VecDeque<Pending>,
    on_the_wire: usize,
}

impl Sends {
    /// # Errors
    /// [`Condition::OperationInFlight`] when too many wait already.
    pub(super) fn check_room(&self) -> Result<()> {
        if self.queue.len() < WAITING_LIMIT {
            Ok(())
        } else {
            let detail = format!("{WAITING_LIMIT} messages wait to be sent");
            Err(Error::new(Condition::OperationInFlight).with_detail(detail))
        }
    }

    /// How many messages may be pushed.
    pub(super) fn room_for_messages(&self) -> usize {
        MESSAGES_LIMIT.saturating_sub(self.queue.len())
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.queue.push_back(pending);
    }

    /// In front of everything that waits.
    pub(super) fn push_front(&mut self, pending: Pending) {
        self.queue.push_front(pending);
    }

    pub(super) fn has(&self, client_id: u64) -> bool {
        self.queue.iter().any(|pending| pending.client_id == client_id)
    }

    /// Marks the next one that may go as sent now, and gives it.
    pub(super) fn next(&mut self, now: Duration) -> Option<&Pending> {
        if self.on_the_wire >= ON_THE_WIRE_LIMIT {
            return None;
        }
        // The first of the queue has been there longest: nobody behind it is more suspect.
        let is_alone = |pending: &Pending| pending.attempts >= ATTEMPTS_TOGETHER;
        let index = self.queue.iter().position(|pending| pending.overdue.is_none())?;
        let is_suspect = is_alone(&self.queue[index]);
        let goes_beside_one =
            self.queue.iter().any(|other| other.overdue.is_some() && other.attempts > ATTEMPTS_TOGETHER);
        if goes_beside_one || (is_suspect && self.on_the_wire > 0) {
            return None;
        }
        let pending = self.queue.get_mut(index)?;
        pending.overdue = Some(now + ANSWER_LIMIT);
        pending.attempts += 1;
        self.on_the_wire += 1;
        Some(pending)
    }

    /// Takes the one that an answer is for.
    pub(super) fn answered(&mut self, client_id: u64) -> Option<Pending> {
        let index = self.queue.iter().position(|pending| pending.client_id == client_id)?;
        let pending = self.queue.remove(index)?;
        if pending.overdue.is_some() {
            self.on_the_wire -= 1;
        }
        Some(pending)
    }

    /// The connection is gone: everything waits again, but for what must not or was tried often enough.
    pub(super) fn connection_lost(&mut self) -> Vec<Pending> {
        self.on_the_wire = 0;
        let (given_up, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|pending| {
                let was_tried = pending.overdue.is_some() && pending.attempts >= ATTEMPTS_LIMIT;
                was_tried || pending.entering.is_some()
            });
        self.queue = kept.into();
        for pending in &mut self.queue {
            pending.overdue = None;
        }
        given_up
    }

    /// When an answer is overdue: the connection is as good as gone.
    pub(super) fn overdue(&self) -> Option<Duration> {
        self.queue.iter().filter_map(|pending| pending.overdue).min()
    }

    /// Everything, in order; none will be sent.
    pub(super) fn give_up(&mut self) -> Vec<Pending> {
        self.on_the_wire = 0;
        std::mem::take(&mut self.queue).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(client_id: u64) -> Pending {
        Pending {
            client_id,
            ticket: client_id,
            operation: Operation::Send,
            frame: Bytes::new(),
            shown: None,
            entering: None,
            leaving: None,
            attempts: 0,
            overdue: None,
        }
    }

    fn on_the_wire(sends: &mut Sends) -> Vec<u64> {
        std::iter::from_fn(|| sends.next(Duration::ZERO).map(|pending| pending.client_id)).collect()
    }

    fn lost(sends: &mut Sends) -> Vec<u64> {
        sends.connection_lost().into_iter().map(|pending| pending.client_id).collect()
    }

    #[test]
    fn what_breaks_connections_is_found_and_given_up_and_nothing_overtakes_or_goes_with_it() {
        let mut sends = Sends::default();
        for client_id in 1..=3 {
            sends.push(pending(client_id));
        }
        for _ in 0..5 {
            assert_eq!(on_the_wire(&mut sends), [1, 2, 3]);
            assert_eq!(lost(&mut sends), [0_u64; 0]);
        }
        // One of them may be what breaks them. The second is: the first is answered as soon as it is alone.
        assert_eq!(on_the_wire(&mut sends), [1]);
        sends.answered(1).unwrap();
        for attempt in 6..=10 {
            assert_eq!(on_the_wire(&mut sends), [2], "{attempt}");
            let given_up = lost(&mut sends);
            assert_eq!(given_up, if attempt == 10 { vec![2] } else { vec![] }, "{attempt}");
        }
        sends.push(pending(4));
        assert_eq!(on_the_wire(&mut sends), [3]);
        sends.answered(3).unwrap();
        assert_eq!(on_the_wire(&mut sends), [4]);
    }
}
