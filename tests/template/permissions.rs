//! What the functions ask of AWS against what their roles let them.
//!
//! The calls are read from the source of `remedy-aws`: nobody keeps a list of them that could be
//! wrong. Which function makes which of them is not: the few that not all make are named here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use remedy::model::growth::{GROW_TO_TAG, SNAPSHOT_FIRST_TAG};
use serde_json::{Value, json};

use crate::yaml::{Template, all, none_of, root};

/// Calls that only the follow-up makes: what is due, how a command went, and the way back.
const FOLLOW_UP_ALONE: [&str; 8] = [
    "autoscaling:ExitStandby",
    "dynamodb:Scan",
    "ec2:CreateSnapshot",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumesModifications",
    "ec2:ModifyVolume",
    "ssm:GetCommandInvocation",
    "ssm:ListCommandInvocations",
];

/// A full disk is rebooted only for what a cleanup found, so it is never the first answer.
const NOT_FIRST_FOR_A_FULL_DISK: [&str; 2] = ["autoscaling:EnterStandby", "ec2:RebootInstances"];

/// A host that answers nobody is sent nothing.
const NEVER_TO_THE_UNREACHABLE: [&str; 1] = ["ssm:SendCommand"];

/// Only a full disk asks about volumes.
const FOR_DISKS_ALONE: [&str; 1] = ["ec2:DescribeVolumes"];

/// Permissions without a call of their own, and the call they belong to (SNS developer guide,
/// "Key management": whoever publishes to an encrypted topic; S3 user guide, "Presigned URLs": a
/// URL may what its signer may, be it for what a console showed or sent with a command).
const TAKEN_ALONG: [(&str, &str); 3] = [
    ("kms:Decrypt", "sns:Publish"),
    ("kms:GenerateDataKey", "sns:Publish"),
    ("s3:PutObject", "ec2:GetConsoleOutput"),
];

/// What Lambda asks of a queue as a function that it gives its messages to (Lambda developer
/// guide, "Using Lambda with Amazon SQS").
const FROM_A_QUEUE: [&str; 3] =
    ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// Whether a function is given what is in a queue.
fn takes_from_a_queue(template: &Template, function: &str) -> bool {
    let mappings = template.of_type("AWS::Lambda::EventSourceMapping");
    mappings.values().any(|mapping| mapping["FunctionName"] == json!({"Ref": function}))
}

/// The source of `remedy-aws` without its tests, comments and white space.
fn sources() -> BTreeMap<String, String> {
    let folder = root().join("functions/remedy-aws/src");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources: BTreeMap<String, String> = files
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let code = code.lines().filter_map(|line| line.split("//").next());
            let dense = code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), dense)
        })
        .collect();
    assert!(sources.contains_key("clients.rs"), "the adapters are elsewhere: {:?}", sources.keys());
    sources
}

/// The words that follow `start` wherever it stands in `code`.
fn words_after<'a>(code: &'a str, start: &str) -> Vec<&'a str> {
    let word = |rest: &'a str| {
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
    };
    code.split(start).skip(1).map(word).collect()
}

/// `describe_instances` is `DescribeInstances` to AWS.
fn operation(method: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    method.split('_').map(capital).collect()
}

/// The services of the clients, as IAM calls them.
fn services(sources: &BTreeMap<String, String>) -> BTreeSet<String> {
    let crates = words_after(&sources["clients.rs"], ":aws_").into_iter();
    let services: BTreeSet<String> =
        crates.filter_map(|name| name.strip_prefix("sdk_").map(str::to_owned)).collect();
    assert!(services.contains("ec2"), "no clients where they are looked for: {services:?}");
    services
}

/// Every IAM action the source needs, with the file that needs it. A transaction needs the actions
/// of its parts (`DynamoDB` developer guide, "Using IAM with transactions").
fn needed() -> BTreeMap<String, String> {
    let sources = sources();
    let mut needed = BTreeMap::new();
    for (file, code) in &sources {
        for service in services(&sources) {
            for method in words_after(code, &format!(".{service}.")) {
                let actions = if method == "transact_write_items" {
                    let parts = words_after(code, "TransactWriteItem::builder().");
                    assert!(!parts.is_empty(), "{file}: a transaction of what?");
                    parts.iter().map(|part| format!("{}Item", operation(part))).collect()
                } else {
                    vec![operation(method)]
                };
                needed
                    .extend(actions.into_iter().map(|a| (format!("{service}:{a}"), file.clone())));
            }
        }
    }
    assert!(needed.len() > 15, "the calls are not found any more: {needed:?}");
    needed
}

struct Statement<'a> {
    /// Where it stands in the template.
    pointer: String,
    body: &'a Value,
}

impl Statement<'_> {
    fn actions(&self) -> Vec<&str> {
        all(&self.body["Action"]).into_iter().map(|action| action.as_str().unwrap()).collect()
    }

    fn sid(&self) -> &str {
        self.body["Sid"].as_str().unwrap_or_default()
    }
}

fn statements_at<'a>(template: &'a Template, pointer: &str) -> Vec<Statement<'a>> {
    let document = template.root.pointer(pointer).unwrap();
    let bodies = document["Statement"].as_array().unwrap().iter().enumerate();
    bodies
        .map(|(i, body)| Statement { pointer: format!("{pointer}/Statement/{i}"), body })
        .collect()
}

/// What one function's role may do: its own statements and those of the policies it shares.
fn statements_of<'a>(template: &'a Template, function: &str) -> Vec<Statement<'a>> {
    let policies = format!("/Resources/{function}/Properties/Policies");
    let listed = template.root.pointer(&policies).unwrap().as_array().unwrap();
    let each = listed.iter().enumerate().flat_map(|(i, policy)| match policy["Ref"].as_str() {
        Some(shared) => {
            let document = format!("/Resources/{shared}/Properties/PolicyDocument");
            statements_at(template, &document)
        }
        None => statements_at(template, &format!("{policies}/{i}")),
    });
    each.collect()
}

/// Every policy of the template: those of roles, and those of keys, topics, queues and buckets.
fn every_statement(template: &Template) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    for (id, resource) in template.resources() {
        let properties = format!("/Resources/{id}/Properties");
        for property in ["PolicyDocument", "KeyPolicy"] {
            if resource["Properties"].get(property).is_some() {
                found.extend(statements_at(template, &format!("{properties}/{property}")));
            }
        }
        if resource["Type"] == "AWS::Serverless::Function" {
            let own = statements_of(template, id).into_iter();
            found.extend(own.filter(|statement| statement.pointer.starts_with(&properties)));
        }
    }
    assert!(found.len() > 15, "the policies are elsewhere");
    found
}

/// What a function needs, by its logical id.
fn needed_by(template: &Template, function: &str) -> BTreeSet<String> {
    let mut needed: BTreeSet<String> = needed().into_keys().collect();
    let not_all = FOLLOW_UP_ALONE.iter().chain(&NOT_FIRST_FOR_A_FULL_DISK);
    for alone in not_all.chain(&NEVER_TO_THE_UNREACHABLE).chain(&FOR_DISKS_ALONE) {
        assert!(needed.contains(*alone), "{alone} is asked by nobody: take it off the list");
    }
    if function != "FollowUpFunction" {
        needed.retain(|call| !FOLLOW_UP_ALONE.contains(&call.as_str()));
    }
    if !["DiskFullFunction", "FollowUpFunction", "IntakeFunction"].contains(&function) {
        needed.retain(|call| !FOR_DISKS_ALONE.contains(&call.as_str()));
    }
    if function == "DiskFullFunction" {
        needed.retain(|call| !NOT_FIRST_FOR_A_FULL_DISK.contains(&call.as_str()));
    }
    if function == "UnreachableFunction" {
        needed.retain(|call| !NEVER_TO_THE_UNREACHABLE.contains(&call.as_str()));
    }
    let along = TAKEN_ALONG.iter().filter(|(_, call)| needed.contains(*call));
    let along: Vec<String> = along.map(|(permission, _)| (*permission).to_owned()).collect();
    needed.extend(along);
    if takes_from_a_queue(template, function) {
        needed.extend(FROM_A_QUEUE.map(str::to_owned));
    }
    needed
}

#[test]
fn every_call_has_its_permission_and_every_permission_its_call() {
    let template = Template::deployed();
    let files = needed();
    let mut findings = Vec::new();
    for function in template.functions().into_keys() {
        let statements = statements_of(&template, function);
        let given: BTreeMap<&str, &Statement> = statements
            .iter()
            .flat_map(|statement| statement.actions().into_iter().map(move |a| (a, statement)))
            .collect();
        let needed = needed_by(&template, function);
        for call in &needed {
            if !given.contains_key(call.as_str()) {
                let file = files.get(call).map_or("tests/template", String::as_str);
                findings.push(format!("{function} may not {call}, which {file} asks for"));
            }
        }
        for (action, statement) in given {
            if !needed.contains(action) {
                let place = template.place(&statement.pointer);
                findings.push(format!("{place}: {function} may {action}, and never does"));
            }
        }
    }
    none_of(&findings, "a role allows what its function calls, and nothing else");
}

#[test]
fn a_failure_names_the_call_that_failed() {
    let sources = sources();
    let made: BTreeSet<String> = needed().into_keys().collect();
    let mut findings = Vec::new();
    for (file, code) in &sources {
        for service in services(&sources) {
            for name in words_after(code, &format!("\"{service}:")) {
                let call = format!("{service}:{name}");
                if !made.contains(&call) && call != "dynamodb:TransactWriteItems" {
                    findings.push(format!("{file} says {call}, and makes no such call"));
                }
            }
        }
    }
    none_of(&findings, "what people read about a failure is a call that is made");
}

#[test]
fn each_statement_has_one_purpose_and_says_it() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    for statement in every_statement(&template) {
        let place = template.place(&statement.pointer);
        let sid = statement.sid();
        let comment = template.comment(&statement.pointer);
        // A role that may not do something lacks the permission; what everybody is denied stands
        // with the thing itself.
        let denies = statement.body["Effect"] == "Deny" && statement.body["Principal"] == "*";
        if sid.is_empty() || !(denies || statement.body["Effect"] == "Allow") {
            findings.push(format!("{place}: a statement has a Sid and allows something"));
        }
        if comment.is_empty() {
            findings.push(format!("{place}: {sid} has no comment that says what it is for"));
        }
        let anything = all(&statement.body["Resource"]).iter().any(|resource| **resource == "*");
        if anything && !comment.contains("cannot be limited") {
            findings.push(format!("{place}: {sid} does not say why it cannot be limited"));
        }
        let inverse = ["NotAction", "NotResource", "NotPrincipal"];
        if inverse.iter().any(|word| statement.body.get(word).is_some()) {
            findings.push(format!("{place}: {sid} says what it does not allow"));
        }
        let own_key = statement.pointer.contains("/KeyPolicy/");
        if !own_key && !denies && statement.actions().iter().any(|action| action.contains('*')) {
            findings.push(format!("{place}: {sid} allows more than it names"));
        }
    }
    none_of(&findings, "one statement, one purpose, one comment");
}

#[test]
fn no_two_statements_of_a_role_have_the_same_name() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    for function in template.functions().into_keys() {
        let mut seen = BTreeMap::new();
        for statement in statements_of(&template, function) {
            let (sid, place) = (statement.sid().to_owned(), template.place(&statement.pointer));
            if let Some(before) = seen.insert(sid, place) {
                findings.push(format!("{before}: {function} has it twice"));
            }
        }
    }
    none_of(&findings, "a statement's name is its own");
}

/// What changes an instance or a group, and the tag that must be on it.
const TAGGED: [&str; 8] = [
    "autoscaling:EnterStandby",
    "autoscaling:ExitStandby",
    "autoscaling:SetInstanceHealth",
    "ec2:CreateSnapshot",
    "ec2:GetConsoleOutput",
    "ec2:ModifyVolume",
    "ec2:RebootInstances",
    "ssm:SendCommand",
];

/// What `CreateSnapshot` is asked of besides the volume (Service Authorization Reference).
const NEW_SNAPSHOT: &str = "arn:${AWS::Partition}:ec2:${AWS::Region}::snapshot/*";

#[test]
fn what_touches_an_instance_or_a_group_asks_for_its_tag() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    let mut asked = 0;
    for function in template.functions().into_keys() {
        for statement in statements_of(&template, function) {
            if !statement.actions().iter().any(|action| TAGGED.contains(action)) {
                continue;
            }
            let resources = all(&statement.body["Resource"]);
            // SendCommand is asked of the document too, which has no owner to opt in.
            if resources.iter().all(|r| r["Fn::Sub"].as_str().is_some_and(is_own_document)) {
                continue;
            }
            // Nor does a snapshot that is not made yet; that of its volume is asked for beside it.
            if statement.body["Resource"]["Fn::Sub"] == NEW_SNAPSHOT {
                continue;
            }
            asked += 1;
            // A volume's own tags say whether it may grow: that they are there is all IAM can ask.
            let own_tag = match statement.actions().as_slice() {
                ["ec2:ModifyVolume"] => Some(GROW_TO_TAG),
                ["ec2:CreateSnapshot"] => Some(SNAPSHOT_FIRST_TAG),
                _ => None,
            };
            if let Some(own_tag) = own_tag {
                let tag = format!("/Condition/Null/aws:ResourceTag~1{own_tag}");
                if statement.body.pointer(&tag) != Some(&json!(false)) {
                    let place = template.place(&statement.pointer);
                    findings.push(format!("{place}: {} asks for no tag", statement.sid()));
                }
                continue;
            }
            let tag = "/Condition/StringEquals/aws:ResourceTag~1auto-remediation";
            // The way back is not barred by an owner who wants no more to be begun.
            let comes_back = statement.actions() == ["autoscaling:ExitStandby"];
            let wanted = if comes_back { json!(["enabled", "observe"]) } else { json!("enabled") };
            if statement.body.pointer(tag) != Some(&wanted) {
                let place = template.place(&statement.pointer);
                findings.push(format!("{place}: {} asks for no tag", statement.sid()));
            }
        }
    }
    none_of(&findings, "only what is opted in is touched");
    assert!(asked >= 9, "the statements are not found any more: {asked}");
}

/// Whoever may sign for more could hand a host the key to more.
#[test]
fn evidence_is_put_below_one_prefix_and_never_in_the_clear_or_late() {
    let template = Template::deployed();
    let below = format!("${{EvidenceBucket.Arn}}/{}*", remedy::model::diagnostics::PREFIX);
    for function in template.functions().into_keys() {
        let statements = statements_of(&template, function);
        let puts: Vec<&Statement> = statements
            .iter()
            .filter(|statement| statement.actions().iter().any(|action| action.starts_with("s3:")))
            .collect();
        let [put] = puts.as_slice() else { panic!("{function} has {} for S3", puts.len()) };
        assert_eq!(put.actions(), ["s3:PutObject"], "{function}");
        assert_eq!(put.body["Resource"]["Fn::Sub"], below, "{function}");
    }
    let policy = "/Resources/EvidenceBucketPolicy/Properties/PolicyDocument";
    let denied: BTreeMap<String, &Value> = statements_at(&template, policy)
        .into_iter()
        .filter(|statement| statement.body["Effect"] == "Deny")
        .map(|statement| (statement.sid().to_owned(), &statement.body["Condition"]))
        .collect();
    assert_eq!(denied["TlsOnly"]["Bool"]["aws:SecureTransport"], false);
    let age = denied["FreshSignatures"]["NumericGreaterThan"]["s3:signatureAge"].as_i64();
    assert!(age.is_some_and(|milliseconds| milliseconds <= 600_000));
    let bucket = &template.root["Resources"]["EvidenceBucket"]["Properties"];
    let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["ExpirationInDays"]["Ref"] == "EvidenceDays"));
}

fn is_own_document(resource: &str) -> bool {
    let name = resource.rsplit_once(":document/${").and_then(|(_, name)| name.strip_suffix('}'));
    name.is_some_and(|name| name.ends_with("Document") && !name.contains('*'))
}

#[test]
fn an_operator_can_look_every_permission_up() {
    let template = Template::deployed();
    let guide = crate::yaml::read("docs/operations.md");
    let table = guide.split("## What each permission is for").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let quoted = table.split('`').skip(1).step_by(2).filter(|word| word.contains(':'));
    let explained: BTreeSet<String> = quoted.map(str::to_owned).collect();
    let functions = template.functions();
    let given: BTreeSet<String> = functions
        .keys()
        .flat_map(|function| statements_of(&template, function))
        .flat_map(|statement| {
            statement.actions().into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(explained, given, "docs/operations.md explains the permissions that are given");
}
