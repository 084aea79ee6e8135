//! How does each protocol of AWS say that a call is refused?
//!
//! A client reads an error in the protocol of its service, so one that is written in another has
//! neither a code nor a message. The protocol is told from the request ([Smithy's protocols]).
//!
//! [Smithy's protocols]: https://smithy.io/2.0/aws/protocols/index.html

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Request;
use crate::xml::element;

/// The services whose bodies are XML and that have no parameter `Action`.
const REST_XML: [&str; 5] = ["s3", "s3express", "s3-outposts", "route53", "cloudfront"];

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// A form comes in, XML goes out.
    Query,
    /// The same of EC2, whose errors stand elsewhere in the XML.
    Ec2,
    /// The method and path name the operation, XML goes out.
    RestXml,
    /// A header names the operation, JSON goes out.
    Json,
    /// The method and path name the operation, JSON goes out.
    RestJson,
    /// The path names the operation, CBOR goes out.
    Cbor,
}

impl Protocol {
    /// That of a request to a service.
    pub(super) fn of(service: &str, request: Request<'_>) -> Self {
        let text = |name: &str| request.header(name).unwrap_or_default();
        let is_form = text("content-type").starts_with("application/x-www-form-urlencoded");
        match service {
            _ if text("smithy-protocol") == "rpc-v2-cbor" => Self::Cbor,
            _ if !text("x-amz-target").is_empty() => Self::Json,
            service if REST_XML.contains(&service) => Self::RestXml,
            "ec2" => Self::Ec2,
            "sns" | "sts" | "iam" => Self::Query,
            _ if is_form => Self::Query,
            _ => Self::RestJson,
        }
    }

    /// The operation that a request calls, by AWS's name where the protocol has it.
    pub(super) fn operation(self, request: Request<'_>) -> String {
        match self {
            Self::Query | Self::Ec2 => request.member("Action").unwrap_or_default(),
            Self::Json => {
                let target = request.header("x-amz-target").unwrap_or_default();
                target.rsplit('.').next().unwrap_or_default().to_owned()
            }
            Self::Cbor => request.path.rsplit('/').next().unwrap_or_default().to_owned(),
            Self::RestXml | Self::RestJson => format!("{} {}", request.method, request.path),
        }
    }

    /// Status and code of the refusal of an operation that a service does not have.
    pub(super) fn unknown_operation(self) -> (u16, &'static str) {
        match self {
            Self::Query | Self::Ec2 => (400, "InvalidAction"),
            Self::Json | Self::Cbor => (400, "UnknownOperationException"),
            Self::RestXml => (501, "NotImplemented"),
            Self::RestJson => (501, "UnknownOperationException"),
        }
    }

    /// The code of the refusal of a signature.
    pub(super) fn wrong_signature(self) -> &'static str {
        match self {
            Self::Query | Self::RestXml => "SignatureDoesNotMatch",
            Self::Ec2 => "AuthFailure",
            Self::Json | Self::RestJson | Self::Cbor => "InvalidSignatureException",
        }
    }

    /// A refusal, whose answer has the id `id`.
    pub(super) fn refuse(self, status: u16, code: &str, message: &str, id: &str) -> Response {
        let error = element("Code", code) + &element("Message", message);
        let xml = |body: String| answer(status, "text/xml", body.into_bytes());
        match self {
            Self::Query => {
                let kind = if status < 500 { "Sender" } else { "Receiver" };
                let id = element("RequestId", id);
                xml(format!(
                    "<ErrorResponse><Error><Type>{kind}</Type>{error}</Error>{id}</ErrorResponse>"
                ))
            }
            Self::Ec2 => {
                let id = element("RequestID", id);
                xml(format!("<Response><Errors><Error>{error}</Error></Errors>{id}</Response>"))
            }
            Self::RestXml => {
                let mut response =
                    xml(format!("<Error>{error}{}</Error>", element("RequestId", id)));
                set(&mut response, "x-amz-request-id", id);
                response
            }
            Self::Json => {
                let body = json!({ "__type": code, "message": message }).to_string();
                answer(status, "application/x-amz-json-1.1", body.into_bytes())
            }
            Self::RestJson => {
                let body = json!({ "message": message }).to_string();
                let mut response = answer(status, "application/json", body.into_bytes());
                set(&mut response, "x-amzn-errortype", code);
                response
            }
            Self::Cbor => {
                let body = cbor(&[("__type", code), ("message", message)]);
                let mut response = answer(status, "application/cbor", body);
                set(&mut response, "smithy-protocol", "rpc-v2-cbor");
                response
            }
        }
    }
}

/// An answer of a type.
pub(super) fn answer(status: u16, kind: &'static str, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

/// Gives an answer a header, unless the text cannot be one.
pub(super) fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// The header of a request, if it is text.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A map of texts in CBOR (RFC 8949). A crate for this one shape would be larger than it.
fn cbor(members: &[(&str, &str)]) -> Vec<u8> {
    let mut written = Vec::new();
    head(5, members.len(), &mut written);
    for text in members.iter().flat_map(|(name, value)| [name, value]) {
        head(3, text.len(), &mut written);
        written.extend(text.bytes());
    }
    written
}

/// The beginning of an item of a major type: its length, in as few bytes as CBOR has for it.
fn head(kind: u8, length: usize, written: &mut Vec<u8>) {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..24), _) => written.push(kind << 5 | short),
        (Ok(length), _) => written.extend([kind << 5 | 0x18, length]),
        (_, Ok(length)) => {
            written.push(kind << 5 | 0x19);
            written.extend(length.to_be_bytes());
        }
        _ => {
            written.push(kind << 5 | 0x1b);
            written.extend((length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_texts_of_each_length_then_their_cbor_has_the_shortest_head() {
        assert_eq!(cbor(&[("a", "bc")]), [0xa1, 0x61, b'a', 0x62, b'b', b'c']);
        let heads = [24, 300, 70_000].map(|length| {
            let mut written = Vec::new();
            head(3, length, &mut written);
            written
        });
        assert_eq!(
            heads,
            [vec![0x78, 24], vec![0x79, 1, 44], vec![0x7b, 0, 0, 0, 0, 0, 1, 0x11, 0x70]]
        );
    }
}
