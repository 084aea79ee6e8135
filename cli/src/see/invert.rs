//! What is built on an image or AMI, directly or not?

use std::process::ExitCode;
use std::sync::Arc;

use image_cascade::model::arn::{ImageArn, PipelineArn};
use image_cascade::model::fleet::Member;
use image_cascade::model::image::Image;
use image_cascade::model::parent::ParentImage;
use image_cascade::model::version::{BuildVersion, VersionPattern};
use image_cascade::observe::all_builds::all_builds;
use image_cascade::observe::ancestry::ancestry;
use image_cascade::scope::Selection;
use image_cascade::view::{FleetView, Node, Survey};

use super::account::Account;
use super::export;
use super::terminal::{Column, Terminal, bold, dim};
use super::tree::stated;
use crate::Error;
use crate::command_line::Format;

/// An image as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// One build.
    Build(ImageArn),
    /// Builds by name, and by pattern, version or build if that is given: `gold-linux 1.0.0/4`.
    Name(String, Which),
    /// An AMI or a container image.
    Output(String),
}

/// Which builds of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    Pattern(VersionPattern),
    Build(BuildVersion),
}

impl Target {
    /// Reads an ARN, an AMI's id, a container image's name, or a name with or without a version.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.starts_with("arn:") {
            return Ok(Self::Build(text.parse()?));
        }
        if text.starts_with("ami-") || text.contains(".dkr.ecr.") {
            return Ok(Self::Output(text.to_owned()));
        }
        let begins_version =
            |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("x.");
        let (name, version) = match text.split_once([' ', '/', '@']) {
            Some((name, version)) if begins_version(version) => (name, Some(version)),
            _ => match text.rsplit_once(' ') {
                Some((name, version)) if begins_version(version) => (name, Some(version)),
                _ => (text, None),
            },
        };
        let which = match version {
            None => Which::Pattern(VersionPattern::Any),
            Some(version) if version.contains('/') => Which::Build(version.parse()?),
            Some(version) => Which::Pattern(version.parse()?),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_ ".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!(
                "`{text}` is no image: `gold-linux 1.0.0/4`, its ARN, or an AMI's id"
            )
            .into());
        }
        Ok(Self::Name(name.to_ascii_lowercase().replace([' ', '_'], "-"), which))
    }

    fn is(&self, image: &ImageArn) -> bool {
        match self {
            Self::Build(build) => build == image,
            Self::Name(name, which) => {
                let is_version = match which {
                    Which::Pattern(pattern) => pattern.selects(image.version()),
                    Which::Build(build) => *build == image.build(),
                };
                image.family().name().replace('_', "-") == *name && is_version
            }
            Self::Output(_) => false,
        }
    }
}

/// One pipeline whose newest image is built on the target, or that would be.
struct Descendant<'a> {
    node: &'a Node,
    how: String,
    pipeline: &'a PipelineArn,
}

/// Shows each pipeline whose newest image is built on `target`, which a person `named`, directly or not, and those whose recipes
/// pin it.
pub(super) async fn invert(
    account: &Account,
    survey: &Survey,
    view: &FleetView,
    named: &str,
    target: &Target,
    format: Format,
) -> Result<ExitCode, Error> {
    let image_builder = &account.clients.image_builder;
    let newest: Vec<Arc<Image>> =
        survey.builds.values().filter_map(|it| it.newest.clone()).collect();
    let all = all_builds(image_builder).await.map_err(|error| account.explained(&error))?;
    let lines = ancestry(image_builder, &newest, &all.producers).await;
    let lines = lines.map_err(|error| account.explained(&error))?;
    let mut targets = vec![target.clone()];
    if let Target::Output(output) = target {
        targets.extend(all.producers.get(output).cloned().map(Target::Build));
    }
    let is_target = |image: &ImageArn| targets.iter().any(|it| it.is(image));
    let is_known = all.images.iter().chain(lines.values().flatten()).any(is_target);
    let mut found = Vec::new();
    for node in &view.nodes {
        let Some(pipeline) = &node.pipeline else { continue };
        let image = survey.builds.get(pipeline).and_then(|it| it.newest.as_deref());
        let line = image.and_then(|image| lines.get(&image.arn)).map_or(&[][..], Vec::as_slice);
        let is_output = |parent: &ParentImage| match (parent, target) {
            (ParentImage::Ami(id), Target::Output(output)) => **id == **output,
            (ParentImage::Registry(name), Target::Output(output)) => **name == **output,
            _ => false,
        };
        let pins = survey.fleet.member(pipeline).is_some_and(|member| {
            member.reference().and_then(|it| it.clone().pinned()).is_some_and(|it| is_target(&it))
                || pinned_output(member)
                    .is_some_and(|output| *target == Target::Output(output.to_owned()))
        });
        let by_output = image.and_then(|image| image.parent.as_ref()).is_some_and(is_output);
        let how = match line.iter().position(is_target) {
            Some(0) => Some("directly".to_owned()),
            Some(level) => Some(format!("by {}", line[level - 1].short())),
            None if by_output => Some("directly".to_owned()),
            None => None,
        };
        let how = match (how, pins) {
            (Some(how), true) => format!("{how}; its recipe pins it"),
            (Some(how), false) => how,
            (None, true) => {
                "its recipe pins it; its newest image is not on it, or not known".to_owned()
            }
            (None, false) => continue,
        };
        found.push(Descendant { node, how, pipeline });
    }
    // An empty answer must not look like one about another image.
    if !is_known && found.is_empty() {
        return Err(format!("this account has no image, AMI or container image `{named}`").into());
    }
    for problem in &view.problems {
        crate::warn(problem);
    }
    match format {
        Format::Text => show(&found)?,
        Format::Json => {
            let selection = Selection::of(found.iter().map(|it| it.pipeline.clone()));
            export::print(&export::on_image(survey, view, &selection, |pipeline| {
                found.iter().find(|it| it.pipeline == pipeline).map(|it| it.how.clone())
            }))?;
        }
        Format::Mermaid | Format::Dot => {
            return Err("--invert is shown as text or JSON".into());
        }
    }
    // What could not be read may be on it.
    let is_complete = survey.builds.values().all(|builds| builds.problem.is_none());
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The AMI or container image that a recipe names itself, and not by a parameter.
fn pinned_output(member: &Member) -> Option<&str> {
    member.output().filter(|_| member.parameter_name().is_none())
}

fn show(found: &[Descendant<'_>]) -> Result<(), Error> {
    let mut out = Terminal::stdout();
    let names = Column::of(found.iter().map(|it| it.node.name.as_str()), out.width());
    let hows = found.iter().map(|it| it.how.len()).max().unwrap_or(0);
    for Descendant { node, how, .. } in found {
        let version = node.newest.as_ref().map_or("-", |it| &it.version);
        let name = bold(&names.cell(&node.name));
        let state = dim(&stated(node));
        out.line(&format!(
            "{} {name}  {version:<10}  {how:<hows$}  {state}",
            out.mark(node.state)
        ))?;
    }
    let word = if found.len() == 1 { "pipeline is" } else { "pipelines are" };
    out.line(&format!("{} {word} on it", found.len()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> ImageArn {
        format!("arn:aws:imagebuilder:us-east-1:123456789012:image/{text}").parse().unwrap()
    }

    #[test]
    fn given_names_of_images_then_each_selects_its_builds() {
        let is = |target: &str, of: &str| Target::parse(target).unwrap().is(&image(of));
        assert!(is("gold", "gold/1.0.0/4") && !is("gold", "gold-2/1.0.0/4"));
        assert!(is("gold 1.0.0", "gold/1.0.0/4") && !is("gold 1.0.0", "gold/1.0.1/4"));
        assert!(is("Gold 1.0.0/4", "gold/1.0.0/4") && !is("gold 1.0.0/4", "gold/1.0.0/40"));
        assert!(is("gold/1.0.0/4", "gold/1.0.0/4") && is("gold x.x.x", "gold/1.0.0/4"));
        assert!(is("gold 1.x.x", "gold/1.2.0/4") && !is("gold 1.x.x", "gold/2.0.0/1"));
        assert!(
            is("Gold Linux 1.0.0", "gold-linux/1.0.0/4") && is("gold_linux", "gold-linux/1.0.0/4")
        );
        assert!(Target::parse("gold 1.0").is_err() && Target::parse("*").is_err());
        assert!(is(&image("gold/1.0.0/4").to_string(), "gold/1.0.0/4"));
        assert_eq!(Target::parse("ami-1").unwrap(), Target::Output("ami-1".to_owned()));
        assert!(Target::parse("arn:aws:imagebuilder:x").is_err() && Target::parse("").is_err());
    }
}
