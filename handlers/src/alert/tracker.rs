//! What is remembered of each rule and entity; bounded, the one not seen for longest makes room.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::entity::Entity;
use super::window::Window;

/// A rule by its place in the list, and whom it is about.
pub(crate) type Key = (usize, Option<Entity>);

#[derive(Debug, Default)]
pub(crate) struct Track {
    pub(crate) window: Window,
    /// No alert before this time of the steady clock.
    pub(crate) quiet_until: Option<Duration>,
    /// Matches since the last alert.
    pub(crate) suppressed: u64,
    touched: u64,
}

#[derive(Debug)]
pub(crate) struct Tracker {
    tracks: HashMap<Key, Track>,
    /// Keys by when they were last touched.
    order: BTreeMap<u64, Key>,
    touches: u64,
    tracks_max: usize,
}

impl Tracker {
    /// How many it remembers.
    pub(crate) fn tracks_max(&self) -> usize {
        self.tracks_max
    }

    pub(crate) fn new(tracks_max: usize) -> Tracker {
        Tracker { tracks: HashMap::new(), order: BTreeMap::new(), touches: 0, tracks_max: tracks_max.max(1) }
    }

    /// The track of `key`, made if it is new; and whether another one had to go for it.
    pub(crate) fn touch(&mut self, key: Key) -> (&mut Track, bool) {
        self.touches += 1;
        let mut evicted = false;
        if let Some(track) = self.tracks.get(&key) {
            self.order.remove(&track.touched);
        } else if self.tracks.len() >= self.tracks_max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.tracks.remove(&oldest);
            evicted = true;
        }
        self.order.insert(self.touches, key.clone());
        let track = self.tracks.entry(key).or_default();
        track.touched = self.touches;
        (track, evicted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_seen_for_longest_makes_room() {
        let mut tracker = Tracker::new(2);
        let key = |name: &str| (0, Some(Entity::Actor(name.into())));
        tracker.touch(key("a")).0.suppressed = 1;
        tracker.touch(key("b")).0.suppressed = 2;
        assert!(!tracker.touch(key("a")).1);
        assert!(tracker.touch(key("c")).1, "b makes room");
        assert_eq!(tracker.touch(key("a")).0.suppressed, 1);
        assert!(tracker.touch(key("b")).1);
        assert_eq!((tracker.tracks.len(), tracker.order.len()), (2, 2));
    }
}
