//! The ledger's table: one item for each instance, changed only by conditional
//! writes, and only under the conditions that [`remedy::ports::ledger::Ledger`]
//! documents; a row for each incident that has ended; and for each group when
//! its members were replaced.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use remedy::model::alarm::Symptom;
use remedy::model::brake::Tries;
use remedy::model::growth::{Grown, Growth, GrowthBook};
use remedy::model::ids::{GroupName, IncidentId, InstanceId, VolumeId};
use remedy::model::incident::{Incident, Stage};
use remedy::model::pause::{Pause, Scope};
use remedy::model::pool::{Lease, Pool, PoolBook, Sighting, sick_window};
use remedy::model::repeats::{Occurrence, Occurrences};
use remedy::model::rung::Rung;
use remedy::ports::ledger::{Counted, Due, DueOne, Leased, Recorded};

/// So many sick members of a pool are noted in one window at most.
const SICK_MAX: usize = 64;

/// Who was first in each window, and how many there were.
type Windows = BTreeMap<Timestamp, (String, u64)>;

/// A step from stage to stage, or into an incident's first.
pub type Move = (Option<Stage>, Stage);

/// A mistake in what stands between Remedy and AWS, such as a condition that a write does not
/// have: it is made on purpose, to see whether anybody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An incident is opened whoever holds the instance.
    OpensOverAnother,
    /// An incident is written over any version of it.
    WritesOverAnyVersion,
    /// A slot is taken from whoever holds it.
    TakesSlotsFromOthers,
    /// A slot is never given back.
    KeepsSlots,
    /// A slot is taken and not written down.
    GivesOneSlotToTwo,
    /// A reboot whose answer was lost is asked for again at once.
    RepeatsLostCalls,
    /// A message counts as heard and is sent to nobody.
    TellsNobody,
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    flaw: Option<Flaw>,
    latest: BTreeMap<InstanceId, Incident>,
    ended: Vec<Incident>,
    replaced: BTreeMap<(GroupName, Symptom), BTreeSet<(Timestamp, InstanceId)>>,
    leases: BTreeMap<(Pool, u32), Lease>,
    sick: BTreeMap<(Pool, Symptom, i64), BTreeMap<InstanceId, Sighting>>,
    pauses: BTreeMap<Scope, Pause>,
    tries: BTreeMap<(Pool, Symptom, Rung), Tries>,
    repeats: BTreeMap<(Option<GroupName>, String), Windows>,
    rival: Option<Incident>,
    growths: BTreeMap<VolumeId, BTreeMap<IncidentId, Grown>>,
    grown_gib: BTreeMap<i64, u32>,
    moves: BTreeMap<Move, u64>,
}

impl Book {
    /// The newest incident of `instance`.
    pub fn latest(&self, instance: &InstanceId) -> Option<&Incident> {
        self.latest.get(instance)
    }

    /// The newest incident of every instance that ever had one.
    pub fn all_latest(&self) -> impl Iterator<Item = &Incident> + Clone {
        self.latest.values()
    }

    /// The rows of incidents that have ended, in the order they did.
    pub fn ended(&self) -> &[Incident] {
        &self.ended
    }

    /// When members of `group` were replaced for `symptom`, oldest first.
    pub fn replaced(&self, group: &GroupName, symptom: Symptom) -> Vec<Timestamp> {
        let replaced = self.replaced.get(&(group.clone(), symptom));
        replaced.into_iter().flatten().map(|(at, _)| *at).collect()
    }

    /// The leases of `pool`, void ones too.
    pub fn leases(&self, pool: &Pool) -> Vec<Lease> {
        let of_pool = |lease: &&Lease| lease.pool == *pool;
        self.leases.values().filter(of_pool).cloned().collect()
    }

    /// Every lease there is, void ones too.
    pub fn all_leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }

    /// Every pause there is, those that have ended too.
    pub fn pauses(&self) -> Vec<Pause> {
        self.pauses.values().cloned().collect()
    }

    /// What is known about `pool` and `symptom` at `now`.
    pub fn pool(&self, pool: &Pool, symptom: Symptom, now: Timestamp) -> PoolBook {
        let replaced = match pool {
            Pool::Group(group) => self.replaced(group, symptom),
            Pool::Standalone(_) | Pool::Zone(_) => Vec::new(),
        };
        let rungs = [Rung::Reboot, Rung::Replace].into_iter();
        let tries = rungs.filter_map(|rung| {
            let tries = self.tries.get(&(pool.clone(), symptom, rung))?;
            Some((rung, tries.clone()))
        });
        PoolBook {
            leases: self.leases(pool),
            sick: self.sick(pool, symptom, now),
            replaced,
            tries: tries.collect(),
        }
    }

    fn sick(&self, pool: &Pool, symptom: Symptom, now: Timestamp) -> Vec<Sighting> {
        let window = sick_window(now);
        let noted = |window| self.sick.get(&(pool.clone(), symptom, window));
        let rows = [window - 1, window].into_iter().filter_map(noted);
        rows.flat_map(BTreeMap::values).cloned().collect()
    }

    /// From now on a condition is forgotten.
    pub fn forget(&mut self, flaw: Flaw) {
        self.flaw = Some(flaw);
    }

    /// Whether that mistake is made.
    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Puts an incident into the table, whatever stands there.
    pub fn put(&mut self, incident: Incident) {
        self.note_move(&incident);
        self.latest.insert(incident.instance_id.clone(), incident);
    }

    /// Counts the step to `next`, if it is one.
    fn note_move(&mut self, next: &Incident) {
        let before = self.latest(&next.instance_id).filter(|before| before.id == next.id);
        let before = before.map(|before| before.stage);
        if before != Some(next.stage) {
            *self.moves.entry((before, next.stage)).or_default() += 1;
        }
    }

    /// How often incidents took each step from stage to stage.
    pub fn moves(&self) -> &BTreeMap<Move, u64> {
        &self.moves
    }

    /// Every row, and nothing that only counts; those that have ended by their ids, whichever
    /// ended first.
    pub fn rows(&self) -> impl std::fmt::Debug {
        let Self {
            flaw,
            latest,
            ended,
            replaced,
            leases,
            sick,
            pauses,
            repeats,
            rival,
            moves: _,
            growths,
            grown_gib,
            tries,
        } = self;
        let ended: BTreeMap<_, _> = ended.iter().map(|ended| (&ended.id, ended)).collect();
        (
            (flaw, latest, ended, replaced),
            (leases, sick, pauses),
            (repeats, rival, growths, grown_gib, tries),
        )
    }

    /// Has another writer be first the next time an incident is opened.
    pub fn rival(&mut self, incident: Incident) {
        self.rival = Some(incident);
    }

    /// Opens `incident` if the instance has no incident, or one that answers
    /// other actions and does not hold the instance at `now`.
    pub fn open(&mut self, incident: &Incident, now: Timestamp) -> Recorded {
        if let Some(rival) = self.rival.take() {
            self.put(rival);
        }
        match self.latest(&incident.instance_id) {
            Some(other)
                if other.answers(&incident.transition_id)
                    || (other.holds(now) && !self.has(Flaw::OpensOverAnother)) =>
            {
                Recorded::Already(Box::new(other.clone()))
            }
            _ => match &incident.lease {
                Some(lease) if !self.take_slot(lease, now) => Recorded::SlotTaken,
                _ => {
                    self.put(incident.clone());
                    Recorded::New
                }
            },
        }
    }

    /// Takes a slot if nobody else holds it at `now`.
    fn take_slot(&mut self, lease: &Lease, now: Timestamp) -> bool {
        let slot = (lease.pool.clone(), lease.slot);
        let free = self
            .leases
            .get(&slot)
            .is_none_or(|held| held.until <= now || held.incident == lease.incident);
        let free = free || self.has(Flaw::TakesSlotsFromOthers);
        if free && !self.has(Flaw::GivesOneSlotToTwo) {
            self.leases.insert(slot, lease.clone());
        }
        free
    }

    /// Writes `incident` like [`record`](Self::record), and takes the slot of
    /// its lease: both or neither.
    pub fn record_with_lease(&mut self, incident: &Incident, now: Timestamp) -> Leased {
        if !self.is_next(incident) {
            return Leased::Outrun;
        }
        match &incident.lease {
            Some(lease) if !self.take_slot(lease, now) => Leased::SlotTaken,
            _ => {
                self.record(incident);
                Leased::Won
            }
        }
    }

    /// What is known about the growth of `volume`, and of all on the day of `now`.
    pub fn growths(&self, volume: &VolumeId, now: Timestamp) -> GrowthBook {
        GrowthBook {
            of_volume: self
                .growths
                .get(volume)
                .into_iter()
                .flatten()
                .map(|(_, it)| it.clone())
                .collect(),
            region_today_gib: self.grown_gib.get(&day(now)).copied().unwrap_or_default(),
        }
    }

    /// Writes `incident` like [`record`](Self::record), and counts its growth.
    pub fn record_with_growth(
        &mut self,
        incident: &Incident,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Counted {
        let Some(growth) = incident.growth() else { return Counted::Contended };
        if !self.is_next(incident) {
            return Counted::Outrun;
        }
        let known = self.growths(&growth.volume, now);
        let today = known.region_today_gib + growth.added_gib();
        if known.of_volume.len() != book.of_volume.len() || today > a_day_gib {
            return Counted::Contended;
        }
        let grown = Grown { at: now, to_gib: growth.to_gib };
        self.growths.entry(growth.volume.clone()).or_default().insert(incident.id.clone(), grown);
        self.grown_gib.insert(day(now), today);
        self.record(incident);
        Counted::Won
    }

    /// Takes back that a volume was to grow, once.
    pub fn forget_growth(&mut self, growth: &Growth, incident: &IncidentId, counted_at: Timestamp) {
        let of_volume = self.growths.entry(growth.volume.clone()).or_default();
        if of_volume.remove(incident).is_some() {
            let of_day = self.grown_gib.entry(day(counted_at)).or_default();
            *of_day = of_day.saturating_sub(growth.added_gib());
        }
    }

    /// Gives a slot back, if its holder still holds it.
    pub fn release(&mut self, lease: &Lease) {
        let slot = (lease.pool.clone(), lease.slot);
        let holds = |held: &Lease| held.incident == lease.incident && !self.has(Flaw::KeepsSlots);
        if self.leases.get(&slot).is_some_and(holds) {
            self.leases.remove(&slot);
        }
    }

    /// Notes sick members that were seen at one time, in each window by their newest sighting,
    /// and gives who is noted in it.
    pub fn note_sick(
        &mut self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Vec<Sighting> {
        let Some(first) = sightings.first() else { return Vec::new() };
        let row = self.sick.entry((pool.clone(), symptom, sick_window(first.at))).or_default();
        for sighting in sightings {
            if row.len() < SICK_MAX || row.contains_key(&sighting.instance) {
                row.insert(sighting.instance.clone(), sighting.clone());
            }
        }
        row.values().cloned().collect()
    }

    /// Writes what became of tries over the version before it, and over nothing else.
    pub fn keep_tries(
        &mut self,
        (pool, symptom, rung): (&Pool, Symptom, Rung),
        tries: &Tries,
    ) -> bool {
        let row = self.tries.entry((pool.clone(), symptom, rung)).or_default();
        let won = row.version + 1 == tries.version;
        if won {
            row.clone_from(tries);
        }
        won
    }

    /// What became of the tries of `rung`.
    pub fn tries(&self, pool: &Pool, symptom: Symptom, rung: Rung) -> Tries {
        self.tries.get(&(pool.clone(), symptom, rung)).cloned().unwrap_or_default()
    }

    /// Sets a pause, and forgets those that have ended.
    pub fn pause(&mut self, pause: &Pause) -> Vec<Pause> {
        self.pauses.retain(|_, old| old.is_in_force(pause.since));
        self.pauses.insert(pause.scope.clone(), pause.clone());
        self.pauses()
    }

    /// Lifts a pause.
    pub fn lift(&mut self, scope: &Scope) -> Vec<Pause> {
        self.pauses.remove(scope);
        self.pauses()
    }

    fn is_next(&self, incident: &Incident) -> bool {
        self.latest(&incident.instance_id)
            .is_some_and(|old| old.id == incident.id && self.follows(old, incident))
    }

    fn follows(&self, old: &Incident, incident: &Incident) -> bool {
        old.version + 1 == incident.version || self.has(Flaw::WritesOverAnyVersion)
    }

    /// Writes `incident` over the version before it, and over nothing else.
    pub fn record(&mut self, incident: &Incident) -> bool {
        let won = self.is_next(incident);
        if won {
            self.put(incident.clone());
        }
        won
    }

    /// Ends an incident over the version before it: it stays as a row of its own,
    /// and its successor takes its place.
    pub fn end(&mut self, ended: &Incident, successor: Option<&Incident>) -> bool {
        let won = self.is_next(ended);
        if won {
            self.note_move(ended);
            self.put(successor.unwrap_or(ended).clone());
            self.ended.push(ended.clone());
        }
        won
    }

    /// Counts one more telling in its window.
    pub fn count(&mut self, occurrence: &Occurrence) -> Occurrences {
        let cause = (occurrence.group.clone(), occurrence.cause.clone());
        let windows = self.repeats.entry(cause).or_default();
        let (first, here) = windows.entry(occurrence.window).or_insert((occurrence.by.clone(), 0));
        *here += 1;
        let (is_first, here) = (*first == occurrence.by, *here);
        let before = windows.range(..occurrence.window).next_back().map_or(0, |(_, (_, n))| *n);
        Occurrences { is_first, here, before }
    }

    /// Notes that a member of `group` is being replaced. The same member at the
    /// same time is noted once.
    pub fn note_replacement(
        &mut self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) {
        let replaced = self.replaced.entry((group.clone(), symptom)).or_default();
        replaced.insert((at, instance.clone()));
    }

    /// The incident by that id of `instance`, open or ended; of no instance in particular one
    /// that has ended.
    pub fn kept(&self, instance: Option<&InstanceId>, incident: &IncidentId) -> Option<Incident> {
        let of_it = |it: &&Incident| {
            it.id == *incident && instance.is_none_or(|instance| it.instance_id == *instance)
        };
        let open = self.latest.values().filter(|_| instance.is_some());
        open.chain(&self.ended).find(of_it).cloned()
    }

    /// The index of open incidents: whose is due at `now`, longest due first.
    pub fn who_is_due(&self, now: Timestamp) -> Vec<DueOne> {
        let due = |incident: &&Incident| incident.stage.is_open() && incident.due_at <= now;
        let one = |incident: &Incident| DueOne {
            instance: incident.instance_id.clone(),
            at: incident.due_at,
        };
        let mut due: Vec<DueOne> = self.latest.values().filter(due).map(one).collect();
        due.sort_by_key(|one| one.at);
        due
    }

    /// The open incidents that are due at `now`, longest due first.
    pub fn due(&self, now: Timestamp, limit: usize) -> Due {
        let due = self.who_is_due(now).into_iter().take(limit);
        let incidents = due.filter_map(|one| self.latest(&one.instance).cloned()).collect();
        Due { incidents, ..Due::default() }
    }
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(24 * 60 * 60)
}
