//! `DynamoDB`'s expressions, as far as the ledger uses them: conditions with
//! comparisons, `AND`, `OR`, `NOT`, `IN`, `BETWEEN` and the common functions,
//! and updates with `SET`, `ADD` and `REMOVE`.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::dynamodb::Item;

/// What `#name` and `:value` stand for.
pub(crate) struct Names<'a> {
    names: &'a Value,
    values: &'a Value,
}

impl<'a> Names<'a> {
    pub(crate) fn of(asked: &'a Value) -> Self {
        let names = &asked["ExpressionAttributeNames"];
        Self { names, values: &asked["ExpressionAttributeValues"] }
    }

    /// The attribute a word names.
    fn attribute(&self, word: &'a str) -> &'a str {
        self.names[word].as_str().unwrap_or(word)
    }

    /// The value a word stands for, in `item` or in the request.
    fn value(&self, word: &'a str, item: Option<&'a Item>) -> Option<&'a Value> {
        if word.starts_with(':') {
            return self.values.get(word);
        }
        item?.get(self.attribute(word))
    }
}

/// Whether `condition` holds for `item`.
pub(crate) fn holds(condition: &str, names: &Names<'_>, item: Option<&Item>) -> bool {
    let mut parser = Parser { words: words(condition), at: 0, names, item };
    parser.any()
}

/// Changes `item` as `expression` says.
pub(crate) fn update(expression: &str, names: &Names<'_>, item: &mut Item) {
    let before = item.clone();
    let words = words(expression);
    let mut parser = Parser { words, at: 0, names, item: Some(&before) };
    let mut clause = "";
    while let Some(word) = parser.next() {
        match word {
            "SET" | "ADD" | "REMOVE" => clause = word,
            "," => {}
            _ => {
                let name = names.attribute(word).to_owned();
                match clause {
                    "REMOVE" => drop(item.remove(&name)),
                    "ADD" => {
                        let more = parser.operand().unwrap_or_default();
                        let sum = added(before.get(&name), &more);
                        item.insert(name, sum);
                    }
                    _ => {
                        parser.skip("=");
                        let value = parser.sum().unwrap_or_default();
                        item.insert(name, value);
                    }
                }
            }
        }
    }
}

/// Splits an expression: words, comparators, brackets and commas.
fn words(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_#:.".contains(c);
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if ["<>", "<=", ">="].iter().any(|two| rest.starts_with(two)) {
            2
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    names: &'a Names<'a>,
    item: Option<&'a Item>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        self.at += 1;
        self.words.get(self.at - 1).copied()
    }

    fn skip(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        self.at += usize::from(there);
        there
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.skip("OR") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.skip("AND") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.skip("NOT") {
            return !self.one();
        }
        if self.skip("(") {
            let holds = self.any();
            self.skip(")");
            return holds;
        }
        let function = self.peek().unwrap_or_default();
        match function {
            "attribute_exists" | "attribute_not_exists" | "contains" | "begins_with" => {
                self.next();
                let arguments = self.arguments();
                let first = arguments.first().and_then(Option::as_ref);
                let second = arguments.get(1).and_then(Option::as_ref);
                match (function, first, second) {
                    ("attribute_exists", first, _) => first.is_some(),
                    ("attribute_not_exists", first, _) => first.is_none(),
                    ("contains", Some(whole), Some(part)) => contains(whole, part),
                    (_, Some(whole), Some(part)) => begins_with(whole, part),
                    _ => false,
                }
            }
            _ => self.comparison(),
        }
    }

    fn comparison(&mut self) -> bool {
        let left = self.operand();
        let comparator = self.next().unwrap_or_default();
        match comparator {
            "IN" => {
                let others = self.arguments();
                left.is_some_and(|left| others.iter().flatten().any(|other| same(&left, other)))
            }
            "BETWEEN" => {
                let low = self.operand();
                self.skip("AND");
                let high = self.operand();
                let order = |one: &Option<Value>| compare(left.as_ref()?, one.as_ref()?);
                order(&low).is_some_and(Ordering::is_ge)
                    && order(&high).is_some_and(Ordering::is_le)
            }
            _ => {
                let (Some(left), Some(right)) = (left, self.operand()) else {
                    return comparator == "<>";
                };
                let order = compare(&left, &right);
                match comparator {
                    "=" => same(&left, &right),
                    "<>" => !same(&left, &right),
                    "<" => order.is_some_and(Ordering::is_lt),
                    "<=" => order.is_some_and(Ordering::is_le),
                    ">" => order.is_some_and(Ordering::is_gt),
                    ">=" => order.is_some_and(Ordering::is_ge),
                    _ => false,
                }
            }
        }
    }

    fn arguments(&mut self) -> Vec<Option<Value>> {
        self.skip("(");
        let mut arguments = vec![self.operand()];
        while self.skip(",") {
            arguments.push(self.operand());
        }
        self.skip(")");
        arguments
    }

    /// An attribute, a value, `size(...)` or `if_not_exists(...)`.
    fn operand(&mut self) -> Option<Value> {
        let word = self.next()?;
        match word {
            "size" => {
                let what = self.arguments().into_iter().next()??;
                let (_, inner) = what.as_object()?.iter().next()?;
                let many = inner.as_array().map(Vec::len);
                let size = many.or_else(|| inner.as_str().map(str::len))?;
                Some(json!({ "N": size.to_string() }))
            }
            "if_not_exists" => self.arguments().into_iter().flatten().next(),
            _ => self.names.value(word, self.item).cloned(),
        }
    }

    /// An operand, or two that are added.
    fn sum(&mut self) -> Option<Value> {
        let first = self.operand()?;
        if self.skip("+") {
            let second = self.operand()?;
            return Some(added(Some(&first), &second));
        }
        Some(first)
    }
}

fn number(value: &Value) -> Option<f64> {
    value.get("N")?.as_str()?.parse().ok()
}

fn same(left: &Value, right: &Value) -> bool {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.total_cmp(&right).is_eq(),
        _ => left == right,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => Some(left.total_cmp(&right)),
        _ => Some(left.get("S")?.as_str()?.cmp(right.get("S")?.as_str()?)),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    if let Some(text) = whole.get("S").and_then(Value::as_str) {
        return part["S"].as_str().is_some_and(|part| text.contains(part));
    }
    if let Some(list) = whole.get("L").and_then(Value::as_array) {
        return list.iter().any(|one| same(one, part));
    }
    let inner = part.as_object().and_then(|part| part.values().next());
    let sets = ["SS", "NS"].iter().filter_map(|kind| whole.get(kind)?.as_array());
    sets.flatten().any(|one| Some(one) == inner)
}

fn begins_with(whole: &Value, part: &Value) -> bool {
    let text = |value: &Value| value["S"].as_str().map(str::to_owned);
    text(whole).zip(text(part)).is_some_and(|(whole, part)| whole.starts_with(&part))
}

/// `ADD`: a sum of numbers, or a union of sets.
fn added(old: Option<&Value>, more: &Value) -> Value {
    for kind in ["SS", "NS"] {
        if let Some(new) = more.get(kind).and_then(Value::as_array) {
            let mut all = old.and_then(|old| old[kind].as_array().cloned()).unwrap_or_default();
            let missing: Vec<Value> = new.iter().filter(|v| !all.contains(v)).cloned().collect();
            all.extend(missing);
            return json!({ kind: all });
        }
    }
    let sum = old.and_then(number).unwrap_or(0.0) + number(more).unwrap_or(0.0);
    json!({ "N": sum.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Value {
        json!({
            "ExpressionAttributeNames": { "#open": "is_open" },
            "ExpressionAttributeValues": {
                ":id": { "S": "abc" }, ":no": { "BOOL": false },
                ":now": { "N": "100" }, ":one": { "N": "1" }, ":set": { "NS": ["7"] },
            },
        })
    }

    fn item() -> Item {
        let item = json!({
            "pk": { "S": "x" }, "transition_id": { "S": "other" }, "is_open": { "BOOL": true },
            "answered": { "L": [{ "S": "abc" }] }, "expires_at": { "N": "99.0" },
        });
        item.as_object().cloned().unwrap()
    }

    fn check(condition: &str, item: Option<&Item>) -> bool {
        holds(condition, &Names::of(&asked()), item)
    }

    #[test]
    fn conditions_are_what_dynamodb_says_they_are() {
        let item = item();
        let here = |condition: &str| check(condition, Some(&item));
        assert!(check("attribute_not_exists(pk)", None));
        assert!(!here("attribute_not_exists(pk)"));
        assert!(here("contains(answered, :id)"));
        assert!(!here("transition_id <> :id AND NOT contains(answered, :id)"));
        assert!(here("transition_id <> :id AND (#open = :no OR expires_at <= :now)"));
        assert!(!here("transition_id = :id OR #open = :no"));
        assert!(here("expires_at BETWEEN :one AND :now"));
        assert!(here("transition_id IN (:no, transition_id)"));
        assert!(here("size(answered) = :one AND begins_with(transition_id, transition_id)"));
        assert!(!here("missing <= :now") && here("missing <> :now"));
    }

    #[test]
    fn updates_set_add_and_remove() {
        let mut item = item();
        let expression = "ADD replaced :set, expires_at :one \
                          SET n = if_not_exists(n, :now) + :one, transition_id = :id REMOVE #open";
        update(expression, &Names::of(&asked()), &mut item);
        assert_eq!(item["replaced"], json!({ "NS": ["7"] }));
        assert_eq!(item["expires_at"], json!({ "N": "100" }));
        assert_eq!(item["n"], json!({ "N": "101" }));
        assert_eq!(item["transition_id"], json!({ "S": "abc" }));
        assert!(!item.contains_key("is_open"));
    }
}
