//! Was the program asked to end, and how often?

use tokio::sync::watch;

/// How often the program was asked to end: a check then removes what it has made, and a removal ends
/// at once.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    asked: watch::Receiver<u8>,
    /// Which time counts.
    at: u8,
}

impl Stop {
    /// Listens for Ctrl-C and supervisors.
    pub(super) fn listen() -> Self {
        let (counted, asked) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                crate::interrupted().await;
                counted.send_modify(|times: &mut u8| *times = times.saturating_add(1));
            }
        });
        Self { asked, at: 1 }
    }

    /// The same for what goes on now, whether or not the program was asked to end before.
    pub(super) fn again(&self) -> Self {
        let at = self.asked.borrow().saturating_add(1);
        Self { asked: self.asked.clone(), at }
    }

    /// Whether the program was asked to end.
    pub(super) fn is_asked(&self) -> bool {
        *self.asked.borrow() >= self.at
    }

    /// Returns when the program is asked to end.
    pub(super) async fn asked(&self) {
        let mut asked = self.asked.clone();
        let at = self.at;
        if asked.wait_for(|times| *times >= at).await.is_err() {
            // Without a listener it is never asked.
            std::future::pending::<()>().await;
        }
    }
}
