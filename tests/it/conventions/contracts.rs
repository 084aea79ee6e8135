//! Do README, template and CI agree with the code?

use std::fs;

use emulator::template::Template;
use image_cascade::settings::Settings;
use regex::Regex;
use serde_json::Value;

use crate::sources::{Source, below, root};

/// Production code does not know that the emulator exists.
#[test]
fn given_production_code_then_it_does_not_mention_the_emulator() {
    for folder in ["shared/src", "functions"] {
        for Source { path, text } in below(folder, &["rs"]) {
            assert!(!text.to_lowercase().contains("emulator"), "{folder}/{path}");
        }
    }
}

/// The simulation's oracle shares no code with the product.
#[test]
fn given_the_oracle_then_it_uses_no_code_of_the_product() {
    for file in ["oracle.rs", "gate_oracle.rs", "gates.rs"] {
        let path = root().join("tests/src/simulation").join(file);
        let text = fs::read_to_string(path).unwrap();
        for crate_name in ["image_cascade", "gold_cascade", "dependency_check", "fleet_map"] {
            assert!(!text.contains(crate_name), "{file} uses {crate_name}");
        }
    }
}

/// Each setting of the code has its row in the README, and each row its setting.
#[test]
fn given_the_readme_then_it_lists_every_setting() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("## Settings").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, image_cascade::settings::ALL);
}

/// The template hands every setting to the functions, and nothing that is none.
#[test]
fn given_the_template_then_it_passes_every_setting() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let variables = template.split("      Variables:\n").nth(1).unwrap();
    let given = variables.lines().map_while(|line| line.strip_prefix("        "));
    let mut given: Vec<&str> = given.map(|line| line.split(':').next().unwrap()).collect();
    let mut all = image_cascade::settings::ALL;
    given.sort_unstable();
    all.sort_unstable();
    assert_eq!(given, all);
}

/// Whatever the template accepts for a setting, the functions accept: else a deployed stack could have
/// functions that end at their start.
#[test]
fn given_a_value_that_the_template_accepts_then_the_functions_accept_it() {
    let template = Template::ours().unwrap();
    let probes = "0 1 10 11 1000 1001 true false yes info warn fatal never 0h 1h 24h 999999h 0m 30m \
                  59m 60m 90m 0s 3599s 3600s 24 1d 30d 0d -1h critical high \
                  9999 10000 10001 none auto report ignore year-end year,end \
                  arn:aws:ssm:eu-west-1:210987654321:document/prod-freeze arn:aws:ssm:::document/x \
                  arn:aws:sns:us-east-1:123456789012:gold arn:aws:sns:us-east-1:1:gold";
    let windows = [
        "daily 00:00+1m UTC",
        "Mon-Thu 20:00+8h Europe/Berlin",
        "Sat+Sun 23:59+9999m Asia/Kathmandu",
        "Mon-Tue+Fri 05:30+168h America/Argentina/Buenos_Aires",
        "Mon 20:00+169h UTC",
        "Mon 20:00+0h UTC",
        "Mon 24:00+8h UTC",
        "Mon-Tue-Wed 20:00+8h UTC",
        "weekend 20:00+8h UTC",
        "Mon 20:00+8h",
    ];
    let probes = std::iter::once("").chain(probes.split_whitespace()).chain(windows);
    let probes: Vec<&str> = probes.collect();
    let settings = [
        ("DRY_RUN", "DryRun"),
        ("GOLD_TOPIC_ARN", "GoldTopicArn"),
        ("LOG_LEVEL", "LogLevel"),
        ("FAILED_BUILD_TRIES", "FailedBuildTries"),
        ("FAILED_BUILD_PAUSE", "FailedBuildPause"),
        ("FAILED_BUILD_RETRY", "FailedBuildRetry"),
        ("RESUME_TAG", "ResumeTag"),
        ("CALLS_PER_SECOND", "CallsPerSecond"),
        ("MAX_BUILDS", "MaxBuilds"),
        ("DEFAULT_MODE", "DefaultMode"),
        ("DEFAULT_WINDOW", "DefaultWindow"),
        ("CHANGE_CALENDARS", "ChangeCalendars"),
        ("MAX_AGE", "MaxAge"),
        ("CVE_SEVERITY", "CveSeverity"),
        ("CVE_MIN_AGE", "CveMinAge"),
    ];
    for (setting, parameter) in settings {
        let declared = template.at(&format!("/Parameters/{parameter}")).unwrap();
        let accepted = probes.iter().filter(|probe| accepts(&declared, probe));
        let mut some = 0;
        for probe in accepted {
            let read = Settings::from_lookup(|name| (name == setting).then(|| (*probe).to_owned()));
            assert!(read.is_ok(), "{parameter} accepts `{probe}`: {read:?}");
            some += 1;
        }
        assert!(some > 1, "{parameter}: the probes have values that it accepts");
    }
}

/// Whether `CloudFormation` takes a value for a parameter.
fn accepts(parameter: &Value, value: &str) -> bool {
    let number: Option<i64> = value.parse().ok();
    let bound = |name: &str| parameter[name].as_i64();
    let values = parameter["AllowedValues"].as_array();
    let pattern = parameter["AllowedPattern"].as_str();
    values.is_none_or(|values| values.iter().any(|it| it == value))
        && pattern.is_none_or(|pattern| Regex::new(pattern).unwrap().is_match(value))
        && (parameter["Type"] != "Number"
            || number.is_some_and(|it| {
                bound("MinValue").is_none_or(|least| it >= least)
                    && bound("MaxValue").is_none_or(|most| it <= most)
            }))
}

/// The commands of the README are the ones that CI runs.
#[test]
fn given_the_readmes_test_command_then_ci_runs_it() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let command = "cargo test --workspace";
    assert!(
        readme.contains(&format!("\n{command}\n")),
        "the README has the command on a line of its own"
    );
    assert!(ci.lines().any(|line| line == command), "CI runs it as it is written");
}
