//! The floor: the smallest function there can be, on the same runtime and
//! from the same profile. What a function costs above it is its own.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(service_fn(async |_: LambdaEvent<Value>| {
        Ok::<_, Error>(Value::Object(serde_json::Map::new()))
    })))
}
