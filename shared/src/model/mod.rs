//! What Image Builder has, as values: no I/O, no async, no SDK.

pub mod age;
pub mod arn;
pub mod builds;
pub mod component;
pub mod findings;
pub mod fleet;
pub mod image;
pub mod newer;
pub mod notification;
pub mod outputs;
pub mod parameter;
pub mod parent;
pub mod pipeline;
pub mod recall;
pub mod recipe;
pub mod scan_event;
pub mod tags;
pub mod version;
