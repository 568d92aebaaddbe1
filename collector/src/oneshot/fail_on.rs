//! `--fail-on`: which alerts make the exit code 1.

use std::str::FromStr;

/// A threshold on the risk of an alert: `risk>=70` or `risk>69`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailOn {
    /// The least risk that fails, 0 to 101.
    least: u8,
}

impl FailOn {
    /// Whether an alert of this risk, 0 to 100, fails the run.
    pub fn is_met(self, risk: u8) -> bool {
        risk >= self.least
    }
}

impl FromStr for FailOn {
    type Err = String;

    /// Reads `risk>=N` or `risk>N`, N from 0 to 100, with or without spaces.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected `risk>=N` or `risk>N` with N from 0 to 100, for example 'risk>=70'".to_owned();
        let condition = text.trim().strip_prefix("risk").ok_or_else(expected)?.trim_start();
        let (number, above) = match condition.strip_prefix(">=") {
            Some(number) => (number, 0),
            None => (condition.strip_prefix('>').ok_or_else(expected)?, 1),
        };
        let risk: u8 = number.trim().parse().map_err(|_| expected())?;
        if risk > 100 {
            return Err(expected());
        }
        Ok(FailOn { least: risk + above })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_exact() {
        let at_least: FailOn = "risk>=70".parse().unwrap();
        assert!(at_least.is_met(70) && !at_least.is_met(69));
        let above: FailOn = " risk > 69 ".parse().unwrap();
        assert_eq!(above, at_least);
        assert!(!"risk>100".parse::<FailOn>().unwrap().is_met(100));
    }

    #[test]
    fn anything_else_is_answered_with_an_example() {
        for text in ["", "risk", "risk<70", "risk>=101", "risk>=-1", "alerts>=1", "risk>=x", "risk=70"] {
            assert!(text.parse::<FailOn>().unwrap_err().contains("risk>=70"), "{text}");
        }
    }
}
