//! Two answers to the same request, and every way in which they differ.

use serde_json::Value;

use super::script::Side;
use crate::harness::Response;

/// Headers that clients read. Of the last the value is each server's own.
const HEADERS: [&str; 6] = [
    "cache-control",
    "content-type",
    "strict-transport-security",
    "retry-after",
    "x-vault-namespace",
    "location",
];
const INDEX: &str = "x-vault-index";
/// Texts that each server draws for itself.
const OWN_TEXTS: [&str; 9] = [
    "accessor",
    "uuid",
    "request_id",
    "client_token",
    "id",
    "secret_id",
    "secret_id_accessor",
    "role_id",
    "cluster_id",
];
/// Seconds that pass between the two requests.
const DRIFT_MAX: u64 = 10;
/// Seconds between the starts of the two servers, on a machine that has much else to do.
const STARTS_APART_MAX: u64 = 120;

/// One line a difference: where, what the oracle has, what we have.
pub fn differences(oracle: (&Side, &Response), ours: (&Side, &Response)) -> Vec<String> {
    let mut found = Vec::new();
    let (theirs, mine) = (oracle.1, ours.1);
    if theirs.status != mine.status {
        found.push(format!("status: {} -> {}", theirs.status, mine.status));
    }
    for name in HEADERS {
        let (a, b) = (theirs.header(name), mine.header(name));
        if a != b {
            found.push(format!("header {name}: {} -> {}", shown(a), shown(b)));
        }
    }
    if theirs.header(INDEX).is_some() != mine.header(INDEX).is_some() {
        let word = |r: &Response| r.header(INDEX).map_or("absent", |_| "present");
        found.push(format!("header {INDEX}: {} -> {}", word(theirs), word(mine)));
    }
    match (json(oracle.0, theirs), json(ours.0, mine)) {
        (Ok(a), Ok(b)) if kind(&a) == kind(&b) => walk("", &a, &b, &mut found),
        (a, b) => {
            let text = |side: Result<Value, String>| match side {
                Ok(value) if value.get("errors").is_none() => kind(&value).to_owned(),
                Ok(value) => value.to_string(),
                Err(text) => text,
            };
            let (a, b) = (text(a), text(b));
            if a != b {
                found.push(format!("body: {} -> {}", cut(&a), cut(&b)));
            }
        }
    }
    found
}

fn shown(header: Option<&str>) -> String {
    header.map_or("absent".into(), |value| format!("{value:?}"))
}

fn cut(text: &str) -> String {
    let short: String = text.trim().chars().take(160).collect();
    if short.is_empty() { "nothing".into() } else { short }
}

/// The body as JSON, or as it is when it is not.
fn json(side: &Side, answer: &Response) -> Result<Value, String> {
    let text = side.named(&answer.body);
    serde_json::from_str(&text).map_err(|_| text)
}

/// Answers of different kinds are not compared key by key.
fn kind(body: &Value) -> &'static str {
    let has = |key: &str| body.get(key).is_some();
    match (has("errors"), has("request_id")) {
        (true, _) => "errors",
        (false, true) if has("warnings") && body["data"].is_null() && body["auth"].is_null() => {
            "an envelope without data"
        }
        (false, true) => "an envelope",
        (false, false) => "an object",
    }
}

fn walk(at: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                match b.get(key) {
                    Some(other) => walk(&below(at, key), value, other, found),
                    None => found.push(format!("{}: only there", below(at, key))),
                }
            }
            for key in b.keys().filter(|key| !a.contains_key(*key)) {
                found.push(format!("{}: only here", below(at, key)));
            }
        }
        (Value::Array(a_items), Value::Array(b_items)) if a_items.len() == b_items.len() => {
            for (i, (a, b)) in a_items.iter().zip(b_items).enumerate() {
                walk(&below(at, &i.to_string()), a, b, found);
            }
        }
        _ => {
            if !alike(at.rsplit('.').next().unwrap_or(at), a, b) {
                let (a, b) = (cut(&a.to_string()), cut(&b.to_string()));
                found.push(format!("{at}: {a} -> {b}"));
            }
        }
    }
}

fn below(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// Equal, or of the same kind where each server has a value of its own.
fn alike(key: &str, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            a == b
                || (OWN_TEXTS.contains(&key) && !a.is_empty() && !b.is_empty())
                || (is_time(a) && is_time(b))
                || (is_uuid(a) && is_uuid(b))
                || (capped(a).is_some() && capped(a) == capped(b))
        }
        (Value::Number(a), Value::Number(b)) => {
            let seconds = a.as_u64().zip(b.as_u64());
            let apart = |max| seconds.is_some_and(|(a, b)| a.abs_diff(b) <= max);
            a == b
                || ((key.ends_with("ttl") || key.ends_with("_duration")) && apart(DRIFT_MAX))
                || (key.contains("time") && apart(STARTS_APART_MAX))
        }
        // A life at its maximum is cut, or not, by the second in which it is renewed.
        (Value::Array(texts), Value::Null) | (Value::Null, Value::Array(texts)) => {
            key == "warnings" && texts.iter().all(|t| t.as_str().is_some_and(is_barely_capped))
        }
        _ => a == b,
    }
}

/// A life that was cut by no more than passes between two requests.
fn is_barely_capped(text: &str) -> bool {
    let mut lives = text.split('"').skip(1).step_by(2).map(seconds_of);
    let (Some(Some(asked)), Some(Some(given))) = (lives.next(), lives.next()) else { return false };
    capped(text).is_some() && asked.abs_diff(given) <= DRIFT_MAX
}

/// Seconds of Go's text of a duration: `23h59m58s`.
fn seconds_of(text: &str) -> Option<u64> {
    let mut total = 0;
    for part in text.split_inclusive(['h', 'm', 's']) {
        let (number, unit) = part.split_at(part.len() - 1);
        let scale = match unit {
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        total += number.parse::<u64>().ok()? * scale;
    }
    Some(total)
}

/// The warning of a life that was cut short, up to the seconds that are left.
fn capped(text: &str) -> Option<&str> {
    text.split_once(" exceeded the effective max_ttl of ").map(|(asked, _)| asked)
}

/// RFC 3339.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T' && text.ends_with('Z')
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36 && [8, 13, 18, 23].iter().all(|i| bytes[*i] == b'-')
}
