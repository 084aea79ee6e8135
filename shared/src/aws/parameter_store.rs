//! What do the parameters hold that recipes name as their parents?

use std::collections::{BTreeMap, BTreeSet};

use aws_smithy_types::DateTime;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::request_error::request_error;
use super::systems_manager::Client;
use crate::error::{Chain, RequestError};
use crate::model::parameter::ParameterName;
use crate::model::parent::{Parameter, ParameterLookup, ParameterValue};

/// How many names one request takes (API Reference, `GetParameters`).
const NAMES_PER_REQUEST: usize = 10;

/// The value of each parameter, or why it has none.
pub(crate) type Parameters = BTreeMap<ParameterName, Result<Text, String>>;

/// What a parameter has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// Its value.
    pub(crate) value: String,
    /// When it was written, if the Parameter Store shows it.
    pub(crate) modified: Option<Timestamp>,
}

/// The parents that parameters name.
pub(crate) fn parents(parameters: Parameters) -> BTreeMap<ParameterName, ParameterLookup> {
    let parent = |(name, found): (ParameterName, Result<Text, String>)| {
        let lookup = match found {
            Ok(text) => lookup(&name, &text),
            Err(problem) => ParameterLookup::Unresolved(problem),
        };
        (name, lookup)
    };
    parameters.into_iter().map(parent).collect()
}

/// The answer of `GetParameters`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    parameters: Option<Vec<Shown>>,
}

/// A parameter as the service shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    selector: Option<String>,
    value: Option<String>,
    /// In seconds since 1970.
    last_modified_date: Option<f64>,
}

/// Reads parameters, ten at a time.
///
/// A request is refused as a whole if one of its parameters may not be read or has an impossible name
/// (`docs/image-builder.md`, Reading parameters).
/// Then each parameter is requested alone, so that a bad one does not affect the others.
///
/// # Errors
/// The service is unreachable or fails, so that nothing is known of any parameter.
pub(super) async fn read(
    client: &Client,
    names: &BTreeSet<ParameterName>,
) -> Result<Parameters, RequestError> {
    let mut parameters = Parameters::new();
    // The service may take a parameter's name and its ARN in one request for a duplicate.
    let (arns, plain): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.is_arn());
    for some in arns.chunks(NAMES_PER_REQUEST).chain(plain.chunks(NAMES_PER_REQUEST)) {
        match get(client, some).await {
            Ok(found) => parameters.extend(found),
            Err(error) if error.is_resource_error() => {
                for name in some {
                    let found = match get(client, &[name]).await {
                        Ok(found) => found,
                        Err(error) if error.is_resource_error() => {
                            let problem = Chain(&error).to_string();
                            vec![((*name).clone(), Err(problem))]
                        }
                        Err(error) => return Err(error),
                    };
                    parameters.extend(found);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(parameters)
}

async fn get(
    client: &Client,
    names: &[&ParameterName],
) -> Result<Vec<(ParameterName, Result<Text, String>)>, RequestError> {
    let requested: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let input = json!({ "Names": requested });
    let answer: Answer = client
        .call("GetParameters", &input)
        .await
        .map_err(|error| request_error("get parameters", requested.join(", "), &error))?;
    let shown = answer.parameters.unwrap_or_default();
    let found = |name: &ParameterName| {
        let parameter = shown.iter().find(|it| is_named(it, name.as_str()));
        match parameter {
            Some(parameter) => Ok(text(parameter)),
            None => Err("there is no such parameter".to_owned()),
        }
    };
    Ok(names.iter().map(|name| ((*name).clone(), found(name))).collect())
}

/// Whether `requested` names this parameter: by ARN or name, with the requested version or label after
/// a colon.
fn is_named(parameter: &Shown, requested: &str) -> bool {
    let selector = parameter.selector.as_deref().unwrap_or_default();
    [&parameter.arn, &parameter.name]
        .into_iter()
        .flatten()
        .any(|known| requested.strip_prefix(known.as_str()).is_some_and(|rest| rest == selector))
}

fn text(parameter: &Shown) -> Text {
    let modified = parameter.last_modified_date.map(DateTime::from_secs_f64).and_then(|date| {
        let nanosecond = i32::try_from(date.subsec_nanos()).unwrap_or_default();
        Timestamp::new(date.secs(), nanosecond).ok()
    });
    Text { value: parameter.value.clone().unwrap_or_default(), modified }
}

fn lookup(name: &ParameterName, text: &Text) -> ParameterLookup {
    match ParameterValue::parse(&text.value) {
        Ok(value) => {
            let (name, modified) = (name.clone(), text.modified);
            ParameterLookup::Found(Parameter { name, value, modified })
        }
        Err(problem) => ParameterLookup::Unresolved(problem),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::scripted::{Response, Scripted};
    use crate::error::ErrorKind;

    fn names(names: &[&str]) -> BTreeSet<ParameterName> {
        names.iter().map(|name| ParameterName::from(*name)).collect()
    }

    /// A parameter as the service shows it.
    fn shown(name: &str, selector: &str, ami: &str) -> Value {
        json!({
            "Name": name, "ARN": format!("arn:aws:ssm:us-east-1:123456789012:parameter{name}"),
            "Selector": selector, "Value": ami, "LastModifiedDate": 1_000.5,
        })
    }

    fn said(parameters: &Parameters) -> String {
        let of_one = |(name, lookup): (&ParameterName, &ParameterLookup)| match lookup {
            ParameterLookup::Found(Parameter { name: it, value, modified }) => {
                assert_eq!(name, it);
                let modified = modified.map(Timestamp::as_millisecond);
                format!("{name}: {value:?}, {modified:?}")
            }
            ParameterLookup::Unresolved(problem) => format!("{name}: {problem}"),
        };
        parents(parameters.clone()).iter().map(of_one).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn given_names_that_begin_the_same_then_each_has_its_own_value() {
        let arm = shown("/golden/ami-arm", "", "ami-0000000a");
        let plain = shown("/golden/ami", "", "ami-0000000b");
        for (parameters, requested) in [
            (json!([arm]), &["/golden/ami"][..]),
            (json!([plain]), &["/golden/ami-arm"]),
            (json!([arm, plain]), &["/golden/ami", "/golden/ami-arm"]),
            (json!([plain, arm]), &["/golden/ami", "/golden/ami-arm"]),
        ] {
            let client =
                Client::new(&Scripted::in_order([json!({ "Parameters": parameters })]).config());
            let found = said(&read(&client, &names(requested)).await.unwrap());
            let expected: Vec<String> = requested
                .iter()
                .map(|name| match (requested.len(), *name) {
                    (1, name) => format!("{name}: there is no such parameter"),
                    (_, "/golden/ami") => {
                        "/golden/ami: Ami(\"ami-0000000b\"), Some(1000500)".to_owned()
                    }
                    (_, name) => format!("{name}: Ami(\"ami-0000000a\"), Some(1000500)"),
                })
                .collect();
            assert_eq!(found, expected.join("\n"));
        }
    }

    #[tokio::test]
    async fn given_versions_labels_and_arns_then_each_answers_for_itself() {
        let scripted = Scripted::in_order([
            json!({ "Parameters": [shown("/golden", "", "ami-0000000c")] }),
            json!({ "Parameters": [
                shown("/golden", ":3", "ami-00000003"),
                shown("/golden", ":stable", "ami-0000000d"),
                shown("/golden", "", "not an AMI"),
                { "Name": "/empty" },
            ] }),
        ]);
        let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/golden";
        let requested =
            names(&["/golden", "/golden:3", "/golden:stable", "/golden:4", "/empty", arn]);
        let found = read(&Client::new(&scripted.config()), &requested).await.unwrap();
        insta::assert_snapshot!(said(&found), @r#"
        /empty: it is empty, and neither an AMI id nor an image's ARN
        /golden: it holds a text (10 characters), and neither an AMI id nor an image's ARN
        /golden:3: Ami("ami-00000003"), Some(1000500)
        /golden:4: there is no such parameter
        /golden:stable: Ami("ami-0000000d"), Some(1000500)
        arn:aws:ssm:us-east-1:123456789012:parameter/golden: Ami("ami-0000000c"), Some(1000500)
        "#);
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST / AmazonSSM.GetParameters {"Names":["arn:aws:ssm:us-east-1:123456789012:parameter/golden"]}
        POST / AmazonSSM.GetParameters {"Names":["/empty","/golden","/golden:3","/golden:4","/golden:stable"]}
        "#);
    }

    #[tokio::test]
    async fn given_more_than_ten_names_then_each_request_has_at_most_ten() {
        let scripted = Scripted::by(|_| json!({}).into());
        let many: BTreeSet<_> =
            (10..33).map(|number| ParameterName::from(&*format!("/p{number}"))).collect();
        let found = read(&Client::new(&scripted.config()), &many).await.unwrap();
        assert_eq!(found.len(), 23);
        let counts: Vec<usize> =
            scripted.requests().lines().map(|it| it.matches("\"/p").count()).collect();
        assert_eq!(counts, [10, 10, 3]);
    }

    #[tokio::test]
    async fn given_a_refused_request_then_each_parameter_is_requested_alone() {
        let scripted = Scripted::by(|request| {
            if request.contains("/secret") {
                return Response::Error(400, "AccessDeniedException");
            }
            json!({ "Parameters": [shown("/golden", "", "ami-0000000c")] }).into()
        });
        let found = read(&Client::new(&scripted.config()), &names(&["/golden", "/secret"])).await;
        insta::assert_snapshot!(said(&found.unwrap()), @r#"
        /golden: Ami("ami-0000000c"), Some(1000500)
        /secret: failed to get parameters /secret: AccessDeniedException: as scripted
        "#);
        insta::assert_snapshot!(scripted.requests(), @r#"
        POST / AmazonSSM.GetParameters {"Names":["/golden","/secret"]}
        POST / AmazonSSM.GetParameters {"Names":["/golden"]}
        POST / AmazonSSM.GetParameters {"Names":["/secret"]}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn given_a_failing_service_then_no_parameter_is_read() {
        let scripted = Scripted::by(|_| Response::Error(400, "ThrottlingException"));
        let error = read(&Client::new(&scripted.config()), &names(&["/golden", "/other"])).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert_eq!(error.to_string(), "failed to get parameters /golden, /other");
        let attempts = scripted.requests().lines().count();
        assert_eq!(attempts, 6, "a throttled call counts as an attempt");

        // What fails for one name alone fails all, too: it says nothing about that name.
        let scripted = Scripted::by(|request| {
            if request.contains("/golden\",\"/other") {
                Response::Error(400, "ValidationException")
            } else {
                Response::Error(403, "ExpiredTokenException")
            }
        });
        let error = read(&Client::new(&scripted.config()), &names(&["/golden", "/other"])).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unknown);
    }
}
