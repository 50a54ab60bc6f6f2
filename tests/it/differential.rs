//! The same exchanges with `bao server` and with ours: statuses, headers that matter, bodies. What
//! differs stands, with its reason, in `tests/golden/dialect-differences.txt`; nothing else may
//! differ, and what is listed must.

mod compare;
mod script;

use std::collections::BTreeSet;
use std::fs;

use crate::harness::{Oracle, Server, root};
use script::Side;

/// A difference that is meant: patterns (`*` is any text) of the exchange and of what differs.
struct Listed {
    line: usize,
    exchange: String,
    what: String,
}

#[test]
fn answers_are_those_of_the_oracle_but_for_the_listed_differences() {
    let golden = root().join("tests/golden");
    let steps = script::steps(&fs::read_to_string(golden.join("dialect-exchanges.txt")).unwrap());
    let listed = listed(&fs::read_to_string(golden.join("dialect-differences.txt")).unwrap());
    let server = Server::start();
    let oracle = Oracle::start();
    let mut theirs = Side::new(&oracle.address, &oracle.root_token);
    let mut ours = Side::new(server.address(), &server.root_token());

    let mut occurred = BTreeSet::new();
    let mut wrong = Vec::new();
    for step in &steps {
        let name = format!("{}: {}", step.section, step.line);
        let found = match (theirs.perform(step), ours.perform(step)) {
            (Ok(a), Ok(b)) => compare::differences((&theirs, &a), (&ours, &b)),
            (Err(_), Err(_)) => Vec::new(),
            (Err(_), Ok(b)) => vec![format!("connection: closed -> {}", b.status)],
            (Ok(a), Err(e)) => vec![format!("connection: {} -> closed ({e})", a.status)],
        };
        for what in found {
            let known: Vec<&Listed> = listed
                .iter()
                .filter(|l| fits(&l.exchange, &name) && fits(&l.what, &what))
                .collect();
            occurred.extend(known.iter().map(|l| l.line));
            if known.is_empty() {
                wrong.push(format!("{name}\n    {what}"));
            }
        }
    }
    for l in listed.iter().filter(|l| !occurred.contains(&l.line)) {
        wrong.push(format!("line {} is listed and differs no more: {}", l.line, l.exchange));
    }
    assert!(steps.len() >= 250, "{} exchanges", steps.len());
    assert!(wrong.is_empty(), "{} unlisted:\n{}", wrong.len(), wrong.join("\n"));
}

/// Lines of `exchange | what | reason`.
fn listed(text: &str) -> Vec<Listed> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    lines
        .filter(|(_, l)| !l.starts_with('#'))
        .map(|(i, l)| {
            let parts: Vec<&str> = l.split(" | ").map(str::trim).collect();
            let [exchange, what, reason] = parts[..] else { panic!("line {}: {l}", i + 1) };
            assert!(!reason.is_empty(), "line {} gives no reason", i + 1);
            Listed { line: i + 1, exchange: exchange.to_owned(), what: what.to_owned() }
        })
        .collect()
}

/// `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}
