//! The clients of the six services, over one shared HTTP client.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::region::ProvideRegion as _;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use remedy::model::alarm::Symptom;
use remedy::model::links::Deployment;

use crate::bucket::Bucket;
use crate::calendar_memo::CalendarMemo;
use crate::connections;
use crate::settings::Settings;

/// One try of one call. AWS answers these calls in well under a second.
const ATTEMPT: Duration = Duration::from_secs(3);

/// All tries of one call. The longest chain is five calls one after the other, and ends
/// within the function's 60 seconds.
const OPERATION: Duration = Duration::from_secs(10);

/// Tries of one call: a throttle or a lost connection is often over by the
/// second, and what is not over by the third is told instead.
pub(crate) const TRIES_MAX: u32 = 3;

/// Implements the ports: the clients, and what the deployment told them to use.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(crate) autoscaling: aws_sdk_autoscaling::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) bucket: Bucket,
    pub(crate) table: String,
    pub(crate) topic_arn: String,
    pub(crate) chat_topic_arn: Option<String>,
    pub(crate) deployment: Deployment,
    pub(crate) documents: BTreeMap<Symptom, String>,
    pub(crate) disk_document: Option<String>,
    pub(crate) calendar_memo: CalendarMemo,
}

impl Aws {
    /// Makes the clients. Nothing is called yet.
    pub async fn new(settings: &Settings) -> Self {
        let region = EnvironmentVariableRegionProvider::new().region().await;
        let trust = connections::trust(settings, region.as_ref());
        let connector = connections::connector(trust);
        let config = config(connector.clone(), region);
        Self::over(settings, &config, connector, named("AWS_ENDPOINT_URL", "S3"))
    }

    /// The clients over one connector, with the credentials and the region of `config`.
    pub(crate) fn over(
        settings: &Settings,
        config: &SdkConfig,
        connector: SharedHttpConnector,
        s3: Option<String>,
    ) -> Self {
        Self {
            autoscaling: aws_sdk_autoscaling::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            ec2: aws_sdk_ec2::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            bucket: Bucket::new(config, connector, s3),
            table: settings.table.clone(),
            topic_arn: settings.topic_arn.clone(),
            chat_topic_arn: settings.chat_topic_arn.clone(),
            deployment: settings.deployment.clone(),
            documents: settings.documents.clone(),
            disk_document: settings.disk_document.clone(),
            calendar_memo: CalendarMemo::default(),
        }
    }
}

/// Region, credentials and endpoints come from the environment, as Lambda sets
/// it. Not by the SDK's loader: it can look for profile files, containers and
/// metadata services too, and brings half a megabyte of code along for that.
fn config(connector: SharedHttpConnector, region: Option<Region>) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(connections::http_client(connector))
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(OPERATION)
                .build(),
        )
        .use_fips(Environment::says_yes("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(Environment::says_yes("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Environment)
        .build()
}

/// What the SDK's variables say about endpoints.
#[derive(Debug)]
struct Environment;

impl Environment {
    fn says_yes(name: &str) -> bool {
        std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

impl LoadServiceConfig for Environment {
    /// `AWS_ENDPOINT_URL_AUTO_SCALING` before `AWS_ENDPOINT_URL`, and so on.
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        named(key.env(), key.service_id())
    }
}

/// What an SDK's variable says for one service, or else for all.
pub(crate) fn named(variable: &str, service: &str) -> Option<String> {
    let service = service.to_uppercase().replace(' ', "_");
    let names = [format!("{variable}_{service}"), variable.to_owned()];
    names.iter().find_map(|name| std::env::var(name).ok())
}
