//! `cargo bench -p veribus-benches --bench designs`: the hand-over designs behind ADR 0008, in one run.
//!
//! Every round goes through all rows in turn; a cell is the median over the rounds. `--rounds N` (default 5).

use std::process::ExitCode;

use veribus_benches::console::say;
use veribus_benches::designs::{Figures, ROWS, Row};
use veribus_benches::machine::Machine;
use veribus_benches::statistics::median;

fn main() -> ExitCode {
    match rounds() {
        Ok(rounds) => {
            say(&format!("{}; {rounds} rounds", Machine::look().line()));
            say(
                "ns an event: burst = mean of 256, paced = one each 20 µs, two = bursts of two producers at once\n",
            );
            let mut figures: Vec<Vec<Figures>> = ROWS.iter().map(|_| Vec::new()).collect();
            for _ in 0..rounds {
                ROWS.iter().zip(&mut figures).for_each(|(row, figures)| figures.push((row.measure)()));
            }
            say(&format!("{:<44} {:>7} {:>7} {:>7} {:>8}", "design", "burst", "paced", "two", "refused"));
            ROWS.iter().zip(&figures).for_each(|(row, figures)| say(&line(row, figures)));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            say(&format!("designs: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn line(row: &Row, figures: &[Figures]) -> String {
    let cell = |of: fn(&Figures) -> f64| median(figures.iter().map(of));
    let refused: u64 = figures.iter().map(|f| f.refused).sum();
    let (burst, paced, two) = (cell(|f| f.burst), cell(|f| f.paced), cell(|f| f.two));
    format!("{:<44} {burst:>7.0} {paced:>7.0} {two:>7.0} {refused:>8}", row.name)
}

fn rounds() -> Result<usize, String> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(5),
        (Some("--rounds"), Some(rounds)) => {
            let valid = rounds.parse().ok().filter(|rounds| (1..=100).contains(rounds));
            valid.ok_or_else(|| format!("`--rounds {rounds}` is not 1 to 100"))
        }
        (Some(unknown), _) => Err(format!("unknown argument `{unknown}`; known: --rounds N")),
    }
}
