//! Where a person looks next: addresses of the AWS console's pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::ids::{CommandId, GroupName, IncidentId, InstanceId};

/// What a browser's `encodeURIComponent` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where this deployment runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The console's domain, which tells AWS's partitions apart.
    domain: &'static str,
    /// The region's code, such as `eu-central-1`.
    pub region: String,
    /// The account.
    pub account: String,
    log_group: Option<String>,
}

impl Deployment {
    /// The deployment of an SNS topic, by its ARN: `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
    pub fn of_topic(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let &["arn", partition, "sns", region, account, name] = parts.as_slice() else {
            return None;
        };
        let domain = match partition {
            "aws" => "console.aws.amazon.com",
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => return None,
        };
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        (word(region) && word(account) && !name.is_empty()).then(|| Self {
            domain,
            region: region.to_owned(),
            account: account.to_owned(),
            log_group: None,
        })
    }

    /// The same, with the log group of the function that runs.
    #[must_use]
    pub fn logging_to(self, log_group: Option<String>) -> Self {
        Self { log_group, ..self }
    }

    /// The instance's page.
    pub fn instance(&self, id: &InstanceId) -> String {
        self.page(&self.region, "ec2/home", &format!("#InstanceDetails:instanceId={id}"))
    }

    /// The group's activity: what it did to its members, and why.
    pub fn group(&self, name: &GroupName) -> String {
        let name = encoded(name.as_str());
        self.page(
            &self.region,
            "ec2/home",
            &format!("#AutoScalingGroupDetails:id={name};view=activity"),
        )
    }

    /// The alarm's page, in the region it lives in. The address is the one of
    /// `CloudWatch`'s own alarm e-mails.
    pub fn alarm(&self, name: &str, region: Option<&str>) -> String {
        let known = |region: &&str| {
            (1..32).contains(&region.len())
                && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let region = region.filter(known).unwrap_or(&self.region);
        let name = encoded(name);
        self.page(region, "cloudwatch/deeplink.js", &format!("#alarmsV2:alarm/{name}"))
    }

    /// What a command said on the instance.
    pub fn command(&self, command: &CommandId, id: &InstanceId) -> String {
        self.page(&self.region, &format!("systems-manager/run-command/{command}/{id}"), "")
    }

    /// The object in S3 at an `s3://bucket/key`.
    pub fn object(&self, uri: &str) -> Option<String> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        let (bucket, key) = (encoded(bucket), encoded(key));
        Some(self.page(&self.region, &format!("s3/object/{bucket}"), &format!("&prefix={key}")))
    }

    /// The log lines of the function that speaks about the incident.
    pub fn log(&self, incident: &IncidentId) -> Option<String> {
        let group = self.log_group.as_ref()?;
        // This page's fragment is encoded twice, with `$` for the second `%`.
        let twice = |text: &str| encoded(&encoded(text)).replace('%', "$");
        let group = twice(group);
        let pattern = twice(&format!("\"{incident}\""));
        Some(self.page(
            &self.region,
            "cloudwatch/home",
            &format!("#logsV2:log-groups/log-group/{group}/log-events$3FfilterPattern$3D{pattern}"),
        ))
    }

    fn page(&self, region: &str, path: &str, fragment: &str) -> String {
        format!("https://{region}.{}/{path}?region={region}{fragment}", self.domain)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(arn: &str) -> Deployment {
        Deployment::of_topic(arn).unwrap().logging_to(Some("/aws/lambda/high-cpu".to_owned()))
    }

    #[test]
    fn each_partition_has_its_own_console() {
        let id = InstanceId::new("i-0a1b2c3d4e5f60718").unwrap();
        for (arn, page) in [
            (
                "arn:aws:sns:eu-central-1:111122223333:t",
                "https://eu-central-1.console.aws.amazon.com/",
            ),
            (
                "arn:aws-cn:sns:cn-north-1:111122223333:t",
                "https://cn-north-1.console.amazonaws.cn/",
            ),
            (
                "arn:aws-us-gov:sns:us-gov-west-1:111122223333:t",
                "https://us-gov-west-1.console.amazonaws-us-gov.com/",
            ),
        ] {
            assert!(deployment(arn).instance(&id).starts_with(page), "{arn}");
        }
    }

    #[test]
    fn what_is_no_topic_names_no_deployment() {
        for arn in [
            "",
            "remedy",
            "arn:aws:sns:eu-central-1:111122223333",
            "arn:aws:sqs:eu-central-1:111122223333:t",
            "arn:elsewhere:sns:eu-central-1:111122223333:t",
            "arn:aws:sns:eu central:111122223333:t",
            "arn:aws:sns::111122223333:t",
        ] {
            assert_eq!(Deployment::of_topic(arn), None, "{arn}");
        }
    }

    #[test]
    fn every_page_names_what_it_is_about() {
        let deployment = deployment("arn:aws:sns:eu-central-1:111122223333:t");
        let id = InstanceId::new("i-0a1b2c3d4e5f60718").unwrap();
        let group = GroupName::new("web/äsg 1").unwrap();
        let command = CommandId::new("3f1c0d8e-5a41-4f7e-9f5a-0a1b2c3d4e5f").unwrap();
        let incident = IncidentId::new("high-cpu-20261120t031246z-0a1b2c3d").unwrap();
        let console = "https://eu-central-1.console.aws.amazon.com";
        assert_eq!(
            deployment.instance(&id),
            format!("{console}/ec2/home?region=eu-central-1#InstanceDetails:instanceId={id}")
        );
        assert_eq!(
            deployment.group(&group),
            format!(
                "{console}/ec2/home?region=eu-central-1\
                 #AutoScalingGroupDetails:id=web%2F%C3%A4sg%201;view=activity"
            )
        );
        assert_eq!(
            deployment.command(&command, &id),
            format!("{console}/systems-manager/run-command/{command}/{id}?region=eu-central-1")
        );
        assert_eq!(
            deployment.object("s3://remedy-evidence/evidence/i-1/a.txt").unwrap(),
            format!(
                "{console}/s3/object/remedy-evidence?region=eu-central-1\
                 &prefix=evidence%2Fi-1%2Fa.txt"
            )
        );
        assert_eq!(
            deployment.log(&incident).unwrap(),
            format!(
                "{console}/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/\
                 $252Faws$252Flambda$252Fhigh-cpu/log-events$3FfilterPattern$3D\
                 $2522{incident}$2522"
            )
        );
    }

    #[test]
    fn an_alarm_is_looked_for_where_it_lives_and_cannot_leave_its_address() {
        let deployment = deployment("arn:aws:sns:eu-central-1:111122223333:t");
        let page = deployment.alarm("a b\"><script>\u{202e}#?", Some("eu-west-1"));
        assert_eq!(
            page,
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/deeplink.js?region=eu-west-1\
             #alarmsV2:alarm/a%20b%22%3E%3Cscript%3E%E2%80%AE%23%3F"
        );
        let elsewhere = deployment.alarm("a", Some("evil.example/"));
        assert!(elsewhere.starts_with("https://eu-central-1."), "{elsewhere}");
    }
}
