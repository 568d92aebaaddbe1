//! The way back to the interpreter: once its exit hook has closed the gate, no thread of ours or of a daemon's passes.
//!
//! CPython ends a thread that comes back while it finalizes, on the spot and through whatever frames it has. Through
//! ours that would be an abort. So whoever waits outside of the interpreter passes the gate before it comes back, and
//! finds it closed: then it sleeps for ever, and the process ends without it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

static CLOSED: AtomicBool = AtomicBool::new(false);
static PASSING: AtomicUsize = AtomicUsize::new(0);
/// The thread that finalizes the interpreter: it alone still passes.
static CLOSER: Mutex<Option<ThreadId>> = Mutex::new(None);

/// Longest wait for those who are passing; each needs the interpreter's lock once.
const PASSING_MAX: Duration = Duration::from_secs(1);

/// The right to come back; given up when the thread has.
pub(crate) struct Pass(());

impl Drop for Pass {
    fn drop(&mut self) {
        PASSING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A pass, or `None` once the interpreter is on its way out.
pub(crate) fn pass() -> Option<Pass> {
    PASSING.fetch_add(1, Ordering::SeqCst);
    let pass = Pass(());
    let open = !CLOSED.load(Ordering::SeqCst) || is_closer();
    open.then_some(pass)
}

fn is_closer() -> bool {
    CLOSER.lock().is_ok_and(|closer| *closer == Some(thread::current().id()))
}

/// Runs `wait` outside of the interpreter. Never returns after its exit, but to the thread that exits.
pub(crate) fn detached<T: Send>(py: Python<'_>, wait: impl FnOnce() -> T + Send) -> T {
    let (answer, _pass) = py.detach(|| {
        let answer = wait();
        (answer, pass().unwrap_or_else(|| sleep_for_ever()))
    });
    answer
}

fn sleep_for_ever() -> ! {
    loop {
        thread::park();
    }
}

/// Closes the gate for all threads but this one, and waits at most a second for those who are passing.
#[pyfunction]
pub(crate) fn close_gate(py: Python<'_>) {
    if let Ok(mut closer) = CLOSER.lock() {
        *closer = Some(thread::current().id());
    }
    CLOSED.store(true, Ordering::SeqCst);
    let until = Instant::now() + PASSING_MAX;
    py.detach(|| {
        while PASSING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_micros(200));
        }
    });
}

/// In a forked child nobody is passing: the threads that were are the parent's.
#[pyfunction]
pub(crate) fn after_fork() {
    PASSING.store(0, Ordering::SeqCst);
}
