//! Holds the table of properties in docs/THREAT-MODEL.md against the names of the tests: each
//! property has a test named after it, or a reason why there is nothing to test yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::files;
use crate::harness::root;

const PROPERTIES: u32 = 52;

#[test]
fn every_property_has_a_test_or_a_reason() {
    let document = std::fs::read_to_string(root().join("docs/THREAT-MODEL.md")).unwrap();
    let rows: BTreeMap<u32, &str> = document.lines().filter_map(row).collect();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), (1..=PROPERTIES).collect::<Vec<_>>());
    let tested = tested(&root().join("src")).into_iter().chain(tested(&root().join("tests")));
    let tested: BTreeSet<u32> = tested.collect();
    let mut wrong = Vec::new();
    for (number, says) in rows {
        match (says.strip_prefix("none: "), tested.contains(&number)) {
            (None, true) if says == "yes" => {}
            (Some(reason), false) if reason.len() > 20 => {}
            (_, found) => wrong.push(format!("P{number}: {says:?}, a test: {found}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Number and last cell of `| P7 | … | yes |`.
fn row(line: &str) -> Option<(u32, &str)> {
    let mut cells = line.strip_prefix("| P")?.strip_suffix(" |")?.split(" | ");
    Some((cells.next()?.parse().ok()?, cells.last()?))
}

/// The numbers in the names of functions below `directory`: 1 and 11 for `p01_p11_…`.
fn tested(directory: &Path) -> BTreeSet<u32> {
    let is_rust = |path: &Path| path.extension().is_some_and(|e| e == "rs");
    let mut found = BTreeSet::new();
    for file in files(directory).into_iter().filter(|path| is_rust(path)) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (_, name) in text.lines().filter_map(|line| line.split_once("fn p")) {
            let mut parts = format!("p{name}");
            while let Some((number, rest)) = numbered(&parts) {
                found.insert(number);
                parts = rest;
            }
        }
    }
    found
}

fn numbered(name: &str) -> Option<(u32, String)> {
    let (number, rest) = name.strip_prefix('p')?.split_once('_')?;
    let digits = number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| (number.parse().unwrap(), rest.to_owned()))
}

/// Where a secret that somebody presents meets one that is kept.
const COMPARISONS: [&str; 6] = [
    "src/sensitive.rs",
    "src/identity/userpass/password.rs",
    "src/identity/approle/login.rs",
    "src/keyring/envelope.rs",
    "src/keyring/wrapped.rs",
    "src/hsm/wrap.rs",
];

/// Time can't be tested reliably; that every comparison is the one without an early end can.
#[test]
fn p43_secrets_are_compared_by_nothing_that_ends_early() {
    for name in COMPARISONS {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        assert!(text.contains("ct_eq("), "{name}");
    }
    let mut types = 0;
    for file in files(&root().join("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (before, after) in text.match_indices("struct Secret").map(|(at, _)| text.split_at(at))
        {
            let name = after.split(['(', ' ', '{', ';', '<']).nth(1).unwrap();
            if !["SecretText", "SecretBytes", "Secret32"].contains(&name) {
                continue;
            }
            types += 1;
            let attributes = before.rsplit("\n\n").next().unwrap();
            assert!(!attributes.contains("PartialEq"), "{name} in {file:?}");
        }
    }
    assert!(types >= 2, "{types}");
}
