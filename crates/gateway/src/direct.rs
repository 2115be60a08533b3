//! A port whose connections are sessions from their first byte: frames behind their lengths, no HTTP before them.

use std::sync::Arc;

use session::Protocol;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::Options;
use crate::driver::{Shared, drive};
use crate::length_prefixed::LengthPrefixed;
use crate::listener::{Arrival, Site};
use crate::registry::Registry;

pub(crate) struct Direct<P> {
    pub(crate) shared: Arc<Shared<P>>,
    /// True when the listener is to end. Whoever holds a receiver is waited for.
    pub(crate) stop: watch::Receiver<bool>,
}

impl<P: Protocol> Site for Direct<P> {
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
        let Arrival { address, admitted, .. } = arrival;
        let registered = self.shared.registry.open(admitted);
        // Looked at after it is registered: either the end is seen here, or the connection is seen by the end.
        if *self.stop.borrow() {
            return;
        }
        let io = LengthPrefixed::new(stream, self.shared.options.message_bytes_limit);
        tokio::spawn(drive(Arc::clone(&self.shared), registered, address, io));
    }
}
