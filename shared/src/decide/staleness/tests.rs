use super::*;
use crate::decide::fixtures::Fixtures;

const TAG: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gold:latest";

fn at(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

#[test]
fn given_a_container_tag_then_another_build_moves_it_and_dates_where_none_is_shown() {
    let (same, newer, older) = ("gold/1.0.0/2", "gold/1.0.0/3", "gold/1.0.0/1");
    let shown = "image/gold/1.0.0/2";
    for (shown, tagged, created, available, expected) in [
        (shown, same, None, None, None),
        (shown, same, at(-1), at(1), None),
        (shown, same, at(0), None, None),
        (shown, same, at(1), None, Some(false)),
        (shown, newer, None, None, Some(false)),
        (shown, newer, at(-1), None, Some(false)),
        (shown, older, at(-1), None, Some(false)),
        // Neither the text of the recipe nor another family is a build to compare with.
        (TAG, same, None, None, None),
        (TAG, same, at(0), None, None),
        (TAG, same, at(1), None, Some(true)),
        (TAG, same, at(-1), at(1), Some(true)),
        ("image/base/1.0.0/2", same, at(-1), None, None),
        ("image/base/1.0.0/2", same, at(1), None, Some(true)),
    ] {
        let (image, observed) = Fixtures::web(TAG, shown);
        let (parent_created, parent_available) = (created, available);
        let observed = PipelineObservation { parent_created, parent_available, ..observed };
        let found = tag_difference(&image, &Fixtures::image(tagged), &observed);
        let by_date = found.as_ref().map(|it| it.by_date);
        assert_eq!(by_date, expected, "{shown} {tagged} {created:?} {available:?}");
        if let Some(found) = found {
            let new = Fixtures::image(tagged);
            assert_eq!(found.reason, Reason::TagMoved { tag: TAG.to_owned(), new });
            assert_eq!(found.since, observed.parent_since());
        }
    }
}

#[test]
fn given_no_build_to_compare_with_then_another_family_is_a_change_only_by_another_recipe() {
    let (web_now, web_before) = ("web/1.0.0", "web/0.9.0");
    let ami = "ami-0cd12345db678d90f";
    for (shown, built_by, parent_created, expected) in [
        // Dates alone show what a recipe resolved to.
        ("image/gold/x.x.x", web_now, at(0), None),
        ("image/gold/x.x.x", web_now, at(1), Some((at(1), true))),
        ("image/base/1.0.0/1", web_now, at(0), None),
        (ami, web_now, at(1), Some((at(1), true))),
        // The recipe of before named the same parent, or another one.
        ("image/gold/x.x.x", web_before, at(0), Some((at(2), true))),
        ("image/gold/x.x.x", web_before, at(3), Some((at(3), true))),
        ("image/base/1.0.0/1", web_before, at(0), Some((at(2), false))),
        (ami, web_before, at(3), Some((at(3), false))),
    ] {
        let (mut image, mut observed) = Fixtures::web("image/gold/x.x.x", shown);
        image.recipe = Some(Fixtures::recipe_arn(built_by));
        observed.member.recipe.as_mut().unwrap().created = at(2).filter(|_| built_by != web_now);
        observed.parent_created = parent_created;
        let gold = Fixtures::image("gold/1.0.0/2");
        let found = image_difference(&image, &gold, &observed).unwrap();
        let said = found.as_ref().map(|it| (it.since, it.by_date));
        assert_eq!(said, expected, "{shown} {built_by} {parent_created:?}");
        if let Some(found) = found {
            let old = Some(Fixtures::parent(shown));
            assert_eq!(found.reason, Reason::ParentChanged { old, new: gold });
        }
    }
}

#[test]
fn given_another_recipe_then_dates_alone_show_it_if_the_pipeline_was_changed_later() {
    for (built_by, created, updated, expected) in [
        ("web/1.0.0", None, None, None),
        ("web/1.0.0", at(0), at(9), None),
        ("web/1.0.0", at(1), None, Some((at(1), true))),
        ("web/0.9.0", None, None, Some((None, false))),
        ("web/0.9.0", at(1), None, Some((at(1), false))),
        ("web/0.9.0", at(2), at(1), Some((at(2), false))),
        ("web/0.9.0", at(2), at(2), Some((at(2), false))),
        ("web/0.9.0", at(2), at(3), Some((at(3), true))),
        ("web/0.9.0", None, at(3), Some((at(3), true))),
        ("site/1.0.0", at(2), at(3), Some((at(3), true))),
        // The pattern by which a pipeline names its recipe.
        ("web/1.x.x", at(1), None, Some((at(1), true))),
        ("web/1.x.x", at(0), None, None),
    ] {
        let (mut image, mut observed) = Fixtures::web("image/gold/x.x.x", "image/gold/1.0.0/1");
        image.recipe = Some(Fixtures::recipe_arn(built_by));
        observed.member.pipeline.updated = updated;
        observed.member.recipe.as_mut().unwrap().created = created;
        let found = recipe_difference(&image, &observed);
        let said = found.as_ref().map(|it| (it.since, it.by_date));
        assert_eq!(said, expected, "{built_by} {created:?} {updated:?}");
        if let Some(found) = found {
            let is_recreated = matches!(found.reason, Reason::RecipeRecreated { .. });
            assert_eq!(is_recreated, built_by.starts_with("web/1"), "{built_by}");
        }
    }
    let (mut image, mut observed) = Fixtures::web("image/gold/x.x.x", "image/gold/1.0.0/1");
    image.recipe = None;
    assert_eq!(recipe_difference(&image, &observed), None, "it is not shown");
    observed.member.recipe = None;
    image.recipe = Some(Fixtures::recipe_arn("web/0.9.0"));
    assert_eq!(recipe_difference(&image, &observed), None, "there is none now");
}

#[test]
fn given_dates_then_a_difference_predates_builds_that_began_later_or_are_undated() {
    let reason = || Reason::TagMoved { tag: TAG.to_owned(), new: Fixtures::image("a/1.0.0/1") };
    let predates = |since, began| {
        Difference { reason: reason(), since, by_date: false }.predates_build_at(began)
    };
    assert!(predates(at(1), at(2)));
    assert!(!predates(at(2), at(2)));
    assert!(!predates(at(3), at(2)));
    assert!(predates(None, at(2)) && predates(at(3), None) && predates(None, None));
}
