//! Which image was taken back, and why?

use std::fmt;

use serde::Serialize;

use crate::foreign_text::one_line;
use crate::model::arn::ImageArn;
use crate::model::image::Image;
use crate::model::tags::ControlTags;

/// The tag of an image that was taken back, without its prefix. Its value says why.
pub const RECALLED: &str = "recalled";

/// An image that was taken back, by its tag `image-cascade:recalled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recall {
    /// The image.
    pub image: ImageArn,
    /// Why, as the tag has it.
    pub why: String,
}

impl Recall {
    /// The recall of an image, by its own tags.
    pub fn of(image: &Image) -> Option<Self> {
        Self::by_tags(&image.arn, &image.tags)
    }

    /// The same, from the tags alone.
    pub fn by_tags(image: &ImageArn, tags: &ControlTags) -> Option<Self> {
        let why = tags.get(RECALLED)?.trim().to_owned();
        Some(Self { image: image.clone(), why })
    }
}

/// `gold 1.0.0/5 is recalled: bad openssl`
impl fmt::Display for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is recalled", self.image.short())?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", one_line(&self.why)) }
    }
}
