//! The query language of `veribus search`: `field:value` terms and words, all of which must hold.
//!
//! `kind:authentication outcome:failure actor:root ip:203.0.113.9 severity>=high "any text"`. A value may end in
//! `*`. A `-` before a term turns it round. A term with a space, or a word with a colon, stands in double quotes.

use std::fmt::Write as _;
use std::net::IpAddr;

use rusqlite::types::Value as Sql;
use veribus_core::escape::Escaped;
use veribus_core::{EventError, EventId, Outcome, Severity, Timestamp, TraceError, TraceId};

/// Most terms of one query.
const TERMS_MAX: usize = 32;
/// The fields that a term may name.
const FIELDS: &str = "kind, action, outcome, severity, actor, ip, service, trace, id";

/// What to look for; the empty query finds everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    conditions: Vec<(String, Sql)>,
    /// Lower-case text, and whether it must be there.
    words: Vec<(String, bool)>,
}

/// Why a query is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No such field.
    #[error("there is no field `{field}` to search by; one of {FIELDS}, or put the words in double quotes")]
    Field {
        /// The name, escaped.
        field: String,
    },
    /// A field without a value.
    #[error("`{field}` has no value to look for")]
    Empty {
        /// Name of the field.
        field: String,
    },
    /// A comparison that the field does not have.
    #[error("`{field}` cannot be compared with `{operator}`; only `severity` has an order")]
    Order {
        /// Name of the field.
        field: String,
        /// The comparison.
        operator: &'static str,
    },
    /// An address that is none.
    #[error("`{value}` is not an IP address")]
    Address {
        /// The value, escaped.
        value: String,
    },
    /// Not a trace id.
    #[error("a trace is named by 32 lower-case hexadecimal digits")]
    Trace(#[source] TraceError),
    /// Not a value of the field.
    #[error(transparent)]
    Value(#[from] EventError),
    /// A quote without its end.
    #[error("a double quote is opened and not closed")]
    Quote,
    /// Too long.
    #[error("the query has {actual} terms; the limit is {TERMS_MAX}")]
    TooMany {
        /// Terms given.
        actual: usize,
    },
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let terms = split(text)?;
        if terms.len() > TERMS_MAX {
            return Err(QueryError::TooMany { actual: terms.len() });
        }
        let mut query = Query::default();
        for term in terms {
            query.add(&term)?;
        }
        Ok(query)
    }

    /// Only events at or after `time`.
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.conditions.push(("e.time >= ?".into(), Sql::Integer(time.as_nanos())));
        self
    }

    /// Only events before `time`.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.conditions.push(("e.time < ?".into(), Sql::Integer(time.as_nanos())));
        self
    }

    /// Only events of this trace.
    #[must_use]
    pub fn trace(mut self, trace: TraceId) -> Self {
        self.conditions.push(("e.trace = ?".into(), Sql::Blob(trace.to_bytes().to_vec())));
        self
    }

    /// The `WHERE` clause and its values; empty text if everything is wanted.
    pub(super) fn filter(&self) -> (String, Vec<Sql>) {
        let mut clause = String::new();
        for (index, (condition, _)) in self.conditions.iter().enumerate() {
            let _infallible = write!(clause, " {} {condition}", if index == 0 { "WHERE" } else { "AND" });
        }
        (clause, self.conditions.iter().map(|(_, value)| value.clone()).collect())
    }

    /// Whether events must be looked at one by one.
    pub(super) fn has_words(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether an event, as text, has the words it must have and none it must not have.
    pub(super) fn matches(&self, shown: &str) -> bool {
        let shown = shown.to_lowercase();
        self.words.iter().all(|(word, wanted)| shown.contains(word) == *wanted)
    }

    fn add(&mut self, term: &Term) -> Result<(), QueryError> {
        let wanted = !term.negated;
        let Some((field, operator, value)) = term.field_and_value() else {
            if !term.text.is_empty() {
                self.words.push((term.text.to_lowercase(), wanted));
            }
            return Ok(());
        };
        let escaped = || Escaped(field).to_string();
        if value.is_empty() {
            return Err(QueryError::Empty { field: escaped() });
        }
        if operator != "=" && field != "severity" {
            return Err(QueryError::Order { field: escaped(), operator });
        }
        let (condition, value) = condition(field, operator, value)?;
        let condition = if wanted { condition } else { format!("NOT coalesce({condition}, 0)") };
        self.conditions.push((condition, value));
        Ok(())
    }
}

/// One field's condition in SQL with one `?`, and the value for it.
fn condition(field: &str, operator: &str, value: &str) -> Result<(String, Sql), QueryError> {
    let number = |column: &str, n: u8| (format!("{column} {operator} ?"), Sql::Integer(n.into()));
    Ok(match field {
        "kind" => text("e.kind", &value.to_ascii_lowercase()),
        "action" => text("e.action", value),
        "actor" => text("e.actor", value),
        "outcome" => number("e.outcome", value.to_ascii_lowercase().parse::<Outcome>()?.id()),
        "severity" => number("e.severity", value.to_ascii_lowercase().parse::<Severity>()?.id()),
        "service" => {
            let (inner, value) = text("service", value);
            (format!("e.source IN (SELECT id FROM sources WHERE {inner})"), value)
        }
        "ip" if value.ends_with('*') => text("e.ip", value),
        "ip" => {
            let address: IpAddr =
                value.parse().map_err(|_| QueryError::Address { value: Escaped(value).to_string() })?;
            ("e.ip = ?".into(), Sql::Text(address.to_string()))
        }
        "trace" => {
            let trace: TraceId = value.parse().map_err(QueryError::Trace)?;
            ("e.trace = ?".into(), Sql::Blob(trace.to_bytes().to_vec()))
        }
        "id" => ("e.id = ?".into(), Sql::Blob(value.parse::<EventId>()?.bits().to_be_bytes().to_vec())),
        _ => return Err(QueryError::Field { field: Escaped(field).to_string() }),
    })
}

/// Equal to `value`, or beginning with it if it ends in `*`.
fn text(column: &str, value: &str) -> (String, Sql) {
    match value.strip_suffix('*') {
        Some(start) => {
            (format!("substr({column}, 1, {}) = ?", start.chars().count()), Sql::Text(start.into()))
        }
        None => (format!("{column} = ?"), Sql::Text(value.into())),
    }
}

/// One term as it was written.
#[derive(Debug, Default)]
struct Term {
    text: String,
    negated: bool,
    /// Begins with a quote: words, never a field.
    quoted: bool,
}

impl Term {
    fn field_and_value(&self) -> Option<(&str, &'static str, &str)> {
        if self.quoted {
            return None;
        }
        let at = self.text.find([':', '>', '<'])?;
        let (field, rest) = self.text.split_at(at);
        let operators = [(">=", ">="), ("<=", "<="), (">", ">"), ("<", "<"), (":", "=")];
        let (written, operator) = operators.into_iter().find(|(written, _)| rest.starts_with(written))?;
        Some((field, operator, &rest[written.len()..]))
    }
}

/// Terms between spaces; a double-quoted part may have spaces in it.
fn split(text: &str) -> Result<Vec<Term>, QueryError> {
    let mut terms = Vec::new();
    let mut term: Option<Term> = None;
    let mut in_quotes = false;
    for character in text.chars() {
        match character {
            '"' => {
                in_quotes = !in_quotes;
                let term = term.get_or_insert_default();
                term.quoted |= term.text.is_empty();
            }
            space if space.is_whitespace() && !in_quotes => terms.extend(term.take()),
            '-' if term.is_none() => term = Some(Term { negated: true, ..Term::default() }),
            other => term.get_or_insert_default().text.push(other),
        }
    }
    if in_quotes {
        return Err(QueryError::Quote);
    }
    terms.extend(term);
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> String {
        Query::parse(text).unwrap().filter().0
    }

    #[test]
    fn terms_become_conditions_and_words_stay_words() {
        assert_eq!(
            clause("kind:authentication severity>=high actor:ro*"),
            " WHERE e.kind = ? AND e.severity >= ? AND substr(e.actor, 1, 2) = ?"
        );
        assert_eq!(clause("-outcome:success"), " WHERE NOT coalesce(e.outcome = ?, 0)");
        let query = Query::parse("Bad \"two words\" -absent").unwrap();
        assert!(query.has_words() && query.matches("a BAD thing of two words"));
        assert!(!query.matches("a bad thing of two words, absent"));
        assert_eq!(clause("\"a:b\""), "");
        assert_eq!(Query::parse("actor:\"jean luc\"").unwrap().filter().1, [Sql::Text("jean luc".into())]);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (text, part) in [
            ("colour:red", "no field `colour`"),
            ("actor:", "no value"),
            ("actor>x", "only `severity`"),
            ("ip:300.1.1.1", "not an IP address"),
            ("trace:12", "32 lower-case"),
            ("severity:hgih", "did you mean `high`"),
            ("\"open", "not closed"),
        ] {
            let error = Query::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(matches!(Query::parse(&"a ".repeat(33)), Err(QueryError::TooMany { actual: 33 })));
    }
}
