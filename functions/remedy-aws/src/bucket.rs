//! The evidence bucket, of which only one thing is wanted: to put an object to
//! where a signed URL says. `aws-sdk-s3` can do that and everything else, at the
//! price of megabytes in every function (docs/decisions/0013).

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ec2::config::http::HttpRequest;
use aws_sdk_ec2::error::DisplayErrorContext;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_types::body::SdkBody;
use remedy::model::diagnostics::{Destination, HOST_BYTES};
use remedy::model::unknown::CallFailed;

/// What the function itself uploads is sent at once.
const SENT_AT_ONCE: Duration = Duration::from_secs(30);

/// Evidence is uploaded while the action is asked for. It gets no more time than the
/// action takes, so that nothing waits for it.
const TIME: Duration = Duration::from_secs(4);

/// The domains of the partitions that have one of their own, by the beginnings of their
/// regions' names (botocore, `data/partitions.json`).
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// The domain below which AWS's services are in a region.
pub(crate) fn domain(region: &str) -> &'static str {
    let own = DOMAINS.iter().find(|(beginning, _)| region.starts_with(beginning));
    own.map_or("amazonaws.com", |(_, domain)| domain)
}

/// What putting something there takes. Nothing is called to sign a URL.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    /// Where the function itself finds S3, if not under its own name.
    endpoint: Option<String>,
}

/// Why there is no signed URL.
#[derive(Debug, thiserror::Error)]
#[error("no URL for the evidence could be signed: {0}")]
pub(crate) struct Unsigned(String);

impl Unsigned {
    fn because(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl Bucket {
    pub(crate) fn new(
        config: &SdkConfig,
        connector: SharedHttpConnector,
        endpoint: Option<String>,
    ) -> Self {
        Self {
            connector,
            endpoint,
            credentials: config.credentials_provider(),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The URL to which a host sends its evidence with PUT: to this key, for as long as it
    /// `lasts`, and of exactly [`HOST_BYTES`], since the length is signed too.
    pub(crate) async fn url_for_host(
        &self,
        destination: &Destination,
        lasts: Duration,
    ) -> Result<String, Unsigned> {
        self.signed(&self.address(destination), HOST_BYTES, lasts).await
    }

    /// Puts a text there, with a URL of the same kind.
    pub(crate) async fn put(
        &self,
        destination: &Destination,
        text: &str,
    ) -> Result<(), CallFailed> {
        let call_failed = |why: String| CallFailed { call: "s3:PutObject", why };
        let address = match &self.endpoint {
            Some(url) => {
                let Destination { bucket, key } = destination;
                format!("{}/{bucket}/{key}", url.trim_end_matches('/'))
            }
            None => self.address(destination),
        };
        let url = self.signed(&address, text.len(), SENT_AT_ONCE).await;
        let url = url.map_err(|no| call_failed(no.to_string()))?;
        let mut request = HttpRequest::new(SdkBody::from(text.to_owned()));
        request.set_method("PUT").map_err(|no| call_failed(no.to_string()))?;
        request.set_uri(url).map_err(|no| call_failed(no.to_string()))?;
        request.headers_mut().insert("content-length", text.len().to_string());
        let answer = tokio::time::timeout(TIME, self.connector.call(request)).await;
        match answer {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(call_failed(format!("HTTP status {}", answer.status().as_u16()))),
            Ok(Err(error)) => Err(call_failed(DisplayErrorContext(error).to_string())),
            Err(_) => Err(call_failed("no answer in time".to_owned())),
        }
    }

    /// Where AWS has the object.
    fn address(&self, destination: &Destination) -> String {
        let Destination { bucket, key } = destination;
        format!("https://{bucket}.s3.{}.{}/{key}", self.region, domain(&self.region))
    }

    /// `url` with a signature for a PUT of `bytes` bytes that is worth nothing after it `lasts`.
    async fn signed(&self, url: &str, bytes: usize, lasts: Duration) -> Result<String, Unsigned> {
        let provider = self.credentials.as_ref().ok_or(Unsigned("no credentials".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(Unsigned::because)?;
        // S3 takes paths as they are (Amazon S3 API reference, "Authenticating
        // requests: using query parameters").
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(lasts);
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(Unsigned::because)?
            .into();
        let length = bytes.to_string();
        let headers = [("content-length", length.as_str())];
        let body = SignableBody::UnsignedPayload;
        let request = SignableRequest::new("PUT", url, headers.into_iter(), body)
            .map_err(Unsigned::because)?;
        let (instructions, _) = sign(request, &parameters).map_err(Unsigned::because)?.into_parts();
        let mut request = http::Request::builder().uri(url).body(()).map_err(Unsigned::because)?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}
