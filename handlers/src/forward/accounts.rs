//! What is known of lost numbers, and told to nobody yet: it stays small while nobody listens.

use std::collections::{VecDeque, vec_deque};

use veribus_core::event::limits::{BATCH_LANES_MAX, BATCH_LOSSES_MAX};
use veribus_core::{Account, LaneMark, LossRecord};

/// Accounts are full batches up to this many; more than those say is said less exactly.
const EXACT_MAX: usize = 16;

/// Accounts in the order in which they came, each no larger than a batch may be.
#[derive(Debug, Default)]
pub(crate) struct Accounts(VecDeque<Account>);

impl Accounts {
    /// Adds one, which a batch can hold, to the last one where they become one. Where there are many it is said of a
    /// range in which numbers were lost how many, and no longer which: there are no more records than lanes and reasons.
    pub(crate) fn add(&mut self, mut account: Account) {
        let crowded = self.0.len() >= EXACT_MAX;
        if let Some(last) = self.0.back_mut().filter(|last| last.instance == account.instance)
            && last.losses.len() + account.losses.len() <= BATCH_LOSSES_MAX
            && last.lanes.len() + account.lanes.len() <= BATCH_LANES_MAX
        {
            account.lanes.retain(|mark| !is_known(last, *mark));
            account.losses.retain(|loss| !last.losses.iter_mut().rev().any(|known| known.join(loss)));
            last.lanes.append(&mut account.lanes);
            last.losses.append(&mut account.losses);
            return;
        }
        if crowded {
            for known in self.0.iter_mut().filter(|known| known.instance == account.instance) {
                account.lanes.retain(|mark| !is_known(known, *mark));
                account.losses.retain(|loss| !is_widened(known, loss));
            }
        }
        if !account.losses.is_empty() || !account.lanes.is_empty() {
            self.0.push_back(account);
        }
    }

    /// The oldest.
    pub(crate) fn take(&mut self) -> Option<Account> {
        self.0.pop_front()
    }

    /// What [`Accounts::take`] gave is the oldest again.
    pub(crate) fn put_back(&mut self, account: Account) {
        self.0.push_front(account);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether `account` speaks of the lane: then it says how far that has come now.
fn is_known(account: &mut Account, mark: LaneMark) -> bool {
    let known = account.lanes.iter_mut().find(|known| known.lane == mark.lane);
    known.map(|known| known.next_seq = known.next_seq.max(mark.next_seq)).is_some()
}

/// Whether `account` speaks of losses of the same lane for the same reason: then it says it of both.
fn is_widened(account: &mut Account, loss: &LossRecord) -> bool {
    let alike = |known: &&mut LossRecord| (known.lane, known.reason) == (loss.lane, loss.reason);
    account.losses.iter_mut().rev().find(alike).map(|known| known.widen(loss)).is_some()
}

/// An account in parts, each of which a batch can hold.
pub(crate) fn parts(account: Account) -> Vec<Account> {
    let Account { instance, losses, lanes } = account;
    if losses.len() <= BATCH_LOSSES_MAX && lanes.len() <= BATCH_LANES_MAX {
        return vec![Account { instance, losses, lanes }];
    }
    let of_losses = losses.chunks(BATCH_LOSSES_MAX).map(|part| (part.to_vec(), Vec::new()));
    let of_lanes = lanes.chunks(BATCH_LANES_MAX).map(|part| (Vec::new(), part.to_vec()));
    of_losses.chain(of_lanes).map(|(losses, lanes)| Account { instance, losses, lanes }).collect()
}

impl IntoIterator for Accounts {
    type Item = Account;
    type IntoIter = vec_deque::IntoIter<Account>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use veribus_core::{InstanceId, LossReason, Timestamp};

    use super::*;

    #[test]
    fn what_is_told_while_nobody_listens_stays_small_and_complete() {
        let mut accounts = Accounts::default();
        for n in 0..5_000_u64 {
            let (reason, at) = (LossReason::SpoolFull, Timestamp::from_seconds(n as i64));
            let (first_seq, last_seq) = (n * 10, n * 10 + 9);
            let loss =
                LossRecord { lane: 3, reason, first_seq, last_seq, count: 10, first_at: at, last_at: at };
            let lanes = vec![LaneMark { lane: 3, next_seq: last_seq + 1 }];
            accounts.add(Account { instance: InstanceId(7), losses: vec![loss], lanes });
        }
        assert_eq!(accounts.0.len(), 1);
        assert_eq!(accounts.0[0].lanes, [LaneMark { lane: 3, next_seq: 50_000 }]);
        let [loss] = &accounts.0[0].losses[..] else { panic!("one record: {:?}", accounts.0[0].losses) };
        assert_eq!((loss.first_seq, loss.last_seq, loss.count), (0, 49_999, 50_000));
        assert_eq!(
            (loss.first_at, loss.last_at),
            (Timestamp::from_seconds(0), Timestamp::from_seconds(4_999))
        );
    }

    fn lost(seq: u64) -> Account {
        let loss = LossRecord::of(3, seq, LossReason::SpoolFull, Timestamp::from_seconds(0));
        Account { instance: InstanceId(7), losses: vec![loss], lanes: Vec::new() }
    }

    #[test]
    fn losses_that_never_join_are_told_one_by_one_as_far_as_there_is_room_and_all_are_counted() {
        let mut accounts = Accounts::default();
        let events = 3 * (EXACT_MAX * BATCH_LOSSES_MAX) as u64;
        (0..events).for_each(|n| accounts.add(lost(n * 2)));
        assert!(accounts.0.len() <= EXACT_MAX, "{} accounts", accounts.0.len());
        assert!(accounts.0.iter().all(|account| account.losses.len() <= BATCH_LOSSES_MAX));
        let losses = || accounts.0.iter().flat_map(|account| &account.losses);
        assert_eq!(losses().map(|loss| loss.count).sum::<u64>(), events);
        assert_eq!(losses().map(|loss| loss.last_seq).max(), Some((events - 1) * 2));
    }

    #[test]
    fn an_account_that_no_batch_can_hold_goes_in_parts() {
        let losses: Vec<_> = (0..2_500).flat_map(|n| lost(n * 2).losses).collect();
        let lanes: Vec<_> = (0..1_500).map(|lane| LaneMark { lane, next_seq: 9 }).collect();
        let parts = parts(Account { instance: InstanceId(7), losses: losses.clone(), lanes: lanes.clone() });
        let fits =
            |part: &Account| part.losses.len() <= BATCH_LOSSES_MAX && part.lanes.len() <= BATCH_LANES_MAX;
        assert!(parts.iter().all(fits));
        assert_eq!(parts.iter().flat_map(|part| part.losses.clone()).collect::<Vec<_>>(), losses);
        assert_eq!(parts.iter().flat_map(|part| part.lanes.clone()).collect::<Vec<_>>(), lanes);
    }
}
