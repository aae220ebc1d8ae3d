//! The clients of the six services, over one shared HTTP client.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::region::ProvideRegion as _;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use remedy::alarm::Symptom;
use remedy::console::Place;

use crate::bucket::Signer;
use crate::connections;
use crate::settings::Settings;

/// One try of one call. AWS answers these calls in well under a second.
const ATTEMPT: Duration = Duration::from_secs(4);

/// All tries of one call, so that the four calls in sequence of the slowest
/// road end within the function's 60 seconds.
const OPERATION: Duration = Duration::from_secs(12);

/// Tries of one call: a throttle or a lost connection is often over by the
/// second, and what is not over by the third is told instead.
pub(crate) const TRIES_MAX: u32 = 3;

/// The hands: the clients, and what the deployment told them to use.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(crate) autoscaling: aws_sdk_autoscaling::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) signer: Signer,
    pub(crate) table: String,
    pub(crate) topic_arn: String,
    pub(crate) chat_topic_arn: Option<String>,
    pub(crate) place: Place,
    pub(crate) documents: BTreeMap<Symptom, String>,
}

impl Aws {
    /// Makes the clients. Nothing is called yet.
    pub async fn new(settings: &Settings) -> Self {
        let config = config(settings).await;
        Self {
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            signer: Signer::new(&config),
            table: settings.table.clone(),
            topic_arn: settings.topic_arn.clone(),
            chat_topic_arn: settings.chat_topic_arn.clone(),
            place: settings.place.clone(),
            documents: settings.documents.clone(),
        }
    }
}

/// Region, credentials and endpoints come from the environment, as Lambda sets
/// it: no profile files, no metadata service, nothing to wait for.
async fn config(settings: &Settings) -> SdkConfig {
    let region = EnvironmentVariableRegionProvider::new().region().await;
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(connections::http_client(settings, region.as_ref()))
        .region(region)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .profile_files(no_profiles())
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(OPERATION)
                .build(),
        )
        .load()
        .await
}

/// An empty profile: the loader insists on one, and no file is looked for.
fn no_profiles() -> EnvConfigFiles {
    EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build()
}
