//! Lines a second on one core: `cargo run --release -p veribus-sources --example throughput -- LOG [TIMES]`.
//!
//! Reads LOG into memory once and translates it TIMES times (default 500); what is not measured: reading, the
//! bus, rules.

use std::time::Instant;

use veribus_core::Timestamp;
use veribus_sources::{Detection, LineOutcome, SourceOptions, detect, source_for};

#[expect(clippy::print_stdout, reason = "its only output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: throughput LOG [TIMES]")?;
    let times: u32 = arguments.next().map_or(Ok(500), |times| times.parse())?;
    let log = std::fs::read(path)?;
    let Detection::Text(format) = detect(&log) else { return Err("format is not known".into()) };
    let mut source = source_for(format, &SourceOptions::new(Timestamp::now()));
    let (mut lines, mut events, mut unparsed) = (0_u64, 0_u64, 0_u64);
    let mut out = Vec::new();
    let begin = Instant::now();
    for _ in 0..times {
        for line in log.split(|b| *b == b'\n') {
            lines += 1;
            match source.line(line, &mut out) {
                LineOutcome::Events(count) => events += u64::from(count),
                LineOutcome::Ignored(_) => {}
                LineOutcome::Unparsed(_) => unparsed += 1,
            }
            out.clear();
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = lines as f64 / seconds;
    println!(
        "{format}: {lines} lines, {events} events, {unparsed} unparsed in {seconds:.2} s: {rate:.0} lines/s"
    );
    Ok(())
}
