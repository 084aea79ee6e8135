//! Is an image, or one that it is built on, recalled, and may a pipeline start in spite of that?
//!
//! A recalled image is a reason to build again, from something else: the one reason for which a
//! pipeline goes back to an older parent, if that is what its reference resolves to now. Where nothing
//! else is to be had yet, the recall is a reason to wait: no pipeline is built onto a recalled image,
//! or onto one that is built on a recalled image.

use crate::decide::difference::Difference;
use crate::decide::gate::Gate;
use crate::decide::observation::PipelineObservation;
use crate::decide::reason::Reason;
use crate::model::arn::ImageArn;
use crate::model::image::Image;
use crate::model::recall::Recall;
use crate::model::tags::ControlTags;

/// Whether a good image is recalled, or built on one that is.
pub(super) fn difference(image: &Image, observed: &PipelineObservation) -> Option<Difference> {
    let recall = observed.recalls.get(&image.arn)?;
    // A tag has no date. Every build began before it was seen, and none of them is a try.
    let since = Some(observed.now);
    Some(Difference { reason: Reason::Recalled(recall.clone()), since, by_date: true })
}

/// Whether an image that `image` is built on is recalled.
pub(in crate::decide) fn is_recalled_with_parent(
    image: &Image,
    observed: &PipelineObservation,
) -> bool {
    observed.recalls.get(&image.arn).is_some_and(|recall| recall.image != image.arn)
}

/// What keeps a pipeline from starting for `reasons` because of a recall. `parent` is the image that it
/// would be built on, with its tags, if that is known.
pub(in crate::decide) fn gate(
    observed: &PipelineObservation,
    reasons: &[Reason],
    parent: Option<(&ImageArn, &ControlTags)>,
) -> Option<Gate> {
    if let Some((image, tags)) = parent {
        let recall = Recall::by_tags(image, tags).or_else(|| observed.recalls.get(image).cloned());
        if let Some(recall) = recall {
            return Some(Gate::Recalled { recall, parent: Some(image.clone()) });
        }
    }
    let built = observed.built()?;
    let recall = observed.recall()?;
    let is_moved = if recall.image == built.arn {
        reasons.iter().any(Reason::is_new_cause)
    } else {
        reasons.iter().any(|it| it.is_of_parent() || it.is_of_recipe())
    };
    (!is_moved).then(|| Gate::Recalled { recall: recall.clone(), parent: None })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::decide::decision::Decision;
    use crate::decide::fixtures::Fixtures;
    use crate::decide::observation::ResolvedParent;
    use crate::decide::rebuild::decide;
    use crate::decide::tries::RetryPolicy;

    fn recall(image: &str) -> Recall {
        Recall { image: Fixtures::image(image), why: "bad openssl".to_owned() }
    }

    /// `web`, built on `built_on`, while its reference resolves to `now_at`; each image with the recalled
    /// one that it is or is built on.
    fn web(built_on: &str, now_at: &str, recalls: &[(&str, &str)]) -> PipelineObservation {
        let recalls: BTreeMap<_, _> =
            recalls.iter().map(|(image, by)| (Fixtures::image(image), recall(by))).collect();
        PipelineObservation {
            parent_now: Some(ResolvedParent::Image(Fixtures::image(now_at))),
            parent_created: Fixtures::later().filter(|_| built_on < now_at),
            recalls,
            ..Fixtures::web("image/gold/x.x.x", &format!("image/{built_on}")).1
        }
    }

    fn decided(observed: &PipelineObservation) -> String {
        let decision = decide(observed, RetryPolicy::default());
        let Decision::Rebuild(reasons) = &decision else {
            return format!("{}: {decision}", decision.kind());
        };
        let target = match &observed.parent_now {
            Some(ResolvedParent::Image(image)) => Some(image),
            _ => None,
        };
        let none = ControlTags::default();
        let gate = gate(observed, reasons, target.map(|image| (image, &none)));
        gate.map_or(format!("rebuild: {decision}"), |gate| format!("deferred: {decision}; {gate}"))
    }

    #[test]
    fn given_a_recalled_parent_then_the_pipeline_goes_to_whatever_its_reference_resolves_to_now() {
        let on_bad = ("web/1.0.0/1", "gold/1.0.0/5");
        let bad = ("gold/1.0.0/5", "gold/1.0.0/5");
        insta::assert_snapshot!(
            [
                decided(&web("gold/1.0.0/5", "gold/1.0.0/4", &[on_bad])),
                decided(&web("gold/1.0.0/5", "gold/1.0.0/6", &[on_bad])),
                decided(&web("gold/1.0.0/5", "gold/1.0.0/5", &[on_bad, bad])),
                decided(&web("gold/1.0.0/4", "gold/1.0.0/5", &[bad])),
                decided(&web("gold/1.0.0/5", "gold/1.0.0/4", &[])),
            ].join("\n"),
            @"
        rebuild: parent image gold 1.0.0/5 -> 1.0.0/4; gold 1.0.0/5 is recalled: bad openssl
        rebuild: parent image gold 1.0.0/5 -> 1.0.0/6; gold 1.0.0/5 is recalled: bad openssl
        deferred: gold 1.0.0/5 is recalled: bad openssl; it would be built on gold 1.0.0/5, which is recalled: bad openssl
        deferred: parent image gold 1.0.0/4 -> 1.0.0/5; it would be built on gold 1.0.0/5, which is recalled: bad openssl
        skip: built on gold 1.0.0/5, newer than 1.0.0/4, which its recipe resolves to now; never goes back
        "
        );
    }

    #[test]
    fn given_a_parent_on_a_recalled_image_then_the_pipeline_waits_for_another_parent() {
        let on_bad = ("web/1.0.0/1", "base/1.0.0/9");
        let parent = ("gold/1.0.0/5", "base/1.0.0/9");
        insta::assert_snapshot!(
            [
                decided(&web("gold/1.0.0/5", "gold/1.0.0/5", &[on_bad, parent])),
                decided(&web("gold/1.0.0/4", "gold/1.0.0/5", &[parent])),
                decided(&web("gold/1.0.0/5", "gold/1.0.0/6", &[on_bad])),
            ].join("\n"),
            @"
        deferred: base 1.0.0/9 is recalled: bad openssl; it would be built on gold 1.0.0/5, which is built on base 1.0.0/9, which is recalled: bad openssl
        deferred: parent image gold 1.0.0/4 -> 1.0.0/5; it would be built on gold 1.0.0/5, which is built on base 1.0.0/9, which is recalled: bad openssl
        rebuild: parent image gold 1.0.0/5 -> 1.0.0/6; base 1.0.0/9 is recalled: bad openssl
        "
        );
    }

    #[test]
    fn regression_given_a_failed_build_that_is_recalled_then_it_is_a_try_all_the_same() {
        let failed = |recalls: &[(&str, &str)], shortage: Option<&str>| {
            let mut observed = web("gold/1.0.0/5", "gold/1.0.0/6", recalls);
            let built = observed.history[0].clone();
            observed.history.insert(
                0,
                std::sync::Arc::new(Image {
                    arn: Fixtures::image("web/1.0.0/2"),
                    status: "FAILED".into(),
                    created: jiff::Timestamp::from_second(2).ok(),
                    parent: Some(Fixtures::parent("image/gold/1.0.0/6")),
                    shortage: shortage.map(str::to_owned),
                    ..(*built).clone()
                }),
            );
            observed.now = jiff::Timestamp::from_second(3).unwrap();
            decided(&observed)
        };
        let own = [("web/1.0.0/2", "web/1.0.0/2")];
        for shortage in [None, Some("VcpuLimitExceeded")] {
            let plain = failed(&[], shortage);
            assert!(plain.starts_with("wait: "), "{plain}");
            assert_eq!(failed(&own, shortage), plain);
        }
    }

    #[test]
    fn given_a_recall_then_what_has_moved_says_whether_a_build_would_be_another_one() {
        let agent = "arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0/2";
        let component = Reason::ComponentUpdated { old: None, new: agent.parse().unwrap() };
        let recipe = |version: &str| Fixtures::recipe_arn(&format!("web/{version}"));
        let version = Reason::RecipeUpdated { old: recipe("0.9.0"), new: recipe("1.0.0") };
        let again = Reason::RecipeRecreated { recipe: recipe("1.0.0"), created: None };
        let own = ("web/1.0.0/1", "web/1.0.0/1");
        let parents = ("web/1.0.0/1", "gold/1.0.0/5");
        for (moved, recalls, is_held) in [
            (&component, &[][..], false),
            (&component, &[own], false),
            // It would be built on the same parent again.
            (&component, &[parents], true),
            // Another recipe may name another parent.
            (&version, &[parents], false),
            (&again, &[parents], false),
        ] {
            let observed = web("gold/1.0.0/5", "gold/1.0.0/5", recalls);
            let gate = gate(&observed, std::slice::from_ref(moved), None);
            assert_eq!(gate.is_some(), is_held, "{moved:?} {recalls:?}");
        }
    }

    #[test]
    fn given_a_recalled_image_of_its_own_then_the_pipeline_starts_once_an_input_moves() {
        let own = ("web/1.0.0/1", "web/1.0.0/1");
        insta::assert_snapshot!(
            [
                decided(&web("gold/1.0.0/5", "gold/1.0.0/5", &[own])),
                decided(&web("gold/1.0.0/5", "gold/1.0.0/6", &[own])),
                decided(&web("gold/1.0.0/5", "gold/1.0.0/4", &[own])),
            ].join("\n"),
            @"
        deferred: web 1.0.0/1 is recalled: bad openssl; it would be built from the same inputs again
        rebuild: parent image gold 1.0.0/5 -> 1.0.0/6; web 1.0.0/1 is recalled: bad openssl
        skip: built on gold 1.0.0/5, newer than 1.0.0/4, which its recipe resolves to now; never goes back
        "
        );
    }
}
