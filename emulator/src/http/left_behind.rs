//! What do EC2, ECR and `CloudWatch` Logs answer about what builds leave there?

use axum::response::Response;

use super::protocol::Protocol;
use super::{json_response, xml_response};
use crate::account::ACCOUNT;
use crate::cloud::Cloud;
use crate::iam::Need;
use crate::left_behind::LeftBehind;

/// Finds or removes something, if the caller may.
pub(super) fn answer(
    cloud: &Cloud,
    caller: &str,
    (service, operation): (&str, &str),
    body: &[u8],
    id: &str,
) -> Response {
    let resource = LeftBehind::resource(service, body, cloud.region(), ACCOUNT);
    let need = Need::new(&format!("{service}:{operation}"), &resource);
    let refused = cloud.authorize(caller, &[need]);
    let left = &mut cloud.state().image_builder.left_behind;
    if service == "ec2" {
        if let Err(refused) = refused {
            return Protocol::Ec2.refuse(403, "UnauthorizedOperation", &refused, id);
        }
        return match left.answer_ec2(operation, body) {
            Ok(xml) => xml_response(200, xml),
            Err((code, message)) => Protocol::Ec2.refuse(400, code, &message, id),
        };
    }
    if let Err(refused) = refused {
        return Protocol::Json.refuse(400, "AccessDeniedException", &refused, id);
    }
    match left.answer_json(operation, body) {
        Ok(answer) => json_response(200, &answer),
        Err((code, message)) => Protocol::Json.refuse(400, code, &message, id),
    }
}
