//! One case over all rounds: the median of each figure, and each round's own value beside it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::section::{Entry, Role, Section};
use crate::statistics::{median, median_interval};
use crate::turn::{Figure, Ledger, Turn};

/// A figure over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Over {
    /// What the table shows: the median of the rounds, or of all pairs of all rounds.
    pub median: f64,
    /// Each round by itself.
    pub rounds: Vec<f64>,
}

impl Over {
    /// The lowest and the highest of the rounds.
    pub fn range(&self) -> (f64, f64) {
        let low = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        (low, self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// One case over all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The section's and the case's name: `handoff/veribus`.
    pub name: String,
    /// The case in words.
    pub title: &'static str,
    /// What it is about.
    pub role: Role,
    /// What was measured.
    pub figures: BTreeMap<Figure, Over>,
    /// Latencies at [`PARTS`](crate::measure::PARTS), medians over the rounds.
    pub curve: Vec<f64>,
    /// Sums over the rounds.
    pub ledger: Ledger,
    /// Whether every thread was on its core in every round.
    pub pinned: bool,
    /// Why nothing was measured, where nothing was.
    pub skipped: Option<String>,
}

impl Row {
    /// Puts the rounds of one case together.
    pub fn of(section: &Section, entry: &Entry, turns: &[Turn]) -> Row {
        let mut figures = BTreeMap::<Figure, Over>::new();
        for turn in turns {
            for (figure, value) in &turn.figures {
                figures
                    .entry(*figure)
                    .or_insert(Over { median: 0.0, rounds: Vec::new() })
                    .rounds
                    .push(*value);
            }
        }
        for over in figures.values_mut() {
            over.median = median(over.rounds.iter().copied());
        }
        figures.extend(differences(turns));
        let points = turns.iter().map(|turn| turn.curve.len()).min().unwrap_or(0);
        let curve = (0..points).map(|at| median(turns.iter().map(|turn| turn.curve[at])));
        Row {
            name: format!("{}/{}", section.name, entry.name),
            title: entry.title,
            role: entry.role,
            figures,
            curve: curve.collect(),
            ledger: turns.iter().fold(Ledger::default(), |sum, turn| sum.and(turn.ledger)),
            pinned: turns.iter().all(|turn| turn.pinned),
            skipped: turns.iter().find_map(|turn| turn.skipped.clone()),
        }
    }

    /// The median of a figure, where it was measured.
    pub fn median(&self, figure: Figure) -> Option<f64> {
        self.figures.get(&figure).map(|over| over.median)
    }
}

/// Medians of paired differences, over the pairs of all rounds together, with their intervals.
fn differences(turns: &[Turn]) -> BTreeMap<Figure, Over> {
    if turns.iter().all(|turn| turn.pairs.is_empty()) {
        return BTreeMap::new();
    }
    let one = |turns: &[Turn]| {
        let pairs = || turns.iter().flat_map(|turn| &turn.pairs);
        let alone = median(pairs().map(|pair| pair.alone));
        let (added, low, high) = median_interval(pairs().map(|pair| pair.with - pair.alone));
        let percent = |nanos: f64| 100.0 * nanos / alone;
        [
            (Figure::Alone, alone),
            (Figure::Added, added),
            (Figure::AddedLow, low),
            (Figure::AddedHigh, high),
            (Figure::Percent, percent(added)),
            (Figure::PercentLow, percent(low)),
            (Figure::PercentHigh, percent(high)),
        ]
    };
    let rounds: Vec<_> = turns.iter().map(|turn| one(std::slice::from_ref(turn))).collect();
    let all = one(turns).into_iter().enumerate();
    let over = all.map(|(at, (figure, median))| {
        (figure, Over { median, rounds: rounds.iter().map(|round| round[at].1).collect() })
    });
    over.collect()
}

/// All cases of a run.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Rows(pub Vec<Row>);

impl Rows {
    /// The row of this name.
    pub fn get(&self, name: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.name == name)
    }

    /// The rows of a section.
    pub fn of<'a>(&'a self, section: &'a Section) -> impl Iterator<Item = &'a Row> {
        self.0.iter().filter(|row| row.name.split('/').next() == Some(section.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::SECTIONS;
    use crate::turn::Pair;

    fn row(turns: &[Turn]) -> Row {
        Row::of(&SECTIONS[0], &SECTIONS[0].entries[0], turns)
    }

    #[test]
    fn a_row_is_the_median_of_its_rounds_and_the_sum_of_its_ledgers() {
        let turn = |value, handed| {
            Turn::of([(Figure::Typical, value)]).with_ledger(Ledger { handed, arrived: handed, lost: 0 })
        };
        let row = row(&[turn(30.0, 1), turn(10.0, 2), turn(20.0, 3)]);
        assert_eq!(row.median(Figure::Typical), Some(20.0));
        assert_eq!(row.figures[&Figure::Typical].range(), (10.0, 30.0));
        assert_eq!(row.ledger, Ledger { handed: 6, arrived: 6, lost: 0 });
        assert_eq!(row.median(Figure::Added), None);
    }

    #[test]
    fn what_is_added_is_the_median_difference_of_neighbours() {
        // The machine becomes twice as slow on the way; neighbours meet the same machine.
        let pairs = [(100.0, 110.0), (100.0, 112.0), (200.0, 208.0)];
        let pairs = pairs.map(|(alone, with)| Pair { alone, with }).to_vec();
        let row = row(&[Turn { pairs, ..Turn::default() }]);
        assert_eq!(row.median(Figure::Added), Some(10.0));
        assert_eq!(row.median(Figure::Percent), Some(10.0));
        assert_eq!(row.median(Figure::AddedLow), Some(8.0));
        assert_eq!(row.median(Figure::AddedHigh), Some(12.0));
    }
}
