//! EC2 Image Builder, SNS, SQS, the Parameter Store and Lambda on this machine.
//!
//! State and rules know no HTTP, HTTP knows no rules. [`cloud::Cloud`] is the account; [`http`]
//! serves it on a port, [`connector`] hands it to an SDK client in this process.

pub mod account;
pub mod answer_listener;
pub mod call_listener;
pub mod clock;
pub mod cloud;
pub mod connector;
pub mod demo_fleet;
pub mod deploy;
pub mod events;
pub mod failure;
pub mod faults;
pub mod fleet;
pub mod functions;
pub mod http;
pub mod iam;
pub mod image_builder;
pub mod lambda;
pub mod latency;
pub mod left_behind;
pub mod page;
pub mod rate_limit;
pub mod scheduler;
pub mod sns;
pub mod sqs;
pub mod ssm;
pub mod stack;
pub mod template;

mod wildcard;
mod xml;
