//! The table of `docs/transports.md`, between its two marks.

use std::fs;

use crate::report::of_raw;
use crate::run::Row;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/transports.md");
const BEGIN: &str = "<!-- throughput: what follows is written by the bench -->\n";
const END: &str = "<!-- throughput: end -->";

/// What was measured, as Markdown.
pub(crate) fn table(machine: &str, events: u64, rounds: usize, rows: &[Row]) -> String {
    let lost: u64 = rows.iter().map(|row| row.lost).sum();
    let mut text = format!(
        "{machine}; {} events a run, medians of {rounds} runs, {} lost in all of them.\n\n\
         | way, bodies | what | events/s | of the raw client | CPU of our process an event | p50, p99, p99.9 |\n\
         |---|---|---|---|---|---|\n",
        grouped(events),
        if lost == 0 { "none".to_owned() } else { grouped(lost) },
    );
    for row in rows {
        let [p50, p99, p999] = row.millis;
        let of_raw = if row.way == "disk" { String::new() } else { format!("{:.2}", of_raw(row, rows)) };
        text += &format!(
            "| {}, {} | {} | {} | {of_raw} | {:.0} ns | {p50:.1}, {p99:.1}, {p999:.1} ms |\n",
            row.way,
            row.bodies,
            row.what,
            grouped((row.events_per_second / 1e3).round() as u64 * 1_000),
            row.cpu_nanos,
        );
    }
    text
}

/// Puts it in the place of the last one.
pub(crate) fn write(table: &str) -> Result<(), String> {
    let page = fs::read_to_string(PAGE).map_err(|error| format!("cannot read `{PAGE}`: {error}"))?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("`{PAGE}` has no place for the table"))?;
    let page = format!("{before}{BEGIN}{table}{END}{after}");
    fs::write(PAGE, page).map_err(|error| format!("cannot write `{PAGE}`: {error}"))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
