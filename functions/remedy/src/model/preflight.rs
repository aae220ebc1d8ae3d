//! What somebody must know of a host before it is disrupted, as its own script found it.

use serde::{Deserialize, Serialize};

use crate::model::host_text::{HostText, bounded, known};

/// What a host's own script found that matters before it is restarted or replaced. `None`
/// is "nobody can say". Every field is told, or decides something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Logins and Session Manager sessions.
    #[serde(default)]
    pub persons: Option<u64>,
    /// Whether packages are being installed.
    #[serde(default)]
    pub packages_busy: Option<bool>,
    /// Whether the next boot gets past fstab: false if a line would end it in emergency mode.
    #[serde(default)]
    pub fstab_ok: Option<bool>,
    /// That line, and what is wrong with it.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub fstab_unfit: Option<HostText>,
    /// Whether what fills the disk is what a reboot frees: files below `/tmp`, or files that
    /// are deleted and still held open. The host does not say it: it is read from what does.
    #[serde(default)]
    pub reboot_frees: Option<bool>,
    /// The kernel's identifier of this boot: it changes when the host really rebooted.
    #[serde(default, deserialize_with = "known")]
    pub boot_id: Option<HostText>,
    /// Jobs that systemd has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_pending: Option<u64>,
    /// How many units have failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_count: Option<u64>,
    /// The first of them.
    #[serde(default, deserialize_with = "bounded", skip_serializing_if = "Vec::is_empty")]
    pub failed_units: Vec<HostText>,
    /// Services with open logs below `/tmp` or `/var/tmp`, which a reboot may delete.
    #[serde(default, deserialize_with = "bounded", skip_serializing_if = "Vec::is_empty")]
    pub tmp_logs: Vec<HostText>,
    /// Files with credentials that override the instance's role; names only.
    #[serde(default, deserialize_with = "bounded", skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<HostText>,
    /// A hybrid activation, which writes a credentials file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hybrid: Option<bool>,
    /// Whether the root file system is mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_root: Option<bool>,
    /// Whether `/tmp` lies in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmp_on_tmpfs: Option<bool>,
    /// Whether the journal is lost at a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile_journal: Option<bool>,
    /// Whether a package asks for a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot_required: Option<bool>,
    /// Whether the instance has a store that does not survive a stop or a replacement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_store: Option<bool>,
}

impl Preflight {
    /// What a person must know of the host, in plain words; first what would be hurt most.
    /// A field that is neither told here nor decides anything does not compile.
    pub fn told(&self) -> Vec<String> {
        let Self {
            persons,
            packages_busy,
            fstab_ok,
            fstab_unfit,
            reboot_frees: _, // Decides whether a reboot helps a full disk.
            boot_id: _,      // Tells a reboot that happened from one that did not.
            jobs_pending,
            failed_count,
            failed_units,
            tmp_logs,
            credentials,
            hybrid,
            read_only_root,
            tmp_on_tmpfs,
            volatile_journal,
            reboot_required,
            instance_store,
        } = self;
        let mut told = Vec::new();
        let mut tell = |is: bool, what: String| told.extend(is.then_some(what));
        let yes = |fact: &Option<bool>| *fact == Some(true);
        let some = |count: &Option<u64>| count.filter(|count| *count > 0);
        if let Some(count) = some(persons) {
            tell(true, format!("somebody works on the host ({count} logged in or in a session)"));
        }
        tell(yes(packages_busy), "packages are being installed".to_owned());
        if *fstab_ok == Some(false) {
            let line = fstab_unfit.as_ref().map(|line| format!(": {line}")).unwrap_or_default();
            tell(true, format!("the next boot would stop at a line of /etc/fstab{line}"));
        }
        tell(yes(instance_store), "a stop or a replacement loses its instance store".to_owned());
        tell(yes(read_only_root), "its root file system is mounted read-only".to_owned());
        let writes = if yes(hybrid) { " (its hybrid activation writes one itself)" } else { "" };
        for file in credentials {
            tell(true, format!("{file} on the host shadows the instance's role{writes}"));
        }
        for unit in tmp_logs {
            tell(true, format!("{unit} logs below /tmp or /var/tmp, which a reboot may empty"));
        }
        tell(yes(tmp_on_tmpfs), "/tmp lies in memory: a reboot empties it".to_owned());
        tell(yes(volatile_journal), "the journal lies in memory: a reboot loses it".to_owned());
        if let Some(count) = some(failed_count) {
            let names: Vec<&str> = failed_units.iter().map(HostText::as_str).collect();
            let first =
                if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            let more = count.saturating_sub(names.len() as u64);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            tell(true, format!("units have failed{first}{more}"));
        }
        if let Some(count) = some(jobs_pending) {
            tell(true, format!("systemd has not finished {count} of its jobs"));
        }
        tell(yes(reboot_required), "a package asks for a reboot".to_owned());
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_host_found_is_told_and_nothing_that_it_did_not() {
        let quiet = r#"{"boot_id":"b","persons":0,"packages_busy":false,"fstab_ok":true,
            "fstab_unfit":"","jobs_pending":0,"failed_count":0,"failed_units":[],"tmp_logs":[],
            "credentials":[],"hybrid":false,"read_only_root":false,"tmp_on_tmpfs":false,
            "volatile_journal":false,"reboot_required":false,"instance_store":false}"#;
        let quiet: Preflight = serde_json::from_str(quiet).unwrap();
        assert_eq!((quiet.told(), quiet.fstab_unfit), (Vec::new(), None));
        assert_eq!(Preflight::default().told(), Vec::<String>::new());
        let loud = r#"{"boot_id":"b","persons":2,"packages_busy":true,"fstab_ok":false,
            "fstab_unfit":"line 3: /data is not there","jobs_pending":4,"failed_count":3,
            "failed_units":["a.service","b.service"],"tmp_logs":["app.service"],
            "credentials":["/root/.aws/credentials"],"hybrid":true,"read_only_root":true,
            "tmp_on_tmpfs":true,"volatile_journal":true,"reboot_required":true,
            "instance_store":true}"#;
        let loud: Preflight = serde_json::from_str(loud).unwrap();
        assert_eq!(
            loud.told(),
            [
                "somebody works on the host (2 logged in or in a session)",
                "packages are being installed",
                "the next boot would stop at a line of /etc/fstab: line 3: /data is not there",
                "a stop or a replacement loses its instance store",
                "its root file system is mounted read-only",
                "/root/.aws/credentials on the host shadows the instance's role \
                 (its hybrid activation writes one itself)",
                "app.service logs below /tmp or /var/tmp, which a reboot may empty",
                "/tmp lies in memory: a reboot empties it",
                "the journal lies in memory: a reboot loses it",
                "units have failed: a.service, b.service and 1 more",
                "systemd has not finished 4 of its jobs",
                "a package asks for a reboot",
            ]
        );
    }
}
