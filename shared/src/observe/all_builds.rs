//! Which images has the account, and which of them produced which AMI or container image?

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::aws::image_builder::ImageBuilder;
use crate::error::RequestError;
use crate::model::arn::ImageArn;
use crate::model::image::ListedImage;

/// The images of this account, and the build that produced each AMI and container image; for a name that
/// several have produced, the last of them.
#[derive(Debug, Default)]
pub struct AllBuilds {
    /// Every image.
    pub images: BTreeSet<ImageArn>,
    /// The producer of each output.
    pub producers: BTreeMap<String, ImageArn>,
}

/// Reads the list of all images.
///
/// # Errors
/// It cannot be read.
pub async fn all_builds(image_builder: &impl ImageBuilder) -> Result<AllBuilds, RequestError> {
    let mut images = BTreeSet::new();
    let mut producers: BTreeMap<String, (Option<Timestamp>, ImageArn)> = BTreeMap::new();
    let visit = |listed: ListedImage| {
        let ListedImage { image, outputs, .. } = listed;
        images.insert(image.arn.clone());
        let producer = (image.created, image.arn);
        for output in outputs {
            let last = producers.entry(output).or_insert_with(|| producer.clone());
            if *last < producer {
                last.clone_from(&producer);
            }
        }
        ControlFlow::Continue(())
    };
    // It visits all.
    let _ = image_builder.all_images(visit).await?;
    let producers = producers.into_iter().map(|(output, (_, image))| (output, image)).collect();
    Ok(AllBuilds { images, producers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::observe::fixtures::{HOUR, World};

    #[tokio::test]
    async fn given_outputs_of_several_builds_then_the_last_of_them_is_the_producer() {
        let mut world = World::of(Fixtures::new());
        for (build, hour, outputs) in [
            ("1", 2, &["gold:latest", "gold:old"][..]),
            ("2", 3, &["gold:latest", "gold:both"]),
            ("3", 1, &["gold:latest", "gold:old"]),
            ("4", 3, &["gold:both"]),
        ] {
            world = world.image(&format!("gold/1.0.0/{build}"), "AVAILABLE", hour * HOUR);
            world = world.last(|it| it.outputs = outputs.iter().map(ToString::to_string).collect());
        }
        let all = all_builds(&world.image_builder).await.unwrap();
        assert_eq!(all.images.len(), 4);
        let said =
            all.producers.iter().map(|(output, image)| format!("{output}: {}", image.build()));
        insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
        gold:both: 1.0.0/4
        gold:latest: 1.0.0/2
        gold:old: 1.0.0/1
        ");
    }
}
