//! Whom an encrypted connection trusts: the certificates of the system, and those that the app adds.

use std::sync::Arc;

use conditions::Condition;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::{Error, Result};

/// # Errors
/// [`Condition::SdkInitFailed`] when TLS can't be set up.
pub(super) fn config(added: Vec<CertificateDer<'static>>) -> Result<ClientConfig> {
    let failed = |detail: String| Error::new(Condition::SdkInitFailed).with_detail(detail);
    let mut roots = RootCertStore::empty();
    // A system without certificates is no failure yet: the app may bring its own.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in added {
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Certificates in a PEM file.
///
/// # Errors
/// [`Condition::ArgumentInvalid`] for what is none, or holds none.
pub(super) fn parse(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let invalid = || Error::new(Condition::ArgumentInvalid).with_detail("no certificate in PEM form");
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<_, _>>().map_err(|_| invalid())?;
    if found.is_empty() { Err(invalid()) } else { Ok(found) }
}
