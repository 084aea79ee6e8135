//! Which service is a request for, and how does it look on the wire?
//!
//! One port answers for all services: the service is the one that the request is signed for. The
//! signature itself is not checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::account::{ACCOUNT, OBSERVER, REGION};
use crate::cloud::{Cloud, Failure, State};
use crate::faults::{Fault, Kind};
use crate::iam::Need;
use crate::image_builder::{ApiError, Model, ScriptedBuild};
use crate::left_behind::LeftBehind;
use crate::page::FrontPage;
use crate::{controls, left_behind, page, sns, ssm};

/// Serves the cloud on `listener` until the task is dropped.
///
/// # Errors
/// Those of the listener.
pub async fn serve(cloud: Cloud, listener: TcpListener) -> std::io::Result<()> {
    serve_with(cloud, listener, None).await
}

/// The same with a page for browsers at `/`.
///
/// # Errors
/// Those of the listener.
pub async fn serve_with(
    cloud: Cloud,
    listener: TcpListener,
    front_page: Option<FrontPage>,
) -> std::io::Result<()> {
    let mut routes = Router::new();
    if let Some(front_page) = front_page {
        let shown = move |headers: HeaderMap| async move { Html(front_page.draw(&headers).await) };
        routes = routes.route("/", get(shown).fallback(answer));
    }
    let routes = routes.fallback(answer).with_state(cloud);
    axum::serve(listener, routes.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// Answers one request to any service, with an id of the answer in its header.
pub async fn answer(
    Extracted(cloud): Extracted<Cloud>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = cloud.next_request_id();
    let mut response = answer_with_id(cloud, method, uri, headers, body, &id).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

async fn answer_with_id(
    cloud: Cloud,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    id: &str,
) -> Response {
    let path = uri.path();
    let (caller, service) = signed_by(&headers);
    match service {
        Some("imagebuilder") => image_builder(&cloud, &method, &uri, &body, caller, id).await,
        Some(service @ ("sns" | "sqs" | "ssm" | "lambda" | "sts" | "ec2" | "ecr" | "logs")) => {
            let request = Request { method: &method, path, headers: &headers, body: &body };
            other_service(&cloud, service, caller, request).await
        }
        Some(other) => error(
            501,
            "UnknownOperationException",
            &format!("The service {other} is not emulated here."),
        ),
        None if path == "/" && method == Method::GET => {
            page::describe(&cloud, &page::host(&headers)).into_response()
        }
        None if path.starts_with("/_emulator/") => {
            match controls::answer(&cloud, &method, path, &body).await {
                Some(Ok(answer)) => json_response(200, &answer),
                Some(Err(problem)) => error(400, "BadRequest", &problem),
                None => control(&cloud, &method, path, &body),
            }
        }
        None if path.starts_with("/2015-03-31/functions") => {
            answer_lambda(&cloud, &method, path, &headers, &body).await
        }
        None => error(
            403,
            "MissingAuthenticationTokenException",
            "The request is not signed, so the service that it is for is not known.",
        ),
    }
}

/// One request, as it came.
#[derive(Clone, Copy)]
struct Request<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl Request<'_> {
    /// The operation that it calls, by AWS's name for it.
    fn operation(self, service: &str) -> String {
        match service {
            "sns" | "sts" | "ec2" => form_urlencoded::parse(self.body)
                .find(|(name, _)| name == "Action")
                .map_or_else(String::new, |(_, action)| action.into_owned()),
            "lambda" if self.path.ends_with("/invocations") => "Invoke".to_owned(),
            "lambda" if self.path.ends_with("/configuration") => {
                "GetFunctionConfiguration".to_owned()
            }
            "lambda" if self.path.trim_end_matches('/').ends_with("/functions") => {
                "ListFunctions".to_owned()
            }
            "lambda" => "GetFunction".to_owned(),
            _ => {
                let target = self.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
                target.unwrap_or_default().rsplit('.').next().unwrap_or_default().to_owned()
            }
        }
    }
}

/// Answers a request to another service than Image Builder, with the fault that strikes it.
async fn other_service(
    cloud: &Cloud,
    service: &str,
    caller: &str,
    request: Request<'_>,
) -> Response {
    let Request { method, path, headers, body } = request;
    let operation = request.operation(service);
    let is_observer = caller == OBSERVER;
    if service == "ssm" && !is_observer {
        *cloud.state().calls.entry(operation.clone()).or_default() += 1;
    }
    let fault = if is_observer { None } else { cloud.strike(service, &operation) };
    let kind = fault.as_ref().map(|fault| fault.kind);
    let unanswered = |failure: &Failure| {
        let call = (caller.to_owned(), format!("{service}:{operation}"));
        cloud.state().unanswered.push(call);
        fail(cloud, service, failure)
    };
    if let Err(failure) = cloud.before(service, fault.as_ref(), caller).await {
        return unanswered(&failure);
    }
    let response = match service {
        "sns" => answer_sns(cloud, caller, body),
        "sqs" => answer_sqs(cloud, caller, &operation, headers, body),
        "ssm" => answer_ssm(cloud, caller, &operation, body),
        "lambda" => answer_lambda(cloud, method, path, headers, body).await,
        "ec2" | "ecr" | "logs" => answer_left_behind(cloud, caller, service, &operation, body),
        _ if operation == "GetCallerIdentity" => caller_identity(),
        _ => {
            let message = format!("The STS operation {operation} is not emulated here.");
            let refused = ApiError::with_status(400, "InvalidAction", &message);
            fail(cloud, service, &Failure::Refused(refused))
        }
    };
    match cloud.after(kind, caller).await {
        Ok(()) => response,
        Err(failure) => unanswered(&failure),
    }
}

/// The response of a service to a call that failed.
fn fail(cloud: &Cloud, service: &str, failure: &Failure) -> Response {
    let refused = match failure {
        Failure::Refused(refused) => refused,
        // The response of a proxy that gets no answer.
        Failure::Lost if matches!(service, "sns" | "sts") => {
            return xml_response(502, "<html>The answer was lost.</html>".to_owned());
        }
        Failure::Lost => return error(502, "", "The answer was lost."),
    };
    let ApiError { code, message, .. } = refused;
    match service {
        "sns" | "sts" => {
            let body = sns::refusal(&mut cloud.state().sns, code, message);
            let body = if service == "sts" {
                body.replace("sns.amazonaws.com/doc/2010-03-31", "sts.amazonaws.com/doc/2011-06-15")
            } else {
                body
            };
            xml_response(refused.status(), body)
        }
        "sqs" | "ssm" => {
            let code =
                if service == "sqs" { format!("com.amazonaws.sqs#{code}") } else { (*code).into() };
            json_response(refused.status(), &json!({ "__type": code, "message": message }))
        }
        _ => refuse(refused),
    }
}

/// The access key and the service of `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/…`.
fn signed_by(headers: &HeaderMap) -> (&str, Option<&str>) {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let scope = authorization
        .split("Credential=")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .unwrap_or_default();
    let mut parts = scope.rsplit('/');
    let service = parts.nth(1);
    (parts.nth(2).unwrap_or_default(), service)
}

async fn image_builder(
    cloud: &Cloud,
    method: &Method,
    uri: &Uri,
    body: &[u8],
    caller: &str,
    id: &str,
) -> Response {
    let read =
        Model::get().read(method.as_str(), uri.path(), uri.query().unwrap_or_default(), body);
    let answer = match read {
        Ok((operation, input)) => {
            let needs = Need::of_image_builder(operation, &input);
            if let Err(refused) = cloud.authorize(caller, &needs) {
                return error(403, "AccessDeniedException", &refused);
            }
            cloud.image_builder(operation, &input, caller).await
        }
        Err(refused) => Err(Failure::Refused(refused)),
    };
    match answer {
        Ok(mut answer) => {
            answer.insert("requestId".to_owned(), id.into());
            json_response(200, &Value::Object(answer))
        }
        Err(failure) => fail(cloud, "imagebuilder", &failure),
    }
}

fn refuse(refused: &ApiError) -> Response {
    let status = if refused.code == "UnknownOperationException" { 501 } else { refused.status() };
    error(status, refused.code, &refused.message)
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let mut response = json_response(status, &json!({ "message": message }));
    if let Ok(code) = code.parse() {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn xml_response(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn answer_sns(cloud: &Cloud, caller: &str, body: &[u8]) -> Response {
    let form: BTreeMap<_, _> = form_urlencoded::parse(body).collect();
    let member = |name: &str| form.get(name).map_or("", |value| &**value);
    let topic = match (member("TopicArn"), member("Name")) {
        ("", name) if !name.is_empty() => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}"),
        (arn, _) => arn.to_owned(),
    };
    let need = Need::new(&format!("sns:{}", member("Action")), &topic);
    if let Err(refused) = cloud.authorize(caller, &[need]) {
        let body = sns::refusal(&mut cloud.state().sns, "AuthorizationError", &refused);
        return xml_response(403, body);
    }
    let now = cloud.now();
    let (status, xml, deliveries) = sns::answer(&mut cloud.state().sns, ACCOUNT, REGION, body, now);
    cloud.deliver(deliveries);
    xml_response(status, xml)
}

fn answer_sqs(
    cloud: &Cloud,
    caller: &str,
    operation: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = input["QueueUrl"].as_str().or(input["QueueName"].as_str()).unwrap_or_default();
    let queue = named.rsplit('/').next().unwrap_or_default();
    let need =
        Need::new(&format!("sqs:{operation}"), &format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"));
    if let Err(refused) = cloud.authorize(caller, &[need]) {
        let body = json!({ "__type": "com.amazonaws.sqs#AccessDenied", "message": refused });
        return json_response(403, &body);
    }
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origin = format!("http://{}", text("host"));
    let (status, answer) =
        cloud.state().sqs.answer(text("x-amz-target"), body, ACCOUNT, REGION, &origin);
    json_response(status, &answer)
}

/// Finds or removes what builds have left in other services.
fn answer_left_behind(
    cloud: &Cloud,
    caller: &str,
    service: &str,
    operation: &str,
    body: &[u8],
) -> Response {
    let resource = LeftBehind::resource(service, body, REGION, ACCOUNT);
    let need = Need::new(&format!("{service}:{operation}"), &resource);
    let refused = cloud.authorize(caller, &[need]);
    let left = &mut cloud.state().image_builder.left_behind;
    if service == "ec2" {
        let (status, xml) = match refused {
            Ok(()) => left.answer_ec2(operation, body),
            Err(message) => (403, left_behind::refusal("UnauthorizedOperation", &message)),
        };
        return xml_response(status, xml);
    }
    let (status, answer) = match refused {
        Ok(()) => left.answer_json(operation, body),
        Err(message) => (400, json!({ "__type": "AccessDeniedException", "message": message })),
    };
    json_response(status, &answer)
}

fn answer_ssm(cloud: &Cloud, caller: &str, operation: &str, body: &[u8]) -> Response {
    let now = cloud.now();
    let resources = {
        let state = cloud.state();
        ssm::resources(&state.parameters, &state.documents, operation, body)
    };
    let action = format!("ssm:{operation}");
    let needs: Vec<Need> = resources.iter().map(|arn| Need::new(&action, arn)).collect();
    if let Err(refused) = cloud.authorize(caller, &needs) {
        return json_response(
            400,
            &json!({ "__type": "AccessDeniedException", "message": refused }),
        );
    }
    let (status, answer) = {
        let State { parameters, documents, .. } = &mut *cloud.state();
        ssm::answer(parameters, documents, operation, body, now)
    };
    cloud.wake();
    json_response(status, &answer)
}

fn caller_identity() -> Response {
    xml_response(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/emulator</Arn><UserId>EMULATOR</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}

async fn answer_lambda(
    cloud: &Cloud,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let rest = path.strip_prefix("/2015-03-31/functions").unwrap_or(path).trim_matches('/');
    let describe = |name: &str| json!({ "FunctionName": name, "FunctionArn": cloud.lambda().arn(name), "Runtime": "provided.al2023", "State": "Active" });
    if rest.is_empty() && *method == Method::GET {
        let functions: Vec<Value> =
            cloud.lambda().names().iter().map(|name| describe(name)).collect();
        return json_response(200, &json!({ "Functions": functions }));
    }
    let (name, what) = rest.split_once('/').unwrap_or((rest, ""));
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let name = name.rsplit(':').next().unwrap_or_default();
    if !cloud.lambda().names().iter().any(|known| known == name) {
        return error(
            404,
            "ResourceNotFoundException",
            &format!("Function not found: {}", cloud.lambda().arn(name)),
        );
    }
    match (method.as_str(), what) {
        ("GET", "") => json_response(200, &json!({ "Configuration": describe(name) })),
        ("GET", "configuration") => json_response(200, &describe(name)),
        ("POST", "invocations") => invoke(cloud, name, headers, body).await,
        _ => error(
            501,
            "UnknownOperationException",
            &format!("The Lambda operation {method} {path} is not emulated here."),
        ),
    }
}

async fn invoke(cloud: &Cloud, name: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let event: Value = match serde_json::from_slice(if body.is_empty() { b"{}" } else { body }) {
        Ok(event) => event,
        Err(problem) => {
            let message = format!("Could not parse request body into json: {problem}");
            return error(400, "InvalidRequestContentException", &message);
        }
    };
    match text("x-amz-invocation-type").unwrap_or("RequestResponse") {
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        "Event" => {
            cloud.lambda().invoke_later(name, event);
            StatusCode::ACCEPTED.into_response()
        }
        _ => {
            let Some(result) = cloud.lambda().invoke(name, &event).await else {
                return error(
                    404,
                    "ResourceNotFoundException",
                    &format!("Function not found: {name}"),
                );
            };
            let mut response = json_response(200, &result.payload);
            let mut put = |name: &'static str, value: &str| {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            };
            put("x-amz-executed-version", "$LATEST");
            if result.failed {
                put("x-amz-function-error", "Unhandled");
            }
            if text("x-amz-log-type") == Some("Tail") {
                put("x-amz-log-result", &tail(&result.log));
            }
            response
        }
    }
}

/// The last four kilobytes of a log, in base64.
fn tail(log: &str) -> String {
    let bytes = log.as_bytes();
    aws_smithy_types::base64::encode(&bytes[bytes.len().saturating_sub(4096)..])
}

/// The emulator's own controls: what an AWS account has no API for.
fn control(cloud: &Cloud, method: &Method, path: &str, body: &[u8]) -> Response {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Published {
        name: String,
        version: String,
    }
    /// A build that fails: for this reason, or for another.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Failing {
        reason: Option<String>,
        milliseconds: Option<u64>,
    }
    let now = cloud.now();
    let bad = |problem: serde_json::Error| error(400, "BadRequest", &problem.to_string());
    match (method.as_str(), path) {
        ("POST", "/_emulator/faults") => match serde_json::from_slice::<Fault>(body) {
            Ok(fault) => {
                cloud.state().faults.add(fault);
                json_response(200, &json!({}))
            }
            Err(problem) => bad(problem),
        },
        ("DELETE", "/_emulator/faults") => {
            cloud.state().faults.clear();
            json_response(200, &json!({}))
        }
        ("DELETE", _) if path.starts_with("/_emulator/faults/") => {
            let kind = path.rsplit('/').next().unwrap_or_default();
            match serde_json::from_value::<Kind>(kind.into()) {
                Ok(kind) => {
                    cloud.state().faults.clear_kind(kind);
                    json_response(200, &json!({}))
                }
                Err(problem) => bad(problem),
            }
        }
        ("POST", "/_emulator/failing-builds") => match serde_json::from_slice::<Failing>(body) {
            Ok(Failing { reason, milliseconds }) => {
                let builder = &mut cloud.state().image_builder;
                let length = milliseconds.map_or(builder.build_time(), Duration::from_millis);
                builder.scripted_builds.push_back(ScriptedBuild { length, fails: true, reason });
                json_response(200, &json!({}))
            }
            Err(problem) => bad(problem),
        },
        ("POST", "/_emulator/amazon-images" | "/_emulator/amazon-components") => {
            match serde_json::from_slice::<Published>(body) {
                Ok(Published { name, version }) => {
                    let mut state = cloud.state();
                    if path.ends_with("images") {
                        state.image_builder.publish_amazon_image(&name, &version, now);
                    } else {
                        state.image_builder.publish_amazon_component(&name, &version, "Linux", now);
                    }
                    json_response(200, &json!({}))
                }
                Err(problem) => bad(problem),
            }
        }
        ("GET", "/_emulator/executions") => {
            json_response(200, &json!(cloud.state().image_builder.executions()))
        }
        ("GET", "/_emulator/messages") => json_response(200, &json!(cloud.state().sns.published())),
        ("GET", "/_emulator/calls") => json_response(200, &json!(cloud.state().calls)),
        _ => error(404, "NotFound", &format!("The emulator has nothing at {method} {path}.")),
    }
}
