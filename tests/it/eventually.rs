//! How does a test wait for what other tasks and processes do?

use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(2);

/// Waits until `condition` holds, and fails the test if it does not within two minutes.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, holds).await.is_ok(), "not within {LIMIT:?}: {what}");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not within 120s: the impossible")]
async fn given_a_condition_that_never_holds_then_the_wait_ends() {
    eventually("the impossible", || false).await;
}
