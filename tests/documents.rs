//! The Systems Manager documents: how they are built from the scripts, that the template carries
//! them byte for byte, and that they keep the rules which no tool off the shelf checks.
//!
//! `UPDATE=1 cargo test -p tests --test documents` rewrites the template's blocks.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

const SHARED: &str = "functions/remedy-aws/ssm";

/// Systems Manager's limit for a document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The agent kills the script after so many seconds; every script ends by itself before.
const AGENT_SECONDS: &str = "360";

struct Document {
    symptom: &'static str,
    description: &'static str,
    pieces: &'static [&'static str],
}

const DOCUMENTS: [Document; 3] = [
    Document {
        symptom: "disk-full",
        description: "Frees space on one file system, in the order of harm and down to a target, \
                      or says what fills it.",
        pieces: &["base.sh", "processes.sh", "preflight.sh", "evidence.sh"],
    },
    Document {
        symptom: "memory-pressure",
        description: "Restarts the listed unit that holds the memory, or says who holds it.",
        pieces: &["base.sh", "processes.sh", "preflight.sh", "evidence.sh", "restart.sh"],
    },
    Document {
        symptom: "high-cpu",
        description: "Calms or restarts the process that is busy all the time, or says which \
                      it is.",
        pieces: &["base.sh", "processes.sh", "preflight.sh", "evidence.sh", "restart.sh"],
    },
];

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
        let shared = self.pieces.iter().map(|piece| format!("{SHARED}/{piece}"));
        let own = ["look.sh", "relieve.sh"]
            .map(|piece| format!("functions/{}/ssm/{piece}", self.symptom));
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
        script + &self.body()
    }

    fn content(&self) -> Value {
        let parameters: serde_json::Map<String, Value> = self
            .parameters()
            .into_iter()
            .map(|parameter| {
                let value = json!({
                    "type": "String",
                    "description": parameter.description,
                    "default": parameter.default,
                    "allowedPattern": parameter.pattern,
                    "interpolationType": "ENV_VAR",
                });
                (parameter.name, value)
            })
            .collect();
        json!({
            "schemaVersion": "2.2",
            "description": self.description,
            "parameters": parameters,
            "mainSteps": [{
                "action": "aws:runShellScript",
                "name": self.step(),
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {"timeoutSeconds": AGENT_SECONDS, "runCommand": [self.script()]},
            }],
        })
    }

    fn step(&self) -> String {
        self.symptom.replace('-', "_")
    }

    fn marker(&self, edge: &str) -> String {
        format!("      # {edge} functions/{}/ssm\n", self.symptom)
    }

    /// The content as the template carries it, from marker to marker.
    fn block(&self) -> String {
        let mut yaml = self.marker("BEGIN");
        yaml += "      # Written by: UPDATE=1 cargo test -p tests --test documents\n";
        let mut line = |indent: usize, text: &str| {
            writeln!(yaml, "{:1$}{text}", "", if text.is_empty() { 0 } else { 6 + indent })
                .unwrap();
        };
        line(0, "Content:");
        line(2, "schemaVersion: '2.2'");
        line(2, &format!("description: {}", quoted(self.description)));
        line(2, "parameters:");
        for parameter in self.parameters() {
            line(4, &format!("{}:", parameter.name));
            line(6, "type: String");
            line(6, &format!("description: {}", quoted(&parameter.description)));
            line(6, &format!("default: {}", quoted(&parameter.default)));
            line(6, &format!("allowedPattern: {}", quoted(&parameter.pattern)));
            line(6, "interpolationType: ENV_VAR");
        }
        line(2, "mainSteps:");
        line(4, "- action: aws:runShellScript");
        line(6, &format!("name: {}", self.step()));
        line(6, "precondition:");
        line(8, "StringEquals: [platformType, Linux]");
        line(6, "inputs:");
        line(8, &format!("timeoutSeconds: '{AGENT_SECONDS}'"));
        line(8, "runCommand:");
        line(10, "- |");
        for text in self.script().lines() {
            line(12, text);
        }
        yaml + &self.marker("END")
    }

    /// Where the block lies in the template, as it is now.
    fn place(&self, template: &str) -> std::ops::Range<usize> {
        let begin = template.find(&self.marker("BEGIN")).expect("a BEGIN marker");
        let end = template.find(&self.marker("END")).expect("an END marker");
        begin..end + self.marker("END").len()
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn the_template_carries_each_script_byte_for_byte() {
    let mut template = read("template.yaml");
    let update = std::env::var_os("UPDATE").is_some();
    for document in &DOCUMENTS {
        let place = document.place(&template);
        if update {
            template.replace_range(place, &document.block());
        } else {
            assert!(
                template[place] == document.block(),
                "{}: run UPDATE=1 cargo test -p tests --test documents",
                document.symptom
            );
        }
    }
    if update {
        std::fs::write(root().join("template.yaml"), &template).unwrap();
    }
    check_reading_back(&template);
}

/// Reads the literal blocks by their indentation alone, as YAML does.
fn check_reading_back(template: &str) {
    for document in &DOCUMENTS {
        let block = &template[document.place(template)];
        let (_, literal) = block.split_once("- |\n").expect("a literal block");
        let indent = " ".repeat(18);
        let mut script = String::new();
        for line in literal.lines() {
            if !line.is_empty() && !line.starts_with(&indent) {
                break;
            }
            script.push_str(line.strip_prefix(&indent).unwrap_or_default());
            script.push('\n');
        }
        assert!(script.ends_with(&document.body()), "{}", document.symptom);
        assert!(script == document.script(), "{}", document.symptom);
    }
}

#[test]
fn documents_keep_the_rules_of_schema_2_2() {
    for document in &DOCUMENTS {
        let content = document.content();
        assert!(content.to_string().len() < DOCUMENT_BYTES_MAX, "{}", document.symptom);
        assert_eq!(content["schemaVersion"], "2.2");
        let steps = content["mainSteps"].as_array().expect("steps");
        assert_eq!(steps.len(), 1, "the output of a command with two steps needs a step's name");
        assert_eq!(steps[0]["action"], "aws:runShellScript");
        assert_eq!(steps[0]["precondition"]["StringEquals"], json!(["platformType", "Linux"]));
        let seconds: u32 = steps[0]["inputs"]["timeoutSeconds"]
            .as_str()
            .expect("a string, or the agent refuses it")
            .parse()
            .unwrap();
        assert!((5..=172_800).contains(&seconds));
        assert!(seconds > 300 + 30, "the longest Deadline must end before the agent kills");
        for (name, parameter) in content["parameters"].as_object().expect("parameters") {
            check_parameter(name, parameter);
        }
        assert_eq!(content["parameters"]["Mode"]["default"], "report");
    }
}

fn check_parameter(name: &str, parameter: &Value) {
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name} makes no shell variable");
    assert_eq!(parameter["type"], "String", "{name}");
    assert_eq!(parameter["interpolationType"], "ENV_VAR", "{name}");
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
        ("MountPoint", &["/", "/var/lib/x-1.y_z"], &["", "var", "/a b", "/a*", "/a;b", "-rf"]),
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
        let parameter = DOCUMENTS
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
    for document in &DOCUMENTS {
        let body = document.body();
        assert!(!body.contains("{{") && !body.contains("}}"), "braces belong to the document");
        for word in ["$HOME", "~/", "eval ", "<<<", "<<", "rm -r", "xargs", "python", "lsof", "jq "]
        {
            let code = body.lines().filter(|line| !line.trim_start().starts_with('#'));
            for line in code {
                assert!(!line.contains(word), "{}: {word}: {line}", document.symptom);
            }
        }
        assert!(body.is_ascii(), "{}", document.symptom);
    }
}
