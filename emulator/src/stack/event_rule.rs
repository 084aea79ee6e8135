//! How is a rule of EventBridge made? As far as it has a pattern, and functions of the emulator as its
//! targets.

use serde_json::Value;

use super::Made;
use super::names::Named;
use crate::account::arn;
use crate::cloud::Cloud;
use crate::template::as_text;

/// A rule. A line says what of it has no effect here.
pub(super) fn rule(cloud: &Cloud, named: &Named<'_>) -> Made {
    let name = named.name("Name");
    let bus = named.property("EventBusName").filter(|bus| bus != "default");
    let within = bus.as_ref().map(|bus| format!("{bus}/")).unwrap_or_default();
    let arn = arn(cloud.region(), "events", &format!("rule/{within}{name}"));
    let made = Made::new(&name, &[("Arn", &arn)]);
    let without_effect = |made: Made, why: &str| {
        made.with_note(format!("{} (AWS::Events::Rule) has no effect: {why}", named.logical_id))
    };
    let pattern = named.properties.get("EventPattern").filter(|it| it.is_object());
    let (Some(pattern), None) = (pattern, bus) else {
        return without_effect(made, "only patterns on the default bus are emulated");
    };
    if named.property("State").is_some_and(|state| state == "DISABLED") {
        return made;
    }
    let functions = cloud.lambda().names();
    let targets = named.properties["Targets"].as_array().into_iter().flatten();
    targets.fold(made, |made, target: &Value| {
        let arn = as_text(&target["Arn"]);
        let function = arn.split(':').nth(6).filter(|_| arn.contains(":lambda:"));
        match function.filter(|name| functions.iter().any(|it| it == name)) {
            Some(function) => {
                cloud.state().bus.rule(pattern, function);
                made
            }
            None => without_effect(made, &format!("its target {arn} is not emulated")),
        }
    })
}
