//! Which service is a request for, and how does it look on the wire?
//!
//! One port answers for all services: the service is the one that the request is signed for. The
//! signature itself is not checked.

mod control;
mod functions;
mod left_behind;
mod protocol;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

use self::protocol::{Protocol, header_text, set};
use crate::account::{ACCOUNT, OBSERVER, partition};
use crate::cloud::{Cloud, State};
use crate::failure::Failure;
use crate::iam::Need;
use crate::image_builder::Model;
use crate::page::FrontPage;
use crate::{page, sns, sqs, ssm};

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
    let handler = move |cloud: Extracted<Cloud>,
                        method: Method,
                        uri: Uri,
                        headers: HeaderMap,
                        body: Bytes| async move {
        match front_page {
            // S3 has its list of buckets there.
            Some(page)
                if uri.path() == "/"
                    && method == Method::GET
                    && Signed::read(&headers).is_none() =>
            {
                Html(page.draw(&headers).await).into_response()
            }
            _ => answer(cloud, method, uri, headers, body).await,
        }
    };
    let routes = Router::new().fallback(handler).with_state(cloud);
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
    let request = Request { method: &method, path, headers: &headers, body: &body };
    let Some(signed) = Signed::read(&headers) else {
        return unsigned(&cloud, request).await;
    };
    let Signed { caller, region, service } = signed;
    let protocol = Protocol::of(service, request);
    let operation = protocol.operation(request);
    if !EMULATED.contains(&service) {
        let (status, code) = protocol.unknown_operation();
        let message = format!("The service {service} is not emulated here: {operation}.");
        return protocol.refuse(status, code, &message, id);
    }
    if region != cloud.region() && service != "sts" {
        let own = cloud.region();
        let message = format!(
            "Credential should be scoped to a valid Region, not '{region}'. This account is in {own}; serve --region chooses another."
        );
        return protocol.refuse(403, protocol.wrong_signature(), &message, id);
    }
    match service {
        "imagebuilder" => image_builder(&cloud, &method, &uri, &body, caller, id).await,
        _ => other_service(&cloud, service, caller, request, id).await,
    }
}

/// The services that have operations here.
const EMULATED: [&str; 9] =
    ["ec2", "ecr", "imagebuilder", "lambda", "logs", "sns", "sqs", "ssm", "sts"];

/// Answers a request without a signature: of a browser, of the emulator's own interface, or of a client
/// of Lambda that does not sign.
async fn unsigned(cloud: &Cloud, request: Request<'_>) -> Response {
    let Request { method, path, headers, body } = request;
    if path == "/" && *method == Method::GET {
        page::describe(cloud, &page::host(headers)).into_response()
    } else if path.starts_with("/_emulator/") {
        control::answer(cloud, method, path, body).await
    } else if path.starts_with("/2015-03-31/functions") {
        functions::answer(cloud, method, path, headers, body).await
    } else {
        error(
            403,
            "MissingAuthenticationTokenException",
            "The request is not signed, so the service that it is for is not known.",
        )
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

impl<'a> Request<'a> {
    /// A header, if it is text.
    fn header(self, name: &str) -> Option<&'a str> {
        header_text(self.headers, name)
    }

    /// A member of a form.
    fn member(self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.body)
            .find(|(key, _)| key == name)
            .map(|(_, it)| it.into_owned())
    }

    /// The operation that it calls, by AWS's name for it.
    fn operation(self, service: &str) -> String {
        match service {
            "lambda" if self.path.ends_with("/invocations") => "Invoke".to_owned(),
            "lambda" if self.path.ends_with("/configuration") => {
                "GetFunctionConfiguration".to_owned()
            }
            "lambda" if self.path.trim_end_matches('/').ends_with("/functions") => {
                "ListFunctions".to_owned()
            }
            "lambda" => "GetFunction".to_owned(),
            _ => Protocol::of(service, self).operation(self),
        }
    }
}

/// Access key, Region and service of a request's signature:
/// `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
struct Signed<'a> {
    caller: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Signed<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let authorization = header_text(headers, header::AUTHORIZATION.as_str())?;
        let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
        let mut parts = scope.rsplit('/');
        let service = parts.nth(1)?;
        let region = parts.next()?;
        Some(Self { caller: parts.nth(1)?, region, service })
    }
}

/// Answers a request to another service than Image Builder, with the fault that strikes it.
async fn other_service(
    cloud: &Cloud,
    service: &str,
    caller: &str,
    request: Request<'_>,
    id: &str,
) -> Response {
    let Request { method, path, headers, body } = request;
    let protocol = Protocol::of(service, request);
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
        fail(protocol, failure, id)
    };
    if let Err(failure) = cloud.before(service, fault.as_ref(), caller).await {
        return unanswered(&failure);
    }
    let response = match service {
        "sns" => answer_sns(cloud, caller, body, id),
        "sqs" => answer_sqs(cloud, caller, request, protocol, &operation, id).await,
        "ec2" | "ecr" | "logs" => {
            left_behind::answer(cloud, caller, (service, &operation), body, id)
        }
        "ssm" => answer_ssm(cloud, caller, &operation, body),
        "lambda" => functions::answer(cloud, method, path, headers, body).await,
        _ if operation == "GetCallerIdentity" => caller_identity(cloud.region(), id),
        _ => {
            let message = format!("The STS operation {operation} is not emulated here.");
            protocol.refuse(400, "InvalidAction", &message, id)
        }
    };
    match cloud.after(kind, caller).await {
        Ok(()) => response,
        Err(failure) => unanswered(&failure),
    }
}

/// The response to a call that failed.
fn fail(protocol: Protocol, failure: &Failure, id: &str) -> Response {
    match (failure, protocol) {
        (Failure::Refused(refused), _) => {
            protocol.refuse(refused.status(), refused.code, &refused.message, id)
        }
        // The response of a proxy that gets no answer.
        (Failure::Lost, Protocol::Query) => {
            xml_response(502, "<html>The answer was lost.</html>".to_owned())
        }
        (Failure::Lost, _) => error(502, "", "The answer was lost."),
    }
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
    let undisturbed = cloud.is_undisturbed();
    let (operation, answer) = match read {
        Ok((operation, input)) => {
            let needs = Need::of_image_builder(operation, &input);
            if let Err(refused) = cloud.authorize(caller, &needs) {
                return error(403, "AccessDeniedException", &refused);
            }
            let answer = cloud.image_builder(operation, &input, caller).await;
            let answer = answer.map(|mut answer| {
                if Model::get().answers_with(operation, "requestId") {
                    answer.insert("requestId".to_owned(), id.into());
                }
                Value::Object(answer)
            });
            (operation, answer)
        }
        Err(refused) => ("", Err(Failure::Refused(refused))),
    };
    if undisturbed && !operation.is_empty() {
        match &answer {
            Ok(answer) => cloud.answered("imagebuilder", operation, Ok(answer)),
            Err(Failure::Refused(refused)) => {
                cloud.answered("imagebuilder", operation, Err(refused.code));
            }
            Err(Failure::Lost) => {}
        }
    }
    match answer {
        Ok(answer) => json_response(200, &answer),
        Err(Failure::Refused(refused)) if refused.code == "UnknownOperationException" => {
            error(501, refused.code, &refused.message)
        }
        Err(failure) => fail(Protocol::RestJson, &failure, id),
    }
}

fn error(status: u16, code: &str, message: &str) -> Response {
    Protocol::RestJson.refuse(status, code, message, "")
}

fn json_response(status: u16, body: &Value) -> Response {
    protocol::answer(status, "application/json", body.to_string().into_bytes())
}

fn xml_response(status: u16, body: String) -> Response {
    protocol::answer(status, "text/xml", body.into_bytes())
}

fn answer_sns(cloud: &Cloud, caller: &str, body: &[u8], id: &str) -> Response {
    let form: BTreeMap<_, _> = form_urlencoded::parse(body).collect();
    let member = |name: &str| form.get(name).map_or("", |value| &**value);
    let topic = match (member("TopicArn"), member("Name")) {
        ("", name) if !name.is_empty() => {
            let region = cloud.region();
            format!("arn:{}:sns:{region}:{ACCOUNT}:{name}", partition(region))
        }
        (arn, _) => arn.to_owned(),
    };
    let need = Need::new(&format!("sns:{}", member("Action")), &topic);
    if let Err(refused) = cloud.authorize(caller, &[need]) {
        return Protocol::Query.refuse(403, "AuthorizationError", &refused, id);
    }
    let now = cloud.now();
    let region = cloud.region();
    let (status, xml, deliveries) = sns::answer(&mut cloud.state().sns, ACCOUNT, region, body, now);
    cloud.deliver(deliveries);
    xml_response(status, xml)
}

/// Answers a request to SQS in either of its protocols. A receiver waits for a message as long as it
/// asks to.
async fn answer_sqs(
    cloud: &Cloud,
    caller: &str,
    request: Request<'_>,
    protocol: Protocol,
    operation: &str,
    id: &str,
) -> Response {
    let undisturbed = cloud.is_undisturbed();
    let origin = format!("http://{}", request.header("host").unwrap_or_default());
    let input = match protocol {
        Protocol::Query => Ok(sqs::query::input(operation, request.body)),
        _ => serde_json::from_slice(request.body).map_err(|problem| problem.to_string()),
    };
    let input = match input {
        Ok(input) => input,
        Err(problem) => {
            return protocol.refuse(400, "SerializationException", &problem, id);
        }
    };
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let named = text("QueueUrl").or_else(|| text("QueueName")).unwrap_or_default();
    let queue = named.rsplit('/').next().unwrap_or_default();
    let region = cloud.region();
    let queue = format!("arn:{}:sqs:{region}:{ACCOUNT}:{queue}", partition(region));
    let need = Need::new(&format!("sqs:{operation}"), &queue);
    if let Err(refused) = cloud.authorize(caller, &[need]) {
        return protocol.refuse(403, "AccessDeniedException", &refused, id);
    }
    let arrivals = cloud.state().sqs.arrivals();
    let until = Instant::now() + cloud.state().sqs.waits(operation, &input);
    let answer = loop {
        let arrival = arrivals.notified();
        tokio::pin!(arrival);
        // What arrives from here on is not missed.
        arrival.as_mut().enable();
        let place = sqs::Place { account: ACCOUNT, region: cloud.region(), origin: &origin };
        let answer = cloud.state().sqs.perform(operation, &input, place, cloud.now());
        let is_empty = answer.as_ref().is_ok_and(|it| it.as_object().is_none_or(Map::is_empty));
        if operation != "ReceiveMessage" || !is_empty {
            break answer;
        }
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep_until(until) => break answer,
        }
    };
    if undisturbed {
        cloud.answered("sqs", operation, answer.as_ref().map_err(|(code, _)| *code));
    }
    match (answer, protocol) {
        (Ok(answer), Protocol::Query) => {
            xml_response(200, sqs::query::output(operation, &answer, id))
        }
        (Ok(answer), _) => {
            protocol::answer(200, "application/x-amz-json-1.0", answer.to_string().into_bytes())
        }
        (Err((code, message)), Protocol::Query) => {
            protocol.refuse(400, sqs::query::code(code), &message, id)
        }
        (Err((code, message)), _) => {
            let qualified = format!("com.amazonaws.sqs#{code}");
            let mut response = protocol.refuse(400, &qualified, &message, id);
            // What clients of the older protocol know the error by.
            set(&mut response, "x-amzn-query-error", &format!("{};Sender", sqs::query::code(code)));
            response
        }
    }
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
    if cloud.is_undisturbed() {
        let code = answer["__type"].as_str().unwrap_or_default();
        cloud.answered("ssm", operation, if status == 200 { Ok(&answer) } else { Err(code) });
    }
    json_response(status, &answer)
}

fn caller_identity(region: &str, id: &str) -> Response {
    let partition = partition(region);
    xml_response(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:{partition}:iam::{ACCOUNT}:user/emulator</Arn><UserId>EMULATOR</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        ),
    )
}
