//! `explain`: what would be done about an instance now, and why; and why something was done.

use clap::Args;
use remedy::model::alarm::Symptom;
use remedy::model::ids::{InstanceId, InvalidId, MountPoint};
use remedy_aws::person::NotAsked;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::desk::Desk;

/// Says what would be done about an instance now, and why
///
/// As if an alarm came: every rung and every guard, with yes, no or unknown, and until when a no
/// lasts. Of an incident it says what was recorded. Nothing is changed.
#[derive(Debug, Args)]
pub(crate) struct ExplainCommand {
    /// An instance, or an incident
    what: String,

    /// Only this symptom [default: every one]
    #[arg(long)]
    symptom: Option<Symptom>,

    /// The file system, if it is about a full disk
    #[arg(long, value_parser = mount)]
    mount: Option<MountPoint>,

    /// The instance of an incident that ended under 0.1.0
    #[arg(long, value_parser = instance, conflicts_with_all = ["symptom", "mount"])]
    instance: Option<InstanceId>,
}

fn mount(text: &str) -> Result<MountPoint, InvalidId> {
    MountPoint::new(text)
}

fn instance(text: &str) -> Result<InstanceId, InvalidId> {
    InstanceId::new(text)
}

#[derive(Deserialize)]
struct Told {
    text: String,
    /// What is told in more than words has a version of its form.
    version: Option<u8>,
}

impl ExplainCommand {
    pub(crate) async fn run(self, desk: &Desk) -> Result<Answer, NotAsked> {
        let (json, Told { text, version }) = desk.ask(&self.wish()).await?;
        match version {
            Some(_) => Ok(Answer { text, json, found: false }),
            None => Err(NotAsked::Unclear(text)),
        }
    }

    fn wish(self) -> Value {
        let fields = [
            ("explain", Some(self.what)),
            ("symptom", self.symptom.map(|symptom| symptom.name().to_owned())),
            ("mount", self.mount.map(String::from)),
            ("instance_id", self.instance.map(String::from)),
        ];
        let told = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
        Value::Object(told.collect::<Map<_, _>>())
    }
}
