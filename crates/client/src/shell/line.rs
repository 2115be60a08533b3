//! The line of messages between the app and the core: each is written into the outbox, in the order in which the app sent
//! them, and handed to the core then.
//!
//! Nothing here waits for the app: a message is in the line or it is not, whatever becomes of whoever sent it. Which state
//! permits what is the core's to say.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use conditions::{Condition, Operation};
use model::ClientMessageId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::keeper::Kept;
use crate::core::{Reply, Ticket};
use crate::{Error, NewMessage, Result, Sent};

/// Messages of the app that may wait here; the next one is refused.
const WAITING_LIMIT: usize = 1_000;

/// How long it may take to write, at the client's end, what was not begun to be written.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Where a reply goes.
pub(super) type Asking = oneshot::Sender<Result<Reply>>;

/// A message on its way to the core, or in it.
#[derive(Debug)]
pub(super) struct InLine {
    pub(super) message: Box<NewMessage>,
    /// Whoever waits for it; nobody for what an earlier process left.
    asking: Option<Asking>,
    /// The outbox that holds it.
    pub(super) kept: Option<Kept>,
}

type Writing = Pin<Box<dyn Future<Output = Result<Option<Sent>>> + Send>>;

/// The line.
#[derive(Default)]
pub(super) struct Line {
    /// To be written, all but the first.
    unwritten: VecDeque<InLine>,
    writing: Option<(InLine, Writing)>,
    /// In the outbox, or not for it.
    ready: VecDeque<InLine>,
    in_core: HashMap<Ticket, InLine>,
    /// Of all of them.
    numbers: HashSet<ClientMessageId>,
}

impl Line {
    /// What an earlier process left, in front of everything that is sent now.
    pub(super) fn resume(&mut self, kept: &Kept, messages: Vec<NewMessage>) {
        for message in messages {
            if self.numbers.insert(message.client_id) {
                let message = Box::new(message);
                self.ready.push_back(InLine { message, asking: None, kept: Some(kept.clone()) });
            }
        }
    }

    /// A message of the app's. `kept`: the outbox that it belongs into.
    pub(super) fn push(&mut self, message: Box<NewMessage>, asking: Asking, kept: Option<Kept>) {
        let refusal = if self.numbers.contains(&message.client_id) {
            Some(Error::new(Condition::MessageNotSendable).with_detail("the message is being sent already"))
        } else if self.unwritten.len() + self.ready.len() >= WAITING_LIMIT {
            let detail = format!("{WAITING_LIMIT} messages wait to be sent");
            Some(Error::new(Condition::OperationInFlight).with_detail(detail))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            let error = refusal.with_operation(Operation::Send).with_client_id(message.client_id);
            // Whoever asked may have given up waiting.
            return drop(asking.send(Err(error)));
        }
        self.numbers.insert(message.client_id);
        self.unwritten.push_back(InLine { message, asking: Some(asking), kept });
        self.begin();
    }

    /// Begins to write what is next. What is not for the disk keeps its place too.
    fn begin(&mut self) {
        while self.writing.is_none()
            && let Some(next) = self.unwritten.pop_front()
        {
            match next.kept.clone() {
                None => self.ready.push_back(next),
                Some(kept) => {
                    let message = (*next.message).clone();
                    let writing: Writing = Box::pin(async move { kept.enqueue(&message).await });
                    self.writing = Some((next, writing));
                }
            }
        }
    }

    /// Until what is being written is written; never without it.
    pub(super) async fn written(&mut self) {
        let Some((_, writing)) = &mut self.writing else { return std::future::pending().await };
        let outcome = writing.await;
        let Some((mut message, _)) = self.writing.take() else { return };
        match outcome {
            Ok(None) => self.ready.push_back(message),
            // It is a repetition of one that the server has.
            Ok(Some(sent)) => self.answer(message, Ok(Reply::Sent(sent))),
            Err(error) => {
                // Not in the outbox.
                message.kept = None;
                self.answer(message, Err(error.with_operation(Operation::Send)));
            }
        }
        self.begin();
    }

    /// The next one for the core.
    pub(super) fn next(&mut self) -> Option<InLine> {
        self.ready.pop_front()
    }

    /// The core has it now.
    pub(super) fn handed(&mut self, ticket: Ticket, message: InLine) {
        self.in_core.insert(ticket, message);
    }

    /// The core's word on one of its messages. Gives back the result of anything else.
    pub(super) fn replied(&mut self, ticket: Ticket, result: Result<Reply>) -> Option<Result<Reply>> {
        match self.in_core.remove(&ticket) {
            None => Some(result),
            Some(message) => {
                self.answer(message, result);
                None
            }
        }
    }

    /// The session ended before these were handed over. What is in the outbox stays there.
    pub(super) fn give_up(&mut self, condition: Condition) {
        for mut message in std::mem::take(&mut self.unwritten) {
            message.kept = None;
            self.refuse(message, condition);
        }
        for message in std::mem::take(&mut self.ready) {
            self.refuse(message, condition);
        }
    }

    pub(super) fn refuse(&mut self, message: InLine, condition: Condition) {
        self.answer(message, Err(Error::new(condition).with_operation(Operation::Send)));
    }

    /// Writes what is still to be written into the outbox; the client is closed. A disk that takes long gets what has been
    /// begun.
    pub(super) async fn close(mut self) {
        let until = Instant::now() + CLOSE_LIMIT;
        while self.writing.is_some() && Instant::now() < until {
            self.written().await;
        }
        while self.writing.is_some() {
            self.give_up(Condition::RequestAborted);
            self.written().await;
        }
        self.give_up(Condition::RequestAborted);
    }

    fn answer(&mut self, message: InLine, result: Result<Reply>) {
        let InLine { message, asking, kept } = message;
        let client_id = message.client_id;
        self.numbers.remove(&client_id);
        let stays = kept.is_some() && result.as_ref().is_err_and(|error| !Kept::is_final(error));
        let result = result.map_err(|error| {
            let error = error.with_client_id(client_id);
            if stays { error.that_stays_queued() } else { error }
        });
        let tell = move |result| {
            if let Some(asking) = asking {
                // Whoever asked may have given up waiting.
                drop(asking.send(result));
            }
        };
        match kept {
            // Whoever gets the reply finds the row that it speaks of.
            Some(kept) if !stays => drop(tokio::spawn(async move {
                kept.settle(client_id, &result).await;
                tell(result);
            })),
            _ => tell(result),
        }
    }
}

// What is being written has no form to show.
impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("numbers", &self.numbers.len()).finish_non_exhaustive()
    }
}
