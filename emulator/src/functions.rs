//! Which functions are there?
//!
//! The one table that deploying, rights, tests and measurements read. What each function does is of
//! no interest here.

use std::path::PathBuf;

/// One function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name, which is that of its package and of its binary.
    pub name: &'static str,
    /// Its logical id in `template.yaml`.
    pub logical_id: &'static str,
    /// The logical id of its role.
    pub role: &'static str,
    /// The logical id of its log group, which goes with the stack.
    pub log_group: &'static str,
    /// Whether its answer is a report.
    pub reports: bool,
    /// Its sample events: files of `events/`, without `.json`.
    pub events: &'static [&'static str],
}

/// All functions.
pub const FUNCTIONS: [Function; 3] = [
    Function {
        name: "gold-cascade",
        logical_id: "GoldCascade",
        role: "GoldCascadeRole",
        log_group: "GoldCascadeLogs",
        reports: true,
        events: &[
            "amazon-parent",
            "ami-parent",
            "available",
            "container",
            "cve-detected",
            "failed",
            "foreign",
            "malformed",
            "many-amis",
            "no-pipeline",
            "not-json",
            "other-region",
            "recalled",
            "several",
            "state-change",
            "unknown-status",
        ],
    },
    Function {
        name: "dependency-check",
        logical_id: "DependencyCheck",
        role: "DependencyCheckRole",
        log_group: "DependencyCheckLogs",
        reports: true,
        events: &["calendar", "narrowed", "parameter", "rule", "scheduler"],
    },
    Function {
        name: "fleet-map",
        logical_id: "FleetMap",
        role: "FleetMapRole",
        log_group: "FleetMapLogs",
        reports: false,
        events: &["widget", "widget-describe", "widget-why"],
    },
];

/// The functions' names, in the order of the table.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.name)
}

impl Function {
    /// The file name of its own binary.
    pub fn binary(&self) -> PathBuf {
        PathBuf::from(self.name).with_extension(std::env::consts::EXE_EXTENSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn given_the_template_then_it_has_exactly_the_functions_of_the_table() {
        let template = Template::ours().unwrap();
        let resources = template.resources().unwrap();
        let text = |resource: &Value, pointer: &str| {
            resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let deployed: BTreeSet<_> = resources
            .iter()
            .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
            .map(|(id, function)| {
                let log_group = "/Properties/LoggingConfig/LogGroup/Fn::If/2/Ref";
                (
                    (*id).to_owned(),
                    text(function, "/Metadata/BuildProperties/Binary"),
                    text(function, "/Properties/Role/Fn::GetAtt/0"),
                    text(function, log_group),
                )
            })
            .collect();
        let table: BTreeSet<_> = FUNCTIONS
            .iter()
            .map(|Function { name, logical_id, role, log_group, .. }| {
                [logical_id, name, role, log_group].map(|it| (*it).to_owned()).into()
            })
            .collect();
        assert_eq!(deployed, table);
        let is_there = |id: &str, kind: &str| {
            resources.iter().any(|(name, resource)| *name == id && resource["Type"] == kind)
        };
        for function in FUNCTIONS {
            assert!(is_there(function.role, "AWS::IAM::Role"), "{}", function.role);
            let log_group = function.log_group;
            assert!(is_there(log_group, "AWS::Logs::LogGroup"), "{log_group}");
        }
    }

    #[test]
    fn given_the_sample_events_then_each_is_for_one_function() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .collect();
        let mut samples: Vec<&str> =
            FUNCTIONS.iter().flat_map(|function| function.events).copied().collect();
        files.sort_unstable();
        samples.sort_unstable();
        assert_eq!(samples, files);
    }
}
