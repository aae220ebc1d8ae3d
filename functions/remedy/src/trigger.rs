//! What invokes the follow-up: the heartbeat, an event that says something may
//! have happened to an instance, or a person's wish. An event only has the
//! follow-up look sooner: what did happen is read from the world.

use std::str::FromStr as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::alarm::Unreadable;
use crate::alarm::field::Field;
use crate::explain::said::Asked;
use crate::model::alarm::Symptom;
use crate::model::ids::{IncidentId, InstanceId, MountPoint};
use crate::model::pause::{self, Pause, Scope};
use crate::model::question::Answered;

/// What the follow-up is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Look at all that is due.
    Beat,
    /// Look at one instance's incident now.
    LookAt(InstanceId),
    /// Look at the incidents of those that a queue's messages name.
    Hints(Vec<Hint>),
    /// Begin nothing new for a while.
    Pause(Pause),
    /// Go on.
    Lift(Scope),
    /// Say what is paused.
    Pauses,
    /// A person's answer to a question.
    Answer(Answered),
    /// Say whether all is set up as it must be.
    Doctor,
    /// List the open incidents, or the newest of one instance.
    Incidents(Option<InstanceId>),
    /// Say what would be done about an instance now.
    Explain(Asked),
    /// Say what was recorded of an incident, of this instance if that is told.
    Recorded(IncidentId, Option<InstanceId>),
}

/// What a message of a queue hints at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// By which the queue knows the message.
    pub id: String,
    /// The instance to which something may have happened, if it can be read.
    pub instance: Result<InstanceId, Unreadable>,
}

/// Reads what the follow-up is asked to do at `now`.
///
/// - the heartbeat: an `EventBridge` schedule's `Scheduled Event`, or `{}` by hand
/// - `EC2 Command Invocation Status-change Notification` (Systems Manager user
///   guide, "Systems Manager event examples"): `detail.instance-id`
/// - `EC2 Instance Launch Successful` and its like (Auto Scaling user guide,
///   "Auto Scaling event reference"): `detail.EC2InstanceId`
/// - either of these as the messages of a queue (Lambda developer guide, "Using Lambda with
///   Amazon SQS"): `Records[].body`
/// - what a person types: `{"instance_id": "i-..."}`,
///   `{"pause": "group:web", "minutes": 120, "owner": "...", "reason": "..."}`,
///   `{"lift": "group:web"}`, `{"pauses": "list"}`, `{"doctor": {}}`, `{"incidents": "open"}` or
///   `{"incidents": "i-..."}`, or an answer with the incident, the attempt and the nonce of its
///   question
/// - `{"explain": "i-..."}`, with a `symptom` and the `mount` of a full disk where only that
///   matters, or `{"explain": "an incident's id"}`, with its `instance_id` if it has ended
pub fn read(event: &str, now: Timestamp) -> Result<Trigger, Unreadable> {
    let value: Value = serde_json::from_str(event).map_err(|error| Unreadable {
        field: "event".to_owned(),
        expected: "JSON".to_owned(),
        found: error.to_string(),
    })?;
    let root = Field::at("", &value);
    if value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(Trigger::Beat);
    }
    if root.get("explain").is_some() {
        return explain(&root);
    }
    if root.get("instance_id").is_some() && root.get("answer").is_none() {
        only(&root, &["instance_id"])?;
        return instance(&root, "instance_id").map(Trigger::LookAt);
    }
    if root.get("pause").is_some() {
        only(&root, &["pause", "minutes", "owner", "reason"])?;
        return pause(&root, now).map(Trigger::Pause);
    }
    if root.get("lift").is_some() {
        only(&root, &["lift"])?;
        return scope(&root, "lift").map(Trigger::Lift);
    }
    if let Some(pauses) = root.get("pauses") {
        only(&root, &["pauses"])?;
        return match pauses.text()? {
            "list" => Ok(Trigger::Pauses),
            _ => Err(pauses.unlike("list")),
        };
    }
    if let Some(doctor) = root.get("doctor") {
        only(&root, &["doctor"])?;
        only(&doctor, &[])?;
        return Ok(Trigger::Doctor);
    }
    if let Some(incidents) = root.get("incidents") {
        only(&root, &["incidents"])?;
        return match incidents.text()? {
            "open" => Ok(Trigger::Incidents(None)),
            _ => instance(&root, "incidents").map(|id| Trigger::Incidents(Some(id))),
        };
    }
    if root.get("answer").is_some() {
        only(&root, &["answer", "instance_id", "incident", "attempt", "nonce", "by"])?;
        return answer(&root).map(Trigger::Answer);
    }
    if root.get("Records").is_some() {
        return hints(&root).map(Trigger::Hints);
    }
    let known = "an event of aws.events, aws.ssm or aws.autoscaling, {}, or one of instance_id, \
                 pause, lift, pauses, incidents, answer, doctor and explain";
    match root.text_of("source")? {
        Some("aws.events" | "aws.scheduler") => Ok(Trigger::Beat),
        _ => hinted_at(&root, known).map(Trigger::LookAt),
    }
}

/// Whom an event names to whom something may have happened.
fn hinted_at(event: &Field<'_>, known: &str) -> Result<InstanceId, Unreadable> {
    match event.text_of("source")? {
        Some("aws.ssm") => instance(&event.object("detail")?, "instance-id"),
        Some("aws.autoscaling") => instance(&event.object("detail")?, "EC2InstanceId"),
        _ => Err(event.unlike(known)),
    }
}

/// Whom the messages of a queue name. What is wrong with one is no word about the others.
fn hints(root: &Field<'_>) -> Result<Vec<Hint>, Unreadable> {
    let message = |record: &Field<'_>| -> Result<Hint, Unreadable> {
        let id = record.needed_text("messageId")?.to_owned();
        let instance = record.need("body", "a text").and_then(|body| {
            let event: Value = serde_json::from_str(body.text()?).map_err(|error| Unreadable {
                field: body.path().to_owned(),
                expected: "JSON".to_owned(),
                found: error.to_string(),
            })?;
            hinted_at(&Field::at(body.path(), &event), "an event of aws.ssm or aws.autoscaling")
        });
        Ok(Hint { id, instance })
    };
    root.need("Records", "a list")?.list()?.iter().map(message).collect()
}

/// A misspelt field of something a person typed would be a wish ignored.
fn only(root: &Field<'_>, names: &[&str]) -> Result<(), Unreadable> {
    let members = root.members()?;
    match members.into_iter().find(|(name, _)| !names.contains(name)) {
        Some((_, other)) if names.is_empty() => Err(other.unlike("nothing")),
        Some((_, other)) => Err(other.unlike(&format!("no other field than {}", names.join(", ")))),
        None => Ok(()),
    }
}

fn pause(root: &Field<'_>, now: Timestamp) -> Result<Pause, Unreadable> {
    let minutes = root.need("minutes", "how many minutes the pause lasts")?;
    let longest = pause::LASTS_MAX.as_mins();
    let lasts = minutes.value().as_i64().filter(|lasts| (1..=longest).contains(lasts));
    let lasts =
        lasts.ok_or_else(|| minutes.unlike(&format!("a whole number from 1 to {longest}")))?;
    Ok(Pause {
        scope: scope(root, "pause")?,
        reason: words(root, "reason", "why, in a few words")?,
        owner: words(root, "owner", "who asks for it")?,
        since: now,
        until: now + SignedDuration::from_mins(lasts),
        harm: false,
    })
}

fn answer(root: &Field<'_>) -> Result<Answered, Unreadable> {
    let word = root.need("answer", "yes or no")?;
    let yes = match word.text()? {
        "yes" => true,
        "no" => false,
        _ => return Err(word.unlike("yes or no")),
    };
    let incident = root.need("incident", "the incident's id")?;
    let attempt = root.need("attempt", "the number of the attempt")?;
    let number = attempt.value().as_u64().and_then(|number| usize::try_from(number).ok());
    Ok(Answered {
        instance: instance(root, "instance_id")?,
        incident: IncidentId::new(incident.text()?)
            .map_err(|error| incident.unlike(error.expected))?,
        attempt: number.ok_or_else(|| attempt.unlike("a whole number"))?,
        nonce: words(root, "nonce", "the question's nonce")?,
        yes,
        by: words(root, "by", "who answers")?,
    })
}

fn explain(root: &Field<'_>) -> Result<Trigger, Unreadable> {
    let what = root.need("explain", "an instance or an incident")?;
    let text = what.text()?;
    let Ok(instance) = InstanceId::new(text) else {
        only(root, &["explain", "instance_id"])?;
        let incident = IncidentId::new(text).ok().filter(|_| !text.starts_with("i-"));
        let incident = incident.ok_or_else(|| what.unlike("an instance's or an incident's id"))?;
        let named = root.get("instance_id").is_some();
        let of = named.then(|| self::instance(root, "instance_id")).transpose()?;
        return Ok(Trigger::Recorded(incident, of));
    };
    only(root, &["explain", "symptom", "mount"])?;
    let symptom = root
        .get("symptom")
        .map(|name| name.text()?.parse::<Symptom>().map_err(|error| name.unlike(error.expected)));
    let mount = root
        .get("mount")
        .map(|path| MountPoint::new(path.text()?).map_err(|error| path.unlike(error.expected)));
    let (symptom, mount) = (symptom.transpose()?, mount.transpose()?);
    Ok(Trigger::Explain(Asked { instance, symptom, mount }))
}

fn scope(root: &Field<'_>, key: &str) -> Result<Scope, Unreadable> {
    let field = root.need(key, "what to pause")?;
    Scope::from_str(field.text()?).map_err(|error| field.unlike(error.expected))
}

/// What people write about a pause is told to people: it must say something,
/// and not too much.
const WORDS_CHARS_MAX: usize = 200;

fn words(root: &Field<'_>, key: &str, meaning: &str) -> Result<String, Unreadable> {
    let field = root.need(key, meaning)?;
    let text = field.text()?.trim();
    if text.is_empty() || text.chars().count() > WORDS_CHARS_MAX {
        return Err(field.unlike(&format!("{meaning}, in 1 to {WORDS_CHARS_MAX} characters")));
    }
    Ok(text.to_owned())
}

fn instance(field: &Field<'_>, key: &str) -> Result<InstanceId, Unreadable> {
    let id = field.need(key, "an instance id")?;
    InstanceId::new(id.text()?).map_err(|error| id.unlike(error.expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event: &str) -> String {
        match read(event, Timestamp::UNIX_EPOCH) {
            Ok(Trigger::Beat) => "beat".to_owned(),
            Ok(Trigger::LookAt(instance)) => instance.to_string(),
            Ok(Trigger::Hints(hints)) => {
                let told = |hint: &Hint| match &hint.instance {
                    Ok(instance) => format!("{} {instance}", hint.id),
                    Err(error) => format!("{} {}", hint.id, error.field),
                };
                hints.iter().map(told).collect::<Vec<_>>().join(", ")
            }
            Ok(Trigger::Pause(pause)) => format!(
                "{} until {} because {} says {}",
                pause.scope, pause.until, pause.owner, pause.reason
            ),
            Ok(Trigger::Lift(scope)) => format!("lift {scope}"),
            Ok(Trigger::Pauses) => "pauses".to_owned(),
            Ok(Trigger::Doctor) => "doctor".to_owned(),
            Ok(Trigger::Incidents(None)) => "open incidents".to_owned(),
            Ok(Trigger::Incidents(Some(instance))) => format!("incidents of {instance}"),
            Ok(Trigger::Answer(said)) => {
                let Answered { incident, attempt, nonce, yes, by, .. } = said;
                format!("{by} says {yes} to {attempt} {nonce} of {incident}")
            }
            Ok(Trigger::Explain(Asked { instance, symptom, mount })) => {
                format!("explain {instance} {symptom:?} {mount:?}")
            }
            Ok(Trigger::Recorded(incident, of)) => format!("recorded {incident} {of:?}"),
            Err(error) => error.field,
        }
    }

    #[test]
    fn a_person_asks_why() {
        for (event, expected) in [
            (r#"{"explain":"i-0123abcd"}"#, "explain i-0123abcd None None"),
            (
                r#"{"explain":"i-0123abcd","symptom":"disk-full","mount":"/var"}"#,
                r#"explain i-0123abcd Some(DiskFull) Some(MountPoint("/var"))"#,
            ),
            (r#"{"explain":"i-0123abcd","symptom":"rain"}"#, "symptom"),
            (r#"{"explain":"i-0123abcd","mount":"var"}"#, "mount"),
            (r#"{"explain":"i-0123abcd","instance_id":"i-0123abcd"}"#, "instance_id"),
            (r#"{"explain":"high-cpu-1"}"#, "recorded high-cpu-1 None"),
            (
                r#"{"explain":"high-cpu-1","instance_id":"i-0123abcd"}"#,
                r#"recorded high-cpu-1 Some(InstanceId("i-0123abcd"))"#,
            ),
            (r#"{"explain":"high-cpu-1","symptom":"high-cpu"}"#, "symptom"),
            (r#"{"explain":"high-cpu-1","instance_id":"web"}"#, "instance_id"),
            (r#"{"explain":"i-0123"}"#, "explain"),
            (r#"{"explain":{}}"#, "explain"),
            (r#"{"explain":"Web 1"}"#, "explain"),
        ] {
            assert_eq!(told(event), expected, "{event}");
        }
    }

    #[test]
    fn a_person_pauses_and_lifts() {
        let pause = |more: &str| {
            told(&format!(r#"{{"pause":"all","owner":" Anna ","reason":"a release"{more}}}"#))
        };
        assert_eq!(
            pause(r#","minutes":90"#),
            "all until 1970-01-01T01:30:00Z because Anna says a release"
        );
        for more in ["", r#","minutes":0"#, r#","minutes":10081"#, r#","minutes":1.5"#] {
            assert_eq!(pause(more), "minutes", "{more}");
        }
        assert_eq!(pause(r#","minutes":"90""#), "minutes");
        assert_eq!(pause(r#","minutes":90,"hours":2"#), "hours");
        for (event, expected) in [
            (r#"{"pause":"all","minutes":5,"owner":"Anna"}"#, "reason"),
            (r#"{"pause":"all","minutes":5,"owner":"  ","reason":"x"}"#, "owner"),
            (r#"{"pause":"web","minutes":5,"owner":"a","reason":"x"}"#, "pause"),
            (r#"{"lift":"group:web"}"#, "lift group:web"),
            (r#"{"lift":"group:web","minutes":5}"#, "minutes"),
            (r#"{"lift":"symptom:rain"}"#, "lift"),
            (r#"{"pauses":"list"}"#, "pauses"),
            (r#"{"pauses":"all"}"#, "pauses"),
            (r#"{"doctor":{}}"#, "doctor"),
            (r#"{"doctor":{"deep":true}}"#, "doctor.deep"),
            (r#"{"doctor":"x"}"#, "doctor"),
            (r#"{"doctor":{},"instance":"i-0123abcd"}"#, "instance"),
            (r#"{"incidents":"open"}"#, "open incidents"),
            (r#"{"incidents":"i-0123abcd"}"#, "incidents of i-0123abcd"),
            (r#"{"incidents":"web-1"}"#, "incidents"),
            (
                r#"{"answer":"no","instance_id":"i-0123abcd","incident":"disk-full-1",
                    "attempt":2,"nonce":"0a1b2c3d","by":" Anna "}"#,
                "Anna says false to 2 0a1b2c3d of disk-full-1",
            ),
            (
                r#"{"answer":"maybe","instance_id":"i-0123abcd","incident":"disk-full-1",
                    "attempt":2,"nonce":"0a1b2c3d","by":"Anna"}"#,
                "answer",
            ),
            (r#"{"answer":"yes","instance_id":"i-0123abcd"}"#, "incident"),
            (
                r#"{"answer":"yes","instance_id":"i-0123abcd","incident":"disk-full-1",
                    "attempt":"2","nonce":"0a1b2c3d","by":"Anna"}"#,
                "attempt",
            ),
            (r#"{"answer":"yes","why":"x"}"#, "why"),
        ] {
            assert_eq!(told(event), expected, "{event}");
        }
    }

    #[test]
    fn each_message_of_a_queue_names_an_instance() {
        let ended = r#"{"source":"aws.ssm","detail":{"instance-id":"i-0123abcd"}}"#;
        let gone = r#"{"source":"aws.autoscaling","detail":{"EC2InstanceId":"i-4567cdef"}}"#;
        let beat = r#"{"source":"aws.events","detail":{}}"#;
        let typed = r#"{"instance_id":"i-0123abcd"}"#;
        let bodies = [ended, gone, "{", beat, typed];
        let records = bodies.iter().enumerate();
        let records: Vec<Value> = records
            .map(|(n, body)| serde_json::json!({"messageId": format!("m{n}"), "body": body}))
            .collect();
        let event = serde_json::json!({"Records": records}).to_string();
        let expected = "m0 i-0123abcd, m1 i-4567cdef, m2 Records[2].body, m3 Records[3].body, \
                        m4 Records[4].body";
        assert_eq!(told(&event), expected);
        for (event, field) in [
            (r#"{"Records":[{"body":"{}"}]}"#, "Records[0].messageId"),
            (r#"{"Records":7}"#, "Records"),
        ] {
            assert_eq!(told(event), field, "{event}");
        }
    }

    #[test]
    fn an_event_names_an_instance_or_is_a_beat() {
        for (event, expected) in [
            ("{}", "beat"),
            (r#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#, "beat"),
            (
                r#"{"source":"aws.ssm","detail-type":
                    "EC2 Command Invocation Status-change Notification",
                    "detail":{"instance-id":"i-0123abcd","status":"Success"}}"#,
                "i-0123abcd",
            ),
            (
                r#"{"source":"aws.autoscaling","detail":{"EC2InstanceId":"i-0123abcd"}}"#,
                "i-0123abcd",
            ),
            (r#"{"instance_id":"i-0123abcd"}"#, "i-0123abcd"),
            (r#"{"instance_id":"i-0123abcd","observe":true}"#, "observe"),
            (r#"{"instance_id":"web-1"}"#, "instance_id"),
            (r#"{"source":"aws.ssm","detail":{"instance-id":7}}"#, "detail.instance-id"),
            (r#"{"source":"aws.autoscaling","detail":{}}"#, "detail.EC2InstanceId"),
            (r#"{"source":"aws.s3"}"#, "event"),
            ("[]", "event"),
            ("", "event"),
        ] {
            assert_eq!(told(event), expected, "{event}");
        }
    }
}
