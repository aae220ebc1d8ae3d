//! The deployment, as a person finds and asks it: its follow-up function, by the stack.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::unknown::CallFailed;
use serde::Deserialize;

use super::account::ahead;
use super::signed::Wanted;
use super::{NotAsked, Person};
use crate::clients::{Aws, named};
use crate::settings::Settings;

/// The follow-up's name in template.yaml.
const LOGICAL_ID: &str = "FollowUpFunction";

/// The version of each API (botocore's models of `lambda` and `cloudformation`).
const LAMBDA: &str = "/2015-03-31/functions";
const CLOUD_FORMATION: &str = "2010-05-15";

/// The follow-up function of a deployment, which answers what people ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUp(String);

impl FollowUp {
    /// By the function's name or ARN.
    pub fn named(name: &str) -> Result<Self, NotAsked> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_:".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(NotAsked::Unclear(format!("{name:?} is no function's name or ARN")));
        }
        Ok(Self(name.to_owned()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What `GetFunctionConfiguration` tells that we read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    environment: Option<Environment>,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// What a function answers that failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionFailed {
    error_message: String,
}

/// A deployment as its follow-up is set up, and the clients to read with as it does, with the
/// person's credentials.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// What its follow-up is told by its environment.
    pub settings: Settings,
    /// The clients.
    pub aws: Aws,
    /// The ARN of the follow-up's role.
    pub(super) role: String,
    /// By how much AWS's clock is ahead of this machine's.
    pub(super) clock_ahead: Result<SignedDuration, CallFailed>,
}

impl Person {
    /// `cloudformation:DescribeStackResource`: the follow-up of the stack with that name.
    pub async fn follow_up_of(&self, stack: &str) -> Result<FollowUp, NotAsked> {
        const CALL: &str = "cloudformation:DescribeStackResource";
        let fields = [
            ("Action", "DescribeStackResource"),
            ("Version", CLOUD_FORMATION),
            ("StackName", stack),
            ("LogicalResourceId", LOGICAL_ID),
        ];
        let told = self.query(CALL, "cloudformation", &fields).await?;
        let id = told.iter().find(|(name, _)| name == "PhysicalResourceId");
        let id = id.ok_or_else(|| NotAsked::Unclear(format!("the stack {stack} has no follow-up")));
        FollowUp::named(&id?.1)
    }

    /// `lambda:InvokeFunction`: what the follow-up answers to `payload`.
    pub async fn ask(&self, follow_up: &FollowUp, payload: &str) -> Result<String, NotAsked> {
        let path = format!("{LAMBDA}/{}/invocations", follow_up.0);
        let answer = self
            .send(Wanted {
                call: "lambda:InvokeFunction",
                service: "lambda",
                method: "POST",
                path: &path,
                content_type: "application/json",
                target: None,
                body: payload.to_owned(),
            })
            .await?;
        if answer.function_error.is_none() {
            return Ok(answer.body);
        }
        let failed = serde_json::from_str::<FunctionFailed>(&answer.body);
        Err(NotAsked::Refused(failed.map_or(answer.body, |failed| failed.error_message)))
    }

    /// `lambda:GetFunctionConfiguration`: the deployment of this follow-up.
    pub async fn deployed(&self, follow_up: &FollowUp) -> Result<Deployed, NotAsked> {
        const CALL: &str = "lambda:GetFunctionConfiguration";
        let path = format!("{LAMBDA}/{}/configuration", follow_up.0);
        let answer = self
            .send(Wanted {
                call: CALL,
                service: "lambda",
                method: "GET",
                path: &path,
                content_type: "application/json",
                target: None,
                body: String::new(),
            })
            .await?;
        let told: Configuration = serde_json::from_str(&answer.body)
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?;
        let variables = told.environment.map(|environment| environment.variables);
        let variables = variables.unwrap_or_default();
        let settings = Settings::read(None, |name| variables.get(name).cloned())
            .map_err(|error| NotAsked::Settings(follow_up.0.clone(), error))?;
        let settings = Settings { function: Some(follow_up.0.clone()), ..settings };
        let s3 = named("AWS_ENDPOINT_URL", "S3");
        let aws = Aws::over(&settings, &self.config, self.connector.clone(), s3);
        let clock_ahead = ahead(CALL, answer.date.as_deref(), Timestamp::now());
        let role = told.role.unwrap_or_default();
        Ok(Deployed { settings, aws, role, clock_ahead })
    }
}
