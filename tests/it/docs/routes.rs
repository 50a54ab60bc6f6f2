//! docs/API.md names every path that the server answers, and no other.

use std::collections::BTreeSet;
use std::fs;

use crate::harness::root;

/// A section's heading (its beginning) and the table of the paths that it describes.
const SECTIONS: &[(&str, &str)] = &[
    ("System", include_str!("../../../src/http/routes/system.rs")),
    ("Cubbyhole", include_str!("../../../src/http/routes/cubbyhole.rs")),
    ("KV version 1", include_str!("../../../src/http/routes/kv1.rs")),
    ("KV version 2", include_str!("../../../src/http/routes/kv.rs")),
    ("Tokens", include_str!("../../../src/http/routes/token.rs")),
    ("AppRole", include_str!("../../../src/http/routes/approle.rs")),
    ("Userpass", include_str!("../../../src/http/routes/userpass.rs")),
    ("Identity", include_str!("../../../src/http/routes/identity.rs")),
];

/// Described otherwise: "anything else" below a KV mount of version 2.
const UNNAMED: &[&str] = &["KV version 2 :", "KV version 2 data", "KV version 2 metadata"];

/// Answered before the table, or by a more general pattern of it.
const BESIDE: &[&str] =
    &["System health", "System auth/:/tune", "System mounts/:/tune", "System mounts/auth/:/tune"];

/// `secret/:path`, `secret/*path` and `secret/<path>` alike: `secret/:`.
fn shape(path: &str) -> String {
    let segment = |s: &str| if s.starts_with([':', '*', '<']) { ":".into() } else { s.to_owned() };
    path.split('/').map(segment).collect::<Vec<String>>().join("/")
}

/// `a[/b]` is `a` and `a/b`.
fn spelt_out(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('[') else { return vec![shape(path)] };
    // The bracket that closes it; others may lie within.
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        depth == 0
    });
    let (inner, after) = rest.split_at(end.expect("a bracket closes"));
    let after = &after[1..];
    let mut all = spelt_out(&format!("{before}{after}"));
    all.extend(spelt_out(&format!("{before}{inner}{after}")));
    all
}

fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/API.md")).unwrap();
    let mut section = None;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = SECTIONS.iter().map(|(name, _)| *name).find(|n| heading.starts_with(n));
        }
        let Some(section) = section.filter(|_| line.starts_with("| ")) else { continue };
        let cell = line.split('|').nth(1).unwrap_or_default();
        for path in cell.split('`').skip(1).step_by(2) {
            found.extend(spelt_out(path).iter().map(|path| format!("{section} {path}")));
        }
    }
    found
}

fn answered() -> BTreeSet<String> {
    let patterns = |table: &'static str| {
        let lines = table.lines().map(str::trim);
        let routes = lines.filter(|l| l.starts_with("lease \"") || l.starts_with("public \""));
        routes.filter_map(|line| line.split('"').nth(1))
    };
    let all = SECTIONS.iter().flat_map(|(section, table)| {
        patterns(table).map(move |pattern| format!("{section} {}", shape(pattern)))
    });
    all.collect()
}

#[test]
fn the_document_of_the_api_names_every_path_and_no_other() {
    let (documented, answered) = (documented(), answered());
    assert!(answered.len() > 100, "{} patterns were read", answered.len());
    let unnamed: Vec<_> =
        answered.difference(&documented).filter(|p| !UNNAMED.contains(&p.as_str())).collect();
    let invented: Vec<_> =
        documented.difference(&answered).filter(|p| !BESIDE.contains(&p.as_str())).collect();
    assert!(unnamed.is_empty(), "docs/API.md does not name {unnamed:?}");
    assert!(invented.is_empty(), "docs/API.md names what is not there: {invented:?}");
}

#[test]
fn brackets_are_spelt_out() {
    assert_eq!(spelt_out("a[/<b>[/c]]"), ["a", "a/:", "a/:/c"]);
    assert_eq!(spelt_out("a/*"), ["a/:"]);
}
