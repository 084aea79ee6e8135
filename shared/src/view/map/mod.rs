//! How is a fleet drawn?
//!
//! Levels from left to right, as cards over the edges between them, and below them the list of what is
//! behind. The drawing is HTML and CSS without a script, so that the same text serves as a file, in the
//! page of the local server, and as a custom widget of a `CloudWatch` dashboard.

mod behind;
mod cards;
mod click;
mod drawing;
#[cfg(test)]
mod fixtures;
mod folded;
mod fragment;
mod label;
mod layout;
mod lineage;
mod lines;
mod page;
mod palette;
mod shapes;
mod style;
mod text;
mod widget;

pub use self::fragment::fragment;
pub use self::page::page;
pub use self::style::{CLASS, style};
pub use self::widget::{WidgetOptions, widget};
