//! Every case of every table does what its row says, at the smallest size: it answers with the figures of its columns,
//! and each event arrives or is counted as lost.

use std::collections::HashSet;
use std::path::PathBuf;

use veribus_benches::measure::PARTS;
use veribus_benches::report::{Report, Row, Rows, Verdict, judge, page, text};
use veribus_benches::run::{self, Size};
use veribus_benches::section::{SECTIONS, Section, entry};
use veribus_benches::turn::{Figure, Turn};
use veribus_benches::{machine::Machine, report::picture};

/// Each in a process of its own, as the run does it.
fn turns(section: &Section) -> Vec<(&'static str, Turn)> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_veribus-bench"));
    let run = |entry: &veribus_benches::section::Entry| {
        let turn = run::turn(&program, section, entry, Size::Tiny);
        (entry.name, turn.unwrap_or_else(|why| panic!("{}/{}: {why}", section.name, entry.name)))
    };
    section.entries.iter().map(run).collect()
}

/// One test, so that the cases do not disturb each other.
#[test]
fn every_case_answers_for_every_event_and_every_column() {
    let mut rows = Vec::new();
    for section in &SECTIONS {
        for ((name, turn), entry) in turns(section).into_iter().zip(section.entries) {
            let name = format!("{}/{name}", section.name);
            assert_eq!(turn.ledger.unaccounted(), 0, "{name}: {:?}", turn.ledger);
            if let Some(why) = &turn.skipped {
                println!("skipped {name}: {why}");
            }
            let row = Row::of(section, entry, std::slice::from_ref(&turn));
            check_columns(section, &row);
            check_order(&name, &turn);
            rows.push(row);
        }
    }
    check_reports(Rows(rows));
}

/// Every column that a section promises is answered by at least one of its tables' rows, and never by nonsense.
fn check_columns(section: &Section, row: &Row) {
    if row.skipped.is_some() {
        return;
    }
    let columns = section.tables.iter().flat_map(|table| table.columns);
    let answered: Vec<f64> = columns.filter_map(|column| row.median(column.figure)).collect();
    assert!(!answered.is_empty(), "{}: no column is answered", row.name);
    assert!(answered.iter().all(|value| value.is_finite()), "{}: {answered:?}", row.name);
}

fn check_order(name: &str, turn: &Turn) {
    for [low, middle, high] in [
        [Figure::P50, Figure::P99, Figure::P999],
        [Figure::PacedP50, Figure::PacedP99, Figure::PacedP999],
        [Figure::MillisP50, Figure::MillisP99, Figure::MillisMax],
    ] {
        let values = [low, middle, high].map(|figure| turn.figures.get(&figure));
        if let [Some(low), Some(middle), Some(high)] = values {
            assert!(low <= middle && middle <= high, "{name}: {low} {middle} {high}");
        }
    }
    for figure in [Figure::Typical, Figure::PacedMean, Figure::EventsPerSecond, Figure::EncodeNanos] {
        assert!(turn.figures.get(&figure).is_none_or(|value| *value > 0.0), "{name}: {figure:?}");
    }
    assert!(turn.curve.is_empty() || turn.curve.len() == PARTS.len(), "{name}: {:?}", turn.curve);
}

fn check_reports(rows: Rows) {
    let judged = judge(&rows);
    let skipped: HashSet<&str> = rows
        .0
        .iter()
        .filter(|row| row.skipped.is_some())
        .filter_map(|row| row.name.split('/').next())
        .collect();
    let missing = judged
        .iter()
        .filter(|goal| goal.verdict == Verdict::Skipped)
        .map(|goal| goal.what)
        .collect::<Vec<_>>();
    assert!(missing.len() <= skipped.len(), "goals without a figure: {missing:?}; skipped: {skipped:?}");
    let svg = picture(&rows).expect("the run has paced rows");
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    let report = Report { machine: Machine::look(), rounds: 1, quick: true, seconds: 1, rows };
    let (page, text) = (page(&report), text(&report));
    for row in &report.rows.0 {
        assert!(page.contains(row.title) && text.contains(row.title), "{} is not shown", row.name);
    }
    assert!(page.contains("load average") && page.contains("## What is not measured"));
    assert_eq!(report.to_json()["goals"].as_array().map(Vec::len), Some(judged.len()));
}

#[test]
fn every_case_is_found_by_its_name_and_no_two_share_one() {
    let mut names = HashSet::new();
    for section in &SECTIONS {
        for known in section.entries {
            let name = format!("{}/{}", section.name, known.name);
            assert_eq!(entry(&name).map(|found| found.title), Some(known.title), "{name}");
            assert!(names.insert(name), "{} twice", known.name);
        }
    }
    assert!(entry("handoff").is_none() && entry("handoff/nothing").is_none());
}
