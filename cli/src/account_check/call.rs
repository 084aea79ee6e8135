//! How does a call of each service look on the wire, and what does its response say?

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ServiceError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use image_cascade::aws::json_error;
use serde_json::Value;
use thiserror::Error;

use super::xml;
use crate::Error;

/// The services that the check calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    ImageBuilder,
    Sns,
    Sqs,
    Ssm,
    Ec2,
    Ecr,
    Logs,
}

/// The protocols of these services.
enum Protocol {
    /// The operation is the path.
    Rest,
    /// The operation is a header: its prefix, and the version of the protocol.
    Json(&'static str, &'static str),
    /// The operation is a field of a form: the version of the API.
    Query(&'static str),
}

impl Service {
    /// Its name in signatures and in IAM.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ImageBuilder => "imagebuilder",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Ssm => "ssm",
            Self::Ec2 => "ec2",
            Self::Ecr => "ecr",
            Self::Logs => "logs",
        }
    }

    /// The end of the variable that names another endpoint.
    pub(super) fn variable(self) -> String {
        match self {
            Self::Logs => "CLOUDWATCH_LOGS".to_owned(),
            other => other.name().to_uppercase(),
        }
    }

    /// Its public endpoint in a Region.
    pub(super) fn endpoint(self, region: &str) -> String {
        let host = if self == Self::Ecr { "api.ecr" } else { self.name() };
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{host}.{region}.{suffix}")
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::ImageBuilder => Protocol::Rest,
            Self::Sns => Protocol::Query("2010-03-31"),
            Self::Ec2 => Protocol::Query("2016-11-15"),
            Self::Sqs => Protocol::Json("AmazonSQS", "1.0"),
            Self::Ssm => Protocol::Json("AmazonSSM", "1.1"),
            Self::Ecr => Protocol::Json("AmazonEC2ContainerRegistry_V20150921", "1.1"),
            Self::Logs => Protocol::Json("Logs_20140328", "1.1"),
        }
    }
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) service: Service,
    pub(super) operation: &'static str,
    pub(super) input: Value,
}

/// A refusal in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    /// The refusal that a response is.
    pub(super) fn of(response: &ServiceError<ErrorMetadata, HttpResponse>) -> Self {
        let error = response.err();
        Self {
            status: response.raw().status().as_u16(),
            code: error.code().unwrap_or("an error without a code").to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
        }
    }

    /// Whether a right is missing.
    pub(super) fn is_forbidden(&self) -> bool {
        let code = self.code.as_str();
        code.contains("AccessDenied")
            || matches!(code, "ForbiddenException" | "UnauthorizedOperation" | "AuthorizationError")
    }

    /// Whether what the call is about is not there.
    pub(super) fn is_missing(&self) -> bool {
        let code = self.code.as_str();
        code.contains("NotFound")
            || code.contains("NonExistentQueue")
            || code == "QueueDoesNotExist"
    }

    /// Whether the call was refused for its rate.
    pub(super) fn is_throttle(&self) -> bool {
        let code = self.code.as_str();
        self.status == 429 || code.starts_with("Throttl") || code.contains("RequestLimitExceeded")
    }
}

impl Call {
    /// The request, without endpoint and signature.
    pub(super) fn request(&self) -> Result<HttpRequest, Error> {
        let Self { service, operation, input } = self;
        let (method, uri, headers, body) = match service.protocol() {
            Protocol::Rest if operation.starts_with("Get") || operation.starts_with("Delete") => {
                let method = if operation.starts_with("Get") { "GET" } else { "DELETE" };
                (method, format!("/{operation}?{}", form(input)), vec![], String::new())
            }
            Protocol::Rest => {
                let method = if operation.starts_with("List") { "POST" } else { "PUT" };
                let headers = vec![("content-type", "application/json".to_owned())];
                (method, format!("/{operation}"), headers, input.to_string())
            }
            Protocol::Json(prefix, version) => {
                let headers = vec![
                    ("content-type", format!("application/x-amz-json-{version}")),
                    ("x-amz-target", format!("{prefix}.{operation}")),
                ];
                ("POST", "/".to_owned(), headers, input.to_string())
            }
            Protocol::Query(version) => {
                let kind = "application/x-www-form-urlencoded".to_owned();
                let body = format!("Action={operation}&Version={version}&{}", form(input));
                ("POST", "/".to_owned(), vec![("content-type", kind)], body)
            }
        };
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method)?;
        request.set_uri(uri)?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

/// The members of an input as a form. Each is a text.
fn form(input: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in input.as_object().into_iter().flatten() {
        form.append_pair(name, value.as_str().unwrap_or_default());
    }
    // A form's blank is no blank in the path of an address.
    form.finish().replace('+', "%20")
}

/// The answer of a response: JSON, or XML as a text.
pub(super) fn answer(response: &HttpResponse) -> Result<Value, ErrorMetadata> {
    let text = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    if response.status().is_success() {
        return Ok(serde_json::from_str(&text).unwrap_or_else(|_| text.into_owned().into()));
    }
    let error = json_error(response);
    if error.code().is_some() || error.message().is_some() {
        return Err(error);
    }
    let mut error = ErrorMetadata::builder();
    if let Some(code) = xml::first(&text, "Code") {
        error = error.code(code);
    }
    if let Some(message) = xml::first(&text, "Message") {
        error = error.message(message);
    }
    Err(error.build())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(service: Service, operation: &'static str, input: Value) -> String {
        let request = Call { service, operation, input }.request().unwrap();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap()).into_owned();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        format!("{} {} {target} {body}", request.method(), request.uri())
    }

    #[test]
    fn given_each_protocol_then_the_operation_stands_where_the_service_looks_for_it() {
        let image = json!({ "imageBuildVersionArn": "arn:a/b c" });
        insta::assert_snapshot!(
            [
                sent(Service::ImageBuilder, "GetImage", image.clone()),
                sent(Service::ImageBuilder, "DeleteImage", image),
                sent(Service::ImageBuilder, "ListImages", json!({ "owner": "Self" })),
                sent(Service::ImageBuilder, "CreateImage", json!({})),
                sent(Service::Ssm, "GetParameters", json!({ "Names": ["a"] })),
                sent(Service::Sns, "DeleteTopic", json!({ "TopicArn": "arn:t" })),
            ]
            .join("\n"),
            @r#"
        GET /GetImage?imageBuildVersionArn=arn%3Aa%2Fb%20c  
        DELETE /DeleteImage?imageBuildVersionArn=arn%3Aa%2Fb%20c  
        POST /ListImages  {"owner":"Self"}
        PUT /CreateImage  {}
        POST / AmazonSSM.GetParameters {"Names":["a"]}
        POST /  Action=DeleteTopic&Version=2010-03-31&TopicArn=arn%3At
        "#
        );
    }

    #[test]
    fn given_refusals_then_their_codes_are_read_from_header_json_and_xml() {
        let read = |header: Option<&'static str>, body: &'static str| {
            let mut response = HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body));
            if let Some(header) = header {
                response.headers_mut().insert("x-amzn-errortype", header);
            }
            let error = answer(&response).unwrap_err();
            Refusal::of(&ServiceError::builder().source(error).raw(response).build()).to_string()
        };
        let read = [
            read(Some("InUse:http://x"), r#"{"message":"later"}"#),
            read(None, r#"{"__type":"com.amazonaws.sqs#Gone","Message":"no"}"#),
            read(None, "<R><Error><Code>NotFound</Code><Message>none</Message></Error></R>"),
            read(None, "<html>"),
        ];
        insta::assert_snapshot!(read.join("\n"), @"
        InUse: later
        Gone: no
        NotFound: none
        an error without a code:
        ");
    }

    #[test]
    fn given_a_region_of_china_then_endpoints_have_its_suffix() {
        assert_eq!(
            Service::Ecr.endpoint("cn-north-1"),
            "https://api.ecr.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(Service::Sqs.endpoint("eu-west-1"), "https://sqs.eu-west-1.amazonaws.com");
    }
}
