//! The evidence bucket, of which only one thing is wanted: to put an object to
//! where a signed URL says. `aws-sdk-s3` can do that and everything else, at the
//! price of megabytes in every function (docs/decisions/0013).

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use remedy::evidence::{Destination, HOST_BYTES};

/// A signed URL is worth nothing after this: a command has a minute to be
/// delivered and ends by itself after two at most.
const LASTS: Duration = Duration::from_mins(5);

/// What signing takes. Nothing is called for it.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    credentials: Option<SharedCredentialsProvider>,
    region: String,
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

impl Signer {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self {
            credentials: config.credentials_provider(),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The URL to which a host sends its evidence with PUT: to this key, within
    /// minutes, and of exactly [`HOST_BYTES`], since the length is signed too.
    pub(crate) async fn for_host(&self, destination: &Destination) -> Result<String, Unsigned> {
        let suffix =
            if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let Destination { bucket, key } = destination;
        let url = format!("https://{bucket}.s3.{}.{suffix}/{key}", self.region);
        self.signed(&url, HOST_BYTES).await
    }

    /// `url` with a signature for a PUT of `bytes` bytes.
    async fn signed(&self, url: &str, bytes: usize) -> Result<String, Unsigned> {
        let provider = self.credentials.as_ref().ok_or(Unsigned("no credentials".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(Unsigned::because)?;
        // S3 takes paths as they are (Amazon S3 API reference, "Authenticating
        // requests: using query parameters").
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(LASTS);
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
