//! The one HTTP client under all services: whom it believes, and its
//! connections, opened before the first event.

use std::time::Duration;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_sdk_ec2::config::http::HttpRequest;
use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use futures_util::future;

use crate::clients::Aws;
use crate::settings::Settings;

/// Until a connection stands; the SDK's own default.
const CONNECT: Duration = Duration::from_millis(3100);

/// The longest the first event may wait for connections that are opened for
/// it. In the region they take 10 to 20 ms; where the network lets nothing
/// through, the calls themselves say so.
const WARM_UP: Duration = Duration::from_millis(500);

/// What the commercial regions' endpoints chain up to.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// Regions of other partitions, by the beginnings of their names. Not all of
/// their endpoints chain up to Amazon's roots.
const ELSEWHERE: [&str; 5] = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"];

/// One connector for all services. ring is ready at once: the SDK's default
/// provider spends 100 ms of processor time before its first handshake.
pub(crate) fn connector(trust: TrustStore) -> SharedHttpConnector {
    let mut connector = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT).build())
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    if let Ok(context) = TlsContext::builder().with_trust_store(trust).build() {
        connector = connector.tls_context(context);
    }
    SharedHttpConnector::new(connector.build())
}

/// One HTTP client for all services. The SDK's own would make a connector, and
/// read the roots, for each of them.
pub(crate) fn http_client(connector: SharedHttpConnector) -> SharedHttpClient {
    http_client_fn(move |_, _| connector.clone())
}

/// The system's certificates where the operator named some, or where Amazon's
/// may not do. To parse all of the system's takes 3 ms.
pub(crate) fn trust(settings: &Settings, region: Option<&Region>) -> TrustStore {
    let elsewhere =
        |region: &Region| ELSEWHERE.iter().any(|name| region.as_ref().starts_with(name));
    if settings.names_roots || region.is_none_or(elsewhere) {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    }
}

/// Knocks where a call would go.
macro_rules! knock {
    ($sdk:ident, $call:expr) => {
        async {
            let once = $sdk::config::Builder::new().retry_config(RetryConfig::disabled());
            let _no = $call.customize().interceptor(Knock).config_override(once).send().await;
        }
    };
}

impl Aws {
    /// Opens the connections that every alarm needs first, because a function
    /// starts with more processor time than it later runs with. Whatever goes
    /// wrong here goes wrong again, and is told, when it matters.
    pub(crate) async fn warm_up(&self) {
        let knocks = future::join4(
            // Two each for EC2 and DynamoDB, which have two calls at once.
            knock!(aws_sdk_ec2, self.ec2.describe_instances()),
            knock!(aws_sdk_ec2, self.ec2.describe_instance_status()),
            knock!(aws_sdk_autoscaling, self.autoscaling.describe_auto_scaling_instances()),
            future::join4(
                knock!(aws_sdk_dynamodb, self.dynamodb.update_item().table_name(&self.table)),
                knock!(aws_sdk_dynamodb, self.dynamodb.update_item().table_name(&self.table)),
                knock!(aws_sdk_sns, self.sns.publish()),
                knock!(aws_sdk_ssm, self.ssm.describe_instance_information()),
            ),
        );
        let _late = tokio::time::timeout(WARM_UP, Box::pin(knocks)).await;
    }
}

/// Sends, in place of a call, an unsigned `GET /` to the call's endpoint: it
/// asks for nothing and needs no permission. The SDK finds the endpoint as it
/// does for the call, and the connection stays in the client for the call.
#[derive(Debug)]
struct Knock;

impl Intercept for Knock {
    fn name(&self) -> &'static str {
        "Knock"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request = HttpRequest::get(front_door(request.uri()).ok_or("no TLS, nothing to open")?)?;
        Ok(())
    }
}

/// `https://host:port/` of an address below it.
fn front_door(uri: &str) -> Option<String> {
    let host = uri.strip_prefix("https://")?.split(['/', '?']).next()?;
    Some(format!("https://{host}/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    use sha2::{Digest as _, Sha256};

    /// As <https://www.amazontrust.com/repository/> publishes them.
    const PUBLISHED: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_are_those_amazon_publishes() {
        let hex = |certificate: CertificateDer<'_>| -> String {
            Sha256::digest(&certificate).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let found = CertificateDer::pem_slice_iter(AMAZON_ROOTS);
        let found: Vec<String> = found.map(|certificate| hex(certificate.unwrap())).collect();
        assert_eq!(found, PUBLISHED);
    }

    #[test]
    fn a_knock_asks_for_nothing() {
        let door = |uri: &str| front_door(uri);
        assert_eq!(
            door("https://ec2.eu-central-1.amazonaws.com/").as_deref(),
            Some("https://ec2.eu-central-1.amazonaws.com/")
        );
        assert_eq!(
            door("https://localhost:8443/service/x?Action=y").as_deref(),
            Some("https://localhost:8443/")
        );
        assert_eq!(door("https://localhost?x").as_deref(), Some("https://localhost/"));
        assert_eq!(door("http://localhost:8000/"), None);
    }
}
