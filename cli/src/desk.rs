//! Where a question is put: the person's account, and the deployment in it.

use remedy_aws::person::{FollowUp, NotAsked, Person};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Reach;

/// A person before a deployment.
pub(crate) struct Desk {
    /// Who asks.
    pub(crate) person: Person,
    /// Who answers.
    pub(crate) follow_up: FollowUp,
}

impl Desk {
    pub(crate) async fn open(reach: &Reach) -> Result<Self, NotAsked> {
        let person = Person::signed_in(reach.profile.as_deref(), reach.region.as_deref()).await?;
        let follow_up = match &reach.function {
            Some(name) => FollowUp::named(name)?,
            None => person.follow_up_of(&reach.stack).await?,
        };
        Ok(Self { person, follow_up })
    }

    /// What the follow-up answers to `payload`: as JSON, and read.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        payload: &Value,
    ) -> Result<(Value, A), NotAsked> {
        let answer = self.person.ask(&self.follow_up, &payload.to_string()).await?;
        let unclear = |error: serde_json::Error| {
            NotAsked::Unclear(format!(
                "the answer of {} is not understood ({error}): does this command line have \
                 the deployment's version?",
                self.follow_up.name()
            ))
        };
        let json: Value = serde_json::from_str(&answer).map_err(unclear)?;
        let read = A::deserialize(&json).map_err(unclear)?;
        Ok((json, read))
    }
}
