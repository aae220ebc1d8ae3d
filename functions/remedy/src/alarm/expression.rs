//! Expressions an alarm may watch instead of a metric: metric math, whose sense
//! must be followed to know what its direction means, and Metrics Insights
//! queries, which name the metric themselves.

/// Functions of metric math that never turn more into less.
const RISING: [&str; 8] =
    ["MAX", "MIN", "AVG", "SUM", "FILL", "METRICS", "REPEAT", "ANOMALY_DETECTION_BAND"];

/// What can be said about the sense of a metric math expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// It rises with its metrics.
    Rises,
    /// The same, and it says 0 where nothing was measured.
    RisesFromZero,
    /// It falls as its metrics rise: what is left of a whole, such as `100 - m1`.
    Falls,
    /// Anything: a difference, a quotient or a condition may turn it round.
    Unknown,
}

/// The sense of the metric math expression `text`.
pub(super) fn sense(text: &str) -> Sense {
    let tokens = unwrapped(&tokens(text)).to_vec();
    if let [Token::Word(whole), Token::Symbol('-'), part @ ..] = tokens.as_slice()
        && whole.parse::<f64>().is_ok_and(f64::is_finite)
    {
        let falls = is_one_term(part) && rises(part) == Sense::Rises;
        return if falls { Sense::Falls } else { Sense::Unknown };
    }
    rises(&tokens)
}

/// What stands between parentheses that enclose all of it, or else the whole.
fn unwrapped<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match tokens {
        [Token::Symbol('('), inner @ .., Token::Symbol(')')] if is_closed(inner) => {
            unwrapped(inner)
        }
        whole => whole,
    }
}

/// Whether every parenthesis that opens in `tokens` closes there, and none other does.
fn is_closed(tokens: &[Token<'_>]) -> bool {
    let mut open = 0_usize;
    for token in tokens {
        match (token, open) {
            (Token::Symbol('('), _) => open += 1,
            (Token::Symbol(')'), 0) => return false,
            (Token::Symbol(')'), _) => open -= 1,
            _ => {}
        }
    }
    open == 0
}

/// Whether `tokens` are one name, or one call or pair of parentheses, and nothing beside it.
fn is_one_term(tokens: &[Token<'_>]) -> bool {
    match tokens {
        [Token::Word(_)] => true,
        [Token::Word(_), rest @ ..] | rest => {
            matches!(rest, [Token::Symbol('('), inner @ .., Token::Symbol(')')] if is_closed(inner))
        }
    }
}

/// The sense of what may hold nothing but what rises with its metrics.
fn rises(tokens: &[Token<'_>]) -> Sense {
    let mut fills = false;
    let mut numbers = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let called = tokens.get(i + 1) == Some(&Token::Symbol('('));
        match token {
            Token::Word(word) if RISING.contains(word) => fills |= *word == "FILL",
            Token::Word(word) if !called && word.starts_with(|c: char| c.is_ascii_lowercase()) => {}
            Token::Word(word) => match word.parse::<f64>() {
                Ok(number) if number.is_finite() && !called => numbers.push(number),
                _ => return Sense::Unknown,
            },
            Token::Symbol('+' | '*' | ',' | '(' | ')' | '[' | ']') => {}
            Token::Quoted(_) | Token::Symbol(_) => return Sense::Unknown,
        }
    }
    // `FILL(m1, 100)` makes a full disk of an agent that died.
    match (fills, numbers.is_empty()) {
        (false, _) | (true, true) => Sense::Rises,
        (true, false) if numbers.iter().all(|number| *number == 0.0) => Sense::RisesFromZero,
        (true, false) => Sense::Unknown,
    }
}

/// A Metrics Insights query, as far as an alarm about it must be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query<'a> {
    /// The function over the metric, such as `MAX`.
    pub(super) function: &'a str,
    /// The metric's name.
    pub(super) metric: &'a str,
    /// The metric's namespace.
    pub(super) namespace: &'a str,
    /// Where its series are from, in the query's words: the namespace, or a schema.
    pub(super) from: &'a str,
    /// Which of them it reads, in the query's words, if not all.
    pub(super) condition: Option<&'a str>,
    /// What every series that it reads has for a label, as the condition says.
    pub(super) facts: Vec<(&'a str, &'a str)>,
    /// Whether it yields a series for each value of a label, rather than one of all.
    pub(super) grouped: bool,
}

/// Whether metric math makes an anomaly detection band of something.
pub(super) fn is_band(text: &str) -> bool {
    tokens(text).contains(&Token::Word("ANOMALY_DETECTION_BAND"))
}

/// Whether `text` is a Metrics Insights query rather than metric math.
pub(super) fn is_query(text: &str) -> bool {
    tokens(text).first().is_some_and(|token| token.is("SELECT"))
}

/// Reads `SELECT function(metric) FROM namespace ...` or `... FROM
/// SCHEMA(namespace, label, ...) ...`.
pub(super) fn query(text: &str) -> Option<Query<'_>> {
    let pieces = pieces(text);
    let tokens: Vec<Token<'_>> = pieces.iter().map(|(_, token)| *token).collect();
    let (Token::Word(function), rest) = tokens.get(1..)?.split_first()? else {
        return None;
    };
    let [
        Token::Symbol('('),
        Token::Word(metric) | Token::Quoted(metric),
        Token::Symbol(')'),
        Token::Word(from),
        rest @ ..,
    ] = rest
    else {
        return None;
    };
    let namespace = match rest {
        [Token::Word(schema), schema_rest @ ..] if schema.eq_ignore_ascii_case("SCHEMA") => {
            schema_rest.get(1)
        }
        _ => rest.first(),
    };
    let Some(Token::Word(namespace) | Token::Quoted(namespace)) = namespace else {
        return None;
    };
    if !from.eq_ignore_ascii_case("FROM") {
        return None;
    }
    // `SELECT function ( metric ) FROM`: six tokens and what follows them.
    let clause = |names: &[&str]| {
        let begins = |piece: &&(usize, Token<'_>)| names.iter().any(|name| piece.1.is(name));
        pieces.iter().skip(6).find(begins).map_or(text.len(), |(at, _)| *at)
    };
    let ends = clause(&["GROUP", "ORDER", "LIMIT"]);
    let condition_at = clause(&["WHERE"]).min(ends);
    let condition = text.get(condition_at + "WHERE".len()..ends).map(str::trim);
    let within = pieces.iter().filter(|(at, _)| (condition_at..ends).contains(at)).skip(1);
    let within: Vec<Token<'_>> = within.map(|(_, token)| *token).collect();
    Some(Query {
        function,
        metric,
        namespace,
        from: text.get(pieces.get(6)?.0..condition_at)?.trim(),
        condition: condition.filter(|condition| !condition.is_empty()),
        facts: facts(&within),
        grouped: clause(&["GROUP"]) < text.len(),
    })
}

/// The equations of a condition. The language joins terms with `AND` alone (`CloudWatch`
/// user guide, "Metrics Insights query components and syntax"); of a condition that is
/// put together otherwise nothing is certain.
fn facts<'a>(condition: &[Token<'a>]) -> Vec<(&'a str, &'a str)> {
    let mut facts = Vec::new();
    for term in condition.split(|token| token.is("AND")) {
        match term {
            [
                Token::Word(name) | Token::Quoted(name),
                Token::Symbol('='),
                Token::Quoted(value) | Token::Word(value),
            ] => facts.push((*name, *value)),
            term if says_nothing(term) => {}
            _ => return Vec::new(),
        }
    }
    facts
}

/// Whether a term of a condition is understood and names nothing that anybody asks for: what
/// something is not, what is compared with a function such as the account with its own, and
/// what a tag says, as in `tag."team" = 'web'`.
fn says_nothing(term: &[Token<'_>]) -> bool {
    use Token::{Quoted, Symbol, Word};
    matches!(
        term,
        [_, Symbol('!'), Symbol('='), _]
            | [Word(_), Symbol('='), Word(_), Symbol('('), Symbol(')')]
            | [Word("tag."), Quoted(_), Symbol('='), _]
            | [Word("tag."), Quoted(_), Symbol('!'), Symbol('='), _]
    )
}

/// A piece of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A name or a number.
    Word(&'a str),
    /// What stands between quotation marks.
    Quoted(&'a str),
    /// Any other single character.
    Symbol(char),
}

impl Token<'_> {
    /// Whether it is the keyword `name`, in whatever case.
    fn is(&self, name: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(name))
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    pieces(text).into_iter().map(|(_, token)| token).collect()
}

/// The tokens, each with where it begins.
fn pieces(text: &str) -> Vec<(usize, Token<'_>)> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let (token, remaining) = if in_word(first) {
            let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            let (word, remaining) = rest.split_at(end);
            (Token::Word(word), remaining)
        } else if let Some((quoted, remaining)) = quotation(first, after) {
            (Token::Quoted(quoted), remaining)
        } else {
            (Token::Symbol(first), after)
        };
        tokens.push((text.len() - rest.len(), token));
        rest = remaining.trim_start();
    }
    tokens
}

fn quotation(mark: char, after: &str) -> Option<(&str, &str)> {
    matches!(mark, '"' | '\'').then(|| after.split_once(mark)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sense_is_followed_only_where_nothing_can_turn_it_round() {
        for (text, expected) in [
            ("MAX([m1, m2])", Sense::Rises),
            ("AVG(METRICS())", Sense::Rises),
            ("m1+m2 * 2", Sense::Rises),
            ("0.5*(m1 + cpu_2)", Sense::Rises),
            ("ANOMALY_DETECTION_BAND(m1, 2)", Sense::Rises),
            ("FILL(m1, REPEAT)", Sense::Rises),
            ("MAX([FILL(m1, 0), FILL(m2, 0)])", Sense::RisesFromZero),
            ("FILL(m1, 100)", Sense::Unknown),
            ("100 - m1", Sense::Falls),
            ("100-m1", Sense::Falls),
            ("(100 - m1)", Sense::Falls),
            ("100 - AVG([m1, m2])", Sense::Falls),
            ("100 - (m1)", Sense::Falls),
            ("100 - m1 + m2", Sense::Unknown),
            ("100 - (m1) * (m2)", Sense::Unknown),
            ("100 - (100 - m1)", Sense::Unknown),
            ("100 - FILL(m1, 0)", Sense::Unknown),
            ("100 - FILL(m1, REPEAT)", Sense::Falls),
            ("m1 - 100", Sense::Unknown),
            ("-m1", Sense::Unknown),
            ("100 -", Sense::Unknown),
            ("m1 / m2", Sense::Unknown),
            ("IF(m1 > 90, 1, 0)", Sense::Unknown),
            ("if(m1, 1)", Sense::Unknown),
            ("RATE(m1)", Sense::Unknown),
            ("m1 AND m2", Sense::Unknown),
            ("m1 < 5", Sense::Unknown),
            ("METRICS(\"cpu\")", Sense::Unknown),
            ("SEARCH('{CWAgent,InstanceId} mem', 'Average', 60)", Sense::Unknown),
            ("m1 \u{2212} m2", Sense::Unknown),
        ] {
            assert_eq!(sense(text), expected, "{text}");
        }
    }

    #[test]
    fn a_query_names_its_metric_and_namespace() {
        for (text, expected) in [
            (
                "SELECT MAX(mem_used_percent) FROM \"CWAgent\" GROUP BY InstanceId ORDER BY MAX()",
                Some(("MAX", "mem_used_percent", "CWAgent")),
            ),
            (
                "select avg(CPUUtilization) from SCHEMA(\"AWS/EC2\", InstanceId) group by x",
                Some(("avg", "CPUUtilization", "AWS/EC2")),
            ),
            (
                " SELECT MIN(\"LogicalDisk % Free Space\") FROM CWAgent",
                Some(("MIN", "LogicalDisk % Free Space", "CWAgent")),
            ),
            ("SELECT MAX(m) GROUP BY InstanceId", None),
            ("SELECT MAX FROM x", None),
            ("SELECT", None),
            ("SELECT MAX(a) FROM SCHEMA(", None),
        ] {
            let named = query(text).map(|q| (q.function, q.metric, q.namespace));
            assert_eq!(named, expected, "{text}");
            assert!(is_query(text), "{text}");
        }
        assert!(!is_query("SELECTED + m1"));
        assert!(!is_query(""));
    }

    #[test]
    fn a_condition_says_what_every_series_has_if_it_is_nothing_but_equations() {
        for (condition, expected) in [
            ("WHERE path = '/data'", &[("path", "/data")][..]),
            (
                "where InstanceId='i-0123abcd' and \"path\" = '/' AND fstype != 'tmpfs'",
                &[("InstanceId", "i-0123abcd"), ("path", "/")],
            ),
            ("WHERE tag.\"a b\" = 'x' AND path = '/'", &[("path", "/")]),
            ("WHERE tag.\"a b\" != 'x' AND path = '/'", &[("path", "/")]),
            ("WHERE tag.\"a b\" > 'x' AND path = '/'", &[]),
            ("WHERE AWS.AccountId = CURRENT_ACCOUNT_ID() AND path = '/'", &[("path", "/")]),
            ("WHERE path = '/' OR path = '/data'", &[]),
            ("WHERE (path = '/')", &[]),
            ("WHERE NOT path = '/'", &[]),
            ("WHERE path = '/' AND", &[]),
            ("WHERE path != '/'", &[]),
            ("", &[]),
        ] {
            for (rest, grouped) in
                [("", false), (" GROUP BY InstanceId", true), (" LIMIT 5", false)]
            {
                let text = format!("SELECT MAX(m) FROM a {condition}{rest}");
                let query = query(&text).unwrap();
                assert_eq!((query.facts.as_slice(), query.grouped), (expected, grouped), "{text}");
            }
        }
    }

    #[test]
    fn a_query_says_which_series_it_reads() {
        for (text, from, condition) in [
            ("SELECT MAX(m) FROM \"CWAgent\" GROUP BY InstanceId", "\"CWAgent\"", None),
            ("SELECT MAX(m) FROM CWAgent", "CWAgent", None),
            (
                "select max(m) from SCHEMA(\"AWS/EC2\", InstanceId)  where a = 'b' AND \
                 \"c d\" != 'where' order by MAX() LIMIT 5",
                "SCHEMA(\"AWS/EC2\", InstanceId)",
                Some("a = 'b' AND \"c d\" != 'where'"),
            ),
            ("SELECT MAX(m) FROM \"group\" WHERE x='1'", "\"group\"", Some("x='1'")),
            ("SELECT MAX(m) FROM a WHERE", "a", None),
        ] {
            let query = query(text).unwrap();
            assert_eq!((query.from, query.condition), (from, condition), "{text}");
        }
    }
}
