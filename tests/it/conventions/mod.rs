//! What the documents say of the code, held against the code.

mod citations;
mod contracts;
mod cycles;
mod decisions;
mod emulated;
mod layers;
mod length;
mod metrics;
mod names;
mod operations;
mod paths;
mod report_schema;
mod words;
