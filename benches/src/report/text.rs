//! The run as text for a terminal: every table, every ledger, every goal.

use super::{Over, Report, Row, judge};
use crate::section::{SECTIONS, Section, Table};
use crate::turn::Ledger;

/// Width of the column of titles.
const TITLE: usize = 66;

/// Everything.
pub fn text(report: &Report) -> String {
    let sections = SECTIONS.iter().filter(|section| report.rows.of(section).next().is_some());
    let tables: String = sections.map(|section| of_section(report, section)).collect();
    let ledgers: String = report.rows.0.iter().filter_map(ledger).collect();
    let mut goals = String::new();
    for judged in judge(&report.rows) {
        goals += &format!(
            "  {:<8} {}: {} (goal {})\n",
            judged.verdict.as_str(),
            judged.what,
            judged.figure(),
            judged.goal()
        );
    }
    format!("{tables}\nledgers over the whole run\n{ledgers}\ngoals\n{goals}\n{}\n", report.caveat())
}

fn of_section(report: &Report, section: &Section) -> String {
    let rows: Vec<&Row> = report.rows.of(section).collect();
    section.tables.iter().map(|table| of_table(table, &rows)).collect()
}

fn of_table(table: &Table, rows: &[&Row]) -> String {
    let mut text = format!("\n{:<TITLE$}", table.title);
    for (at, column) in table.columns.iter().enumerate() {
        text += &format!(" {:>width$}", column.head, width = column.head.len().max(10));
        if at == 0 {
            text += &format!(" {:>19}", "(low .. high)");
        }
    }
    text.push('\n');
    for row in rows {
        text += &format!("{:<TITLE$}", row.title);
        match &row.skipped {
            Some(why) => text += &format!(" skipped: {why}"),
            None => text += &of_row(table, row),
        }
        text.push('\n');
    }
    text
}

fn of_row(table: &Table, row: &Row) -> String {
    let mut text = String::new();
    for (at, column) in table.columns.iter().enumerate() {
        let width = column.head.len().max(10);
        let over = row.figures.get(&column.figure);
        let median = over.map_or_else(|| "-".to_owned(), |over| number(over.median, column.digits));
        text += &format!(" {median:>width$}");
        if at == 0 {
            text += &format!(" {:>19}", over.map_or_else(String::new, |over| range(over, column.digits)));
        }
    }
    text
}

fn range(over: &Over, digits: usize) -> String {
    let (low, high) = over.range();
    format!("({} .. {})", number(low, digits), number(high, digits))
}

/// A number with a comma between thousands.
pub(super) fn number(value: f64, digits: usize) -> String {
    let plain = format!("{:.digits$}", value.abs());
    let (whole, rest) =
        plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::new();
    if value < 0.0 && plain.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        text.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    match rest {
        Some(rest) => text + "." + rest,
        None => text,
    }
}

fn ledger(row: &Row) -> Option<String> {
    let Ledger { handed, arrived, lost } = row.ledger;
    let unaccounted = row.ledger.unaccounted();
    (handed > 0 && row.skipped.is_none()).then(|| {
        format!(
            "  {:<28} {handed} handed over, {arrived} arrived, {lost} lost, {unaccounted} unaccounted for\n",
            row.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-1_234.5, 1), "-1,234.5");
        assert_eq!(number(999.96, 1), "1,000.0");
        assert_eq!(number(-0.001, 1), "0.0");
        assert_eq!(number(12.0, 2), "12.00");
    }
}
