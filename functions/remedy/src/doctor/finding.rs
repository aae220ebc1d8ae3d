//! What was found, about whom, and how it is mended.

use serde::Serialize;

use super::code::{Code, Severity};
use super::fleet::Fleet;
use crate::model::unknown::Unknown;
use crate::observe::facts::Fact;

/// Something that keeps Remedy from hearing, acting or telling as its owner expects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The check.
    pub code: Code,
    /// What it is about: an alarm's name, an instance, a group.
    pub about: String,
    /// What was seen.
    pub seen: String,
    /// The command or the setting that mends it.
    pub mend: String,
}

/// What could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unclear {
    /// What would have been looked at.
    pub what: &'static str,
    /// Why it was not.
    pub why: String,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Alarms of the region.
    pub alarms: usize,
    /// Instances of the region.
    pub instances: usize,
    /// Auto Scaling groups of the region.
    pub groups: usize,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What is wrong, the gravest first.
    pub findings: Vec<Finding>,
    /// What is not known.
    pub unknown: Vec<Unclear>,
    /// How much was looked at.
    pub looked_at: Looked,
}

impl Diagnosis {
    /// Nothing is found yet.
    pub(super) fn of(fleet: &Fleet) -> Self {
        fn count<T>(fact: &Fact<T>, len: impl Fn(&T) -> usize) -> usize {
            match fact {
                Fact::Known(all) => len(all),
                Fact::Unknown(_) => 0,
            }
        }
        let looked_at = Looked {
            alarms: count(&fleet.alarms, Vec::len),
            instances: count(&fleet.instances, std::collections::BTreeMap::len),
            groups: count(&fleet.groups, std::collections::BTreeMap::len),
        };
        Self { findings: Vec::new(), unknown: Vec::new(), looked_at }
    }

    /// Notes what was `seen` about somebody. Names for the mending command are `(name, value)`.
    pub(super) fn find(
        &mut self,
        code: Code,
        about: &str,
        seen: impl Into<String>,
        names: &[(&str, &str)],
    ) {
        let row = code.row();
        let mend = names.iter().fold(row.mend.to_owned(), |mend, (name, value)| {
            mend.replace(&format!("{{{name}}}"), &quoted(value))
        });
        self.findings.push(Finding {
            severity: row.severity,
            code,
            about: about.to_owned(),
            seen: seen.into(),
            mend,
        });
    }

    /// The fact, if it is known; else it is noted what could not be looked at.
    pub(super) fn known<'a, T>(&mut self, what: &'static str, fact: &'a Fact<T>) -> Option<&'a T> {
        match fact {
            Fact::Known(value) => Some(value),
            Fact::Unknown(unknown) => {
                self.doubt(what, unknown);
                None
            }
        }
    }

    /// Notes once what could not be looked at.
    pub(super) fn doubt(&mut self, what: &'static str, unknown: &Unknown) {
        let why = match unknown {
            Unknown::NotAsked { .. } => {
                "only your own credentials may ask that: `remedy doctor`".to_owned()
            }
            Unknown::Call(_) | Unknown::NotTold { .. } => unknown.to_string(),
        };
        let unclear = Unclear { what, why };
        if !self.unknown.contains(&unclear) {
            self.unknown.push(unclear);
        }
    }

    /// Notes that something was read and is not understood.
    pub(super) fn garbled(&mut self, what: &'static str, about: &str, why: &str) {
        self.unknown.push(Unclear { what, why: format!("{about}: {why}") });
    }

    /// The gravest first, and then by the table, so that the same fleet gives the same words.
    pub(super) fn in_order(mut self) -> Self {
        self.findings.sort();
        self.findings.dedup();
        self.unknown.sort();
        self
    }

    /// Whether nothing has to be mended, and everything was seen. What is only worth knowing
    /// does not count.
    pub fn is_well(&self) -> bool {
        self.unknown.is_empty()
            && self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }
}

/// A value as a shell takes it as one word.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        assert_eq!(quoted("web-cpu_1.x"), "web-cpu_1.x");
        assert_eq!(quoted("it's $(id)"), r"'it'\''s $(id)'");
        assert_eq!(quoted(""), "''");
    }
}
