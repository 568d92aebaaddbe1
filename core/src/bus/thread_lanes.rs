//! The lanes of one thread, one for each bus that it publishes to; the one last used is found at once.

use std::cell::{Cell, RefCell};
use std::sync::Weak;

use super::engine::Engine;
use super::lane::LaneWriter;
use crate::ring::fork;

thread_local! {
    pub(super) static LANES: RefCell<ThreadLanes> =
        const { RefCell::new(ThreadLanes { recent: None, others: Vec::new() }) };
    /// Which engine's handler runs on this thread, and how many handlers deep its events are.
    pub(super) static INSIDE: Cell<Option<(u64, u8)>> = const { Cell::new(None) };
}

/// How many handlers deep an event published here is; 0 outside of handlers.
#[inline(always)]
pub(crate) fn depth_here() -> u8 {
    INSIDE.try_with(Cell::get).ok().flatten().map_or(0, |(_, depth)| depth)
}

/// See the [module](self).
pub(super) struct ThreadLanes {
    /// That of the bus last published to.
    recent: Option<Box<ThreadLane>>,
    #[expect(clippy::vec_box, reason = "they change places with the recent one, box and all")]
    others: Vec<Box<ThreadLane>>,
}

struct ThreadLane {
    engine_id: u64,
    engine: Weak<Engine>,
    generation: u32,
    /// `None`: this thread shares a lane.
    writer: Option<LaneWriter>,
}

impl ThreadLanes {
    /// The lane of an engine, opened if need be; `None` if this thread shares one.
    pub(super) fn writer(&mut self, engine: &Engine) -> Option<&mut LaneWriter> {
        if !self.is_recent(engine.id) && !self.make_recent(engine.id) {
            let lane = self.open(engine);
            self.others.extend(self.recent.replace(lane));
        }
        self.recent.as_mut()?.writer.as_mut()
    }

    /// The lane of an engine that this thread has published to before.
    #[inline(always)]
    pub(super) fn known_writer(&mut self, engine_id: u64) -> Option<&mut LaneWriter> {
        if !self.is_recent(engine_id) && !self.make_recent(engine_id) {
            return None;
        }
        self.recent.as_mut()?.writer.as_mut()
    }

    #[inline(always)]
    fn is_recent(&self, engine_id: u64) -> bool {
        self.recent.as_ref().is_some_and(|lane| lane.engine_id == engine_id)
    }

    #[cold]
    fn make_recent(&mut self, engine_id: u64) -> bool {
        let Some(at) = self.others.iter().position(|lane| lane.engine_id == engine_id) else { return false };
        let lane = self.others.swap_remove(at);
        self.others.extend(self.recent.replace(lane));
        true
    }

    #[cold]
    fn open(&mut self, engine: &Engine) -> Box<ThreadLane> {
        self.others.retain(|lane| lane.engine.strong_count() > 0);
        Box::new(ThreadLane {
            engine_id: engine.id,
            engine: engine.me.clone(),
            generation: engine.generation,
            writer: engine.open_lane(),
        })
    }
}

/// A thread that ends gives its lane to the next; in a forked child the parent's lanes are left as they are.
impl Drop for ThreadLane {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        if self.generation != fork::generation() {
            std::mem::forget(writer);
            std::mem::forget(std::mem::take(&mut self.engine));
        } else if let Some(engine) = self.engine.upgrade() {
            engine.give_back(writer);
        }
    }
}
