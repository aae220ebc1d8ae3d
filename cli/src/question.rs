//! `answer`: what a person says to a question, "may this be done?"

use std::env;

use clap::{Args, ValueEnum};
use remedy::model::ids::InstanceId;
use remedy_aws::person::NotAsked;
use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::desk::Desk;
use crate::incidents::{newest, unanswered};

/// Answers the question of an instance's incident: may this be done?
///
/// `remedy incidents INSTANCE` shows the question, and the message that asked it has it too.
/// An answer counts once, in time, and for that question alone.
#[derive(Debug, Args)]
pub(crate) struct AnswerCommand {
    /// The instance
    #[arg(value_parser = instance)]
    instance: InstanceId,

    /// What you say
    answer: Word,

    /// The question's own mark, so that no other question is answered
    #[arg(long, value_name = "MARK")]
    question: String,

    /// Who answers [default: the name you are logged in by]
    #[arg(long)]
    by: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Word {
    /// It may be done, after everything is decided again
    Yes,
    /// It may not, and a person has it
    No,
}

fn instance(text: &str) -> Result<InstanceId, String> {
    InstanceId::new(text).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Taken {
    taken: bool,
    text: String,
}

impl AnswerCommand {
    pub(crate) async fn run(self, desk: &Desk) -> Result<Answer, NotAsked> {
        let by = self.by.or_else(|| env::var("USER").ok());
        let by = by.ok_or_else(|| {
            NotAsked::Unclear("nobody is named: say who answers with --by".to_owned())
        })?;
        let incident = newest(desk, &self.instance).await?;
        let asked = unanswered(&incident).filter(|question| question.nonce == self.question);
        let asked = asked.ok_or_else(|| {
            let (instance, mark) = (&self.instance, &self.question);
            NotAsked::Unclear(format!("{instance} has no open question {mark:?}"))
        })?;
        let word = match self.answer {
            Word::Yes => "yes",
            Word::No => "no",
        };
        let wish = json!({
            "answer": word, "instance_id": self.instance.as_str(),
            "incident": incident.id.as_str(), "attempt": asked.attempt,
            "nonce": asked.nonce, "by": by,
        });
        let (json, Taken { taken, text }) = desk.ask(&wish).await?;
        Ok(Answer { text: format!("{text}\n"), json, found: !taken })
    }
}
