//! Which documents are policies, what their rules say, and how others are refused.

use proptest::prelude::*;

use super::*;
use crate::access::{Acl, DEFAULT_POLICY_TEXT, TemplateValues};
use crate::limits::PATH_BYTES_MAX;

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(PolicyName::canonical("p").unwrap(), text)
}

fn only_rule(text: &str) -> Rule {
    let rules = parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).rules;
    assert_eq!(rules.len(), 1, "{text}");
    rules[0].clone()
}

fn body(keys: &str) -> Rule {
    only_rule(&format!("path \"x\" {{\n{keys}\n}}"))
}

fn refusal(text: &str) -> String {
    match parse(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted: {text}"),
    }
}

fn values(policy: Policy, path: &str) -> Vec<&'static str> {
    let set = [std::sync::Arc::new(policy)];
    Acl::compile(&set, &TemplateValues::none(), Timestamp(0)).capabilities(path)
}

#[test]
fn capabilities_and_legacy_words_unite() {
    let table = [
        ("capabilities = [\"read\"]", "read"),
        ("capabilities = [\"read\", \"list\",]", "list read"),
        ("capabilities = []", "deny"),
        ("", "deny"),
        ("capabilities = [\"read\"]\n capabilities = [\"list\"]", "list read"),
        ("capabilities = [\"deny\", \"read\"]", "deny"),
        ("\"capabilities\" = [\"scan\", \"patch\"]", "patch scan"),
        ("policy = \"read\"", "list read"),
        ("policy = \"write\"", "create delete list read update"),
        ("policy = \"sudo\"", "create delete list read sudo update"),
        ("policy = \"deny\"\n capabilities = [\"read\"]", "deny"),
        ("policy = \"read\" capabilities = [\"sudo\"]", "list read sudo"),
        ("policy = \"\"", "deny"),
        ("comment = <<EOF\n}\nEOF\npolicy = \"read\"", "list read"),
    ];
    for (keys, names) in table {
        assert_eq!(body(keys).capabilities.names().join(" "), names, "{keys}");
    }
}

#[test]
fn documents_in_hcl_and_json_give_the_same_rights() {
    let table = [
        r#"path "x" { capabilities = ["read"] } path "y" { policy = "deny" }"#,
        "name = \"n\"\npath x { capabilities = [\"read\"] }, # c\npath \"y\" {}",
        r#"{"path": {"x": {"capabilities": ["read"]}, "y": {}}}"#,
        r#"{"path": {"x": {"capabilities": ["read"]}}, "path": {"y": {}}, "name": "n"}"#,
        r#"{"path": [{"x": {"capabilities": ["read",]}}, {"y": {"policy": "deny"}}]}"#,
        r#"{"path": {"/x": {"capabilities": ["read"]}}}"#,
    ];
    for text in table {
        assert_eq!(values(parse(text).unwrap(), "x"), ["read"], "{text}");
        assert_eq!(values(parse(text).unwrap(), "y"), ["deny"], "{text}");
        assert_eq!(parse(text).unwrap().text(), text);
    }
    for text in ["", "  \n", "# nothing", "name = \"x\"", "{}"] {
        assert!(parse(text).unwrap().rules.is_empty(), "{text:?}");
    }
}

#[test]
fn bounds_are_read_in_each_spelling() {
    let seconds = |n| Some(Duration::from_secs(n));
    for (value, expected) in [
        ("90", seconds(90)),
        ("\"90\"", seconds(90)),
        ("\"1m30s\"", seconds(90)),
        ("\"1.5m\"", seconds(90)),
        ("\"1d\"", seconds(86_400)),
        ("\"1h\"", seconds(3_600)),
        ("1.5", Some(Duration::from_millis(1_500))),
        ("\"1500ms\"", Some(Duration::from_millis(1_500))),
        ("0", None),
        ("\"\"", None),
    ] {
        let limits = body(&format!("max_wrapping_ttl = {value}")).limits;
        assert_eq!(limits.max_wrapping_ttl, expected, "{value}");
        let limits = body(&format!("min_wrapping_ttl = {value}")).limits;
        assert_eq!(limits.min_wrapping_ttl, expected, "{value}");
    }
    for (value, expected) in [("10", Some(10)), ("\"10\"", Some(10)), ("0", None), ("-1", None)] {
        let limits = body(&format!("pagination_limit = {value}")).limits;
        assert_eq!(limits.pagination_limit, expected, "{value}");
    }
    for value in ["1893553445", "\"1893553445\"", "\"2030-01-02T03:04:05Z\""] {
        let at = Some(Timestamp::from_unix_seconds(1_893_553_445));
        assert_eq!(body(&format!("expiration = {value}")).expiration, at, "{value}");
    }
    let past = body("expiration = \"1969-01-01T00:00:00Z\"").expiration;
    assert_eq!(past, Some(Timestamp(0)));
}

#[test]
fn parameters_are_read_in_lower_case_and_united() {
    let limits = body(
        "allowed_parameters = { \"A\" = [\"x\", 1, true, 1.5], b = [] }\n\
         allowed_parameters { a = [\"y\"] }\n\
         denied_parameters { \"*\" = [] }\n required_parameters = [\"C\", \"d\"]",
    )
    .limits;
    let allowed = serde_json::json!({"a": ["x", 1, true, 1.5, "y"], "b": []});
    assert_eq!(serde_json::to_value(&limits.parameters.allowed).unwrap(), allowed);
    let denied = serde_json::json!({"*": []});
    assert_eq!(serde_json::to_value(&limits.parameters.denied).unwrap(), denied);
    assert!(limits.parameters.required.iter().eq(["c", "d"]));
}

#[test]
fn refusals_say_what_is_wrong_and_where() {
    let in_x = |problem: &str| format!("path \"x\": {problem}");
    let table = [
        ("path \"x\" {", "1:12", "object expected closing RBRACE got: EOF".into()),
        ("path \"x\" { capabilities = [\"nope\"] }", "1:12", in_x("invalid capability \"nope\"")),
        (
            "path \"x\" {\n  capabilities = [\"READ\"]\n}",
            "2:3",
            in_x("invalid capability \"READ\""),
        ),
        ("path \"x\" { capabilities = [\"root\"] }", "1:12", in_x("invalid capability \"root\"")),
        ("path \"x\" { capabilities = [1] }", "1:12", in_x("invalid capability \"1\"")),
        ("path \"x\" { capabilities = [true] }", "1:12", in_x("expected a string, got a boolean")),
        ("path \"x\" { capabilities = \"read\" }", "1:12", in_x("expected a list, got a string")),
        ("path \"x\" { policy = \"nope\" }", "1:12", in_x("invalid policy \"nope\"")),
        (
            "path \"x\" { policy = \"read\" policy = \"sudo\" }",
            "1:28",
            in_x("key \"policy\" is given twice"),
        ),
        ("path \"x\" {\n foo = 1 }", "2:2", in_x("invalid key \"foo\"")),
        ("path \"x\" { Capabilities = [] }", "1:12", in_x("invalid key \"Capabilities\"")),
        ("\nfoo \"x\" { }", "2:1", "invalid key \"foo\"; write path".into()),
        ("\n name \"x\" { }", "2:2", "name: expected a string, got an object".into()),
        (
            "path \"x\" { capabilities \"y\" {} }",
            "1:12",
            in_x("key \"capabilities y\" has more than one label"),
        ),
        (
            "\npath \"x\" { min_wrapping_ttl = \"1h\" max_wrapping_ttl = 90 }",
            "2:1",
            in_x("max_wrapping_ttl cannot be less than min_wrapping_ttl"),
        ),
        (
            "path \"x\" { expiration = \"soon\" }",
            "1:12",
            in_x("invalid expiration time: could not parse string as date and time"),
        ),
        (
            "path \"x\" { allowed_parameters = [\"a\"] }",
            "1:12",
            in_x("expected an object, got a list"),
        ),
        (
            "path \"x\" {\n allowed_parameters = {\n  a = []\n  b = \"c\"\n }\n}",
            "4:3",
            in_x("expected a list, got a string"),
        ),
        ("\n\n  path \"x+*\" { }", "3:3", "path \"x+*\": invalid use of wildcards".into()),
        (
            "{\"path\": {\"y\": {},\n \"x\": {\"policy\": \"nope\"}}}",
            "2:8",
            in_x("invalid policy \"nope\""),
        ),
        ("{\"path\":\n {\"x\": 7}}", "2:3", in_x("expected an object, got a number")),
    ];
    for (text, at, problem) in table {
        let expected = format!("failed to parse policy: At {at}: {problem}");
        let said = refusal(text);
        assert!(said.starts_with(&expected), "{text}\n{said}\n{expected}");
    }
}

#[test]
fn what_would_be_ignored_or_ambiguous_is_refused() {
    for text in [
        "path \"x\" \"y\" { }",
        "path = \"x\"",
        "path = [\"x\"]",
        "path { x = 1 }",
        "path { \"x\" { capabilities = [\"read\"] } }",
        "path = { \"x\" = { capabilities = [\"read\"] } }",
        "path = [{ \"x\" = { capabilities = [\"read\"] } }]",
        "{\"path\": {\"x\": {\"required_parameters\": [null]}}}",
        "name \"x\" { }",
        "path \"x+*\" { }",
        "path \"x/+*\" { }",
        "path \"x/{{a\" { }",
        "path \"x/a}}\" { }",
        "path \"x\\u0000\" { }",
        "path \"x\\n\" { }",
        "path \"x\" { mfa_methods = [\"m\"] }",
        "path \"x\" { control_group = { ttl = \"1h\" } }",
        "path \"x\" { list_scan_response_keys_filter_path = \"{{ .key }}\" }",
        "path \"x\" { min_wrapping_ttl = \"-1s\" }",
        "path \"x\" { min_wrapping_ttl = -1 }",
        "path \"x\" { min_wrapping_ttl = \"1x\" }",
        "path \"x\" { min_wrapping_ttl = \"1\u{660}s\" }",
        "path \"x\" { min_wrapping_ttl = \"99999999999999999999999h\" }",
        "path \"x\" { pagination_limit = 1.5 }",
        "path \"x\" { expiration = \"2030-01-02\" }",
        "{\"path\": {\"x\": {\"capabilities\": null}}}",
        "{\"path\": {\"x\": [{}]}}",
        "[{\"path\": {}}]",
        "{\"path\": {}} trailing",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_are_bounded() {
    let padded = |n: usize| format!("#{}", "x".repeat(n - 1));
    assert!(parse(&padded(POLICY_BYTES_MAX)).is_ok());
    assert_eq!(parse(&padded(POLICY_BYTES_MAX + 1)).unwrap_err(), PolicyError::TooLong);
    let path = |n: usize| format!("path \"{}\" {{}}", "x".repeat(n));
    assert!(parse(&path(PATH_BYTES_MAX)).is_ok());
    let said = refusal(&path(PATH_BYTES_MAX + 1));
    assert_eq!(said, "failed to parse policy: At 1:1: rule path is longer than 4096 bytes");
}

#[test]
fn p03_no_document_becomes_root() {
    let root = PolicyName::canonical(" Root ").unwrap();
    assert_eq!(Policy::parse(root, "").unwrap_err(), PolicyError::NameReserved);
    let named = parse("name = \"root\"\npath \"x\" {}").unwrap();
    assert_eq!(named.name().as_str(), "p");
    assert_eq!(values(named, "y"), ["deny"]);
}

#[test]
fn the_built_in_default_policy_parses_and_grants_only_what_it_lists() {
    let policy = Policy::parse(PolicyName::default_policy(), DEFAULT_POLICY_TEXT).unwrap();
    let table = [
        ("auth/token/lookup-self", "read"),
        ("auth/token/renew-self", "update"),
        ("auth/token/revoke-self", "update"),
        ("auth/token/create", "deny"),
        ("auth/token/lookup", "deny"),
        ("sys/capabilities-self", "update"),
        ("sys/capabilities", "deny"),
        ("sys/leases/renew", "update"),
        ("sys/leases/revoke", "deny"),
        ("sys/wrapping/unwrap", "update"),
        ("cubbyhole/a", "create delete list read update"),
        ("cubbyhole", "deny"),
        ("secret/data/a", "deny"),
        ("identity/entity/id/x", "deny"),
        ("identity/oidc/provider/p/authorize", "read update"),
    ];
    for (path, names) in table {
        assert_eq!(values(policy.clone(), path).join(" "), names, "{path}");
    }
    let mut values = TemplateValues::none();
    values.insert("identity.entity.id", "e1");
    let acl = Acl::compile(&[policy.into()], &values, Timestamp(0));
    assert_eq!(acl.capabilities("identity/entity/id/e1"), ["read"]);
}

proptest! {
    #[test]
    fn any_body_is_answered_without_panic(
        keys in prop::collection::vec(prop::sample::select(vec![
            "capabilities = [\"read\"]", "policy = \"deny\"", "policy = 1", "expiration = 1e300",
            "expiration = -1", "min_wrapping_ttl = 1e300", "max_wrapping_ttl = \"9e9h\"",
            "max_wrapping_ttl = \".s\"", "pagination_limit = -9223372036854775808", "foo = {}",
            "allowed_parameters { a = [[[]]] }", "allowed_parameters { a = [{}] }",
            "required_parameters = [[]]", "comment = []",
        ]), 0..4),
        path in "[a-c/+*{}]{0,8}",
    ) {
        let text = format!("path {path:?} {{\n{}\n}}", keys.join("\n"));
        if let Ok(policy) = parse(&text) {
            let denies = keys.contains(&"policy = \"deny\"");
            prop_assert_eq!(policy.rules[0].capabilities.is_deny(), denies);
            prop_assert!(!denies || policy.rules[0].limits.is_empty());
        }
    }
}

/// A recorded document: accepted by OpenBao 2.7.2 with these capabilities by path, or refused.
#[derive(serde::Deserialize)]
struct Recorded {
    text: String,
    capabilities: Option<std::collections::BTreeMap<String, Vec<String>>>,
}

#[test]
fn mutated_documents_are_refused_or_give_the_recorded_rights() {
    let golden = include_str!("../../../tests/golden/policy-documents.jsonl");
    let mut accepted = 0;
    for line in golden.lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        let Some(expected) = recorded.capabilities else {
            assert!(parse(&recorded.text).is_err(), "{line}");
            continue;
        };
        for (path, names) in expected {
            let policy = parse(&recorded.text).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!(values(policy, &path), names, "{path} in {line}");
        }
        accepted += 1;
    }
    assert!(accepted >= 100, "{accepted}");
}
