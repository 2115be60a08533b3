//! A request's body, read whole: how long it may take and how much memory all of them may hold while they come.
//!
//! It is read before the call has a [`crate::Place`]: who sends slowly holds up himself alone.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use conditions::Condition;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::{Error, UseCases};

/// So much of a body needs no reservation: nearly all are smaller, and connections are counted.
const FREE_BYTES: usize = 16 << 10;

/// What all bodies that are longer may hold at the same time, in units.
const BUDGET_UNITS: usize = (256 << 20) / UNIT_BYTES;
const UNIT_BYTES: usize = 4 << 10;

/// How long a long body waits for others to be done with.
const BUDGET_WAIT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub bytes: usize,
    /// How long the sender may send nothing.
    pub stall: Duration,
}

/// A body, whose room in memory is given back when it is dropped.
#[derive(Debug)]
pub struct ReadBody {
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// What bodies that are being read may hold together.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    units: Arc<Semaphore>,
    wait: Duration,
}

impl Default for BodyMemory {
    fn default() -> Self {
        Self { units: Arc::new(Semaphore::new(BUDGET_UNITS)), wait: BUDGET_WAIT }
    }
}

impl UseCases {
    /// # Errors
    /// `body_too_large`; `body_malformed` when the sender broke off; `request_body_timeout` when he sent nothing for too
    /// long; `server_busy` when too many long bodies come at the same time.
    pub async fn read_body<E>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limits: BodyLimits,
    ) -> Result<ReadBody, Error> {
        self.body_memory.read(body, limits).await
    }
}

impl BodyMemory {
    async fn read<E>(
        &self,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limits: BodyLimits,
    ) -> Result<ReadBody, Error> {
        let mut bytes = BytesMut::new();
        let mut room = None;
        loop {
            let next = timeout(limits.stall, body.next()).await;
            let Some(piece) = next.map_err(|_| Error::plain(Condition::RequestBodyTimeout))? else {
                return Ok(ReadBody { bytes: bytes.freeze(), _room: room });
            };
            let piece = piece.map_err(|_| {
                let detail = "the request ended before its body did".to_owned();
                Error::refused(Condition::BodyMalformed, vec![("detail", detail)])
            })?;
            if piece.len() > limits.bytes - bytes.len() {
                return Err(Error::refused(
                    Condition::BodyTooLarge,
                    vec![("limit", limits.bytes.to_string())],
                ));
            }
            bytes.extend_from_slice(&piece);
            self.reserve(&mut room, bytes.len()).await?;
        }
    }

    async fn reserve(&self, room: &mut Option<OwnedSemaphorePermit>, length: usize) -> Result<(), Error> {
        let needed = length.saturating_sub(FREE_BYTES).div_ceil(UNIT_BYTES);
        let missing = needed - room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(missing) = u32::try_from(missing).ok().filter(|missing| *missing > 0) else {
            return Ok(());
        };
        let more = timeout(self.wait, Arc::clone(&self.units).acquire_many_owned(missing)).await;
        let more = more.map_err(|_| Error::plain(Condition::ServerBusy))?;
        let more = more.expect("the semaphore is never closed");
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    const LIMITS: BodyLimits = BodyLimits { bytes: 1 << 20, stall: Duration::from_millis(50) };

    fn pieces(
        pieces: impl IntoIterator<Item = Bytes>,
    ) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin {
        stream::iter(pieces.into_iter().map(Ok).collect::<Vec<_>>())
    }

    async fn refused(
        memory: &BodyMemory,
        body: impl Stream<Item = Result<Bytes, std::io::Error>>,
    ) -> Condition {
        memory.read(std::pin::pin!(body), LIMITS).await.unwrap_err().condition()
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_its_limit() {
        let memory = BodyMemory::default();
        let piece = Bytes::from(vec![7; 100_000]);
        let read = memory.read(pieces([piece.clone(), piece.clone()]), LIMITS).await.unwrap();
        assert_eq!(read.bytes, vec![7; 200_000]);
        assert!(memory.units.available_permits() < BUDGET_UNITS);
        drop(read);
        assert_eq!(memory.units.available_permits(), BUDGET_UNITS);
        assert!(memory.read(pieces([]), LIMITS).await.unwrap().bytes.is_empty());
        let full = Bytes::from(vec![7; LIMITS.bytes]);
        assert_eq!(memory.read(pieces([full.clone()]), LIMITS).await.unwrap().bytes.len(), LIMITS.bytes);
        let above = pieces([full, Bytes::from_static(b"1")]);
        assert_eq!(refused(&memory, above).await, Condition::BodyTooLarge);
        let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::ErrorKind::BrokenPipe.into())]);
        assert_eq!(refused(&memory, broken).await, Condition::BodyMalformed);
        assert_eq!(memory.units.available_permits(), BUDGET_UNITS, "what was refused holds nothing");
    }

    #[tokio::test]
    async fn who_sends_nothing_is_refused_and_short_bodies_come_through_while_long_ones_wait() {
        let memory = BodyMemory { wait: Duration::from_millis(50), ..BodyMemory::default() };
        assert_eq!(refused(&memory, stream::pending()).await, Condition::RequestBodyTimeout);
        let slow = stream::iter([Ok(Bytes::from_static(b"{"))]).chain(stream::pending());
        assert_eq!(refused(&memory, slow).await, Condition::RequestBodyTimeout);
        let all = u32::try_from(BUDGET_UNITS).unwrap();
        let held = Arc::clone(&memory.units).acquire_many_owned(all).await.unwrap();
        let short = pieces([Bytes::from(vec![7; FREE_BYTES])]);
        assert_eq!(memory.read(short, LIMITS).await.unwrap().bytes.len(), FREE_BYTES);
        let long = pieces([Bytes::from(vec![7; FREE_BYTES + 1])]);
        assert_eq!(refused(&memory, long).await, Condition::ServerBusy);
        drop(held);
    }
}
