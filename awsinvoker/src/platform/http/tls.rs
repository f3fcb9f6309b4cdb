//! Which servers are trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
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

impl Trust {
    /// The certificates of the file, if there is one, in PEM: those that can be used, as others may be among them.
    pub(in crate::platform) fn pem(&self) -> Result<Option<String>, TlsError> {
        let Self::File(path) = self else { return Ok(None) };
        let certificates = read_file(path)?.into_iter().map(|certificate| {
            let text = base64::engine::general_purpose::STANDARD.encode(certificate);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        });
        Ok(Some(certificates.collect()))
    }
}

/// What a client offers and trusts. It names its protocol if one is given.
pub(super) fn client_config(
    trust: &Trust,
    alpn: Option<&'static [u8]>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match trust {
        Trust::System => system()?,
        Trust::File(path) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(read_file(path)?);
            roots
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.into_iter().map(<[u8]>::to_vec).collect();
    Ok(Arc::new(config))
}

fn system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable > 0 { Ok(roots) } else { Err(TlsError::NoRoots) }
}

/// The usable certificates of a file, at least one.
fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let mut certificates = certificates.map_err(|error| failed(error.to_string()))?;
    certificates.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    if certificates.is_empty() {
        return Err(failed("it holds no certificate that can be used".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let message = |name: &str| {
            let path = folder.path().join(name);
            let error = client_config(&Trust::File(path), None).unwrap_err().to_string();
            error.replace(folder.path().to_str().unwrap(), "DIR")
        };
        insta::assert_snapshot!(message("missing"), @"DIR/missing: No such file or directory (os error 2); AWS_CA_BUNDLE or ca_bundle names this file, which has to hold certificates in PEM");
        std::fs::write(folder.path().join("empty"), "no certificate").unwrap();
        std::fs::write(
            folder.path().join("broken"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        insta::assert_snapshot!(message("broken"), @"DIR/broken: it holds no certificate that can be used; AWS_CA_BUNDLE or ca_bundle names this file, which has to hold certificates in PEM");
        insta::assert_snapshot!(message("empty"), @"DIR/empty: it holds no certificate that can be used; AWS_CA_BUNDLE or ca_bundle names this file, which has to hold certificates in PEM");
    }
}
