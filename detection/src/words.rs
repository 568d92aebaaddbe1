//! Words: durations and counts as people say them.

/// A span of nanoseconds in its two largest units: `3 m 10 s`, `2 d 4 h`, `0 s`.
pub(crate) fn span(nanos: i64) -> String {
    let seconds = nanos.max(0) / 1_000_000_000;
    let parts =
        [("d", seconds / 86_400), ("h", seconds / 3600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let first = parts.iter().position(|(_, n)| *n > 0).unwrap_or(3);
    let shown: Vec<String> = parts
        .iter()
        .skip(first)
        .take(2)
        .filter(|(_, n)| *n > 0)
        .map(|(unit, n)| format!("{n} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

/// A count with its noun: `1 event`, `412 events`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_two_units() {
        let seconds = |n: i64| span(n * 1_000_000_000);
        assert_eq!(
            [0, 59, 190, 600, 3_600, 3_605, 90_000].map(seconds),
            ["0 s", "59 s", "3 m 10 s", "10 m", "1 h", "1 h", "1 d 1 h"]
        );
    }
}
