//! Is a pipeline started, only reported, or ignored?

use std::str::FromStr;

use serde::Serialize;

/// What is done with a pipeline: the value of the tag `image-cascade:mode`, or of `DEFAULT_MODE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is started when it is behind.
    #[default]
    Auto,
    /// It is decided and reported, and never started.
    Report,
    /// It is counted, and reported nowhere.
    Ignore,
}

/// What is wrong with any other text.
pub const EXPECTED: &str = "not one of `auto`, `report`, `ignore`";

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "report" => Ok(Self::Report),
            "ignore" => Ok(Self::Ignore),
            _ => Err(EXPECTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_text_then_it_is_a_mode_or_refused() {
        let modes = ["auto", "report", "ignore"].map(str::parse);
        assert_eq!(modes, [Ok(Mode::Auto), Ok(Mode::Report), Ok(Mode::Ignore)]);
        for text in ["", "Auto", "off", " auto"] {
            assert_eq!(text.parse::<Mode>(), Err(EXPECTED), "{text}");
        }
        assert_eq!(Mode::default(), Mode::Auto);
    }
}
