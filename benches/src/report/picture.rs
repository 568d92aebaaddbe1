//! The latency distribution of paced events as one SVG: how many of the events (down, ever rarer) took longer than how
//! many nanoseconds (across, logarithmic). No script, no font of its own, readable on light and dark.

use std::fmt::Write as _;

use super::row::{Row, Rows};
use crate::measure::PARTS;

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 86.0;
const RIGHT: f64 = 690.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 446.0;

/// Powers of ten of a nanosecond at the ends of the axis.
const FROM: f64 = 1.0;
const TO: f64 = 6.0;

/// The events that the vertical axis names, by the share that takes longer.
const SHARES: [(f64, &str); 6] =
    [(0.9, "10 %"), (0.5, "50 %"), (0.1, "90 %"), (0.01, "99 %"), (0.001, "99.9 %"), (0.0005, "99.95 %")];

/// Whose curves are drawn, under which name, in which colour; each reads on white and on dark grey.
const CURVES: [(&str, &str, &str); 7] = [
    ("handoff/floor", "floor: a copy", "#7a7f87"),
    ("handoff/veribus", "veribus", "#d9480f"),
    ("handoff/fastrace", "fastrace", "#2f9e44"),
    ("handoff/channel", "crossbeam-channel", "#1c7ed6"),
    ("handoff/tokio", "tokio mpsc", "#0c8599"),
    ("handoff/opentelemetry", "OpenTelemetry logs", "#9c36b5"),
    ("handoff/tracing", "tracing + JSON", "#b08900"),
];

const STYLE: &str = "\
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .small { fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .back { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9da7b3 }
    .grid { stroke: #3d444d }
    .back { fill: #0d1117 }
  }";

/// The picture; `None` where the run has no paced rows.
pub fn picture(rows: &Rows) -> Option<String> {
    let curves: Vec<(&Row, &str, &str)> = CURVES
        .iter()
        .filter_map(|(name, label, colour)| Some((rows.get(name)?, *label, *colour)))
        .filter(|(row, ..)| row.curve.len() == PARTS.len())
        .collect();
    if curves.is_empty() {
        return None;
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"title desc\">\n<title id=\"title\">Latency of handing one event over, one each 20 µs</title>\n\
         <desc id=\"desc\">{}</desc>\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"28\">Handing one event over, one each 20 µs: what the caller waits</text>\n\
         <text class=\"small\" x=\"{LEFT}\" y=\"48\">further left is better; each value holds one clock read; what took longer than 1 ms stands at 1 ms</text>\n",
        described(&curves)
    );
    axes(&mut svg);
    for (at, (row, label, colour)) in curves.iter().enumerate() {
        curve(&mut svg, row, label, colour, at);
    }
    svg += "</svg>\n";
    Some(svg)
}

/// The curves in words, for those who do not see them.
fn described(curves: &[(&Row, &str, &str)]) -> String {
    let at = |row: &Row, part: f64| {
        PARTS.iter().position(|known| *known == part).map_or(0.0, |index| row.curve[index])
    };
    let each = curves.iter().map(|(row, label, _)| {
        format!("{label}: half within {:.0} ns, 99 % within {:.0} ns", at(row, 0.5), at(row, 0.99))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn axes(svg: &mut String) {
    for power in FROM as i32..=TO as i32 {
        let x = across(10_f64.powi(power));
        let label = ["10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms"][(power - FROM as i32) as usize];
        line(svg, (x, TOP), (x, BOTTOM));
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", BOTTOM + 20.0);
    }
    for (share, label) in SHARES {
        let y = down(share);
        line(svg, (LEFT, y), (RIGHT, y));
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">time that the caller waits (logarithmic)</text>\n\
         <text class=\"small\" transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">\
         share of events that take no longer</text>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 44.0,
        (TOP + BOTTOM) / 2.0
    );
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"grid\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn curve(svg: &mut String, row: &Row, label: &str, colour: &str, at: usize) {
    let points: Vec<String> = PARTS
        .iter()
        .zip(&row.curve)
        .map(|(part, nanos)| format!("{:.1},{:.1}", across(*nanos), down(1.0 - part)))
        .collect();
    let y = TOP + 20.0 + 26.0 * at as f64;
    let key = RIGHT + 24.0;
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"/>\n\
         <line x1=\"{key}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"4\"/>\n\
         <text x=\"{}\" y=\"{}\">{label}</text>",
        points.join(" "),
        key + 24.0,
        key + 32.0,
        y + 4.0
    );
}

fn across(nanos: f64) -> f64 {
    let power = nanos.max(10.0).log10().clamp(FROM, TO);
    LEFT + (power - FROM) / (TO - FROM) * (RIGHT - LEFT)
}

/// Where the events stand of which `share` takes longer: every tenth part the same step further down.
fn down(share: f64) -> f64 {
    let (first, last) = (0.99_f64.log10(), 0.0005_f64.log10());
    TOP + (share.log10() - first) / (last - first) * (BOTTOM - TOP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::SECTIONS;
    use crate::turn::Turn;

    #[test]
    fn a_picture_has_a_curve_and_a_label_for_each_row_and_no_script() {
        let handoff = &SECTIONS[0];
        let rows = handoff.entries.iter().map(|entry| {
            let curve = PARTS.map(|part| 20.0 / (1.0 - part)).to_vec();
            Row::of(handoff, entry, &[Turn { curve, ..Turn::default() }])
        });
        let svg = picture(&Rows(rows.collect())).expect("there are rows");
        assert_eq!(svg.matches("<polyline").count(), CURVES.len());
        for (_, label, _) in CURVES {
            assert!(svg.contains(&format!(">{label}</text>")), "{label}");
        }
        assert!(!svg.contains("<script") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn without_rows_there_is_no_picture() {
        assert_eq!(picture(&Rows(Vec::new())), None);
    }
}
