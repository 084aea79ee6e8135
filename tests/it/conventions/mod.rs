//! What the documents say of the code, held against the code.

mod contracts;
mod cycles;
mod layers;
mod length;
mod names;
mod paths;
mod words;
