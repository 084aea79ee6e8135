//! How does a pipeline stand, in a word and a mark?

use serde::Serialize;

use crate::decide::decision::{Decision, Skip, Wait};
use crate::decide::gate::Gate;
use crate::report::{Line, Outcome};

/// How a pipeline, or an image that no pipeline of the fleet builds, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its builds fail, or its recipe names what does not resolve.
    Failing,
    /// It could not be read.
    Unreadable,
    /// It would start now.
    WouldStart,
    /// A build is in progress.
    Building,
    /// It would start, but windows, calendars, the budget or the control parameter hold it.
    Deferred,
    /// It waits for an ancestor.
    Waiting,
    /// It would start, but its own tags or the image that it would be built on hold it.
    Held,
    /// Its recipe names one exact parent.
    Pinned,
    /// It is not started, whatever has moved.
    Skipped,
    /// Image Cascade does not look at it, by its mode.
    Ignored,
    /// It lacks nothing.
    UpToDate,
    /// It is built by no pipeline of the fleet.
    Base,
}

/// All states, those that need attention first.
pub const STATES: [State; 12] = [
    State::Failing,
    State::Unreadable,
    State::WouldStart,
    State::Building,
    State::Deferred,
    State::Waiting,
    State::Held,
    State::Pinned,
    State::Skipped,
    State::Ignored,
    State::UpToDate,
    State::Base,
];

impl State {
    /// The state that follows from a decision.
    pub fn of(decision: &Decision) -> Self {
        match decision {
            Decision::UpToDate(_) => Self::UpToDate,
            Decision::Rebuild(_) => Self::WouldStart,
            Decision::Wait(wait) => match wait {
                Wait::Building { .. } => Self::Building,
                Wait::ForAncestor { .. }
                | Wait::AncestorUnknown { .. }
                | Wait::InconsistentRead { .. } => Self::Waiting,
                Wait::RetryPause { .. } | Wait::Shortage { .. } => Self::Failing,
                Wait::Deferred { gates, .. } if gates.iter().any(Gate::is_of_one_pipeline) => {
                    Self::Held
                }
                Wait::Deferred { .. } => Self::Deferred,
            },
            Decision::Skip(skip) => match skip {
                Skip::Pinned(_) => Self::Pinned,
                Skip::Cycle { .. }
                | Skip::ParameterUnresolved { .. }
                | Skip::UnreadableParent { .. }
                | Skip::RecipeNotFound { .. }
                | Skip::ParentUnresolved { .. }
                | Skip::ComponentUnresolved { .. } => Self::Failing,
                Skip::Disabled
                | Skip::NotComparable { .. }
                | Skip::NotMatched { .. }
                | Skip::BuiltOnNewer { .. } => Self::Skipped,
            },
        }
    }

    /// The state of a pipeline by its line, if it is selected, and by what was decided of it.
    pub(super) fn standing(line: Option<&Line>, decision: Option<&Decision>) -> Self {
        match (line, decision) {
            (Some(Line { outcome: Outcome::Failed(_), .. }), _) | (Some(_), None) => {
                Self::Unreadable
            }
            (_, Some(decision)) => Self::of(decision),
            (None, None) => Self::Ignored,
        }
    }

    /// The state in words, as a label of a count: "3 up to date".
    pub fn label(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Unreadable => "could not be read",
            Self::WouldStart => "to start",
            Self::Building => "building",
            Self::Deferred => "deferred",
            Self::Waiting => "waiting for an ancestor",
            Self::Held => "held",
            Self::Pinned => "pinned",
            Self::Skipped => "skipped",
            Self::Ignored => "ignored",
            Self::UpToDate => "up to date",
            Self::Base => "base images",
        }
    }

    /// Its name in JSON and in style sheets.
    pub fn code(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Unreadable => "unreadable",
            Self::WouldStart => "would-start",
            Self::Building => "building",
            Self::Deferred => "deferred",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Pinned => "pinned",
            Self::Skipped => "skipped",
            Self::Ignored => "ignored",
            Self::UpToDate => "up-to-date",
            Self::Base => "base",
        }
    }

    /// One character that differs for each state, so that no colour is needed.
    pub fn mark(self) -> char {
        match self {
            Self::Failing => '✕',
            Self::Unreadable => '?',
            Self::WouldStart => '+',
            Self::Building => '▶',
            Self::Deferred => '◷',
            Self::Waiting => '…',
            Self::Held => '‖',
            Self::Pinned => '⚑',
            Self::Skipped => '–',
            Self::Ignored => '·',
            Self::UpToDate => '✓',
            Self::Base => '○',
        }
    }

    /// The same in ASCII, for output that is no terminal's.
    pub fn plain_mark(self) -> char {
        match self {
            Self::Failing => 'x',
            Self::Unreadable => '?',
            Self::WouldStart => '+',
            Self::Building => '>',
            Self::Deferred | Self::Held => '~',
            Self::Waiting => '.',
            Self::Pinned => '!',
            Self::Skipped => '-',
            Self::Ignored => ' ',
            Self::UpToDate => '=',
            Self::Base => 'o',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_each_state_then_it_has_a_mark_that_no_other_has_a_plain_one_and_words() {
        let said = STATES
            .map(|it| format!("{} {} {}: {}", it.mark(), it.plain_mark(), it.code(), it.label()));
        insta::assert_snapshot!(said.join("\n"), @"
        ✕ x failing: failing
        ? ? unreadable: could not be read
        + + would-start: to start
        ▶ > building: building
        ◷ ~ deferred: deferred
        … . waiting: waiting for an ancestor
        ‖ ~ held: held
        ⚑ ! pinned: pinned
        – - skipped: skipped
        ·   ignored: ignored
        ✓ = up-to-date: up to date
        ○ o base: base images
        ");
        let marks: std::collections::BTreeSet<char> = STATES.map(State::mark).into();
        assert_eq!(marks.len(), STATES.len());
    }
}
