//! The two parsers of hostile text, fed with what nobody should send.
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

/// So many cases of each property are tried at least.
const CASES: u32 = 2_000;

fn config() -> Config {
    let asked = Config::default();
    Config { cases: asked.cases.max(CASES), failure_persistence: None, ..asked }
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
