//! The books of one lane: every number below its end is stored, lost with a reason, or missing; never two of them.
//!
//! Loss records are claims of a sender. They explain only numbers that are not stored, each number once; what they claim
//! beyond that makes them suspicious and changes nothing.

use std::ops::Range;

use veribus_core::LossReason;

/// A claim that numbers of a lane were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// How many of them.
    pub count: u64,
    /// Why.
    pub reason: LossReason,
}

/// Consecutive numbers that are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// Why, if anybody says so.
    pub reason: Option<LossReason>,
}

impl Hole {
    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// What is known about the numbers of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Books {
    /// Numbers not stored below the lane's end, in order.
    pub holes: Vec<Hole>,
    /// Claims about numbers that are stored or were never given.
    pub suspicious: Vec<Claim>,
}

impl Books {
    /// Balances a lane. `stored` are disjoint intervals in order; `next` is the number that the sender says comes next,
    /// 1 if it says nothing.
    pub fn balance(stored: &[(u64, u64)], claims: &[Claim], next: u64) -> Books {
        let end = next.max(stored.last().map_or(1, |(_, last)| last + 1));
        let mut books = Books { holes: missing(stored, end), suspicious: Vec::new() };
        // A claim of a whole range says exactly which numbers; the others take what is left.
        let (whole, partial): (Vec<&Claim>, Vec<&Claim>) =
            claims.iter().partition(|claim| claim.count == claim.last - claim.first + 1);
        for claim in whole.into_iter().chain(partial) {
            let missing: u64 = books.holes[books.about(claim)].iter().map(|hole| overlap(hole, claim)).sum();
            if claim.count > missing || claim.last >= end {
                books.suspicious.push(*claim);
            }
            books.explain(claim);
        }
        books
    }

    /// How many numbers nobody explains.
    pub fn unexplained(&self) -> u64 {
        self.holes.iter().filter(|hole| hole.reason.is_none()).map(Hole::len).sum()
    }

    /// Holes that a claim is about, by their places.
    fn about(&self, claim: &Claim) -> Range<usize> {
        let from = self.holes.partition_point(|hole| hole.last < claim.first);
        let to = self.holes.partition_point(|hole| hole.first <= claim.last);
        from..to.max(from)
    }

    fn explain(&mut self, claim: &Claim) {
        let mut left = claim.count;
        let about = self.about(claim);
        let mut explained = Vec::with_capacity(about.len() + 2);
        for hole in &self.holes[about.clone()] {
            let (first, last) = (hole.first.max(claim.first), hole.last.min(claim.last));
            if hole.reason.is_some() || left == 0 {
                explained.push(*hole);
                continue;
            }
            let last = last.min(first + (left - 1));
            left -= last - first + 1;
            let part = |first, last, reason| Hole { first, last, reason };
            let pieces = [
                (hole.first < first).then(|| part(hole.first, first - 1, None)),
                Some(part(first, last, Some(claim.reason))),
                (last < hole.last).then(|| part(last + 1, hole.last, None)),
            ];
            explained.extend(pieces.into_iter().flatten());
        }
        self.holes.splice(about, explained);
    }
}

/// Numbers from 1 below `end` that are in none of the intervals.
fn missing(stored: &[(u64, u64)], end: u64) -> Vec<Hole> {
    let mut holes = Vec::new();
    let mut at = 1;
    for (first, last) in stored.iter().copied().chain([(end, end)]) {
        if at < first {
            holes.push(Hole { first: at, last: first - 1, reason: None });
        }
        at = last + 1;
    }
    holes
}

fn overlap(hole: &Hole, claim: &Claim) -> u64 {
    (hole.last.min(claim.last) + 1).saturating_sub(hole.first.max(claim.first))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn claim(first: u64, last: u64, count: u64) -> Claim {
        Claim { first, last, count, reason: LossReason::QueueFull }
    }

    #[test]
    fn a_hole_is_explained_by_a_claim_and_by_nothing_else() {
        let books = Books::balance(&[(1, 4), (8, 9)], &[claim(5, 6, 2)], 12);
        let hole = |first, last, reason| Hole { first, last, reason };
        let queue_full = Some(LossReason::QueueFull);
        assert_eq!(books.holes, [hole(5, 6, queue_full), hole(7, 7, None), hole(10, 11, None)]);
        assert_eq!((books.unexplained(), books.suspicious.len()), (3, 0));
    }

    #[test]
    fn bad_50_a_claim_of_numbers_never_given_explains_nothing_and_is_suspicious() {
        let wild = claim(5, 1_000_000, 999_996);
        let books = Books::balance(&[(1, 4)], &[wild], 5);
        assert_eq!((books.holes.len(), &books.suspicious[..]), (0, &[wild][..]));
        let stored = claim(1, 4, 4);
        let books = Books::balance(&[(1, 4), (6, 6)], &[stored], 1);
        assert_eq!((books.unexplained(), &books.suspicious[..]), (1, &[stored][..]));
    }

    #[test]
    fn a_claim_of_some_of_a_range_explains_as_many_as_it_counts() {
        let books = Books::balance(&[(1, 1), (3, 3), (5, 5)], &[claim(1, 5, 1)], 1);
        assert_eq!(books.unexplained(), 1);
        let books = Books::balance(&[(1, 1), (3, 3), (5, 5)], &[claim(1, 5, 2)], 1);
        assert_eq!((books.unexplained(), books.suspicious.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn the_books_balance_whatever_is_claimed(
            stored in proptest::collection::btree_set(1_u64..60, 0..40),
            claims in proptest::collection::vec((1_u64..70, 0_u64..20, 0_u64..20), 0..8),
            next in 1_u64..80,
        ) {
            let mut intervals: Vec<(u64, u64)> = Vec::new();
            for seq in &stored {
                match intervals.last_mut() {
                    Some((_, last)) if *last + 1 == *seq => *last += 1,
                    _ => intervals.push((*seq, *seq)),
                }
            }
            let claims: Vec<Claim> =
                claims.into_iter().map(|(first, more, fewer)| claim(first, first + more, (more + 1).saturating_sub(fewer).max(1))).collect();
            let books = Books::balance(&intervals, &claims, next);
            let end = next.max(stored.last().map_or(1, |last| last + 1));
            let missing: BTreeSet<u64> = (1..end).filter(|seq| !stored.contains(seq)).collect();
            let held: Vec<u64> = books.holes.iter().flat_map(|hole| hole.first..=hole.last).collect();
            prop_assert_eq!(held, missing.into_iter().collect::<Vec<_>>());
            let claimed: BTreeSet<u64> = claims.iter().flat_map(|claim| claim.first..=claim.last).collect();
            for hole in books.holes.iter().filter(|hole| hole.reason.is_some()) {
                prop_assert!((hole.first..=hole.last).all(|seq| claimed.contains(&seq)));
            }
            let explained: u64 = books.holes.iter().filter(|h| h.reason.is_some()).map(Hole::len).sum();
            prop_assert!(explained <= claims.iter().map(|claim| claim.count).sum());
        }
    }
}
