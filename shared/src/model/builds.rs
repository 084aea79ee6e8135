//! Which builds does a pipeline have, as far as a person looks at them?

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::image::{Image, ImageSummary};

/// The builds of a pipeline that were read.
#[derive(Debug, Clone, Default)]
pub struct Builds {
    /// The newest image whose build succeeded.
    pub newest: Option<Arc<Image>>,
    /// Builds that did not succeed since then, newest first.
    pub unsuccessful: Vec<Arc<Image>>,
    /// The newest build that has not ended.
    pub in_progress: Option<ImageSummary>,
    /// Why they could not be read, if they could not.
    pub problem: Option<String>,
}

/// One build of the past, or of now.
#[derive(Debug, Clone)]
pub struct PastBuild {
    /// The image.
    pub image: Arc<Image>,
    /// When its last workflow ended, if Image Builder shows it.
    pub ended: Option<Timestamp>,
}
