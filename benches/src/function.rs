//! How Lambda would start a function of ours: its variables, and nothing else.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::stub::Address;

/// The function that asks whether it worked.
pub const FOLLOW_UP: &str = "follow-up";

/// The function that takes alarms from a queue.
pub const INTAKE: &str = "intake";

/// The services that are called, by their names in `AWS_ENDPOINT_URL_<name>`.
pub const SERVICES: [&str; 6] = ["AUTO_SCALING", "CLOUDWATCH", "DYNAMODB", "EC2", "SNS", "SSM"];

/// The symptoms, which are the names of the other functions: the folders of functions that are
/// programs.
pub fn symptoms() -> Result<Vec<String>, Error> {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut symptoms = Vec::new();
    for folder in std::fs::read_dir(functions)? {
        let folder = folder?;
        let name = folder.file_name().to_string_lossy().into_owned();
        if ![FOLLOW_UP, INTAKE].contains(&name.as_str())
            && folder.path().join("src/main.rs").is_file()
        {
            symptoms.push(name);
        }
    }
    symptoms.sort();
    Ok(symptoms)
}

/// Whether a cleanup answers the symptom first: the folder of its function has scripts for hosts.
pub fn has_scripts(symptom: &str) -> bool {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    functions.join(symptom).join("ssm").is_dir()
}

/// The compiled function of that name in `folder`.
pub fn binary(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{} is missing: run `make bench`, which builds it first", path.display()).into())
}

/// The variables of a function that asks at `runtime_api` for its events and
/// finds the services at `endpoints`, all at one address or each at its own.
pub fn variables(
    runtime_api: &str,
    endpoints: &[Address],
    roots: Option<&Path>,
) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIABENCH"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_SESSION_TOKEN", "none"),
        ("REMEDY_TABLE", "bench"),
        ("REMEDY_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:bench"),
        ("REMEDY_DOCUMENT", "bench"),
        ("REMEDY_MODE", "act"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    if let [one] = endpoints {
        all.push(("AWS_ENDPOINT_URL".to_owned(), one.0.clone()));
    } else {
        let named = SERVICES.iter().zip(endpoints);
        all.extend(named.map(|(name, at)| (format!("AWS_ENDPOINT_URL_{name}"), at.0.clone())));
    }
    if let Some(roots) = roots {
        let roots = roots.display().to_string();
        all.push(("SSL_CERT_FILE".to_owned(), roots.clone()));
        all.push(("AWS_CA_BUNDLE".to_owned(), roots));
    }
    all
}
