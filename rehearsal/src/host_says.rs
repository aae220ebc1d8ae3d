//! What a host would have printed, whom nobody asked then: as the scripts print it
//! (docs/host-scripts.md).

use remedy::model::alarm::Symptom;
use remedy::model::ids::MountPoint;
use remedy::observe::host_report::{MARKER, Mode};
use remedy::ports::touch::{CleanupOrder, Relief};
use serde_json::{Value, json};

/// What the result line is called for a symptom.
fn action(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::DiskFull => "disk-clean",
        Symptom::MemoryPressure => "memory-relief",
        Symptom::ServiceDown => "service-restart",
        Symptom::HighCpu | Symptom::Unreachable => "cpu-relief",
    }
}

/// What a script prints that was asked to look, or to relieve. Nobody is logged in, nothing is
/// being installed: who was, then, nobody has kept.
pub(crate) fn printed(order: &CleanupOrder, mode: Mode, helps: bool, level: Option<f64>) -> String {
    let (status, code, reason) = match (mode, helps) {
        (Mode::Report, _) => ("report", "looked", "looked only"),
        (Mode::Apply, true) => ("ok", "relieved", "relieved, as is supposed"),
        (Mode::Apply, false) => ("insufficient", "insufficient", "did not help, as is supposed"),
    };
    let mut line = json!({
        "v": 1,
        "action": action(order.symptom),
        "status": status,
        "code": code,
        "reason": reason,
        "mode": mode,
        "preflight": {
            "boot_id": "rehearsed",
            "persons": 0,
            "packages_busy": false,
            "fstab_ok": true,
        },
        "seconds": 3,
    });
    if let (Relief::Disk { mount, target_percent, alarm_percent, .. }, Some(line)) =
        (&order.relief, line.as_object_mut())
    {
        let used = level.unwrap_or(100.0).clamp(0.0, 100.0);
        let whole = (0..=100_u8).find(|whole| f64::from(*whole) >= used).unwrap_or(100);
        let of_disk: [(&str, Value); 4] = [
            ("mount", json!(mount.as_ref().map_or("/", MountPoint::as_str))),
            ("target_percent", json!(target_percent)),
            ("alarm_percent", json!(alarm_percent)),
            ("used_percent_before", json!(whole)),
        ];
        line.extend(of_disk.map(|(name, value)| (name.to_owned(), value)));
    }
    format!("{MARKER}{line}\n")
}
