//! From when and until when a certificate holds: the one field of X.509 (RFC 5280, 4.1.2.5) that
//! the server itself tells of. Reads DER and nothing else; who verifies certificates is rustls.

use crate::clock::Timestamp;

/// Both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub from: Timestamp,
    pub until: Timestamp,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// `[0]`, around the version.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `None` where that is no certificate, or one of times before 1970.
pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (mut body, _) = element(whole, SEQUENCE)?;
    if let Some((_, rest)) = element(body, VERSION) {
        body = rest;
    }
    let (_serial, body) = element(body, INTEGER)?;
    let (_algorithm, body) = element(body, SEQUENCE)?;
    let (_issuer, body) = element(body, SEQUENCE)?;
    let (validity, _) = element(body, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (until, _) = time(rest)?;
    Some(Validity { from, until })
}

/// The contents of the element with this tag at the start of `input`, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Long form; three bytes of length are more than any certificate has.
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn time(input: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, short) = match element(input, UTC_TIME) {
        Some((text, rest)) => (text, rest, true),
        None => element(input, GENERALIZED_TIME).map(|(text, rest)| (text, rest, false))?,
    };
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Two digits of a year are 1950 to 2049.
    let (year, digits) = match short {
        true => {
            let (year, digits) = digits.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits)
        }
        false => {
            let (year, digits) = digits.split_at_checked(4)?;
            (year.parse().ok()?, digits)
        }
    };
    if digits.len() != 10 {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let month = time::Month::try_from(part(0)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, part(2)?).ok()?;
    let moment = date.with_hms(part(4)?, part(6)?, part(8)?).ok()?.assume_utc();
    let seconds = u64::try_from(moment.unix_timestamp()).ok()?;
    Some((Timestamp::from_unix_seconds(seconds), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certificate(from: (i32, u8), until: (i32, u8)) -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from.0, from.1, 1);
        parameters.not_after = rcgen::date_time_ymd(until.0, until.1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let seconds = |t: Timestamp| t.unix_seconds();
        let near = of(&certificate((2026, 1), (2049, 12))).unwrap();
        assert_eq!((seconds(near.from), seconds(near.until)), (1_767_225_600, 2_521_929_600));
        let far = of(&certificate((1999, 12), (2050, 1))).unwrap();
        assert_eq!((seconds(far.from), seconds(far.until)), (944_006_400, 2_524_608_000));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_the_reader_down(at in 0usize..400, byte: u8, cut in 0usize..400) {
            let mut bytes = certificate((2026, 1), (2030, 1));
            bytes[at % 300] = byte;
            bytes.truncate(cut.max(1));
            let _ = of(&bytes);
        }
    }
}
