//! Which documents are policies: a corpus of forms that people write, and mutations of it, written
//! to `bao server` and parsed by us.

use serde_json::json;
use strongroom::access::{Policy, PolicyError, PolicyName};

use super::generate::Generator;
use super::{Differences, Side, number};
use crate::harness::{Oracle, root};

/// Put into documents at random, besides pieces of the documents themselves.
const PIECES: [&str; 32] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "=",
    ",",
    ":",
    "#",
    "//",
    "/*",
    "*/",
    "\n",
    " ",
    "\\",
    "<<EOF\n",
    "EOF",
    "path",
    "\"x\"",
    "capabilities",
    "\"read\"",
    "policy",
    "deny",
    "null",
    "true",
    "1",
    "-",
    "{{",
    "}}",
    "+*",
    "${",
    "/",
];

#[test]
fn documents_are_accepted_and_refused_as_by_the_oracle_but_for_listed_differences() {
    let oracle = Oracle::start();
    let theirs = Side { address: &oracle.address, root_token: oracle.root_token.clone() };
    let corpus = std::fs::read_to_string(root().join("tests/golden/policy-forms.txt")).unwrap();
    let corpus: Vec<&str> = corpus.split("\n----\n").collect();
    let mut generator = Generator::new(number("STRONGROOM_RIGHTS_SEED", 1));
    let mut differences = Differences::new();
    let mut documents: Vec<String> = corpus.iter().map(|d| (*d).to_owned()).collect();
    let mutations = usize::try_from(number("STRONGROOM_RIGHTS_DOCUMENTS", 2_000)).unwrap();
    documents.extend((0..mutations).map(|_| mutated(&mut generator, &corpus)));

    let mut accepted = 0;
    for text in documents.iter().filter(|text| !text.is_empty()) {
        let answer = theirs.root("PUT", "sys/policies/acl/d", json!({ "policy": text }));
        let theirs = answer.status == 204;
        accepted += usize::from(theirs);
        let ours = Policy::parse(PolicyName::canonical("d").unwrap(), text);
        let (class, what) = match (&ours, theirs) {
            (Ok(_), true) | (Err(_), false) => continue,
            (Ok(_), false) => {
                let error = answer.body.clone();
                (differences.found("documents: accepted: ", &error), error)
            }
            (Err(error), true) => {
                let json = text.trim_start().starts_with('{')
                    && matches!(error, PolicyError::Syntax { .. });
                let error = error.to_string();
                let error = if json { error.replace(": At ", ": (in JSON) At ") } else { error };
                (differences.found("documents: refused: ", &error), error)
            }
        };
        differences.note(class.as_deref(), || {
            format!("{} -> {}: {what}\n{text}\n", verdict(theirs), verdict(ours.is_ok()))
        });
    }
    println!("{} documents, {accepted} accepted", documents.len());
    assert!(accepted * 12 > documents.len(), "{accepted} accepted");
    differences.settle("documents");
}

fn verdict(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "refused" }
}

fn mutated(generator: &mut Generator, corpus: &[&str]) -> String {
    let mut text: Vec<char> = generator.pick(corpus).chars().collect();
    for _ in 0..=generator.below(2) {
        let at = generator.below(text.len() + 1);
        let end = (at + generator.below(4)).min(text.len());
        match generator.below(4) {
            0 => drop(text.drain(at..end)),
            1 => drop(text.splice(at..at, generator.pick(&PIECES).chars())),
            2 => {
                let copied: Vec<char> = text[at..end].to_vec();
                let to = generator.below(text.len() + 1);
                drop(text.splice(to..to, copied));
            }
            _ => drop(text.splice(at..end, generator.pick(&PIECES).chars())),
        }
    }
    text.into_iter().collect()
}
