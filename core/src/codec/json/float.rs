//! Floats as ECMAScript prints them, and always recognisable as floats.

use std::io::Write as _;

/// Appends the shortest digits that read back as `number`, laid out as ECMAScript's `Number::toString` does
/// (RFC 8785, section 3.2.2.3), with `.0` behind what would otherwise look like an integer. −0 becomes `0.0`.
///
/// NaN and infinities, which the event model refuses, become text, so that what holds one is still JSON.
pub(super) fn write(number: f64, out: &mut Vec<u8>) {
    let number = number + 0.0;
    if !number.is_finite() {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "\"{number}\"");
        return;
    }
    // `-d.ddde-xxx` has at most 17 digits and 3 of exponent.
    let mut buffer = [0_u8; 32];
    let mut free = &mut buffer[..];
    let _ = write!(free, "{number:e}");
    let unused = free.len();
    let used = buffer.len() - unused;
    lay_out(&buffer[..used], out);
}

/// From `-d.ddde-x` to the plain or scientific layout.
fn lay_out(scientific: &[u8], out: &mut Vec<u8>) {
    let (mantissa, exponent) = match scientific.iter().position(|b| *b == b'e') {
        Some(at) => (&scientific[..at], &scientific[at + 1..]),
        None => (scientific, &b"0"[..]),
    };
    let magnitude = exponent.iter().filter(|b| **b != b'-').fold(0_i32, |n, b| n * 10 + i32::from(b - b'0'));
    // The decimal point stands behind this many digits.
    let point = 1 + if exponent.starts_with(b"-") { -magnitude } else { magnitude };
    if mantissa.starts_with(b"-") {
        out.push(b'-');
    }
    let (mut digits, mut count) = ([0_u8; 20], 0);
    for digit in mantissa.iter().filter(|b| b.is_ascii_digit()) {
        digits[count] = *digit;
        count += 1;
    }
    let digits = &digits[..count];
    let zeros = |n: i32| std::iter::repeat_n(b'0', usize::try_from(n).unwrap_or(0));
    match usize::try_from(point) {
        Ok(whole @ 1..=21) if count <= whole => {
            out.extend_from_slice(digits);
            out.extend(zeros(point - count as i32));
            out.extend_from_slice(b".0");
        }
        Ok(whole @ 1..=21) => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        _ if (-5..=0).contains(&point) => {
            out.extend_from_slice(b"0.");
            out.extend(zeros(-point));
            out.extend_from_slice(digits);
        }
        _ => {
            out.push(digits[0]);
            if count > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            // Writing to a Vec cannot fail.
            let _ = write!(out, "e{:+}", point - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(number: f64) -> String {
        let mut out = Vec::new();
        write(number, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn floats_print_as_in_ecmascript_and_stay_floats() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (123456.789, "123456.789"),
            (1e20, "100000000000000000000.0"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (-1.25e-9, "-1.25e-9"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (9007199254740993.0, "9007199254740992.0"),
        ];
        for (number, text) in cases {
            assert_eq!(shown(number), text);
        }
    }

    proptest! {
        #[test]
        fn every_finite_float_comes_back(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let text = shown(number);
            prop_assert_eq!(text.parse::<f64>().expect("a float").to_bits(), number.to_bits());
            prop_assert!(text.contains(['.', 'e']));
        }
    }
}
