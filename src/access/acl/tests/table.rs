//! Decisions one can read: policies, a request, the answer.

use serde_json::json;

use super::*;

/// Sets as `path: capabilities` lines; policies are separated by `;`.
fn set(rules: &str) -> Acl {
    let texts: Vec<String> = rules
        .split(';')
        .map(|policy| {
            let rule = |line: &str| {
                let (path, capabilities) = line.split_once(':').unwrap();
                let capabilities: Vec<_> = capabilities.split_whitespace().collect();
                format!("path {path:?} {{ capabilities = {capabilities:?} }}\n")
            };
            policy.split(',').map(str::trim).filter(|l| !l.is_empty()).map(rule).collect()
        })
        .collect();
    acl(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn paths_are_matched_by_vaults_priorities() {
    let table = [
        // Exact paths.
        ("a: read", "a", "read"),
        ("a: read", "b", "deny"),
        ("a: read", "ab", "deny"),
        ("a: read", "a/b", "deny"),
        ("/a: read", "a", "read"),
        ("//a: read", "a", "deny"),
        ("a/: read", "a", "deny"),
        ("a/: read", "a/", "read"),
        ("a: read", "a/", "read"),
        ("a: list, a/: read", "a/", "read"),
        ("a: create read update delete list patch scan sudo", "a", {
            "create delete list patch read scan sudo update"
        }),
        // An exact path beats any pattern, whatever it says.
        ("a: read, *: deny", "a", "read"),
        ("a: deny, *: read", "a", "deny"),
        ("a/b: read, a/+: update", "a/b", "read"),
        ("a/b: , a/*: update", "a/b", "deny"),
        // Prefixes: the longest counts, alone.
        ("*: read", "a/b", "read"),
        ("a*: read", "a", "read"),
        ("a*: read", "abc/d", "read"),
        ("a/*: read", "a", "deny"),
        ("a/*: read", "a/", "read"),
        ("a/*: read", "a/b/c", "read"),
        ("a/*: read, a/b*: update", "a/bc", "update"),
        ("a/*: read, a/b*: update", "a/c", "read"),
        ("a/*: deny, a/b/*: read", "a/b/c", "read"),
        ("a/*: read, a/b/*: deny", "a/b/c", "deny"),
        ("a/*: deny, a/b/*: list", "a/b/", "list"),
        // A star elsewhere is a letter.
        ("a/*/b: read", "a/x/b", "deny"),
        ("a/*/b: read", "a/*/b", "read"),
        // Segments.
        ("+: read", "a", "read"),
        ("+: read", "a/b", "deny"),
        ("+/b: read", "a/b", "read"),
        ("a/+: read", "a/b", "read"),
        ("a/+: read", "a", "deny"),
        ("a/+: read", "a/", "read"),
        ("a/+: read", "a/b/c", "deny"),
        ("a/+/c: read", "a/b/c", "read"),
        ("a/+/c: read", "a/b/d", "deny"),
        ("a/+/c*: read", "a/b/cd/e", "read"),
        ("a/+/*: read", "a/b", "deny"),
        ("a/+/*: read", "a/b/", "read"),
        ("a/+/*: read", "a/b/c/d", "read"),
        ("a+/b: read", "ax/b", "deny"),
        ("a+/b: read", "a+/b", "read"),
        ("a/+b: read", "a/xb", "deny"),
        // The first wildcard furthest right wins.
        ("+/b: read, a/+: update", "a/b", "update"),
        ("+/b/+: read, a/*: update", "a/b/c", "update"),
        ("a/+/c: read, a/b/+: update", "a/b/c", "update"),
        ("+/+/c: read, +/b/*: update", "a/b/c", "read"),
        ("a/b*: read, a/+: update", "a/bc", "read"),
        // Then the one without a star, with fewer `+`, the longer, the greater.
        ("a/+: read, a/*: update", "a/b", "read"),
        ("a/+/*: read, a/*: update", "a/b/c", "update"),
        ("a/+/+/d: read, a/+/c/d: update", "a/b/c/d", "update"),
        ("a/+/b*: read, a/+/bc*: update", "a/x/bcd", "update"),
        ("+/b/+: read, +/+/c: update", "a/b/c", "read"),
        ("+/b/+/+: read, +/+/c/+: update", "a/b/c/d", "read"),
        // One path in several policies: capabilities unite, deny swallows.
        ("a: read; a: update", "a", "read update"),
        ("a*: read; a*: update", "ab", "read update"),
        ("a/+: read; a/+: update", "a/b", "read update"),
        ("a: read; a: deny", "a", "deny"),
        ("a: deny; a: read", "a", "deny"),
        ("a: deny read", "a", "deny"),
        ("a: read, a: list", "a", "list read"),
        ("a/*: deny; a/b: read", "a/b", "read"),
        ("a/*: read; a*: sudo", "a/b", "read"),
    ];
    assert!(table.len() >= 60);
    for (rules, path, expected) in table {
        assert_eq!(set(rules).capabilities(path).join(" "), expected, "{rules} | {path}");
    }
}

#[test]
fn p17_a_deny_holds_for_lists_in_either_spelling() {
    use Operation::{List, Read, Scan};
    let table = [
        ("a: deny, a/: list scan", "a", List, false),
        ("a: deny, a/: list scan", "a", Scan, false),
        ("a: list, a/: deny", "a", List, false),
        ("a: read, a/: deny", "a", Read, true),
        ("m/*: list, m/a: deny", "m/a", List, false),
        ("m/*: list, m/a/: deny", "m/a", List, false),
        ("m/*: list, m/a/: deny", "m/a", Read, false),
        ("m/*: list, m/+: deny", "m/a", List, false),
        ("m/*: list scan, m/+: deny", "m/a", Scan, false),
        ("m/+: list, m/a/*: deny", "m/a", List, false),
        ("m/a*: list, m/a/*: deny", "m/a", List, false),
        // A narrower grant beats a wider deny, as everywhere.
        ("m/*: deny, m/a/*: list scan", "m/a", List, true),
        ("m/*: deny, m/a/*: list scan", "m/a", Scan, true),
        ("m/+: deny, m/a/*: list", "m/a", List, true),
        ("m/a: list", "m/a", List, true),
        ("m/a: list", "m/a", Scan, false),
        ("m/a/: scan", "m/a", Scan, true),
        ("m/a/*: list", "m/a", List, true),
        ("m/a/*: list", "m/a", Read, false),
    ];
    for (rules, path, operation, allowed) in table {
        let acl = set(rules);
        assert_eq!(
            decide(&acl, operation, path).allowed,
            allowed,
            "{rules} | {operation:?} {path}"
        );
    }
}

#[test]
fn p16_slashes_around_a_path_lift_no_deny() {
    let acl = set("*: read list, a: deny");
    for (path, operation) in [
        ("a/", Operation::Read),
        ("a/", Operation::List),
        ("/a", Operation::Read),
        ("/a", Operation::List),
        ("//a/", Operation::Read),
    ] {
        assert!(!decide(&acl, operation, path).allowed, "{operation:?} {path}");
    }
    assert!(decide(&acl, Operation::Read, "b/").allowed);
}

#[test]
fn p21_each_operation_needs_its_own_capability() {
    for granted in Operation::ALL {
        let acl = set(&format!("a: {}", granted.as_str()));
        for asked in Operation::ALL {
            let decision = decide(&acl, asked, "a");
            assert_eq!(decision.allowed, granted == asked, "{granted:?} {asked:?}");
            assert!(!decision.sudo && !decision.root);
        }
    }
    let sudo = set("a: sudo");
    assert!(Operation::ALL.iter().all(|o| !decide(&sudo, *o, "a").allowed));
    assert!(decide(&sudo, Operation::Read, "a").sudo);
}

#[test]
fn root_alone_may_everything_and_beside_others_nothing() {
    let other = Policy::parse(PolicyName::default_policy(), "path \"*\" { policy = \"sudo\" }");
    let (root, other) = (Arc::new(Policy::root()), Arc::new(other.unwrap()));
    let compile = |set: &[Arc<Policy>]| Acl::compile(set, &TemplateValues::none(), Timestamp(0));

    let alone = compile(std::slice::from_ref(&root));
    let decision = decide(&alone, Operation::Delete, "a");
    assert!(decision.allowed && decision.sudo && decision.root && alone.is_root());
    assert_eq!(alone.capabilities("a"), ["root"]);
    assert!(alone.has_any_under("a") && alone.may_see("a", "b"));

    for set in
        [vec![root.clone(), other.clone()], vec![other, root.clone()], vec![root.clone(), root]]
    {
        let mixed = compile(&set);
        assert!(!mixed.is_root() && !decide(&mixed, Operation::Read, "a").allowed);
        assert_eq!(mixed.capabilities("a"), ["deny"]);
    }
    let empty = compile(&[]);
    assert_eq!(decide(&empty, Operation::Read, "a").reason, Reason::NoRule);
}

#[test]
fn the_deciding_rule_and_its_policy_are_named() {
    let acl = set("a: read; a: update; b/*: list, b/*: deny; b/*: read");
    let named = |operation, path| {
        let rule = decide(&acl, operation, path).rule;
        rule.map(|r| (r.policy.to_owned(), r.path.to_owned()))
    };
    let of = |policy: &str, path: &str| Some((policy.to_owned(), path.to_owned()));
    assert_eq!(named(Operation::Read, "a"), of("p0", "a"));
    assert_eq!(named(Operation::Update, "a"), of("p1", "a"));
    assert_eq!(named(Operation::Delete, "a"), of("p0", "a"));
    assert_eq!(named(Operation::Read, "b/x"), of("p2", "b/*"));
    assert_eq!(named(Operation::Read, "c"), None);
}

#[test]
fn a_mount_is_visible_when_anything_beneath_it_is_granted() {
    let table = [
        ("kvd/x: deny", "kvd/", false),
        ("+/x: read", "kvd/", true),
        ("+/x/y: read", "kvd/z", false),
        ("kvd/x/y: read", "kvd/", true),
        ("kvd/x/y: read", "kvd", true),
        ("kvd/x/y: read", "kv", false),
        ("kvd: read", "kvd/", true),
        ("kvd/: read", "kvd/", true),
        ("kvd/x*: list", "kvd/", true),
        ("kv*: list", "kvd/", true),
        ("*: read", "kvd/", true),
        ("*: read, kvd/*: deny", "kvd/", false),
        ("*: read, kvd/*: deny, kvd/x: read", "kvd/", true),
        ("+/x: read, kvd/*: deny", "kvd/", false),
        ("+: read", "kvd/", true),
        ("+/+/x: read", "a/b/", true),
        ("+/+/x*: deny", "a/b/", false),
        ("a/+/b*: read", "a/x/bc/", true),
        ("a/+/b*: read", "a/x/c/", false),
        ("kvd/x: ", "kvd/", false),
    ];
    for (rules, prefix, expected) in table {
        assert_eq!(set(rules).has_any_under(prefix), expected, "{rules} | {prefix}");
    }
}

#[test]
fn lists_hide_what_is_denied_unless_something_beneath_is_granted() {
    let acl = set("m/*: list, m/no: deny, m/dir/*: deny, m/half/*: deny, m/half/x: read");
    for (child, seen) in [
        ("yes", true),
        ("no", false),
        ("dir", true),
        ("dir/", false),
        ("half/", true),
        ("no/", true),
    ] {
        assert_eq!(acl.may_see("m", child), seen, "{child}");
        assert_eq!(acl.may_see("m/", child), seen, "{child}");
    }
    // What no rule names is shown: the directory's own rule says who may list.
    assert!(set("m/: list").may_see("m", "unnamed"));
}

#[test]
fn bounds_of_merged_rules_are_the_lesser_and_each_is_kept() {
    let rule =
        |extra: &str| format!("path \"a\" {{ capabilities = [\"read\", \"list\"]\n{extra} }}");
    let wrapped = |texts: &[&str], seconds: Option<u64>| {
        let texts: Vec<String> = texts.iter().map(|t| rule(t)).collect();
        let acl = acl(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let wrap_ttl = seconds.map(Duration::from_secs);
        let request = Request { operation: Operation::Read, path: "a", parameters: None, wrap_ttl };
        acl.decide(&request).allowed
    };
    let (min, max) = ("min_wrapping_ttl = \"1m\"", "max_wrapping_ttl = 120");
    assert!(!wrapped(&[min], None) && !wrapped(&[max], None));
    assert!(!wrapped(&[min], Some(59)) && wrapped(&[min], Some(60)));
    assert!(!wrapped(&[max], Some(121)) && wrapped(&[max], Some(120)));
    assert!(wrapped(&[min, "min_wrapping_ttl = 10"], Some(10)));
    assert!(!wrapped(&[max, "max_wrapping_ttl = 90"], Some(100)));
    assert!(!wrapped(&["min_wrapping_ttl = 200", max], Some(150)));

    let limited = |extra: &str, parameters: serde_json::Value| {
        let acl = acl(&[&rule(extra), &rule("pagination_limit = 50")]);
        let parameters = parameters.as_object();
        let request = Request { operation: Operation::List, path: "a", parameters, wrap_ttl: None };
        let decision = acl.decide(&request);
        (decision.allowed, decision.list_limit)
    };
    assert_eq!(limited("", json!({})), (true, Some(50)));
    assert_eq!(limited("pagination_limit = 20", json!({})), (true, Some(20)));
    assert_eq!(limited("", json!({"limit": "50"})), (true, Some(50)));
    assert_eq!(limited("", json!({"limit": 7})), (true, Some(7)));
    assert_eq!(limited("", json!({"limit": "max"})), (true, Some(50)));
    assert_eq!(limited("", json!({"limit": 0})), (true, Some(50)));
    assert_eq!(limited("", json!({"limit": "51"})), (false, None));
    assert_eq!(limited("", json!({"limit": "x"})), (false, None));
    assert_eq!(limited("", json!({"limit": "-1"})), (false, None));
    assert_eq!(limited("required_parameters = [\"limit\"]", json!({})), (false, None));
}

#[test]
fn parameters_are_checked_for_operations_that_send_them() {
    let acl = acl(&["path \"a\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \
                     \"delete\"]\n allowed_parameters = { x = [\"1\"] } }"]);
    let sent = json!({"y": "1"});
    for operation in Operation::ALL {
        let request =
            Request { operation, path: "a", parameters: sent.as_object(), wrap_ttl: None };
        let expected = match operation {
            Operation::Delete => Reason::Granted,
            Operation::List | Operation::Scan => Reason::CapabilityMissing,
            _ => Reason::ParameterNotAllowed,
        };
        assert_eq!(acl.decide(&request).reason, expected, "{operation:?}");
    }
}

#[test]
fn p18_templates_grant_for_their_value_only_and_a_deny_without_value_denies_all() {
    let text = "path \"u/{{identity.entity.id}}/*\" { capabilities = [\"read\"] }\n\
                path \"u/{{identity.entity.id}}/x\" { capabilities = [\"deny\"] }\n\
                path \"v/*\" { capabilities = [\"read\"] }";
    let mut values = TemplateValues::none();
    values.insert("identity.entity.id", "e1");
    let known = acl_for(&[text], &values, Timestamp(0));
    assert_eq!(known.capabilities("u/e1/y"), ["read"]);
    assert_eq!(known.capabilities("u/e1/x"), ["deny"]);
    assert_eq!(known.capabilities("u/e2/y"), ["deny"]);

    values.insert("identity.entity.id", "*");
    for values in [values, TemplateValues::none()] {
        let unknown = acl_for(&[text, "path \"u/*\" { capabilities = [\"read\"] }"], &values, {
            Timestamp(0)
        });
        assert_eq!(unknown.capabilities("u/e1/y"), ["read"]);
        assert_eq!(unknown.capabilities("u/e1/x"), ["deny"]);
        assert_eq!(unknown.capabilities("u/e2/x"), ["deny"]);
        assert_eq!(unknown.capabilities("v/e2/x"), ["read"]);
        assert_eq!(decide(&unknown, Operation::List, "u/e1/x").reason, Reason::Denied);
    }
}

#[test]
fn an_expired_rule_is_as_if_not_written_and_the_set_knows_until_when_it_holds() {
    let text = "path \"a\" { capabilities = [\"read\"]\n expiration = 100 }\n\
                path \"a*\" { capabilities = [\"list\"]\n expiration = \"1970-01-01T00:05:00Z\" }";
    let at =
        |seconds| acl_for(&[text], &TemplateValues::none(), Timestamp::from_unix_seconds(seconds));
    assert_eq!(at(99).capabilities("a"), ["read"]);
    assert_eq!(at(99).valid_until(), Some(Timestamp::from_unix_seconds(100)));
    assert_eq!(at(100).capabilities("a"), ["list"]);
    assert_eq!(at(100).valid_until(), Some(Timestamp::from_unix_seconds(300)));
    assert_eq!(at(300).capabilities("a"), ["deny"]);
    assert_eq!(at(300).valid_until(), None);
}
