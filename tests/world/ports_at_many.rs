//! The port that asks for many at once, answered by the region: one call, and an answer for each
//! question as the call for one would have it.

use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::unknown::CallFailed;
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Membership, StatusChecks,
};
use remedy::ports::look_at_many::{
    AGENTS_MAX, ALARMS_MAX, Commands, GROUPS_MAX, HISTORIES_MAX, INSTANCES_MAX, Listed as Page,
    LookAtMany, MEMBERSHIPS_MAX, SERIES_MAX, SESSIONS_MAX, STATUSES_MAX, Sent, Span,
};

use crate::Region;
use crate::calls::Verb;
use crate::quota::{self, Draw};
use crate::region::State;
use crate::words::Words;

/// What a call says that does not tell of one among many.
const NOT_TOLD: &str = "the answer has no word about it";

impl Region {
    /// One call about `many`, of which it takes at most so many, and at least one.
    async fn look_at_many<Q, A: Words>(
        &self,
        (verb, most): (Verb, usize),
        many: &[Q],
        name: impl Fn(&Q) -> &str,
        answer: impl Fn(&mut State, &Q) -> A,
    ) -> Vec<Result<A, CallFailed>> {
        let draws = |_: &State| quota::of_api(verb, false);
        self.look_at_many_drawing((verb, most), many, draws, name, answer).await
    }

    /// The same of what draws tokens of its own, where quotas count.
    async fn look_at_many_drawing<Q, A: Words>(
        &self,
        (verb, most): (Verb, usize),
        many: &[Q],
        draws: impl Fn(&State) -> Vec<Draw>,
        name: impl Fn(&Q) -> &str,
        answer: impl Fn(&mut State, &Q) -> A,
    ) -> Vec<Result<A, CallFailed>> {
        assert!((1..=most).contains(&many.len()), "{verb:?} is asked about {}", many.len());
        let about = format!("{} of them", many.len());
        let look = |state: &mut State| Many(state.about(many, name, answer));
        let answers = self.look_drawing(verb, &about, draws, look);
        match answers.await {
            Ok(answers) => {
                let told = |answer: Option<A>| {
                    answer.ok_or(CallFailed { call: verb.name(), why: NOT_TOLD.to_owned() })
                };
                answers.0.into_iter().map(told).collect()
            }
            Err(failed) => many.iter().map(|_| Err(failed.clone())).collect(),
        }
    }
}

impl State {
    fn about<Q, A>(
        &mut self,
        many: &[Q],
        name: impl Fn(&Q) -> &str,
        answer: impl Fn(&mut Self, &Q) -> A,
    ) -> Vec<Option<A>> {
        let mut answers = Vec::with_capacity(many.len());
        for one in many {
            let told = !self.untold.contains(name(one));
            answers.push(told.then(|| answer(self, one)));
        }
        answers
    }
}

/// Entries of one page of `ssm:ListCommandInvocations` (SSM API reference).
const COMMANDS_ON_A_PAGE: usize = 50;

/// The commands of a page, and whether there are more.
struct Listed(Vec<(Sent, Command)>, bool);

impl Words for Listed {
    fn words(&self) -> String {
        format!("{} commands", self.0.len())
    }
}

/// The answers of one call.
struct Many<A>(Vec<Option<A>>);

impl<A: Words> Words for Many<A> {
    fn words(&self) -> String {
        let words = self.0.iter().map(|answer| match answer {
            Some(answer) => answer.words(),
            None => NOT_TOLD.to_owned(),
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// Whose series it is. A query is no metric, and takes a call of its own.
fn measured(span: &Span) -> &str {
    assert!(span.series.exact, "a query stands among metrics");
    span.series.dimensions.get("InstanceId").map_or("", String::as_str)
}

impl LookAtMany for Region {
    async fn instances(&self, ids: &[InstanceId]) -> Vec<Result<Option<Instance>, CallFailed>> {
        self.look_at_many((Verb::Instance, INSTANCES_MAX), ids, InstanceId::as_str, State::instance)
            .await
    }

    async fn statuses(&self, ids: &[InstanceId]) -> Vec<Result<Option<StatusChecks>, CallFailed>> {
        self.look_at_many((Verb::Status, STATUSES_MAX), ids, InstanceId::as_str, State::status)
            .await
    }

    async fn agents(&self, ids: &[InstanceId]) -> Vec<Result<Option<Agent>, CallFailed>> {
        self.look_at_many((Verb::Agent, AGENTS_MAX), ids, InstanceId::as_str, State::agent).await
    }

    async fn memberships(&self, ids: &[InstanceId]) -> Vec<Result<Option<Membership>, CallFailed>> {
        let at_most = (Verb::Membership, MEMBERSHIPS_MAX);
        self.look_at_many(at_most, ids, InstanceId::as_str, State::membership).await
    }

    async fn groups(&self, names: &[GroupName]) -> Vec<Result<Option<Group>, CallFailed>> {
        self.look_at_many((Verb::Group, GROUPS_MAX), names, GroupName::as_str, State::group_told)
            .await
    }

    async fn histories(&self, ids: &[InstanceId]) -> Vec<Result<History, CallFailed>> {
        let draws = |state: &State| state.reads_histories(ids);
        let at_most = (Verb::History, HISTORIES_MAX);
        let name = InstanceId::as_str;
        self.look_at_many_drawing(at_most, ids, draws, name, State::history).await
    }

    async fn commands(&self, which: &Commands, page: Option<String>) -> Result<Page, CallFailed> {
        let from = page.and_then(|page| page.parse().ok()).unwrap_or(0);
        let listed = self.look(Verb::CommandOf, "all", |state| {
            let mut page = state.commands_listed(which, (from, COMMANDS_ON_A_PAGE + 1));
            let more = page.len() > COMMANDS_ON_A_PAGE;
            page.truncate(COMMANDS_ON_A_PAGE);
            Listed(page, more)
        });
        let Listed(commands, more) = listed.await?;
        Ok(Page { commands, next: more.then(|| (from + COMMANDS_ON_A_PAGE).to_string()) })
    }

    async fn sessions_of(&self, ids: &[InstanceId]) -> Vec<Result<usize, CallFailed>> {
        self.look_at_many((Verb::Sessions, SESSIONS_MAX), ids, InstanceId::as_str, State::sessions)
            .await
    }

    async fn spans(&self, spans: &[Span]) -> Vec<Result<Vec<Datapoint>, CallFailed>> {
        self.look_at_many((Verb::Datapoints, SERIES_MAX), spans, measured, |state, span| {
            state.metrics.read(&span.series, (span.since, span.until), state.now)
        })
        .await
    }

    async fn alarms(&self, names: &[String]) -> Vec<Result<Option<AlarmSettings>, CallFailed>> {
        self.look_at_many((Verb::Alarm, ALARMS_MAX), names, String::as_str, State::alarm).await
    }
}
