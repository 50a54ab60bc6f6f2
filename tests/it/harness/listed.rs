//! Differences that are meant, listed with their reasons in a golden file: what is not listed fails
//! a test, and so does what is listed and no longer there.

use std::collections::BTreeSet;
use std::fs;

use super::root;

/// Lines of `subject | what | reason`; in the first two `*` is any text.
pub struct Listed {
    lines: Vec<Line>,
    occurred: BTreeSet<usize>,
    wrong: Vec<String>,
}

struct Line {
    number: usize,
    subject: String,
    what: String,
}

impl Listed {
    /// Of `tests/golden/NAME`.
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join("tests/golden").join(name)).unwrap();
        let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
        let lines = lines
            .filter(|(_, l)| !l.starts_with('#'))
            .map(|(i, l)| {
                let parts: Vec<&str> = l.split(" | ").map(str::trim).collect();
                let [subject, what, reason] = parts[..] else { panic!("line {}: {l}", i + 1) };
                assert!(!reason.is_empty(), "line {} gives no reason", i + 1);
                Line { number: i + 1, subject: subject.to_owned(), what: what.to_owned() }
            })
            .collect();
        Self { lines, occurred: BTreeSet::new(), wrong: Vec::new() }
    }

    /// A difference that was found.
    pub fn found(&mut self, subject: &str, what: &str) {
        let known: Vec<usize> = self
            .lines
            .iter()
            .filter(|l| fits(&l.subject, subject) && fits(&l.what, what))
            .map(|l| l.number)
            .collect();
        if known.is_empty() {
            self.wrong.push(format!("{subject}\n    {what}"));
        }
        self.occurred.extend(known);
    }

    /// Fails unless the differences found are those that are listed.
    pub fn settle(mut self) {
        for l in self.lines.iter().filter(|l| !self.occurred.contains(&l.number)) {
            let (number, subject) = (l.number, &l.subject);
            self.wrong.push(format!("line {number} is listed and differs no more: {subject}"));
        }
        let wrong = self.wrong;
        assert!(wrong.is_empty(), "{} unlisted:\n{}", wrong.len(), wrong.join("\n"));
    }
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
