//! Where is a host?
//!
//! A cascade opens a connection for each call that is under way, and each would look the host up for
//! itself, with a thread and a query of its own. Here those that come together share one answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tower_service::Service;

/// For how long an answer is good: a burst of connections, and no more. AWS's answers change each
/// minute.
const GOOD: Duration = Duration::from_secs(1);

/// The system's resolver, asked once where many ask at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolver(Arc<Mutex<BTreeMap<String, Answer>>>);

#[derive(Debug)]
struct Answer {
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl Resolver {
    async fn look(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        // Held until the answer is there: whoever asks meanwhile waits for it.
        let mut answers = self.0.lock().await;
        if let Some(answer) = answers.get(name)
            && answer.at.elapsed() < GOOD
        {
            return Ok(answer.addresses.clone());
        }
        let addresses: Vec<_> = lookup_host((name, 0)).await?.collect();
        let answer = Answer { addresses: addresses.clone(), at: Instant::now() };
        answers.insert(name.to_owned(), answer);
        Ok(addresses)
    }
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { Ok(resolver.look(name.as_str()).await?.into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_while_another_asks_gets_his_answer() {
        let resolver = Resolver::default();
        let asked = (0..20).map(|_| resolver.look("localhost"));
        let found = futures_util::future::try_join_all(asked).await.unwrap();
        assert!(found[0].iter().any(|it| it.ip().is_loopback()));
        assert!(found.iter().all(|it| *it == found[0]));
        assert_eq!(resolver.0.lock().await.len(), 1);
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_an_error_that_nobody_keeps() {
        let resolver = Resolver::default();
        assert!(resolver.look("").await.is_err());
        assert!(resolver.0.lock().await.is_empty());
    }
}
