//! Routes and their descriptions belong together, and so do fields and what handlers read.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::http::routes;

const KINDS: &[EngineKind] = &[
    EngineKind::System,
    EngineKind::Kv2,
    EngineKind::Token,
    EngineKind::AppRole,
    EngineKind::Kv1,
    EngineKind::Userpass,
    EngineKind::Cubbyhole,
    EngineKind::Identity,
];

#[test]
fn every_verb_of_every_route_is_described_and_nothing_else_is() {
    assert_eq!(KINDS.len(), routes::ALL.len());
    let mut wrong = Vec::new();
    for kind in KINDS {
        let table = routes::below(*kind);
        for route in table {
            for (verb, _) in route.verbs {
                if find(*kind, route.pattern, *verb).is_none() {
                    wrong.push(format!("{kind:?} {} {verb:?} is not described", route.pattern));
                }
            }
        }
        let mut seen = BTreeSet::new();
        for operation in of(*kind).iter().copied().flatten() {
            let (pattern, verb) = (operation.pattern, operation.verb);
            if !seen.insert((pattern, format!("{verb:?}"))) {
                wrong.push(format!("{kind:?} {pattern} {verb:?} is described twice"));
            }
            let routed = table
                .iter()
                .any(|r| r.describes(pattern) && r.verbs.iter().any(|(v, _)| *v == verb));
            // Answered before the table is asked.
            if !routed && (*kind, pattern) != (EngineKind::System, "health") {
                wrong.push(format!("{kind:?} {pattern} {verb:?} is described and not routed"));
            }
            if operation.summary.is_empty() || operation.summary.ends_with('.') {
                wrong.push(format!("{kind:?} {pattern} {verb:?}: {:?}", operation.summary));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_pattern_stands_in_its_table_once() {
    for (name, table) in routes::ALL {
        let mut seen = BTreeSet::new();
        for route in *table {
            assert!(seen.insert(route.pattern), "{name}: {} hides another", route.pattern);
        }
    }
}

/// The names that the sources read from bodies and queries, against those that are described.
#[test]
fn fields_are_described_as_they_are_read() {
    let read = fields_read();
    assert!(read.len() > 100, "the sources are not read: {read:?}");
    let described: BTreeSet<String> = KINDS.iter().flat_map(|k| names(*k)).collect();
    // Of every request: what a GET is, and a question about the path.
    let of_all = ["list", "scan", "help"].map(str::to_owned);
    let missing: Vec<_> =
        read.iter().filter(|n| !described.contains(*n) && !of_all.contains(n)).collect();
    assert!(missing.is_empty(), "read and not described: {missing:?}");
    let orphaned: Vec<_> = described.iter().filter(|n| !read.contains(*n)).collect();
    assert!(orphaned.is_empty(), "described and not read: {orphaned:?}");
}

fn names(kind: EngineKind) -> BTreeSet<String> {
    fn gather(fields: &[Field], out: &mut BTreeSet<String>) {
        for field in fields {
            out.insert(field.name.to_owned());
            if let Kind::Of(inner) = field.kind {
                gather(inner, out);
            }
        }
    }
    let mut out = BTreeSet::new();
    for operation in of(kind).iter().copied().flatten() {
        for fields in operation.body.iter().chain(operation.query) {
            gather(fields, &mut out);
        }
    }
    out
}

/// First arguments of the getters, in the sources of `http` and of the shapes that it reads.
fn fields_read() -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in ["http", "wire"] {
        walk(&root.join(folder), &mut out);
    }
    out
}

fn walk(folder: &Path, out: &mut BTreeSet<String>) {
    const GETTERS: &[&str] = &[
        ".string(",
        ".secret(",
        ".int(",
        ".boolean(",
        ".seconds(",
        ".signed_seconds(",
        ".strings(",
        ".ints(",
        ".string_map(",
        ".string_map_patch(",
        ".object(",
        ".nested(",
        ".raw(",
        ".switch(",
        ".required(",
        ".required_secret(",
        ".has(",
        "(place(",
        " place(",
        "(body,",
        "(&body,",
        "(&ctx.body,",
        "(config,",
        "(&query,",
        "(&ctx.query,",
    ];

    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, out);
            continue;
        }
        // Tests read what they like.
        if path.ends_with("tests.rs") || path.components().any(|c| c.as_os_str() == "spec") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for getter in GETTERS.iter().copied() {
            for after in source.split(getter).skip(1) {
                let Some(literal) = after.trim_start().strip_prefix('"') else { continue };
                let name = literal.split('"').next().unwrap();
                out.insert(name.to_owned());
            }
        }
    }
}
