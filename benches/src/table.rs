//! The table: medians over the rounds, ratios to the subject and to the verifications, and what was lost.

use serde::Serialize;

use crate::case::{Entry, Ledger, Role};
use crate::measure::{Figures, Spread, median};

/// One case over all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The case's name.
    pub name: &'static str,
    /// The case in words.
    pub title: &'static str,
    /// What it is about.
    pub role: Role,
    /// Bursts: medians over the rounds.
    pub burst: Spread,
    /// Bursts: lowest `typical` of all rounds.
    pub burst_lowest: f64,
    /// Bursts: highest `typical` of all rounds.
    pub burst_highest: f64,
    /// Paced: medians over the rounds.
    pub paced: Spread,
    /// Sums over the rounds.
    pub ledger: Ledger,
    /// Whether caller and far side had a core each in every round.
    pub pinned: bool,
}

impl Row {
    /// Puts the rounds of one case together.
    pub fn of(entry: &Entry, rounds: &[Figures]) -> Row {
        let typical = || rounds.iter().map(|round| round.burst.typical);
        Row {
            name: entry.name,
            title: entry.title,
            role: entry.role,
            burst: medians(rounds, |round| &round.burst),
            burst_lowest: typical().fold(f64::INFINITY, f64::min),
            burst_highest: typical().fold(0.0, f64::max),
            paced: medians(rounds, |round| &round.paced),
            ledger: rounds.iter().fold(Ledger::default(), |sum, round| Ledger {
                handed: sum.handed + round.ledger.handed,
                arrived: sum.arrived + round.ledger.arrived,
                lost: sum.lost + round.ledger.lost,
            }),
            pinned: rounds.iter().all(|round| round.pinned),
        }
    }
}

fn medians(rounds: &[Figures], spread: impl Fn(&Figures) -> &Spread) -> Spread {
    let of = |figure: fn(&Spread) -> f64| median(rounds.iter().map(|round| figure(spread(round))));
    Spread {
        typical: of(|s| s.typical),
        mean: of(|s| s.mean),
        p50: of(|s| s.p50),
        p99: of(|s| s.p99),
        p999: of(|s| s.p999),
    }
}

/// The rows as text: bursts, paced, ratios, losses.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    text += &format!(
        "\n{:<62} {:>9} {:>17} {:>9} {:>8} {:>8} {:>9}\n",
        "bursts of 256, ns an event", "typical", "(low .. high)", "mean", "p50", "p99", "p99.9"
    );
    for row in rows {
        let range = format!("({:.1} .. {:.1})", row.burst_lowest, row.burst_highest);
        let Spread { typical, mean, p50, p99, p999 } = row.burst;
        text += &format!(
            "{:<62} {typical:>9.1} {range:>17} {mean:>9.1} {p50:>8.0} {p99:>8.0} {p999:>9.0}\n",
            row.title
        );
    }
    text += &format!(
        "\n{:<62} {:>9} {:>17} {:>9} {:>8} {:>8} {:>9}\n",
        "one event each 20 µs, ns an event", "", "", "mean", "p50", "p99", "p99.9"
    );
    for row in rows {
        let Spread { mean, p50, p99, p999, .. } = row.paced;
        text += &format!(
            "{:<62} {:>9} {:>17} {mean:>9.1} {p50:>8.0} {p99:>8.0} {p999:>9.0}\n",
            row.title, "", ""
        );
    }
    text + &ratios(rows) + &losses(rows)
}

/// What the subject is to each of the others, within this run.
fn ratios(rows: &[Row]) -> String {
    let Some(subject) = rows.iter().find(|row| row.role == Role::Subject) else { return String::new() };
    let mut text = "\nratios of this run (burst: typical, paced: mean)\n".to_owned();
    for row in rows {
        let (burst, paced) = (row.burst.typical / subject.burst.typical, row.paced.mean / subject.paced.mean);
        text += &match row.role {
            Role::Subject => continue,
            Role::Floor if row.name == "timer" => continue,
            Role::Floor => format!(
                "  veribus costs {:.2} x the {} (paced {:.2} x)\n",
                1.0 / burst,
                row.name,
                1.0 / paced
            ),
            Role::Peer => format!("  {:<14} costs {burst:.1} x veribus (paced {paced:.1} x)\n", row.name),
            Role::Verification => {
                format!("  veribus costs {:.2} % of one {} verification\n", 100.0 / burst, row.name)
            }
        };
    }
    text
}

fn losses(rows: &[Row]) -> String {
    let mut text = "\nlosses over the whole run\n".to_owned();
    for row in rows.iter().filter(|row| matches!(row.role, Role::Subject | Role::Peer)) {
        let Ledger { handed, arrived, lost } = row.ledger;
        let unaccounted = row.ledger.unaccounted();
        text += &format!(
            "  {:<14} {handed} handed over, {arrived} arrived, {lost} lost, {unaccounted} unaccounted for\n",
            row.name
        );
    }
    text
}
