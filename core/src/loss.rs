//! Why an event was lost: a closed list, so that every loss has a name somebody can look up.

use std::fmt;

/// The reason of a loss. Closed: a new one is a new version of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LossReason {
    /// A ring or a handler's queue had no room.
    QueueFull = 0,
    /// The spool is at its ceiling.
    SpoolFull,
    /// The disk is full.
    DiskFull,
    /// Too old to be sent.
    Expired,
    /// Larger than a limit.
    TooLarge,
    /// The collector refused it.
    RejectedByCollector,
    /// Its handler was in quarantine.
    HandlerQuarantined,
    /// The spool was damaged where it stood.
    SpoolCorrupt,
    /// The process died with it in memory.
    CrashMemory,
    /// `close` ran out of time.
    CloseDeadline,
    /// An administrator removed it.
    AdminPurge,
    /// Its handler failed on it for good.
    HandlerFailed,
    /// A handler published in a circle, eight levels deep.
    LoopLimit,
    /// Published after `close`.
    Closed,
    /// A forked child has no way to rebuild its handler.
    NoHandlerAfterFork,
}

impl LossReason {
    /// How many reasons there are.
    pub const COUNT: usize = 15;

    /// Every reason, in the order of their numbers.
    pub const ALL: [LossReason; LossReason::COUNT] = [
        LossReason::QueueFull,
        LossReason::SpoolFull,
        LossReason::DiskFull,
        LossReason::Expired,
        LossReason::TooLarge,
        LossReason::RejectedByCollector,
        LossReason::HandlerQuarantined,
        LossReason::SpoolCorrupt,
        LossReason::CrashMemory,
        LossReason::CloseDeadline,
        LossReason::AdminPurge,
        LossReason::HandlerFailed,
        LossReason::LoopLimit,
        LossReason::Closed,
        LossReason::NoHandlerAfterFork,
    ];

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<LossReason> {
        LossReason::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// The name in metrics, loss records and `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            LossReason::QueueFull => "queue_full",
            LossReason::SpoolFull => "spool_full",
            LossReason::DiskFull => "disk_full",
            LossReason::Expired => "expired",
            LossReason::TooLarge => "too_large",
            LossReason::RejectedByCollector => "rejected_by_collector",
            LossReason::HandlerQuarantined => "handler_quarantined",
            LossReason::SpoolCorrupt => "spool_corrupt",
            LossReason::CrashMemory => "crash_memory",
            LossReason::CloseDeadline => "close_deadline",
            LossReason::AdminPurge => "admin_purge",
            LossReason::HandlerFailed => "handler_failed",
            LossReason::LoopLimit => "loop_limit",
            LossReason::Closed => "closed",
            LossReason::NoHandlerAfterFork => "no_handler_after_fork",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Losses counted by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses([u64; LossReason::COUNT]);

impl Losses {
    /// How many were lost for `reason`.
    pub fn get(&self, reason: LossReason) -> u64 {
        self.0[reason as usize]
    }

    /// Counts `events` more for `reason`.
    pub fn add(&mut self, reason: LossReason, events: u64) {
        self.0[reason as usize] += events;
    }

    /// How many were lost in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (LossReason, u64)> {
        LossReason::ALL.into_iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}

/// The reasons that occurred: `{queue_full: 3}`.
impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (reason, count) in self.iter() {
            map.entry(&format_args!("{reason}"), &count);
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_name() {
        let mut losses = Losses::default();
        for (index, reason) in LossReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(LossReason::from_name(reason.as_str()), Some(reason));
            losses.add(reason, index as u64);
        }
        assert_eq!(losses.total(), (0..15).sum::<u64>());
        let mut names = LossReason::ALL.map(LossReason::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LossReason::COUNT);
    }

    #[test]
    fn losses_show_what_was_lost_and_nothing_else() {
        let mut losses = Losses::default();
        assert_eq!(format!("{losses:?}"), "{}");
        losses.add(LossReason::QueueFull, 3);
        losses.add(LossReason::Closed, 1);
        assert_eq!(format!("{losses:?}"), "{queue_full: 3, closed: 1}");
    }
}
