//! What do the parameters hold that recipes name as their parents?
//!
//! The only file that names a type of `aws_sdk_ssm`.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ssm::config::StalledStreamProtectionConfig;
use aws_sdk_ssm::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_ssm::types;
use aws_sdk_ssm::{Client, Config};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;

use crate::aws::rate_limited::RateLimited;
use crate::aws::request_error;
use crate::error::{Chain, RequestError};
use crate::model::parameter::ParameterName;
use crate::model::parent::{Parameter, ParameterLookup, ParameterValue};

/// As many as one request takes.
const AT_ONCE: usize = 10;

/// What each parameter holds.
pub(crate) type Parameters = BTreeMap<ParameterName, ParameterLookup>;

/// A client that slows down where it is throttled. Six attempts, and no more by its pace: an
/// invocation whose parameters cannot be read fails, and is made again.
pub(crate) fn client(config: &SdkConfig) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(6)
        .with_initial_backoff(Duration::from_millis(250));
    let paced = config
        .http_client()
        .map(|inner| SharedHttpClient::new(RateLimited::new(inner, None, Duration::ZERO)));
    let mut builder = Config::from(config)
        .to_builder()
        .retry_config(retries)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_partition(RetryPartition::custom("image-cascade-parameters").build());
    builder.set_http_client(paced);
    Client::from_conf(builder.build())
}

/// Reads parameters, ten at a time.
///
/// A request is refused as a whole if one of its parameters may not be read or has no possible
/// name; then each is asked for alone, so that one harms no other.
///
/// # Errors
/// The service cannot be reached, or is not well: nothing can be said of any parameter.
pub(crate) async fn read(
    client: &Client,
    names: &BTreeSet<ParameterName>,
) -> Result<Parameters, RequestError> {
    let mut parameters = Parameters::new();
    // A parameter's name and its ARN in one request might count as the same twice.
    let (arns, plain): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.is_arn());
    for some in arns.chunks(AT_ONCE).chain(plain.chunks(AT_ONCE)) {
        match ask(client, some).await {
            Ok(found) => parameters.extend(found),
            Err(error) if error.is_resource_error() => {
                for name in some {
                    let found = match ask(client, &[name]).await {
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

async fn ask(
    client: &Client,
    names: &[&ParameterName],
) -> Result<Vec<(ParameterName, ParameterLookup)>, RequestError> {
    let asked = names.iter().map(|name| name.as_str().to_owned()).collect();
    let answer = client.get_parameters().set_names(Some(asked)).send().await.map_err(|error| {
        let subject = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        request_error("get parameters", subject, &error)
    })?;
    let found = |name: &ParameterName| {
        let parameter = answer.parameters().iter().find(|it| is_named(it, name.as_str()));
        match parameter {
            Some(parameter) => understand(name, parameter),
            None => ParameterLookup::Unresolved("there is no such parameter".to_owned()),
        }
    };
    Ok(names.iter().map(|name| ((*name).clone(), found(name))).collect())
}

/// Whether `asked` means this parameter: by ARN or name, with the version or label that was asked
/// for behind a colon.
fn is_named(parameter: &types::Parameter, asked: &str) -> bool {
    let selector = parameter.selector().unwrap_or_default();
    [parameter.arn(), parameter.name()]
        .into_iter()
        .flatten()
        .any(|known| asked.strip_prefix(known).is_some_and(|rest| rest == selector))
}

fn understand(name: &ParameterName, parameter: &types::Parameter) -> ParameterLookup {
    let modified = parameter.last_modified_date().and_then(|date| {
        let nanosecond = i32::try_from(date.subsec_nanos()).unwrap_or_default();
        Timestamp::new(date.secs(), nanosecond).ok()
    });
    match ParameterValue::parse(parameter.value().unwrap_or_default()) {
        Ok(value) => ParameterLookup::Found(Parameter { name: name.clone(), value, modified }),
        Err(problem) => ParameterLookup::Unresolved(problem),
    }
}
