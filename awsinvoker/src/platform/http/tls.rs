//! Which servers are trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};

/// Whose certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) enum Trust {
    /// Those that the system trusts.
    System,
    /// Those in a file, and no others.
    File(PathBuf),
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::platform) enum TlsError {
    /// There is no certificate to trust.
    #[error("the system has no trusted certificates; install them, or name a file of them in AWS_CA_BUNDLE")]
    NoRoots,
    /// The file of certificates cannot be used.
    #[error("{}: {reason}; AWS_CA_BUNDLE or ca_bundle names this file, which has to hold certificates in PEM", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library refuses its own defaults.
    #[error("{0}")]
    Library(#[from] rustls::Error),
}

/// What a client of HTTP/1.1 offers and trusts.
pub(super) fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match trust {
        Trust::System => system()?,
        Trust::File(path) => from_file(path)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable > 0 { Ok(roots) } else { Err(TlsError::NoRoots) }
}

fn from_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|error: io::Error| failed(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, pem::Error>>();
    let certificates = certificates.map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable > 0 { Ok(roots) } else { Err(failed("it holds no certificate".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let message = |name: &str| {
            let path = folder.path().join(name);
            let error = client_config(&Trust::File(path)).unwrap_err().to_string();
            error.replace(folder.path().to_str().unwrap(), "DIR")
        };
        insta::assert_snapshot!(message("missing"), @"DIR/missing: No such file or directory (os error 2); AWS_CA_BUNDLE or ca_bundle names this file, which has to hold certificates in PEM");
        std::fs::write(folder.path().join("empty"), "no certificate").unwrap();
        insta::assert_snapshot!(message("empty"), @"DIR/empty: it holds no certificate; AWS_CA_BUNDLE or ca_bundle names this file, which has to hold certificates in PEM");
    }
}
