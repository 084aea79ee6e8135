//! What was found of each fact?

use std::collections::BTreeMap;

use serde::Serialize;

use super::fact::{ALL, Fact, Needs};

/// How what was seen compares with what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    AsExpected,
    Differs,
    NotSettled,
}

/// One fact, settled or not.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) fact: &'static Fact,
    pub(super) verdict: Verdict,
    /// What was seen, or why nothing was.
    pub(super) seen: String,
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<&'static str, (Verdict, String)>);

impl Findings {
    /// Settles a fact by what was seen. What was found first stays.
    pub(super) fn settle(
        &mut self,
        fact: &'static Fact,
        is_as_expected: bool,
        seen: impl Into<String>,
    ) {
        let verdict = if is_as_expected { Verdict::AsExpected } else { Verdict::Differs };
        self.0.entry(fact.code).or_insert((verdict, seen.into()));
    }

    /// Leaves a fact open.
    pub(super) fn leave(&mut self, fact: &'static Fact, why: impl Into<String>) {
        self.0.entry(fact.code).or_insert((Verdict::NotSettled, why.into()));
    }

    /// Each fact that was asked for. What has not been reached is open, because of `why`.
    pub(super) fn end(mut self, needs: &[Needs], why: &str) -> Vec<Finding> {
        let asked = ALL.iter().filter(|fact| needs.contains(&fact.needs));
        let found = asked.map(|fact| {
            let open = || (Verdict::NotSettled, why.to_owned());
            let (verdict, seen) = self.0.remove(fact.code).unwrap_or_else(open);
            Finding { fact, verdict, seen }
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::{CANCELLED, SEMVER, STATES};
    use super::*;

    #[test]
    fn given_what_was_not_reached_then_it_is_open_and_says_why() {
        let mut findings = Findings::default();
        findings.settle(&SEMVER, false, "1");
        findings.settle(&SEMVER, true, "2");
        findings.leave(&STATES, "no build");
        let found = findings.end(&[Needs::Fleet], "it ended early");
        let of = |fact: &Fact| {
            let found = found.iter().find(|it| it.fact.code == fact.code).unwrap();
            (found.verdict, found.seen.as_str())
        };
        assert_eq!(of(&SEMVER), (Verdict::Differs, "1"));
        assert_eq!(of(&STATES), (Verdict::NotSettled, "no build"));
        assert_eq!(of(&CANCELLED), (Verdict::NotSettled, "it ended early"));
        assert!(found.iter().all(|it| it.fact.needs == Needs::Fleet));
    }
}
