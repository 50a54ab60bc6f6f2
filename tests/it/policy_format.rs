//! The canonical spelling of policies against that of `bao policy fmt`, document by document. What
//! differs stands, with its reason, in `tests/golden/policy-format-differences.txt`.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::Value;
use strongroom::access::Policy;

use crate::harness::{Listed, finish, root, venv};

/// Runs of `bao` at the same time.
const WORKERS: usize = 4;

#[test]
fn policies_are_spelt_as_by_the_oracle_but_for_the_listed_differences() {
    let documents = documents();
    assert!(documents.len() >= 300, "{}", documents.len());
    let share = documents.len().div_ceil(WORKERS);
    let found: Vec<(String, String)> = thread::scope(|scope| {
        let workers: Vec<_> = documents
            .chunks(share)
            .map(|share| {
                scope.spawn(|| share.iter().filter_map(|d| difference(d)).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    let mut listed = Listed::read("policy-format-differences.txt");
    for (document, what) in &found {
        listed.found(document, what);
    }
    listed.settle();
}

/// The forms that people write, and of their mutations those that we format. (Which of the others
/// are policies is compared in `rights::documents`.)
fn documents() -> Vec<String> {
    let golden = root().join("tests/golden");
    let forms = fs::read_to_string(golden.join("policy-forms.txt")).unwrap();
    let mutations = fs::read_to_string(golden.join("policy-documents.jsonl")).unwrap();
    let mutations = mutations.lines().map(|line| {
        let recorded: Value = serde_json::from_str(line).unwrap();
        recorded["text"].as_str().unwrap().to_owned()
    });
    let forms = forms.split("\n----\n").map(str::to_owned);
    forms.chain(mutations.filter(|text| Policy::format(text).is_ok())).collect()
}

/// The document on one line, and how our spelling of it differs.
fn difference(document: &str) -> Option<(String, String)> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.hcl");
    fs::write(&file, document).unwrap();
    let ran = finish(Command::new(venv("bao-server")).args(["policy", "fmt"]).arg(&file));
    let theirs = (ran.code == Some(0)).then(|| fs::read_to_string(&file).unwrap());
    let ours = Policy::format(document).ok();
    let lines = |text: &str| -> Vec<String> {
        text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    };
    let what = match (&theirs, &ours) {
        (None, None) => return None,
        (Some(a), Some(b)) if a == b => return None,
        (Some(_), None) => "refused here".to_owned(),
        (None, Some(_)) => "refused there".to_owned(),
        (Some(a), Some(b)) if lines(a) == lines(b) => "blanks at an end".to_owned(),
        (Some(a), Some(b)) => format!("{a:?} -> {b:?}"),
    };
    Some((format!("{document:?}"), what))
}
