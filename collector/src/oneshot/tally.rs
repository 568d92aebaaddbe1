//! The handler that counts: events by kind and outcome, and every login that succeeded.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use veribus_core::{EventHandler, Family, HandlerError, Outcome, Text, Timestamp, VerificationEvent};

/// Most names of kinds that are counted apart; kinds of newer senders may have any name.
const KINDS_MAX: usize = 64;
/// Most successes that are named; the others are counted.
const SUCCESSES_MAX: usize = 1_000;
/// Where kinds above [`KINDS_MAX`] are counted.
const OTHER_KINDS: &str = "other";

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) total: u64,
    pub(super) by_kind: BTreeMap<Text, u64>,
    pub(super) by_outcome: BTreeMap<&'static str, u64>,
    successes: BTreeMap<Who, Success>,
    /// Successful authentications of people who are not in the list any more.
    pub(super) successes_unnamed: u64,
}

/// Who succeeded, from where, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    /// Account.
    pub(super) actor: Option<Text>,
    /// Address, or host name where that is all that is known.
    pub(super) source: Option<Text>,
    /// `login`
    pub(super) action: Text,
    /// `password`, `publickey`
    pub(super) method: Option<Text>,
}

/// How often, and when.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Success {
    pub(super) count: u64,
    #[serde(serialize_with = "as_text")]
    pub(super) first_seen: Timestamp,
    #[serde(serialize_with = "as_text")]
    pub(super) last_seen: Timestamp,
}

/// RFC 3339, as everywhere in JSON.
pub(super) fn as_text<S: serde::Serializer>(time: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(time)
}

impl Tally {
    fn count(&mut self, event: &VerificationEvent) {
        self.total += 1;
        *self.by_outcome.entry(event.outcome.as_str()).or_default() += 1;
        let kind = event.kind.name();
        match self.by_kind.get_mut(kind) {
            Some(count) => *count += 1,
            None => self.count_new_kind(kind),
        }
        if event.outcome == Outcome::Success && event.family() == Family::Authentication {
            self.name_success(event);
        }
    }

    fn count_new_kind(&mut self, kind: &str) {
        let name = if self.by_kind.len() < KINDS_MAX { kind } else { OTHER_KINDS };
        *self.by_kind.entry(name.into()).or_default() += 1;
    }

    fn name_success(&mut self, event: &VerificationEvent) {
        let actor = event.actor.as_ref();
        let address = |ip: IpAddr| Text::from(ip.to_string());
        let who = Who {
            actor: actor.and_then(|a| a.name.clone()),
            source: actor.and_then(|a| a.ip.map(address).or_else(|| a.host.clone())),
            action: event.action.clone(),
            method: event.kind.text_fields().find(|(name, _)| *name == "method").map(|(_, m)| m.clone()),
        };
        if let Some(success) = self.successes.get_mut(&who) {
            success.count += 1;
            success.first_seen = success.first_seen.min(event.time);
            success.last_seen = success.last_seen.max(event.time);
        } else if self.successes.len() < SUCCESSES_MAX {
            let success = Success { count: 1, first_seen: event.time, last_seen: event.time };
            self.successes.insert(who, success);
        } else {
            self.successes_unnamed += 1;
        }
    }

    /// Who succeeded, earliest first.
    pub(super) fn successes(&self) -> Vec<(&Who, Success)> {
        let mut list: Vec<_> = self.successes.iter().map(|(who, success)| (who, *success)).collect();
        list.sort_by_key(|(_, success)| success.first_seen);
        list
    }
}

impl EventHandler for Tally {
    fn name(&self) -> &str {
        "tally"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        batch.iter().for_each(|event| self.count(event));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veribus_core::{Draft, EventId, event};

    fn counted<'a>(drafts: impl IntoIterator<Item = Draft<'a>>) -> Tally {
        let mut tally = Tally::default();
        for (seq, draft) in drafts.into_iter().enumerate() {
            let time = Timestamp::from_seconds(seq as i64);
            tally.count(&draft.into_event(EventId::from_bits(seq as u128), time).unwrap());
        }
        tally
    }

    #[test]
    fn a_success_is_named_once_with_how_often() {
        let login = || event::authentication("login").actor("alice").source_ip([192, 0, 2, 1].into());
        let drafts = [login().success(), login().failure(), login().success()];
        let tally = counted(drafts.map(Draft::from));
        assert_eq!((tally.total, tally.by_outcome["success"], tally.by_kind["authentication"]), (3, 2, 3));
        let successes = tally.successes();
        assert_eq!(successes.len(), 1);
        assert_eq!(successes[0].0.source.as_deref(), Some("192.0.2.1"));
        assert_eq!((successes[0].1.count, successes[0].1.last_seen), (2, Timestamp::from_seconds(2)));
    }

    #[test]
    fn the_list_of_successes_is_bounded_and_the_rest_is_counted() {
        let names: Vec<String> = (0..SUCCESSES_MAX + 5).map(|n| format!("user{n}")).collect();
        let tally = counted(names.iter().map(|n| event::authentication("login").actor(n).success().into()));
        assert_eq!((tally.successes().len(), tally.successes_unnamed), (SUCCESSES_MAX, 5));
    }
}
