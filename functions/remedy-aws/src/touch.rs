//! Changes the world: one call for each verb.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_ssm::operation::send_command::builders::SendCommandFluentBuilder;
use jiff::SignedDuration;
use lambda_runtime::tracing;
use remedy::model::cleanup_opt_in::CleanupOptIn;
use remedy::model::diagnostics::Destination;
use remedy::model::growth::Growth;
use remedy::model::ids::{CommandId, GroupName, InstanceId, MountPoint, UnitName, VolumeId};
use remedy::model::incident::{FailureKind, Standby};
use remedy::ports::touch::{CallError, CleanupOrder, DiskOrder, HOSTS_MAX, Relief, Touch};

use crate::again::again_while;
use crate::clients::Aws;
use crate::failure::{is_throttle, refused};

const SEND: &str = "ssm:SendCommand";

/// The command never runs if the agent has not taken it within this time. An
/// agent that answers takes it in seconds; a later start would be a surprise.
const DELIVERY_SECONDS: u32 = 60;

/// The same where the command is for many: Systems Manager sends it to one host, to two, to
/// four, and waits for each of these (its user guide, "Sending commands at scale"). What has
/// not arrived by then is sent again to that host alone.
const DELIVERY_SECONDS_FOR_MANY: i32 = 120;

/// So long a script runs before it ends by itself, unless it is told otherwise: what the
/// documents have for `Deadline`.
const DEADLINE_SECONDS: u32 = 120;

/// Besides its `Deadline`: after that the agent kills a script that did not end by itself.
/// What Systems Manager waits for is the sum of this, of the `Deadline` and of the time to be
/// delivered (Systems Manager user guide, "Understanding command statuses").
const MARGIN_SECONDS: u32 = 60;

/// So long a host may look at its disks.
const SURVEY_SECONDS: u32 = 60;

/// So long it may extend a file system: a large ext4 takes its time.
const EXTEND_SECONDS: u32 = 240;

/// What a host needs to send its evidence, besides the time of its command.
const UPLOAD_SECONDS: u32 = 60;

/// The longest that a command with this `Deadline` may run.
fn execution_seconds(deadline: u32) -> u32 {
    deadline.saturating_add(MARGIN_SECONDS)
}

/// What every document is told of time.
fn times(deadline: u32) -> [(&'static str, String); 2] {
    [
        ("Deadline", deadline.to_string()),
        ("ExecutionTimeout", execution_seconds(deadline).to_string()),
    ]
}

/// How long the URL for the evidence of such a command has to be good: it may be used in the
/// last moment of a command that was delivered in the last moment.
fn url_lasts(deadline: u32) -> Duration {
    let seconds = DELIVERY_SECONDS + UPLOAD_SECONDS;
    Duration::from_secs(execution_seconds(deadline).saturating_add(seconds).into())
}

impl Touch for Aws {
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, CallError> {
        let deadline = deadline(&order.relief);
        self.send(order, deadline, vec![("Mode", "apply".to_owned())]).await
    }

    async fn clean_many(&self, orders: &[CleanupOrder]) -> Result<CommandId, CallError> {
        let Some(first) = orders.first() else {
            let why = "it is for nobody".to_owned();
            return Err(CallError { call: SEND, why, kind: Some(FailureKind::NotPermitted) });
        };
        // A URL is for one host's evidence alone.
        let parameters = vec![("Mode", "apply".to_owned()), ("EvidenceOutput", "yes".to_owned())];
        let send = self.command(first, deadline(&first.relief), parameters)?;
        let others = orders.iter().skip(1).map(|order| order.instance.as_str());
        let send = others.fold(send, SendCommandFluentBuilder::instance_ids);
        // Without them one host that fails would keep the others from being sent it (SSM API
        // reference, `SendCommand`).
        let send = send.max_concurrency(HOSTS_MAX.to_string()).max_errors("100%");
        taken(send.timeout_seconds(DELIVERY_SECONDS_FOR_MANY)).await
    }

    async fn gather(
        &self,
        order: &CleanupOrder,
        within: SignedDuration,
    ) -> Result<CommandId, CallError> {
        let deadline = u32::try_from(within.as_secs()).unwrap_or(DEADLINE_SECONDS);
        let parameters = vec![("Mode", "report".to_owned()), ("EvidenceOutput", "yes".to_owned())];
        self.send(order, deadline, parameters).await
    }

    async fn survey(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        self.send_about_disk(order, "report").await
    }

    async fn snapshot(&self, volume: &VolumeId, description: &str) -> Result<(), CallError> {
        const CALL: &str = "ec2:CreateSnapshot";
        let take = || {
            self.ec2
                .create_snapshot()
                .volume_id(volume.as_str())
                .description(description)
                .customize()
                .config_override(
                    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled()),
                )
                .send()
        };
        again_while(is_throttle, take).await.map_err(|error| refused(CALL, &error))?;
        Ok(())
    }

    async fn grow(&self, growth: &Growth) -> Result<(), CallError> {
        const CALL: &str = "ec2:ModifyVolume";
        let size = i32::try_from(growth.to_gib).map_err(|error| CallError {
            call: CALL,
            why: error.to_string(),
            kind: Some(FailureKind::NotPermitted),
        })?;
        let grow = || {
            self.ec2
                .modify_volume()
                .volume_id(growth.volume.as_str())
                .size(size)
                .customize()
                .config_override(
                    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled()),
                )
                .send()
        };
        again_while(is_throttle, grow).await.map_err(|error| refused(CALL, &error))?;
        Ok(())
    }

    async fn extend(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        self.send_about_disk(order, "apply").await
    }

    async fn keep(&self, destination: &Destination, text: &str) -> Result<(), CallError> {
        self.bucket.put(destination, text).await.map_err(|failed| {
            tracing::warn!("the evidence stays in the log: {failed}");
            CallError { call: failed.call, why: failed.why, kind: None }
        })
    }

    async fn reboot(&self, instance: &InstanceId) -> Result<(), CallError> {
        const CALL: &str = "ec2:RebootInstances";
        let reboot = || {
            self.ec2
                .reboot_instances()
                .instance_ids(instance.as_str())
                .customize()
                .config_override(
                    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled()),
                )
                .send()
        };
        again_while(is_throttle, reboot).await.map_err(|error| refused(CALL, &error))?;
        Ok(())
    }

    async fn replace(&self, instance: &InstanceId) -> Result<(), CallError> {
        const CALL: &str = "autoscaling:SetInstanceHealth";
        let replace = || {
            self.autoscaling
                .set_instance_health()
                .instance_id(instance.as_str())
                .health_status("Unhealthy")
                // Within its grace period the group would ignore us and act
                // later, when nobody expects it.
                .should_respect_grace_period(false)
                .customize()
                .config_override(unretried())
                .send()
        };
        again_while(is_throttle, replace).await.map_err(|error| refused(CALL, &error))?;
        Ok(())
    }

    async fn leave_service(
        &self,
        instance: &InstanceId,
        group: &GroupName,
        standby: Standby,
    ) -> Result<(), CallError> {
        const CALL: &str = "autoscaling:EnterStandby";
        let ask = || {
            self.autoscaling
                .enter_standby()
                .instance_ids(instance.as_str())
                .auto_scaling_group_name(group.as_str())
                .should_decrement_desired_capacity(standby.decremented)
                .customize()
                .config_override(unretried())
                .send()
        };
        again_while(is_throttle, ask).await.map_err(|error| refused(CALL, &error))?;
        Ok(())
    }

    async fn come_back(&self, instance: &InstanceId, group: &GroupName) -> Result<(), CallError> {
        const CALL: &str = "autoscaling:ExitStandby";
        let ask = || {
            self.autoscaling
                .exit_standby()
                .instance_ids(instance.as_str())
                .auto_scaling_group_name(group.as_str())
                .customize()
                .config_override(unretried())
                .send()
        };
        again_while(is_throttle, ask).await.map_err(|error| refused(CALL, &error))?;
        Ok(())
    }
}

impl Aws {
    /// Sends the document of the order's symptom to its host, to end within `deadline` seconds.
    async fn send(
        &self,
        order: &CleanupOrder,
        deadline: u32,
        parameters: Vec<(&'static str, String)>,
    ) -> Result<CommandId, CallError> {
        let mut send = self.command(order, deadline, parameters)?;
        if let Some(destination) = &order.evidence {
            match self.bucket.url_for_host(destination, url_lasts(deadline)).await {
                Ok(url) => send = send.parameters("EvidenceUrl", vec![url]),
                // The host keeps the evidence itself then.
                Err(unsigned) => tracing::warn!("{unsigned}"),
            }
        }
        taken(send).await
    }

    /// The command with the document of the order's symptom.
    fn command(
        &self,
        order: &CleanupOrder,
        deadline: u32,
        mut parameters: Vec<(&'static str, String)>,
    ) -> Result<SendCommandFluentBuilder, CallError> {
        let document = self.documents.get(&order.symptom).ok_or_else(|| CallError {
            call: SEND,
            why: format!("no document for {} is set", order.symptom),
            kind: Some(FailureKind::NotPermitted),
        })?;
        parameters.extend(times(deadline));
        parameters.extend(relief(&order.relief));
        Ok(self.command_to(document, &order.instance, &order.comment, parameters))
    }

    /// Sends the document about disks.
    async fn send_about_disk(&self, order: &DiskOrder, mode: &str) -> Result<CommandId, CallError> {
        let document = self.disk_document.as_ref().ok_or_else(|| CallError {
            call: SEND,
            why: "no document about disks is set".to_owned(),
            kind: Some(FailureKind::NotPermitted),
        })?;
        let mount = order.mount.as_ref().map_or(FULLEST, MountPoint::as_str);
        let mut parameters = vec![("Mode", mode.to_owned()), ("MountPoint", mount.to_owned())];
        let mut deadline = SURVEY_SECONDS;
        if let Some(disk) = &order.disk {
            parameters.push(("Disk", disk.clone()));
            deadline = EXTEND_SECONDS;
        }
        parameters.extend(times(deadline));
        taken(self.command_to(document, &order.instance, &order.comment, parameters)).await
    }

    fn command_to(
        &self,
        document: &str,
        instance: &InstanceId,
        comment: &str,
        parameters: Vec<(&'static str, String)>,
    ) -> SendCommandFluentBuilder {
        let send = self
            .ssm
            .send_command()
            .document_name(document)
            // What was deployed last. CloudFormation has been seen to leave an older
            // version the default.
            .document_version("$LATEST")
            .instance_ids(instance.as_str())
            .timeout_seconds(DELIVERY_SECONDS.cast_signed())
            .comment(comment);
        parameters.into_iter().fold(send, |send, (name, value)| send.parameters(name, vec![value]))
    }
}

/// Sends a command, and gives the id under which Systems Manager took it.
async fn taken(send: SendCommandFluentBuilder) -> Result<CommandId, CallError> {
    let ask = || {
        let unretried = aws_sdk_ssm::config::Builder::new().retry_config(RetryConfig::disabled());
        send.clone().customize().config_override(unretried).send()
    };
    let answer = again_while(is_throttle, ask).await.map_err(|error| refused(SEND, &error))?;
    let id = answer.command().and_then(|command| command.command_id()).unwrap_or_default();
    // The command was taken, so an id we cannot read is a doubt, not a no.
    CommandId::new(id).map_err(|error| CallError { call: SEND, why: error.to_string(), kind: None })
}

/// Auto Scaling without the SDK's own retries. The calls in here have no client
/// token, and those would repeat one whose answer was lost: two reboots, or two
/// runs of a script.
fn unretried() -> aws_sdk_autoscaling::config::Builder {
    aws_sdk_autoscaling::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// What the document of `disk-full` takes instead of a mount point: the fullest of the
/// local file systems.
const FULLEST: &str = "auto";

/// In how many seconds the relief has to end: apt must not be cut off while it removes kernels.
fn deadline(relief: &Relief) -> u32 {
    match relief {
        Relief::Disk { opt_ins, .. } if opt_ins.contains(&CleanupOptIn::Kernels) => 240,
        Relief::Disk { .. }
        | Relief::Memory { .. }
        | Relief::Cpu { .. }
        | Relief::Service { .. } => DEADLINE_SECONDS,
    }
}

fn relief(relief: &Relief) -> Vec<(&'static str, String)> {
    match relief {
        Relief::Disk { mount, target_percent, alarm_percent, opt_ins } => {
            let mount = mount.as_ref().map_or(FULLEST, MountPoint::as_str);
            vec![
                ("MountPoint", mount.to_owned()),
                ("TargetPercent", target_percent.to_string()),
                ("AlarmPercent", alarm_percent.map(|at| at.to_string()).unwrap_or_default()),
                ("OptIns", listed(opt_ins)),
            ]
        }
        Relief::Memory { units, opt_ins } => {
            vec![("Units", named(units)), ("OptIns", listed(opt_ins))]
        }
        Relief::Cpu { units } | Relief::Service { units } => vec![("Units", named(units))],
    }
}

fn listed(opt_ins: &BTreeSet<CleanupOptIn>) -> String {
    opt_ins.iter().map(|opt_in| opt_in.name()).collect::<Vec<_>>().join(",")
}

fn named(units: &[UnitName]) -> String {
    units.iter().map(UnitName::as_str).collect::<Vec<_>>().join(",")
}
