//! The ring's own proofs: every interleaving under loom, long runs under shuttle, memory under AddressSanitizer,
//! undefined behaviour under miri.
//!
//! Each builds with other flags, so each has a target directory of its own beside the usual one and leaves that warm.

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::suite;
use crate::workspace;

/// The tests of `core` that the proofs run: those of the ring itself.
const RING: &str = "ring::byte_ring";

/// The models of the ring and of what is built on it; loom is a dependency of theirs alone.
pub(crate) fn loom_models_hold() -> Answer {
    let models = ["test", "--locked", "-p", "veribus-core", "--lib", "models"];
    let run = Run::cargo(&models)
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", &workspace::target_of("loom")?);
    suite::count(run, "loom")
}

/// Long runs of the ring under shuttle's random schedules; shuttle is a dependency of theirs alone.
pub(crate) fn shuttle_finds_nothing() -> Answer {
    let runs = ["test", "--locked", "-p", "veribus-core", "--lib", "shuttled"];
    let run = Run::cargo(&runs)
        .env("RUSTFLAGS", "--cfg shuttle")
        .env("CARGO_TARGET_DIR", &workspace::target_of("shuttle")?);
    suite::count(run, "shuttle")
}

/// The ring's tests and its stress test under AddressSanitizer, where a nightly toolchain is installed.
pub(crate) fn sanitizer_is_silent() -> Answer {
    let host = workspace::host()?;
    if Run::program("cargo", &["+nightly", "--version"]).capture().is_err() {
        return Ok(skipped(
            "AddressSanitizer skipped: no nightly toolchain (`rustup toolchain install nightly`)",
        ));
    }
    let tests = ["+nightly", "test", "--locked", "-p", "veribus-core", "--lib", "--target", &host, RING];
    let run = Run::program("cargo", &tests)
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("CARGO_TARGET_DIR", &workspace::target_of("sanitizer")?);
    suite::count(run, "sanitizer")
}

/// The same tests, fewer records, under miri where that component is installed.
pub(crate) fn miri_is_silent() -> Answer {
    if Run::program("cargo", &["+nightly", "miri", "--version"]).capture().is_err() {
        return Ok(skipped("miri skipped: not installed (`rustup +nightly component add miri`)"));
    }
    let tests = ["+nightly", "miri", "test", "--locked", "-p", "veribus-core", "--lib", RING];
    let skips = ["--", "--skip", "what_goes_in_comes_out"]; // proptest interpreted takes hours
    let run = Run::program("cargo", &[tests.as_slice(), &skips].concat())
        .env("CARGO_TARGET_DIR", &workspace::target_of("miri")?);
    suite::count(run, "miri")
}

fn skipped(reason: &str) -> Outcome {
    say(reason);
    Outcome::Noted(reason.to_owned())
}
