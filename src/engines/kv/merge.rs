//! JSON merge patch (RFC 7396) on exact values. Numbers keep their literals.

use crate::json::{Text, Value};

/// Applies `patch` to `target`. Members of an object keep their place; new ones come last.
pub fn merge_patch<'a>(target: Value<'a>, patch: Value<'a>) -> Value<'a> {
    let Value::Object(changes) = patch else { return patch };
    let mut members: Vec<(Text<'a>, Option<Value<'a>>)> = match target {
        Value::Object(members) => members.into_iter().map(|(k, v)| (k, Some(v))).collect(),
        _ => Vec::new(),
    };
    // Places by key, sorted once: thousands of keys must not cost a scan each.
    let mut places: Vec<usize> = (0..members.len()).collect();
    places.sort_by(|&a, &b| members[a].0.as_str().cmp(members[b].0.as_str()));
    for (key, change) in changes {
        let found = places.binary_search_by(|&i| members[i].0.as_str().cmp(key.as_str()));
        match found {
            // Keys of an object are unique, so each place is met at most once.
            Ok(at) => {
                let old = &mut members[places[at]].1;
                *old = match (old.take(), change) {
                    (_, Value::Null) => None,
                    (before, change) => Some(merge_patch(before.unwrap_or(Value::Null), change)),
                };
            }
            Err(_) if change.is_null() => {}
            Err(_) => members.push((key, Some(merge_patch(Value::Null, change)))),
        }
    }
    Value::Object(members.into_iter().filter_map(|(k, v)| v.map(|v| (k, v))).collect())
}
