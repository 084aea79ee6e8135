//! What do the parameters hold that recipes name as their parents?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ssm::config::retry::RetryPartition;
use aws_sdk_ssm::types;
use aws_sdk_ssm::{Client, Config};
use jiff::Timestamp;

use super::request_error::request_error;
use super::service_config::service_config;
use crate::error::{Chain, RequestError};
use crate::model::parameter::ParameterName;
use crate::model::parent::{Parameter, ParameterLookup, ParameterValue};

/// How many names one request takes (API Reference, `GetParameters`).
const NAMES_PER_REQUEST: usize = 10;

/// The value of each parameter.
pub(crate) type Parameters = BTreeMap<ParameterName, ParameterLookup>;

/// A client with its own retry budget and rate limiter: see [`service_config`]. A throttled call counts
/// as an attempt: an invocation whose parameters cannot be read fails, and Lambda retries it.
pub(super) fn client(aws: &SdkConfig) -> Client {
    let config = service_config(aws, None, Duration::ZERO);
    let partition = RetryPartition::custom("image-cascade-parameters").build();
    Client::from_conf(Config::from(&config).to_builder().retry_partition(partition).build())
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
                            vec![((*name).clone(), ParameterLookup::Unresolved(problem))]
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
) -> Result<Vec<(ParameterName, ParameterLookup)>, RequestError> {
    let requested = names.iter().map(|name| name.as_str().to_owned()).collect();
    let answer =
        client.get_parameters().set_names(Some(requested)).send().await.map_err(|error| {
            let subject = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            request_error("get parameters", subject, &error)
        })?;
    let found = |name: &ParameterName| {
        let parameter = answer.parameters().iter().find(|it| is_named(it, name.as_str()));
        match parameter {
            Some(parameter) => lookup(name, parameter),
            None => ParameterLookup::Unresolved("there is no such parameter".to_owned()),
        }
    };
    Ok(names.iter().map(|name| ((*name).clone(), found(name))).collect())
}

/// Whether `requested` names this parameter: by ARN or name, with the requested version or label after
/// a colon.
fn is_named(parameter: &types::Parameter, requested: &str) -> bool {
    let selector = parameter.selector().unwrap_or_default();
    [parameter.arn(), parameter.name()]
        .into_iter()
        .flatten()
        .any(|known| requested.strip_prefix(known).is_some_and(|rest| rest == selector))
}

fn lookup(name: &ParameterName, parameter: &types::Parameter) -> ParameterLookup {
    let modified = parameter.last_modified_date().and_then(|date| {
        let nanosecond = i32::try_from(date.subsec_nanos()).unwrap_or_default();
        Timestamp::new(date.secs(), nanosecond).ok()
    });
    match ParameterValue::parse(parameter.value().unwrap_or_default()) {
        Ok(value) => ParameterLookup::Found(Parameter { name: name.clone(), value, modified }),
        Err(problem) => ParameterLookup::Unresolved(problem),
    }
}
