//! A collector that is all store: keeps each parcel once, in memory, and sends receipts.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use veribus_core::transport::{Delivery, ParcelId, Settlement, StoreReceipt, Subscription};

/// Receives on a thread of its own until it is dropped.
pub struct Collecting {
    store: Arc<Mutex<Vec<Delivery>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collecting {
    /// Starts to receive; errors are retried.
    pub fn start(mut subscription: Box<dyn Subscription>) -> Self {
        let store = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (Arc::clone(&store), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut known = HashSet::new();
            while !stopped.load(Ordering::Acquire) {
                let Ok(deliveries) = subscription.receive(100, Duration::from_millis(100)) else {
                    thread::sleep(Duration::from_millis(20));
                    continue;
                };
                for delivery in deliveries {
                    let tag = delivery.tag.clone();
                    let receipt = delivery.parcel.map(|id| receipt(id, known.insert(id)));
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
                    // What cannot be settled comes again.
                    let _ = subscription.settle(&tag, Settlement::Stored(receipt));
                }
            }
        });
        Collecting { store, stop, thread: Some(thread) }
    }

    /// Everything that was delivered so far, in order, repetitions included.
    pub fn deliveries(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Its panic is the test's failure already.
            let _ = thread.join();
        }
    }
}

/// Ten events, new or known.
fn receipt(parcel: ParcelId, new: bool) -> StoreReceipt {
    let (stored, duplicates) = if new { (10, 0) } else { (0, 10) };
    StoreReceipt { parcel, stored, duplicates, refused: Vec::new() }
}
