//! What one user sent to one other, and what came of each message.

use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::Instant;

/// Letters added to texts, so that records have all lengths.
const PADDING_MAX: usize = 1500;

#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    pub(crate) sender: String,
    pub(crate) recipient: String,
    /// In the order of sending.
    pub(crate) messages: Vec<Sent>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Unique over a whole case.
    pub(crate) text: String,
    /// When it first left.
    pub(crate) sent: Instant,
    /// The id that the server gave it, and when.
    pub(crate) acknowledged: Option<(u64, Instant)>,
}

impl Outbox {
    pub(crate) fn new(sender: &str, recipient: &str) -> Self {
        Self { sender: sender.to_owned(), recipient: recipient.to_owned(), messages: Vec::new() }
    }

    /// Adds a message that leaves now, and returns its index.
    pub(crate) fn compose(&mut self, generator: &mut StdRng) -> usize {
        let index = self.messages.len();
        let padding = ".".repeat(generator.random_range(0..PADDING_MAX));
        let text = format!("{} to {}, number {index:06}; {padding}", self.sender, self.recipient);
        self.messages.push(Sent { text, sent: Instant::now(), acknowledged: None });
        index
    }

    /// The client id of a message, the same at every repeat.
    pub(crate) fn client_id(index: usize) -> u64 {
        index as u64 + 1
    }

    /// Notes an acknowledgement.
    ///
    /// # Errors
    /// In words, when the message had another id already.
    pub(crate) fn acknowledge(&mut self, index: usize, id: u64) -> Result<(), String> {
        match &mut self.messages[index].acknowledged {
            Some((first, _)) if *first != id => Err(format!(
                "message {index} of {} was acknowledged as {first}, its repeat as {id}",
                self.sender
            )),
            Some(_) => Ok(()),
            empty @ None => {
                *empty = Some((id, Instant::now()));
                Ok(())
            }
        }
    }

    pub(crate) fn unanswered(&self) -> impl Iterator<Item = usize> {
        let messages = self.messages.iter().enumerate();
        messages.filter(|(_, message)| message.acknowledged.is_none()).map(|(index, _)| index)
    }

    pub(crate) fn acknowledged(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> {
        let messages = self.messages.iter().enumerate();
        messages.filter_map(|(index, message)| Some((index, message.acknowledged?.0)))
    }
}
