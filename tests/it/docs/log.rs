//! Every warning and error that the server can log stands in a document for operators.

use std::fs;
use std::path::Path;

use crate::harness::root;

/// The last text literal of each `warn!` and `error!` in a source file: the message.
fn messages(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for call in ["warn!(", "error!("] {
        for after in source.split(call).skip(1) {
            found.extend(last_literal(after));
        }
    }
    found
}

/// Up to the parenthesis that closes what is open.
fn last_literal(call: &str) -> Option<String> {
    let (mut depth, mut last) = (1, None);
    let mut chars = call.chars();
    while let Some(c) = chars.next() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    text.push(if c == '\\' { chars.next()? } else { c });
                }
                last = Some(text);
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    last.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn sources(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && name != "tests.rs" {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let document = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let explained = document("LOG-MESSAGES.md") + &document("OPERATIONS.md");
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let all: Vec<String> = files.iter().flat_map(|source| messages(source)).collect();
    assert!(all.len() > 60, "{} messages were found", all.len());
    // What is filled in at run time is left out of the comparison.
    let constant = |text: &String| {
        let parts = text.split(['{', '}']).step_by(2).map(str::to_owned);
        parts.max_by_key(String::len).unwrap_or_default()
    };
    let missing: Vec<_> = all.iter().filter(|text| !explained.contains(&constant(text))).collect();
    assert!(missing.is_empty(), "docs/LOG-MESSAGES.md does not explain {missing:#?}");
}

#[test]
fn messages_are_found_where_they_are_logged() {
    let source = "warn!(%error, key = name(\"x\"), \"a \\\n   message\"); error!(\"b {c}\");";
    assert_eq!(messages(source), ["a message", "b {c}"]);
}
