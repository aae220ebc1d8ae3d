//! The Systems Manager documents: how they are written from the scripts, that each file holds its
//! scripts byte for byte, and that they keep the rules which no tool off the shelf checks.
//!
//! `UPDATE=1 cargo test -p tests --test documents` writes `document.yaml` beside the scripts,
//! which the template includes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use remedy::model::alarm::Symptom;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

const SHARED: &str = "functions/remedy-aws/ssm";

/// What every document is made of, in front of what its own scripts need.
const FOUNDATION: [&str; 4] = ["base.sh", "processes.sh", "preflight.sh", "evidence.sh"];

/// Systems Manager's limit for a document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The agent kills the script after so many seconds unless whoever sends it says otherwise;
/// every script ends by itself before.
const AGENT_SECONDS: &str = "360";

/// The parameter that says otherwise, so that nobody waits longer than a short `Deadline`
/// takes. It belongs to the document and not to the script: `timeoutSeconds` takes it as those
/// of AWS's own `AWS-RunShellScript` does, by replacing text, which is why only digits pass.
const AGENT_PARAMETER: &str = "ExecutionTimeout";

const AGENT_PATTERN: &str = "^([3-9][0-9]|[1-3][0-9][0-9])$";

struct Document {
    /// What it is called in the rig, and its step.
    name: &'static str,
    /// Where its own scripts are, and its file.
    folder: String,
    description: &'static str,
    /// The shared scripts it is made of.
    shared: Vec<&'static str>,
    /// Its own.
    own: [&'static str; 2],
}

fn documents() -> Vec<Document> {
    let document = |symptom| {
        let (description, needs): (_, &[_]) = match symptom {
            Symptom::Unreachable => return None,
            Symptom::ServiceDown => (
                "Starts the listed units that have failed and sees that they stay up, or says \
                 which are down.",
                &["restart.sh"],
            ),
            Symptom::DiskFull => (
                "Frees space on one file system, down to a target, or says what fills it.",
                &["owner.sh"],
            ),
            Symptom::MemoryPressure => (
                "Restarts the listed unit that holds the memory, or says what holds it.",
                &["groups.sh", "owner.sh", "restart.sh"],
            ),
            Symptom::HighCpu => (
                "Calms or restarts the unit that is busy all the time, or says which it is.",
                &["groups.sh", "owner.sh", "restart.sh"],
            ),
        };
        Some(Document {
            name: symptom.name(),
            folder: format!("functions/{symptom}/ssm"),
            description,
            shared: FOUNDATION.iter().chain(needs).copied().collect(),
            own: ["look.sh", "relieve.sh"],
        })
    };
    let grow = Document {
        name: "disk-grow",
        folder: "functions/disk-full/ssm/grow".to_owned(),
        description: "Says on which disk a file system lies, and extends it to what the disk has.",
        shared: vec!["base.sh"],
        own: ["look.sh", "extend.sh"],
    };
    Symptom::ALL.into_iter().filter_map(document).chain([grow]).collect()
}

#[derive(Debug)]
struct Parameter {
    name: String,
    default: String,
    pattern: String,
    description: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The script without what only its readers need: a document holds 64 KB. What tells shellcheck
/// something stays. A line that goes on is one with the next, as it is for the shell.
fn compact(body: &str) -> String {
    let mut script = String::new();
    for line in body.lines() {
        let text = line.trim();
        let comment = text.starts_with('#') && !text.starts_with("# shellcheck");
        if text.is_empty() || comment {
            continue;
        }
        // A remark behind code that quotes nothing, where `#` can be nothing else.
        let code = match text.split_once(" # ") {
            Some((code, _)) if !code.contains(['\'', '"', '`', '#']) => code.trim_end(),
            _ => text,
        };
        match code.strip_suffix('\\') {
            Some(part) => script.push_str(part),
            None => writeln!(script, "{code}").unwrap(),
        }
    }
    script
}

/// The words of a line of shell that only knows single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

impl Document {
    fn sources(&self) -> Vec<String> {
        let shared = self.shared.iter().map(|piece| format!("{SHARED}/{piece}"));
        let own = self.own.map(|piece| format!("{}/{piece}", self.folder));
        shared.chain(own).collect()
    }

    fn body(&self) -> String {
        self.sources().iter().map(|path| read(path)).collect()
    }

    /// What the scripts declare with `parameter NAME DEFAULT PATTERN DESCRIPTION`.
    fn parameters(&self) -> Vec<Parameter> {
        self.body()
            .replace("\\\n", " ")
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("parameter "))
            .map(|call| match words(call).as_slice() {
                [name, default, pattern, description] => Parameter {
                    name: name.clone(),
                    default: default.clone(),
                    pattern: pattern.clone(),
                    description: description.clone(),
                },
                other => panic!("not four words: {other:?}"),
            })
            .collect()
    }

    /// The whole script. An agent that knows no environment variables writes the parameters into
    /// the text instead; the patterns exclude everything that could leave the quotes.
    fn script(&self) -> String {
        let mut script = String::from("#!/bin/bash\n");
        for Parameter { name, .. } in self.parameters() {
            writeln!(script, "[ -n \"${{SSM_{name}+x}}\" ] || SSM_{name}='{{{{ {name} }}}}'")
                .unwrap();
        }
        script + &compact(&self.body())
    }

    fn file(&self) -> String {
        format!("{}/document.yaml", self.folder)
    }

    /// The document as its file holds it. `CloudFormation` reads no short forms (`!Ref`) in what a
    /// template includes (template reference, "`AWS::Include` transform"); nothing here needs one.
    fn text(&self) -> String {
        let mut yaml = String::new();
        let mut line = |indent: usize, text: &str| {
            writeln!(yaml, "{:1$}{text}", "", if text.is_empty() { 0 } else { indent }).unwrap();
        };
        line(0, "# Written by: UPDATE=1 cargo test -p tests --test documents");
        line(0, "schemaVersion: '2.2'");
        line(0, &format!("description: {}", quoted(self.description)));
        line(0, "parameters:");
        for parameter in self.parameters() {
            line(2, &format!("{}:", parameter.name));
            line(4, "type: String");
            line(4, &format!("description: {}", quoted(&parameter.description)));
            line(4, &format!("default: {}", quoted(&parameter.default)));
            line(4, &format!("allowedPattern: {}", quoted(&parameter.pattern)));
            line(4, "interpolationType: ENV_VAR");
        }
        line(2, &format!("{AGENT_PARAMETER}:"));
        line(4, "type: String");
        line(4, "description: 'Seconds after which the agent kills it.'");
        line(4, &format!("default: '{AGENT_SECONDS}'"));
        line(4, &format!("allowedPattern: '{AGENT_PATTERN}'"));
        line(0, "mainSteps:");
        line(2, "- action: aws:runShellScript");
        line(4, &format!("name: {}", self.name.replace('-', "_")));
        line(4, "precondition:");
        line(6, "StringEquals: [platformType, Linux]");
        line(4, "inputs:");
        line(6, &format!("timeoutSeconds: '{{{{ {AGENT_PARAMETER} }}}}'"));
        line(6, "runCommand:");
        line(8, "- |");
        for text in self.script().lines() {
            line(10, text);
        }
        yaml
    }

    /// What a YAML parser makes of it.
    fn content(&self) -> Value {
        let text = self.text();
        plain(Yaml::load_from_str(&text).unwrap().first().expect("one document"))
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Text, lists and maps, and no tags: the agent refuses a number where it wants text.
fn plain(node: &Yaml) -> Value {
    match node {
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(members) => members
            .iter()
            .map(|(key, value)| (key.as_str().expect("a name").to_owned(), plain(value)))
            .collect(),
        other => panic!("{other:?} has no place in a document"),
    }
}

#[test]
fn each_file_is_written_from_the_scripts_byte_for_byte() {
    for document in documents() {
        let file = document.file();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(root().join(&file), document.text()).unwrap();
        }
        assert!(
            read(&file) == document.text(),
            "{file}: run UPDATE=1 cargo test -p tests --test documents"
        );
    }
}

#[test]
fn a_document_read_back_says_what_the_scripts_say() {
    for document in documents() {
        let content = document.content();
        let script = content["mainSteps"][0]["inputs"]["runCommand"][0].as_str().unwrap();
        assert!(script.ends_with(&compact(&document.body())), "{}", document.name);
        assert!(script == document.script(), "{}", document.name);
        let declared = document.parameters();
        let parameters = content["parameters"].as_object().unwrap();
        assert_eq!(parameters.len(), declared.len() + 1, "{}: named twice", document.name);
        for Parameter { name, default, pattern, description } in declared {
            assert_eq!(parameters[&name]["default"], default);
            assert_eq!(parameters[&name]["allowedPattern"], pattern);
            assert_eq!(parameters[&name]["description"], description);
        }
    }
}

#[test]
fn documents_keep_the_rules_of_schema_2_2() {
    for document in documents() {
        let content = document.content();
        let bytes = content.to_string().len();
        assert!(bytes < DOCUMENT_BYTES_MAX, "{}: {bytes} bytes", document.name);
        assert_eq!(content["schemaVersion"], "2.2");
        let steps = content["mainSteps"].as_array().expect("steps");
        assert_eq!(steps.len(), 1, "the output of a command with two steps needs a step's name");
        assert_eq!(steps[0]["action"], "aws:runShellScript");
        assert_eq!(steps[0]["precondition"]["StringEquals"], json!(["platformType", "Linux"]));
        assert_eq!(steps[0]["inputs"]["timeoutSeconds"], format!("{{{{ {AGENT_PARAMETER} }}}}"));
        for (name, parameter) in content["parameters"].as_object().expect("parameters") {
            if name == AGENT_PARAMETER {
                check_timeout(parameter);
            } else {
                assert_eq!(parameter["interpolationType"], "ENV_VAR", "{name}");
            }
            check_parameter(name, parameter);
        }
        assert_eq!(content["parameters"]["Mode"]["default"], "report");
    }
}

/// A string, or the agent refuses it; and what it may be is what the agent takes.
fn check_timeout(parameter: &Value) {
    assert!(parameter.get("interpolationType").is_none(), "no script reads it");
    let longest: u32 = parameter["default"].as_str().expect("a default").parse().unwrap();
    assert!(longest > 300 + 30, "the longest Deadline must end before the agent kills");
    let pattern = parameter["allowedPattern"].as_str().expect("a pattern");
    for seconds in [0, 29, 400, 999, 1000, 172_800] {
        assert!(!matches(pattern, &seconds.to_string()), "{seconds}");
    }
    for seconds in [30, 80, 120, 180, 300, 359, 360] {
        assert!(matches(pattern, &seconds.to_string()), "{seconds}");
    }
}

fn check_parameter(name: &str, parameter: &Value) {
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name} makes no shell variable");
    assert_eq!(parameter["type"], "String", "{name}");
    let pattern = parameter["allowedPattern"].as_str().expect("a pattern");
    assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{name}: {pattern}");
    // What Java, Go and POSIX read alike: no look-around, no classes by name, no lazy or possessive
    // repetition, no empty alternative.
    for dialect in ["(?", "\\d", "\\w", "\\s", "[:", "*?", "+?", "++", "(|", "|)", "||"] {
        assert!(!pattern.contains(dialect), "{name}: {pattern} has {dialect}");
    }
    let default = parameter["default"].as_str().expect("a default");
    assert!(matches(pattern, default), "{name}: {default}");
    // Nothing that could leave the quotes of the fallback line.
    for hostile in ["'", "\"", "$", "`", "\\", "\n", "$(id)", "a'b", "{{ Mode }}", "x;y z"] {
        assert!(!matches(pattern, hostile), "{name} lets {hostile:?} through");
        assert!(!matches(pattern, &format!("{default}{hostile}")), "{name}: {hostile:?}");
    }
}

/// Asks bash, which is the last gate.
fn matches(pattern: &str, value: &str) -> bool {
    Command::new("bash")
        .args(["-c", "LC_ALL=C; [[ $2 =~ $1 ]]", "-", pattern, value])
        .status()
        .expect("bash")
        .success()
}

#[test]
fn patterns_know_good_from_bad() {
    let url = "https://evidence.s3.eu-west-1.amazonaws.com/i-1/a.txt?X-Amz-Algorithm=AWS4\
               &X-Amz-Credential=A%2F20260101%2Fs3&X-Amz-Signature=0f";
    for (name, good, bad) in [
        ("Mode", &["report", "apply"][..], &["", "Apply", "applyx"][..]),
        ("Deadline", &["20", "60", "300"], &["0", "19", "301", "060", "1e2", "a[$(id)]"]),
        (
            "MountPoint",
            &["/", "/var/lib/x-1.y_z", "auto"],
            &["", "var", "autox", "/a b", "/a*", "/a;b", "-rf"],
        ),
        ("TargetPercent", &["1", "80", "99"], &["0", "100", "08", "-1"]),
        (
            "Units",
            &["", "a.service", "a@b.service,c-d.service"],
            &["a", "a.service,", ",a.service", "-a.service", "a.service b.service", "a.socket"],
        ),
        (
            "EvidenceUrl",
            &["", url, "https://s3.cn-north-1.amazonaws.com.cn/b/k"],
            &[
                "http://s3.amazonaws.com/b",
                "https://s3.example.org/b",
                "https://s3.amazonaws.com.example.org/b",
                "https://user@s3.amazonaws.com/b",
                "https://s3.amazonaws.com/b\" output = \"/etc/passwd",
            ],
        ),
    ] {
        let parameter = documents()
            .iter()
            .flat_map(Document::parameters)
            .find(|parameter| parameter.name == name)
            .unwrap_or_else(|| panic!("no parameter {name}"));
        for value in good {
            assert!(matches(&parameter.pattern, value), "{name} refuses {value:?}");
        }
        for value in bad {
            assert!(!matches(&parameter.pattern, value), "{name} takes {value:?}");
        }
    }
}

#[test]
fn scripts_keep_the_house_rules() {
    for document in documents() {
        let body = document.body();
        assert!(!body.contains("{{") && !body.contains("}}"), "braces belong to the document");
        for word in ["$HOME", "~/", "eval ", "<<<", "<<", "rm -r", "xargs", "python", "lsof", "jq "]
        {
            let code = body.lines().filter(|line| !line.trim_start().starts_with('#'));
            for line in code {
                assert!(!line.contains(word), "{}: {word}: {line}", document.name);
            }
        }
        assert!(body.is_ascii(), "{}", document.name);
    }
}
