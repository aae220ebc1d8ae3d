//! Would Remedy hear, act and tell? Every link of the chain from an alarm to a person is looked
//! at before it is needed, by the code that decides when it is.
//!
//! What a check finds has a code and a row in [`code`]. What could not be read is told as
//! unknown, and never as well.

pub mod code;

pub mod event;

pub mod fleet;

pub mod finding;

mod alarms;

mod instances;

mod groups;

mod people;

mod itself;

pub mod told;

use self::finding::Diagnosis;
use self::fleet::Fleet;
use crate::model::policy::Policy;

/// Everything that is found about a fleet.
pub fn diagnose(fleet: &Fleet, policy: &Policy) -> Diagnosis {
    let mut diagnosis = Diagnosis::of(fleet);
    let watched = alarms::check(fleet, policy, &mut diagnosis);
    instances::check(fleet, policy, &watched, &mut diagnosis);
    groups::check(fleet, &mut diagnosis);
    people::check(fleet, &mut diagnosis);
    itself::check(fleet, policy, &watched, &mut diagnosis);
    diagnosis.in_order()
}
