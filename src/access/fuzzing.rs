//! Any text as a policy, any path as a request: no panic, deny by default, the same answer from
//! every door.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Acl, Operation, Policy, PolicyName, Reason, Request, TemplateValues, explain};
use crate::clock::Timestamp;

/// Paths, one a line, up to a line that is `--`; after it the policy, and after another `--` a
/// second one.
pub(crate) fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (paths, texts) = text.split_once("\n--\n").unwrap_or(("secret/data/a", &text));
    let (first, second) = texts.split_once("\n--\n").unwrap_or((texts, ""));
    let mut values = TemplateValues::none();
    values.insert("identity.entity.id", "e1");
    let set: Vec<Arc<Policy>> =
        [("one", first), ("two", second)].into_iter().filter_map(parsed).collect();
    let acl = Acl::compile(&set, &values, Timestamp(0));
    let reversed: Vec<Arc<Policy>> = set.iter().rev().cloned().collect();
    let reversed = Acl::compile(&reversed, &values, Timestamp(0));
    for path in paths.lines().take(8) {
        for operation in Operation::ALL {
            decide(&acl, &reversed, operation, path);
        }
    }
    let root = Acl::compile(&[Arc::new(Policy::root())], &values, Timestamp(0));
    assert!(set.is_empty() || !acl.is_root());
    assert!(root.is_root());
}

fn parsed((name, text): (&str, &str)) -> Option<Arc<Policy>> {
    let name = PolicyName::canonical(name).expect("a plain name");
    let policy = Policy::parse(name, text).ok()?;
    assert_eq!(policy.text(), text);
    Some(Arc::new(policy))
}

fn decide(acl: &Acl, reversed: &Acl, operation: Operation, path: &str) {
    let mut sent = Map::new();
    sent.insert("limit".into(), Value::from(3));
    sent.insert("k".into(), Value::from("v"));
    for parameters in [None, Some(&sent)] {
        let request = Request { operation, path, parameters, wrap_ttl: None };
        let decision = acl.decide(&request);
        let (allowed, reason) = (decision.allowed, decision.reason);
        assert_eq!(allowed, reason == Reason::Granted, "a decision against its reason");
        assert_eq!(allowed, reversed.decide(&request).allowed, "the order of policies decides");
        assert!(!allowed || decision.rule.is_some(), "allowed by no rule");
        if allowed {
            beneath(acl, operation, path);
        }
        if let Some(proposed) = explain(acl, &request).permit {
            proposed_is_right(&proposed, &request);
        }
    }
}

/// What is granted is seen from every directory above it.
fn beneath(acl: &Acl, operation: Operation, path: &str) {
    let asks_directory = matches!(operation, Operation::List | Operation::Scan);
    if !path.ends_with('/') && !asks_directory {
        let names = acl.capabilities(path);
        assert!(names.contains(&operation.as_str()), "granted, and not among {names:?}");
    }
    for (at, _) in path.match_indices('/') {
        assert!(acl.has_any_under(&path[..at]), "hidden below {:?}", &path[..at]);
    }
}

/// The policy that a refusal proposes permits the request, and nothing beside it.
fn proposed_is_right(text: &str, request: &Request<'_>) {
    let policy = parsed(("proposed", text)).expect("a proposed policy is one");
    let acl = Acl::compile(&[policy], &TemplateValues::none(), Timestamp(0));
    let plain = Request { parameters: None, ..*request };
    let reachable = !request.path.starts_with('/') && !request.path.ends_with('/');
    if reachable {
        assert!(acl.decide(&plain).allowed, "proposed, and does not permit: {text}");
    }
    let longer = format!("{}x", request.path);
    let other = Request { path: &longer, ..plain };
    assert!(!acl.decide(&other).allowed, "proposed, and permits more: {text}");
}
