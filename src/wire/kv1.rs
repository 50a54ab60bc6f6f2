//! KV version 1: the hint that a writer leaves for readers. Everything else is stored as it came.

use super::duration::parse_field;
use super::json::Body;
use crate::json::{Limits, Value, parse};

/// What `ttl`, or without it `lease`, says: `90`, `"90s"`, `"1h30m"`, `"2d"`; `null` and the empty
/// text are 0, and so is what is negative. `None` when there is no such field or it says nothing.
pub fn lease_seconds(body: &Body) -> Option<u64> {
    let text = body.raw("ttl").or_else(|| body.raw("lease"))?;
    let seconds = match parse(text.as_bytes(), Limits::BODY).ok()? {
        Value::Null => 0,
        Value::Number(number) => number.parse().ok()?,
        Value::String(text) => parse_field(text.as_str()).ok()? / 1_000_000_000,
        _ => return None,
    };
    Some(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<u64> {
        lease_seconds(&Body::json(body.as_bytes()).unwrap())
    }

    /// Recorded from the reference server, but for the negative ones, which it hands on.
    #[test]
    fn the_hint_is_read_from_ttl_and_then_from_lease() {
        for (body, seconds) in [
            (r#"{"ttl":"90s"}"#, Some(90)),
            (r#"{"ttl":90}"#, Some(90)),
            (r#"{"ttl":"90"}"#, Some(90)),
            (r#"{"ttl":"1h30m"}"#, Some(5_400)),
            (r#"{"ttl":"1d"}"#, Some(86_400)),
            (r#"{"ttl":"1500ms"}"#, Some(1)),
            (r#"{"ttl":"9999h"}"#, Some(35_996_400)),
            (r#"{"ttl":0}"#, Some(0)),
            (r#"{"ttl":""}"#, Some(0)),
            (r#"{"ttl":null}"#, Some(0)),
            (r#"{"ttl":-5}"#, Some(0)),
            (r#"{"ttl":"-5s"}"#, Some(0)),
            (r#"{"lease":"45s"}"#, Some(45)),
            (r#"{"ttl":"30s","lease":"45s"}"#, Some(30)),
            (r#"{"ttl":"zz","lease":"45s"}"#, None),
            (r#"{"ttl":90.7}"#, None),
            (r#"{"ttl":1e3}"#, None),
            (r#"{"ttl":99999999999999999999}"#, None),
            (r#"{"ttl":true}"#, None),
            (r#"{"ttl":["90s"]}"#, None),
            (r#"{"TTL":"90s"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(of(body), seconds, "{body}");
        }
    }
}
