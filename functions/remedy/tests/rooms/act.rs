//! What each symptom's document is told.

use remedy::act::Relief;
use remedy::alarm::Alarm;
use remedy::alarm::Symptom::{DiskFull, HighCpu, MemoryPressure};
use remedy::ids::{MountPoint, UnitName};
use remedy::policy::Policy;

use crate::given::{alarm, policy};

#[test]
fn each_symptom_is_relieved_by_its_own_means() {
    let units = vec![UnitName::new("app.service").unwrap()];
    let policy = Policy { units: units.clone(), disk_target_percent: 75, ..policy() };

    let mount = MountPoint::new("/var").unwrap();
    let relief = Relief::of(&alarm(DiskFull), &policy);
    assert_eq!(relief, Relief::Disk { mount, target_percent: 75 });

    let relief = Relief::of(&alarm(MemoryPressure), &policy);
    assert_eq!(relief, Relief::Memory { units: units.clone() });
    assert_eq!(Relief::of(&alarm(HighCpu), &policy), Relief::Cpu { units });
}

#[test]
fn a_disk_alarm_without_a_mount_point_is_about_the_root() {
    let alarm = Alarm { mount: None, ..alarm(DiskFull) };
    let relief = Relief::of(&alarm, &policy());
    assert_eq!(relief, Relief::Disk { mount: MountPoint::root(), target_percent: 80 });
}
