//! The parsers of text from outside, fed with what nobody should send.
//!
//! Each begins with texts as they are sent and changes them at random, thousands of times in
//! every run and in any number where `PROPTEST_CASES` asks for more. It is no fuzzer that
//! watches which code an input reaches: those need a nightly compiler.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::test_runner::Config;

mod alarm;
mod change;
mod host_report;
mod row;
mod trigger;

/// So many cases of each property are tried at least.
const CASES: u32 = 2_000;

fn config() -> Config {
    let asked = Config::default();
    Config { cases: asked.cases.max(CASES), failure_persistence: None, ..asked }
}

/// A text of this length is read at once: it is the longest event that Lambda takes (Lambda
/// developer guide, "Lambda quotas": asynchronous invocations, 1 MB since 2025, 256 KB before),
/// and longer than what a host says or a row holds.
const BYTES_MAX: usize = 256 * 1024;

/// "At once", in the reader's own time on its processor; a build for tests is some times slower.
const NANOSECONDS_MAX: u64 = if cfg!(debug_assertions) { 500_000_000 } else { 50_000_000 };

/// How long this thread has been at work (Linux, `Documentation/scheduler/sched-stats.rst`).
/// Elsewhere nobody measures it.
fn worked() -> Option<u64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok()
}

/// What `read` makes of a text; fails if that takes too long.
fn at_once<T>(text: &str, read: impl FnOnce(&str) -> T) -> T {
    let before = worked();
    let answer = read(text);
    if let (Some(before), Some(after)) = (before, worked())
        && text.len() <= BYTES_MAX
    {
        assert!(after - before <= NANOSECONDS_MAX, "{} ns for {text:?}", after - before);
    }
    answer
}

/// The texts of the files in `folder` whose names end with `extension`, in the order of the names.
fn texts(folder: &Path, extension: &str) -> Vec<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|other| other == extension))
        .collect();
    paths.sort();
    assert!(paths.len() > 5, "nothing to begin with in {}", folder.display());
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}
