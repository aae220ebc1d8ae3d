//! Drives the functions without a runtime: polls by hand, in an order the test
//! chooses.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;
use remedy::alarm::Invocation;
use remedy::follow_up::{self, Beat};
use remedy::model::alarm::Symptom;
use remedy::model::ids::{BucketName, InstanceId};
use remedy::model::policy::{Mode, Policy};
use remedy::model::unknown::CallFailed;
use remedy::respond::{self, Answer, RespondError};

use crate::Region;

/// No invocation takes more polls than this: each call to the region takes one, a beat has
/// 16 of them at a time, and one in a storm makes 20,000.
const POLLS_MAX: usize = 100_000;

/// One deployed function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The symptom it answers for.
    pub symptom: Symptom,
    /// How its operator tuned it.
    pub policy: Policy,
    /// How far its clock is ahead of the region's.
    pub ahead: SignedDuration,
}

impl Function {
    /// The function of `symptom`, allowed to act and otherwise as it comes.
    pub fn new(symptom: Symptom) -> Self {
        let policy = deployed();
        Self { symptom, policy, ahead: SignedDuration::ZERO }
    }

    /// Invokes the function with `event`, now.
    pub async fn invoke(&self, region: &Region, event: &str) -> Result<Answer, RespondError> {
        let invocation = Invocation {
            symptom: self.symptom,
            request_id: region.next_request_id(),
            at: region.now() + self.ahead,
        };
        // Boxed, as in the functions: the road's future is large.
        Box::pin(respond::respond(event, &invocation, &self.policy, region)).await
    }

    /// Invokes the function with `event`, now, and waits for its answer.
    pub fn run(&self, region: &Region, event: &str) -> Result<Answer, RespondError> {
        finish(self.invoke(region, event))
    }
}

/// The deployed follow-up.
#[derive(Clone, Debug)]
pub struct FollowUp {
    /// How its operator tuned it.
    pub policy: Policy,
    /// How far its clock is ahead of the region's.
    pub ahead: SignedDuration,
}

impl Default for FollowUp {
    /// The follow-up, allowed to act and otherwise as it comes.
    fn default() -> Self {
        let policy = deployed();
        Self { policy, ahead: SignedDuration::ZERO }
    }
}

/// What the template makes of a deployment that may act.
fn deployed() -> Policy {
    let evidence_bucket = BucketName::new("remedy-evidence").ok();
    Policy { mode: Mode::Act, evidence_bucket, ..Policy::default() }
}

impl FollowUp {
    /// One beat, now; with a trigger, for that instance alone.
    pub async fn invoke(
        &self,
        region: &Region,
        trigger: Option<&InstanceId>,
    ) -> Result<Beat, CallFailed> {
        let now = region.now() + self.ahead;
        follow_up::beat(trigger, now, &self.policy, region, &|| true).await
    }

    /// One beat, now, of the heartbeat, and waits for its answer.
    pub fn run(&self, region: &Region) -> Result<Beat, CallFailed> {
        finish(self.invoke(region, None))
    }
}

/// Polls `future` until it is ready, or until the region says that the function
/// behind it has died: then it is dropped, and `None`.
pub fn finish_or_die<T>(region: &Region, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if region.is_dead() {
            drop(future);
            region.bury();
            return None;
        }
    }
    unreachable!("an invocation waits for something that nobody does")
}

/// Polls `future` until it is ready.
/// If it waits for something that nobody in the simulation does, that is a
/// mistake in the simulation, and the program ends.
pub fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    unreachable!("an invocation waits for something that nobody does")
}

/// Polls two futures as `order` says (`true`: the first one), then finishes
/// both, the first one first. Gives their outputs.
pub fn interleave<T>(
    first: impl Future<Output = T>,
    second: impl Future<Output = T>,
    order: impl IntoIterator<Item = bool>,
) -> (T, T) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut first_output, mut second_output) = (None, None);
    for first_is_next in order {
        if first_is_next {
            step(first.as_mut(), &mut first_output);
        } else {
            step(second.as_mut(), &mut second_output);
        }
    }
    let first_output = first_output.unwrap_or_else(|| finish(first));
    let second_output = second_output.unwrap_or_else(|| finish(second));
    (first_output, second_output)
}

/// Polls all `futures` in the order `next` chooses, which is told how many are
/// left and names one of them, until each is ready or its function has died.
/// Gives their outputs in the order of the futures, and `None` for the dead.
pub fn together<T>(
    region: &Region,
    futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>,
    mut next: impl FnMut(usize) -> usize,
) -> Vec<Option<T>> {
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let mut left: Vec<_> = futures.into_iter().enumerate().collect();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX * outputs.len() {
        if left.is_empty() {
            return outputs;
        }
        let chosen = next(left.len()).min(left.len() - 1);
        let Some((place, future)) = left.get_mut(chosen) else { continue };
        region.works(*place);
        let answer = future.as_mut().poll(&mut context);
        let is_dead = region.is_dead();
        if let (Poll::Ready(output), Some(slot)) = (answer, outputs.get_mut(*place)) {
            *slot = Some(output);
        } else if !is_dead {
            continue;
        }
        drop(left.swap_remove(chosen));
        if is_dead {
            region.bury();
        }
    }
    unreachable!("an invocation waits for something that nobody does")
}

fn step<T>(future: Pin<&mut impl Future<Output = T>>, output: &mut Option<T>) {
    if output.is_none()
        && let Poll::Ready(ready) = future.poll(&mut Context::from_waker(Waker::noop()))
    {
        *output = Some(ready);
    }
}

/// Gives way once: a call in flight, while others may be polled.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|context| {
        if gave_way {
            Poll::Ready(())
        } else {
            gave_way = true;
            // Some combinators poll only what asked to be polled.
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
