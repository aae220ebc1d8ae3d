//! Reads an account's past. Where a call is not allowed the history lacks what it would have told,
//! and says so: only the alarms and their history are needed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use remedy::doctor::event::configuration;
use remedy::model::growth::GROW_TO_TAG;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::series::Series;
use remedy::model::unknown::CallFailed;
use remedy::ports::ledger::Ledger;
use remedy::ports::look::StatusChecks;
use remedy::ports::look_at_all::{AlarmDefinition, LookAtAll};
use remedy::ports::look_at_many::{
    AGENTS_MAX, GROUPS_MAX, INSTANCES_MAX, LookAtMany, MEMBERSHIPS_MAX, SERIES_MAX, STATUSES_MAX,
};

use super::estimate::is_fleet;
use super::rings::{Asked, CHECKS, Rings, key, series_of};
use super::values::{FINE_FOR, Measured, spans};
use super::{Account, Begun, Wish, trail};
use crate::history::{
    Act, AlarmThen, GroupThen, History, Item, Missing, Settings, Since, Timeline, VERSION,
};
use crate::look_back::{Activity, Changes, LookBack, Page, Refresh};

/// Pages of one alarm history that are read: a hundred thousand changes.
const PAGES_MAX: usize = 1_000;

/// Pages of `CloudTrail` that are read of one kind of call, of 50 events each: with two a second
/// all kinds take two minutes at most.
const LOOKUPS_MAX: usize = 25;

/// Reads the history that was begun. `tell` is told what is read now.
pub(super) async fn read<A, N, B>(
    account: &Account<'_, A, N, B>,
    wish: &Wish,
    begun: Begun,
    tell: &impl Fn(&str),
) -> Result<History, CallFailed>
where
    A: LookAtAll,
    N: LookAtMany + Ledger,
    B: LookBack,
{
    let Account { all, named, back } = *account;
    let (history, missing) = (empty(wish), BTreeSet::new());
    let mut reader = Reader { all, named, back, wish, history, missing };
    tell("the history of alarms");
    reader.changes(begun.newest, &begun.alarms).await?;
    reader.alarms(&begun.alarms);
    let rings = Rings::of(&reader.history);
    reader.tags(&begun.alarms, &rings).await;
    tell("what was measured");
    let measured = reader.measure(&rings, tell).await;
    tell("instances and agents");
    reader.instances(&rings).await;
    reader.checks(&rings, &measured);
    tell("groups");
    reader.groups(&rings).await;
    reader.region().await;
    tell("what people did");
    reader.calls(&rings, tell).await;
    Ok(reader.end(measured))
}

fn empty(wish: &Wish) -> History {
    let between = wish.between();
    History {
        version: VERSION,
        account: wish.account.clone(),
        region: wish.region.clone(),
        from: between.from,
        until: between.until,
        taken_at: wish.now,
        ..History::default()
    }
}

struct Reader<'a, A, N, B> {
    all: &'a A,
    named: &'a N,
    back: &'a B,
    wish: &'a Wish,
    history: History,
    missing: BTreeSet<Missing>,
}

/// Asks about all, as many at a time as the API takes.
async fn many<Q: Clone, A>(
    all: impl IntoIterator<Item = Q>,
    max: usize,
    ask: impl AsyncFn(&[Q]) -> Vec<Result<A, CallFailed>>,
) -> Vec<(Q, Result<A, CallFailed>)> {
    let all: Vec<Q> = all.into_iter().collect();
    let mut answers = Vec::with_capacity(all.len());
    for part in all.chunks(max) {
        answers.extend(part.iter().cloned().zip(ask(part).await));
    }
    answers
}

impl<A, N, B> Reader<'_, A, N, B>
where
    A: LookAtAll,
    N: LookAtMany + Ledger,
    B: LookBack,
{
    fn lacks(&mut self, what: &str, why: &impl ToString) {
        self.missing.insert(Missing { what: what.to_owned(), why: why.to_string() });
    }

    fn known<T>(&mut self, what: &str, answer: Result<T, CallFailed>) -> Option<T> {
        answer.inspect_err(|failed| self.lacks(what, failed)).ok()
    }

    /// Every change of state, oldest first. Those of contributors are asked for by the name of
    /// their alarm: nobody says that the list of all has them.
    async fn changes(
        &mut self,
        newest: Page<Item>,
        alarms: &[AlarmDefinition],
    ) -> Result<(), CallFailed> {
        let Page { mut found, next } = newest;
        self.rest(Changes::OfAlarms, &mut found, next).await?;
        for fleet in alarms.iter().filter(|alarm| is_fleet(alarm, self.wish)) {
            let which = Changes::OfContributors(&fleet.name);
            let first = self.back.changes(which, self.wish.between(), None).await;
            let what = format!("the members of the fleet alarm {}", fleet.name);
            let Some(page) = self.known(&what, first) else { continue };
            let mut own = page.found;
            let rest = self.rest(which, &mut own, page.next).await;
            self.known(&what, rest);
            found.extend(own);
        }
        let place = |item: &Item| {
            let name = (item.alarm_name.clone(), item.history_item_type.clone());
            (item.timestamp, name, item.alarm_contributor_id.clone())
        };
        found.sort_by_key(place);
        label(&mut found);
        self.history.items = found;
        Ok(())
    }

    async fn rest(
        &mut self,
        which: Changes<'_>,
        found: &mut Vec<Item>,
        mut next: Option<String>,
    ) -> Result<(), CallFailed> {
        let mut pages = 1;
        while let Some(token) = next.take() {
            if pages == PAGES_MAX {
                let oldest = found.iter().map(|item| item.timestamp).min().unwrap_or_default();
                let why = format!("no more than {PAGES_MAX} pages of changes are read");
                self.lacks(&format!("alarms before {oldest}"), &why);
                return Ok(());
            }
            let page = self.back.changes(which, self.wish.between(), Some(token)).await?;
            found.extend(page.found);
            next = page.next;
            pages += 1;
        }
        Ok(())
    }

    /// The alarms that changed, as they are configured today. Of one that is gone nothing is
    /// known.
    fn alarms(&mut self, definitions: &[AlarmDefinition]) {
        let changed: BTreeSet<&str> =
            self.history.items.iter().map(|item| item.alarm_name.as_str()).collect();
        let mut alarms = Vec::with_capacity(changed.len());
        for definition in definitions.iter().filter(|it| changed.contains(it.name.as_str())) {
            let settings = Settings {
                actions_enabled: definition.settings.actions_enabled,
                actions: definition.settings.actions.clone(),
            };
            alarms.push(AlarmThen {
                name: definition.name.clone(),
                arn: definition.arn.clone().unwrap_or_default(),
                configuration: self.today(configuration(definition)),
                settings: self.today(settings),
                ..AlarmThen::default()
            });
        }
        alarms.sort_by(|one, other| one.name.cmp(&other.name));
        self.history.alarms = alarms;
    }

    fn today<T>(&self, value: T) -> Timeline<T> {
        Timeline(vec![Since { at: self.wish.now, value }])
    }

    /// The tags of alarms that send them along with their events.
    async fn tags(&mut self, definitions: &[AlarmDefinition], rings: &Rings) {
        for definition in definitions.iter().filter(|it| rings.alarms.contains(&it.name)) {
            let (Some(sent), Some(arn)) = (&definition.tags_sent, &definition.arn) else {
                continue;
            };
            let tags = self.back.alarm_tags(arn).await;
            let Some(mut tags) = self.known("the tags of alarms", tags) else { continue };
            tags.retain(|key, _| sent.has(key));
            let tags = self.today(tags);
            let alarm = self.history.alarms.iter_mut().find(|it| it.name == definition.name);
            if let Some(alarm) = alarm {
                alarm.tags = tags;
            }
        }
    }

    /// The values of each series around each of its alarms.
    async fn measure(&mut self, rings: &Rings, tell: &impl Fn(&str)) -> Measured {
        let asked = self.each_by_itself(&rings.asked).await;
        let spans = spans(&asked, self.wish.now);
        let mut measured = Measured::default();
        for (number, (window, series)) in spans.iter().enumerate() {
            tell(&format!("what was measured, {number} of {}", spans.len()));
            for part in series.chunks(SERIES_MAX) {
                let part: Vec<Series> = part.iter().copied().cloned().collect();
                let values = self.all.values(&part, *window).await;
                for (series, values) in part.iter().zip(values) {
                    let Some(values) = self.known("what was measured", values) else { continue };
                    measured.take(key(series), series, window.period, values);
                }
            }
        }
        if measured.has_coarse() {
            let before = self.wish.now - FINE_FOR;
            let why = "CloudWatch keeps values of one minute for 15 days: those of five are read";
            self.lacks(&format!("values of each minute before {before}"), &why);
        }
        measured
    }

    /// What a query or a contributor names by some labels is several series, each with all of
    /// its dimensions.
    async fn each_by_itself(&mut self, asked: &Asked) -> Asked {
        let mut all = Asked::new();
        let mut listed: BTreeMap<(String, String), Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for (key_of, (series, rang)) in asked {
            if series.exact {
                all.entry(key_of.clone()).or_insert_with(|| (series.clone(), BTreeSet::new()));
                all.entry(key_of.clone()).and_modify(|(_, times)| times.extend(rang));
                continue;
            }
            let named = (series.namespace.clone(), series.name.clone());
            if !listed.contains_key(&named) {
                let found = self.back.series_named(&named.0, &named.1).await;
                let found = self.known("the series that queries read", found).unwrap_or_default();
                listed.insert(named.clone(), found);
            }
            // What CloudWatch calls a label that the series does not have.
            let labels = series.dimensions.iter().filter(|(_, value)| *value != "Other");
            let labels: Vec<(&String, &String)> = labels.collect();
            let of_it = |dimensions: &&BTreeMap<String, String>| {
                labels.iter().all(|(name, value)| dimensions.get(*name) == Some(*value))
            };
            let found = listed.get(&named).into_iter().flatten().filter(of_it).cloned();
            for dimensions in found {
                let one = Series { dimensions, exact: true, ..series.clone() };
                let entry = all.entry(key(&one));
                entry.or_insert_with(|| (one, BTreeSet::new())).1.extend(rang);
            }
        }
        all
    }

    /// What holds today of every instance that an alarm names. Of one that is gone nothing is
    /// known: it was there when its alarm rang.
    async fn instances(&mut self, rings: &Rings) {
        let look = self.named;
        let all = rings.instances.iter().cloned();
        let found = many(all, INSTANCES_MAX, async |ids| look.instances(ids).await).await;
        let now = self.wish.now;
        let mut there = Vec::new();
        for (id, instance) in found {
            let Some(Some(instance)) = self.known("instances", instance) else { continue };
            let then = self.history.instances.entry(id.clone()).or_default();
            then.instance.note(now, Some(instance));
            there.push(id);
        }
        let all = there.iter().cloned();
        for (id, status) in many(all, STATUSES_MAX, async |ids| look.statuses(ids).await).await {
            let Some(status) = self.known("status checks", status) else { continue };
            self.history.instances.entry(id).or_default().status.note(now, status);
        }
        let all = there.iter().cloned();
        for (id, agent) in many(all, AGENTS_MAX, async |ids| look.agents(ids).await).await {
            let Some(agent) = self.known("SSM agents", agent) else { continue };
            self.history.instances.entry(id).or_default().agent.note(now, agent);
        }
        let all = there.iter().cloned();
        let found = many(all, MEMBERSHIPS_MAX, async |ids| look.memberships(ids).await).await;
        for (id, membership) in found {
            let Some(membership) = self.known("places in groups", membership) else { continue };
            self.history.instances.entry(id).or_default().membership.note(now, membership);
        }
        for id in there.iter().filter(|id| rings.full.contains(id)) {
            self.volumes(id).await;
        }
        self.types().await;
    }

    async fn volumes(&mut self, id: &InstanceId) {
        let now = self.wish.now;
        let volumes = self.named.volumes(id).await;
        let Some(volumes) = self.known("volumes", volumes) else { return };
        let may_grow = volumes.iter().any(|volume| volume.tags.contains_key(GROW_TO_TAG));
        if let Some(first) = volumes.first().filter(|_| may_grow) {
            let last = self.named.modification(&first.id).await;
            if let Some(last) = self.known("how volumes were modified", last) {
                self.history.instances.entry(id.clone()).or_default().modification.note(now, last);
            }
        }
        self.history.instances.entry(id.clone()).or_default().volumes.note(now, volumes);
    }

    async fn types(&mut self) {
        let instances = self.history.instances.values();
        let kinds = instances.filter_map(|then| then.instance.last()?.as_ref());
        let kinds: BTreeSet<String> = kinds.map(|it| it.instance_type.clone()).collect();
        for kind in kinds {
            let has = self.named.instance_store(&kind).await;
            if let Some(has) = self.known("instance types", has) {
                self.history.instance_store.insert(kind, has);
            }
        }
    }

    /// The status checks of whoever could not be reached are known of then: they are metrics,
    /// too.
    fn checks(&mut self, rings: &Rings, measured: &Measured) {
        for id in &rings.unreachable {
            let Some(then) = self.history.instances.get_mut(id) else { continue };
            let today = then.status.last().cloned().flatten();
            let [instance, system, volume] =
                CHECKS.map(|check| measured.of(&key(&series_of(check, id))));
            let times: BTreeSet<Timestamp> =
                instance.keys().chain(system.keys()).copied().collect();
            let fails = |of: &BTreeMap<Timestamp, f64>, at| of.get(at).is_some_and(|it| *it > 0.0);
            let mut status = Timeline::default();
            for at in &times {
                let checks = StatusChecks {
                    instance_impaired: fails(&instance, at),
                    system_impaired: fails(&system, at),
                    volume_impaired: fails(&volume, at),
                    initializing: false,
                    ..today.clone().unwrap_or(PASSES)
                };
                status.note(*at, Some(checks));
            }
            if !times.is_empty() {
                status.note(self.wish.now, today);
                then.status = status;
            }
        }
    }

    async fn groups(&mut self, rings: &Rings) {
        let look = self.named;
        let places = self.history.instances.values();
        let places = places.filter_map(|then| then.membership.last()?.as_ref());
        let names: BTreeSet<GroupName> = places.map(|place| place.group.clone()).collect();
        let found = many(names, GROUPS_MAX, async |names| look.groups(names).await).await;
        for (name, group) in found {
            let mut then = GroupThen::default();
            if let Some(group) = self.known("groups", group) {
                then.group.note(self.wish.now, group);
            }
            let refreshes = self.back.refreshes(&name).await;
            if let Some(refreshes) = self.known("instance refreshes", refreshes) {
                then.refresh = refreshed(self.history.from, refreshes);
            }
            self.history.groups.insert(name.clone(), then);
            let activities = self.back.activities(&name, self.history.from).await;
            let activities = self.known("what groups did", activities).unwrap_or_default();
            let acts = activities.into_iter().filter_map(|it| act_of(&name, it));
            let about = |act: &Act| act.instances.iter().any(|id| rings.instances.contains(id));
            self.history.acts.extend(acts.filter(about));
        }
    }

    /// What is the same for all instances.
    async fn region(&mut self) {
        let zones = self.named.zones().await;
        if let Some(zones) = self.known("zones", zones) {
            self.history.zones = self.today(zones);
        }
        let pauses = self.named.pauses().await;
        let Some(mut pauses) = self.known("pauses", pauses) else { return };
        // Each holds since it was set, and not before.
        pauses.sort_by_key(|pause| pause.since);
        self.history.pauses.note(self.history.from, Vec::new());
        for at in pauses.iter().map(|pause| pause.since.max(self.history.from)) {
            let set = pauses.iter().filter(|pause| pause.since <= at).cloned().collect();
            self.history.pauses.note(at, set);
        }
    }

    /// What people did to these instances.
    async fn calls(&mut self, rings: &Rings, tell: &impl Fn(&str)) {
        for name in trail::NAMES {
            tell(&format!("what people did: {name}"));
            let mut next = None;
            for page in 1..=LOOKUPS_MAX {
                let answer = self.back.calls(name, self.wish.between(), next).await;
                // Whoever may not read one kind may read none.
                let Some(Page { found, next: more }) = self.known("what people did", answer) else {
                    return;
                };
                let acts: Vec<Act> = found.iter().filter_map(|it| trail::act(it)).collect();
                let oldest = acts.iter().map(|act| act.at).min();
                let about = |act: &Act| act.instances.iter().any(|id| rings.instances.contains(id));
                self.history.acts.extend(acts.into_iter().filter(about));
                next = more;
                if next.is_none() {
                    break;
                }
                if page == LOOKUPS_MAX {
                    let before = oldest.map(|at| format!(" before {at}")).unwrap_or_default();
                    let why = "CloudTrail answers two lookups a second, of 50 events each";
                    self.lacks(&format!("calls of {name}{before}"), &why);
                }
            }
        }
    }

    fn end(self, measured: Measured) -> History {
        let mut history = self.history;
        history.values = measured.into_values();
        history
            .acts
            .sort_by_key(|act| (act.at, act.call.clone(), act.instances.clone(), act.by.clone()));
        history.acts.dedup();
        history.missing = self.missing.into_iter().collect();
        history
    }
}

/// The checks of an instance that is gone, or stopped: all that fails is told by metrics.
const PASSES: StatusChecks = StatusChecks {
    system_impaired: false,
    instance_impaired: false,
    volume_impaired: false,
    initializing: false,
    application_impaired: None,
    performance: None,
    scheduled: None,
};

/// An item that lacks its contributor's labels has those of another one of the same contributor:
/// `AlarmContributorAttributes` may be absent.
fn label(items: &mut [Item]) {
    let named = items.iter().filter_map(|item| {
        let id = item.alarm_contributor_id.clone()?;
        Some(((item.alarm_name.clone(), id), item.alarm_contributor_attributes.clone()?))
    });
    let labels: BTreeMap<(String, String), BTreeMap<String, String>> = named.collect();
    for item in items.iter_mut().filter(|item| item.alarm_contributor_attributes.is_none()) {
        let Some(id) = item.alarm_contributor_id.clone() else { continue };
        item.alarm_contributor_attributes = labels.get(&(item.alarm_name.clone(), id)).cloned();
    }
}

/// When a group was refreshed.
fn refreshed(from: Timestamp, mut refreshes: Vec<Refresh>) -> Timeline<Option<String>> {
    let mut timeline = Timeline::default();
    timeline.note(from, None);
    refreshes.sort_by_key(|refresh| refresh.from);
    for Refresh { from: began, until, status } in refreshes {
        let Some(began) = began.filter(|_| until.is_none_or(|until| until > from)) else {
            continue;
        };
        let running = if until.is_some() { "InProgress".to_owned() } else { status };
        timeline.note(began.max(from), Some(running));
        if let Some(until) = until {
            timeline.note(until, None);
        }
    }
    timeline
}

/// What a group did to an instance, in the words of the call that it made (Auto Scaling user
/// guide, "Verify a scaling activity for an Auto Scaling group": `Launching a new EC2 instance:
/// i-...`, `Terminating EC2 instance: i-...`).
fn act_of(group: &GroupName, activity: Activity) -> Option<Act> {
    let Activity { at, description, status, says } = activity;
    let (what, id) = description.split_once(": ")?;
    let call = match what {
        "Launching a new EC2 instance" => "ec2:RunInstances",
        "Terminating EC2 instance" => "ec2:TerminateInstances",
        _ => return None,
    };
    let failed = matches!(status.as_str(), "Failed" | "Cancelled");
    Some(Act {
        at,
        call: call.to_owned(),
        instances: BTreeSet::from([InstanceId::new(id.trim()).ok()?]),
        by: format!("Auto Scaling for the group {group}"),
        refused: failed.then(|| says.unwrap_or(status)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Known;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn a_refresh_held_while_it_ran() {
        let refresh = |from, until: Option<i64>, status: &str| Refresh {
            from: Some(at(from)),
            until: until.map(at),
            status: status.to_owned(),
        };
        let timeline = refreshed(
            at(100),
            vec![
                refresh(300, None, "InProgress"),
                refresh(50, Some(90), "Successful"),
                refresh(200, Some(210), "Failed"),
            ],
        );
        for (minute, expected) in [
            (100, None),
            (150, None),
            (205, Some("InProgress")),
            (220, None),
            (301, Some("InProgress")),
        ] {
            let (told, known) = timeline.at(at(minute)).unwrap();
            assert_eq!((told.as_deref(), known), (expected, Known::Then), "{minute}");
        }
    }

    #[test]
    fn an_activity_is_the_call_that_the_group_made() {
        let group = GroupName::new("web").unwrap();
        let told = |description: &str, status: &str| {
            let (description, status) = (description.to_owned(), status.to_owned());
            let says = Some("no capacity".to_owned());
            let act = act_of(&group, Activity { at: at(1), description, status, says })?;
            Some((act.call, act.refused))
        };
        assert_eq!(
            told("Terminating EC2 instance: i-0123abcd", "Successful"),
            Some(("ec2:TerminateInstances".to_owned(), None))
        );
        assert_eq!(
            told("Launching a new EC2 instance: i-0123abcd", "Failed"),
            Some(("ec2:RunInstances".to_owned(), Some("no capacity".to_owned())))
        );
        for other in ["Launching a new EC2 instance", "Attaching a load balancer: web", "x: y"] {
            assert_eq!(told(other, "Failed"), None, "{other}");
        }
    }
}
