//! The same exchanges with `bao server` and with ours: statuses, headers that matter, bodies. What
//! differs stands, with its reason, in `tests/golden/dialect-differences.txt`; nothing else may
//! differ, and what is listed must.

mod compare;
mod script;

use std::fs;

use crate::harness::{Listed, Oracle, Server, root};
use script::Side;

#[test]
fn answers_are_those_of_the_oracle_but_for_the_listed_differences() {
    let golden = root().join("tests/golden");
    let steps = script::steps(&fs::read_to_string(golden.join("dialect-exchanges.txt")).unwrap());
    let mut listed = Listed::read("dialect-differences.txt");
    let server = Server::start();
    let oracle = Oracle::start();
    let mut theirs = Side::new(&oracle.address, &oracle.root_token);
    let mut ours = Side::new(server.address(), &server.root_token());

    for step in &steps {
        let name = format!("{}: {}", step.section, step.line);
        let found = match (theirs.perform(step), ours.perform(step)) {
            (Ok(a), Ok(b)) => compare::differences((&theirs, &a), (&ours, &b)),
            (Err(_), Err(_)) => Vec::new(),
            (Err(_), Ok(b)) => vec![format!("connection: closed -> {}", b.status)],
            (Ok(a), Err(e)) => vec![format!("connection: {} -> closed ({e})", a.status)],
        };
        for what in found {
            listed.found(&name, &what);
        }
    }
    assert!(steps.len() >= 250, "{} exchanges", steps.len());
    listed.settle();
}
