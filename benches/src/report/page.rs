//! `docs/benchmarks.md`, written by the run itself: where, how, what came out, what was promised, what is not measured.

use std::fmt::Write as _;

use super::text::number;
use super::{Report, Row, Verdict, judge};
use crate::section::{Role, SECTIONS, Section, Table};

/// The picture beside the page, as the page links to it.
const PICTURE: &str = "benchmarks/latency.svg";

const HEAD: &str = "\
# Benchmarks

What publishing costs, beside what else one could use, measured in one run. This page and its picture are written by the
run itself; change the cases in `benches/`, not the figures here.

```text
cargo bench -p veribus-benches --bench publish                        # this table; some nine minutes, on an idle machine
cargo bench -p veribus-benches --bench publish -- --quick             # one short round: does everything work?
cargo bench -p veribus-benches --bench publish -- --only handoff      # one section
cargo bench -p veribus-benches --bench publish -- --json PATH         # the table for programs
cargo bench -p veribus-benches --bench publish -- --write-docs        # writes this page
```

**How.** Each turn of a case is a process of its own; all cases run in turn, and the turns are repeated, so that all meet
the same noise. A cell is the median over the rounds; behind the first column stand the lowest and the highest round.
Compare within this run only: on another machine the ratios hold better than the nanoseconds. Nothing is subtracted from
a figure; a goal that takes a clock read off says so.
";

const NOT_MEASURED: &str = "\
## What is not measured

The far side's own work beyond what a row names: decoding, redaction and handlers run on other threads, and on a machine
whose cores are all busy they take time that the application would have had. Cold starts: the first event of a thread
makes its ring. More than two producers, and machines with several sockets, where a cache line takes longer from core to
core. Events much larger than the sample (about 250 bytes; above half a ring they take another way). Errors of the
disk other than being full. Windows and macOS. Percentiles under 30 ns are coarse where the time stamp counter ticks in
steps of 10 ns. Instructions and allocations a publish are exact, so they are counted and held by CI, not timed here.
";

/// The page.
pub fn page(report: &Report) -> String {
    let mut page = HEAD.to_owned();
    page += &machine(report);
    page += &goals(report);
    if report.rows.0.iter().any(|row| !row.curve.is_empty()) {
        let _ = write!(page, "\n## Picture\n\n![Latency of handing one event over, by library]({PICTURE})\n");
    }
    for section in SECTIONS.iter().filter(|section| report.rows.of(section).next().is_some()) {
        page += &of_section(report, section);
    }
    page += &ledgers(report);
    page.push('\n');
    page += NOT_MEASURED;
    page
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let peers: Vec<String> =
        machine.peers.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "\n## This run\n\n| | |\n|---|---|\n| processor | {} |\n| cores | {} |\n| memory | {} MiB |\n| system | {} |\n\
         | temporary files on | {} |\n| compiler | {}, release profile |\n| veribus | {} |\n| rounds | {} |\n| took | {} s |\n\
         | load average before, after | {}; {} (the run itself is in the second) |\n| peers | {} |\n\n{}\n",
        machine.processor,
        machine.cores,
        machine.memory_mib,
        machine.system,
        machine.disk,
        machine.compiler,
        env!("CARGO_PKG_VERSION"),
        report.rounds,
        report.seconds,
        machine.load_before,
        machine.load_after,
        peers.join(", "),
        report.caveat()
    )
}

fn goals(report: &Report) -> String {
    let judged = judge(&report.rows);
    let count = |verdict| judged.iter().filter(|goal| goal.verdict == verdict).count();
    let summary = format!(
        "{} met, {} not met, {} open, {} not measured in this run. In brackets: the 95 % interval where the figure has one, \
         which must keep the goal as a whole (*open*: it lies on both sides); else the lowest and the highest round.",
        count(Verdict::Met),
        count(Verdict::NotMet),
        count(Verdict::Open),
        count(Verdict::Skipped)
    );
    let mut text =
        format!("\n## Goals\n\n{}\n| | measured | goal | |\n|---|---:|---:|---|\n", wrap(&summary));
    for goal in &judged {
        let verdict = if goal.verdict == Verdict::NotMet { "**not met**" } else { goal.verdict.as_str() };
        let _ = writeln!(text, "| {} | {} | {} | {verdict} |", goal.what, goal.figure(), goal.goal());
    }
    text
}

fn of_section(report: &Report, section: &Section) -> String {
    let rows: Vec<&Row> = report.rows.of(section).collect();
    let tables: String = section.tables.iter().map(|table| of_table(table, &rows)).collect();
    format!("\n## {}\n\n{}{tables}", section.title, wrap(section.method))
}

fn of_table(table: &Table, rows: &[&Row]) -> String {
    let mut text = format!("\n**{}**\n\n| |", table.title);
    for (at, column) in table.columns.iter().enumerate() {
        let _ = write!(text, " {} |{}", column.head, if at == 0 { " rounds |" } else { "" });
    }
    text += "\n|---|";
    text += &"---:|".repeat(table.columns.len() + 1);
    text.push('\n');
    for row in rows {
        text += &of_row(table, row);
    }
    text
}

fn of_row(table: &Table, row: &Row) -> String {
    let title = if row.role == Role::Subject { format!("**{}**", row.title) } else { row.title.to_owned() };
    let mut text = format!("| {title} |");
    if let Some(why) = &row.skipped {
        return text + &format!(" skipped: {why} |") + &" |".repeat(table.columns.len()) + "\n";
    }
    for (at, column) in table.columns.iter().enumerate() {
        let show = |value| number(value, column.digits);
        let over = row.figures.get(&column.figure);
        let _ = write!(text, " {} |", over.map_or_else(|| "–".to_owned(), |over| show(over.median)));
        if at == 0 {
            let range = over.map(|over| over.range());
            let range =
                range.map_or_else(String::new, |(low, high)| format!("{} … {}", show(low), show(high)));
            let _ = write!(text, " {range} |");
        }
    }
    text + "\n"
}

fn ledgers(report: &Report) -> String {
    let method = "A fast queue that drops is not fast. Over all rounds; a library that does not count its losses \
        (OpenTelemetry, fastrace) is given the difference. What a state or a stretch is meant to lose is in it: a handler \
        that blocks, a full disk, producers flat out.";
    let mut text = format!(
        "\n## Where the events went\n\n{}\n| case | handed over | arrived | lost | unaccounted for |\n\
         |---|---:|---:|---:|---:|\n",
        wrap(method)
    );
    for row in report.rows.0.iter().filter(|row| row.ledger.handed > 0 && row.role != Role::Floor) {
        let ledger = row.ledger;
        let show = |count: u64| number(count as f64, 0);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.name,
            show(ledger.handed),
            show(ledger.arrived),
            show(ledger.lost),
            show(ledger.unaccounted())
        );
    }
    text
}

/// Prose in lines of at most 120 characters.
fn wrap(prose: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for word in prose.split_whitespace() {
        let more = word.chars().count() + 1;
        if width > 0 && width + more > 120 {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
        }
        text += word;
        width += more;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_between_words() {
        let wrapped = wrap(&"ten letters ".repeat(30));
        assert!(wrapped.lines().count() > 2 && wrapped.lines().all(|line| line.len() <= 120), "{wrapped}");
        assert_eq!(wrapped.split_whitespace().count(), 60);
    }
}
