//! Does a report have the shape that `docs/report.schema.json` promises?

use std::sync::OnceLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schema as a document.
pub const TEXT: &str = include_str!("../../docs/report.schema.json");

/// Its `$id`.
const ID: &str = "urn:image-cascade:report";

/// The compiled schema.
struct Compiled {
    schemas: Schemas,
    report: SchemaIndex,
}

impl Compiled {
    fn new() -> Result<Self, String> {
        let document = serde_json::from_str(TEXT).map_err(|error| error.to_string())?;
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(ID, document).map_err(|error| format!("{error:#}"))?;
        let mut schemas = Schemas::new();
        let report = compiler.compile(ID, &mut schemas).map_err(|error| format!("{error:#}"))?;
        Ok(Self { schemas, report })
    }
}

/// Holds a function's answer, or a published report, to the schema.
///
/// # Errors
/// Where it differs, and from what.
pub fn check(report: &Value) -> Result<(), String> {
    static COMPILED: OnceLock<Result<Compiled, String>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(Compiled::new).as_ref().map_err(Clone::clone)?;
    compiled
        .schemas
        .validate(report, compiled.report)
        .map_err(|error| format!("{error:#}\nin the report {report}"))
}

/// Holds the JSON in a message of the report topic to the schema.
///
/// # Errors
/// The message has no JSON for programs, or that differs from the schema.
pub fn check_published(message: &str) -> Result<(), String> {
    let parts: Value = serde_json::from_str(message).map_err(|error| error.to_string())?;
    let report = parts["default"].as_str().ok_or("the message has no `default`")?;
    check(&serde_json::from_str(report).map_err(|error| error.to_string())?)
}
