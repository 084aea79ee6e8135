//! How does a connection to AWS come into being?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use http::header::{HOST, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::dns::Resolver;
use crate::trust::SystemRoots;
use crate::worth::Worth;

/// How long a connection may take until it is there (what the SDK gives its own client).
const PATIENCE: Duration = Duration::from_millis(3_100);

/// How long a connection may have been without a call; whoever answers closes it some time (what the
/// SDK gives its own client).
const KEPT: Duration = Duration::from_secs(90);

/// What is closed sooner than this was not closed for lack of calls.
const NEW: Duration = Duration::from_secs(1);

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
/// A future that the pool can hold.
pub(crate) type Promise<T, E = BoxError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Dial {
    tcp: HttpConnector<Resolver>,
    tls: Result<TlsConnector, rustls::Error>,
    roots: Arc<SystemRoots>,
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").finish_non_exhaustive()
    }
}

impl Dial {
    pub(crate) fn new() -> Self {
        Self::trusting(SystemRoots::new(cryptography()))
    }

    fn trusting(roots: SystemRoots) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::default());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let roots = Arc::new(roots);
        Self { tcp, tls: tls(&roots), roots }
    }

    /// Has a thread read what connections are verified against, which takes a while.
    pub(crate) fn prepare(&self) {
        let roots = Arc::clone(&self.roots);
        // Whoever needs them hears of the error.
        spawn_blocking(move || roots.read().map(drop));
    }

    async fn open(&self, to: Uri, worth: &Worth) -> Result<Connection, BoxError> {
        let is_plain = to.scheme() == Some(&Scheme::HTTP);
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let mut tcp = self.tcp.clone();
        let stream = tcp.call(to).await?;
        let stream: Stream = if is_plain {
            MaybeHttpsStream::Http(stream)
        } else {
            let tls = self.tls.clone()?;
            let began = Instant::now();
            let stream = tls.connect(ServerName::try_from(host)?, TokioIo::new(stream)).await?;
            worth.opened_in(began.elapsed());
            MaybeHttpsStream::Https(TokioIo::new(stream))
        };
        let (sender, driver) = handshake(stream).await?;
        // What ends it is told to whoever has sent something.
        tokio::spawn(async move { driver.await.unwrap_or_default() });
        Ok(Connection { sender, asked: 0, answered: Arc::default(), used: Instant::now() })
    }
}

/// Opens connections to one host, where one more is worth it.
pub(crate) struct Opener {
    dial: Dial,
    worth: Worth,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Opener {
    pub(crate) fn new(dial: Dial, worth: Worth) -> Self {
        Self { dial, worth, waiting: None }
    }
}

impl Clone for Opener {
    /// Whoever takes the copy has not waited yet.
    fn clone(&self) -> Self {
        Self::new(self.dial.clone(), self.worth.clone())
    }
}

impl Service<Uri> for Opener {
    type Response = Connection;
    type Error = BoxError;
    type Future = Promise<Connection>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let worth = &self.worth;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(worth.one_more()));
        ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (dial, worth) = (self.dial.clone(), self.worth.clone());
        Box::pin(async move { timeout(PATIENCE, dial.open(to, &worth)).await? })
    }
}

/// A connection that is there: encrypted, unless the endpoint says otherwise.
pub(crate) struct Connection {
    sender: SendRequest<SdkBody>,
    /// How many calls it was given, and to how many of them an answer has been read that speaks for
    /// another call. If they are not the same once the connection is in anybody else's hands, it is
    /// given up.
    asked: u32,
    answered: Arc<AtomicU32>,
    /// When it was used last, if only by being opened.
    used: Instant,
}

/// Why there is no answer.
pub(crate) enum Unanswered {
    /// The connection has been closed since it was used, and another will do.
    Closed,
    /// The same; nothing of this has been sent.
    NotSent(Box<Request<SdkBody>>),
    /// The call itself is in trouble.
    Failed(BoxError),
}

impl Connection {
    /// Whether it had time to be closed by whoever answers; if not, another would be, too.
    fn is_old(&self) -> bool {
        self.asked > 0 || self.used.elapsed() > NEW
    }

    fn has_been_given_up(&self) -> bool {
        self.asked != self.answered.load(Ordering::Relaxed) || self.used.elapsed() > KEPT
    }
}

impl Service<Request<SdkBody>> for Connection {
    type Response = Response<SdkBody>;
    type Error = Unanswered;
    type Future = Promise<Response<SdkBody>, Unanswered>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        if self.has_been_given_up() {
            return Poll::Ready(Err(Unanswered::Closed));
        }
        let ready = ready!(self.sender.poll_ready(context));
        Poll::Ready(ready.map_err(|error| {
            if self.is_old() { Unanswered::Closed } else { Unanswered::Failed(error.into()) }
        }))
    }

    fn call(&mut self, request: Request<SdkBody>) -> Self::Future {
        let (answered, is_old) = (Arc::clone(&self.answered), self.is_old());
        self.asked += 1;
        self.used = Instant::now();
        let answer = self.sender.try_send_request(request);
        Box::pin(async move {
            let answer = answer.await.map_err(|mut error| match error.take_message() {
                Some(request) if is_old => Unanswered::NotSent(Box::new(request)),
                _ => Unanswered::Failed(error.into_error().into()),
            });
            let (head, body) = answer?.into_parts();
            let body = body.collect().await;
            let body = body.map_err(|error| Unanswered::Failed(error.into()))?.to_bytes();
            // Whoever is in trouble may be alone with it: the next attempt goes by another
            // connection, as it does with the SDK's own client.
            if !head.status.is_server_error() {
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Response::from_parts(head, SdkBody::from(body)))
        })
    }
}

/// A request names its host in a header, and what it wants of it in its first line (RFC 9112,
/// section 3.2.1).
pub(crate) fn name_the_host(request: &mut Request<SdkBody>) {
    let uri = request.uri();
    let wanted = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let port = uri.port_u16().filter(|port| match uri.scheme_str() {
        Some("http") => *port != 80,
        _ => *port != 443,
    });
    let host = uri.host().unwrap_or_default();
    let host = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    if let Ok(host) = HeaderValue::try_from(host) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    *request.uri_mut() = Uri::from(wanted);
}

/// `ring`: `aws-lc` spends some thirty milliseconds on entropy at the first connection, which every
/// cold start would pay. AES-128 comes first, since its digest is one that processors know.
fn cryptography() -> CryptoProvider {
    let mut provider = default_provider();
    let suites = &mut provider.cipher_suites;
    suites.sort_by_key(|suite| *suite != cipher_suite::TLS13_AES_128_GCM_SHA256);
    provider
}

/// How connections are encrypted, and whom they are believed to lead to.
fn tls(roots: &Arc<SystemRoots>) -> Result<TlsConnector, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::clone(roots.provider()))
        .with_safe_default_protocol_versions()?
        // What is dangerous is to verify otherwise than rustls does: `trust` does not.
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(roots) as _)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{HandshakeKind, ServerConfig};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn certified() -> CertifiedKey<KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    /// Answers each call, and says of each connection how it was encrypted.
    async fn serve(certified: &CertifiedKey<KeyPair>) -> (Uri, mpsc::Receiver<String>) {
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("https://localhost:{}/a", tcp.local_addr().unwrap().port());
        let (say, said) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let (stream, _) = tcp.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let tls = stream.get_ref().1;
                let kind = tls.handshake_kind().unwrap_or(HandshakeKind::Full);
                let suite = tls.negotiated_cipher_suite().unwrap().suite();
                say.send(format!("{kind:?} {suite:?}")).await.unwrap();
                let mut heard = Vec::new();
                while stream.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {
                    if heard.ends_with(b"\r\n\r\n") {
                        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                        break;
                    }
                }
            }
        });
        (uri.parse().unwrap(), said)
    }

    fn opener(certs: Vec<CertificateDer<'static>>) -> Opener {
        Opener::new(Dial::trusting(SystemRoots::given(cryptography(), certs)), Worth::new())
    }

    #[tokio::test]
    async fn given_a_known_certificate_then_calls_are_answered_and_the_session_is_taken_up_again() {
        let certified = certified();
        let (uri, mut said) = serve(&certified).await;
        let mut opener = opener(vec![certified.cert.der().clone()]);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let mut connection = opener.call(uri.clone()).await.unwrap();
            assert!(poll_fn(|context| connection.poll_ready(context)).await.is_ok());
            let mut request = Request::get(uri.clone()).body(SdkBody::empty()).unwrap();
            name_the_host(&mut request);
            let Ok(answer) = connection.call(request).await else { panic!("no answer") };
            assert_eq!(answer.status(), 204);
            seen.push(said.recv().await.unwrap());
        }
        assert_eq!(seen, ["Full TLS13_AES_128_GCM_SHA256", "Resumed TLS13_AES_128_GCM_SHA256"]);
    }

    #[tokio::test]
    async fn given_a_certificate_that_nobody_vouches_for_then_nothing_is_sent() {
        let (uri, _said) = serve(&certified()).await;
        let mut opener = opener(vec![certified().cert.der().clone()]);
        let Err(error) = opener.call(uri).await else { panic!("it was trusted") };
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    }

    #[test]
    fn a_request_names_its_host_and_its_port_where_that_is_not_the_usual_one() {
        let named = |uri: &str| {
            let mut request = Request::get(uri).body(SdkBody::empty()).unwrap();
            name_the_host(&mut request);
            format!("{} {}", request.uri(), request.headers()[HOST].to_str().unwrap())
        };
        assert_eq!(named("https://a.example/b?c=d"), "/b?c=d a.example");
        assert_eq!(named("https://a.example:443"), "/ a.example");
        assert_eq!(named("https://a.example:80"), "/ a.example:80");
        assert_eq!(named("http://a.example:80/"), "/ a.example");
        assert_eq!(named("http://[::1]:8080/"), "/ [::1]:8080");
    }
}
