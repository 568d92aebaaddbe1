//! A fault in veribus ends with exit code 70 and one short message, not with a backtrace on the screen.

use std::io::Write;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use super::Exit;

/// Says a panic in one line on standard error, wherever it happens; `RUST_BACKTRACE=1` adds the backtrace.
pub(super) fn install_hook() {
    let with_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        say(info);
        if with_backtrace {
            usual(info);
        }
    }));
}

fn say(info: &PanicHookInfo<'_>) {
    let what = match (info.payload().downcast_ref::<&str>(), info.payload().downcast_ref::<String>()) {
        (Some(text), _) => *text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "no message",
    };
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    // Nowhere is left to report that standard error is closed.
    let _closed = writeln!(
        std::io::stderr(),
        "veribus: fault in veribus{place}: {what}\n  help: please report this; RUST_BACKTRACE=1 says more"
    );
}

/// Runs `work`; a panic in it is [`Exit::Bug`].
pub(super) fn fence(work: impl FnOnce() -> Exit) -> Exit {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Exit::Bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_with_70() {
        assert_eq!(fence(|| panic!("on purpose")), Exit::Bug);
        assert_eq!(fence(|| Exit::Found), Exit::Found);
    }
}
