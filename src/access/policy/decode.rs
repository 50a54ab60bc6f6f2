//! The tree of a policy document to rules. A key that would be ignored is refused: what its
//! author meant to restrict would otherwise be open.

use std::time::Duration;

use serde_json::Number;

use super::super::hcl::{Item, Position, Value};
use super::super::parameters::{self, ValuesByName};
use super::{Capabilities, PathTemplate, PolicyError, Rule, RuleLimits};
use crate::clock::Timestamp;
use crate::limits::PATH_BYTES_MAX;

/// What is wrong, and where.
type Fault = (Position, String);

/// Rules in the order written; only JSON has an object or a list of paths. `name` is permitted and says nothing, as in Vault.
pub fn rules(items: Vec<Item>, is_json: bool) -> Result<Vec<Rule>, PolicyError> {
    let mut rules = Vec::new();
    for item in items {
        let at = item.at;
        let key = item.keys.first().map(String::as_str).unwrap_or_default();
        match (key, item.keys.get(1..).unwrap_or_default(), item.value) {
            ("name", [], Value::String(_)) => {}
            ("path", [path], Value::Object(body)) => rules.push(rule(path, at, body)?),
            // JSON: one object of paths, or a list of such.
            ("path", [], Value::Object(paths)) if is_json => paths_of(paths, &mut rules)?,
            ("path", [], Value::List(lists)) if is_json => {
                for element in lists {
                    let Value::Object(paths) = element else {
                        let problem = format!("path: {}", expected("objects", &element));
                        return Err(wrong(at, problem));
                    };
                    paths_of(paths, &mut rules)?;
                }
            }
            ("name", _, value) => {
                return Err(wrong(at, format!("name: {}", expected("a string", &value))));
            }
            ("path", ..) => {
                let form = "expected one quoted path and a block, as in path \"a/b\" { … }";
                return Err(wrong(at, form.into()));
            }
            _ => return Err(wrong(at, format!("invalid key {key:?}; write path"))),
        }
    }
    Ok(rules)
}

fn paths_of(paths: Vec<Item>, rules: &mut Vec<Rule>) -> Result<(), PolicyError> {
    for item in paths {
        let path = item.keys.join(" ");
        match item.value {
            Value::Object(body) => rules.push(rule(&path, item.at, body)?),
            other => return Err(in_rule(&path, (item.at, expected("an object", &other)))),
        }
    }
    Ok(())
}

fn rule(written: &str, at: Position, body: Vec<Item>) -> Result<Rule, PolicyError> {
    if written.len() > PATH_BYTES_MAX {
        let problem = format!("rule path is longer than {PATH_BYTES_MAX} bytes");
        return Err(wrong(at, problem));
    }
    let path = path_of(written).map_err(|problem| in_rule(written, (at, problem)))?;
    let mut rule = Rule {
        path,
        line: at.line,
        capabilities: Capabilities::NONE,
        limits: RuleLimits::default(),
        expiration: None,
    };
    let mut scalars_seen: Vec<String> = Vec::new();
    for item in body {
        let fail = |problem: String| in_rule(written, (item.at, problem));
        let [key] = item.keys.as_slice() else {
            return Err(fail(format!("key {:?} has more than one label", item.keys.join(" "))));
        };
        // Lists and maps may be given in parts; of a scalar, the second would silently win.
        if !matches!(item.value, Value::List(_) | Value::Object(_)) {
            if scalars_seen.contains(key) {
                return Err(fail(format!("key {key:?} is given twice")));
            }
            scalars_seen.push(key.clone());
        }
        apply(&mut rule, key, &item).map_err(|fault| in_rule(written, fault))?;
    }
    let bounds = (rule.limits.min_wrapping_ttl, rule.limits.max_wrapping_ttl);
    if let (Some(min), Some(max)) = bounds
        && max < min
    {
        let problem = "max_wrapping_ttl cannot be less than min_wrapping_ttl".into();
        return Err(in_rule(written, (at, problem)));
    }
    if rule.capabilities.is_deny() {
        rule.limits = RuleLimits::default();
    }
    Ok(rule)
}

fn path_of(written: &str) -> Result<PathTemplate, String> {
    // One slash in front is not part of the path, as in Vault.
    let path = written.strip_prefix('/').unwrap_or(written);
    if path.contains("+*") {
        return Err("invalid use of wildcards ('+*' is forbidden)".into());
    }
    if path.chars().any(char::is_control) {
        return Err("control character in path".into());
    }
    PathTemplate::parse(path).ok_or_else(|| {
        "failed to validate policy templating: unbalanced templating characters".into()
    })
}

/// Sets one key of a rule.
fn apply(rule: &mut Rule, key: &str, item: &Item) -> Result<(), Fault> {
    let (value, limits) = (&item.value, &mut rule.limits);
    let here = |problem: String| (item.at, problem);
    match key {
        "capabilities" => {
            for name in strings(value).map_err(here)? {
                let capability = Capabilities::from_name(&name);
                rule.capabilities |=
                    capability.ok_or_else(|| here(format!("invalid capability {name:?}")))?;
            }
        }
        "policy" => {
            rule.capabilities |= string(value).and_then(|w| legacy_policy(&w)).map_err(here)?;
        }
        "allowed_parameters" => values_by_name(item, &mut limits.parameters.allowed)?,
        "denied_parameters" => values_by_name(item, &mut limits.parameters.denied)?,
        "required_parameters" => {
            let names = strings(value).map_err(here)?.into_iter().map(|n| n.to_lowercase());
            limits.parameters.required.extend(names);
        }
        "min_wrapping_ttl" => limits.min_wrapping_ttl = duration(key, value).map_err(here)?,
        "max_wrapping_ttl" => limits.max_wrapping_ttl = duration(key, value).map_err(here)?,
        "pagination_limit" => limits.pagination_limit = count(key, value).map_err(here)?,
        "expiration" => {
            let none = matches!(value, Value::String(text) if text.is_empty());
            rule.expiration = if none { None } else { Some(moment(value).map_err(here)?) };
        }
        "comment" => {}
        "mfa_methods" | "control_group" | "list_scan_response_keys_filter_path" => {
            return Err(here(format!("{key} is not supported; remove it, or the rule")));
        }
        _ => return Err(here(format!("invalid key {key:?}"))),
    }
    Ok(())
}

/// The `policy = "…"` of Vault before 0.3; an empty one says nothing.
fn legacy_policy(word: &str) -> Result<Capabilities, String> {
    let read = Capabilities::READ | Capabilities::LIST;
    let write = read | Capabilities::CREATE | Capabilities::UPDATE | Capabilities::DELETE;
    match word {
        "" => Ok(Capabilities::NONE),
        "deny" => Ok(Capabilities::DENY),
        "read" => Ok(read),
        "write" => Ok(write),
        "sudo" => Ok(write | Capabilities::SUDO),
        other => Err(format!("invalid policy {other:?}")),
    }
}

fn string(value: &Value) -> Result<String, String> {
    match value {
        Value::String(s) => Ok(s.clone()),
        Value::Integer(i) => Ok(i.to_string()),
        Value::Float(f) => Ok(f.to_string()),
        other => Err(expected("a string", other)),
    }
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::List(values) => values.iter().map(string).collect(),
        other => Err(expected("a list", other)),
    }
}

fn values_by_name(item: &Item, into: &mut ValuesByName) -> Result<(), Fault> {
    let Value::Object(items) = &item.value else {
        return Err((item.at, expected("an object", &item.value)));
    };
    for item in items {
        let here = |problem| (item.at, problem);
        let Value::List(values) = &item.value else {
            return Err(here(expected("a list", &item.value)));
        };
        let values = values.iter().map(json).collect::<Result<Vec<_>, _>>().map_err(here)?;
        let name = item.keys.join(" ").to_lowercase();
        // Two spellings of one name unite, as where policies merge.
        parameters::unite(into, name, values);
    }
    Ok(())
}

fn json(value: &Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::String(s) => serde_json::Value::String(s.clone()),
        Value::Integer(i) => (*i).into(),
        Value::Float(f) => Number::from_f64(*f).map_or(serde_json::Value::Null, Into::into),
        Value::Boolean(b) => (*b).into(),
        Value::Null => serde_json::Value::Null,
        Value::List(values) => values.iter().map(json).collect::<Result<_, _>>()?,
        Value::Object(_) => return Err(expected("a plain value", value)),
    })
}

/// Seconds, or Go's spelling with units (and Vault's `d`); nothing and zero set no bound.
fn duration(key: &str, value: &Value) -> Result<Option<Duration>, String> {
    let invalid = || format!("error parsing {key}: not a duration; write seconds or \"1h30m\"");
    let parsed = match value {
        Value::Integer(seconds) => {
            Duration::from_secs(u64::try_from(*seconds).map_err(|_| invalid())?)
        }
        Value::Float(seconds) => Duration::try_from_secs_f64(*seconds).map_err(|_| invalid())?,
        Value::String(text) => go_duration(text).ok_or_else(invalid)?,
        other => return Err(expected("a duration", other)),
    };
    Ok(Some(parsed).filter(|d| !d.is_zero()))
}

fn go_duration(text: &str) -> Option<Duration> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text {
            "" => Some(Duration::ZERO),
            digits => digits.parse().ok().map(Duration::from_secs),
        };
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit_seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let seconds = number.parse::<f64>().ok()? * unit_seconds;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = after;
    }
    Some(total)
}

fn count(key: &str, value: &Value) -> Result<Option<u64>, String> {
    let number = match value {
        Value::Integer(i) => Some(*i),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| format!("error parsing {key}: not a whole number"))?;
    Ok(u64::try_from(number).ok().filter(|n| *n > 0))
}

/// RFC 3339, or seconds since the Unix epoch.
fn moment(value: &Value) -> Result<Timestamp, String> {
    let seconds = match value {
        Value::Integer(i) => u64::try_from(*i).ok(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    };
    if let Some(seconds) = seconds {
        return Ok(Timestamp::from_unix_seconds(seconds));
    }
    let Value::String(text) = value else { return Err(expected("a time", value)) };
    Timestamp::from_rfc3339(text.trim())
        .ok_or_else(|| "invalid expiration time: could not parse string as date and time".into())
}

fn expected(what: &str, got: &Value) -> String {
    format!("expected {what}, got {}", got.kind())
}

fn wrong(at: Position, problem: String) -> PolicyError {
    PolicyError::Document { line: at.line, column: at.column, problem }
}

fn in_rule(path: &str, (at, problem): Fault) -> PolicyError {
    let Position { line, column } = at;
    PolicyError::Rule { line, column, path: path.to_owned(), problem }
}
