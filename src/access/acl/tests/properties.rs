//! The trie against a plain reading of the rules, and what must hold for every set.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;

type Rules = Vec<(String, Vec<&'static str>)>;

fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "a", "b", "b", "ab", "abc", "a+b", "+", "+", "+"])
}

fn rule_path() -> impl Strategy<Value = String> {
    let ends = prop::sample::select(vec!["", "", "", "*", "/*", "/*", "/"]);
    (prop::collection::vec(segment(), 1..4), ends)
        .prop_map(|(segments, end)| segments.join("/") + end)
        .prop_filter("forbidden in policies", |path| !path.contains("+*"))
}

fn capabilities() -> impl Strategy<Value = Vec<&'static str>> {
    let sets = vec![
        vec!["deny"],
        vec!["read"],
        vec!["list"],
        vec!["update", "read"],
        vec!["scan", "sudo"],
        vec![],
    ];
    prop::sample::select(sets)
}

fn rules() -> impl Strategy<Value = Rules> {
    prop::collection::vec((rule_path(), capabilities()), 0..8)
}

fn request_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "abc", "a+b", "c"]), 1..5)
        .prop_map(|segments| segments.join("/"))
}

fn text(rules: &Rules) -> String {
    rules.iter().map(|(path, c)| format!("path {path:?} {{ capabilities = {c:?} }}\n")).collect()
}

fn acl_of(policies: &[Rules]) -> Acl {
    let texts: Vec<String> = policies.iter().map(text).collect();
    acl(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Vault's documented rules over a list, for one record path: no trie, no shortcuts.
fn plain_reading(policies: &[Rules], path: &str) -> Vec<&'static str> {
    let is_wild = |rule: &str| {
        rule.ends_with('*') || rule == "+" || rule.starts_with("+/") || rule.contains("/+")
    };
    let covers = |rule: &str| {
        let (body, is_prefix) = match rule.strip_suffix('*') {
            Some(body) => (body, true),
            None => (rule, false),
        };
        if !is_wild(rule) {
            return rule == path;
        }
        let parts: Vec<&str> = body.split('/').collect();
        let segments: Vec<&str> = path.split('/').collect();
        let last = parts.len() - 1;
        let fits = |i: usize| {
            let Some(segment) = segments.get(i) else { return false };
            (parts[i] == "+" && is_wild(rule))
                || parts[i] == *segment
                || (is_prefix && i == last && segment.starts_with(parts[i]))
        };
        (0..=last).all(fits) && (is_prefix || parts.len() == segments.len())
    };
    let rank = |rule: &&str| {
        let body = rule.strip_suffix('*').unwrap_or(rule);
        let has_plus = *rule == "+" || rule.starts_with("+/") || rule.contains("/+");
        let first = if has_plus { body.find('+').unwrap() } else { body.len() };
        let pluses = if has_plus { body.split('/').filter(|s| *s == "+").count() } else { 0 };
        (!is_wild(rule), first, Reverse(rule.ends_with('*')), Reverse(pluses), body.len(), {
            body.to_owned()
        })
    };
    let all = || policies.iter().flatten();
    let Some(best) = all().map(|(p, _)| p.as_str()).filter(|p| covers(p)).max_by_key(rank) else {
        return vec!["deny"];
    };
    let mut names: Vec<_> =
        all().filter(|(p, _)| p == best).flat_map(|(_, c)| c.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.contains(&"deny") { vec!["deny"] } else { names }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_trie_answers_as_a_plain_reading_of_the_rules(
        policies in prop::collection::vec(rules(), 1..4),
        path in request_path(),
    ) {
        prop_assert_eq!(acl_of(&policies).capabilities(&path), plain_reading(&policies, &path));
    }

    #[test]
    fn the_order_of_policies_does_not_matter(
        mut policies in prop::collection::vec(rules(), 1..4),
        path in request_path(),
    ) {
        let forwards = acl_of(&policies);
        policies.reverse();
        let backwards = acl_of(&policies);
        for spelled in [path.clone(), format!("{path}/")] {
            prop_assert_eq!(forwards.capabilities(&spelled), backwards.capabilities(&spelled));
        }
        prop_assert_eq!(forwards.has_any_under(&path), backwards.has_any_under(&path));
    }

    #[test]
    fn p17_an_exact_deny_holds_for_every_verb_beside_any_other_policy(
        policies in prop::collection::vec(rules(), 0..4),
        path in request_path(),
    ) {
        let mut policies = policies;
        policies.push(vec![(path.clone(), vec!["deny"])]);
        let acl = acl_of(&policies);
        for operation in Operation::ALL {
            prop_assert_eq!(decide(&acl, operation, &path).reason, Reason::Denied);
        }
        prop_assert_eq!(acl.capabilities(&path), ["deny"]);
        prop_assert_eq!(acl.capabilities(&format!("{path}/")), ["deny"]);
    }

    #[test]
    fn decisions_and_capabilities_agree(
        policies in prop::collection::vec(rules(), 1..3),
        path in request_path(),
    ) {
        let acl = acl_of(&policies);
        for operation in Operation::ALL {
            let spelled = match operation {
                Operation::List | Operation::Scan => format!("{path}/"),
                _ => path.clone(),
            };
            let named = acl.capabilities(&spelled).contains(&operation.as_str());
            let decision = decide(&acl, operation, &path);
            prop_assert_eq!(decision.allowed, named);
            prop_assert_eq!(decision.allowed, decision.reason == Reason::Granted);
            prop_assert_eq!(decision.rule.is_none(), decision.reason == Reason::NoRule);
        }
    }

    #[test]
    fn what_is_granted_is_never_hidden(
        policies in prop::collection::vec(rules(), 1..3),
        path in request_path(),
    ) {
        let acl = acl_of(&policies);
        let granted = |p: &str| acl.capabilities(p) != ["deny"];
        let is_directory = granted(&format!("{path}/"));
        if is_directory {
            prop_assert!(acl.has_any_under(&path));
        }
        if is_directory || granted(&path) {
            let mut child = if is_directory { format!("{path}/") } else { path.clone() };
            while let Some((parent, name)) = child.trim_end_matches('/').rsplit_once('/') {
                let name = format!("{name}{}", if child.ends_with('/') { "/" } else { "" });
                prop_assert!(acl.may_see(parent, &name), "{} hides {}", parent, name);
                let with_slash = format!("{parent}/");
                prop_assert!(acl.has_any_under(&with_slash), "{} hides {}", parent, path);
                child = with_slash;
            }
        }
    }
}
