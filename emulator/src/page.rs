//! What does a browser see at the port?

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::{HeaderMap, header};

use crate::account::ACCOUNT;
use crate::cloud::Cloud;

/// Draws the page that a browser sees, from the name of the host that it asked.
type Draw = dyn Fn(String) -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync;

/// A page for browsers.
#[derive(Clone)]
pub struct FrontPage(Arc<Draw>);

impl FrontPage {
    /// A page that is drawn anew each time.
    pub fn new<F: Future<Output = String> + Send + 'static>(
        draw: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |host| Box::pin(draw(host))))
    }

    pub(crate) async fn draw(&self, headers: &HeaderMap) -> String {
        (self.0)(host(headers)).await
    }
}

/// The host that a request names.
pub(crate) fn host(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.unwrap_or_default().to_owned()
}

/// The account's functions, topics and queues, and the emulator's own controls.
pub fn describe(cloud: &Cloud, host: &str) -> String {
    let (functions, region) = (cloud.lambda().names(), cloud.region());
    let state = cloud.state();
    let mut page = format!(
        "Image Cascade: EC2 Image Builder, SNS, SQS and Lambda on this machine\n\
         account {ACCOUNT}, Region {region}\n\n\
         Point any AWS client at it:\n  export AWS_ENDPOINT_URL=http://{host} AWS_DEFAULT_REGION={region} \
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
         \x20 POST   /_emulator/findings           {{\"image\": \"arn:…:image/gold-linux/1.0.0/2\", \"critical\": 3}}   of a scan\n\
         \x20 POST   /_emulator/vulnerabilities    {{\"in\": \"*:image/gold-linux/1.0.0/2\", \"vulnerabilityId\": \"CVE-2026-1\", \"severity\": \"HIGH\"}}\n\
         \x20 DELETE /_emulator/vulnerabilities/CVE-2026-1\n\
         \x20 POST   /_emulator/clock              {{\"advance\": \"30d\"}}\n\
         \x20 DELETE /_emulator/faults\n\
         \x20 DELETE /_emulator/faults/parent-missing\n",
        state.image_builder.executions().len(),
        state.sns.published().len(),
        state.invocations.len(),
    );
    page
}
