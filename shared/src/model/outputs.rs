//! Which builds have produced an AMI or a container image?
//!
//! A recipe may name its parent by an AMI's id or by a container image's name. An AMI belongs to
//! one build. A name in a registry ends with a tag, and a tag such as `latest` moves from build to
//! build: if several builds have produced it, the last of them is meant.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::arn::ImageArn;
use crate::model::image::{BuildPhase, ImageStatus, ImageSummary};

/// One build that lists an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// The build.
    pub image: ImageArn,
    /// Its status.
    pub status: ImageStatus,
    /// When it was requested, if Image Builder shows it.
    pub created: Option<Timestamp>,
}

impl Producer {
    /// A build as lists show it.
    pub fn of(image: ImageSummary) -> Self {
        let ImageSummary { arn: image, status, created } = image;
        Self { image, status, created }
    }
}

/// AMI ids and container images' names, with the builds that list each.
#[derive(Debug, Clone, Default)]
pub struct Outputs(BTreeMap<String, Vec<Producer>>);

impl Outputs {
    /// Adds a build that lists `output`.
    pub fn insert(&mut self, output: String, producer: Producer) {
        let producers = self.0.entry(output).or_default();
        if producers.iter().all(|known| known.image != producer.image) {
            producers.push(producer);
        }
    }

    /// The build that has produced `output`, if only one has.
    pub fn only_producer(&self, output: &str) -> Option<&ImageArn> {
        match self.0.get(output)?.as_slice() {
            [only] => Some(&only.image),
            _ => None,
        }
    }

    /// The last build that has produced `output`, if that can move: several builds have produced
    /// it, or it is not one of the two tags that Image Builder derives from the number of each
    /// build.
    pub fn last_producer(&self, output: &str) -> Option<&ImageArn> {
        let producers = self.0.get(output)?;
        if let [only] = producers.as_slice()
            && is_fixed_tag(output, &only.image)
        {
            return None;
        }
        let good = producers.iter().filter(|it| it.status.phase() == BuildPhase::Succeeded);
        // By date, since a maintained older version may have taken the tag.
        good.max_by_key(|it| (it.created, it.image.build())).map(|it| &it.image)
    }

    /// Whether any build has produced `output`.
    pub fn has(&self, output: &str) -> bool {
        self.0.contains_key(output)
    }
}

/// Whether a container image's tag is `1.2.3-4` or `name-1.2.3-4` of the build that produced it, which
/// every container build pushes (aws-samples, "containers").
fn is_fixed_tag(output: &str, image: &ImageArn) -> bool {
    let number = image.build().to_string().replace('/', "-");
    let tag = output.rsplit(':').next().unwrap_or_default();
    tag == number || tag.strip_suffix(&number).is_some_and(|name| name.ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;

    fn producer(image: &str, status: &str, second: i64) -> Producer {
        let created = Timestamp::from_second(second).ok();
        Producer { image: Fixtures::image(image), status: status.into(), created }
    }

    #[test]
    fn given_an_output_of_several_builds_then_it_belongs_to_the_last_good_one() {
        let mut outputs = Outputs::default();
        let fixed = ["gold:1.0.0-1", "gold:gold-1.0.0-1"];
        for output in fixed {
            outputs.insert(output.to_owned(), producer("gold/1.0.0/1", "AVAILABLE", 1));
        }
        // The builds that had it before may be gone.
        outputs.insert("gold:stable".to_owned(), producer("gold/1.0.0/2", "AVAILABLE", 1));
        for (image, status, second) in [
            ("gold/1.0.0/1", "AVAILABLE", 1),
            ("gold/2.0.0/1", "AVAILABLE", 2),
            ("gold/1.0.0/2", "AVAILABLE", 3),
            ("gold/2.0.0/2", "FAILED", 4),
        ] {
            outputs.insert("gold:latest".to_owned(), producer(image, status, second));
        }
        for output in fixed {
            assert_eq!(outputs.only_producer(output), Some(&Fixtures::image("gold/1.0.0/1")));
            assert_eq!(outputs.last_producer(output), None);
        }
        assert_eq!(outputs.last_producer("gold:stable"), Some(&Fixtures::image("gold/1.0.0/2")));
        assert_eq!(outputs.only_producer("gold:latest"), None);
        assert_eq!(outputs.last_producer("gold:latest"), Some(&Fixtures::image("gold/1.0.0/2")));
        assert!(!outputs.has("gold:1.0.0-2"));
    }
}
