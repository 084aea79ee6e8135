//! Where is a host?
//!
//! A cascade opens a connection for each call that is under way, and each would look the host up for
//! itself, with a thread and a query of its own. Here those that come together share one answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use tokio::net::lookup_host;
use tokio::sync::Mutex;

/// For how long an answer is good: a burst of connections, and no more. AWS's answers change each
/// minute.
const GOOD: Duration = Duration::from_secs(1);

/// The system's resolver, asked once where many ask at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolver(Arc<Mutex<BTreeMap<String, Answer>>>);

#[derive(Debug)]
struct Answer {
    addresses: Vec<IpAddr>,
    at: Instant,
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            // Held until the answer is there: whoever asks meanwhile waits for it.
            let mut answers = self.0.lock().await;
            if let Some(answer) = answers.get(name)
                && answer.at.elapsed() < GOOD
            {
                return Ok(answer.addresses.clone());
            }
            let found = lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            let answer = Answer { addresses: addresses.clone(), at: Instant::now() };
            answers.insert(name.to_owned(), answer);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_while_another_asks_gets_his_answer() {
        let resolver = Resolver::default();
        let asked = (0..20).map(|_| resolver.resolve_dns("localhost"));
        let found = futures_util::future::try_join_all(asked).await.unwrap();
        assert!(found[0].iter().any(IpAddr::is_loopback));
        assert!(found.iter().all(|it| *it == found[0]));
        assert_eq!(resolver.0.lock().await.len(), 1);
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_an_error_that_nobody_keeps() {
        let resolver = Resolver::default();
        assert!(resolver.resolve_dns("").await.is_err());
        assert!(resolver.0.lock().await.is_empty());
    }
}
