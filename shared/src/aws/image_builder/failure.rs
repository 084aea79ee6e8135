//! Why did a build fail, as Image Builder reports it?

use aws_sdk_imagebuilder::types;

use crate::foreign_text::one_line;
use crate::model::arn::ComponentArn;

/// The reason of a failed build, then the component, the workflow step and the Regions that failed, each
/// in a sentence. Empty for a build that did not fail.
pub(super) fn read_failure(image: &types::Image) -> Vec<String> {
    let Some(state) = image.state() else { return Vec::new() };
    let status = state.status().map(types::ImageStatus::as_str);
    if !matches!(status, Some("FAILED" | "CANCELLED")) {
        return Vec::new();
    }
    let context = state.failure_context();
    let mut sentences: Vec<String> = state.reason().map(one_line).into_iter().collect();
    let component = context.and_then(types::ImageFailureContext::component_failure);
    sentences.extend(component.map(component_failure));
    if let (None, Some(step)) = (component, context.and_then(|it| it.failed_step())) {
        sentences.push(format!("the workflow step {} failed", one_line(step)));
    }
    let distribution = context.and_then(types::ImageFailureContext::distribution_failure);
    if let Some(distribution) = distribution {
        let regions = distribution.region_failures().iter().map(region_failure);
        sentences.extend(distribution.error_message().map(one_line));
        sentences.extend(regions);
    }
    // The reason often repeats what the details say.
    let mut seen = std::collections::BTreeSet::new();
    sentences.retain(|sentence| !sentence.trim().is_empty() && seen.insert(sentence.clone()));
    sentences
}

/// `component agent 1.0.0/1, phase build, step Install: exit code 1`
fn component_failure(failure: &types::ComponentFailureContext) -> String {
    let arn = failure.component_arn().unwrap_or_default();
    let name = arn.parse().map(|arn: ComponentArn| arn.short().to_string());
    let mut sentence = format!("component {}", name.unwrap_or_else(|_| one_line(arn)));
    for (word, text) in [("phase", failure.phase_name()), ("step", failure.step_name())] {
        if let Some(text) = text {
            sentence = format!("{sentence}, {word} {}", one_line(text));
        }
    }
    match failure.error_message() {
        Some(message) => format!("{sentence}: {}", one_line(message)),
        None => format!("{sentence} failed"),
    }
}

/// `eu-west-1: the AMI could not be copied`
fn region_failure(failure: &types::RegionFailure) -> String {
    let region = one_line(failure.region().unwrap_or("a Region"));
    match failure.error_message() {
        Some(message) => format!("{region}: {}", one_line(message)),
        None => format!("{region}: the distribution failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(status: types::ImageStatus, context: types::ImageFailureContext) -> types::Image {
        let state = types::ImageState::builder().status(status).reason("Step\nfailed.");
        types::Image::builder().state(state.failure_context(context).build()).build()
    }

    #[test]
    fn given_a_failed_component_then_its_step_and_message_are_said() {
        let component = types::ComponentFailureContext::builder()
            .component_arn("arn:aws:imagebuilder:us-east-1:123456789012:component/agent/1.0.0/1")
            .phase_name("build")
            .step_name("Install")
            .error_message("exit code 1");
        let context = types::ImageFailureContext::builder()
            .failed_step("ApplyBuildComponents")
            .component_failure(component.build())
            .build();
        let said = read_failure(&image(types::ImageStatus::Failed, context.clone()));
        assert_eq!(
            said,
            ["Step failed.", "component agent 1.0.0/1, phase build, step Install: exit code 1"]
        );
        assert_eq!(read_failure(&image(types::ImageStatus::Available, context)), [""; 0]);
    }

    #[test]
    fn given_a_failed_step_or_distribution_then_it_is_said() {
        let region = types::RegionFailure::builder().region("eu-west-1").error_message("denied");
        let bare = types::RegionFailure::builder().build();
        let distribution = types::DistributionFailureContext::builder()
            .error_message("Step failed.")
            .region_failures(region.build())
            .region_failures(bare);
        let context = types::ImageFailureContext::builder()
            .failed_step("Distribute")
            .distribution_failure(distribution.build())
            .build();
        let said = read_failure(&image(types::ImageStatus::Failed, context));
        assert_eq!(
            said,
            [
                "Step failed.",
                "the workflow step Distribute failed",
                "eu-west-1: denied",
                "a Region: the distribution failed"
            ]
        );
        assert_eq!(read_failure(&types::Image::builder().build()), [""; 0]);
    }
}
