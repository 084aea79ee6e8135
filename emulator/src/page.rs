//! What does a browser see at the port?

use std::fmt::Write as _;

use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use crate::account::{ACCOUNT, REGION};
use crate::cloud::Cloud;

/// A short page: HTML for a browser, text for any other client.
pub fn answer(cloud: &Cloud, headers: &HeaderMap) -> Response {
    let text = |name: header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let body = describe(cloud, text(header::HOST));
    if text(header::ACCEPT).contains("text/html") {
        let escaped = body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Html(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Image Cascade</title><style>\
             body{{margin:3rem auto;max-width:56rem;padding:0 1rem;background:#fbfaf7;color:#1c2530;\
             font:15px/1.6 ui-monospace,Menlo,Consolas,monospace}}pre{{font:inherit;white-space:pre-wrap}}\
             @media(prefers-color-scheme:dark){{body{{background:#12181f;color:#dfe6ee}}}}\
             </style></head><body><pre>{escaped}</pre></body></html>"
        ))
        .into_response()
    } else {
        body.into_response()
    }
}

/// The account's functions, topics and queues, and the emulator's own controls.
pub fn describe(cloud: &Cloud, host: &str) -> String {
    let functions = cloud.lambda().names();
    let state = cloud.state();
    let mut page = format!(
        "Image Cascade: EC2 Image Builder, SNS, SQS and Lambda on this machine\n\
         account {ACCOUNT}, Region {REGION}\n\n\
         Point any AWS client at it:\n  export AWS_ENDPOINT_URL=http://{host} AWS_DEFAULT_REGION={REGION} \
         AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n\nFunctions\n"
    );
    // Writing to a string cannot fail.
    for name in &functions {
        let _ = writeln!(page, "  {name:<20} aws lambda invoke --function-name {name} …");
    }
    let _ = writeln!(page, "\nTopics");
    for topic in state.sns.topics() {
        let _ = writeln!(page, "  {topic}");
    }
    let _ = writeln!(page, "\nQueues");
    for queue in state.sqs.names() {
        let _ = writeln!(page, "  {queue:<20} {} messages", state.sqs.letters(queue).len());
    }
    let _ = write!(
        page,
        "\nSo far\n  {} builds started, {} messages published, {} invocations\n\n\
         The emulator's own controls\n\
         \x20 GET    /_emulator/executions         every build that was started\n\
         \x20 GET    /_emulator/messages           every message that was published\n\
         \x20 GET    /_emulator/calls              calls to Image Builder, by operation\n\
         \x20 POST   /_emulator/amazon-images      {{\"name\": \"amazon-linux-2023-x86\", \"version\": \"2026.11.2\"}}\n\
         \x20 POST   /_emulator/amazon-components  {{\"name\": \"stig-build-linux\", \"version\": \"1.1.0\"}}\n\
         \x20 POST   /_emulator/faults             {{\"operation\": \"StartImagePipelineExecution\", \"kind\": \"throttle\", \"times\": 3}}\n\
         \x20 POST   /_emulator/faults             {{\"operation\": \"ssm:GetParameters\", \"kind\": \"expired-token\"}}\n\
         \x20 POST   /_emulator/faults             {{\"operation\": \"GetImage\", \"kind\": \"parent-missing\"}}   a lie lasts\n\
         \x20 POST   /_emulator/failing-builds     {{\"reason\": \"VcpuLimitExceeded: …\"}}   the next build fails\n\
         \x20 DELETE /_emulator/faults\n\
         \x20 DELETE /_emulator/faults/parent-missing\n",
        state.image_builder.executions().len(),
        state.sns.published().len(),
        state.invocations.len(),
    );
    page
}
