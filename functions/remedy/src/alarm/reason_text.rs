//! The words in which `CloudWatch` gives its reason for a change of state. They
//! are English prose and not an interface, so only phrases that the service is
//! known to write are understood; the tests quote them.

use super::comparison::Operator;

/// What a reason says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Words {
    /// The comparison it tells of.
    pub(super) operator: Option<Operator>,
    /// It says that the comparison did *not* hold.
    pub(super) denied: bool,
    /// It says that no datapoint arrived.
    pub(super) nothing_measured: bool,
    /// It says that missing datapoints were counted as if they were bad or good.
    pub(super) missing_counted: bool,
    /// The datapoints it quotes, newest first.
    pub(super) values: Vec<f64>,
    /// The threshold it quotes.
    pub(super) threshold: Option<f64>,
    /// The lower edges of a band it quotes, newest first.
    pub(super) lows: Vec<f64>,
    /// The upper edges of a band it quotes, newest first.
    pub(super) highs: Vec<f64>,
}

/// Phrases that end a comparison, so that a remark such as "CPU is greater than
/// usual" is not taken for one.
const ABOVE: [&str; 4] = [
    "greater than the threshold",
    "greater than or equal to the threshold",
    "greater than the upper threshold",
    "greater than or equal to the upper threshold",
];
const BELOW: [&str; 4] = [
    "less than the threshold",
    "less than or equal to the threshold",
    "less than the lower threshold",
    "less than or equal to the lower threshold",
];

/// Phrases that say that there was nothing to compare. The last is that of a
/// contributor whose series vanished.
const NOTHING: [&str; 4] = [
    "no datapoints were received",
    "no datapoint was received",
    "no time series were returned",
    "no data was returned for this contributor",
];

/// Whether the reason `text` speaks of the edges of an anomaly detection band.
pub(super) fn names_band(text: &str) -> bool {
    let text = text.to_lowercase();
    ["upper threshold", "lower threshold"].iter().any(|edge| text.contains(edge))
}

/// Reads the reason `text`.
pub(super) fn words(text: &str) -> Words {
    let text = text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let denies = |phrases: &[&str]| {
        let denial = |phrase: &&str| text.contains(&format!("not {phrase}"));
        phrases.iter().any(denial)
    };
    let operator = match (says(&ABOVE), says(&BELOW)) {
        (true, true) => Some(Operator::Outside),
        (true, false) => Some(Operator::Above),
        (false, true) => Some(Operator::Below),
        (false, false) => None,
    };
    Words {
        operator,
        denied: denies(&ABOVE) || denies(&BELOW),
        nothing_measured: says(&NOTHING),
        missing_counted: says(&["datapoint was treated as", "datapoints were treated as"]),
        values: values(&text),
        threshold: after(&text, "the threshold (", ')').and_then(number),
        lows: numbers(after(&text, "lower thresholds [", ']').unwrap_or_default()),
        highs: numbers(after(&text, "upper thresholds [", ']').unwrap_or_default()),
    }
}

/// The first bracketed list of datapoints, each with or without its time:
/// `[99.5 (02/10/19 16:59:00), 98.0 (02/10/19 16:58:00)]`.
fn values(text: &str) -> Vec<f64> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((list, remaining)) = after.split_once(']') else {
            break;
        };
        // The brackets of the band's edges and of "treated as [Breaching]".
        let other = before.trim_end().ends_with("thresholds");
        let values = numbers(list);
        if !other && !values.is_empty() {
            return values;
        }
        rest = remaining;
    }
    Vec::new()
}

/// The numbers of a comma-separated list; none, if one of them is no number.
fn numbers(list: &str) -> Vec<f64> {
    let numbers: Option<Vec<f64>> = list.split(',').map(number).collect();
    numbers.unwrap_or_default()
}

/// The number that `item` begins with.
fn number(item: &str) -> Option<f64> {
    let number: f64 = item.split_whitespace().next()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// What stands between the first `start` and the next `end`.
fn after<'a>(text: &'a str, start: &str, end: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comparison_is_read_and_so_is_its_denial() {
        for (text, operator, denied) in [
            ("was greater than the threshold (90.0)", Some(Operator::Above), false),
            ("were greater than or equal to the threshold (80.0)", Some(Operator::Above), false),
            ("was not greater than the threshold (50.0)", Some(Operator::Above), true),
            ("was less than the threshold (5.0)", Some(Operator::Below), false),
            ("was not less than or equal to the threshold (0.0)", Some(Operator::Below), true),
            ("was greater than the upper thresholds [225.7]", Some(Operator::Above), false),
            ("was less than the lower thresholds [2.0]", Some(Operator::Below), false),
            (
                "was less than the lower thresholds [2.0] or greater than the upper thresholds [3]",
                Some(Operator::Outside),
                false,
            ),
            (
                "was not less than the lower thresholds [0.02] or not greater than the upper \
                 thresholds [0.3]",
                Some(Operator::Outside),
                true,
            ),
            ("CPU is greater than usual, less than yesterday", None, false),
            ("testing purposes", None, false),
            ("", None, false),
        ] {
            let words = words(text);
            assert_eq!((words.operator, words.denied), (operator, denied), "{text}");
        }
    }

    #[test]
    fn missing_datapoints_are_told_from_datapoints() {
        for (text, nothing, counted) in [
            (
                "Threshold Crossed: no datapoints were received for 3 periods and 3 missing \
                 datapoints were treated as [Breaching].",
                true,
                true,
            ),
            (
                "Threshold Crossed: no datapoints were received for 1 period and 1 missing \
                 datapoint was treated as [NonBreaching].",
                true,
                true,
            ),
            (
                "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing \
                 datapoints were treated as [Breaching].",
                false,
                true,
            ),
            ("No data was returned for this contributor", true, false),
            ("Threshold Crossed: 1 datapoint [1.0 (05/02/18 06:28:00)] was greater", false, false),
        ] {
            let words = words(text);
            assert_eq!(
                (words.nothing_measured, words.missing_counted),
                (nothing, counted),
                "{text}"
            );
            assert_eq!(words.values.is_empty(), !text.contains("[1.0"), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_where_cloudwatch_puts_them() {
        let plain = words(
            "Threshold Crossed: 2 out of the last 2 datapoints [99.9 (07/09/26 06:14:00), 65.6 \
             (07/09/26 06:13:00)] were greater than the threshold (40.0) (minimum 2 datapoints \
             for OK -> ALARM transition).",
        );
        assert_eq!((plain.values, plain.threshold), (vec![99.9, 65.6], Some(40.0)));
        let contributor = words(
            "Threshold Crossed: 1 datapoint was less than the threshold (1.0). The most recent \
             datapoint which crossed the threshold: [0.5 (01/12/25 13:34:00)].",
        );
        assert_eq!((contributor.values, contributor.threshold), (vec![0.5], Some(1.0)));
        let band = words(
            "Thresholds Crossed: 2 out of the last 2 datapoints [28.2 (22/11/19 00:57:00), 27.0 \
             (22/11/19 00:52:00)] were less than the lower thresholds [31.7, 31.3] or greater \
             than the upper thresholds [33.0, 32.6] (minimum 2 datapoints for OK -> ALARM).",
        );
        assert_eq!(band.values, [28.2, 27.0]);
        assert_eq!((band.lows, band.highs), (vec![31.7, 31.3], vec![33.0, 32.6]));
        let long = words(
            "Thresholds Crossed: 7 out of the last 10 datapoints were less than the lower \
             thresholds or greater than the upper thresholds. Recent datapoints [2246.0 \
             (11/10/20 09:45:00)] crossed the lower thresholds [153.1] or upper thresholds [215.1]",
        );
        assert_eq!((long.values, long.lows, long.highs), (vec![2246.0], vec![153.1], vec![215.1]));
        for text in ["[", "[]", "datapoints [NaN]", "[a, 1.0]", "the threshold (", "]["] {
            let words = words(text);
            assert_eq!((words.values, words.threshold), (vec![], None), "{text}");
        }
    }
}
