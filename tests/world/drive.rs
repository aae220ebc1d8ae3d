//! Drives the functions without a runtime: polls by hand, in an order the test
//! chooses.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use jiff::SignedDuration;
use remedy::alarm::{Invocation, Unreadable};
use remedy::follow_up::{self, Beat};
use remedy::intake::{Taken, take_in};
use remedy::model::alarm::Symptom;
use remedy::model::ids::{BucketName, InstanceId};
use remedy::model::policy::{Mode, Policy};
use remedy::model::unknown::CallFailed;
use remedy::respond::{self, Answer, RespondError};
use serde_json::{Value, json};

use crate::Region;
use crate::quota::Caller;

/// No invocation takes more polls than this: each call to the region takes some, a beat has
/// 16 of them at a time, and one in a storm makes 20,000.
const POLLS_MAX: usize = 1_000_000;

/// What a function is given of time (the template's `Timeout`).
pub const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// The follow-up begins no part of its work with less time than this left.
const ENDS_WITHIN: SignedDuration = SignedDuration::from_secs(40);

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
        let respond = Box::pin(respond::respond(event, &invocation, &self.policy, region));
        called_by(region, Caller::Intake, respond).await
    }

    /// Invokes the function with `event`, now, and waits for its answer.
    pub fn run(&self, region: &Region, event: &str) -> Result<Answer, RespondError> {
        finish_in(region, self.invoke(region, event))
    }
}

/// The deployed intake, which takes alarms from a queue.
#[derive(Clone, Debug)]
pub struct Intake {
    /// How its operator tuned it.
    pub policy: Policy,
    /// How far its clock is ahead of the region's.
    pub ahead: SignedDuration,
}

impl Default for Intake {
    /// The intake, allowed to act and otherwise as it comes.
    fn default() -> Self {
        Self { policy: deployed(), ahead: SignedDuration::ZERO }
    }
}

impl Intake {
    /// Invokes the function with a batch, now: messages by their ids, and what is in them.
    pub async fn invoke(
        &self,
        region: &Region,
        messages: &[(String, String)],
    ) -> Result<Taken, Unreadable> {
        let record = |(id, body): &(String, String)| json!({"messageId": id, "body": body});
        let records: Vec<Value> = messages.iter().map(record).collect();
        let event = json!({"Records": records}).to_string();
        let now = region.now() + self.ahead;
        let take_in = Box::pin(take_in(&event, now, &self.policy, region));
        called_by(region, Caller::Intake, take_in).await
    }

    /// Invokes the function with a batch, now, and waits for its answer.
    pub fn run(&self, region: &Region, messages: &[(String, String)]) -> Result<Taken, Unreadable> {
        finish_in(region, self.invoke(region, messages))
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
        let begun = region.now();
        let is_time_left = || region.now().duration_since(begun) + ENDS_WITHIN < TIMEOUT;
        let beat =
            follow_up::beat(trigger, begun + self.ahead, &self.policy, region, &is_time_left);
        let caller = if trigger.is_some() { Caller::Hint } else { Caller::Beat };
        called_by(region, caller, Box::pin(beat)).await
    }

    /// One beat, now, of the heartbeat, and waits for its answer.
    pub fn run(&self, region: &Region) -> Result<Beat, CallFailed> {
        finish_in(region, self.invoke(region, None))
    }
}

/// Does what `future` does in somebody's name.
async fn called_by<T>(region: &Region, caller: Caller, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        region.is_called_by(caller);
        future.as_mut().poll(context)
    })
    .await
}

/// What `future` comes to, if it does within `time` of the region's.
pub(crate) async fn within<T>(
    region: &Region,
    time: SignedDuration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut over = pin!(region.sleep(time));
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => over.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Whether somebody can go on.
#[derive(Debug)]
pub(crate) struct Woken(AtomicBool);

impl Woken {
    /// Whoever has only begun can.
    pub(crate) fn begins() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    pub(crate) fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it could go on, which is done now.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls `future` until it is ready, or until the region says that the function
/// behind it has died: then it is dropped, and `None`. While it waits for an answer, the
/// region's time passes.
pub fn finish_or_die<T>(region: &Region, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let woken = Woken::begins();
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    for _ in 0..POLLS_MAX {
        if woken.take()
            && let Poll::Ready(output) = future.as_mut().poll(&mut context)
        {
            return Some(output);
        }
        if region.is_dead() {
            drop(future);
            region.bury();
            return None;
        }
        if !woken.is() && !region.wakes() {
            break;
        }
    }
    unreachable!("an invocation waits for something that nobody does")
}

/// Polls `future` until it is ready, while the region's time passes as its calls take it.
pub fn finish_in<T>(region: &Region, future: impl Future<Output = T>) -> T {
    match finish_or_die(region, future) {
        Some(output) => output,
        None => unreachable!("nobody was to die"),
    }
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

/// Polls all `futures` in the order `next` chooses, until each is ready, its function has died
/// or its time is over. `next` is told the places of those that can go on, and whether one that
/// has begun is not at its end; it names one of them by its number, or nobody: then those that
/// have not ended are dropped. Gives the outputs in the order of the futures, and `None` for
/// the dead and the dropped.
pub fn together<T>(
    region: &Region,
    futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>,
    mut next: impl FnMut(&[usize], bool) -> Option<usize>,
) -> Vec<Option<T>> {
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let waits = |(place, future)| (place, future, Woken::begins());
    let mut left: Vec<_> = futures.into_iter().enumerate().map(waits).collect();
    let mut begun = BTreeSet::new();
    let begins = region.now();
    for _ in 0..POLLS_MAX * outputs.len() {
        let can: Vec<(usize, usize)> = (left.iter().enumerate())
            .filter(|(_, (.., woken))| woken.is())
            .map(|(at, (place, ..))| (at, *place))
            .collect();
        if left.is_empty() || region.now().duration_since(begins) > TIMEOUT {
            return outputs;
        }
        if can.is_empty() {
            if !region.wakes() {
                break;
            }
            continue;
        }
        let places: Vec<usize> = can.iter().map(|(_, place)| *place).collect();
        let under_way = left.iter().any(|(place, ..)| begun.contains(place));
        let Some(number) = next(&places, under_way) else { return outputs };
        let Some((chosen, _)) = can.get(number.min(can.len() - 1)).copied() else { continue };
        let Some((place, future, woken)) = left.get_mut(chosen) else { continue };
        begun.insert(*place);
        region.works(*place);
        woken.take();
        let waker = Waker::from(Arc::clone(woken));
        let answer = future.as_mut().poll(&mut Context::from_waker(&waker));
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
