//! How do the functions reach AWS?

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};

/// Region, credentials and endpoints from the environment, as every AWS client reads them, and an
/// HTTPS client that verifies against the system's roots.
///
/// `ring` is the crypto provider: `aws-lc` spends some thirty milliseconds on entropy at the first
/// connection, which every cold start would pay.
pub async fn sdk_config() -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await
}
