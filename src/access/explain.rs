//! A decision in words, for the person who was refused. Not here: deciding.

use super::trie::Pattern;
use super::{Decision, Operation, Reason, Request};

/// Which rule decided, and the smallest policy that would permit the request. Holds the path and
/// names of policies, no parameter values; for callers who may read policies.
pub fn explain(decision: &Decision<'_>, request: &Request<'_>) -> String {
    let (operation, path) = (request.operation.as_str(), request.path);
    let rule = match decision.rule {
        Some(rule) => format!("rule {:?} of policy {:?}", rule.path, rule.policy),
        None => "no rule".to_owned(),
    };
    let permit = permitting(request.operation, path)
        .map(|policy| format!("; this policy would permit it: {policy}"))
        .unwrap_or_default();
    match decision.reason {
        Reason::Root => format!("{operation} on {path:?} is allowed: root may do everything"),
        Reason::Granted => format!("{operation} on {path:?} is allowed by {rule}"),
        Reason::NoRule => format!("{operation} on {path:?} is denied: no rule matches{permit}"),
        Reason::Denied => format!(
            "{operation} on {path:?} is denied by {rule}, which says deny; deny beats every \
             capability for the same path, so that rule must change"
        ),
        Reason::CapabilityMissing => format!(
            "{operation} on {path:?} is denied: {rule} matches best but lacks {operation:?}{permit}"
        ),
        Reason::WrappingTtl => format!(
            "{operation} on {path:?} is denied: {rule} asks for a wrapped response within \
             min_wrapping_ttl and max_wrapping_ttl"
        ),
        Reason::ParameterRequired => format!(
            "{operation} on {path:?} is denied: {rule} has required_parameters that are missing"
        ),
        Reason::ParameterDenied => format!(
            "{operation} on {path:?} is denied: a parameter is in denied_parameters of {rule}"
        ),
        Reason::ParameterNotAllowed => format!(
            "{operation} on {path:?} is denied: a parameter is not in allowed_parameters of {rule}"
        ),
        Reason::ListLimit => format!(
            "{operation} on {path:?} is denied: limit is missing or above pagination_limit of {rule}"
        ),
    }
}

/// A rule for `path` alone. None where a policy would read the path as a pattern or template, and
/// so permit more than was asked for.
fn permitting(operation: Operation, path: &str) -> Option<String> {
    let is_literal = matches!(Pattern::parse(path), Pattern::Exact(_))
        && !["{{", "}}", "${", "+*"].iter().any(|special| path.contains(special))
        && path.chars().all(|c| matches!(c, ' '..='~') || c.is_alphanumeric());
    let operation = operation.as_str();
    is_literal.then(|| format!("path {path:?} {{ capabilities = [{operation:?}] }}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::{Acl, Operation, Policy, PolicyName, TemplateValues};
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
            ("c\"", vec!["no rule matches", "path \"c\\\"\" { capabilities = [\"read\"] }"]),
        ] {
            let request =
                Request { operation: Operation::Read, path, parameters: None, wrap_ttl: None };
            let text = explain(&acl.decide(&request), &request);
            for part in parts {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    #[test]
    fn the_policy_it_proposes_permits_the_request() {
        for operation in Operation::ALL {
            let request =
                Request { operation, path: "m/x \"y\"", parameters: None, wrap_ttl: None };
            let text = explain(&acl("").decide(&request), &request);
            let (_, proposed) = text.split_once("permit it: ").unwrap();
            assert!(acl(proposed).decide(&request).allowed, "{text}");
        }
    }

    #[test]
    fn it_proposes_no_policy_that_permits_more_than_was_asked() {
        for path in ["a/*", "a/+", "+/a", "a/{{b}}", "a/${b}", "a\u{200b}"] {
            let request =
                Request { operation: Operation::Read, path, parameters: None, wrap_ttl: None };
            let text = explain(&acl("").decide(&request), &request);
            assert!(text.ends_with("no rule matches"), "{text}");
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
        let text = explain(&acl.decide(&request), &request);
        assert!(text.contains("denied_parameters") && !text.contains("marker"), "{text}");
    }
}
