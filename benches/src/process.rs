//! A running function, and what the kernel says about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Error;

/// Lambda gives 1,769 MB one processor, and less memory its share of one
/// (Lambda developer guide, "Configure Lambda function memory"), in periods of
/// 20 ms.
const PERIOD: Duration = Duration::from_millis(20);

/// The share of a processor that goes with 128 MB.
pub const SHARE_OF_128_MB: f64 = 128.0 / 1769.0;

/// A process that ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// When it was started.
    pub started: Instant,
}

impl Process {
    /// Runs `program` with these variables and no others.
    pub fn start(program: &[PathBuf], variables: &[(String, String)]) -> Result<Self, Error> {
        let (first, rest) = program.split_first().ok_or("no program")?;
        let mut command = Command::new(first);
        command.args(rest).env_clear().envs(variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().map_err(|error| format!("{}: {error}", first.display()))?;
        Ok(Self { child, started })
    }

    /// Runs `program` with a share of one processor from its first moment on: a
    /// shell joins the group and becomes the program.
    pub fn start_within(
        limit: &Limit,
        program: &[PathBuf],
        variables: &[(String, String)],
    ) -> Result<Self, Error> {
        let join = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        let shell = ["/bin/sh", "-c", join].map(PathBuf::from);
        Self::start(&[&shell[..], std::slice::from_ref(&limit.group), program].concat(), variables)
    }

    /// Whether it has ended, which a function never does by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time of all its threads so far.
    pub fn processor_time(&self) -> Result<Duration, Error> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanoseconds += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Resident memory in KB: now, or the most there ever was.
    pub fn memory(&self, peak: bool) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let wanted = if peak { "VmHWM:" } else { "VmRSS:" };
        let line = status.lines().find_map(|line| line.strip_prefix(wanted));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no memory in /proc")?.parse()?)
    }

    /// Runs with a share of one processor from now on.
    pub fn limit(&self, to: &Limit) -> Result<(), Error> {
        Ok(fs::write(to.group.join("cgroup.procs"), self.child.id().to_string())?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A share of one processor, as a control group of the kernel's.
#[derive(Debug)]
pub struct Limit {
    group: PathBuf,
}

impl Limit {
    /// Makes the group. Only root may.
    pub fn new(share: f64) -> Result<Self, Error> {
        let quota = PERIOD.mul_f64(share).as_micros();
        let period = PERIOD.as_micros();
        let name = format!("remedy-bench-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/cpu");
        let (group, files) = if first.is_dir() {
            let files = [
                ("cpu.cfs_period_us", format!("{period}")),
                ("cpu.cfs_quota_us", format!("{quota}")),
            ];
            (first.join(name), files.to_vec())
        } else {
            let files = [("cpu.max", format!("{quota} {period}"))];
            (Path::new("/sys/fs/cgroup").join(name), files.to_vec())
        };
        fs::create_dir(&group).map_err(|error| format!("{}: {error}", group.display()))?;
        let limit = Self { group };
        for (file, value) in files {
            fs::write(limit.group.join(file), value)?;
        }
        Ok(limit)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _left = fs::remove_dir(&self.group);
    }
}
