//! Which connection does a call go by?
//!
//! One that is free, or one that is free soon, or a new one (`worth`). The cache and its races are
//! hyper's; a connection is free when its answer has been read to the end.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use futures_util::future::join_all;
use http::uri::Authority;
use http::{Request, Response, Uri};
use hyper_util::client::pool::cache;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;
use tower_service::Service;

use crate::connection::{Dial, Opener, Promise, Unanswered, name_the_host};
use crate::worth::Worth;

/// Connections by where they lead.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    dial: Dial,
    pools: Arc<Mutex<HashMap<Authority, Pool>>>,
}

impl Pools {
    pub(crate) fn new() -> Self {
        Self { dial: Dial::new(), pools: Arc::default() }
    }

    /// Begins to get ready for opening connections, which takes a while.
    pub(crate) fn prepare(&self) {
        self.dial.prepare();
    }

    /// Opens so many connections, so that there is one for each of the first calls.
    pub(crate) fn open_early(
        &self,
        to: Uri,
        connections: usize,
    ) -> impl Future<Output = ()> + Send + use<> {
        let pool = to.authority().map(|to| self.to(to));
        let pool = pool.inspect(|pool| pool.worth.is_opening());
        async move {
            let Some(pool) = pool else { return };
            let opening = (0..connections).map(|_| (pool.lend)(to.clone(), Wanted::AtOnce));
            // They are kept until all are there: one that was free would be taken for another. If one
            // cannot be opened, the first call will say so.
            let _ = join_all(opening).await;
            pool.worth.has_opened();
        }
    }

    /// Sends a request, and reads all of its answer.
    pub(crate) async fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> Result<Response<SdkBody>, BoxError> {
        let to = request.uri().clone();
        let pool = self.to(to.authority().ok_or("a call to no host")?);
        name_the_host(&mut request);
        loop {
            let mut connection = (pool.lend)(to.clone(), Wanted::WhenWorthIt).await?;
            match poll_fn(|context| connection.poll_ready(context)).await {
                Ok(()) => {}
                Err(Unanswered::Failed(error)) => return Err(error),
                Err(Unanswered::Closed | Unanswered::NotSent(_)) => continue,
            }
            let sent = Instant::now();
            match connection.call(request).await {
                Ok(answer) => {
                    pool.worth.answered_in(sent.elapsed());
                    // It is given back when it is free; if it is closed, it is not.
                    let _ = poll_fn(|context| connection.poll_ready(context)).await;
                    return Ok(answer);
                }
                Err(Unanswered::Failed(error)) => return Err(error),
                Err(Unanswered::NotSent(back)) => request = *back,
                Err(Unanswered::Closed) => return Err("the connection is closed".into()),
            }
        }
    }

    fn to(&self, authority: &Authority) -> Pool {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.entry(authority.clone()).or_insert_with(|| Pool::new(&self.dial)).clone()
    }
}

/// A connection until it is given back, which is when it is dropped.
type Lent = Box<
    dyn Service<
            Request<SdkBody>,
            Response = Response<SdkBody>,
            Error = Unanswered,
            Future = Promise<Response<SdkBody>, Unanswered>,
        > + Send,
>;

/// When a connection is opened, if none is free.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    AtOnce,
    WhenWorthIt,
}

/// Connections to one host.
#[derive(Clone)]
struct Pool {
    worth: Worth,
    lend: Arc<dyn Fn(Uri, Wanted) -> Promise<Lent> + Send + Sync>,
}

impl Pool {
    fn new(dial: &Dial) -> Self {
        let worth = Worth::new();
        let opener = Opener::new(dial.clone(), worth.clone());
        let cache = cache::builder().executor(TokioExecutor::new()).build(opener);
        let lend = move |to: Uri, wanted: Wanted| -> Promise<Lent> {
            let mut cache = cache.clone();
            Box::pin(async move {
                if wanted == Wanted::WhenWorthIt {
                    poll_fn(|context| cache.poll_ready(context)).await?;
                }
                Ok(Box::new(cache.call(to).await?) as Lent)
            })
        };
        Self { worth, lend: Arc::new(lend) }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("worth", &self.worth).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    /// Answers calls to `/` at once, one to `/fails` with 500, one to `/last` with the connection's
    /// end, and one to `/never` not at all.
    struct Server {
        uri: String,
        connections: Arc<AtomicUsize>,
        closed: Arc<Notify>,
    }

    impl Server {
        async fn start() -> Self {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("http://{}", tcp.local_addr().unwrap());
            let connections = Arc::new(AtomicUsize::new(0));
            let closed = Arc::new(Notify::new());
            let server = Self { uri, connections: connections.clone(), closed: closed.clone() };
            tokio::spawn(async move {
                loop {
                    let (stream, _) = tcp.accept().await.unwrap();
                    connections.fetch_add(1, Ordering::Relaxed);
                    let closed = Arc::clone(&closed);
                    tokio::spawn(async move {
                        serve(stream).await;
                        closed.notify_one();
                    });
                }
            });
            server
        }

        fn connections(&self) -> usize {
            self.connections.load(Ordering::Relaxed)
        }

        fn call(&self, path: &str) -> Request<SdkBody> {
            Request::get(format!("{}{path}", self.uri)).body(SdkBody::empty()).unwrap()
        }
    }

    async fn serve(mut stream: TcpStream) {
        let mut heard = Vec::new();
        while stream.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {
            let Some(asked) = heard.strip_suffix(b"\r\n\r\n") else { continue };
            let asked = String::from_utf8_lossy(asked).into_owned();
            heard.clear();
            if asked.starts_with("GET /never") {
                continue;
            }
            let status = if asked.starts_with("GET /fails") { "500 No" } else { "200 OK" };
            let length = asked.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{asked}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            if asked.starts_with("GET /last") {
                return;
            }
        }
    }

    async fn text(answer: Result<Response<SdkBody>, BoxError>) -> String {
        let body = answer.unwrap().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8_lossy(&body).into_owned()
    }

    #[tokio::test]
    async fn given_calls_one_after_the_other_then_one_connection_takes_them_all() {
        let server = Server::start().await;
        let pools = Pools::new();
        for _ in 0..20 {
            let heard = text(pools.send(server.call("/a?b=c")).await).await;
            let host = server.uri.strip_prefix("http://").unwrap();
            assert_eq!(heard, format!("GET /a?b=c HTTP/1.1\r\nhost: {host}"));
        }
        assert_eq!(server.connections(), 1);
    }

    #[tokio::test]
    async fn given_calls_at_once_then_no_more_connections_than_calls_are_opened() {
        let server = Server::start().await;
        let pools = Pools::new();
        for _ in 0..5 {
            let calls = (0..10).map(|_| async { text(pools.send(server.call("/")).await).await });
            assert_eq!(join_all(calls).await.len(), 10);
        }
        assert!(server.connections() <= 10, "{}", server.connections());
    }

    #[tokio::test]
    async fn given_early_connections_then_the_first_call_goes_by_one_of_them() {
        let server = Server::start().await;
        let pools = Pools::new();
        let early = pools.open_early(server.uri.parse().unwrap(), 2);
        // The call is there before a connection is: it waits for one.
        let call = async { text(pools.send(server.call("/")).await).await };
        let ((), heard) = futures_util::future::join(early, call).await;
        assert!(heard.starts_with("GET / "), "{heard}");
        while server.connections() < 2 {
            yield_now().await;
        }
        assert_eq!(server.connections(), 2);
    }

    #[tokio::test]
    async fn given_an_early_connection_that_fails_then_calls_say_why() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let pools = Pools::new();
        let to: Uri = format!("http://{nobody}").parse().unwrap();
        pools.open_early(to.clone(), 2).await;
        let request = Request::get(to).body(SdkBody::empty()).unwrap();
        let error = pools.send(request).await.unwrap_err();
        assert!(error.to_string().contains("tcp connect error"), "{error}");
    }

    #[tokio::test]
    async fn given_a_connection_closed_meanwhile_then_a_call_goes_by_another() {
        let server = Server::start().await;
        let pools = Pools::new();
        text(pools.send(server.call("/last")).await).await;
        server.closed.notified().await;
        assert!(text(pools.send(server.call("/")).await).await.starts_with("GET / "));
        assert_eq!(server.connections(), 2);
    }

    #[tokio::test]
    async fn given_a_call_that_was_given_up_then_nobody_else_gets_its_connection() {
        let server = Server::start().await;
        let pools = Pools::new();
        let never = pools.send(server.call("/never"));
        assert!(tokio::time::timeout(Duration::from_millis(50), never).await.is_err());
        assert!(text(pools.send(server.call("/")).await).await.starts_with("GET / "));
        assert_eq!(server.connections(), 2);
    }

    #[tokio::test]
    async fn given_an_answer_of_a_server_in_trouble_then_the_next_call_goes_by_another_connection()
    {
        let server = Server::start().await;
        let pools = Pools::new();
        assert_eq!(pools.send(server.call("/fails")).await.unwrap().status(), 500);
        assert!(text(pools.send(server.call("/")).await).await.starts_with("GET / "));
        assert_eq!(server.connections(), 2);
    }
}
