//! Is one more connection worth what it takes?
//!
//! A call that finds no connection free may open one, or wait until another call's answer has been
//! read. Nobody knows when that will be; so it waits as long as opening one takes, and opens one then:
//! it never takes more than twice the shorter of the two. Where answers are known to take longer than
//! that, there is nothing to wait for.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// What the connections to one host have taken.
#[derive(Debug, Clone)]
pub(crate) struct Worth(watch::Sender<Costs>);

#[derive(Debug, Clone, Copy, Default)]
struct Costs {
    /// Whether the first connections are being opened, before there are calls for them.
    is_opening: bool,
    /// What the last connection took, if there was one.
    opening: Duration,
    /// What the last answer took.
    answer: Duration,
}

impl Costs {
    /// For how long a call waits for a connection that is there.
    fn patience(self) -> Duration {
        if self.answer < self.opening { self.opening } else { Duration::ZERO }
    }
}

impl Worth {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// The first connections are being opened; calls wait for them.
    pub(crate) fn is_opening(&self) {
        self.0.send_modify(|costs| costs.is_opening = true);
    }

    /// That is over, well or not.
    pub(crate) fn has_opened(&self) {
        self.0.send_modify(|costs| costs.is_opening = false);
    }

    /// A connection has taken so long.
    pub(crate) fn opened_in(&self, opening: Duration) {
        self.0.send_modify(|costs| costs.opening = opening);
    }

    /// An answer has taken so long.
    pub(crate) fn answered_in(&self, answer: Duration) {
        self.0.send_modify(|costs| costs.answer = answer);
    }

    /// Comes to an end when it is worth opening one more connection.
    pub(crate) fn one_more(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        let mut costs = self.0.subscribe();
        async move {
            // Whoever would say so is gone, and so is the pool.
            let costs = costs.wait_for(|costs| !costs.is_opening).await.map(|costs| *costs);
            let patience = costs.map_or(Duration::ZERO, Costs::patience);
            if !patience.is_zero() {
                sleep(patience).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const MS: Duration = Duration::from_millis(1);

    async fn waited(worth: &Worth) -> Duration {
        let began = Instant::now();
        worth.one_more().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn given_no_costs_yet_then_nobody_waits() {
        assert_eq!(waited(&Worth::new()).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn given_answers_that_come_sooner_than_a_connection_then_one_is_waited_for() {
        let worth = Worth::new();
        worth.opened_in(7 * MS);
        assert_eq!(waited(&worth).await, 7 * MS, "nobody knows how long answers take");
        worth.answered_in(2 * MS);
        assert_eq!(waited(&worth).await, 7 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn given_answers_that_take_longer_than_a_connection_then_nobody_waits() {
        let worth = Worth::new();
        worth.opened_in(7 * MS);
        worth.answered_in(20 * MS);
        assert_eq!(waited(&worth).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_first_connection_under_way_then_it_is_waited_for() {
        let worth = Worth::new();
        worth.is_opening();
        let opening = async {
            sleep(30 * MS).await;
            worth.opened_in(7 * MS);
            worth.has_opened();
        };
        let (waited, ()) = futures_util::future::join(waited(&worth), opening).await;
        assert_eq!(waited, 37 * MS, "and then for an answer that it gives another call");
    }
}
