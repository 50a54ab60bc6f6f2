//! The exchanges to compare, read from `tests/golden/dialect-exchanges.txt`; its head explains it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Response, exchange};

/// One request and what to remember of its answer.
#[derive(Debug, Default)]
pub struct Step {
    pub section: String,
    /// The line as written: its name in reports.
    pub line: String,
    token: String,
    method: String,
    path: String,
    body: Option<String>,
    headers: Vec<(String, String)>,
    /// Name and where in the answer its value stands.
    captures: Vec<(String, String)>,
}

/// A server, and what it answered so far.
pub struct Side {
    address: String,
    names: BTreeMap<String, String>,
}

pub fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut section, mut headers) = (String::new(), Vec::new());
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            section = name.to_owned();
        } else if let Some(header) = line.strip_prefix("+ ") {
            let (name, value) = header.split_once(':').expect(line);
            headers.push((name.to_owned(), value.trim().to_owned()));
        } else if let Some(capture) = line.strip_prefix("= ") {
            let (name, at) = capture.split_once(' ').expect(line);
            let step = steps.last_mut().expect(line);
            step.captures.push((name.to_owned(), at.to_owned()));
        } else {
            steps.push(Step { section: section.clone(), headers, ..step(line) });
            headers = Vec::new();
        }
    }
    steps
}

fn step(line: &str) -> Step {
    let (token, rest) = match line.strip_prefix('@') {
        Some(rest) => rest.split_once(' ').expect(line),
        None => ("${root}", line),
    };
    let token = if token == "none" { "" } else { token };
    let (method, rest) = rest.split_once(' ').expect(line);
    let (path, body) = match rest.split_once(' ') {
        Some((path, body)) => (path, Some(body.to_owned())),
        None => (rest, None),
    };
    Step {
        line: line.to_owned(),
        token: token.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        body,
        ..Step::default()
    }
}

impl Side {
    pub fn new(address: &str, root_token: &str) -> Self {
        let names = BTreeMap::from([("root".to_owned(), root_token.to_owned())]);
        Self { address: address.to_owned(), names }
    }

    pub fn perform(&mut self, step: &Step) -> std::io::Result<Response> {
        let path = self.filled(&step.path);
        let target = if path.starts_with('/') { path } else { format!("/v1/{path}") };
        let token = self.filled(&step.token);
        let body = step.body.as_deref().map(|body| self.filled(body));
        let mut headers: Vec<(String, String)> = Vec::new();
        if !token.is_empty() {
            headers.push(("X-Vault-Token".into(), token));
        }
        let typed = step.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !typed {
            let patch = step.method == "PATCH";
            let kind = if patch { "application/merge-patch+json" } else { "application/json" };
            headers.push(("Content-Type".into(), kind.into()));
        }
        let given = step.headers.iter().map(|(name, value)| (name.clone(), self.filled(value)));
        headers.extend(given.filter(|(_, value)| !value.is_empty()));
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = exchange(&self.address, &step.method, &target, &headers, body.as_deref())?;
        for (name, at) in &step.captures {
            let value = match at.strip_prefix("header.") {
                Some(header) => answer.header(header).map(str::to_owned),
                None => captured(&answer.body, at),
            };
            // What is missing shows as a difference of this step, and of those that use it.
            self.names.insert(name.clone(), value.unwrap_or_else(|| format!("no-{name}")));
        }
        Ok(answer)
    }

    /// `${name}` becomes what was captured, `${x*9}` nine times `x`.
    fn filled(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').expect(text);
            out.push_str(before);
            match name.split_once('*') {
                Some((unit, times)) => out.push_str(&unit.repeat(times.parse().expect(text))),
                None => out.push_str(self.names.get(name).unwrap_or_else(|| panic!("{text}"))),
            }
            rest = after;
        }
        out + rest
    }

    /// The text with captured values replaced by their names: those differ between servers.
    pub fn named(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, value) in self.names.iter().filter(|(_, value)| value.len() > 8) {
            out = out.replace(value, &format!("<{name}>"));
        }
        out
    }
}

fn captured(body: &str, at: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    let found = at.split('.').try_fold(&value, |value, key| match key.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(key),
    })?;
    found.as_str().map(str::to_owned)
}
