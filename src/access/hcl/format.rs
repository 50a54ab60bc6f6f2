//! The canonical spelling of an HCL document: what it says and its comments stay, blanks and line
//! breaks are set anew, as `vault policy fmt` does. JSON stays as it is.
//!
//! * `layout`: tokens and comments to the tree that is printed
//! * `print`: that tree to text

mod layout;
mod print;

#[cfg(test)]
mod tests;

use super::{Item, SyntaxError, Value, is_json, parse};

/// The same document, spelt canonically. What this returns parses to what was given: a document
/// for which that could not be said is returned as it was.
pub fn format(text: &str) -> Result<String, SyntaxError> {
    let before = parse(text)?;
    if is_json(text) {
        return Ok(text.to_owned());
    }
    let Some(body) = layout::body(text)? else { return Ok(text.to_owned()) };
    let formatted = print::document(&body);
    let after = parse(&formatted)?;
    Ok(if says_the_same(&before, &after) { formatted } else { text.to_owned() })
}

/// Equal but for positions.
pub(super) fn says_the_same(before: &[Item], after: &[Item]) -> bool {
    before.len() == after.len()
        && before.iter().zip(after).all(|(a, b)| a.keys == b.keys && same_value(&a.value, &b.value))
}

fn same_value(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => says_the_same(a, b),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (a, b) => a == b,
    }
}
