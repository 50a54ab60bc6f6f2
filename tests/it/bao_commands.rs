//! The same `bao` commands against `bao server` and against ours: exit codes, and the shape of what is
//! printed as JSON. What differs stands, with its reason, in `tests/golden/bao-command-differences.txt`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::harness::{Listed, Oracle, Run, Server, finish, root, venv};

/// Sections that run at the same time.
const WORKERS: usize = 4;
struct Section {
    name: String,
    steps: Vec<Step>,
}

#[derive(Default)]
struct Step {
    line: String,
    stdin: String,
    captures: Vec<(String, String)>,
}

/// One of the two servers.
struct Side<'a> {
    address: &'a str,
    root_token: &'a str,
    authority: Option<&'a Path>,
}

#[test]
fn bao_ends_and_prints_as_with_the_oracle_but_for_the_listed_differences() {
    let sections = sections();
    let commands: usize = sections.iter().map(|s| s.steps.len()).sum();
    assert!(commands >= 270, "{commands}");
    let (server, oracle) = (Server::start(), Oracle::start());
    let root_token = server.root_token();
    let authority = server.address().starts_with("https:").then(|| server.authority());
    let ours = Side {
        address: server.address(),
        root_token: &root_token,
        authority: authority.as_deref(),
    };
    let theirs = Side { address: &oracle.address, root_token: &oracle.root_token, authority: None };

    let (last, others) = sections.split_last().unwrap();
    let mut others: Vec<&Section> = others.iter().collect();
    // The longest first, so that the others fill the time beside it.
    others.sort_by_key(|section| std::cmp::Reverse(section.steps.len()));
    let waiting = Mutex::new(others.into_iter());
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(section) = waiting.lock().unwrap().next() else { return };
                    let differences = compared(section, &theirs, &ours);
                    found.lock().unwrap().extend(differences);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.extend(compared(last, &theirs, &ours));
    let mut listed = Listed::read("bao-command-differences.txt");
    for (command, what) in found {
        listed.found(&command, &what);
    }
    listed.settle();
}

fn sections() -> Vec<Section> {
    let text = fs::read_to_string(root().join("tests/golden/bao-commands.txt")).unwrap();
    let mut sections: Vec<Section> = Vec::new();
    let mut stdin = String::new();
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            sections.push(Section { name: name.to_owned(), steps: Vec::new() });
            continue;
        }
        let steps = &mut sections.last_mut().expect(line).steps;
        if let Some(text) = line.strip_prefix("< ") {
            stdin = text.replace("\\n", "\n");
        } else if let Some(capture) = line.strip_prefix("= ") {
            let (name, place) = capture.split_once(' ').expect(line);
            steps.last_mut().expect(line).captures.push((name.to_owned(), place.to_owned()));
        } else {
            let stdin = std::mem::take(&mut stdin);
            steps.push(Step { line: line.to_owned(), stdin, captures: Vec::new() });
        }
    }
    sections
}

/// Each difference, with the command that it is about.
fn compared(section: &Section, theirs: &Side<'_>, ours: &Side<'_>) -> Vec<(String, String)> {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut names = [BTreeMap::new(), BTreeMap::new()];
    let mut found = Vec::new();
    for step in &section.steps {
        let mut run = |side: &Side<'_>, at: usize| -> Run {
            let ran = side.run(step, homes[at].path(), &names[at]);
            for (name, place) in &step.captures {
                let printed: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
                let text = place.split('.').fold(&printed, |value, key| &value[key]).as_str();
                // What is missing shows as a difference of this command, and of those that use it.
                names[at].insert(name.clone(), text.unwrap_or("missing").to_owned());
            }
            ran
        };
        let (a, b) = (run(theirs, 0), run(ours, 1));
        let name = format!("{}: {}", section.name, step.line);
        let mut note = |what: String| found.push((name.clone(), what));
        if a.code != b.code {
            let code = |run: &Run| run.code.map_or("none".to_owned(), |code| code.to_string());
            note(format!("exit: {} -> {}", code(&a), code(&b)));
        }
        let json = |run: &Run| serde_json::from_str::<Value>(&run.stdout).ok();
        match (json(&a), json(&b)) {
            (Some(a), Some(b)) => {
                let mut differences = Vec::new();
                shapes("", &a, &b, &mut differences);
                differences.into_iter().for_each(note);
            }
            (None, None) => {
                // A table, a field, or nothing.
                let blank = |run: &Run| run.stdout.trim().is_empty();
                if blank(&a) != blank(&b) {
                    let word = |run: &Run| if blank(run) { "nothing" } else { "something" };
                    note(format!("output: {} -> {}", word(&a), word(&b)));
                }
            }
            (a, _) => note(format!("JSON: only {}", if a.is_some() { "there" } else { "here" })),
        }
    }
    found
}

impl Side<'_> {
    fn run(&self, step: &Step, home: &Path, names: &BTreeMap<String, String>) -> Run {
        let mut filled = step.line.clone();
        for (name, text) in names {
            filled = filled.replace(&format!("${{{name}}}"), text);
        }
        let (token, words) = match filled.strip_prefix('@') {
            Some(rest) => rest.split_once(' ').expect("a command after the token"),
            None => (self.root_token, filled.as_str()),
        };
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(step.stdin.as_bytes()).unwrap();
        stdin.rewind().unwrap();
        let mut command = Command::new(venv("bao-server"));
        command.args(words.split_whitespace()).current_dir(home).stdin(stdin).env_clear();
        command.env("HOME", home).env("BAO_ADDR", self.address).env("BAO_MAX_RETRIES", "0");
        if token != "none" {
            command.env("BAO_TOKEN", token);
        }
        if let Some(authority) = self.authority {
            command.env("BAO_CACERT", authority);
        }
        finish(&mut command)
    }
}

/// Kinds of values and names of fields; of a list the kind of its first element.
fn shapes(at: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                match b.get(key) {
                    Some(other) => shapes(&below(key), value, other, found),
                    None => found.push(format!("{}: only there", below(key))),
                }
            }
            for key in b.keys().filter(|key| !a.contains_key(*key)) {
                found.push(format!("{}: only here", below(key)));
            }
        }
        (Value::Array(a), Value::Array(b)) => match (a.first(), b.first()) {
            (Some(a), Some(b)) => shapes(&below("0"), a, b, found),
            (None, None) => {}
            (a, _) => {
                let where_it_is = if a.is_some() { "there" } else { "here" };
                found.push(format!("{}: only {where_it_is}", below("0")));
            }
        },
        _ if kind(a) == kind(b) => {}
        _ => found.push(format!("{at}: {} -> {}", kind(a), kind(b))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
