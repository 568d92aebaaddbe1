//! Ctrl-C keeps what was read: the first one ends the reading and the report is made, the second one ends it all.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// Becomes true with the first SIGINT or SIGTERM. A second one removes `temporary` and ends the process with
/// 130 or 143, as shells expect.
///
/// Where signals cannot be watched (no thread, no descriptor left) they keep their usual effect.
pub(super) fn watch(temporary: Option<PathBuf>) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let thread = std::thread::Builder::new().name("veribus-signals".into());
    if let Ok(runtime) = runtime {
        // Without a thread nobody waits, and the runtime is gone before a signal was asked for.
        let _without = thread.spawn(move || runtime.block_on(wait_twice(&raised, temporary)));
    }
    stop
}

async fn wait_twice(stop: &AtomicBool, temporary: Option<PathBuf>) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for _ in 0..2 {
        let exit = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
        };
        if !stop.swap(true, Ordering::SeqCst) {
            // A closed standard error changes nothing.
            let _closed =
                writeln!(std::io::stderr(), "stopping; what was read is reported. Again ends at once");
            continue;
        }
        if let Some(folder) = &temporary {
            // What cannot be removed now is left to the system's cleaning of temporary folders.
            let _left = std::fs::remove_dir_all(folder);
        }
        std::process::exit(exit);
    }
}
