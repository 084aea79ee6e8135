//! What may each folder of `shared/src` do?

use super::paths::Modules;
use crate::sources::{Source, below};

/// The rule of one folder.
struct Layer {
    folder: &'static str,
    /// The modules at the top of the crate that it may name, beside itself.
    uses: &'static [&'static str],
    /// What may not stand in its code.
    without: &'static [&'static [&'static str]],
}

/// What waits, reads or writes.
const IO: &[&str] = &[
    "async ",
    ".await",
    "tokio::",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "tracing::",
];

/// What reads the time.
const CLOCK: &[&str] = &["::now()"];

/// The crates that the AWS SDK consists of.
const SDK: &[&str] = &["aws_config", "aws_runtime", "aws_sdk_", "aws_smithy_", "aws_types"];

/// What Image Builder has, as values.
const MODEL: Layer = Layer { folder: "model", uses: &["foreign_text"], without: &[IO, CLOCK, SDK] };

/// From observations to a plan.
const DECIDE: Layer = Layer {
    folder: "decide",
    uses: &["foreign_text", "model", "settings"],
    without: &[IO, CLOCK, SDK],
};

/// All reads.
const OBSERVE: Layer = Layer {
    folder: "observe",
    uses: &["aws", "deadline", "decide", "error", "foreign_text", "model", "scope", "settings"],
    without: &[CLOCK, SDK],
};

/// What is told.
const REPORT: Layer = Layer {
    folder: "report",
    uses: &["aws", "decide", "error", "foreign_text", "model", "scope", "settings"],
    without: &[CLOCK, SDK],
};

/// What a person sees of a fleet.
const VIEW: Layer = Layer {
    folder: "view",
    uses: &["decide", "foreign_text", "model", "report"],
    without: &[IO, CLOCK, SDK],
};

/// The adapters to AWS. What they start is a value of `decide`.
const AWS: Layer = Layer {
    folder: "aws",
    uses: &["decide", "error", "foreign_text", "model", "settings"],
    without: &[],
};

impl Layer {
    /// Each breach of the rule, with its file.
    fn breaches(&self, sources: &[Source]) -> Vec<String> {
        let mut breaches = Vec::new();
        for (module, source, used) in Modules::of(sources).uses() {
            if module.first().is_none_or(|it| it != self.folder) {
                continue;
            }
            for other in used {
                let top = other.first().map_or("lib", String::as_str);
                if top != self.folder && !self.uses.contains(&top) {
                    breaches.push(format!("{} uses {}", source.path, other.join("::")));
                }
            }
            let code = without_comments(source.code());
            for word in self.without.iter().copied().flatten().filter(|it| code.contains(**it)) {
                breaches.push(format!("{} has {word}", source.path));
            }
        }
        breaches
    }

    /// Holds it for the real tree.
    fn hold(&self) {
        let sources = below("shared/src", &["rs"]);
        let has_files = sources.iter().any(|it| it.path.starts_with(&format!("{}/", self.folder)));
        assert!(has_files, "there is no folder {}", self.folder);
        assert_eq!(self.breaches(&sources), [""; 0], "the rule of {}", self.folder);
    }
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn given_planted_breaches_then_each_is_named() {
    let sources = [
        Source::new("lib.rs", "pub mod model;"),
        Source::new("aws/mod.rs", "use aws_config::SdkConfig;\nuse crate::observe;"),
        Source::new("model/mod.rs", "pub mod image;"),
        Source::new("model/image.rs", "//! No tokio::time.\nuse super::super::decide::plan::Plan;"),
        Source::new("decide/mod.rs", "pub mod plan;"),
        Source::new("decide/plan.rs", "fn plan() { jiff::Timestamp::now() }\nasync fn late() {}"),
        Source::new("observe/mod.rs", "use aws_sdk_ssm::Client;\nuse crate::report;"),
        Source::new("report/mod.rs", "use crate::{model::image::Image, observe};"),
    ];
    let breaches: Vec<String> = [MODEL, DECIDE, OBSERVE, REPORT, AWS]
        .iter()
        .flat_map(|layer| layer.breaches(&sources))
        .collect();
    assert_eq!(
        breaches,
        [
            "model/image.rs uses decide::plan",
            "decide/plan.rs has async ",
            "decide/plan.rs has ::now()",
            "observe/mod.rs uses report",
            "observe/mod.rs has aws_sdk_",
            "report/mod.rs uses observe",
            "aws/mod.rs uses observe",
        ]
    );
}

/// Values of Image Builder: no I/O, no clock, no type of an SDK, nothing of the other folders.
#[test]
fn given_the_folder_model_then_it_has_values_only() {
    MODEL.hold();
}

/// From observations to a plan: no I/O, no clock, nothing but the model and the settings' values.
#[test]
fn given_the_folder_decide_then_it_does_no_io_and_reads_no_clock() {
    DECIDE.hold();
}

/// All reads, through the adapters: no type of an SDK.
#[test]
fn given_the_folder_observe_then_it_names_no_sdk_type() {
    OBSERVE.hold();
}

/// What is told: nothing is read from AWS for it.
#[test]
fn given_the_folder_report_then_it_observes_nothing() {
    REPORT.hold();
}

/// What a person sees: nothing is read for it, and the time is an argument.
#[test]
fn given_the_folder_view_then_it_is_pure() {
    VIEW.hold();
}

/// The adapters: our values on one side, types of the SDKs on the other.
#[test]
fn given_the_folder_aws_then_it_neither_observes_nor_reports() {
    AWS.hold();
}

/// Only the adapters name types of the SDKs.
#[test]
fn given_shared_then_only_the_folder_aws_names_sdk_types() {
    for source in below("shared/src", &["rs"]).iter().filter(|it| !it.path.starts_with("aws/")) {
        let code = without_comments(source.code());
        for name in SDK {
            assert!(!code.contains(name), "{} has {name}", source.path);
        }
    }
}
