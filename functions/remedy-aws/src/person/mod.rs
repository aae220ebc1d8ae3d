//! What a person asks with credentials of their own: of the stack and its follow-up, and of
//! the account, of today and of the past. No function is built with this.

mod account;
mod past;
mod signed;
mod stack;

use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use remedy::model::unknown::CallFailed;
use std::time::Duration;

use crate::clients::TRIES_MAX;
use crate::connections;
use crate::settings::SettingsError;

pub use past::Past;
pub use stack::{Deployed, FollowUp};

/// One try of one call: a page of a thousand instances is long.
const ATTEMPT: Duration = Duration::from_secs(20);

/// All tries of one call.
const OPERATION: Duration = Duration::from_mins(1);

/// Why a question has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAsked {
    /// No region is named.
    #[error("no region is set: name one with --region, AWS_REGION or your profile")]
    NoRegion,
    /// There are no credentials.
    #[error(
        "no AWS credentials are found ({0}). For single sign-on or a credential process: \
         eval \"$(aws configure export-credentials --format env)\""
    )]
    NoCredentials(String),
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] CallFailed),
    /// The follow-up did not take the question.
    #[error("the follow-up answers: {0}")]
    Refused(String),
    /// The follow-up's own settings cannot be read.
    #[error("the follow-up {0} is not set up: {1}")]
    Settings(String, SettingsError),
    /// What was answered is not what was asked for.
    #[error("{0}")]
    Unclear(String),
}

/// An account and a region as a person reaches them.
#[derive(Clone, Debug)]
pub struct Person {
    config: SdkConfig,
    connector: SharedHttpConnector,
    region: Region,
}

impl Person {
    /// Finds credentials and region as the AWS CLI does: in the environment, in `profile`,
    /// or on the machine. Nothing is asked of AWS itself.
    pub async fn signed_in(profile: Option<&str>, region: Option<&str>) -> Result<Self, NotAsked> {
        let connector = connections::connector(TrustStore::default());
        let named = region.map(|name| Region::new(name.to_owned()));
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(connections::http_client(connector.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(OPERATION)
                    .build(),
            );
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = named {
            loader = loader.region(RegionProviderChain::first_try(region));
        }
        let config = loader.load().await;
        let region = config.region().cloned().ok_or(NotAsked::NoRegion)?;
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| NotAsked::NoCredentials("none".to_owned()))?;
        match provider.provide_credentials().await {
            Ok(_) => Ok(Self { config, connector, region }),
            Err(error) => Err(NotAsked::NoCredentials(error.to_string())),
        }
    }
}
