//! Durations as Go reads and prints them, and as Vault takes them in fields. Not a clock.
//!
//! A Go duration is a signed number of nanoseconds in an i64 (about ± 292 years).

use std::time::Duration;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const SECOND: i64 = 1_000_000_000;

/// Why a text is no duration; Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit { unit: String, text: String },
    #[error("multiplication of durations resulted in overflow, one operand may be too large")]
    Overflow,
    #[error("could not parse duration from input")]
    NotADuration,
    #[error("cannot provide negative value '{0}'")]
    Negative(i64),
}

/// Go's `time.ParseDuration`: `[+-]` and numbers with units `ns us ms s m h`, or `0`. Nanoseconds.
pub fn parse_go(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(shortened(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(DurationError::MissingUnit(shortened(text)));
        }
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            DurationError::UnknownUnit { unit: shortened(unit), text: shortened(text) }
        })?;
        total = scaled(whole, fraction, *nanos)
            .and_then(|part| total.checked_add(part))
            .filter(|t| *t <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = after;
    }
    let signed = i128::try_from(total).map_err(|_| invalid())?;
    i64::try_from(if negative { -signed } else { signed }).map_err(|_| invalid())
}

/// Go's `Duration.String`: `1h30m0s`, `1.5s`, `250ms`, `0s`.
pub fn format_go(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let fraction = |value: u64, unit: u64| {
        let (whole, part) = (value / unit, value % unit);
        if part == 0 {
            return whole.to_string();
        }
        let width = unit.ilog10() as usize;
        let part = format!("{part:0width$}");
        format!("{whole}.{}", part.trim_end_matches('0'))
    };
    match magnitude {
        0 => "0s".into(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(magnitude, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(magnitude, 1_000_000)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let seconds = fraction(magnitude % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, m) => format!("{sign}{m}m{seconds}s"),
                (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
            }
        }
    }
}

/// [`format_go`] of a whole number of seconds; past i64 nanoseconds it stays at the end.
pub fn format_seconds(seconds: i64) -> String {
    format_go(seconds.saturating_mul(SECOND))
}

/// Go's text without zero tail units, as in Vault's TTL warnings: `768h`, `1h30m`, `90s` → `1m30s`.
pub fn format_short(duration: Duration) -> String {
    let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let text = format_go(nanos);
    let text = text.strip_suffix("m0s").map(|t| format!("{t}m")).unwrap_or(text);
    text.strip_suffix("h0m").map(|t| format!("{t}h")).unwrap_or(text)
}

/// A field's text: digits are seconds, `2d` is days, anything else is Go's. Empty is 0.
/// Nanoseconds.
pub fn parse_field(text: &str) -> Result<i64, DurationError> {
    if text.is_empty() {
        return Ok(0);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.strip_suffix('d').unwrap_or(unsigned);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return parse_go(text);
    }
    let number: i64 =
        text.strip_suffix('d').unwrap_or(text).parse().map_err(|_| DurationError::Overflow)?;
    let unit = if unsigned.ends_with('d') { 86_400 * SECOND } else { SECOND };
    number.checked_mul(unit).ok_or(DurationError::Overflow)
}

/// Whole seconds of a field's text, the rest cut off, as Vault does; negative ones refused.
pub fn parse_field_seconds(text: &str) -> Result<u64, DurationError> {
    let seconds = parse_field(text)? / SECOND;
    u64::try_from(seconds).map_err(|_| DurationError::Negative(seconds))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// whole.fraction × nanos, the rest cut off; `None` when it can't fit.
fn scaled(whole: &str, fraction: &str, nanos: u64) -> Option<u128> {
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // 19 digits say more than any unit can use.
    let fraction = &fraction[..fraction.len().min(19)];
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(nanos.into())?.checked_add(part * u128::from(nanos) / scale)
}

/// A mistyped duration is shown back; what is longer is none, perhaps a token in the wrong field,
/// and errors show no such thing.
fn shortened(text: &str) -> String {
    const CHARS_SHOWN_MAX: usize = 20;
    match text.chars().count() {
        0..=CHARS_SHOWN_MAX => text.to_owned(),
        n => format!("({n} characters)"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_read_as_in_the_reference_server() {
        for (text, seconds) in [
            ("", 0),
            ("0", 0),
            ("5", 5),
            ("+5s", 5),
            ("1d", 86_400),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("1500ms", 1),
            ("1us", 0),
            ("3m", 180),
            ("90s", 90),
            (".5m", 30),
        ] {
            assert_eq!(parse_field_seconds(text), Ok(seconds), "{text}");
        }
        for (text, error) in [
            ("1.5", "time: missing unit in duration \"1.5\""),
            ("1h30", "time: missing unit in duration \"1h30\""),
            (" 5s ", "time: invalid duration \" 5s \""),
            ("-", "time: invalid duration \"-\""),
            ("zz", "time: invalid duration \"zz\""),
            ("2w", "time: unknown unit \"w\" in duration \"2w\""),
            ("1d12h", "time: unknown unit \"d\" in duration \"1d12h\""),
            ("5S", "time: unknown unit \"S\" in duration \"5S\""),
            ("10 s", "time: unknown unit \" s\" in duration \"10 s\""),
            ("1e2", "time: unknown unit \"e\" in duration \"1e2\""),
            ("9999999h", "time: invalid duration \"9999999h\""),
            (
                "99999999999",
                "multiplication of durations resulted in overflow, one operand may be too large",
            ),
            ("-5s", "cannot provide negative value '-5'"),
        ] {
            assert_eq!(parse_field_seconds(text).unwrap_err().to_string(), error, "{text}");
        }
    }

    #[test]
    fn durations_print_as_in_go() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (5_400_000_000_000, "1h30m0s"),
            (86_400_000_000_000, "24h0m0s"),
            (-1_000_000_000, "-1s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format_go(nanos), text);
        }
        assert_eq!(format_short(Duration::from_secs(768 * 3600)), "768h");
        assert_eq!(format_short(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(format_short(Duration::from_secs(20 * 60)), "20m");
        assert_eq!(format_short(Duration::from_secs(99_999)), "27h46m39s");
        assert_eq!(format_short(Duration::from_secs(10)), "10s");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(nanos in any::<i64>()) {
            prop_assert_eq!(parse_go(&format_go(nanos)), Ok(nanos));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+0-9.hmsdnuµ ]{0,30}|\\PC{0,8}") {
            let _ = parse_field_seconds(&text);
        }
    }
}
