//! Keeping incidents, pools and repeats.

use crate::model::alarm::Symptom;
use crate::model::brake::Tries;
use crate::model::growth::{Growth, GrowthBook};
use crate::model::ids::{GroupName, IncidentId, InstanceId};
use crate::model::incident::Incident;
use crate::model::pause::{Pause, Scope};
use crate::model::pool::{Lease, Pool, Sighting};
use crate::model::repeats::{Occurrence, Occurrences};
use crate::model::rung::Rung;
use crate::model::unknown::CallFailed;
use jiff::Timestamp;

/// Keeps incidents.
pub trait Ledger {
    /// Writes a new incident in one conditional write, which succeeds only if
    /// the ledger holds no incident of the instance, or one that neither
    /// [answers](Incident::answers) the same action nor still
    /// [holds](Incident::holds) the instance. A retry that finds the row of an
    /// earlier try, whose answer was lost, has succeeded too.
    /// If the incident has a lease, the same transaction takes its slot in the
    /// pool's budget: both are written, or neither.
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed>;

    /// Writes a later state of an open incident in one conditional write, which
    /// succeeds only over the version before it. `false` if another writer won.
    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed>;

    /// Ends an incident, under the same condition. One transaction keeps it as a
    /// row of its own for 90 days, and puts its successor, if there is one, where
    /// it was.
    async fn end(&self, ended: &Incident, successor: Option<&Incident>)
    -> Result<bool, CallFailed>;

    /// Like [`record`](Self::record), and takes the slot of the incident's
    /// lease in the same transaction, if nobody holds it at `now`.
    async fn record_with_lease(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Leased, CallFailed>;

    /// Like [`record`](Self::record), and counts the growth that the incident intends: once
    /// for its volume, if no other was counted since `book` was read, and its GiB for the
    /// region's day, if there is room for them below `a_day_gib`. All are written, or none.
    async fn record_with_growth(
        &self,
        incident: &Incident,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Counted, CallFailed>;

    /// Takes back that the volume was to grow, where AWS has refused that: from what the volume
    /// has had, and its GiB from the region's day, that of `counted_at`. Idempotent.
    async fn forget_growth(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        counted_at: Timestamp,
    ) -> Result<(), CallFailed>;

    /// Gives a slot of a pool's budget back, if the incident still holds it.
    /// Idempotent.
    async fn release(&self, lease: &Lease) -> Result<(), CallFailed>;

    /// Notes that members of `pool` show `symptom`, each once for a time window,
    /// and gives all that are noted in that window. They were seen at one time.
    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Result<Vec<Sighting>, CallFailed>;

    /// Sets a pause, over one of the same scope, and forgets those that ended
    /// before it was set. Gives all there are now.
    async fn pause(&self, pause: &Pause) -> Result<Vec<Pause>, CallFailed>;

    /// Lifts the pause of `scope`, if there is one. Gives all that are left.
    async fn lift(&self, scope: &Scope) -> Result<Vec<Pause>, CallFailed>;

    /// Every pause there is, those that have ended too.
    async fn pauses(&self) -> Result<Vec<Pause>, CallFailed>;

    /// Counts one more telling in its window, in one write, and gives how many
    /// there are. The write may be repeated: a teller that was the window's first
    /// is still the first when it counts again.
    async fn count(&self, occurrence: &Occurrence) -> Result<Occurrences, CallFailed>;

    /// Notes that the member `instance` of `group` is being replaced for `symptom`.
    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) -> Result<(), CallFailed>;

    /// Writes what became of the tries of `rung` for `symptom` in `pool`, in one conditional
    /// write, which succeeds only over the version before it. `false` if another writer won.
    async fn keep_tries(
        &self,
        pool: &Pool,
        symptom: Symptom,
        rung: Rung,
        tries: &Tries,
    ) -> Result<bool, CallFailed>;

    /// The incident by that id of `instance`, open or ended; without an instance one that has
    /// ended, whosever it was. `None` if there is none. What ended under 0.1.0 is found by its
    /// instance alone.
    async fn kept(
        &self,
        instance: Option<&InstanceId>,
        incident: &IncidentId,
    ) -> Result<Option<Incident>, CallFailed>;

    /// Whose incident is open and due at `now`, longest due first: one look at an index that
    /// holds open incidents only, and of them no more than that.
    async fn who_is_due(&self, now: Timestamp) -> Result<Vec<DueOne>, CallFailed>;

    /// The same with the incidents themselves, at most `limit`.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, CallFailed>;
}

/// That an instance's incident is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOne {
    /// The instance.
    pub instance: InstanceId,
    /// Since when it is due.
    pub at: Timestamp,
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The incidents, longest due first.
    pub incidents: Vec<Incident>,
    /// What is due and cannot be read, such as what a newer version has written.
    /// It stays due, and holds up no other incident.
    pub unreadable: Vec<CallFailed>,
}

/// What became of a claim's write.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// It is written, and ours.
    New,
    /// Another incident stands in its place.
    Already(Box<Incident>),
    /// The slot in the pool's budget went to another incident.
    SlotTaken,
}

/// What became of a write that takes a slot of a pool's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// Both are written.
    Won,
    /// Another writer had the incident first.
    Outrun,
    /// The slot went to another incident.
    SlotTaken,
}

/// What became of a write that counts a growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is written, and counted.
    Won,
    /// Another writer had the incident first.
    Outrun,
    /// Another growth was counted first.
    Contended,
}
