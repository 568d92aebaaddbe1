//! Bugs on purpose, chosen at run time: only builds with `--cfg veribus_planted` carry them, and only tests make those.
//!
//! They calibrate the fault tests: `cargo xtask faults --planted` turns on one after the other, and each must be found.

/// Whether the bug `$bug` is on; a plain `false`, and so no code at all, in every other build.
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($bug:literal) => {{
        #[cfg(veribus_planted)]
        let is_on = $crate::planted::is($bug);
        #[cfg(not(veribus_planted))]
        let is_on = false;
        is_on
    }};
}

/// Whether `VERIBUS_PLANTED` names `bug`.
#[cfg(veribus_planted)]
pub fn is(bug: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("VERIBUS_PLANTED").ok()).as_deref() == Some(bug)
}
