//! What is this function told from outside?

use image_cascade::settings::{SettingError, Settings};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings that both functions share.
    pub settings: Settings,
}

impl Config {
    /// Reads the process's environment, once.
    ///
    /// # Errors
    /// Names the first setting with a value that cannot be used.
    pub fn from_env() -> Result<Self, SettingError> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings through `lookup`, so that no test sets a process's variable.
    ///
    /// # Errors
    /// Names the first setting with a value that cannot be used.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        Ok(Self { settings: Settings::from_lookup(lookup)? })
    }
}
