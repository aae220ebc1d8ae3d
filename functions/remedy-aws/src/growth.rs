//! What the ledger holds about the growth of volumes.
//!
//! | pk | sk | attributes |
//! |---|---|---|
//! | `volume#<id>` | `growths` | `n`, their count; `grown_<incident>`: time and size of each |
//! | `growths` | `<day>` | `gib`, by which all volumes of the region were grown, by UTC |
//!
//! The first stays for as long as the ledger does, because a volume has few growths in its
//! life; the second for some months.

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use remedy::model::growth::{Grown, Growth, GrowthBook};
use remedy::model::ids::{IncidentId, VolumeId};
use remedy::model::unknown::CallFailed;
use remedy::ports::ledger::Counted;

use crate::again::again_while;
use crate::clients::Aws;
use crate::failure::call_failed;
use crate::ledger::{CHECK_FAILED, CONFLICT, Row, TTL, cancelled_by, number, text};

const TRANSACT: &str = "dynamodb:TransactWriteItems";

/// The row of a volume, and the partition of the days.
const GROWTHS: &str = "growths";

/// The sums of days stay this long, for people who look back.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

fn partition(volume: &VolumeId) -> String {
    format!("volume#{volume}")
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn attribute(incident: &IncidentId) -> String {
    format!("grown_{incident}")
}

impl Aws {
    /// Everything about `volume` and the day of `now`, read consistently.
    pub(crate) async fn growth_book(
        &self,
        volume: &VolumeId,
        now: Timestamp,
    ) -> Result<GrowthBook, CallFailed> {
        let of_volume = (partition(volume), GROWTHS.to_owned());
        let of_day = (GROWTHS.to_owned(), day(now));
        let rows = self.rows([of_volume, of_day]).await?;
        let mut book = GrowthBook::default();
        for row in &rows {
            book.of_volume.extend(grown(row)?);
            if let Some(gib) = row.get("gib") {
                let gib = gib.as_n().ok().and_then(|gib| gib.parse().ok());
                book.region_today_gib = gib.ok_or_else(|| garbled("the sum of a day"))?;
            }
        }
        Ok(book)
    }

    /// Writes an incident and counts its growth, all or nothing.
    pub(crate) async fn put_with_growth(
        &self,
        put: PutBuilder,
        growth: &Growth,
        incident: &IncidentId,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Counted, CallFailed> {
        let build = |error: BuildError| CallFailed { call: TRANSACT, why: error.to_string() };
        let put = put.table_name(&self.table).build().map_err(build)?;
        let volume = self.counting(growth, incident, book, now).map_err(build)?;
        let region = self.summing(growth, a_day_gib, now).map_err(build)?;
        let write = self
            .dynamodb
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(volume).build())
            .transact_items(TransactWriteItem::builder().update(region).build());
        let Err(error) = write.send().await else {
            return Ok(Counted::Won);
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Err(call_failed(TRANSACT, &error));
        };
        match canceled.cancellation_reasons() {
            [incident, ..] if incident.code() == Some(CHECK_FAILED) => Ok(Counted::Outrun),
            reasons
                if reasons
                    .iter()
                    .any(|reason| matches!(reason.code(), Some(CHECK_FAILED | CONFLICT))) =>
            {
                Ok(Counted::Contended)
            }
            _ => Err(call_failed(TRANSACT, &error)),
        }
    }

    /// The part of the transaction that counts a growth of the volume, if no other was
    /// counted since `book` was read.
    fn counting(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        book: &GrowthBook,
        now: Timestamp,
    ) -> Result<Update, BuildError> {
        let before = i64::try_from(book.of_volume.len()).unwrap_or(i64::MAX);
        let condition = match before {
            0 => "attribute_not_exists(n) OR n = :before",
            _ => "n = :before",
        };
        Update::builder()
            .table_name(&self.table)
            .key("pk", text(&partition(&growth.volume)))
            .key("sk", text(GROWTHS))
            .update_expression("SET #grown = :grown ADD n :one")
            .condition_expression(condition)
            .expression_attribute_names("#grown", attribute(incident))
            .expression_attribute_values(
                ":grown",
                text(&format!("{} {}", now.as_second(), growth.to_gib)),
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":before", number(before))
            .build()
    }

    /// The part that adds it to the region's day, if that has room for it.
    fn summing(
        &self,
        growth: &Growth,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Update, BuildError> {
        let room = i64::from(a_day_gib) - i64::from(growth.added_gib());
        Update::builder()
            .table_name(&self.table)
            .key("pk", text(GROWTHS))
            .key("sk", text(&day(now)))
            .update_expression("ADD gib :gib SET #ttl = :ttl")
            .condition_expression("attribute_not_exists(gib) OR gib <= :room")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":gib", number(i64::from(growth.added_gib())))
            .expression_attribute_values(":room", number(room))
            .expression_attribute_values(":ttl", number((now + KEPT).as_second()))
            .build()
    }

    /// Takes a growth back, if it was counted: from its volume and from the region's day, both or
    /// neither, so that it is taken from each once.
    pub(crate) async fn uncount_growth(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        counted_at: Timestamp,
    ) -> Result<(), CallFailed> {
        let build = |error: BuildError| CallFailed { call: TRANSACT, why: error.to_string() };
        let volume = Update::builder()
            .table_name(&self.table)
            .key("pk", text(&partition(&growth.volume)))
            .key("sk", text(GROWTHS))
            .update_expression("REMOVE #grown ADD n :less")
            .condition_expression("attribute_exists(#grown)")
            .expression_attribute_names("#grown", attribute(incident))
            .expression_attribute_values(":less", number(-1))
            .build()
            .map_err(build)?;
        let region = Update::builder()
            .table_name(&self.table)
            .key("pk", text(GROWTHS))
            .key("sk", text(&day(counted_at)))
            .update_expression("ADD gib :less")
            .expression_attribute_values(":less", number(-i64::from(growth.added_gib())))
            .build()
            .map_err(build)?;
        let write = self
            .dynamodb
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(volume).build())
            .transact_items(TransactWriteItem::builder().update(region).build());
        let conflicts = |error: &SdkError<_>| cancelled_by(error, CONFLICT);
        let Err(error) = again_while(conflicts, || write.clone().send()).await else {
            return Ok(());
        };
        // It was taken back before.
        if cancelled_by(&error, CHECK_FAILED) { Ok(()) } else { Err(call_failed(TRANSACT, &error)) }
    }
}

/// What cannot be read is not nothing: whoever dropped it would grow a volume once too often.
fn garbled(what: &str) -> CallFailed {
    let why = format!("{what} in the ledger is garbled");
    CallFailed { call: "dynamodb:BatchGetItem", why }
}

fn grown(row: &Row) -> Result<Vec<Grown>, CallFailed> {
    let read = |value: &str| {
        let (second, gib) = value.split_once(' ')?;
        let at = Timestamp::from_second(second.parse().ok()?).ok()?;
        Some(Grown { at, to_gib: gib.parse().ok()? })
    };
    let growths = row.iter().filter(|(name, _)| name.starts_with("grown_"));
    growths
        .map(|(name, value)| {
            let value = value.as_s().ok().and_then(|value| read(value));
            value.ok_or_else(|| garbled(&format!("the growth {name}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growth_that_cannot_be_read_is_unknown_and_not_none() {
        let row = |value| Row::from([("grown_x".to_owned(), value), ("n".to_owned(), number(1))]);
        let at = Timestamp::from_second(1_795_144_440).unwrap();
        let known = grown(&row(text("1795144440 140"))).unwrap();
        assert_eq!(known, [Grown { at, to_gib: 140 }]);
        for broken in [text(""), text("1795144440"), text("soon 140"), text("1 x"), number(1)] {
            assert!(grown(&row(broken.clone())).is_err(), "{broken:?}");
        }
    }
}
