//! What only a person's own credentials may ask about a deployment: who subscribes, whether its
//! documents are there, and what its role may do.

use std::collections::BTreeSet;

use aws_sdk_ssm::operation::describe_document::DescribeDocumentError;
use jiff::{SignedDuration, Timestamp};
use remedy::doctor::fleet::{Account, Subscription};
use remedy::model::unknown::CallFailed;
use remedy::observe::facts::Fact;

use super::Person;
use super::stack::Deployed;
use crate::clients::Aws;
use crate::failure::call_failed;
use crate::look::pages;
use crate::settings::Settings;

/// Pages of subscriptions, of 100 each (SNS API reference, `ListSubscriptionsByTopic`).
const PAGES_MAX: usize = 20;

/// The version of IAM's API (botocore's model of `iam`).
const IAM: &str = "2010-05-08";

/// A role's ARN ends in its name, behind a path.
fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// What is asked about together: the same resources, and a tag on them or none.
struct Asked {
    actions: Vec<&'static str>,
    resources: Vec<String>,
    opted_in: bool,
}

impl Person {
    /// Everything of it that can be read.
    pub async fn account(&self, deployed: &Deployed) -> Account {
        let Deployed { settings, aws, role, clock_ahead } = deployed;
        Account {
            subscriptions: subscriptions(aws, &settings.topic_arn).await.into(),
            missing_documents: missing_documents(aws, settings).await.into(),
            denied: self.denied(role, settings).await.into(),
            // A dry run tells what whoever asks may do, which is somebody else here.
            dry_runs: Fact::Known(Vec::new()),
            clock_ahead: clock_ahead.clone().into(),
        }
    }

    /// `iam:SimulatePrincipalPolicy`: which of the calls that its code makes the follow-up's
    /// role may not make, by its policies and what bounds them.
    async fn denied(
        &self,
        role: &str,
        settings: &Settings,
    ) -> Result<Vec<(String, String)>, CallFailed> {
        const CALL: &str = "iam:SimulatePrincipalPolicy";
        let mut denied = BTreeSet::new();
        for asked in asked(settings) {
            let mut fields = vec![
                ("Action".to_owned(), "SimulatePrincipalPolicy".to_owned()),
                ("Version".to_owned(), IAM.to_owned()),
                ("PolicySourceArn".to_owned(), role.to_owned()),
            ];
            let numbered = |list: &str, values: Vec<String>| {
                let member = |(at, value): (usize, String)| (format!("{list}.member.{at}"), value);
                (1..).zip(values).map(member).collect::<Vec<_>>()
            };
            let actions = asked.actions.iter().map(|action| (*action).to_owned()).collect();
            fields.extend(numbered("ActionNames", actions));
            fields.extend(numbered("ResourceArns", asked.resources));
            if asked.opted_in {
                let tag = "aws:ResourceTag/auto-remediation".to_owned();
                let entry = |name: &str| format!("ContextEntries.member.1.{name}");
                fields.extend([
                    (entry("ContextKeyName"), tag),
                    (entry("ContextKeyType"), "string".to_owned()),
                    (entry("ContextKeyValues.member.1"), "enabled".to_owned()),
                ]);
            }
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let told = self.query(CALL, "iam", &fields).await?;
            denied.extend(not_allowed(&told));
        }
        let role = role_name(role).to_owned();
        Ok(denied.into_iter().map(|action| (action, role.clone())).collect())
    }
}

/// The actions that a simulation does not allow (IAM API reference, `EvaluationResult`).
fn not_allowed(told: &[(String, String)]) -> Vec<String> {
    let (mut denied, mut action) = (Vec::new(), None);
    for (name, value) in told {
        match name.as_str() {
            "EvalActionName" => action = Some(value),
            "EvalDecision" if value != "allowed" => denied.extend(action.take().cloned()),
            _ => {}
        }
    }
    denied
}

/// What the follow-up does, and to what (template.yaml has its role's statements).
fn asked(settings: &Settings) -> Vec<Asked> {
    let parts: Vec<&str> = settings.topic_arn.split(':').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let arn = |service: &str, what: &str| {
        format!("arn:{}:{service}:{}:{}:{what}", part(1), part(3), part(4))
    };
    let anything = || vec!["*".to_owned()];
    let instance = || vec![arn("ec2", "instance/i-0123456789abcdef0")];
    let documents = settings.documents.values().chain(&settings.disk_document);
    vec![
        Asked {
            actions: vec![
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeVolumes",
                "ssm:DescribeInstanceInformation",
                "ssm:DescribeSessions",
                "ssm:GetCommandInvocation",
                "ssm:ListCommandInvocations",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeInstanceRefreshes",
                "cloudwatch:GetMetricData",
                "cloudwatch:DescribeAlarms",
            ],
            resources: anything(),
            opted_in: false,
        },
        Asked {
            actions: vec!["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            resources: vec![arn("dynamodb", &format!("table/{}", settings.table))],
            opted_in: false,
        },
        Asked {
            actions: vec!["sns:Publish"],
            resources: vec![settings.topic_arn.clone()],
            opted_in: false,
        },
        Asked {
            actions: vec!["ssm:SendCommand"],
            resources: documents.map(|name| arn("ssm", &format!("document/{name}"))).collect(),
            opted_in: false,
        },
        Asked {
            actions: vec!["ssm:SendCommand", "ec2:RebootInstances"],
            resources: instance(),
            opted_in: true,
        },
        Asked {
            actions: vec![
                "autoscaling:SetInstanceHealth",
                "autoscaling:EnterStandby",
                "autoscaling:ExitStandby",
            ],
            resources: vec![arn(
                "autoscaling",
                "autoScalingGroup:0c1f3d58-7a4e-4f0b-9a0e-6b1f6a1f4d11:autoScalingGroupName/web",
            )],
            opted_in: true,
        },
    ]
}

/// `sns:ListSubscriptionsByTopic`, and of each that is confirmed `sns:GetSubscriptionAttributes`.
async fn subscriptions(aws: &Aws, topic: &str) -> Result<Vec<Subscription>, CallFailed> {
    const LIST: &str = "sns:ListSubscriptionsByTopic";
    const ASK: &str = "sns:GetSubscriptionAttributes";
    let call = aws.sns.list_subscriptions_by_topic().topic_arn(topic);
    let ask = async |token| {
        let answer = call.clone().set_next_token(token).send().await;
        let answer = answer.map_err(|error| call_failed(LIST, &error))?;
        Ok((answer.subscriptions.unwrap_or_default(), answer.next_token))
    };
    let mut found = Vec::new();
    for listed in pages(LIST, PAGES_MAX, ask).await? {
        // `PendingConfirmation` stands in its place until somebody confirms.
        let arn = listed.subscription_arn().filter(|arn| arn.starts_with("arn:"));
        let mut subscription = Subscription {
            arn: arn.map(str::to_owned),
            protocol: listed.protocol().unwrap_or_default().to_owned(),
            endpoint: listed.endpoint().unwrap_or_default().to_owned(),
            filter: None,
        };
        if let Some(arn) = arn {
            let answer = aws.sns.get_subscription_attributes().subscription_arn(arn).send().await;
            let answer = answer.map_err(|error| call_failed(ASK, &error))?;
            let attributes = answer.attributes.unwrap_or_default();
            // A policy on the body asks for what the body has, which is no attribute.
            let of_body = attributes.get("FilterPolicyScope").is_some_and(|it| it == "MessageBody");
            let filter = attributes.get("FilterPolicy").filter(|_| !of_body);
            subscription.filter = filter.filter(|policy| !policy.is_empty()).cloned();
        }
        found.push(subscription);
    }
    Ok(found)
}

/// `ssm:DescribeDocument` of each document that the deployment names.
async fn missing_documents(aws: &Aws, settings: &Settings) -> Result<Vec<String>, CallFailed> {
    const CALL: &str = "ssm:DescribeDocument";
    let mut missing = Vec::new();
    for name in settings.documents.values().chain(&settings.disk_document) {
        let answer = aws.ssm.describe_document().name(name).send().await;
        let Err(error) = answer else { continue };
        if error.as_service_error().is_some_and(DescribeDocumentError::is_invalid_document) {
            missing.push(name.clone());
        } else {
            return Err(call_failed(CALL, &error));
        }
    }
    Ok(missing)
}

/// By how much AWS's clock is ahead of this machine's `now`, by the date of an answer (RFC 9110,
/// `Date`).
pub(super) fn ahead(
    call: &'static str,
    date: Option<&str>,
    now: Timestamp,
) -> Result<SignedDuration, CallFailed> {
    let read = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    match read {
        Some(date) => Ok(date.timestamp().duration_since(now)),
        None => Err(CallFailed { call, why: "the answer has no date".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_date_tells_its_clock() {
        let now: Timestamp = "2026-11-20T03:14:00Z".parse().unwrap();
        let told = |date| ahead("lambda:GetFunctionConfiguration", date, now).ok();
        assert_eq!(
            told(Some("Fri, 20 Nov 2026 03:17:30 GMT")),
            Some(SignedDuration::from_secs(210))
        );
        assert_eq!(told(Some("now")), None);
        assert_eq!(told(None), None);
    }

    #[test]
    fn what_is_not_allowed_is_denied() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let told = [
            pair("EvalActionName", "ec2:DescribeInstances"),
            pair("EvalDecision", "allowed"),
            pair("EvalActionName", "ssm:SendCommand"),
            pair("EvalResourceName", "*"),
            pair("EvalDecision", "implicitDeny"),
            pair("EvalActionName", "sns:Publish"),
            pair("EvalDecision", "explicitDeny"),
        ];
        assert_eq!(not_allowed(&told), ["ssm:SendCommand", "sns:Publish"]);
    }
}
