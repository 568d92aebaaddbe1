//! What is known of lost numbers, and told to nobody yet: it stays small while nobody listens.

use std::collections::{VecDeque, vec_deque};

use veribus_core::Account;
use veribus_core::event::limits::{BATCH_LANES_MAX, BATCH_LOSSES_MAX};

/// Accounts in the order in which they came, none larger than a batch may be.
#[derive(Debug, Default)]
pub(crate) struct Accounts(VecDeque<Account>);

impl Accounts {
    /// Adds one to the last one where they become one.
    pub(crate) fn add(&mut self, account: Account) {
        let Some(last) = self.0.back_mut().filter(|last| last.instance == account.instance) else {
            return self.0.push_back(account);
        };
        let has_room = last.losses.len() + account.losses.len() <= BATCH_LOSSES_MAX
            && last.lanes.len() + account.lanes.len() <= BATCH_LANES_MAX;
        if !has_room {
            return self.0.push_back(account);
        }
        for mark in account.lanes {
            match last.lanes.iter_mut().find(|known| known.lane == mark.lane) {
                Some(known) => known.next_seq = known.next_seq.max(mark.next_seq),
                None => last.lanes.push(mark),
            }
        }
        for loss in account.losses {
            if !last.losses.iter_mut().rev().any(|known| known.join(&loss)) {
                last.losses.push(loss);
            }
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

impl IntoIterator for Accounts {
    type Item = Account;
    type IntoIter = vec_deque::IntoIter<Account>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use veribus_core::{InstanceId, LaneMark, LossReason, LossRecord, Timestamp};

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

    #[test]
    fn no_account_grows_beyond_a_batch() {
        let mut accounts = Accounts::default();
        for n in 0..5_000_u64 {
            let (reason, at, seq) = (LossReason::SpoolFull, Timestamp::from_seconds(0), n * 2);
            let loss = LossRecord::of(3, seq, reason, at);
            accounts.add(Account { instance: InstanceId(7), losses: vec![loss], lanes: Vec::new() });
        }
        assert!(accounts.0.iter().all(|account| account.losses.len() <= BATCH_LOSSES_MAX));
        assert_eq!(accounts.0.iter().map(|account| account.losses.len()).sum::<usize>(), 5_000);
    }
}
