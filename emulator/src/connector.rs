//! How does an SDK client in this process reach the cloud without a socket?

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;
use axum::extract::State;

use crate::cloud::Cloud;

impl HttpConnector for Cloud {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = self.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.bytes().map(axum::body::Bytes::copy_from_slice).unwrap_or_default();
            let response =
                crate::http::answer(State(cloud), parts.method, parts.uri, parts.headers, body)
                    .await;
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX)
                .await
                .map_err(|error| ConnectorError::io(Box::new(error)))?;
            let status = StatusCode::try_from(parts.status.as_u16())
                .map_err(|error| ConnectorError::user(error.into()))?;
            let mut answer = Response::new(status, SdkBody::from(body.to_vec()));
            for (name, value) in &parts.headers {
                if let Ok(value) = value.to_str() {
                    answer.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(answer)
        })
    }
}

impl HttpClient for Cloud {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
