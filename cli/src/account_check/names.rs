//! What is everything called that a check makes?

/// What all names begin with.
const PREFIX: &str = "image-cascade-check-";

/// The key of the tag that all resources have.
pub(super) const TAG: &str = "image-cascade-check";

/// How long the id of a run is.
const ID_LENGTH: usize = 8;

/// The names of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// The id of the run.
    pub(super) run: String,
}

impl Names {
    /// Names that no other run has.
    pub(super) fn new() -> Self {
        let run = std::iter::repeat_with(|| {
            let letter = fastrand::alphanumeric();
            letter.to_ascii_lowercase()
        });
        Self { run: run.take(ID_LENGTH).collect() }
    }

    /// The name of a resource of this run.
    pub(super) fn of(&self, what: &str) -> String {
        format!("{PREFIX}{}-{what}", self.run)
    }

    /// A name with an upper-case letter, a blank and an underscore.
    pub(super) fn of_component(&self) -> String {
        format!("{PREFIX}{} Agent_A", self.run)
    }

    /// The same name in an ARN.
    pub(super) fn of_component_in_arn(&self) -> String {
        self.of("agent-a")
    }
}

/// Which runs are meant: one, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Runs(Option<String>);

impl Runs {
    pub(super) fn one(run: &str) -> Self {
        Self(Some(run.to_owned()))
    }

    pub(super) fn all() -> Self {
        Self(None)
    }

    /// The id of the run, if one is meant.
    pub(super) fn run(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// What all names of these runs begin with.
    pub(super) fn prefix(&self) -> String {
        self.0.as_ref().map_or_else(|| PREFIX.to_owned(), |run| format!("{PREFIX}{run}-"))
    }

    /// Whether a name is one that a check gives, and of one of these runs.
    pub(super) fn have(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(PREFIX) else { return false };
        let Some((run, _)) = rest.split_once('-') else { return false };
        let is_id = run.len() == ID_LENGTH
            && run.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        is_id && self.0.as_ref().is_none_or(|wanted| wanted == run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names_then_only_those_of_the_run_are_its_own() {
        let names = Names::new();
        let own = Runs::one(&names.run);
        assert!(own.have(&names.of("gold")) && Runs::all().have(&names.of("gold")));
        assert!(own.have(&names.of_component_in_arn()));
        assert!(!Runs::one("k3j2x9ab").have(&names.of("gold")));
        for foreign in ["gold", "image-cascade-check-", "image-cascade-check-mine-gold", PREFIX] {
            assert!(!Runs::all().have(foreign), "{foreign}");
        }
        assert_ne!(Names::new(), names);
    }
}
