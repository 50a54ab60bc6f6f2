//! The tree of a document to what it says. A key that would be ignored is refused: a misspelt
//! `min-chars` would otherwise ask for nothing.

use super::PasswordPolicyError;
use crate::access::hcl::{Item, Position, Value};

#[derive(Debug, Default)]
pub struct Document {
    /// 0 where it is not given.
    pub length: i64,
    pub charsets: Vec<Charset>,
}

/// One `rule "charset" { … }`.
#[derive(Debug, Default)]
pub struct Charset {
    pub characters: String,
    pub min_chars: usize,
}

pub fn document(items: Vec<Item>) -> Result<Document, PasswordPolicyError> {
    let mut length = None;
    let mut document = Document::default();
    for item in items {
        let (key, labels) = item.keys.split_first().ok_or_else(|| form(item.at))?;
        match (key.as_str(), labels) {
            ("length", []) => once(&mut length, integer("length", &item)?, &item)?,
            ("rule", labels) => rule(labels, &item.value, item.at, &mut document.charsets)?,
            _ => return Err(unknown(&item, "length or rule")),
        }
    }
    document.length = length.unwrap_or_default();
    Ok(document)
}

/// JSON has a rule as an object of its kind, or as a list of such objects.
fn rule(
    labels: &[String],
    value: &Value,
    at: Position,
    into: &mut Vec<Charset>,
) -> Result<(), PasswordPolicyError> {
    match (labels, value) {
        ([], Value::Object(items)) => {
            items.iter().try_for_each(|item| rule(&item.keys, &item.value, item.at, into))
        }
        ([] | [_], Value::List(values)) => {
            values.iter().try_for_each(|value| rule(labels, value, at, into))
        }
        ([kind], Value::Object(items)) if kind == "charset" => {
            into.push(charset(items)?);
            Ok(())
        }
        ([kind], Value::Object(_)) => {
            let problem = format!("unrecognized rule type {kind}; the one there is is \"charset\"");
            Err(wrong(at, problem))
        }
        _ => Err(form(at)),
    }
}

fn charset(items: &[Item]) -> Result<Charset, PasswordPolicyError> {
    let (mut characters, mut min_chars) = (None, None);
    for item in items {
        match item.keys.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["charset"] => {
                let Value::String(text) = &item.value else {
                    return Err(expected("charset", "a string", item));
                };
                once(&mut characters, text.clone(), item)?;
            }
            ["min-chars"] => {
                let count = usize::try_from(integer("min-chars", item)?);
                let count = count.map_err(|_| wrong(item.at, "min-chars is less than 0".into()))?;
                once(&mut min_chars, count, item)?;
            }
            _ => return Err(unknown(item, "charset or min-chars")),
        }
    }
    Ok(Charset {
        characters: characters.unwrap_or_default(),
        min_chars: min_chars.unwrap_or_default(),
    })
}

fn once<T>(slot: &mut Option<T>, value: T, item: &Item) -> Result<(), PasswordPolicyError> {
    if slot.replace(value).is_some() {
        return Err(wrong(item.at, format!("key {:?} is given twice", item.keys.join(" "))));
    }
    Ok(())
}

fn integer(key: &str, item: &Item) -> Result<i64, PasswordPolicyError> {
    match item.value {
        Value::Integer(number) => Ok(number),
        _ => Err(expected(key, "a whole number", item)),
    }
}

fn unknown(item: &Item, known: &str) -> PasswordPolicyError {
    wrong(item.at, format!("unknown key {:?}; write {known}", item.keys.join(" ")))
}

fn expected(key: &str, what: &str, item: &Item) -> PasswordPolicyError {
    wrong(item.at, format!("{key}: expected {what}, got {}", item.value.kind()))
}

fn form(at: Position) -> PasswordPolicyError {
    wrong(at, "expected a block, as in rule \"charset\" { charset = \"abc\" }".into())
}

fn wrong(at: Position, problem: String) -> PasswordPolicyError {
    PasswordPolicyError::Rule { line: at.line, column: at.column, problem }
}
