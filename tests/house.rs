//! The rules of the house that the compiler and the lints cannot see. Every
//! finding names the file and the line.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use remedy::doctor::code::{Code, Row};
use remedy::model::alarm::Symptom;

/// Wider lines are cut off in a review with two columns.
const COLUMNS_MAX: usize = 100;

/// A longer function does not fit a screen.
const FUNCTION_LINES_MAX: usize = 70;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of ours below `folder`, by its path from the root.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let built = name.starts_with('.') || ["target", "__pycache__"].contains(&name);
            if built {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A file's lines with their places, such as `tests/house.rs:1`.
fn lines(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let place = |i: usize| format!("{}:{}", file.display(), i + 1);
    text.lines().enumerate().map(|(i, line)| (place(i), line.to_owned())).collect()
}

fn rust_files() -> Vec<PathBuf> {
    let all = ["cli", "functions", "rehearsal", "tests", "benches"].map(files).concat();
    let rust: Vec<PathBuf> =
        all.into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")).collect();
    assert!(rust.len() > 20, "the house is not where it was: {rust:?}");
    rust
}

fn none_of(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

const THINKING: &str = "functions/remedy/src";

/// The modules that a file declares, in its order.
fn modules(file: &Path) -> Vec<String> {
    let module = |line: &str| {
        let name =
            ["pub mod ", "pub(crate) mod ", "mod "].iter().find_map(|m| line.strip_prefix(m));
        Some(name?.strip_suffix(';')?.to_owned())
    };
    lines(file).iter().filter_map(|(_, line)| module(line)).filter(|name| name != "tests").collect()
}

/// Where something stands in the house: its layer, and its module in the layer. What stands in
/// the file of a layer itself comes after the layer's modules.
type Rank = (usize, usize);

/// The layers in the order of `lib.rs`, each with its modules in the order of its `mod.rs`.
struct Layers(Vec<(String, Vec<String>)>);

impl Layers {
    fn read() -> Self {
        let of_layer = |layer: String| {
            let file = Path::new(THINKING).join(&layer).join("mod.rs");
            let modules = if root().join(&file).is_file() { modules(&file) } else { Vec::new() };
            (layer, modules)
        };
        let layers = modules(&Path::new(THINKING).join("lib.rs"));
        assert!(layers.len() > 7, "no layers in lib.rs: {layers:?}");
        Self(layers.into_iter().map(of_layer).collect())
    }

    fn rank(&self, layer: &str, module: Option<&str>) -> Option<Rank> {
        let at = self.0.iter().position(|(name, _)| name == layer)?;
        let modules = &self.0[at].1;
        let inside = module.and_then(|module| modules.iter().position(|name| name == module));
        Some((at, inside.unwrap_or(modules.len())))
    }

    /// Where a file stands, by its path below `src`.
    fn rank_of(&self, file: &Path) -> Option<(String, Rank)> {
        let mut parts = file.iter().map(|part| part.to_str().unwrap().trim_end_matches(".rs"));
        let layer = parts.next()?;
        let module = parts.next().filter(|module| *module != "mod");
        Some((layer.to_owned(), self.rank(layer, module)?))
    }
}

/// What a line names: `crate::layer::module`, or `super::module` for a module beside it.
fn named(line: &str) -> Vec<(&'static str, Vec<String>)> {
    let code = line.split("//").next().unwrap_or_default();
    let words = |text: &str| -> Vec<String> {
        let path: String = text
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(*c))
            .collect();
        path.split("::").filter(|word| !word.is_empty()).take(2).map(str::to_owned).collect()
    };
    let after = |prefix: &'static str| {
        let paths = code.split(prefix).skip(1).map(words);
        paths.filter(|path| !path.is_empty()).map(move |path| (prefix, path)).collect::<Vec<_>>()
    };
    [after("crate::"), after("super::")].concat()
}

#[test]
fn every_arrow_between_layers_and_modules_goes_up() {
    let layers = Layers::read();
    let mut findings = Vec::new();
    for file in files(THINKING) {
        let inside = file.strip_prefix(THINKING).unwrap();
        if inside == Path::new("lib.rs") || inside.ends_with("tests.rs") {
            continue;
        }
        let (layer, own) =
            layers.rank_of(inside).unwrap_or_else(|| panic!("{} has no layer", file.display()));
        let nested = inside.iter().count() > 2;
        // What tests a module stands below it and may use the whole layer.
        let tested = |(_, line): &(String, String)| line != "#[cfg(test)]";
        for (at, line) in lines(&file).into_iter().take_while(tested) {
            if line.contains("crate::{") {
                findings.push(format!("{at}: name one layer on each line"));
            }
            for (prefix, path) in named(&line) {
                let other = match (prefix, path.as_slice()) {
                    ("crate::", [layer]) => layers.rank(layer, None),
                    ("crate::", [layer, module, ..]) => layers.rank(layer, Some(module)),
                    // What a folder inside a layer says of itself stays in its module.
                    (_, _) if nested => Some(own),
                    (_, [module, ..]) => layers.rank(&layer, Some(module)),
                    (_, []) => None,
                };
                if other.is_none_or(|other| other > own) {
                    findings.push(format!("{at}: may not import {}", path.join("::")));
                }
            }
        }
    }
    none_of(&findings, "a module imports only what stands above it");
}

#[test]
fn an_arrow_is_read_from_code_and_not_from_words() {
    let found = |line: &str| -> Vec<String> {
        named(line).into_iter().map(|(_, path)| path.join("::")).collect()
    };
    assert_eq!(found("use crate::model::alarm::{Alarm, Symptom};"), ["model::alarm"]);
    assert_eq!(found("let id = crate::a::b::c(crate::d::e());"), ["a::b", "d::e"]);
    assert_eq!(found("use super::field::Field;"), ["field"]);
    assert_eq!(found("/// [`act`](crate::execute::act::act)"), [""; 0]);
    assert_eq!(found("pub(crate) fn spend(self)"), [""; 0]);
}

/// What each package of `Cargo.lock` depends on, by name.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut package = String::new();
    for (_, line) in lines(Path::new("Cargo.lock")) {
        if let Some(name) = line.strip_prefix("name = ") {
            name.trim_matches('"').clone_into(&mut package);
        } else if let Some(dependency) = line.strip_prefix(" \"") {
            // An ambiguous name carries a version, which does not matter here.
            let name = dependency.split([' ', '"']).next().unwrap().to_owned();
            packages.entry(package.clone()).or_default().insert(name);
        }
    }
    packages
}

/// Everything `package` is built from, its tests included.
fn built_from(package: &str) -> BTreeSet<String> {
    let locked = locked();
    let mut found = BTreeSet::new();
    let mut next = vec![package.to_owned()];
    while let Some(package) = next.pop() {
        for dependency in locked.get(&package).into_iter().flatten() {
            if found.insert(dependency.clone()) {
                next.push(dependency.clone());
            }
        }
    }
    found
}

#[test]
fn thinking_is_built_from_no_aws_crate_and_no_runtime() {
    let adapters = |name: &&String| {
        name.starts_with("aws-") || ["tokio", "lambda_runtime", "hyper"].contains(&name.as_str())
    };
    for package in ["remedy", "rehearsal", "tests"] {
        let all = built_from(package);
        assert!(all.contains("serde_json"), "Cargo.lock is not read rightly: {all:?}");
        let found: Vec<&String> = all.iter().filter(adapters).collect();
        assert!(found.is_empty(), "Cargo.lock: {package} is built from {found:?}");
    }
    assert!(
        built_from("remedy-aws").iter().any(|name| adapters(&name)),
        "the adapters are elsewhere"
    );
}

#[test]
fn the_bench_stays_outside_of_what_it_measures() {
    let all = built_from("benches");
    let inside = |name: &&String| name.starts_with("aws-") || name.starts_with("remedy");
    let found: Vec<&String> = all.iter().filter(inside).collect();
    assert!(found.is_empty(), "Cargo.lock: benches is built from {found:?}");
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let quick = workspace.lines().find(|line| line.starts_with("default-members")).unwrap();
    assert!(!quick.contains("benches"), "Cargo.toml: the bench is in the quick loop");
}

/// A feature of an SDK that the command line added would have all of them compiled twice, and
/// could change what ships.
#[test]
fn the_command_line_adds_no_feature_to_what_functions_are_built_from() {
    let manifest = fs::read_to_string(root().join("functions/remedy-aws/Cargo.toml")).unwrap();
    let person = manifest.split("\nperson = [").nth(1).unwrap().split(']').next().unwrap();
    let added: Vec<&str> = person.split(',').map(|word| word.trim().trim_matches('"')).collect();
    assert!(added.iter().all(|word| word.starts_with("dep:")), "the feature person: {added:?}");
    for function in fs::read_dir(root().join("functions")).unwrap() {
        let manifest = function.unwrap().path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let asks = text.contains("features = [\"person");
        assert!(!asks, "{}: no function is a person", manifest.display());
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let quick = workspace.lines().find(|line| line.starts_with("default-members")).unwrap();
    assert!(!quick.contains("cli"), "Cargo.toml: the quick loop compiles an SDK");
}

#[test]
fn only_the_adapters_name_the_sdk() {
    let named = ["aws_sdk_", "aws_config", "aws_smithy", "lambda_runtime"];
    let mut findings = Vec::new();
    for file in rust_files() {
        // The floor of the bench is the runtime and nothing else.
        let is_floor = file == Path::new("benches/src/bin/floor.rs");
        if file.starts_with("functions/remedy-aws") || file.ends_with("house.rs") || is_floor {
            continue;
        }
        for (at, line) in lines(&file) {
            findings.extend(
                named
                    .iter()
                    .filter(|name| line.contains(**name))
                    .map(|name| format!("{at}: {name} belongs into functions/remedy-aws")),
            );
        }
    }
    none_of(&findings, "only remedy-aws names the SDK");
}

#[test]
fn the_lint_bans_clock_environment_and_sleep() {
    let file = "functions/remedy/clippy.toml";
    let text = fs::read_to_string(root().join(file)).unwrap();
    for banned in [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "jiff::Timestamp::now",
        "jiff::Zoned::now",
        "std::env::var",
        "std::env::var_os",
        "std::env::vars",
        "std::thread::sleep",
        "std::process::Command::new",
    ] {
        let entry = format!("path = \"{banned}\", reason = \"");
        assert!(text.contains(&entry), "{file}:1: {banned} is not banned with a reason");
    }
}

#[test]
fn no_file_is_a_drawer() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "misc"];
    let mut findings = Vec::new();
    let folders =
        ["cli", "functions", "rehearsal", "release", "tests", "benches", "events", "docs"];
    for file in folders.map(files).concat() {
        for part in &file {
            let stem = part.to_str().unwrap().split('.').next().unwrap();
            if drawers.contains(&stem) {
                findings.push(format!("{}:1: what is in it? find the word", file.display()));
            }
        }
    }
    none_of(&findings, "no file is a drawer");
}

#[test]
fn no_line_is_too_wide() {
    let mut findings = Vec::new();
    for file in rust_files() {
        for (at, line) in lines(&file) {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                findings.push(format!("{at}: {columns} columns"));
            }
        }
    }
    none_of(&findings, "no line is wider than 100 columns");
}

/// Functions that are too long, by their places and lengths. A function that
/// is nothing but one `match` is a table, and as long as its enum.
fn too_long(lines: &[(String, String)]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, (_, line)) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line[..line.len() - code.len()].to_owned();
        let starts = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn "]
            .iter()
            .any(|start| code.starts_with(start))
            || code.starts_with("pub async fn ")
            || code.starts_with("const fn ");
        if starts && !code.ends_with(';') {
            open = Some((i, indent));
        } else if let Some((start, indent)) = &open
            && *line == format!("{indent}}}")
        {
            let length = i - start + 1;
            let is_table = lines[*start..i].iter().any(|(_, line)| line.ends_with("match self {"))
                && lines[i - 1].1 == format!("{indent}    }}")
                && lines[start + 1].1.trim_start().starts_with("match self");
            if length > FUNCTION_LINES_MAX && !is_table {
                findings.push(format!("{}: {length} lines", lines[*start].0));
            }
            open = None;
        }
    }
    findings
}

#[test]
fn no_function_is_too_long() {
    let findings: Vec<String> =
        rust_files().iter().flat_map(|file| too_long(&lines(file))).collect();
    none_of(&findings, "no function is longer than 70 lines");
}

#[test]
fn a_long_function_is_found_and_a_table_is_not() {
    let function = |first: &str, last: &str| -> Vec<(String, String)> {
        let body = std::iter::repeat_n("        x();".to_owned(), FUNCTION_LINES_MAX - 1);
        let text = [
            vec!["    fn f() {".to_owned(), first.to_owned()],
            body.collect(),
            vec![last.to_owned(), "    }".to_owned()],
        ]
        .concat();
        text.into_iter().enumerate().map(|(i, line)| (format!("f.rs:{}", i + 1), line)).collect()
    };
    assert_eq!(too_long(&function("        x();", "        x();")), ["f.rs:1: 73 lines"]);
    assert_eq!(too_long(&function("        match self {", "        }")), [""; 0]);
}

#[test]
fn nothing_is_left_for_later() {
    let banned = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("#[ig", "nore"),
        concat!("#[should", "_panic"),
    ];
    let mut findings = Vec::new();
    for file in ["cli", "functions", "rehearsal", "release", "tests", "benches"].map(files).concat()
    {
        let text = ["rs", "sh", "py", "toml"];
        if !file.extension().is_some_and(|end| text.contains(&end.to_str().unwrap())) {
            continue;
        }
        for (at, line) in lines(&file) {
            let words = banned.iter().filter(|word| line.contains(**word));
            findings.extend(words.map(|word| format!("{at}: {word}")));
        }
    }
    none_of(&findings, "nothing is left for later, skipped or expected to panic");
}

#[test]
fn every_symptom_has_the_same_name_everywhere() {
    let mut findings = Vec::new();
    for symptom in Symptom::ALL {
        let manifest = root().join(format!("functions/{symptom}/Cargo.toml"));
        let manifest = fs::read_to_string(manifest).unwrap_or_default();
        if !manifest.contains(&format!("name = \"{symptom}\"")) {
            findings.push(format!("functions/{symptom}/Cargo.toml:1: no such crate"));
        }
        let scripts = ["ssm/look.sh", "ssm/relieve.sh", "ssm/document.yaml"];
        let wanted = scripts.map(|file| (file, symptom.has_scripts()));
        for (file, wanted) in [("src/main.rs", true)].into_iter().chain(wanted) {
            let there = root().join(format!("functions/{symptom}/{file}")).is_file();
            if wanted && !there {
                findings.push(format!("functions/{symptom}/{file}:1: no such file"));
            } else if there && !wanted {
                findings.push(format!("functions/{symptom}/{file}:1: nothing sends it"));
            }
        }
        for shape in ["state-change", "contributor", "lambda-action", "sns", "request", "ok"] {
            if !root().join(format!("events/{symptom}.{shape}.json")).is_file() {
                findings.push(format!("events/{symptom}.{shape}.json:1: no such event"));
            }
        }
        if !root().join(format!("tests/stories/{symptom}.snap")).is_file() {
            findings.push(format!("tests/stories/{symptom}.snap:1: no such story"));
        }
    }
    none_of(&findings, "every symptom has its crate, scripts, events and story");
}

#[test]
fn functions_holds_only_crates() {
    let mut findings = Vec::new();
    for entry in fs::read_dir(root().join("functions")).unwrap() {
        let path = entry.unwrap().path();
        if !path.join("Cargo.toml").is_file() {
            findings.push(format!("{}:1: no crate", path.display()));
        }
    }
    none_of(&findings, "functions/ holds only crates");
}

/// The codes that stand behind `before` in what `file` has after `from`.
fn codes(file: &str, from: &str, before: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let body = text.split(from).nth(1).unwrap().split("\n    }\n").next().unwrap();
    let code = |rest: &str| rest.split('"').next().unwrap().to_owned();
    let codes: BTreeSet<String> = body.split(before).skip(1).map(code).collect();
    assert!(codes.len() > 10, "{file} has no codes where they are looked for: {codes:?}");
    codes
}

#[test]
fn every_reason_has_a_row_for_operators() {
    let guide = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let rows: BTreeSet<&str> =
        guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut findings = Vec::new();
    for (file, from, before) in [
        ("functions/remedy/src/model/reason/table.rs", "fn row(&self)", "row(\""),
        ("functions/remedy/src/alarm/mod.rs", "fn code(&self)", "=> \""),
    ] {
        for code in codes(file, from, before) {
            if !rows.contains(code.as_str()) {
                findings.push(format!("{file}: `{code}` has no row in docs/operations.md"));
            }
        }
    }
    none_of(&findings, "an operator can look every reason up");
}

/// Where an operator can look every check of the doctor up.
const GUIDE: &str = "docs/operations.md";
const CHECKS: &str = "| check | it | what it means | what mends it |";

/// The table as the code has it; what a finding fills in stands in capitals.
fn checks() -> String {
    let mut table = format!("{CHECKS}\n|---|---|---|---|\n");
    for check in Code::ALL {
        let Row { code, severity, means, mend } = check.row();
        let mut parts = mend.split('{');
        let mut mends = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            mends.extend([name.to_uppercase().as_str(), rest]);
        }
        let severity = severity.name();
        writeln!(table, "| `{code}` | {severity} | {means} | `{mends}` |").unwrap();
    }
    table
}

/// `UPDATE=1 cargo test -p tests --test house` writes it.
#[test]
fn every_check_of_the_doctor_has_a_row_for_operators() {
    let guide = fs::read_to_string(root().join(GUIDE)).unwrap();
    let (before, rest) = guide.split_once(CHECKS).unwrap();
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let written = format!("{before}{}\n{after}", checks());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(root().join(GUIDE), &written).unwrap();
    } else {
        assert!(guide == written, "{GUIDE}: run UPDATE=1 cargo test -p tests --test house");
    }
}

/// The guide that says where everything is.
const MAP: &str = "docs/architecture.md";

#[test]
fn the_map_names_every_module_and_no_other() {
    let mut there = Vec::new();
    for (layer, modules) in Layers::read().0 {
        if modules.is_empty() {
            there.push(layer.clone());
        }
        there.extend(modules.iter().map(|module| format!("{layer}::{module}")));
    }
    let map = fs::read_to_string(root().join(MAP)).unwrap();
    let table = map.split("\n## The layers of").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), there, "{MAP}: the table of modules");
}

#[test]
fn every_file_that_the_map_names_is_there() {
    let map = fs::read_to_string(root().join(MAP)).unwrap();
    let roots = ["", THINKING, "functions", "functions/remedy-aws/src"];
    let mut findings = Vec::new();
    for (at, line) in lines(Path::new(MAP)) {
        for name in line.split('`').skip(1).step_by(2) {
            let end = Path::new(name).extension().and_then(|end| end.to_str());
            let is_path = name.ends_with('/') || end == Some("rs") || end == Some("yaml");
            let exists = roots.iter().any(|folder| root().join(folder).join(name).exists());
            if is_path && !name.contains('*') && !exists {
                findings.push(format!("{at}: {name} is nowhere"));
            }
        }
    }
    assert!(map.matches(".rs`").count() > 20, "{MAP} names no files any more");
    none_of(&findings, "the map leads somewhere");
}

#[test]
fn the_map_draws_the_pipeline_as_the_code_does() {
    let words = |line: &str, arrow: &str| -> Vec<String> {
        let word = |node: &str| node.trim().split(['(', '[']).next().unwrap().to_owned();
        line.split(arrow).map(word).collect()
    };
    let code = lines(&Path::new(THINKING).join("lib.rs"));
    let drawn = code.iter().find_map(|(_, line)| line.strip_prefix("//! event -> ")).unwrap();
    let map = fs::read_to_string(root().join(MAP)).unwrap();
    let picture = map.lines().map(str::trim).find(|line| line.starts_with("event(")).unwrap();
    assert_eq!(words(picture, "-->")[1..], words(drawn, "->"), "{MAP}: the pipeline");
}

/// The names of the calls of a port that change something, in its order.
fn calls_of(port: &str) -> Vec<String> {
    let file = Path::new(THINKING).join(format!("ports/{port}.rs"));
    let text = fs::read_to_string(root().join(file)).unwrap();
    let of_trait = text.split("pub trait ").nth(1).unwrap().split("\n}").next().unwrap();
    let name = |part: &str| part.split('(').next().unwrap().to_owned();
    let reads = |name: &String| ["pauses", "who_is_due", "due", "kept"].contains(&name.as_str());
    of_trait.split("async fn ").skip(1).map(name).filter(|name| !reads(name)).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_call_that_changes_something_has_its_row_of_unsafe_actions() {
    let guide = fs::read_to_string(root().join("docs/unsafe-actions.md")).unwrap();
    let rows = guide.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<&str>> =
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let calls: Vec<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(calls, [calls_of("touch"), calls_of("ledger"), calls_of("tell")].concat());
    let mut code = String::new();
    for file in rust_files() {
        code.push_str(&fs::read_to_string(root().join(file)).unwrap());
    }
    let functions: BTreeSet<&str> =
        code.split("fn ").skip(1).filter_map(|part| part.split(['(', '<']).next()).collect();
    let watched = fs::read_to_string(root().join("tests/world/drill/promises/mod.rs")).unwrap();
    let mut findings = Vec::new();
    for (row, call) in rows.iter().zip(&calls) {
        assert_eq!(row.len(), 5, "{call} has a cell for each of the four ways");
        for cell in &row[1..] {
            let names: Vec<&str> = quoted(cell).collect();
            let after = cell.split("promise ").skip(1);
            let numbers: Vec<char> = after.filter_map(|part| part.chars().next()).collect();
            if names.is_empty() && numbers.is_empty() && !cell.starts_with("cannot be: ") {
                findings.push(format!("{call}: nothing stands against it in {cell:?}"));
            }
            let unknown = names.iter().filter(|name| !functions.contains(*name));
            findings.extend(unknown.map(|name| format!("{call}: there is no {name}")));
            let kept = |number: &&char| watched.contains(&format!("\"{number}: "));
            let broken = numbers.iter().filter(|number| !kept(number));
            findings.extend(broken.map(|number| format!("{call}: there is no promise {number}")));
        }
    }
    none_of(&findings, "docs/unsafe-actions.md names what stands against each unsafe action");
}

#[test]
fn every_seeded_mistake_still_applies_and_says_what_finds_it() {
    let guide = fs::read_to_string(root().join("docs/proof.md")).unwrap();
    let seeds = files("tests/flaws").into_iter();
    let seeds: Vec<PathBuf> =
        seeds.filter(|file| file.extension().is_some_and(|end| end == "patch")).collect();
    assert!(seeds.len() > 11, "{seeds:?}");
    for patch in seeds {
        let text = fs::read_to_string(root().join(&patch)).unwrap();
        let place = patch.display();
        let checks = text.lines().filter(|line| line.starts_with("check: cargo ")).count();
        assert!(checks > 0, "{place} has no check");
        let name = patch.file_stem().unwrap().to_str().unwrap();
        assert!(guide.contains(&format!("| `{name}` |")), "docs/proof.md lacks {name}");
        let applied = Command::new("git")
            .args(["apply", "--check"])
            .arg(root().join(&patch))
            .current_dir(root())
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{place}, after a change of what it breaks: {why}");
    }
}
