//! Which request starts a pipeline, and under which client token?

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::observation::PipelineObservation;
use crate::model::arn::{ImageArn, PipelineArn};

/// The namespace of the client tokens: an arbitrary constant, which must never change.
const TOKEN_NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_5b0e_96a3_4d0c_8f5e_2a7b_31c4_d988);

/// A request that starts a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The pipeline to start.
    pub pipeline: PipelineArn,
    /// Names the one successor of the state that was observed.
    pub token: Uuid,
    /// Tags for the new image: those that the pipeline has for its images. Image Builder compares them
    /// for one token, so they hold nothing about the cause.
    pub tags: BTreeMap<String, String>,
}

impl Start {
    /// The start of a pipeline in the state that was observed.
    pub fn of(observed: &PipelineObservation) -> Self {
        let pipeline = &observed.member.pipeline;
        let last = observed.images.iter().filter_map(|image| image.created).max();
        Self {
            pipeline: pipeline.arn.clone(),
            token: successor_token(&pipeline.arn, observed.newest().map(|it| &it.arn), last),
            tags: pipeline.image_tags.clone(),
        }
    }
}

/// The client token of the one successor of `newest`. 36 characters, the shortest limit that AWS
/// documents for it.
///
/// `last` is when the last of the pipeline's images was created: build numbers may start over once
/// images are deleted, and then the same number is another state.
pub fn successor_token(
    pipeline: &PipelineArn,
    newest: Option<&ImageArn>,
    last: Option<Timestamp>,
) -> Uuid {
    let newest = newest.map_or_else(|| "no image yet".to_owned(), ToString::to_string);
    let state = match last {
        Some(last) => format!("{pipeline}\n{newest}\n{last}"),
        None => format!("{pipeline}\n{newest}"),
    };
    Uuid::new_v5(&TOKEN_NAMESPACE, state.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixtures::Fixtures;
    use crate::model::image::ImageSummary;

    #[test]
    fn given_the_same_state_then_the_token_is_the_same_and_another_state_has_another() {
        let web = Fixtures::pipeline_arn("web");
        let token = |image: &str| successor_token(&web, Some(&Fixtures::image(image)), None);
        assert_eq!(token("web/1.0.0/1"), token("web/1.0.0/1"));
        assert_ne!(token("web/1.0.0/1"), token("web/1.0.0/2"));
        assert_ne!(token("web/1.0.0/1"), successor_token(&web, None, None));
        assert_ne!(
            successor_token(&web, None, None),
            successor_token(&Fixtures::pipeline_arn("java"), None, None)
        );
        let later = Timestamp::from_second(1).ok();
        let image = Fixtures::image("web/1.0.0/1");
        assert_ne!(
            token("web/1.0.0/1"),
            successor_token(&web, Some(&image), later),
            "the same number, another image"
        );
        // The value itself is a promise: a new release meets the builds of the one before it.
        insta::assert_snapshot!(token("web/1.0.0/1"), @"9e483a94-196e-52f4-99b0-993f48253e6a");
    }

    #[test]
    fn given_images_in_any_state_then_the_newest_names_the_successor() {
        let fleet = Fixtures::new().pipeline("web", "image/gold/x.x.x").fleet();
        let member = fleet.members().next().unwrap();
        let built = Fixtures::built(member, "web/1.0.0/1", "image/gold/1.0.0/1");
        let mut web = Fixtures::observed(member.clone(), built);
        let tokens = [None, Some("web/1.0.0/2"), Some("web/1.0.0/10")].map(|failed| {
            web.images.extend(failed.map(|arn| ImageSummary {
                arn: Fixtures::image(arn),
                status: "FAILED".into(),
                created: None,
            }));
            Start::of(&web).token
        });
        let arn = Fixtures::pipeline_arn("web");
        let expected = ["web/1.0.0/1", "web/1.0.0/2", "web/1.0.0/10"].map(|newest| {
            successor_token(&arn, Some(&Fixtures::image(newest)), Some(Timestamp::UNIX_EPOCH))
        });
        assert_eq!(tokens, expected);
    }
}
