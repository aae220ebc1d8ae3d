//! An account's past as a history: what it keeps of its alarms, what was measured around each,
//! what people and groups did, and, of everything else, what holds today.

pub mod estimate;

pub mod trail;

mod read;

mod rings;

mod values;

use jiff::{SignedDuration, Timestamp};
use remedy::model::unknown::CallFailed;
use remedy::ports::ledger::Ledger;
use remedy::ports::look_at_all::{AlarmDefinition, LookAtAll};
use remedy::ports::look_at_many::LookAtMany;

use self::estimate::Estimate;
use crate::history::{History, Item};
use crate::look_back::{Between, Changes, LookBack, Page};

/// `CloudWatch` keeps the history of alarms for so long (its user guide, "Using Amazon
/// `CloudWatch` alarms": "preserves alarm history for 30 days").
pub const DAYS_MAX: i64 = 30;

/// Items on a page of an alarm's history (`CloudWatch` API reference, `DescribeAlarmHistory`).
pub const ITEMS_A_PAGE: usize = 100;

/// So many pages are read before anybody is asked whether the rest may be.
const FIRST_PAGES: usize = 20;

/// What is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// How far back.
    pub days: i64,
    /// The time now: what only holds today holds at this time.
    pub now: Timestamp,
}

impl Wish {
    /// The time that is read.
    pub fn between(&self) -> Between {
        let back = SignedDuration::from_hours(24 * self.days);
        Between { from: self.now.checked_sub(back).unwrap_or(Timestamp::MIN), until: self.now }
    }
}

/// What a few calls tell before everything else is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The alarms, as they are configured today.
    pub alarms: Vec<AlarmDefinition>,
    /// The newest changes of state, and what asks for those before.
    pub newest: Page<Item>,
    /// What the rest will take.
    pub estimate: Estimate,
}

/// An account, as it is asked: about all there is, about what is named, and about what was.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a, A, N, B> {
    /// All there is.
    pub all: &'a A,
    /// What is named.
    pub named: &'a N,
    /// What was.
    pub back: &'a B,
}

impl<A, N, B> Account<'_, A, N, B>
where
    A: LookAtAll,
    N: LookAtMany + Ledger,
    B: LookBack,
{
    /// Begins: lists the alarms, and reads the newest pages of their history, by which it is
    /// estimated what the rest will take. Alarms come in storms, so that one page tells little.
    pub async fn begin(&self, wish: &Wish) -> Result<Begun, CallFailed> {
        let alarms = self.all.all_alarms().await?;
        let ask = async |next| self.back.changes(Changes::OfAlarms, wish.between(), next).await;
        let mut newest = ask(None).await?;
        for _ in 1..FIRST_PAGES {
            let Some(next) = newest.next.take() else { break };
            let page = ask(Some(next)).await?;
            newest.found.extend(page.found);
            newest.next = page.next;
        }
        let estimate = Estimate::of(wish, &alarms, &newest);
        Ok(Begun { alarms, newest, estimate })
    }

    /// Reads the history that was begun. `tell` is told what is read now.
    pub async fn read(
        &self,
        wish: &Wish,
        begun: Begun,
        tell: &impl Fn(&str),
    ) -> Result<History, CallFailed> {
        read::read(self, wish, begun, tell).await
    }
}
