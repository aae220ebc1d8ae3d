//! What its role lets a function do to instances, asked without doing it: a dry run "checks whether
//! you have the required permissions for the action, without actually making the request" (EC2 API
//! reference, `RebootInstances`, `DryRun`). It is asked about an instance that is opted in, because
//! the role's statement asks for its tag. A simulation of the policies would tell more, and no
//! function may ask for one.

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types as ec2;
use remedy::model::policy::{OPT_IN_ENABLED, OPT_IN_TAG};
use remedy::model::unknown::CallFailed;

use crate::clients::Aws;
use crate::failure::call_failed;
use crate::settings::Settings;

/// So many are listed, and the first is taken: a page of these lists has five at least.
const LISTED: i32 = 5;

impl Aws {
    /// The calls on instances that are not allowed, and to whom. Where nothing is opted
    /// in there is nothing to ask about.
    pub(crate) async fn dry_runs(
        &self,
        settings: &Settings,
    ) -> Result<Vec<(String, String)>, CallFailed> {
        const REBOOT: &str = "ec2:RebootInstances";
        let Some(instance) = self.an_opted_in_instance().await? else { return Ok(Vec::new()) };
        let asked = self.ec2.reboot_instances().instance_ids(instance).dry_run(true);
        if is_allowed(REBOOT, asked.send().await)? {
            return Ok(Vec::new());
        }
        let role = settings.function.as_deref().unwrap_or("the follow-up");
        Ok(vec![(REBOOT.to_owned(), role.to_owned())])
    }

    async fn an_opted_in_instance(&self) -> Result<Option<String>, CallFailed> {
        const CALL: &str = "ec2:DescribeInstances";
        let filter =
            |name: String, value: &str| ec2::Filter::builder().name(name).values(value).build();
        let call = self
            .ec2
            .describe_instances()
            .filters(filter(format!("tag:{OPT_IN_TAG}"), OPT_IN_ENABLED))
            .filters(filter("instance-state-name".to_owned(), "running"))
            .max_results(LISTED);
        let answer = call.send().await.map_err(|error| call_failed(CALL, &error))?;
        let mut found = answer.reservations().iter().flat_map(ec2::Reservation::instances);
        Ok(found.find_map(|it| it.instance_id().map(str::to_owned)))
    }
}

/// What a dry run says. It has no success (EC2 API reference, "Error codes": `DryRunOperation`,
/// `UnauthorizedOperation`), and what it says otherwise tells nothing.
fn is_allowed<T, E>(call: &'static str, answer: Result<T, SdkError<E>>) -> Result<bool, CallFailed>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Err(error) = answer else {
        let why = "a dry run came back as if it had been none".to_owned();
        return Err(CallFailed { call, why });
    };
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("DryRunOperation") => Ok(true),
        Some("UnauthorizedOperation") => Ok(false),
        _ => Err(call_failed(call, &error)),
    }
}
