//! A run: every case in turn, each turn in a process of its own, round by round; says how far it has come.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::console::say;
use crate::machine::{self, Machine};
use crate::measure::Plan;
use crate::report::{Report, Row, Rows};
use crate::section::{Entry, SECTIONS, Section, entry};
use crate::turn::Turn;

/// How much a turn measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Size {
    /// What a published figure needs.
    #[default]
    Full,
    /// Enough to see that everything works.
    Short,
    /// As little as shows that a case answers at all.
    Tiny,
}

impl Size {
    const ALL: [Size; 3] = [Size::Full, Size::Short, Size::Tiny];

    /// As `--size` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Size::Full => "full",
            Size::Short => "short",
            Size::Tiny => "tiny",
        }
    }

    /// The size of this name.
    ///
    /// # Errors
    /// In words, for any other name.
    pub fn named(name: &str) -> Result<Size, String> {
        let found = Size::ALL.into_iter().find(|size| size.as_str() == name);
        found.ok_or_else(|| format!("`--size {name}` is not full, short or tiny"))
    }

    fn plan(self) -> Plan {
        match self {
            Size::Full => Plan::FULL,
            Size::Short => Plan::SHORT,
            Size::Tiny => Plan::TINY,
        }
    }
}

/// One turn of the case `SECTION/ENTRY` in this process, as JSON for the one that started it.
///
/// # Errors
/// In words: no such case, or it cannot be set up, or its ledger does not balance.
pub fn answer(name: &str, size: Size) -> Result<String, String> {
    let entry = entry(name).ok_or_else(|| format!("no case `{name}`"))?;
    serde_json::to_string(&entry.run(&size.plan())?).map_err(|error| error.to_string())
}

/// One turn of a case in a process of its own, which is `program` (a `veribus-bench`).
///
/// # Errors
/// In words: it did not start, it failed, or it answered something else than a turn.
pub fn turn(program: &PathBuf, section: &Section, entry: &Entry, size: Size) -> Result<Turn, String> {
    let name = format!("{}/{}", section.name, entry.name);
    let mut command = Command::new(program);
    command.args(["--case", &name, "--size", size.as_str()]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cannot start case `{name}`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("case `{name}` ended with {}: {text}", output.status));
    }
    serde_json::from_str(&text).map_err(|error| format!("case `{name}` answered `{text}`: {error}"))
}

/// How a run ended.
pub enum Ended {
    /// Every case had every turn.
    Whole(Box<Report>),
    /// Somebody stopped it: the rounds that were whole by then, if there was one.
    Interrupted(Option<Box<Report>>),
}

/// A run that is about to begin.
pub struct Run {
    program: PathBuf,
    rounds: usize,
    size: Size,
    sections: Vec<&'static Section>,
    stopped: Arc<AtomicBool>,
}

static ALL: [Section; SECTIONS.len()] = SECTIONS;

impl Run {
    /// So many rounds of the sections in `only`, or of all.
    ///
    /// # Errors
    /// In words, where the system does not tell this program's path or takes no signal handler.
    pub fn new(rounds: usize, size: Size, only: &[String]) -> Result<Run, String> {
        let program =
            std::env::current_exe().map_err(|error| format!("cannot find my own program: {error}"))?;
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, stopped.clone())
                .map_err(|error| format!("cannot take a signal: {error}"))?;
        }
        let wanted = |section: &&Section| only.is_empty() || only.iter().any(|name| name == section.name);
        Ok(Run { program, rounds, size, sections: ALL.iter().filter(wanted).collect(), stopped })
    }

    /// Measures; the caller's Ctrl-C ends it between two turns.
    ///
    /// # Errors
    /// In words, with the case that failed.
    pub fn measure(&self) -> Result<Ended, String> {
        let (machine, begun) = (Machine::look(), Instant::now());
        say(&format!("{}; {} rounds", machine.line(), self.rounds));
        let mut whole: Vec<Vec<Vec<Turn>>> = Vec::new();
        for round in 1..=self.rounds {
            match self.round(round, begun)? {
                Some(turns) => whole.push(turns),
                None => {
                    let report = (!whole.is_empty()).then(|| self.report(machine, begun, &whole, round - 1));
                    return Ok(Ended::Interrupted(report));
                }
            }
        }
        Ok(Ended::Whole(self.report(machine, begun, &whole, self.rounds)))
    }

    /// One turn of every case, by section; `None` if the run was stopped.
    fn round(&self, round: usize, begun: Instant) -> Result<Option<Vec<Vec<Turn>>>, String> {
        let mut turns = Vec::with_capacity(self.sections.len());
        for section in &self.sections {
            let since = Instant::now();
            let mut of_section = Vec::with_capacity(section.entries.len());
            for entry in section.entries {
                let turn = turn(&self.program, section, entry, self.size);
                if self.stopped.load(Ordering::Relaxed) {
                    return Ok(None); // the signal may have reached the case too: what it says does not count
                }
                of_section.push(turn?);
            }
            turns.push(of_section);
            say(&format!(
                "round {round} of {}: {:<9} took {:>3} s; {:>3} s in all, load {}",
                self.rounds,
                section.name,
                seconds(since.elapsed()),
                seconds(begun.elapsed()),
                machine::load()
            ));
        }
        Ok(Some(turns))
    }

    fn report(
        &self,
        mut machine: Machine,
        begun: Instant,
        whole: &[Vec<Vec<Turn>>],
        rounds: usize,
    ) -> Box<Report> {
        machine.load_after = machine::load();
        let mut rows = Vec::new();
        for (of_section, section) in self.sections.iter().enumerate() {
            for (of_entry, entry) in section.entries.iter().enumerate() {
                let turns: Vec<Turn> =
                    whole.iter().map(|round| round[of_section][of_entry].clone()).collect();
                rows.push(Row::of(section, entry, &turns));
            }
        }
        let quick = self.size != Size::Full;
        Box::new(Report { machine, rounds, quick, seconds: seconds(begun.elapsed()), rows: Rows(rows) })
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs_f64().round() as u64
}
