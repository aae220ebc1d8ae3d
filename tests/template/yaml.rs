//! The template as data, and where in the file each part of it stands.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use remedy::model::alarm::Symptom;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value, json};

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A `CloudFormation` template. Short forms are kept as their long ones, so that
/// `!Ref A` is `{"Ref": "A"}`.
pub(crate) struct Template {
    pub(crate) file: &'static str,
    pub(crate) root: Value,
    text: Vec<String>,
    /// The line a part begins on, by its JSON pointer; the first line is 1.
    lines: BTreeMap<String, usize>,
}

impl Template {
    pub(crate) fn load(file: &'static str) -> Self {
        let text = read(file);
        let documents = MarkedYaml::load_from_str(&text).unwrap();
        let mut lines = BTreeMap::new();
        let root = plain(&documents[0], "", &mut lines);
        Self { file, root, text: text.lines().map(str::to_owned).collect(), lines }
    }

    /// `template.yaml`, which is what people deploy.
    pub(crate) fn deployed() -> Self {
        Self::load("template.yaml")
    }

    pub(crate) fn resources(&self) -> &Map<String, Value> {
        self.root["Resources"].as_object().unwrap()
    }

    /// The properties of the resources of a type, by their logical ids.
    pub(crate) fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let all = self.resources().iter().filter(|(_, resource)| resource["Type"] == kind);
        all.map(|(id, resource)| (id.as_str(), &resource["Properties"])).collect()
    }

    /// The functions, by logical id, with what `Globals` gives to all of them.
    pub(crate) fn functions(&self) -> BTreeMap<&str, Value> {
        let globals = &self.root["Globals"]["Function"];
        let functions = self.of_type("AWS::Serverless::Function");
        assert!(functions.len() > 3, "the functions are elsewhere: {:?}", functions.keys());
        functions.into_iter().map(|(id, own)| (id, merged(globals, own))).collect()
    }

    /// `template.yaml:1` for the part at `pointer`.
    pub(crate) fn place(&self, pointer: &str) -> String {
        format!("{}:{}", self.file, self.line(pointer))
    }

    /// The comment that stands directly above the part at `pointer`.
    pub(crate) fn comment(&self, pointer: &str) -> String {
        let above = &self.text[..self.line(pointer) - 1];
        let comment = above.iter().rev().map_while(|line| line.trim_start().strip_prefix('#'));
        comment.collect::<Vec<_>>().into_iter().rev().map(str::trim).collect::<Vec<_>>().join(" ")
    }

    fn line(&self, pointer: &str) -> usize {
        *self.lines.get(pointer).unwrap_or_else(|| panic!("{}: no {pointer}", self.file))
    }
}

/// As SAM merges: maps key by key, lists one after the other, else the own.
fn merged(globals: &Value, own: &Value) -> Value {
    match (globals, own) {
        (Value::Object(globals), Value::Object(own)) => {
            let mut all = globals.clone();
            for (key, value) in own {
                let value = merged(globals.get(key).unwrap_or(&Value::Null), value);
                all.insert(key.clone(), value);
            }
            Value::Object(all)
        }
        (Value::Array(globals), Value::Array(own)) => {
            [globals.clone(), own.clone()].concat().into()
        }
        _ => own.clone(),
    }
}

fn plain(node: &MarkedYaml, pointer: &str, lines: &mut BTreeMap<String, usize>) -> Value {
    lines.insert(pointer.to_owned(), node.span.start.line());
    match &node.data {
        YamlData::Value(Scalar::Null) => Value::Null,
        YamlData::Value(Scalar::Boolean(value)) => json!(value),
        YamlData::Value(Scalar::Integer(value)) => json!(value),
        YamlData::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        YamlData::Value(Scalar::String(value)) => json!(value),
        YamlData::Sequence(items) => {
            let item = |(i, item)| plain(item, &format!("{pointer}/{i}"), lines);
            items.iter().enumerate().map(item).collect()
        }
        YamlData::Mapping(members) => {
            let members = members.iter().map(|(key, value)| {
                let key = key.data.as_str().unwrap().to_owned();
                let value = plain(value, &format!("{pointer}/{}", key.replace('/', "~1")), lines);
                (key, value)
            });
            Value::Object(members.collect())
        }
        YamlData::Tagged(tag, node) => {
            let name = match tag.suffix.as_str() {
                "Ref" | "Condition" => tag.suffix.clone(),
                function => format!("Fn::{function}"),
            };
            json!({ name: plain(node, pointer, lines) })
        }
        other => panic!("line {}: {other:?} has no place here", node.span.start.line()),
    }
}

/// What the logical ids of a symptom's resources begin with: `HighCpu` for `high-cpu`.
pub(crate) fn logical(symptom: Symptom) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    symptom.name().split('-').map(capital).collect()
}

/// A list, or the one thing that stands for a list of one.
pub(crate) fn all(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

pub(crate) fn none_of(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
