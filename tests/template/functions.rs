//! What every function, rule, store and parameter must have, and no linter asks for.

use std::collections::BTreeSet;

use remedy::model::alarm::Symptom;
use serde_json::{Value, json};

use crate::yaml::{Template, logical, none_of, read, root};

/// Minutes after which an alarm is not news (`REMEDY_STALE_MINUTES`), in seconds.
const STALE_SECONDS: i64 = 900;

fn dead_letters() -> Value {
    json!({"Fn::GetAtt": "DeadLetters.Arn"})
}

#[test]
fn every_function_is_bounded_and_nothing_it_is_sent_gets_lost() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    for (id, function) in template.functions() {
        let mut want = |holds: bool, what: &str| {
            if !holds {
                let place = template.place(&format!("/Resources/{id}"));
                findings.push(format!("{place}: {id} has no {what}"));
            }
        };
        want(function["Timeout"].as_i64().is_some_and(|s| s <= 60), "timeout within a beat");
        want(function["MemorySize"].is_object(), "memory to choose");
        want(function["ReservedConcurrentExecutions"].is_object(), "concurrency to choose");
        want(function["PermissionsBoundary"].is_object(), "permissions boundary to choose");
        want(function["Tracing"] == json!({"Ref": "Tracing"}), "tracing to choose");
        let invoke = &function["EventInvokeConfig"];
        let age = invoke["MaximumEventAgeInSeconds"].as_i64();
        want(age.is_some_and(|age| age <= STALE_SECONDS), "age after which an event is let go");
        want(invoke["MaximumRetryAttempts"].is_i64(), "bound for its retries");
        let failed = &invoke["DestinationConfig"]["OnFailure"];
        want(failed["Destination"] == dead_letters(), "destination for what failed");
        let logs = function["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap_or_default();
        let kept = &template.root["Resources"][logs]["Properties"]["RetentionInDays"];
        want(kept["Ref"] == "LogRetentionDays", "log group that forgets");
    }
    none_of(&findings, "every function is bounded");
}

#[test]
fn each_function_is_built_from_a_package_of_its_own() {
    let template = Template::deployed();
    let workspace = read("Cargo.toml");
    let profiles = workspace.split("[profile.release.package]").nth(1).unwrap();
    for (id, function) in template.functions() {
        let build = &template.root["Resources"][id]["Metadata"];
        assert_eq!(build["BuildMethod"], "rust-cargolambda", "{id}");
        let binary = build["BuildProperties"]["Binary"].as_str().unwrap();
        let manifest = read(&format!("functions/{binary}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{binary}\"")), "{id}");
        // A level for all of ours would be one for build scripts too: each has a line of its own.
        assert!(profiles.contains(&format!("\n{binary} = {{ opt-level = \"s\"")), "{id}");
        // From the root, cargo would look for it among the default members, where no function is.
        assert_eq!(function["CodeUri"], format!("functions/{binary}"), "{id}");
    }
}

/// How `AWS::Include` is written inside a section (`CloudFormation` template reference,
/// "`AWS::Include` transform"); `sam build` and `sam package` write another location there.
#[test]
fn each_document_is_the_file_beside_its_scripts() {
    let template = Template::deployed();
    let documents = template.of_type("AWS::SSM::Document");
    let scripted = Symptom::ALL.into_iter().filter(|symptom| symptom.has_scripts());
    assert_eq!(documents.len(), scripted.clone().count() + 1, "{:?}", documents.keys());
    let of_symptom = |symptom| {
        let file = format!("functions/{symptom}/ssm/document.yaml");
        (format!("{}Document", logical(symptom)), file)
    };
    let grow = "functions/disk-full/ssm/grow/document.yaml".to_owned();
    let grow = ("DiskGrowDocument".to_owned(), grow);
    for (symptom, file) in scripted.map(of_symptom).chain([grow]) {
        let document = documents[symptom.as_str()];
        let include = json!({"Name": "AWS::Include", "Parameters": {"Location": file}});
        assert_eq!(document["Content"], json!({"Fn::Transform": include}), "{symptom}");
        assert!(root().join(&file).is_file(), "{file}");
    }
}

#[test]
fn who_answers_for_every_symptom_knows_every_document_and_may_send_it() {
    let template = Template::deployed();
    let functions = template.functions();
    let sends = template.of_type("AWS::IAM::ManagedPolicy")["CleanupPolicy"].to_string();
    let rules = template.of_type("AWS::Events::Rule");
    let heard = &rules["CommandEndedRule"]["EventPattern"]["detail"]["document-name"];
    let heard = heard.as_array().unwrap();
    let scripted = Symptom::ALL.into_iter().filter(|symptom| symptom.has_scripts());
    let (count, grow) = (scripted.clone().count(), json!({"Ref": "DiskGrowDocument"}));
    assert_eq!(heard.len(), count + 1);
    assert!(heard.contains(&grow), "the end of its command is not heard of");
    for id in ["FollowUpFunction", "IntakeFunction"] {
        let function = &functions[id];
        let variables = &function["Environment"]["Variables"];
        let named = variables["REMEDY_DOCUMENTS"]["Fn::Sub"].as_str();
        let named: BTreeSet<&str> = named.unwrap().split(',').collect();
        let policies = function["Policies"].as_array().unwrap();
        assert!(policies.contains(&json!({"Ref": "CleanupPolicy"})), "{id} sends nothing");
        for symptom in scripted.clone() {
            let document = format!("{}Document", logical(symptom));
            let said = format!("{symptom}=${{{document}}}");
            assert!(named.contains(said.as_str()), "{id}: {named:?}");
            assert!(sends.contains(&format!(":document/${{{document}}}")), "may not {document}");
            assert!(heard.contains(&json!({"Ref": document})), "does not hear of {document}");
        }
        assert_eq!(named.len(), count, "{id}");
        assert_eq!(variables["REMEDY_DISK_DOCUMENT"], grow, "{id}");
    }
    assert!(sends.contains(":document/${DiskGrowDocument}"), "may not send it");
    let asks_first = &functions["DiskFullFunction"]["Environment"]["Variables"];
    assert_eq!(asks_first["REMEDY_DISK_DOCUMENT"], grow, "a cleanup may be out of the question");
}

/// The attribute `Arn` of a resource.
fn arn(id: &str) -> Value {
    json!({"Fn::GetAtt": format!("{id}.Arn")})
}

#[test]
fn every_delivery_is_retried_within_bounds_and_kept_when_it_fails() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    let rules = template.of_type("AWS::Events::Rule");
    let targets = rules.iter().flat_map(|(id, rule)| {
        let targets = rule["Targets"].as_array().unwrap().iter();
        targets.map(move |target| (format!("/Resources/{id}"), target))
    });
    let functions = template.functions();
    let events = functions.iter().flat_map(|(id, function)| {
        let events = function["Events"].as_object().into_iter().flatten();
        events.map(move |(name, event)| {
            (format!("/Resources/{id}/Properties/Events/{name}"), &event["Properties"])
        })
    });
    let deliveries: Vec<(String, &Value)> = targets.chain(events).collect();
    assert!(deliveries.len() > Symptom::ALL.len() + 2, "the rules are elsewhere");
    for (pointer, event) in deliveries {
        let age = event["RetryPolicy"]["MaximumEventAgeInSeconds"].as_i64();
        let bounded = age.is_some_and(|age| age <= STALE_SECONDS)
            && event["RetryPolicy"]["MaximumRetryAttempts"].is_i64();
        if !(bounded && event["DeadLetterConfig"]["Arn"] == dead_letters()) {
            findings.push(format!("{}: what it cannot deliver is lost", template.place(&pointer)));
        }
    }
    // SNS has its own schedule, and no parameter for it.
    for (id, subscription) in template.of_type("AWS::SNS::Subscription") {
        let is_ours = subscription["TopicArn"] == json!({"Ref": "Alarms"});
        let kept = &subscription["RedrivePolicy"]["deadLetterTargetArn"];
        if is_ours && *kept != dead_letters() {
            let place = template.place(&format!("/Resources/{id}"));
            findings.push(format!("{place}: what the topic cannot deliver is lost"));
        }
    }
    none_of(&findings, "nothing is lost on the way to a function");
}

/// Lambda developer guide, "Using Lambda with Amazon SQS": six times the function's timeout and
/// the window, so that nobody else is given what it is at work on; at least five tries, because
/// one that was throttled counts; a window for more than ten at once; and the two ways of a
/// mapping to say how many functions may run.
#[test]
fn what_is_in_a_queue_is_taken_in_batches_and_kept_when_it_has_no_answer() {
    let template = Template::deployed();
    let queues = template.of_type("AWS::SQS::Queue");
    let mappings = template.of_type("AWS::Lambda::EventSourceMapping");
    let functions = template.functions();
    assert_eq!((queues.len(), mappings.len()), (3, 2), "two queues, and the dead letters");
    for (id, mapping) in mappings {
        let queue = mapping["EventSourceArn"]["Fn::GetAtt"].as_str().unwrap();
        let queue = queues[queue.strip_suffix(".Arn").unwrap()];
        let function = &functions[mapping["FunctionName"]["Ref"].as_str().unwrap()];
        let number = |value: &Value| value.as_i64().unwrap();
        let window = number(&mapping["MaximumBatchingWindowInSeconds"]);
        let works = number(&function["Timeout"]);
        assert!(number(&queue["VisibilityTimeout"]) >= 6 * works + window, "{id}: given twice");
        let redrive = &queue["RedrivePolicy"];
        assert_eq!(redrive["deadLetterTargetArn"], dead_letters(), "{id}: lost");
        assert!(number(&redrive["maxReceiveCount"]) >= 5, "{id}: given up too early");
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id}");
        // What works through a batch ends before its messages are given to somebody else; an
        // alarm alone acts within three seconds of its event.
        assert_eq!((number(&mapping["BatchSize"]), window), (100, 1), "{id}");
        assert_eq!(mapping["ScalingConfig"]["MaximumConcurrency"], 2, "{id} has a pace");
    }
}

#[test]
fn only_our_rules_and_our_topic_write_to_a_queue_that_a_function_takes_from() {
    let template = Template::deployed();
    let rules = template.of_type("AWS::Events::Rule");
    let writes_to = |queue: &str| -> BTreeSet<String> {
        let ours = rules.iter().filter(|(_, rule)| {
            let targets = rule["Targets"].as_array().unwrap();
            targets.iter().any(|target| target["Arn"] == arn(queue))
        });
        ours.map(|(id, _)| arn(id).to_string()).collect()
    };
    let topic = json!({"Ref": "Alarms"});
    let alarm_rules = Symptom::ALL.map(|symptom| format!("{}Rule", logical(symptom)));
    let alarm_rules: BTreeSet<String> = alarm_rules.iter().map(|id| arn(id).to_string()).collect();
    assert_eq!(writes_to("AlarmQueue"), alarm_rules);
    assert_eq!(writes_to("HintQueue").len() + alarm_rules.len(), rules.len());
    for (queue, with_topic) in [("AlarmQueue", true), ("HintQueue", false)] {
        let policies = template.of_type("AWS::SQS::QueuePolicy");
        let policies: Vec<&&Value> =
            policies.values().filter(|it| it["Queues"] == json!([{"Ref": queue}])).collect();
        let [policy] = policies.as_slice() else { panic!("{queue} has {}", policies.len()) };
        let mut from = BTreeSet::new();
        for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
            assert_eq!(statement["Action"], "sqs:SendMessage", "{queue}");
            assert_eq!(statement["Resource"], arn(queue), "{queue}");
            let source = &statement["Condition"]["ArnEquals"]["aws:SourceArn"];
            let service = match statement["Principal"]["Service"].as_str().unwrap() {
                "sns.amazonaws.com" => {
                    assert_eq!((source, with_topic), (&topic, true), "{queue}");
                    continue;
                }
                service => service,
            };
            assert_eq!(service, "events.amazonaws.com", "{queue}");
            from.extend(source.as_array().unwrap().iter().map(Value::to_string));
        }
        assert_eq!(from, writes_to(queue), "{queue}");
    }
    let subscriptions = template.of_type("AWS::SNS::Subscription");
    let ours = subscriptions.values().find(|it| it["TopicArn"] == topic).unwrap();
    assert_eq!((&ours["Protocol"], &ours["Endpoint"]), (&json!("sqs"), &arn("AlarmQueue")));
}

#[test]
fn each_symptom_can_be_an_alarms_own_action() {
    let template = Template::deployed();
    let permissions = template.of_type("AWS::Lambda::Permission");
    for id in Symptom::ALL.map(|symptom| format!("{}Function", logical(symptom))) {
        let found: Vec<&&Value> =
            permissions.values().filter(|p| p["FunctionName"] == json!({"Ref": id})).collect();
        let [permission] = found.as_slice() else {
            panic!("{id} has {} permissions for alarms", found.len());
        };
        // Lambda developer guide, "Processing alarms": the principal alarms invoke as.
        assert_eq!(permission["Principal"], "lambda.alarms.cloudwatch.amazonaws.com");
        assert_eq!(permission["Action"], "lambda:InvokeFunction");
        assert_eq!(permission["SourceAccount"], json!({"Ref": "AWS::AccountId"}));
        let alarms = permission["SourceArn"]["Fn::Sub"].as_str().unwrap();
        assert!(alarms.ends_with(":${AWS::AccountId}:alarm:*"), "{alarms}");
    }
}

#[test]
fn only_this_accounts_alarms_reach_the_topics_and_their_key() {
    let template = Template::deployed();
    let policies = template.of_type("AWS::SNS::TopicPolicy");
    // Of two policies of one topic, only the one that came last is in force.
    let [policy] = policies.values().collect::<Vec<_>>()[..] else {
        panic!("one policy for all topics: {:?}", policies.keys());
    };
    for (id, topic) in template.of_type("AWS::SNS::Topic") {
        // Its default policy would let everybody in the account publish.
        let own = json!({"Ref": id}).to_string();
        assert!(policy["Topics"].to_string().contains(&own), "{id} has no policy");
        // AWS's own key for SNS cannot let CloudWatch in (re:Post knowledge center, "configure an
        // alarm with an encrypted topic").
        assert_eq!(topic["KmsMasterKeyId"], json!({"Ref": "TopicsKey"}), "{id}");
    }
    for statements in [
        &template.root["Resources"]["TopicsKey"]["Properties"]["KeyPolicy"]["Statement"],
        &policy["PolicyDocument"]["Statement"],
    ] {
        let alarms = statements.as_array().unwrap().iter().find(|s| s["Sid"] == "Alarms").unwrap();
        assert_eq!(alarms["Principal"], json!({"Service": "cloudwatch.amazonaws.com"}));
        let condition = &alarms["Condition"];
        let account = json!({"Ref": "AWS::AccountId"});
        assert_eq!(condition["StringEquals"]["aws:SourceAccount"], account);
        assert!(condition["ArnLike"]["aws:SourceArn"].is_object());
    }
}

#[test]
fn what_is_stored_is_encrypted_and_what_is_remembered_can_be_restored() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    for (id, resource) in template.resources() {
        let p = &resource["Properties"];
        let sound = match resource["Type"].as_str().unwrap() {
            "AWS::DynamoDB::Table" => {
                p["SSESpecification"]["SSEEnabled"] == true
                    && p["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true
            }
            "AWS::SQS::Queue" => {
                p["SqsManagedSseEnabled"] == true || p.get("KmsMasterKeyId").is_some()
            }
            "AWS::SNS::Topic" => p.get("KmsMasterKeyId").is_some(),
            "AWS::KMS::Key" => p["EnableKeyRotation"] == true,
            "AWS::S3::Bucket" => {
                let closed = &p["PublicAccessBlockConfiguration"];
                let all_closed = closed.as_object().is_some_and(|c| c.values().all(|v| v == true));
                all_closed
                    && closed.as_object().is_some_and(|c| c.len() == 4)
                    && p.get("BucketEncryption").is_some()
            }
            _ => true,
        };
        if !sound {
            let place = template.place(&format!("/Resources/{id}"));
            findings.push(format!("{place}: {id} is not encrypted, private and restorable"));
        }
    }
    none_of(&findings, "what is stored is safe");
}

#[test]
fn every_parameter_explains_itself_and_refuses_what_makes_no_sense() {
    let template = Template::deployed();
    let mut findings = Vec::new();
    for (name, parameter) in template.root["Parameters"].as_object().unwrap() {
        let explains = parameter["Description"].as_str().is_some_and(|text| text.len() > 20);
        let bounded = ["AllowedValues", "AllowedPattern", "MaxValue"]
            .iter()
            .any(|bound| parameter.get(bound).is_some());
        if !(explains && bounded && parameter.get("Default").is_some()) {
            let place = template.place(&format!("/Parameters/{name}"));
            findings.push(format!("{place}: {name} needs a description, a bound and a default"));
        }
    }
    none_of(&findings, "a parameter explains itself");
    assert_eq!(template.root["Parameters"]["Mode"]["Default"], "observe");
}

/// The words in `text` that begin with `REMEDY_`.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    words.filter(|word| word.starts_with("REMEDY_")).map(str::to_owned).collect()
}

#[test]
fn the_template_sets_the_variables_that_the_functions_read() {
    let template = Template::deployed();
    let set: BTreeSet<String> = template
        .functions()
        .values()
        .flat_map(|function| variables(&function["Environment"]["Variables"].to_string()))
        .collect();
    let settings = read("functions/remedy-aws/src/settings.rs");
    let read = variables(settings.split("#[cfg(test)]").next().unwrap());
    assert_eq!(set, read, "template.yaml on the left, settings.rs on the right");
}
