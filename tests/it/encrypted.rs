//! The real binary and services that it reaches over TLS: which certificates does it trust,
//! and what does it log where it trusts none?

use std::path::PathBuf;
use std::sync::Arc;

use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::lambda::Invoked;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::processes::{built_without_notice, up_at};

fn certified() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Serves with a certificate, and forwards what is within.
async fn shown(certified: &CertifiedKey<KeyPair>, to: String) -> String {
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut service = TcpStream::connect(to).await.unwrap();
                // Either side may close at any time.
                let _ = copy_bidirectional(&mut stream, &mut service).await;
            });
        }
    });
    endpoint
}

/// A file of the system's roots.
struct Roots(PathBuf);

impl Roots {
    fn of(name: &str, text: &str) -> Self {
        let file = format!("image-cascade-{}-{name}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Roots {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What becomes of an announced gold image where the system has these roots.
async fn announced(certified: &CertifiedKey<KeyPair>, roots: &Roots) -> (Cloud, Invoked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = shown(certified, listener.local_addr().unwrap().to_string()).await;
    let settings = [("SSL_CERT_FILE", roots.0.to_str().unwrap())];
    let (cloud, _) = up_at(endpoint, listener, &settings, deploy::TIMEOUT).await;
    let event = built_without_notice(&cloud).await;
    cloud.state().calls.clear();
    let invoked = cloud.lambda().invoke("gold-cascade", &event).await.unwrap();
    (cloud, invoked)
}

#[tokio::test]
async fn given_a_trusted_server_certificate_then_children_start() {
    let certified = certified();
    let (_, invoked) = announced(&certified, &Roots::of("known", &certified.cert.pem())).await;
    assert!(!invoked.failed, "{}", invoked.log);
    assert!(invoked.log.contains("java-21 started"), "{}", invoked.log);
}

#[tokio::test]
async fn given_an_untrusted_server_certificate_then_nothing_is_sent_and_the_log_says_why() {
    let another = Roots::of("another", &certified().cert.pem());
    let (cloud, invoked) = announced(&certified(), &another).await;
    assert!(invoked.failed, "{}", invoked.log);
    assert!(invoked.log.contains("invalid peer certificate"), "{}", invoked.log);
    assert!(cloud.state().calls.is_empty(), "{:?}", cloud.state().calls);
}

#[tokio::test]
async fn given_a_system_without_root_certificates_then_nothing_is_sent_and_the_log_says_why() {
    let (cloud, invoked) = announced(&certified(), &Roots::of("none", "")).await;
    assert!(invoked.failed, "{}", invoked.log);
    // The SDK's client says so by an assertion; a release build reports an unknown issuer instead.
    assert!(invoked.log.contains("no valid root certificates"), "{}", invoked.log);
    assert!(cloud.state().calls.is_empty(), "{:?}", cloud.state().calls);
}
