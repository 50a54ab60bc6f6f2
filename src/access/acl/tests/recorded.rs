//! Every recorded answer of OpenBao 2.7.2's `sys/capabilities` for generated policy sets
//! (`tests/golden/acl-decisions.jsonl`, one set a line) is ours too, or ours is a deny that the
//! module states.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

/// `policies`: of each, its rules as path and capabilities.
#[derive(Deserialize)]
struct Case {
    policies: Vec<Vec<(String, Vec<String>)>>,
    expect: BTreeMap<String, Vec<String>>,
}

fn text(rules: &[(String, Vec<String>)]) -> String {
    rules.iter().map(|(path, c)| format!("path {path:?} {{ capabilities = {c:?} }}\n")).collect()
}

#[test]
fn p17_capabilities_are_those_of_vault_or_a_stated_deny() {
    let golden = include_str!("../../../../tests/golden/acl-decisions.jsonl");
    let (mut compared, mut stricter) = (0, 0);
    for line in golden.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let texts: Vec<String> = case.policies.iter().map(|rules| text(rules)).collect();
        let acl = acl(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        for (path, expected) in &case.expect {
            compared += 1;
            let ours = acl.capabilities(path);
            if ours == *expected {
                continue;
            }
            // Only a directory may differ, and only by a rule that says deny.
            let directory = path.strip_suffix('/');
            let denied = directory.map(|d| decide(&acl, Operation::List, d).reason);
            assert_eq!((ours, denied), (vec!["deny"], Some(Reason::Denied)), "{path} in {line}");
            stricter += 1;
        }
    }
    assert!(compared >= 2_000, "{compared}");
    assert!(stricter * 20 < compared, "{stricter} of {compared}");
}
