//! The only folder that names types of the SDK.

mod change_calendar;
mod clients;
pub mod image_builder;
pub(crate) mod parameter_store;
mod rate_limited;
mod rate_limiter;
mod request_error;
#[cfg(test)]
pub(crate) mod scripted;
mod service_config;
mod signed;
mod systems_manager;
mod user;

pub use clients::Clients;
pub use signed::{SignedCalls, json_error};
pub use user::{Endpoint, ProfileError, User};
