//! Typed getters. Coercions are Vault's: `"2"` is an integer, `1` is true, `"a,b"` is a list. A
//! field that is absent or `null` is `None`. Error texts never hold the value.

use std::collections::BTreeMap;

use super::Body;
use crate::json::{Limits, Text, Value, parse};
use crate::sensitive::SecretText;
use crate::wire::duration::{self, DurationError};

/// A field of the wrong type; 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error converting input for field \"{field}\": {detail}")]
pub struct FieldError {
    pub field: String,
    pub detail: String,
}

impl FieldError {
    /// The text that most endpoints give; KV's data and metadata writes give the plain one.
    pub fn validation(&self) -> String {
        format!("Field validation failed: {self}")
    }
}

const INT: &str = "cannot parse value as 'int': strconv.ParseInt: invalid syntax";
const BOOL: &str = "cannot parse value as 'bool': strconv.ParseBool: invalid syntax";

impl Body {
    pub fn string(&self, name: &str) -> Result<Option<String>, FieldError> {
        self.field(name, string)
    }

    /// As [`Body::string`], for what must not leak: a token, a secret-id, a share.
    pub fn secret(&self, name: &str) -> Result<Option<SecretText>, FieldError> {
        Ok(self.string(name)?.map(SecretText::new))
    }

    pub fn int(&self, name: &str) -> Result<Option<i64>, FieldError> {
        self.field(name, int)
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, FieldError> {
        self.field(name, |value| match value {
            Value::Bool(b) => Ok(*b),
            Value::Number(n) => Ok(n.parse::<f64>().is_ok_and(|n| n != 0.0)),
            Value::String(s) => go_bool(s.as_str()).ok_or_else(|| format!("'' {BOOL}")),
            other => Err(unconvertible("", "bool", other)),
        })
    }

    /// Whole seconds: an integer, `"90"`, `"90s"`, `"1h30m"`, `"2d"`. Negative ones are refused.
    pub fn seconds(&self, name: &str) -> Result<Option<u64>, FieldError> {
        self.field(name, |value| {
            duration::parse_field_seconds(duration_text(value)?).map_err(|e| e.to_string())
        })
    }

    /// As [`Body::seconds`], where a negative value has a meaning (KV mount configuration).
    pub fn signed_seconds(&self, name: &str) -> Result<Option<i64>, FieldError> {
        self.field(name, |value| {
            let nanos = duration::parse_field(duration_text(value)?).map_err(|e| e.to_string())?;
            Ok(nanos / 1_000_000_000)
        })
    }

    /// A list: `["a","b"]` or `"a,b"`; blanks around items and empty items fall away.
    pub fn strings(&self, name: &str) -> Result<Option<Vec<String>>, FieldError> {
        self.field(name, |value| {
            let items = match value {
                Value::Array(items) => {
                    items.iter().enumerate().map(|(i, v)| string_at(i, v)).collect()
                }
                single => string(single)
                    .map(|s| s.split(',').map(|part| part.trim().to_owned()).collect()),
            };
            items.map(|list: Vec<String>| {
                list.into_iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
            })
        })
    }

    /// A list of integers: `[1,"2"]`, `"1,2"` or `1`.
    pub fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, FieldError> {
        let parse_at = |i: usize, text: &str| {
            text.trim().parse().map_err(|_| {
                format!("decoding failed due to the following error(s):\n\n'[{i}]' {INT}")
            })
        };
        self.field(name, |value| match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| match item {
                    Value::String(s) => parse_at(i, s.as_str()),
                    Value::Number(n) => parse_at(i, n),
                    other => Err(unconvertible(&format!("[{i}]"), "int", other)),
                })
                .collect(),
            Value::Number(n) => Ok(vec![parse_at(0, n)?]),
            Value::String(s) => s
                .as_str()
                .split(',')
                .filter(|part| !part.trim().is_empty())
                .enumerate()
                .map(|(i, part)| parse_at(i, part))
                .collect(),
            other => Err(unconvertible("", "int", other)),
        })
    }

    /// Pairs: an object of strings, or a list of `"key=value"`.
    pub fn string_map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, FieldError> {
        self.field(name, |value| match value {
            Value::Object(members) => {
                members.iter().map(|(k, v)| Ok((k.as_str().to_owned(), string(v)?))).collect()
            }
            Value::Array(items) => items
                .iter()
                .map(|item| match item {
                    Value::String(s) => s
                        .as_str()
                        .split_once('=')
                        .map(|(k, v)| (k.to_owned(), v.to_owned()))
                        .ok_or_else(|| "expected \"key=value\"".to_owned()),
                    other => Err(unconvertible("", "string", other)),
                })
                .collect(),
            other => Err(unconvertible("", "map[string]interface {}", other)),
        })
    }

    /// An object of strings as a merge patch: `null` removes. A `null` field removes everything,
    /// which is for the caller to see by [`Body::is_null`].
    pub fn string_map_patch(
        &self,
        name: &str,
    ) -> Result<Option<BTreeMap<String, Option<String>>>, FieldError> {
        self.field(name, |value| match value {
            Value::Object(members) => members
                .iter()
                .map(|(k, v)| {
                    let text = if v.is_null() { None } else { Some(string(v)?) };
                    Ok((k.as_str().to_owned(), text))
                })
                .collect(),
            other => Err(unconvertible("", "map[string]interface {}", other)),
        })
    }

    /// The canonical text of an object or of `null`; an empty list counts as an empty object.
    pub fn object(&self, name: &str) -> Result<Option<&str>, FieldError> {
        match self.raw(name) {
            None => Ok(None),
            Some("[]") => Ok(Some("{}")),
            Some(text) if text == "null" || text.starts_with('{') => Ok(Some(text)),
            Some(_) => self.field(name, |value| {
                Err(match value {
                    Value::Array(items) => unconvertible(
                        "[0]",
                        "map[string]interface {}",
                        items.first().unwrap_or(&Value::Null),
                    ),
                    other => unconvertible("", "map[string]interface {}", other),
                })
            }),
        }
    }

    /// A field inside an object field (`options.cas`).
    pub fn nested(&self, name: &str) -> Result<Body, FieldError> {
        let text = self.object(name)?.unwrap_or("null");
        Body::json(text.as_bytes())
            .map_err(|e| FieldError { field: name.into(), detail: e.to_string() })
    }

    /// Sent as `null`.
    pub fn is_null(&self, name: &str) -> bool {
        self.raw(name) == Some("null")
    }

    /// A switch in a query (`list`, `scan`): the first of repeated values, Go's booleans; empty is
    /// false.
    pub fn switch(&self, name: &str) -> Result<bool, FieldError> {
        let on = self.field(name, |value| {
            let first = match value {
                Value::Array(items) => items.first().unwrap_or(&Value::Null),
                single => single,
            };
            match first {
                Value::String(s) => go_bool(s.as_str()).ok_or_else(|| format!("'' {BOOL}")),
                Value::Bool(b) => Ok(*b),
                other => Err(unconvertible("", "bool", other)),
            }
        })?;
        Ok(on.unwrap_or(false))
    }

    fn field<T>(
        &self,
        name: &str,
        convert: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Result<Option<T>, FieldError> {
        let fail = |detail| FieldError { field: name.to_owned(), detail };
        let Some(text) = self.raw(name) else { return Ok(None) };
        match parse(text.as_bytes(), Limits::BODY).map_err(|e| fail(e.to_string()))? {
            Value::Null => Ok(None),
            value => convert(&value).map(Some).map_err(fail),
        }
    }
}

fn string(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.as_str().to_owned()),
        Value::Number(literal) => Ok((*literal).to_owned()),
        Value::Bool(b) => Ok(if *b { "1" } else { "0" }.to_owned()),
        other => Err(unconvertible("", "string", other)),
    }
}

fn string_at(i: usize, value: &Value<'_>) -> Result<String, String> {
    string(value).map_err(|_| unconvertible(&format!("[{i}]"), "string", value))
}

fn int(value: &Value<'_>) -> Result<i64, String> {
    let text = match value {
        Value::Number(literal) => literal,
        Value::String(text) if text.as_str().is_empty() => "0",
        Value::String(text) => text.as_str(),
        Value::Bool(b) => return Ok(i64::from(*b)),
        other => return Err(unconvertible("", "int", other)),
    };
    text.parse().map_err(|_| format!("'' {INT}"))
}

/// `strconv.ParseBool`; empty is false.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "" => Some(false),
        _ => None,
    }
}

fn duration_text<'v>(value: &'v Value<'_>) -> Result<&'v str, String> {
    match value {
        Value::String(text) => Ok(text.as_str()),
        Value::Number(literal) => Ok(literal),
        _ => Err(DurationError::NotADuration.to_string()),
    }
}

fn unconvertible(at: &str, wanted: &str, found: &Value<'_>) -> String {
    let found = match found {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "json.Number",
        Value::String(Text::Plain(_) | Text::Decoded(_)) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    format!("'{at}' expected type '{wanted}', got unconvertible type '{found}'")
}
