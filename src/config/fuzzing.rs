//! Configuration files and durations: what is accepted is written and read back unchanged.

use std::path::Path;

use super::{Config, format_duration, parse_duration};
use crate::wire::duration::{
    format_go, format_seconds, parse_field, parse_field_seconds, parse_go,
};

pub(crate) fn file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let path = Path::new("/etc/strongroom/strongroom.toml");
    let config = match Config::parse(path, &text) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(config.storage.directory.is_absolute(), "a relative path stays");
    let written = config.to_toml();
    let again = Config::parse(path, &written).expect("what was written is read");
    assert_eq!(again, config);
}

pub(crate) fn duration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(duration) = parse_duration(&text) {
        assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
    }
    if let Ok(nanos) = parse_go(&text) {
        assert_eq!(parse_go(&format_go(nanos)), Ok(nanos));
        let digits = text.bytes().any(|b| b.is_ascii_digit());
        assert!(digits, "a duration without a digit");
    }
    match (parse_field(&text), parse_field_seconds(&text)) {
        (Ok(nanos), Ok(seconds)) => {
            assert_eq!(u64::try_from(nanos / 1_000_000_000), Ok(seconds));
            let shown = format_seconds(nanos / 1_000_000_000);
            assert_eq!(parse_field_seconds(&shown), Ok(seconds));
        }
        (Ok(nanos), Err(_)) => assert!(nanos <= -1_000_000_000, "refused, and not negative"),
        (Err(error), other) => {
            assert_eq!(other, Err(error.clone()));
            assert!(error.to_string().len() < 400, "an error without bound");
        }
    }
}
