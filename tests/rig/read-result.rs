//! `read-result DIRECTORY`: reads a command's outcome with production's parser and prints it as
//! lines of `path=value`, which a shell test can compare.
//!
//! The directory holds `stdout`, `stderr`, `rc` and `details`, as the rig leaves them.

use remedy::observe::host_report::{Verdict, parse};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args_os().nth(1).ok_or("which directory?")?;
    let directory = Path::new(&argument);
    let read = |name: &str| {
        std::fs::read(directory.join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let code = read("rc")?.trim().parse().ok();
    let mut out = std::io::stdout().lock();
    match parse(&read("stdout")?, &read("stderr")?, code, read("details")?.trim()) {
        Verdict::Said(result) => print(&mut out, "", &serde_json::to_value(result)?)?,
        Verdict::Failed(failure) => {
            let kind = format!("{failure:?}");
            let kind = kind.split([' ', '{']).next().unwrap_or_default();
            writeln!(out, "failure={kind}\ntext={failure}")?;
        }
    }
    Ok(())
}

fn print(out: &mut impl Write, path: &str, value: &Value) -> std::io::Result<()> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) => {
            fields.iter().try_for_each(|(key, value)| print(out, &below(key), value))
        }
        Value::Array(items) => {
            writeln!(out, "{}={}", below("len"), items.len())?;
            items
                .iter()
                .enumerate()
                .try_for_each(|(n, value)| print(out, &below(&n.to_string()), value))
        }
        Value::String(text) => writeln!(out, "{path}={text}"),
        other => writeln!(out, "{path}={other}"),
    }
}
