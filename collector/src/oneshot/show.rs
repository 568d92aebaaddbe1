//! The report for people: what was read, what was found and why, what to look at first. Event text is escaped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use veribus_core::Timestamp;
use veribus_core::escape::{Escaped, truncated};
use veribus_detection::{Alert, Band, Indicator};

use super::file_report::FileReport;
use super::highest::HighestRisk;
use super::remark::Remark;
use super::report::{NamedSuccess, Report};
use crate::cli::CommandError;
use crate::output::{Output, Style, counted, grouped};

/// Alerts, indicators and successes that are shown, unless said.
const TOP: usize = 10;
/// Notes that are told, unless more is wanted.
const NOTES: usize = 10;
/// What the bands ask of a reader.
const BANDS: &str =
    "escalate: 70 and above, call somebody · thread: 40 and above, look into it · quiet: kept and shown";
/// Characters of a name that are shown.
const NAME_CHARS: usize = 64;

impl Report {
    /// Prints the report: one JSON document, or a page for people unless nothing was read. What could not be read is told on standard
    /// error either way.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub fn show(&self, top: Option<usize>, out: &mut Output) -> Result<(), CommandError> {
        self.tell_notes(out);
        self.errors.iter().for_each(|error| out.warn(remark(error)));
        self.tell_losses(out);
        if out.is_json() {
            out.json(self)
        } else if self.files.iter().any(|file| file.format.is_some()) {
            self.show_page(top.unwrap_or(TOP), out)
        } else {
            Ok(()) // a page of zeroes would read like a clean bill
        }
    }

    fn tell_notes(&self, out: &mut Output) {
        let shown = if out.is_verbose() { self.notes.len() } else { self.notes.len().min(NOTES) };
        self.notes[..shown].iter().for_each(|note| out.say(format_args!("note: {}", remark(note))));
        if self.notes.len() > shown {
            out.say(format_args!("note: {} more (--verbose and --json have them)", self.notes.len() - shown));
        }
    }

    fn show_page(&self, top: usize, out: &mut Output) -> Result<(), CommandError> {
        let style = out.style();
        out.line(format_args!("{}      {}", style.bold("read"), self.what_was_read()))?;
        out.line(format_args!("{}      {}", style.bold("time"), self.how_long()))?;
        out.line(format_args!("{}    {}", style.bold("events"), self.what_events()))?;
        self.show_assumed_years(out)?;
        self.show_alerts(top, out)?;
        self.show_successes(top, out)?;
        self.show_indicators(top, out)?;
        self.show_unparsed(out)?;
        self.show_trail(out)
    }

    fn what_was_read(&self) -> String {
        let mut by_format: BTreeMap<&str, u64> = BTreeMap::new();
        for file in &self.files {
            *by_format.entry(file.format.unwrap_or("not read")).or_default() += file.lines;
        }
        let read = self.files.iter().filter(|file| file.format.is_some()).count();
        let files = counted(read as u64, "file");
        let lines = counted(self.lines_total, "line");
        let formats = list(by_format.iter().filter(|(_, lines)| **lines > 0));
        let not_read = self.errors.len();
        let ignored: u64 = self.files.iter().map(|file| file.ignored).sum();
        let (ignored, unparsed) = (grouped(ignored), grouped(self.unparsed_total));
        let mut text =
            format!("{files}, {lines}{formats}, {ignored} without a verification, {unparsed} unparsed");
        if not_read > 0 {
            text += &format!(", {}", counted(not_read as u64, "problem"));
        }
        text
    }

    fn how_long(&self) -> String {
        let seconds = (self.elapsed_ms.max(1)) as f64 / 1000.0;
        format!("{seconds:.2} s ({} lines/s)", grouped((self.lines_total as f64 / seconds) as u64))
    }

    fn what_events(&self) -> String {
        let kinds = self.events_by_kind.iter().map(|(kind, n)| (truncated(kind, NAME_CHARS).to_string(), n));
        let outcomes = list(self.events_by_outcome.iter());
        format!("{}{}{outcomes}", grouped(self.events_total), list(kinds))
    }

    fn show_assumed_years(&self, out: &mut Output) -> Result<(), CommandError> {
        let years: BTreeSet<i64> = self.files.iter().filter_map(|file| file.year_assumed).collect();
        if years.is_empty() {
            return Ok(());
        }
        let years: Vec<String> = years.iter().map(ToString::to_string).collect();
        let whose = if self.files.iter().all(|file| file.path == "-") { "today's" } else { "the file's" };
        out.line(format_args!(
            "{}      {} assumed from {whose} date for stamps without a year (--year YEAR sets it)",
            out.style().bold("year"),
            years.join(", ")
        ))
    }

    fn show_alerts(&self, top: usize, out: &mut Output) -> Result<(), CommandError> {
        let style = out.style();
        let of = |band: Band| self.alerts.iter().filter(|alert| alert.band == band).count();
        let bands = [Band::Escalate, Band::Thread, Band::Quiet].map(|band| (band.as_str(), of(band) as u64));
        let bands = list(bands.iter().filter(|(_, count)| *count > 0).map(|(band, count)| (*band, count)));
        out.line(format_args!("{}    {}{bands}", style.bold("alerts"), self.alerts.len()))?;
        if !self.alerts.is_empty() && top > 0 {
            out.line(format_args!("          {}", style.dim(BANDS)))?;
        }
        for alert in self.alerts.iter().take(top) {
            show_alert(alert, out)?;
        }
        more(self.alerts.len(), top, "alerts", out)
    }

    fn show_successes(&self, top: usize, out: &mut Output) -> Result<(), CommandError> {
        let style = out.style();
        let named: u64 = self.successes.iter().map(|success| success.when.count).sum();
        let count = counted(named + self.successes_unnamed, "successful login");
        out.line(format_args!("{}    {count}", style.bold("logins")))?;
        for success in self.successes.iter().take(top) {
            out.line(format_args!("  {}", success_line(success, style)))?;
        }
        more(self.successes.len(), top, "accounts and sources", out)
    }

    fn show_indicators(&self, top: usize, out: &mut Output) -> Result<(), CommandError> {
        let style = out.style();
        let seen = grouped(self.indicators_total as u64);
        out.line(format_args!("{}      {seen} addresses, hosts and users", style.bold("seen")))?;
        let highest = HighestRisk::of_all(&self.alerts);
        for indicator in self.indicators.iter().take(top) {
            out.line(format_args!("  {}", indicator_line(indicator, highest.of(indicator))))?;
        }
        more(self.indicators_total, top, "of them", out)
    }

    fn show_unparsed(&self, out: &mut Output) -> Result<(), CommandError> {
        let style = out.style();
        for file in self.files.iter().filter(|file| file.unparsed > 0) {
            let lines = counted(file.unparsed, "line");
            let path = Escaped(&file.path);
            out.line(format_args!("{}  {lines} of {path}{}", style.bold("unparsed"), reasons(file)))?;
            for sample in &file.unparsed_samples {
                let (line, reason) = (grouped(sample.line), &sample.reason);
                out.line(format_args!("  line {line}: {reason}{}", quoted(&sample.text, style)))?;
            }
        }
        Ok(())
    }

    fn show_trail(&self, out: &mut Output) -> Result<(), CommandError> {
        let style = out.style();
        let trail = &self.audit;
        let head = trail.head.as_deref().map_or("none", |head| &head[..head.len().min(16)]);
        let verdict = if trail.verified { style.green("verified") } else { style.red("NOT VERIFIED") };
        let kept = match &trail.path {
            Some(path) => format!(", kept in {}", Escaped(path)),
            None => ", not kept (--audit DIR keeps it)".to_owned(),
        };
        let lines = grouped(trail.lines);
        out.line(format_args!(
            "{}     chain of {lines} lines {verdict}, head {head}…{kept}",
            style.bold("audit")
        ))
    }

    fn tell_losses(&self, out: &mut Output) {
        if let Some(problem) = &self.audit.problem {
            out.warn(format_args!("the audit trail could not be verified: {problem}"));
        }
        let losses = &self.losses;
        if losses.total == 0 && losses.unfinished.is_empty() && losses.balanced {
            return;
        }
        let mut text = format!("{} events were lost, the report is not complete:", grouped(losses.total));
        for (reason, count) in &losses.refused {
            let _infallible = write!(text, " {count} refused ({reason})");
        }
        if losses.rejected > 0 {
            let _infallible = write!(text, " {} rejected (break a limit)", losses.rejected);
        }
        for (handler, lost) in &losses.by_handler {
            let _infallible = write!(text, " by {handler}{}", list(lost.iter()));
        }
        for handler in &losses.unfinished {
            let _infallible = write!(text, " {handler} did not come to an end");
        }
        if !losses.balanced {
            text += " and the ledger does not balance, which is a fault in veribus";
        }
        out.warn(text);
    }
}

fn show_alert(alert: &Alert, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    let band = format!("{:>4} {:<8}", alert.risk, alert.band.as_str());
    let band = match alert.band {
        Band::Escalate => style.red(band),
        Band::Thread => style.yellow(band),
        Band::Quiet => style.dim(band),
    };
    let (title, entity) = (truncated(&alert.title, 2 * NAME_CHARS), &alert.entity);
    let whom = format!("{} {}", Escaped(&entity.kind), truncated(&entity.value, NAME_CHARS));
    out.line(format_args!("{band}  {}  {}", style.bold(whom), title))?;
    let (events, first, last) =
        (counted(alert.events, "event"), clock(alert.first_seen), clock(alert.last_seen));
    let others = alert.actors.iter().filter(|actor| actor.as_str() != entity.value.as_str());
    let names: Vec<String> = others.map(|actor| truncated(actor, NAME_CHARS).to_string()).collect();
    let names = if names.is_empty() { String::new() } else { format!("  as {}", names.join(", ")) };
    out.line(format_args!("               {events}, {first} to {last}{names}"))?;
    let parts = alert.contributions.iter().map(|c| format!("+{} {}", c.points, Escaped(&c.detail)));
    let parts: Vec<String> = parts.collect();
    out.line(format_args!("               {}", style.dim(parts.join(" · "))))
}

fn success_line(success: &NamedSuccess, style: Style) -> String {
    let shown = |text: Option<&str>| truncated(text.unwrap_or("unknown"), NAME_CHARS).to_string();
    let who = shown(success.actor.as_deref());
    let from = shown(success.source.as_deref());
    let method = success.method.as_deref().map_or_else(String::new, |m| format!("  {}", Escaped(m)));
    let (count, first, last) = (success.when.count, success.when.first_seen, success.when.last_seen);
    let when = if first == last { clock(first) } else { format!("{} to {}", clock(first), clock(last)) };
    let times = if count == 1 { String::new() } else { format!("  {} times", grouped(count)) };
    format!("{} from {from}{method}  {when}{times}", style.bold(who))
}

fn indicator_line(indicator: &Indicator, highest: u8) -> String {
    let value = truncated(&indicator.value, NAME_CHARS).to_string();
    let (events, failures) = (counted(indicator.count, "event"), counted(indicator.failures, "failure"));
    let risk = if highest > 0 { format!("highest risk {highest}") } else { String::new() };
    format!("{:<4} {value:<39} {events:>14} {failures:>14}  {risk}", indicator.kind).trim_end().to_owned()
}

fn remark(remark: &Remark) -> String {
    let mut text = match remark.path.as_str() {
        "" => remark.message.clone(),
        "-" => format!("standard input: {}", remark.message),
        path => format!("`{}`: {}", Escaped(path), remark.message),
    };
    if let Some(help) = remark.help {
        text += &format!("\n  help: {help}");
    }
    text
}

fn reasons(file: &FileReport) -> String {
    list(file.unparsed_by.iter())
}

fn quoted(text: &str, style: Style) -> String {
    if text.is_empty() { String::new() } else { format!(": {}", style.dim(text)) }
}

/// ` (a 1 · b 2)`, or nothing.
fn list<'a, K: std::fmt::Display>(counts: impl Iterator<Item = (K, &'a u64)>) -> String {
    let counts: Vec<String> = counts.map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(" · ")) }
}

/// `2015-12-10 06:55:46`, UTC.
fn clock(time: Timestamp) -> String {
    time.to_string()[..19].replace('T', " ")
}

fn more(all: usize, top: usize, what: &str, out: &mut Output) -> Result<(), CommandError> {
    if all <= top {
        return Ok(());
    }
    out.line(format_args!(
        "  and {} more {what} (--top N shows more, --json all)",
        grouped((all - top) as u64)
    ))
}
