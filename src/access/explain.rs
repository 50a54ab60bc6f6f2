//! A decision in words, for the person who was refused. Not here: deciding.

use super::acl::InForce;
use super::trie::Pattern;
use super::{Acl, Candidate, Capabilities, Decision, Reason, Request};

/// Which rule decided, which others fit, and the smallest policy that would permit the request.
/// Holds paths and names of policies, no parameter values; for callers who may read policies.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    pub decision: Decision<'a>,
    pub text: String,
    /// Best first.
    pub candidates: Vec<Candidate<'a>>,
    /// To be added to the set as another policy. None for what is permitted, and where no
    /// addition helps: a deny, a limit, a path that a policy would read as a pattern.
    pub permit: Option<String>,
}

pub fn explain<'a>(acl: &'a Acl, request: &Request<'_>) -> Explanation<'a> {
    let decision = acl.decide(request);
    let text = text(&decision, request);
    let candidates = acl.candidates(request);
    let permit = match decision.reason {
        Reason::NoRule | Reason::CapabilityMissing => permitting(acl, request),
        _ => None,
    };
    Explanation { decision, text, candidates, permit }
}

fn text(decision: &Decision<'_>, request: &Request<'_>) -> String {
    let (operation, path) = (request.operation.as_str(), request.path);
    let rule = match decision.rule {
        Some(rule) => {
            format!("rule {:?} of policy {:?} (line {})", rule.path, rule.policy, rule.line)
        }
        None => "no rule".to_owned(),
    };
    let denied = format!("{operation} on {path:?} is denied");
    match decision.reason {
        Reason::Root => format!("{operation} on {path:?} is allowed: root may do everything"),
        Reason::Granted => format!("{operation} on {path:?} is allowed by {rule}"),
        Reason::NoRule => format!("{denied}: no rule matches"),
        Reason::Denied => format!(
            "{denied} by {rule}, which says deny; deny beats every capability for the same path, \
             so that rule must change"
        ),
        Reason::CapabilityMissing => {
            format!("{denied}: {rule} matches best but lacks {operation:?}")
        }
        Reason::WrappingTtl => format!(
            "{denied}: {rule} asks for a wrapped response within min_wrapping_ttl and \
             max_wrapping_ttl"
        ),
        Reason::ParameterRequired => {
            format!("{denied}: {rule} has required_parameters that are missing")
        }
        Reason::ParameterDenied => {
            format!("{denied}: a parameter is in denied_parameters of {rule}")
        }
        Reason::ParameterNotAllowed => {
            format!("{denied}: a parameter is not in allowed_parameters of {rule}")
        }
        Reason::ListLimit => {
            format!("{denied}: limit is missing, negative or above pagination_limit of {rule}")
        }
    }
}

/// A rule for the path alone. It becomes the best match, for the path as a record and as a
/// directory, so it repeats what was granted for each. None where a policy would read the path as
/// a pattern or template, and so permit more than was asked for, and where rules in force have
/// limits that the new one would undo.
fn permitting(acl: &Acl, request: &Request<'_>) -> Option<String> {
    let path = request.path;
    let asked = request.operation.capability();
    let lists = Capabilities::LIST | Capabilities::SCAN;
    let is_exact = |rule: &InForce<'_>| rule.path.strip_suffix('/').unwrap_or(rule.path) == path;
    let [record, directory] = acl.in_force(path);
    // Rules for the same path unite: nothing needs repeating.
    let own = if lists.contains(asked) { &directory } else { &record };
    if let Some(rule) = own.as_ref().filter(|rule| is_exact(rule)) {
        return is_literal(rule.path).then(|| rule_text(rule.path, asked));
    }
    // An exact rule for the directory stays the best for it.
    let directory = directory.filter(|rule| !is_exact(rule));
    let mut kept = Capabilities::NONE;
    for (rule, share) in [(&record, record_capabilities()), (&directory, lists)] {
        match rule {
            Some(rule) if rule.has_limits => return None,
            Some(rule) if !rule.capabilities.is_deny() => kept |= rule.capabilities.only(share),
            _ => {}
        }
    }
    let mut rules = [&record, &directory].into_iter().flatten().peekable();
    let is_ruled = rules.peek().is_some();
    if is_ruled && rules.all(|rule| rule.capabilities.contains(Capabilities::SUDO)) {
        kept |= Capabilities::SUDO;
    }
    is_literal(path).then(|| rule_text(path, kept | asked))
}

fn record_capabilities() -> Capabilities {
    Capabilities::CREATE
        | Capabilities::READ
        | Capabilities::UPDATE
        | Capabilities::DELETE
        | Capabilities::PATCH
}

fn is_literal(path: &str) -> bool {
    matches!(Pattern::parse(path), Pattern::Exact(_))
        && !["{{", "}}", "${", "+*"].iter().any(|special| path.contains(special))
        && path.chars().all(|c| matches!(c, ' '..='~') || c.is_alphanumeric())
}

fn rule_text(path: &str, capabilities: Capabilities) -> String {
    // HCL's escapes, which are not Rust's.
    let quoted = path.replace('\\', "\\\\").replace('"', "\\\"");
    format!("path \"{quoted}\" {{\n  capabilities = {:?}\n}}\n", capabilities.names())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::access::{Operation, Policy, PolicyName, TemplateValues};
    use crate::clock::Timestamp;

    fn acl(text: &str) -> Acl {
        let name = PolicyName::canonical("team").unwrap();
        let policy = Arc::new(Policy::parse(name, text).unwrap());
        Acl::compile(&[policy], &TemplateValues::none(), Timestamp(0))
    }

    #[test]
    fn a_refusal_names_the_rule_and_what_would_permit() {
        let acl =
            acl("path \"a/*\" { capabilities = [\"list\"] }\npath \"b\" { policy = \"deny\" }");
        for (path, parts) in [
            ("a/x", vec!["\"a/*\"", "\"team\"", "lacks \"read\""]),
            ("b", vec!["\"b\"", "\"team\"", "says deny"]),
            ("c\"", vec!["no rule matches"]),
        ] {
            let request =
                Request { operation: Operation::Read, path, parameters: None, wrap_ttl: None };
            let text = explain(&acl, &request).text;
            for part in parts {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    fn read(path: &str) -> Request<'_> {
        Request { operation: Operation::Read, path, parameters: None, wrap_ttl: None }
    }

    #[test]
    fn the_policy_it_proposes_permits_the_request() {
        for operation in Operation::ALL {
            let request = Request { operation, ..read("m/x \"y\"") };
            let proposed = explain(&acl(""), &request).permit.unwrap();
            assert!(acl(&proposed).decide(&request).allowed, "{proposed}");
        }
    }

    #[test]
    fn it_proposes_no_policy_that_permits_more_than_was_asked() {
        for path in ["a/*", "a/+", "+/a", "a/{{b}}", "a/${b}", "a\u{200b}"] {
            assert_eq!(explain(&acl(""), &read(path)).permit, None, "{path}");
        }
        // A rule of its own would undo the limits of the pattern.
        let limited = "path \"a/*\" { capabilities = [\"list\"]\n required_parameters = [\"k\"] }";
        assert_eq!(explain(&acl(limited), &read("a/b")).permit, None);
        let denied = "path \"a/*\" { capabilities = [\"deny\"] }";
        assert_eq!(explain(&acl(denied), &read("a/b")).permit, None);
    }

    #[test]
    fn what_fits_is_shown_best_first_with_its_lines() {
        let acl = acl(
            "path \"a/*\" { capabilities = [\"list\"] }\npath \"a/+/c\" { capabilities = [\"read\"] }\n\
             path \"a/b/*\" { capabilities = [\"update\"] }\npath \"x\" { capabilities = [\"read\"] }\n\
             path \"a/b/*\" { capabilities = [\"patch\"] }",
        );
        let explained = explain(&acl, &read("a/b/c"));
        let shown: Vec<_> =
            explained.candidates.iter().map(|c| (c.path, c.line, c.decides)).collect();
        let best = [("a/b/*", 3, true), ("a/b/*", 5, true)];
        assert_eq!(shown, [best[0], best[1], ("a/+/c", 2, false), ("a/*", 1, false)]);
        assert!(explained.text.contains("(line 3)"), "{}", explained.text);
        let permit = explained.permit.unwrap();
        assert_eq!(
            permit,
            "path \"a/b/c\" {\n  capabilities = [\"patch\", \"read\", \"update\"]\n}\n"
        );
    }

    fn rule() -> impl Strategy<Value = String> {
        let path =
            prop::sample::select(vec!["a/*", "a/b", "a/b/", "a/+", "+/b", "a/b*", "*", "+/+/"]);
        let rights = prop::sample::subsequence(vec!["read", "list", "update", "scan"], 0..3);
        (path, rights).prop_map(|(p, c)| format!("path {p:?} {{ capabilities = {c:?} }}\n"))
    }

    proptest! {
        #[test]
        fn the_proposed_policy_permits_what_was_asked_and_takes_nothing_away(
            rules in prop::collection::vec(rule(), 0..5),
            operation in prop::sample::select(Operation::ALL.to_vec()),
            path in prop::sample::select(vec!["a/b", "a/c", "a", "b/b"]),
        ) {
            let text = rules.concat();
            let before = acl(&text);
            let request = Request { operation, ..read(path) };
            let explained = explain(&before, &request);
            prop_assert_eq!(explained.decision.allowed, explained.permit.is_none());
            if let Some(permit) = explained.permit {
                let after = acl(&format!("{text}{permit}"));
                prop_assert!(after.decide(&request).allowed, "{}{}", text, permit);
                for other in Operation::ALL {
                    let request = Request { operation: other, ..request };
                    let lost = before.decide(&request).allowed && !after.decide(&request).allowed;
                    prop_assert!(!lost || other == operation, "{:?}: {}{}", other, text, permit);
                }
            }
        }
    }

    #[test]
    fn no_parameter_value_is_shown() {
        let acl =
            acl("path \"a\" { capabilities = [\"update\"]\n denied_parameters = { k = [] } }");
        let sent = serde_json::json!({"k": "marker"});
        let request = Request {
            operation: Operation::Update,
            path: "a",
            parameters: sent.as_object(),
            wrap_ttl: None,
        };
        let text = explain(&acl, &request).text;
        assert!(text.contains("denied_parameters") && !text.contains("marker"), "{text}");
    }
}
