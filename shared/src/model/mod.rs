//! What Image Builder has, as values: no I/O, no async, no SDK.

pub mod arn;
pub mod builds;
pub mod component;
pub mod fleet;
pub mod image;
pub mod newer;
pub mod notification;
pub mod outputs;
pub mod parameter;
pub mod parent;
pub mod pipeline;
pub mod recipe;
pub mod tags;
pub mod version;
