//! Makes a call again that AWS has turned away.

use std::time::Duration;

use aws_sdk_ec2::error::SdkError;

use crate::clients::TRIES_MAX;

/// Makes `call`, and again while `turned_away` says of its error that it did
/// nothing, so that asking again is not asking twice. Three times in all.
pub(crate) async fn again_while<T, E, F>(
    turned_away: impl Fn(&SdkError<E>) -> bool,
    call: impl Fn() -> F,
) -> Result<T, SdkError<E>>
where
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut tries = 1;
    loop {
        match call().await {
            Err(error) if tries < TRIES_MAX && turned_away(&error) => {
                let ceiling = 400_u64 << tries;
                tokio::time::sleep(Duration::from_millis(fastrand::u64(ceiling / 2..ceiling)))
                    .await;
                tries += 1;
            }
            answer => return answer,
        }
    }
}
