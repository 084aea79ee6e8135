//! How does a test speak to a service that it has no SDK of?

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use emulator::account::REGION;
use emulator::cloud::Cloud;

/// A request that is signed for a service.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    service: String,
    region: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The answer to one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request to a service.
pub(crate) fn call(service: &str, method: &str, path: &str) -> Call {
    Call {
        service: service.to_owned(),
        region: REGION.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: String::new(),
    }
}

/// A form, as services of the protocols `query` and `ec2` take it.
pub(crate) fn form(service: &str, members: &str) -> Call {
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    call(service, "POST", "/").header("content-type", kind).body(members)
}

/// A document, as services of the JSON protocols take it. The target is `AmazonSQS.SendMessage`.
pub(crate) fn json(service: &str, target: &str, body: &str) -> Call {
    call(service, "POST", "/").header("x-amz-target", target).body(body)
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    pub(crate) fn region(self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self }
    }

    pub(crate) async fn send(self, cloud: &Cloud) -> Answer {
        let Self { service, region, method, path, headers, body } = self;
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(&method).unwrap();
        request.set_uri(format!("http://emulator{path}")).unwrap();
        let scope = format!("Credential=test/20261123/{region}/{service}/aws4_request");
        request.headers_mut().insert("authorization", format!("AWS4-HMAC-SHA256 {scope}, x"));
        request.headers_mut().insert("host", "emulator");
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        let response = cloud.call(request).await.unwrap();
        let headers = response.headers().iter();
        Answer {
            status: response.status().as_u16(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: response.body().bytes().unwrap_or_default().to_vec(),
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The document, if it is one.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
