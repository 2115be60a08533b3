//! TLS: certificate files, read at start and again whenever they change.
//!
//! A broken new file never replaces a working certificate: two files can't be changed at the same
//! instant, and an operator's mistake must not close the door. It warns and looks again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::registry::Registry;

/// A server's certificate chain, leaf first, and its private key, both as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The configuration for the next handshake.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    /// Protocols that are named to clients which ask (RFC 7301).
    alpn: Vec<Vec<u8>>,
    current: RwLock<Arc<ServerConfig>>,
    /// How the files looked before they were last read, whether or not that went well.
    seen: RwLock<Option<Seen>>,
}

/// Enough to notice a change without reading.
type Seen = [(SystemTime, u64); 2];

impl Tls {
    /// # Errors
    /// A file can't be read, is no PEM, or certificate and key don't belong together.
    pub(crate) fn open(files: TlsFiles) -> io::Result<Self> {
        let seen = look(&files).ok();
        let config = Arc::new(load(&files)?);
        Ok(Self { files, alpn: Vec::new(), current: RwLock::new(config), seen: RwLock::new(seen) })
    }

    /// Names these protocols to clients which ask, and turns away those that want none of them. Without any, nobody is
    /// turned away.
    #[must_use]
    pub(crate) fn offering(mut self, alpn: &[&[u8]]) -> Self {
        self.alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let config = Arc::make_mut(self.current.get_mut());
        config.alpn_protocols.clone_from(&self.alpn);
        self
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read())
    }

    /// Reads the files again when they changed. Returns whether they were.
    fn check(&self) -> io::Result<bool> {
        // Looked at before they are read: a change in between is seen by the next check.
        let seen = look(&self.files).ok();
        if seen == *self.seen.read() {
            return Ok(false);
        }
        *self.seen.write() = seen;
        let mut config = load(&self.files)?;
        config.alpn_protocols.clone_from(&self.alpn);
        *self.current.write() = Arc::new(config);
        Ok(true)
    }
}

/// Watches the files until `stop`.
pub(crate) async fn watch(
    tls: Arc<Tls>,
    registry: Arc<Registry>,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let checked = {
            let tls = Arc::clone(&tls);
            tokio::task::spawn_blocking(move || tls.check()).await
        };
        match checked {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                registry.measures.tls_reloads.increment(1);
                info!(certificate = %tls.files.certificate.display(), "the new certificate is in use");
            }
            Ok(Err(cause)) => {
                registry.measures.tls_reload_errors.increment(1);
                let certificate = tls.files.certificate.display();
                warn!(%certificate, %cause, "the changed certificate can't be used; the old one stays");
            }
            // The runtime is shutting down.
            Err(_) => return,
        }
    }
}

fn look(files: &TlsFiles) -> io::Result<Seen> {
    let look = |path: &Path| {
        let metadata = std::fs::metadata(path)?;
        Ok::<_, io::Error>((metadata.modified()?, metadata.len()))
    };
    Ok([look(&files.certificate)?, look(&files.key)?])
}

fn load(files: &TlsFiles) -> io::Result<ServerConfig> {
    let broken = |path: &Path, cause: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {cause}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| broken(&files.certificate, &cause))?;
    if chain.is_empty() {
        return Err(broken(&files.certificate, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| broken(&files.key, &cause))?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|cause| broken(&files.certificate, &cause))?;
    // Clients that come back all at once resume without a signature, and we remember nothing for it.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
    config.send_tls13_tickets = 1;
    Ok(config)
}
