//! Telling people.

use crate::model::links::Deployment;
use crate::model::unknown::CallFailed;
use std::collections::BTreeMap;

/// What became of telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the notification topic answered: people are told if it took the message.
    pub people: Result<(), CallFailed>,
    /// What the chat topic answered, if there is one.
    pub chat: Result<(), CallFailed>,
}

/// The message people get, in every rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// One line of at most [`SUBJECT_CHARS_MAX`] printable ASCII characters.
    pub subject: String,
    /// Plain text, for e-mail.
    pub text: String,
    /// JSON on one line, for programs.
    pub data: String,
    /// A custom notification of Amazon Q Developer in chat applications. The
    /// incident is its thread.
    pub chat: String,
    /// Names and values for subscription filter policies.
    pub attributes: Vec<(&'static str, String)>,
}

impl Notification {
    /// The message as SNS takes it with `MessageStructure=json`: a text for each
    /// protocol, and the plain one for those that are not named.
    pub fn message(&self) -> String {
        let people = [("default", &self.text), ("sms", &self.subject)];
        let programs = PROGRAMS.map(|program| (program, &self.data));
        let message: BTreeMap<&str, &String> = people.into_iter().chain(programs).collect();
        // Texts by texts cannot fail to be JSON.
        serde_json::to_string(&message).unwrap_or_default()
    }
}

/// Tells people.
pub trait Tell {
    /// Where this deployment runs.
    fn deployment(&self) -> &Deployment;

    /// `sns:Publish` to the notification topic and, if there is one, to the
    /// chat topic, at once.
    async fn tell(&self, notification: &Notification) -> Told;
}

/// Subscribers that are programs, by the names SNS has for their protocols.
const PROGRAMS: [&str; 5] = ["sqs", "lambda", "http", "https", "firehose"];
