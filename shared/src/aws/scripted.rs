//! Which requests does a client send, and what does it make of a response? An HTTP client that answers
//! from a script, for the tests of the adapters.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_imagebuilder::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Response {
    /// This status and body.
    Body(u16, String),
    /// This error code, with this status.
    Error(u16, &'static str),
    /// Nothing, for longer than any call may take.
    Nothing,
    /// The connection breaks.
    Reset,
}

impl From<Value> for Response {
    fn from(body: Value) -> Self {
        Self::Body(200, body.to_string())
    }
}

type Script = Box<dyn FnMut(&str) -> Response + Send>;

/// An HTTP client that keeps the requests and answers them from a script.
#[derive(Clone)]
pub(crate) struct Scripted {
    script: Arc<Mutex<Script>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    /// Answers each request by its text: method, path, target and body.
    pub(crate) fn by(script: impl FnMut(&str) -> Response + Send + 'static) -> Self {
        Self { script: Arc::new(Mutex::new(Box::new(script))), requests: Arc::default() }
    }

    /// These responses, one after the other.
    pub(crate) fn in_order<R: Into<Response>>(responses: impl IntoIterator<Item = R>) -> Self {
        let mut responses: VecDeque<Response> = responses.into_iter().map(Into::into).collect();
        Self::by(move |request| {
            responses.pop_front().unwrap_or_else(|| panic!("no response is left for {request}"))
        })
    }

    /// The requests so far, one a line.
    pub(crate) fn requests(&self) -> String {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// A configuration whose clients send their requests here.
    pub(crate) fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("key", "secret", None, None, "scripted");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.clone())
            .build()
    }

    fn answer(&self, request: &HttpRequest) -> Response {
        let uri = request.uri();
        let path = uri.split_once("amazonaws.com").map_or(uri, |(_, path)| path);
        let path = path.replace("%3A", ":").replace("%2F", "/");
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        // With its members in the order of their names.
        let body = serde_json::from_str::<Value>(&body).map_or(body.into(), |it| it.to_string());
        let parts = [request.method(), &path, target, &body];
        let text = parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
        let response = self.script.lock().unwrap_or_else(PoisonError::into_inner)(&text);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        response
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.answer(&request);
        HttpConnectorFuture::new(async move {
            let (status, body) = match response {
                Response::Body(status, body) => (status, body),
                Response::Error(status, code) => {
                    (status, format!(r#"{{"__type":"{code}","message":"as scripted"}}"#))
                }
                Response::Nothing => {
                    tokio::time::sleep(Duration::from_hours(1)).await;
                    (200, String::new())
                }
                Response::Reset => return Err(ConnectorError::io("connection reset".into())),
            };
            let status =
                status.try_into().map_err(|error| ConnectorError::user(Box::new(error)))?;
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

impl HttpClient for Scripted {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
