//! Whom do we believe to be AWS?
//!
//! Whoever the system's roots vouch for. To read these takes longer than to reach AWS, and nobody
//! needs them before the server has shown its certificate. So a thread reads them while the first
//! handshake is under way, and that waits for them only if the server was faster: with its own thread,
//! since rustls asks for a verdict at once, and there is nothing to do without one. What is checked,
//! and how, is rustls's own verifier's.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, load_native_certs};

/// The system's roots, from when they are needed on, or why there are none.
#[derive(Debug)]
pub(crate) struct SystemRoots {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Arc<WebPkiServerVerifier>, Error>>,
}

impl SystemRoots {
    pub(crate) fn new(provider: CryptoProvider) -> Self {
        Self { provider: Arc::new(provider), verifier: OnceLock::new() }
    }

    /// What signatures are verified by.
    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// Reads them, if nobody has. Whoever comes meanwhile waits until they are read.
    pub(crate) fn read(&self) -> Result<&WebPkiServerVerifier, Error> {
        let verifier = self.verifier.get_or_init(|| self.believing(load_native_certs()));
        verifier.as_deref().map_err(Clone::clone)
    }

    /// What verifies against the roots that were found.
    fn believing(&self, found: CertificateResult) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        // A root that cannot be read is one that nothing is verified against.
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        verifier.build().map_err(|problem| {
            let first = found.errors.first().map(|first| format!(": {first}")).unwrap_or_default();
            Error::General(format!("no certificate can be verified: {problem}{first}"))
        })
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl ServerCertVerifier for SystemRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = self.read()?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, self.algorithms())
    }

    /// Said before there are roots: it is in the first message of a handshake.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

#[cfg(test)]
impl SystemRoots {
    /// Stands in for a system that has these roots.
    pub(crate) fn given(provider: CryptoProvider, certs: Vec<CertificateDer<'static>>) -> Self {
        let mut found = CertificateResult::default();
        found.certs = certs;
        let roots = Self::new(provider);
        let verifier = roots.believing(found);
        Self { verifier: OnceLock::from(verifier), ..roots }
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring::default_provider;

    use super::*;

    #[test]
    fn given_no_root_certificate_then_the_error_says_so() {
        let roots = SystemRoots::given(default_provider(), Vec::new());
        assert_eq!(
            roots.read().unwrap_err().to_string(),
            "unexpected error: no certificate can be verified: no root trust anchors were provided"
        );
    }
}
