//! `allowed_parameters`, `denied_parameters`, `required_parameters`: what a request's top level
//! may hold. Not here: which operations are checked.
//!
//! Names compare without case, as in Vault. A deny is read widely, an allowance narrowly: Vault
//! compares a denied `"5"` with a sent `5` by type and lets it pass; here it is denied.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Reason;

/// Names in lower case to patterns; no pattern means any value.
pub type ValuesByName = BTreeMap<String, Vec<Value>>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParameterRules {
    pub allowed: ValuesByName,
    pub denied: ValuesByName,
    /// In lower case.
    pub required: BTreeSet<String>,
}

impl ParameterRules {
    /// Two rules for one path: values unite, an empty list (any value) prevails.
    pub fn merge(&mut self, other: &Self) {
        merge_values(&mut self.allowed, &other.allowed);
        merge_values(&mut self.denied, &other.denied);
        self.required.extend(other.required.iter().cloned());
    }

    pub fn check(&self, parameters: Option<&Map<String, Value>>) -> Result<(), Reason> {
        let sent = |name: &String| parameters.is_some_and(|p| p.contains_key(name));
        if !self.required.iter().all(sent) {
            return Err(Reason::ParameterRequired);
        }
        let Some(parameters) = parameters.filter(|p| !p.is_empty()) else { return Ok(()) };
        if self.denied.contains_key("*") {
            return Err(Reason::ParameterDenied);
        }
        let any_allowed = self.allowed.is_empty() || self.allowed.contains_key("*");
        for (name, value) in parameters {
            let name = name.to_lowercase();
            let denied = self.denied.get(&name);
            if denied.is_some_and(|p| p.is_empty() || p.iter().any(|p| is_denied(p, value))) {
                return Err(Reason::ParameterDenied);
            }
            let allowed = match self.allowed.get(&name) {
                Some(p) => p.is_empty() || p.iter().any(|p| is_allowed(p, value)),
                None => any_allowed,
            };
            if !allowed {
                return Err(Reason::ParameterNotAllowed);
            }
        }
        Ok(())
    }
}

fn merge_values(into: &mut ValuesByName, other: &ValuesByName) {
    for (name, values) in other {
        unite(into, name.clone(), values.clone());
    }
}

/// Adds values for a name; an empty list, which means any value, prevails.
pub fn unite(into: &mut ValuesByName, name: String, values: Vec<Value>) {
    match into.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(values);
        }
        Entry::Occupied(mut entry) => match entry.get().is_empty() || values.is_empty() {
            true => entry.get_mut().clear(),
            false => entry.get_mut().extend(values),
        },
    }
}

/// Same type and equal; strings by glob.
fn is_allowed(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::String(pattern), Value::String(value)) => glob(pattern, value),
        _ => pattern == value,
    }
}

/// As allowed, and also by spelling across types, and in any element of a list.
fn is_denied(pattern: &Value, value: &Value) -> bool {
    if let Value::Array(elements) = value
        && elements.iter().any(|e| is_denied(pattern, e))
    {
        return true;
    }
    if pattern.as_str() == Some("*") || is_allowed(pattern, value) {
        return true;
    }
    let number = |v: &Value| v.as_f64();
    if number(pattern).is_some() && number(pattern) == number(value) {
        return true;
    }
    match (spelling(pattern), spelling(value)) {
        (Some(pattern), Some(value)) => glob(&pattern, &value),
        _ => false,
    }
}

fn spelling(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Vault's globs: `*` at either end only; a pattern of one character is itself.
fn glob(pattern: &str, value: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == value;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => value.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => value.ends_with(end),
        (None, Some(start)) => value.starts_with(start),
        (None, None) => pattern == value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(value: Value) -> ValuesByName {
        serde_json::from_value(value).unwrap()
    }

    fn check(rules: &ParameterRules, sent: Value) -> Result<(), Reason> {
        rules.check(sent.as_object())
    }

    #[test]
    fn an_allowance_is_by_type_and_glob_and_a_deny_by_spelling_too() {
        let table = [
            (json!("a"), json!("a"), true, true),
            (json!("a"), json!("A"), false, false),
            (json!("a*"), json!("ab"), true, true),
            (json!("*b"), json!("ab"), true, true),
            (json!("*b*"), json!("abc"), true, true),
            (json!("a*c"), json!("abc"), false, false),
            (json!("a*c"), json!("a*c"), true, true),
            (json!("*"), json!("x"), false, true),
            (json!("**"), json!("x"), true, true),
            (json!(5), json!(5), true, true),
            (json!(5), json!(5.0), false, true),
            (json!(5), json!("5"), false, true),
            (json!("5"), json!(5), false, true),
            (json!(true), json!("true"), false, true),
            (json!("true"), json!(true), false, true),
            (json!(null), json!(null), true, true),
            (json!("null"), json!(null), false, false),
            (json!("a"), json!(["b", "a"]), false, true),
            (json!(["b", "a"]), json!(["b", "a"]), true, true),
            (json!("a"), json!({"a": "a"}), false, false),
        ];
        for (pattern, value, allowed, denied) in table {
            assert_eq!(is_allowed(&pattern, &value), allowed, "allow {pattern} {value}");
            assert_eq!(is_denied(&pattern, &value), denied, "deny {pattern} {value}");
        }
    }

    #[test]
    fn denied_beats_allowed_and_star_names_every_parameter() {
        let rules = ParameterRules {
            allowed: values(json!({"a": [], "b": ["x", "y"], "*": []})),
            denied: values(json!({"b": ["x"]})),
            required: BTreeSet::new(),
        };
        assert_eq!(check(&rules, json!({"b": "x"})), Err(Reason::ParameterDenied));
        assert_eq!(check(&rules, json!({"B": "x"})), Err(Reason::ParameterDenied));
        assert_eq!(check(&rules, json!({"b": "y", "c": 1})), Ok(()));
        assert_eq!(check(&rules, json!({"b": "z"})), Err(Reason::ParameterNotAllowed));

        let none = ParameterRules { denied: values(json!({"*": []})), ..Default::default() };
        assert_eq!(check(&none, json!({"a": 1})), Err(Reason::ParameterDenied));
        assert_eq!(check(&none, json!({})), Ok(()));
    }

    #[test]
    fn a_name_that_is_not_allowed_or_missing_though_required_is_refused() {
        let rules = ParameterRules {
            allowed: values(json!({"a": []})),
            required: ["a".into()].into(),
            ..Default::default()
        };
        assert_eq!(check(&rules, json!({"a": 1})), Ok(()));
        assert_eq!(check(&rules, json!({"a": 1, "b": 1})), Err(Reason::ParameterNotAllowed));
        assert_eq!(check(&rules, json!({"b": 1})), Err(Reason::ParameterRequired));
        assert_eq!(rules.check(None), Err(Reason::ParameterRequired));
    }

    #[test]
    fn merging_unites_values_and_an_empty_list_prevails() {
        let mut a = ParameterRules { allowed: values(json!({"a": ["1"]})), ..Default::default() };
        let b = ParameterRules {
            allowed: values(json!({"a": ["2"], "b": []})),
            required: ["r".into()].into(),
            ..Default::default()
        };
        a.merge(&b);
        assert_eq!(a.allowed, values(json!({"a": ["1", "2"], "b": []})));
        a.merge(&ParameterRules { allowed: values(json!({"a": []})), ..b.clone() });
        assert_eq!(a.allowed, values(json!({"a": [], "b": []})));
        assert_eq!(a.required, BTreeSet::from(["r".to_owned()]));
    }
}
