//! The services but the ledger's. Every instance anybody asks about exists,
//! runs, has opted in, stands in no group and has an agent that answers.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Deeds;
use super::wire::{Reply, Request, unknown};

pub(crate) fn answer(actions: &mut Deeds, request: &Request) -> Reply {
    let instance = request.instance().unwrap_or_default();
    match (request.service.as_str(), request.operation.as_str()) {
        ("ec2", "DescribeInstances") => instances(&instance),
        ("ec2", "DescribeInstanceStatus") => status(&instance),
        ("autoscaling", "DescribeAutoScalingInstances") => no_member(),
        ("ssm", "DescribeInstanceInformation") => agent(&instance),
        ("ssm", "SendCommand") => {
            let sent = actions.commands.entry(instance).and_modify(|n| *n += 1).or_insert(1);
            command(&request.json(), *sent)
        }
        ("sns", "Publish") => {
            actions.notifications.entry(instance).and_modify(|n| *n += 1).or_insert(1);
            published()
        }
        _ => unknown(request),
    }
}

fn instances(instance: &str) -> Reply {
    Reply::xml(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>0</requestId><reservationSet><item><reservationId>r-0</reservationId>\
         <ownerId>111122223333</ownerId><groupSet/><instancesSet><item>\
         <instanceId>{instance}</instanceId><imageId>ami-0a1b2c3d4e5f60718</imageId>\
         <instanceState><code>16</code><name>running</name></instanceState>\
         <privateDnsName>ip-10-0-0-1.eu-central-1.compute.internal</privateDnsName>\
         <instanceType>m7g.large</instanceType><launchTime>2026-01-01T00:00:00.000Z</launchTime>\
         <placement><availabilityZone>eu-central-1a</availabilityZone><tenancy>default</tenancy>\
         </placement><monitoring><state>disabled</state></monitoring>\
         <subnetId>subnet-0a1b2c3d4e5f60718</subnetId><vpcId>vpc-0a1b2c3d4e5f60718</vpcId>\
         <privateIpAddress>10.0.0.1</privateIpAddress><architecture>arm64</architecture>\
         <rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>\
         <blockDeviceMapping/><virtualizationType>hvm</virtualizationType><tagSet>\
         <item><key>Name</key><value>web</value></item>\
         <item><key>auto-remediation</key><value>enabled</value></item>\
         </tagSet><hypervisor>xen</hypervisor><networkInterfaceSet/>\
         <ebsOptimized>true</ebsOptimized></item></instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>"
    ))
}

fn status(instance: &str) -> Reply {
    Reply::xml(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <DescribeInstanceStatusResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>0</requestId><instanceStatusSet><item><instanceId>{instance}</instanceId>\
         <availabilityZone>eu-central-1a</availabilityZone>\
         <instanceState><code>16</code><name>running</name></instanceState>\
         <systemStatus><status>ok</status></systemStatus>\
         <instanceStatus><status>ok</status></instanceStatus></item></instanceStatusSet>\
         </DescribeInstanceStatusResponse>"
    ))
}

fn no_member() -> Reply {
    Reply::xml(
        "<DescribeAutoScalingInstancesResponse \
         xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">\
         <DescribeAutoScalingInstancesResult><AutoScalingInstances/>\
         </DescribeAutoScalingInstancesResult><ResponseMetadata><RequestId>0</RequestId>\
         </ResponseMetadata></DescribeAutoScalingInstancesResponse>"
            .to_owned(),
    )
}

fn agent(instance: &str) -> Reply {
    Reply::json(&json!({ "InstanceInformationList": [{
        "InstanceId": instance,
        "PingStatus": "Online",
        "LastPingDateTime": now(),
        "AgentVersion": "3.3.0.0",
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
    }]}))
}

fn command(asked: &Value, sent: u32) -> Reply {
    Reply::json(&json!({ "Command": {
        "CommandId": format!("00000000-0000-4000-8000-{sent:012}"),
        "DocumentName": asked["DocumentName"],
        "Comment": asked["Comment"],
        "InstanceIds": asked["InstanceIds"],
        "RequestedDateTime": now(),
        "Status": "Pending",
        "StatusDetails": "Pending",
    }}))
}

fn published() -> Reply {
    Reply::xml(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
         <MessageId>0</MessageId></PublishResult><ResponseMetadata><RequestId>0</RequestId>\
         </ResponseMetadata></PublishResponse>"
            .to_owned(),
    )
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
